//! `cutline replay`: runs again what a failing run has left, and compares.

use std::path::Path;
use std::sync::Arc;

use cutline::scenarios::capsule::{Capsule, CapsuleResult, FileSeal};
use cutline::scenarios::record::{Class, RunRecord};
use serde::Serialize;

use crate::arguments::ReplayArguments;
use crate::execute::{Order, Watchers, announce_plan, announce_seed, execute, exit_code};
use crate::failure::Failure;
use crate::savepoints::Origin;
use crate::screen::Screen;
use crate::setup::Setup;
use crate::trace::Trace;
use crate::{capsules, files, registry, run, step};

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Replayed<'a> {
    /// True if the run is the same again.
    same: bool,
    /// What is different, a line each.
    differences: &'a [String],
    /// The run.
    record: &'a RunRecord,
}

/// A run of a capsule, ready to be done again.
pub struct Again {
    /// The scenario.
    pub setup: Setup,
    /// What to run.
    pub order: Order,
    /// What it gave.
    pub result: CapsuleResult,
}

impl Again {
    /// Reads what the capsule does not hold, where that is now. The path is that of the capsule, for errors.
    pub fn open(
        capsule: Capsule,
        path: &Path,
        (input, savepoint): (Option<&Path>, Option<&Path>),
    ) -> Result<Again, Failure> {
        let contender = registry::strategy(&capsule.strategy)?;
        let input = input.or(capsule.input.as_deref().map(Path::new));
        let setup = set_up(&capsule, input, savepoint)?;
        let plan = Arc::new(capsule.plan);
        plan.check(setup.prepared.topology()).map_err(|error| {
            Failure::new(format!("`{}`: {error}", path.display()))
                .with_help("replay the capsule as the failing run has left it")
        })?;
        let Capsule { faults, seed, options, result, .. } = capsule;
        Ok(Again { setup, order: Order { contender, faults, plan, seed, options }, result })
    }

    /// The same, after telling the seed and before telling the faults; and whether the capsule was written by another build.
    pub fn announce(arguments: &ReplayArguments, screen: &mut Screen) -> Result<(Again, bool), Failure> {
        let capsule = capsules::read(&arguments.capsule)?;
        announce_seed(screen, capsule.seed)?;
        let commit = note_commit(screen, &capsule)?;
        let moved = (arguments.input.as_deref(), arguments.from_savepoint.as_deref());
        let again = Again::open(capsule, &arguments.capsule, moved)?;
        announce_plan(screen, &again.setup, &again.order.faults, &again.order.plan)?;
        Ok((again, commit))
    }
}

/// Replays.
pub fn replay(arguments: &ReplayArguments, screen: &mut Screen) -> Result<u8, Failure> {
    if arguments.step {
        return step::step(arguments, screen);
    }
    screen.set_json(arguments.json);
    let reads =
        [Some(arguments.capsule.as_path()), arguments.input.as_deref(), arguments.from_savepoint.as_deref()];
    let [perfetto, shiviz] = arguments.viewers.files();
    let outputs = [arguments.trace.as_deref(), perfetto, shiviz];
    files::check_apart(&outputs, &reads)?;
    let (Again { setup, order, result }, commit) = Again::announce(arguments, screen)?;
    files::check_apart(&outputs, &setup.reads())?;
    let (contender, seed) = (order.contender, order.seed);
    let begin =
        |path: &Path| Trace::create(path, &setup.prepared, (contender, seed), arguments.trace_records);
    let mut trace = arguments.trace.as_deref().map(begin).transpose()?;
    let mut viewers = arguments.viewers.begin(&setup, contender.name, seed)?;
    let watchers = Watchers { trace: trace.as_mut(), viewers: viewers.as_mut(), course: !screen.is_json() };
    let finished = execute(&setup, &order, watchers);

    let differences = result.differences(&finished.record);
    if screen.is_json() {
        let same = differences.is_empty();
        screen.json(&Replayed { same, differences: &differences, record: &finished.record })?;
    } else {
        run::show(screen, &setup, &finished)?;
    }
    tell(screen, &differences, commit)?;
    let traced = trace.map_or(Ok(()), |trace| trace.finish(&finished.record, finished.tear));
    viewers.map_or(Ok(()), |viewers| viewers.finish(screen)).and(traced)?;
    let class = if differences.is_empty() { finished.record.class() } else { Class::NonDeterminism };
    Ok(exit_code(class))
}

/// The run of a capsule as it was set up, where its files are now.
pub fn set_up(capsule: &Capsule, input: Option<&Path>, savepoint: Option<&Path>) -> Result<Setup, Failure> {
    let origin = origin(savepoint, capsule)?;
    let setup = Setup::new(capsule.scenario.source(), &capsule.scenario.overrides, input, capsule.seed);
    let setup = setup.map_err(|failure| match capsule.files.is_empty() {
        true => failure,
        false => failure.with_help("if the input file has moved, name it with `--input FILE`"),
    })?;
    // Before the savepoint, which would only say that it does not go with another input.
    check_files(&capsule.files, &FileSeal::of(&setup.texts))?;
    setup.start_from(origin, capsule.seed)
}

/// The savepoint that the run started from, where it is now.
pub fn origin<'a>(moved: Option<&'a Path>, capsule: &'a Capsule) -> Result<Option<Origin<'a>>, Failure> {
    let Some(savepoint) = &capsule.savepoint else {
        return match moved {
            Some(_) => Err(Failure::new("the capsule's run did not start from a savepoint")
                .with_help("leave out `--from-savepoint`")),
            None => Ok(None),
        };
    };
    let path = moved.unwrap_or(Path::new(&savepoint.file.path));
    let allow_non_restored_state = savepoint.allow_non_restored_state;
    Ok(Some(Origin { path, allow_non_restored_state, was: Some(&savepoint.file) }))
}

/// Says whether it was the same run.
fn tell(screen: &mut Screen, differences: &[String], other_commit: bool) -> Result<(), Failure> {
    if differences.is_empty() {
        return screen.say("\nthe same run again: every verdict and the digest are those of the capsule\n");
    }
    let lines: String = differences.iter().map(|line| format!("  {line}\n")).collect();
    let reason = if other_commit {
        "The program was built from another commit, which is the likely reason."
    } else {
        "It is the same program and the same input: this is non-determinism."
    };
    screen.say(&format!("\nnot the run of the capsule:\n{lines}{reason}\n"))
}

/// Says so if the capsule was written by another build. True if it was.
pub fn note_commit(screen: &mut Screen, capsule: &Capsule) -> Result<bool, Failure> {
    let (wrote, reads) = (&capsule.program, capsules::program());
    let other = wrote.commit != reads.commit;
    if other {
        screen.say(&format!(
            "note: the capsule was written by cutline {wrote}, and this is cutline {reads}\n"
        ))?;
    }
    Ok(other)
}

/// Refuses inputs that are not those of the capsule.
fn check_files(were: &[FileSeal], are: &[FileSeal]) -> Result<(), Failure> {
    if were.len() != are.len() {
        let message = format!("the capsule's run read {} files, and now there are {}", were.len(), are.len());
        return Err(Failure::new(message));
    }
    let changed = were.iter().zip(are).find(|(was, is)| !was.is_same(is));
    let Some((was, is)) = changed else { return Ok(()) };
    let message = format!(
        "the input `{}` is not the one of the capsule: it had {} bytes and the digest {}, and has {} bytes and the digest {}",
        is.path, was.bytes, was.digest, is.bytes, is.digest
    );
    Err(Failure::new(message).with_help("put the old file back, or name a copy of it with `--input FILE`"))
}
