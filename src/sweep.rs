//! `cutline sweep`: many runs, on all cores, each kept as a row.

pub mod arguments;
mod environment;
pub mod folder;
pub mod merge;
mod outlets;
pub mod plan;
mod progress;
pub mod shrunk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cutline::reports::sweep_summary;
use cutline::scenarios::capsule::{Capsule, CapsuleResult, CapsuleScenario, FileSeal};
use cutline::scenarios::sweep::failure::Failure as FailedRun;
use cutline::scenarios::sweep::manifest::Manifest;
use cutline::scenarios::sweep::partition::Partition;
use cutline::scenarios::sweep::tally::{CellCounts, Counts, Covered, OracleCounts};
use cutline::scenarios::sweep::{Control, Failed, Sweep, work};
use serde::{Deserialize, Serialize};

use crate::capsules;
use crate::execute::exit_code;
use crate::failure::Failure;
use crate::files::Output;
use crate::interrupts::{self, INTERRUPTED};
use crate::registry;
use crate::screen::{Screen, paint};
use arguments::{SweepArguments, Wishes};
use folder::{Folder, Left};
use outlets::Outlets;
use progress::Progress;
use shrunk::ShrunkRun;

/// The summary's name.
pub const SUMMARY: &str = "summary.json";

/// Why a sweep came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All runs are done.
    Complete,
    /// As many have failed as were allowed to.
    MaxFailures,
    /// The time was over.
    TimeBudget,
    /// Ctrl-C.
    Interrupted,
}

impl End {
    /// What it is, for people.
    pub fn text(self) -> &'static str {
        match self {
            End::Complete => "complete",
            End::MaxFailures => "stopped: as many runs have failed as --max-failures allows",
            End::TimeBudget => "stopped: the time of --time-budget is over",
            End::Interrupted => "interrupted",
        }
    }
}

/// What a sweep gave, for machines.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary<'a> {
    folder: String,
    end: End,
    /// How many runs this sweep, or this part of it, has.
    asked: u64,
    total: Counts,
    cells: Vec<CellCounts>,
    oracles: Vec<OracleCounts>,
    coverage: Vec<Covered>,
    /// The first failure of each kind.
    failures: &'a [FailedRun],
    /// The first failures of each kind that were shrunk.
    shrunk: &'a [ShrunkRun],
}

/// Sweeps.
pub fn sweep(arguments: &SweepArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.wishes.json);
    let outlets = Outlets::open(&arguments.wishes, &arguments.files(), screen)?;
    let (manifest, sweep, folder) = match &arguments.resume {
        Some(path) => resume(path)?,
        None => begin(arguments)?,
    };
    for (at, subject) in sweep.subjects().iter().enumerate() {
        let left_out = sweep.left_out(at);
        if !left_out.is_empty() {
            let names = left_out.join(", ");
            screen.say(&format!("{}: without {names}, for the job has a cycle\n", subject.asked))?;
        }
    }
    let asked = sweep.runs_of(manifest.partition);
    let (path, before) = (folder.path().to_owned(), folder.done().count());
    let part = if manifest.partition.of() > 1 {
        format!("part {} of a sweep, ", manifest.partition)
    } else {
        String::new()
    };
    screen.say(&format!(
        "{part}{asked} runs, seeds {}, {before} done before: {}\n",
        manifest.asked.seeds,
        path.display()
    ))?;

    let (left, end, took, interrupted) = go(arguments, screen, (&manifest, &sweep, folder, asked))?;
    let stop = || interrupted.load(Ordering::Relaxed);
    let shrunk = match arguments.no_shrink {
        true => Vec::new(),
        false => shrunk::shrink(&path, &left.first.of_kind, &stop, screen)?,
    };
    finish(screen, (&path, &left, end, asked), &took, &shrunk)?;
    // If a part added failures, the next one might run them and be a part of another sweep.
    let whole = manifest.partition == Partition::WHOLE;
    if whole && !arguments.no_regressions && arguments.resume.is_none() {
        plan::remember(&arguments.regressions, &manifest, &left.first.of_kind, screen)?;
    }
    judge(screen, &arguments.wishes, (&manifest, &left, end), outlets)
}

