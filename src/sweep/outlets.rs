//! Where a sweep says what it gave, beside the screen and its folder: a JUnit file, and GitHub Actions if it runs there.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use cutline::reports::{github, junit};
use cutline::scenarios::sweep::tally::Covered;

use super::arguments::Wishes;
use super::folder::Left;
use crate::failure::Failure;
use crate::files::{Output, check_apart};
use crate::screen::Screen;

/// The places. They are opened before the sweep begins, for who waits for hours wants to know what cannot be written.
pub struct Outlets {
    junit: Option<Output>,
    github: Option<GitHub>,
}

/// A step of GitHub Actions.
struct GitHub {
    /// The file to which the summary of the job is added.
    summary: Option<File>,
}

impl Outlets {
    /// Opens them; the files are read by the sweep, and must not be overwritten.
    pub fn open(wishes: &Wishes, reads: &[Option<&Path>], screen: &mut Screen) -> Result<Outlets, Failure> {
        check_apart(&[wishes.junit.as_deref()], reads)?;
        let junit = wishes.junit.as_deref().map(Output::create).transpose()?;
        // https://docs.github.com/en/actions/reference/workflows-and-actions/variables: `true` there, and only there.
        let there = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let github = if there { Some(GitHub::open(screen)?) } else { None };
        Ok(Outlets { junit, github })
    }

    /// Says what the sweep gave: what it is, what is left of it, and which situations had to be met.
    pub fn close(
        self,
        title: &str,
        left: &Left,
        required: &[Covered],
        screen: &mut Screen,
    ) -> Result<(), Failure> {
        if let Some(output) = self.junit {
            let text = junit::junit(&left.tally, &left.first.of_cell, required);
            let text = text.map_err(|error| Failure::new(format!("cannot write XML: {error}")))?;
            output.complete(&text)?;
        }
        if let Some(github) = self.github {
            github.close(title, left, required, screen)?;
        }
        Ok(())
    }
}

impl GitHub {
    /// Opens the summary. Nobody has asked for it, so a sweep does without if it cannot be written.
    fn open(screen: &mut Screen) -> Result<GitHub, Failure> {
        let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
            return Ok(GitHub { summary: None });
        };
        match OpenOptions::new().append(true).create(true).open(&path) {
            Ok(file) => Ok(GitHub { summary: Some(file) }),
            Err(error) => {
                let path = Path::new(&path).display();
                screen.note(&format!(
                    "no summary of the job: cannot write `{path}`, which GITHUB_STEP_SUMMARY names: {error}\n"
                ))?;
                Ok(GitHub { summary: None })
            }
        }
    }

    fn close(
        self,
        title: &str,
        left: &Left,
        required: &[Covered],
        screen: &mut Screen,
    ) -> Result<(), Failure> {
        // The runner reads commands from both streams, so they may go to stderr where stdout is for JSON.
        screen.say(&github::annotations(&left.first.of_kind))?;
        let Some(mut file) = self.summary else { return Ok(()) };
        let unmet: Vec<Covered> = required.iter().filter(|covered| covered.runs == 0).cloned().collect();
        let text = github::job_summary(title, &left.tally, &left.first.of_kind, &unmet);
        match file.write_all(text.as_bytes()) {
            Ok(()) => Ok(()),
            Err(error) => screen.note(&format!("no summary of the job: {error}\n")),
        }
    }
}
