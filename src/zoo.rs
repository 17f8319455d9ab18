//! `cutline zoo`: every planted bug is hunted, and what it took becomes a row.

pub mod arguments;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cutline::reports;
use cutline::scenarios::hunts::{HUNTS, Hunt};
use cutline::scenarios::spec::ScenarioError;
use cutline::scenarios::zoo::{self, Asked, Exhibit, Wanting};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use arguments::ZooArguments;

use crate::failure::Failure;
use crate::interrupts::{self, INTERRUPTED};
use crate::screen::Screen;
use crate::shrink::Written;
use crate::{capsules, registry, threads};

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    /// False if Ctrl-C has ended it before all bugs were there.
    complete: bool,
    bugs: &'a [Exhibit],
    /// What is not planted.
    wanting: &'a [Wanting],
}

/// Hunts all bugs. The exit code is 1 if one is not caught within its budget, or an oracle objects to a correct strategy.
pub fn zoo(arguments: &ZooArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.json);
    let hunts = hunts(&arguments.only)?;
    let asked =
        Asked { starts: arguments.starts, explore: !arguments.no_explore, shrink: !arguments.no_shrink };
    let threads = threads::pool(arguments.jobs, "--jobs")?;
    let interrupted = interrupts::catch(|| {});
    let began = Instant::now();
    let mut all = threads.install(|| visit(&hunts, asked, &interrupted))?;
    let complete = all.len() == hunts.len();
    let took = format!("{} of {} bugs in {:.0} s\n", all.len(), hunts.len(), began.elapsed().as_secs_f64());
    if let Some(folder) = &arguments.out {
        write(folder, &mut all)?;
    }
    show(screen, arguments, &all, complete)?;
    screen.note(&took)?;
    Ok(match all.iter().all(|exhibit| exhibit.is_caught() && exhibit.is_clean()) {
        false => 1,
        true if complete => 0,
        true => INTERRUPTED,
    })
}

/// The hunts that are asked for, in the order of `cutline list bugs`.
fn hunts(only: &[String]) -> Result<Vec<&'static Hunt>, Failure> {
    only.iter().try_for_each(|name| registry::bug(name).map(drop))?;
    let is_asked = |hunt: &&Hunt| only.is_empty() || only.iter().any(|name| name == hunt.bug);
    Ok(HUNTS.iter().filter(is_asked).collect())
}

/// Finds out everything about all of them; without those that were not done when it was interrupted.
fn visit(
    hunts: &[&'static Hunt],
    asked: Asked,
    interrupted: &AtomicBool,
) -> Result<Vec<Exhibit>, ScenarioError> {
    let bar = ProgressBar::new(hunts.len() as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} bugs, {elapsed}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(120));
    let (program, stop) = (capsules::program(), || interrupted.load(Ordering::Relaxed));
    let visit = |hunt: &&'static Hunt| {
        if stop() {
            return Ok(None);
        }
        bar.set_message(hunt.bug);
        let exhibit = zoo::exhibit(hunt, asked, &program, &stop);
        bar.inc(1);
        exhibit
    };
    // One bug after the other to whoever is free: some take a hundred times as long as others.
    let all: Result<Vec<Option<Exhibit>>, ScenarioError> =
        hunts.par_iter().with_max_len(1).map(visit).collect();
    bar.finish_and_clear();
    Ok(all?.into_iter().flatten().collect())
}

/// Writes the smallest runs, each under the name of its bug.
fn write(folder: &Path, all: &mut [Exhibit]) -> Result<(), Failure> {
    for exhibit in all {
        if let Some(shrunk) = &mut exhibit.shrunk {
            Written::of(Path::new(exhibit.bug), Some(folder)).write(shrunk)?;
        }
    }
    Ok(())
}

fn show(
    screen: &mut Screen,
    arguments: &ZooArguments,
    all: &[Exhibit],
    complete: bool,
) -> Result<(), Failure> {
    let wanting = zoo::wanting();
    if arguments.json {
        return screen.json(&Told { complete, bugs: all, wanting: &wanting });
    }
    let troubles = reports::zoo::troubles(all);
    if arguments.markdown {
        screen.result(&reports::zoo::markdown(all, &wanting))?;
        return screen.note(&troubles);
    }
    let legend = reports::wrap(reports::zoo::LEGEND, "");
    let mut text = format!("{}\n{legend}\n{}", reports::zoo::exhibits(all), reports::zoo::oracles(all));
    if arguments.only.is_empty() && !wanting.is_empty() {
        text += &format!(
            "\nnot planted yet, each with what the model lacks for it:\n\n{}",
            reports::zoo::wanting(&wanting)
        );
    }
    if !troubles.is_empty() {
        text += &format!("\n{troubles}");
    }
    screen.result(&text)
}
