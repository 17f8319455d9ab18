//! Shrinking: from a failing run to the smallest that still fails in the same way.
//!
//! A run is tried with less of something: fewer faults, records, operators, subtasks, nodes, checkpoints, settings; simpler
//! instants. What fails in the same way takes its place. *The same way* is: the same class, the same oracle, no other oracle than
//! objected before, and, for a stall, the same end. Of several oracles that object it is the one nearest to the cause (see
//! `CAUSES` in `case.rs`): that a cut is torn says more than that a count is wrong in the end, and is shown by less.
//!
//! The passes (`passes/`) are tried one after the other, again and again, until none of them finds anything. Of the candidates of
//! a pass the first in order that fails wins, whoever is ready first, so the result does not depend on the number of threads; nor
//! does the budget, which counts what was tried up to there. (A time budget is the caller's: it says when to stop.) A candidate
//! that is no scenario, or cannot be run, is none; nor is one that takes many more steps than the present run.
//!
//! What the smallest run is *not*: the smallest of all. It is one of which no single pass makes less.

mod case;
mod moment;
mod passes;
mod rust_test;
mod sheet;

use std::collections::BTreeSet;
use std::fmt;

use cutline_sim::graph::Role;
use cutline_sim::savepoint::Savepoint;
use rayon::prelude::*;
use serde::Serialize;

pub use case::{Failing, nearest_cause};
pub use moment::{CONTINUATIONS, Critical, Moment, critical};
pub use rust_test::rust_test;

use crate::capsule::{Capsule, CapsuleResult, CapsuleScenario, FileSeal, Program};
use crate::inputs::Texts;
use crate::library_files::ScenarioText;
use crate::prepare::Prepared;
use crate::record::RunRecord;
use crate::run::{Contender, Options, Runner};
use case::Case;
use passes::PASSES;
use sheet::Sheet;

/// What a candidate costs beside its steps, in steps.
const OVERHEAD: u64 = 2_000;
/// A candidate may take a quarter more steps than the present run, and so many more: less of one thing must not be paid for by much
/// more of another.
const PATIENCE: u64 = 1_000;

/// The bound of whatever is tried in place of a run of so many steps.
fn bound(steps: u64) -> u64 {
    steps.saturating_add(steps / 4).saturating_add(PATIENCE)
}

/// A failing run, and what its capsule does not hold.
pub struct Given<'a> {
    /// The capsule.
    pub capsule: &'a Capsule,
    /// Its strategy.
    pub contender: Contender,
    /// The files that its inputs are read from.
    pub texts: Texts,
    /// The savepoint that it started from.
    pub savepoint: Option<Savepoint>,
}

impl Given<'_> {
    fn source(&self) -> ScenarioText {
        self.capsule.scenario.source()
    }
}

/// The names of all passes, in the order in which they are tried.
pub fn passes() -> impl Iterator<Item = &'static str> {
    PASSES.iter().map(|pass| pass.name)
}

/// How much may be done.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// So many steps of the simulator, about; the same on every machine.
    pub steps: u64,
    /// So many runs.
    pub runs: u64,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The pass that is being tried.
    pub pass: &'static str,
    /// What was tried.
    pub runs: u64,
    /// What was kept.
    pub kept: usize,
}

/// Who is told, and who may stop it.
pub struct Watch<'a> {
    /// True if it is time to stop: the smallest run so far is the result.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Is told now and then.
    pub tell: &'a mut dyn FnMut(Progress),
}

/// Why nothing was tried.
#[derive(Debug)]
pub enum ShrinkError {
    /// The run of the capsule had passed.
    Passed,
    /// The run is another now: what is different, a line each.
    Different(Vec<String>),
    /// The scenario cannot be edited or prepared.
    Scenario,
}

impl fmt::Display for ShrinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShrinkError::Passed => f.write_str("the capsule's run has passed: there is no failure to keep"),
            ShrinkError::Different(lines) => {
                write!(f, "the run is not that of the capsule: {}", lines.join("; "))
            }
            ShrinkError::Scenario => f.write_str(
                "the scenario of the capsule cannot be edited: lay its overrides into its text by hand",
            ),
        }
    }
}

