//! One run: with a sign of life, and with a trace if one is asked for.

use std::sync::Arc;

use cutline::scenarios::capsule::CapsuleOptions;
use cutline::scenarios::course::Course;
use cutline::scenarios::record::{Class, RunRecord};
use cutline::scenarios::run::{Contender, Options, Runner, Watcher};
use cutline::sim::event::Stamped;
use cutline::sim::faults::FaultPlan;
use cutline::sim::oracles::cut::Tear;
use cutline::sim::savepoint::Savepoint;
use cutline::sim::world::World;

use crate::failure::Failure;
use crate::screen::Screen;
use crate::setup::{Setup, Waiting};
use crate::trace::Trace;
use crate::viewers::Viewers;

/// What to run besides the scenario.
pub struct Order {
    /// The strategy, or the bug.
    pub contender: Contender,
    /// The name of the fault profile.
    pub faults: String,
    /// The faults.
    pub plan: Arc<FaultPlan>,
    /// The seed.
    pub seed: u64,
    /// What the run does beyond running.
    pub options: CapsuleOptions,
}

/// What a run gave.
pub struct Finished {
    /// The record.
    pub record: RunRecord,
    /// The final values of the last operator that has any, by the name of their key.
    pub counts: Vec<(String, i64)>,
    /// The savepoint that was taken, or the newest checkpoint that a cancelled job has left.
    pub savepoint: Option<Savepoint>,
    /// The course of the run, if it was asked for.
    pub course: Option<Course>,
    /// Where a cut was torn first, if one was.
    pub tear: Option<Tear>,
}

/// Who sees the events of a run.
#[derive(Default)]
pub struct Watchers<'a> {
    /// Writes them down.
    pub trace: Option<&'a mut Trace>,
    /// Keep them for other programs.
    pub viewers: Option<&'a mut Viewers>,
    /// True if the course of the run is to be taken down.
    pub course: bool,
}

/// Runs. If somebody watches no task runs ahead, so that the events come in the order of time; the run is the same.
pub fn execute(setup: &Setup, order: &Order, watchers: Watchers<'_>) -> Finished {
    let Watchers { mut trace, mut viewers, course } = watchers;
    let is_watched = trace.is_some() || viewers.is_some();
    let options = Options {
        lookahead: order.options.lookahead && !is_watched,
        course,
        detail: trace.as_ref().is_some_and(|trace| trace.wants_records()),
        passages: trace.is_some() || viewers.as_ref().is_some_and(|viewers| viewers.wants_passages()),
        ..order.options.options()
    };
    let _waiting = Waiting::new(format!("running {} under {}", setup.prepared.name(), order.contender.name));
    let mut runner = Runner::new(&setup.prepared, order.contender);
    let mut watch = |world: &World, events: &[Stamped]| {
        if let Some(trace) = &mut trace {
            trace.observe(world, events);
        }
        if let Some(viewers) = &mut viewers {
            viewers.observe(world, events);
        }
    };
    let watch: Option<Watcher<'_>> = if is_watched { Some(&mut watch) } else { None };
    let mut record = runner.run(order.seed, &order.plan, &options, watch);
    complete(&mut record, setup, &order.faults);
    let counts = setup.prepared.values(runner.world());
    let course = runner.course().cloned();
    Finished { record, counts, savepoint: runner.taken().cloned(), course, tear: runner.tear() }
}

/// Adds to a record what the runner does not know.
pub fn complete(record: &mut RunRecord, setup: &Setup, faults: &str) {
    faults.clone_into(&mut record.faults);
    if let (Some(started), Some(savepoint)) = (&mut record.started_from, &setup.savepoint) {
        started.path = Some(savepoint.file.path.clone());
    }
}

/// Prints the seed, before anything else.
pub fn announce_seed(screen: &mut Screen, seed: u64) -> Result<(), Failure> {
    screen.say(&format!("seed {seed}\n"))
}

/// Prints the faults that were drawn, before the run.
pub fn announce_plan(
    screen: &mut Screen,
    setup: &Setup,
    faults: &str,
    plan: &FaultPlan,
) -> Result<(), Failure> {
    let lines = plan.describe(setup.prepared.topology());
    if lines.is_empty() {
        return screen.say(&format!("faults {faults}: none drawn\n\n"));
    }
    let heal = cutline::reports::units::time(plan.heal);
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    screen.say(&format!("faults {faults}, over after {heal}:\n{lines}\n"))
}

/// The exit code of a class.
pub fn exit_code(class: Class) -> u8 {
    class as u8
}