/// The exit code, after what is asked of the result; and the result, told where it is asked for.
fn judge(
    screen: &mut Screen,
    wishes: &Wishes,
    (manifest, left, end): (&Manifest, &Left, End),
    outlets: Outlets,
) -> Result<u8, Failure> {
    let required = required(wishes, left.tally.coverage());
    let unmet: Vec<&str> =
        required.iter().filter(|it| it.runs == 0).map(|it| it.situation.as_str()).collect();
    if !unmet.is_empty() {
        screen.say(&format!("\n--require-coverage: no run met {}\n", unmet.join(", ")))?;
    }
    let part = match manifest.partition {
        Partition::WHOLE => String::new(),
        part => format!(", part {part}"),
    };
    let title = format!("cutline sweep{part}, seeds {}: {}", manifest.asked.seeds, end.text());
    outlets.close(&title, left, &required, screen)?;
    Ok(match left.tally.total().class() {
        class if exit_code(class) > 0 => exit_code(class),
        _ if end == End::Interrupted => INTERRUPTED,
        _ => u8::from(!unmet.is_empty()),
    })
}

/// A new sweep.
fn begin(arguments: &SweepArguments) -> Result<(Manifest, Sweep, Folder), Failure> {
    let mut manifest = plan::manifest(arguments)?;
    let sweep = manifest.asked.sweep(&registry::contender)?;
    let identity = manifest.asked.identity();
    let identity = identity.map_err(|error| Failure::new(format!("cannot name the sweep: {error}")))?;
    let path = plan::new_folder(&arguments.out, &identity)?;
    let folder = Folder::create(&path, &manifest)?;
    plan::point_at(&arguments.out, &path);
    Ok((manifest, sweep, folder))
}

/// A sweep that was begun.
fn resume(path: &Path) -> Result<(Manifest, Sweep, Folder), Failure> {
    let path = folder::find(path);
    let mut manifest = folder::manifest(&path)?;
    let (wrote, reads) = (&manifest.program, capsules::program());
    if *wrote != reads {
        let message =
            format!("`{}` was swept by cutline {wrote}, and this is cutline {reads}", path.display());
        return Err(Failure::new(message)
            .with_help("go on with the program that began it: another one may run differently"));
    }
    let files = manifest.asked.files.clone();
    let sweep = manifest.asked.sweep(&registry::contender)?;
    let changed = manifest.asked.files.iter().zip(&files).find(|(is, was)| !is.is_same(was));
    if let Some((file, _)) = changed {
        let message = format!("`{}` is not what it was when the sweep began", file.path);
        return Err(Failure::new(message).with_help("put the former file back, or sweep anew"));
    }
    let folder = Folder::open(&path)?;
    Ok((manifest, sweep, folder))
}

/// Does what is not done yet.
fn go(
    arguments: &SweepArguments,
    screen: &mut Screen,
    (manifest, sweep, mut folder, asked): (&Manifest, &Sweep, Folder, u64),
) -> Result<(Left, End, String, Arc<AtomicBool>), Failure> {
    let control = Arc::new(Control::default());
    let stopped = Arc::clone(&control);
    let interrupted = interrupts::catch(move || stopped.stop());
    let jobs = arguments.jobs.map_or_else(cores, usize::from);
    let done = folder.done().clone();
    let mut progress = Progress::new(asked, done.count());
    let (began, mut counts, mut problem, mut end) = (Instant::now(), Counts::default(), None, End::Complete);
    let mut failed = BTreeSet::new();
    let mut last = u64::MAX;
    if let Some(most) = arguments.max_failures {
        failed = folder.failed();
        last = end_of(&failed, most, &control);
    }
    let worked = work(sweep, manifest.partition, jobs, &control, &|run| !done.has(run), |done| {
        if problem.is_some() {
            return;
        }
        counts.add(&done.row);
        let kept = match &done.failure {
            None => folder.keep(&done.row, None),
            Some(failure) => {
                let subject = &sweep.subjects()[failure.subject];
                let command = plan::command(manifest, subject, &done.row.row);
                let line = FailedRun::new(&done.row.row, &subject.overrides, command, &failure.record);
                let keep = |folder: &Path| capsules::keep(folder, &capsule(manifest, sweep, failure));
                failed.insert(done.row.row.run);
                folder.keep(&done.row, Some((line, &keep)))
            }
        };
        if let Some(most) = arguments.max_failures {
            last = end_of(&failed, most, &control);
        }
        if arguments.time_budget.is_some_and(|budget| began.elapsed() >= budget) && end == End::Complete {
            end = End::TimeBudget;
            control.stop();
        }
        problem = kept.and_then(|()| progress.show(&counts, screen)).err();
        if problem.is_some() {
            control.stop();
        }
    });
    let took = progress.took(counts.runs);
    drop(progress);
    if let Some(problem) = problem {
        return Err(problem);
    }
    let all = folder.done().count() >= asked;
    let end = match end {
        _ if interrupted.load(Ordering::Relaxed) && !all => End::Interrupted,
        _ if last < u64::MAX => End::MaxFailures,
        _ if all => End::Complete,
        end => end,
    };
    let left = folder.finish(last)?;
    worked?;
    Ok((left, end, took, interrupted))
}