impl std::error::Error for ShrinkError {}

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Size {
    /// Faults of the plan.
    pub faults: u64,
    /// Records of the inputs.
    pub records: u64,
    /// Operators of the job, sources and sinks included.
    pub operators: u64,
    /// Their subtasks.
    pub subtasks: u64,
    /// Nodes of the cluster.
    pub nodes: u64,
    /// Checkpoints that were begun.
    pub checkpoints: u64,
    /// Lines of the scenario that are not empty, and overrides.
    pub lines: u64,
    /// Steps of the simulator.
    pub steps: u64,
    /// The end of the run, in nanoseconds of virtual time.
    pub duration: u64,
}

impl Size {
    fn of(scenario: &CapsuleScenario, faults: usize, prepared: &Prepared, record: &RunRecord) -> Size {
        let topology = prepared.topology();
        let read = topology.operators.iter().zip(&prepared.reference().operators);
        let sources = read.filter(|(operator, _)| matches!(operator.role, Role::Source(_)));
        let lines = scenario.text.lines().filter(|line| !line.trim().is_empty()).count();
        Size {
            faults: faults as u64,
            records: sources.map(|(_, reference)| reference.received).sum(),
            operators: topology.operators.len() as u64,
            subtasks: topology.tasks.len() as u64,
            nodes: topology.config.cluster.nodes.into(),
            checkpoints: record.checkpoints.len() as u64,
            lines: (lines + scenario.overrides.len()) as u64,
            steps: record.steps,
            duration: record.duration,
        }
    }
}

/// Something that was made smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kept {
    /// The pass.
    pub pass: &'static str,
    /// What it did.
    pub what: String,
}

/// Why it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// No pass finds anything any more.
    Smallest,
    /// The budget is used up.
    Budget,
    /// It was stopped.
    Stopped,
}

/// The smallest run that was found.
#[derive(Debug)]
pub struct Shrunk {
    /// Its capsule.
    pub capsule: Capsule,
    /// What it gives.
    pub record: RunRecord,
    /// What it shares with the original.
    pub failing: Failing,
    /// How large the original was.
    pub before: Size,
    /// How large it is.
    pub after: Size,
    /// What was kept, in order.
    pub kept: Vec<Kept>,
    /// How many runs were tried.
    pub runs: u64,
    /// Why it came to its end.
    pub end: End,
}

/// Shrinks a failing run.
///
/// # Errors
/// If it does not fail any more as it did, or its scenario cannot be edited.
pub fn shrink(
    given: &Given<'_>,
    program: &Program,
    budget: Budget,
    watch: &mut Watch<'_>,
) -> Result<Shrunk, ShrinkError> {
    let capsule = given.capsule;
    let failing = Failing::of(&capsule.result).ok_or(ShrinkError::Passed)?;
    let case = first(given)?;
    let (prepared, _) = case.prepare(given, given.texts.clone()).ok_or(ShrinkError::Scenario)?;
    let record = whole(given, &case, &prepared);
    let differences = capsule.result.differences(&record);
    if !differences.is_empty() {
        return Err(ShrinkError::Different(differences));
    }
    let before = Size::of(&capsule.scenario, capsule.plan.faults.len(), &prepared, &record);
    let mut search = Search {
        given,
        budget,
        limit: bound(before.steps),
        tried: BTreeSet::from([case.key()]),
        failing,
        case,
        kept: Vec::new(),
        runs: 0,
        work: 0,
        end: None,
    };
    search.go(watch);
    let Search { failing, mut case, kept, runs, end, .. } = search;
    let Capsule { strategy, seed, .. } = capsule;
    let about = format!("Shrunk: under {strategy} and seed {seed} the oracle {} objects.", failing.oracle);
    if !kept.is_empty()
        && let Some(plain) = case.edited(given, |sheet| {
            sheet.retell(&about);
            // The new file need not lie where the old one did.
            case.texts_of(given).iter().try_for_each(|(way, path)| sheet.set(way, path.as_str()))
        })
    {
        case = plain;
    }
    let (prepared, texts) = case.prepare(given, given.texts.unread()).ok_or(ShrinkError::Scenario)?;
    let record = whole(given, &case, &prepared);
    let scenario = CapsuleScenario {
        text: case.sheet.text(),
        overrides: Vec::new(),
        folder: capsule.scenario.folder.clone().filter(|_| texts.files().next().is_some()),
        ..capsule.scenario.clone()
    };
    let after = Size::of(&scenario, case.plan.faults.len(), &prepared, &record);
    let capsule = Capsule {
        program: program.clone(),
        scenario,
        input: capsule.input.clone().filter(|_| case.instead),
        files: FileSeal::of(&texts),
        plan: case.plan.clone(),
        options: case.options,
        result: CapsuleResult::of(&record),
        ..capsule.clone()
    };
    Ok(Shrunk { capsule, record, failing, before, after, kept, runs, end: end.unwrap_or(End::Smallest) })
}

