//! `cutline report`: the page of a sweep.

mod failures;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use cutline::reports::extremes::Extremes;
use cutline::reports::page::sweep::{SweepPage, page};
use cutline::reports::sweep_summary;
use cutline::scenarios::sweep::failure::Failure as FailedRun;
use cutline::scenarios::sweep::partition::Partition;
use cutline::scenarios::sweep::row::SeenRow;
use cutline::scenarios::sweep::tally::Tally;
use serde::Deserialize;

use crate::capsules::{self, quoted};
use crate::failure::Failure;
use crate::files::{self, Output};
use crate::registry;
use crate::screen::Screen;
use crate::sweep::folder::reading::{self, Reads};
use crate::sweep::{End, SUMMARY, folder, plan};
use failures::Groups;

/// The page, unless another name is given.
const PAGE: &str = "report.html";

/// `cutline report`
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The folder of a sweep, done or not, such as `cutline-out/sweeps/latest`
    #[arg(value_name = "SWEEP_DIR")]
    pub sweep: PathBuf,
    /// Write the page into this file; by default `report.html` in the folder of the sweep
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What a folder comes to.
#[derive(Default)]
struct Sums {
    tally: Tally,
    extremes: Extremes,
    groups: Groups,
}

impl Reads for Sums {
    fn run(&mut self, row: SeenRow) {
        self.tally.add(&row);
        self.extremes.add(&row.row);
        self.groups.run(&row.row);
    }

    fn failure(&mut self, failure: FailedRun) {
        self.groups.failure(failure);
    }
}

/// What the summary says of how a sweep ended.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ended {
    end: End,
    asked: u64,
}

/// Writes the page.
pub fn report(arguments: &ReportArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let path = folder::find(&arguments.sweep);
    let manifest = folder::manifest(&path)?;
    let out = arguments.out.clone().unwrap_or_else(|| path.join(PAGE));
    let reads = [folder::MANIFEST, folder::ROWS, folder::FAILURES, SUMMARY].map(|name| path.join(name));
    files::check_apart(&[Some(&out)], &reads.each_ref().map(|path| Some(path.as_path())))?;
    let output = Output::create(&out)?;
    let mut sums = Sums::default();
    let is_whole = reading::read(&path, &mut sums)?;
    let ended = ended(&path)?;
    let asked = match &ended {
        Some(ended) => Some(ended.asked),
        // What it read may be gone: then nobody knows.
        None => {
            let sweep = manifest.asked.clone().sweep(&registry::contender).ok();
            sweep.map(|sweep| sweep.runs_of(manifest.partition))
        }
    };
    let was_complete = ended.as_ref().is_some_and(|ended| ended.end == End::Complete);
    let has_all = asked.is_none_or(|asked| sums.tally.total().runs >= asked);
    let end = match (&ended, is_whole) {
        (Some(_), true) if was_complete && !has_all => "damaged: it was complete, and rows of it are gone",
        (Some(ended), true) => ended.end.text(),
        (None, true) => "stopped before its summary was written",
        (_, false) => "unfinished: it was killed, or it is still running",
    };
    let part = match manifest.partition {
        Partition::WHOLE => String::new(),
        part => format!("part {part} of a sweep, "),
    };
    let shown = path.display().to_string();
    let is_complete = is_whole && was_complete && has_all;
    let to_go_on = (!is_complete).then(|| format!("cutline sweep --resume {}", quoted(&shown)));
    let (groups, groups_left_out) = sums.groups.shown(&path, screen)?;
    let html = page(&SweepPage {
        folder: &format!("{part}{shown}"),
        seeds: &manifest.asked.seeds.to_string(),
        end,
        to_go_on: to_go_on.as_deref(),
        asked,
        command: &plan::sweep_command(&manifest),
        swept_by: &manifest.program.to_string(),
        version: &capsules::program().to_string(),
        tally: &sums.tally,
        extremes: &sums.extremes,
        groups: &groups,
        groups_left_out,
    });
    output.complete(&html)?;
    screen.say(&format!(
        "{}{end}\nthe page is {}: open it in a browser\n",
        sweep_summary::total(&sums.tally.total()),
        out.display()
    ))?;
    Ok(0)
}

/// Reads the summary; nothing if there is none.
fn ended(path: &Path) -> Result<Option<Ended>, Failure> {
    let file = path.join(SUMMARY);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::new(format!("cannot read `{}`: {error}", file.display()))),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Failure::new(format!("`{}` is damaged: {error}", file.display()))
            .with_help("`cutline sweep --resume` writes it again")
    })
}
