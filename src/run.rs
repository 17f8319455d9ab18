//! `cutline run`: one scenario, one strategy, one seed, all oracles.

use std::path::Path;
use std::sync::Arc;

use cutline::reports;
use cutline::scenarios::capsule::CapsuleOptions;
use cutline::scenarios::record::{Class, RunRecord};
use cutline::scenarios::{faults, library_files};
use cutline::sim::faults::FaultPlan;
use owo_colors::OwoColorize;

use crate::arguments::{RunArguments, Subject};
use crate::execute::{Finished, Order, Watchers, announce_plan, announce_seed, execute, exit_code};
use crate::failure::Failure;
use crate::files::Output;
use crate::registry::Choice;
use crate::screen::{Screen, paint};
use crate::setup::Setup;
use crate::trace::Trace;
use crate::{capsules, files, registry, savepoints};

/// How many of the most frequent words are shown.
const FREQUENT: usize = 10;

/// What every command that runs a scenario has before it runs.
pub struct Ready {
    /// The scenario.
    pub setup: Setup,
    /// The faults.
    pub plan: Arc<FaultPlan>,
    /// What the run does beyond running.
    pub options: CapsuleOptions,
}

/// Builds the scenario, sees what of the choice fits it, draws and prints the faults.
pub fn ready(
    subject: &Subject,
    seed: u64,
    choice: &mut Choice,
    screen: &mut Screen,
) -> Result<Ready, Failure> {
    let profile = faults::resolve(&subject.faults)?;
    let source = library_files::resolve(&subject.scenario)?;
    let setup = Setup::new(source, &subject.overrides(), subject.input.as_deref(), seed)?;
    let setup = setup.start_from(subject.origin(), seed)?;
    let prepared = &setup.prepared;
    choice.fit(prepared, screen)?;
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    announce_plan(screen, &setup, &subject.faults, &plan)?;
    Ok(Ready { setup, plan, options: subject.options() })
}

/// Runs.
pub fn run(arguments: &RunArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let subject = &arguments.subject;
    screen.set_json(subject.json);
    let seed = subject.seed.number();
    announce_seed(screen, seed)?;
    let outputs = [&arguments.savepoint, &arguments.counts, &arguments.trace, &subject.svg];
    let viewers = arguments.viewers.files();
    let outputs: Vec<Option<&Path>> = outputs.into_iter().map(Option::as_deref).chain(viewers).collect();
    files::check_apart(&outputs, &subject.files())?;
    let contender = registry::strategy(&arguments.strategy)?;
    let mut ready = ready(subject, seed, &mut contender.into(), screen)?;
    files::check_apart(&outputs, &ready.setup.reads())?;
    if arguments.savepoint.is_some() {
        savepoints::check_asked(&ready.setup)?;
        // What plain sinks write ahead of the savepoint would be in it. The run is the same.
        ready.options.lookahead = false;
    }
    // Begun before the run: a file that cannot be written is known before the wait.
    let savepoint = arguments.savepoint.as_deref().map(Output::create).transpose()?;
    let counts = arguments.counts.as_deref().map(Output::create).transpose()?;
    let svg = subject.svg.as_deref().map(Output::create).transpose()?;
    let prepared = &ready.setup.prepared;
    let begin = |path: &Path| Trace::create(path, prepared, (contender, seed), arguments.trace_records);
    let mut trace = arguments.trace.as_deref().map(begin).transpose()?;
    let mut viewers = arguments.viewers.begin(&ready.setup, contender.name, seed)?;
    let faults = subject.faults.clone();
    let order = Order { contender, faults, plan: ready.plan, seed, options: ready.options };
    let watchers = Watchers { trace: trace.as_mut(), viewers: viewers.as_mut(), course: !screen.is_json() };
    let finished = execute(&ready.setup, &order, watchers);

    show(screen, &ready.setup, &finished)?;
    // All that can be written is; the first that cannot be is told.
    let mut problems = Vec::new();
    let mut keep = |written: Result<(), Failure>| problems.extend(written.err());
    keep(trace.map_or(Ok(()), |trace| trace.finish(&finished.record, finished.tear)));
    keep(viewers.map_or(Ok(()), |viewers| viewers.finish(screen)));
    keep(savepoint.map_or(Ok(()), |output| savepoints::write(output, &finished)));
    keep(counts.map_or(Ok(()), |output| output.complete(&reports::counts_csv(&finished.counts))));
    keep(svg.map_or(Ok(()), |output| picture(output, std::slice::from_ref(&finished.record))));
    keep(leave_capsule(screen, subject, &ready.setup, &order, &finished.record));
    match problems.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(exit_code(finished.record.class())),
    }
}

/// Prints a run.
pub fn show(screen: &mut Screen, setup: &Setup, finished: &Finished) -> Result<(), Failure> {
    let record = &finished.record;
    if screen.is_json() {
        return screen.json(record);
    }
    let mut text = format!(
        "{}\n{}",
        reports::run_table::title(record),
        paint(&reports::run_table::verdicts(&record.verdicts), |_| true)
    );
    text.push_str(&reports::run_table::proofs(&record.verdicts));
    text.push_str(&format!("\n{}", reports::run_table::figures(record)));
    if !finished.counts.is_empty() {
        let title =
            if setup.reads_text { "most frequent words" } else { "largest final values, and their keys" };
        text.push_str(&format!("\n{title}\n{}", reports::frequent(&finished.counts, FREQUENT)));
    }
    if let Some(course) = &finished.course {
        let sparks = reports::sparks(record, course, screen.width());
        text.push_str(&format!("\n{}", coloured(&sparks)));
    }
    screen.say(&text)
}

/// Lines of time stand out.
fn coloured(sparks: &str) -> String {
    let is_bar = |c: char| ('\u{2581}'..='\u{2588}').contains(&c);
    let line = |line: &str| match (line.find(is_bar), line.rfind(is_bar)) {
        (Some(first), Some(last)) => {
            let (first, rest) = line.split_at(first);
            let (bars, last) = rest.split_at(last - first.len() + '\u{2588}'.len_utf8());
            format!("{first}{}{last}\n", bars.cyan())
        }
        _ => format!("{line}\n"),
    };
    sparks.lines().map(line).collect()
}

/// Draws runs into a file.
pub fn picture(output: Output, records: &[RunRecord]) -> Result<(), Failure> {
    let svg = reports::timeline(records);
    let svg =
        svg.map_err(|error| Failure::new(format!("cannot draw `{}`: {error}", output.path().display())))?;
    output.complete(&svg)
}

/// After a failing run: writes the capsule, and prints the command that replays it.
pub fn leave_capsule(
    screen: &mut Screen,
    subject: &Subject,
    setup: &Setup,
    order: &Order,
    record: &RunRecord,
) -> Result<(), Failure> {
    if record.class() == Class::Pass {
        return Ok(());
    }
    let overrides = subject.overrides();
    let given = (subject.input.as_deref(), overrides.as_slice());
    let path = capsules::save(&subject.capsule_dir, setup, given, order, record)?;
    screen.say(&format!("\nto replay:\n  {}\n", capsules::command(&path)))
}