/// The run of the capsule, with its overrides as a part of its text.
fn first(given: &Given<'_>) -> Result<Case, ShrinkError> {
    let (capsule, source) = (given.capsule, given.source());
    let laid_over =
        crate::spec::load(&source, &capsule.scenario.overrides).map_err(|_| ShrinkError::Scenario)?;
    let mut sheet = Sheet::new(&source.text).ok_or(ShrinkError::Scenario)?;
    for argument in &capsule.scenario.overrides {
        sheet.fold(argument).ok_or(ShrinkError::Scenario)?;
    }
    let instead = capsule.input.is_some();
    let case = Case::new(&source, sheet, capsule.plan.clone(), capsule.options, instead);
    case.filter(|case| case.scenario.spec == laid_over.spec).ok_or(ShrinkError::Scenario)
}

/// A run with nothing left out, for the record.
fn whole(given: &Given<'_>, case: &Case, prepared: &Prepared) -> RunRecord {
    let plan = std::sync::Arc::new(case.plan.clone());
    let options: Options = case.options.options();
    let mut record = Runner::new(prepared, given.contender).run(given.capsule.seed, &plan, &options, None);
    record.faults.clone_from(&given.capsule.faults);
    record
}

/// A search for less.
struct Search<'a> {
    given: &'a Given<'a>,
    budget: Budget,
    /// A candidate may take so many steps.
    limit: u64,
    /// What was tried.
    tried: BTreeSet<u128>,
    failing: Failing,
    /// The smallest so far.
    case: Case,
    kept: Vec<Kept>,
    runs: u64,
    work: u64,
    end: Option<End>,
}

impl Search<'_> {
    /// Tries all passes until none finds anything, or the end has come.
    fn go(&mut self, watch: &mut Watch<'_>) {
        loop {
            let before = self.kept.len();
            for pass in PASSES {
                while self.try_pass(pass, watch) {}
                if self.end.is_some() {
                    return;
                }
            }
            if self.kept.len() == before {
                return;
            }
        }
    }

    /// Tries what a pass proposes. True if something of it was kept.
    fn try_pass(&mut self, pass: &passes::Pass, watch: &mut Watch<'_>) -> bool {
        let candidates = (pass.propose)(&self.case, self.given);
        let keyed = candidates.into_iter().map(|(what, case)| (case.key(), what, case));
        let candidates: Vec<_> = keyed.filter(|(key, ..)| !self.tried.contains(key)).collect();
        let at_once = rayon::current_num_threads().max(1);
        let mut candidates = candidates.into_iter();
        loop {
            let some: Vec<(u128, String, Case)> = candidates.by_ref().take(at_once).collect();
            if some.is_empty() {
                return false;
            }
            if (watch.stop)() {
                self.end = Some(End::Stopped);
                return false;
            }
            let (given, limit) = (self.given, self.limit);
            let ran: Vec<_> = some.par_iter().map(|(_, _, case)| case.run(given, limit)).collect();
            for ((key, what, case), ran) in some.into_iter().zip(ran) {
                if self.work >= self.budget.steps || self.runs >= self.budget.runs {
                    self.end = Some(End::Budget);
                    return false;
                }
                let (record, work) = ran.map_or((None, 0), |(record, work)| (Some(record), work));
                self.tried.insert(key);
                self.runs += 1;
                self.work = self.work.saturating_add(work).saturating_add(OVERHEAD);
                if let Some(record) = record.filter(|record| self.failing.is(record)) {
                    self.limit = self.limit.min(bound(record.steps));
                    self.case = case;
                    self.kept.push(Kept { pass: pass.name, what });
                    // Those behind it count as not tried, though some may have been run already.
                    (watch.tell)(Progress { pass: pass.name, runs: self.runs, kept: self.kept.len() });
                    return true;
                }
            }
            (watch.tell)(Progress { pass: pass.name, runs: self.runs, kept: self.kept.len() });
        }
    }
}