/// The last run that counts if so many may fail.
fn end_of(failed: &BTreeSet<u64>, most: u64, control: &Control) -> u64 {
    let last = usize::try_from(most - 1).ok().and_then(|at| failed.iter().nth(at)).copied();
    if let Some(last) = last {
        control.end_at(last);
    }
    last.unwrap_or(u64::MAX)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// All that is needed to do a run of a sweep again.
fn capsule(manifest: &Manifest, sweep: &Sweep, failed: &Failed) -> Capsule {
    let (subject, record) = (&sweep.subjects()[failed.subject], &failed.record);
    let whole =
        |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
    Capsule {
        program: manifest.program.clone(),
        scenario: CapsuleScenario {
            name: record.scenario.clone(),
            file: subject.source.file.clone(),
            folder: subject.source.folder.as_ref().map(|folder| folder.display().to_string()),
            text: subject.source.text.clone(),
            overrides: subject.overrides.clone(),
        },
        input: manifest.asked.input.as_ref().filter(|_| subject.reads_text()).map(whole),
        files: FileSeal::of(&subject.texts),
        savepoint: None,
        strategy: record.strategy.clone(),
        faults: record.faults.clone(),
        plan: (*failed.plan).clone(),
        seed: record.seed,
        options: sweep.options(),
        result: CapsuleResult::of(record),
    }
}

/// Says what the sweep gave, and keeps that beside the rows.
fn finish(
    screen: &mut Screen,
    (path, left, end, asked): (&Path, &Left, End, u64),
    took: &str,
    shrunk: &[ShrunkRun],
) -> Result<(), Failure> {
    let (total, coverage) = (left.tally.total(), left.tally.coverage());
    let summary = Summary {
        folder: path.display().to_string(),
        end,
        asked,
        total,
        cells: left.tally.cells(),
        oracles: left.tally.oracles(),
        coverage: coverage.clone(),
        failures: &left.first.of_kind,
        shrunk,
    };
    let text = serde_json::to_string_pretty(&summary);
    let text = text.map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    Output::write_whole(&path.join(SUMMARY), &(text + "\n"))?;
    if screen.is_json() {
        return screen.json(&summary);
    }
    let shown = paint(&sweep_summary::summary(&left.tally), |_| true);
    let failures = paint(&sweep_summary::failures(&left.first.of_kind), |line| line.contains("FAIL"));
    let oracles = sweep_summary::oracles(&summary.oracles);
    screen.say(&format!("\n{shown}\n{oracles}\n{}{failures}\n", sweep_summary::coverage(&coverage)))?;
    if !shrunk.is_empty() {
        let lines: String = shrunk.iter().map(|it| format!("  run {}: {}\n", it.run, it.capsule)).collect();
        screen.say(&format!(
            "the same failures in smaller runs, each with its scenario and a test:\n{lines}\n"
        ))?;
    }
    screen.say(&format!("{}{}, {took}{}\n", sweep_summary::total(&total), end.text(), path.display()))?;
    if end != End::Complete {
        screen.say(&format!(
            "to go on: cutline sweep --resume {}\n",
            capsules::quoted(&path.display().to_string())
        ))?;
    }
    Ok(())
}

/// The situations that had to be met.
fn required(wishes: &Wishes, coverage: Vec<Covered>) -> Vec<Covered> {
    let Some(asked) = &wishes.require_coverage else { return Vec::new() };
    let is = |name: &String| asked.iter().any(|asked| asked == name || asked == "all");
    coverage.into_iter().filter(|covered| is(&covered.situation)).collect()
}
