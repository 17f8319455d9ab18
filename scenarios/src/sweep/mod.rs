//! A sweep: many runs, each of its own scenario, strategy, fault profile and seed.
//!
//! The runs of a sweep have numbers, from 0 on, that depend on what was asked for and on nothing else: first the regressions, then
//! seed by seed all scenarios, and of each all strategies and profiles. So a sweep can be done in parts, by any number of
//! threads, be interrupted and resumed, and its records are the same, byte for byte. What is done together is a *unit*: a
//! scenario under one seed, which is prepared once.
//!
//! This module says which runs there are and does them. Where they are kept is the business of the command line.

pub mod failure;
pub mod manifest;
pub mod partition;
pub mod regressions;
pub mod row;
pub mod seeds;
pub mod tally;
#[cfg(test)]
mod tests;
mod workers;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cutline_sim::faults::FaultPlan;

use crate::capsule::CapsuleOptions;
use crate::faults::{self, Profile};
use crate::inputs::Texts;
use crate::library_files::ScenarioText;
use crate::prepare::Prepared;
use crate::record::{Class, RunRecord};
use crate::run::{Contender, Runner, Worlds};
use crate::situations::Situations;
use crate::spec::{Scenario, ScenarioError};
use partition::Partition;
use regressions::Regression;
use row::{Row, SeenRow};
use seeds::Seeds;
pub use workers::{Control, work};

/// The most runs of a sweep: a year of a thousand cores, with 100 us each.
const RUNS_MAX: u64 = 1 << 48;

/// A scenario of a sweep.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As the user named it.
    pub asked: String,
    /// Its text.
    pub source: ScenarioText,
    /// What is laid over it.
    pub overrides: Vec<String>,
    /// What both say.
    pub scenario: Scenario,
    /// The files that it reads.
    pub texts: Texts,
    /// True if its job has a cycle.
    pub cyclic: bool,
}

/// What is to be run.
pub struct Sweep {
    subjects: Vec<Subject>,
    contenders: Vec<Contender>,
    profiles: Vec<Profile>,
    seeds: Seeds,
    options: CapsuleOptions,
    /// The regressions that are runs of this sweep.
    known: Vec<(usize, Cell, u64)>,
    /// Of each subject: its runs under one seed.
    cells: Vec<Vec<Cell>>,
}

/// A strategy and a fault profile, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    contender: usize,
    profile: usize,
}

/// What a sweep is made of.
pub struct Parts {
    /// The scenarios; at least one.
    pub subjects: Vec<Subject>,
    /// The strategies, and planted bugs; at least one.
    pub contenders: Vec<Contender>,
    /// The fault profiles; at least one.
    pub profiles: Vec<Profile>,
    /// The seeds.
    pub seeds: Seeds,
    /// What the runs do beyond running.
    pub options: CapsuleOptions,
    /// Runs that have failed once; those of other sweeps are left out.
    pub regressions: Vec<Regression>,
}

/// What is done together: a scenario under one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its number.
    pub number: u64,
    /// The number of its first run.
    pub first: u64,
    seed: u64,
    subject: usize,
    regression: bool,
    cells: Vec<Cell>,
}

impl Workbench {
    fn keep(&mut self, subject: usize, runner: Option<(usize, Runner<'_>)>) {
        if let (Some((contender, runner)), true) = (runner, self.worlds.len() < WORLDS_KEPT) {
            self.worlds.insert((subject, contender), runner.into_worlds());
        }
    }
}

impl Unit {
    /// The numbers of its runs.
    pub fn runs(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.cells.len() as u64
    }
}

/// What one thread uses again from unit to unit: scenarios that are prepared, and worlds. It changes no run.
#[derive(Default)]
pub struct Workbench {
    /// By subject.
    prepared: BTreeMap<usize, Prepared>,
    /// By subject and contender.
    worlds: BTreeMap<(usize, usize), Worlds>,
}

/// So many pairs of a subject and a contender have worlds that are kept: more would take more memory than they save time.
const WORLDS_KEPT: usize = 16;

/// What is said of a run that has panicked.
fn panicked(
    run: u64,
    subject: &Subject,
    (strategy, faults, seed): (&str, &str, u64),
    panic: &(dyn Any + Send),
) -> ScenarioError {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let scenario = &subject.asked;
    let error = ScenarioError::new(format!(
        "run {run}, seed {seed} of `{scenario}` under the strategy `{strategy}` and the faults `{faults}`, has panicked: {}",
        message.unwrap_or("without a message")
    ));
    let overrides: String = subject.overrides.iter().map(|text| format!(" --set '{text}'")).collect();
    error.with_help(format!(
        "see it alone: `cutline run {scenario}{overrides} --strategy {strategy} --faults {faults} --seed {seed}`"
    ))
}

/// A run that is done.
#[derive(Debug)]
pub struct Done {
    /// Its row.
    pub row: SeenRow,
    /// Of a run that did not pass: all that is known of it.
    pub failure: Option<Box<Failed>>,
}

/// A run that did not pass.
#[derive(Debug)]
pub struct Failed {
    /// The number of the scenario among those of the sweep.
    pub subject: usize,
    /// What is left of it.
    pub record: RunRecord,
    /// The faults.
    pub plan: Arc<FaultPlan>,
}

impl Sweep {
    /// Puts a sweep together. A strategy that cannot checkpoint a job with a cycle is left out where there is one.
    ///
    /// # Errors
    /// If there is nothing to run.
    pub fn new(parts: Parts) -> Result<Sweep, ScenarioError> {
        let Parts { subjects, contenders, profiles, seeds, options, regressions } = parts;
        let fits = |subject: &Subject, contender: &Contender| contender.cycles || !subject.cyclic;
        let cells: Vec<Vec<Cell>> = subjects
            .iter()
            .map(|subject| {
                let fitting = (0..contenders.len()).filter(|&at| fits(subject, &contenders[at]));
                let all = fitting.flat_map(|contender| {
                    (0..profiles.len()).map(move |profile| Cell { contender, profile })
                });
                all.collect()
            })
            .collect();
        if cells.iter().all(Vec::is_empty) {
            let error = ScenarioError::new("there is nothing to run: no strategy fits any of the scenarios");
            return Err(error.with_help(
                "choose a strategy that can checkpoint a job with a cycle: `cutline list strategies`",
            ));
        }
        let mut known = Vec::new();
        for entry in &regressions {
            let is =
                |subject: &&Subject| subject.asked == entry.scenario && subject.overrides == entry.overrides;
            let subject = subjects.iter().position(|subject| is(&subject));
            let contender = contenders.iter().position(|contender| contender.name == entry.strategy);
            let profile = profiles.iter().position(|profile| profile.name == entry.faults);
            if let (Some(subject), Some(contender), Some(profile)) = (subject, contender, profile) {
                let cell = Cell { contender, profile };
                let one = (subject, cell, entry.seed);
                if cells[subject].contains(&cell) && !known.contains(&one) {
                    known.push(one);
                }
            }
        }
        let per_seed: u64 = cells.iter().map(|cells| cells.len() as u64).sum();
        if seeds.count().checked_mul(per_seed.max(subjects.len() as u64)).is_none_or(|runs| runs > RUNS_MAX) {
            let error =
                ScenarioError::new(format!("a sweep has at most {RUNS_MAX} runs, and these would be more"));
            return Err(error.with_help("name fewer seeds"));
        }
        Ok(Sweep { subjects, contenders, profiles, seeds, options, known, cells })
    }

    /// Its scenarios.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// What its runs do beyond running.
    pub fn options(&self) -> CapsuleOptions {
        self.options
    }

    /// How many regressions are run first.
    pub fn regressions(&self) -> u64 {
        self.known.len() as u64
    }

    /// The strategies that are left out of a scenario, because its job has a cycle.
    pub fn left_out(&self, subject: usize) -> Vec<&'static str> {
        let runs = |at: usize| {
            self.cells.get(subject).is_some_and(|cells| cells.iter().any(|cell| cell.contender == at))
        };
        self.contenders
            .iter()
            .enumerate()
            .filter(|&(at, _)| !runs(at))
            .map(|(_, contender)| contender.name)
            .collect()
    }

    /// How many units there are.
    pub fn units(&self) -> u64 {
        self.regressions() + self.seeds.count() * self.subjects.len() as u64
    }

    /// How many runs there are.
    pub fn runs(&self) -> u64 {
        self.regressions() + self.seeds.count() * self.per_seed()
    }

    /// How many of them are in a part.
    pub fn runs_of(&self, partition: Partition) -> u64 {
        let (known, subjects, seeds) = (self.regressions(), self.subjects.len() as u64, self.seeds.count());
        let of_subject = |(at, cells): (usize, &Vec<Cell>)| {
            partition.count(known + at as u64, subjects, seeds) * cells.len() as u64
        };
        partition.count(0, 1, known) + self.cells.iter().enumerate().map(of_subject).sum::<u64>()
    }

    fn per_seed(&self) -> u64 {
        self.cells.iter().map(|cells| cells.len() as u64).sum()
    }

    /// The unit of this number.
    pub fn unit(&self, number: u64) -> Option<Unit> {
        if let Some(&(subject, cell, seed)) = usize::try_from(number).ok().and_then(|at| self.known.get(at)) {
            return Some(Unit { number, first: number, seed, subject, regression: true, cells: vec![cell] });
        }
        let (known, subjects) = (self.regressions(), self.subjects.len() as u64);
        let (place, subject) = ((number - known) / subjects, ((number - known) % subjects) as usize);
        let before: u64 = self.cells[..subject].iter().map(|cells| cells.len() as u64).sum();
        let first = known + place * self.per_seed() + before;
        let seed = self.seeds.nth(place)?;
        Some(Unit { number, first, seed, subject, regression: false, cells: self.cells[subject].clone() })
    }

    /// Does the runs of a unit that are wanted, one after the other.
    ///
    /// # Errors
    /// If the scenario cannot be prepared with the unit's seed.
    pub fn run(
        &self,
        unit: &Unit,
        bench: &mut Workbench,
        wants: &dyn Fn(u64) -> bool,
        done: &mut dyn FnMut(Done),
    ) -> Result<(), ScenarioError> {
        if !unit.runs().any(wants) {
            return Ok(());
        }
        let (subject, texts) = (&self.subjects[unit.subject], &mut self.subjects[unit.subject].texts.clone());
        let prepared = match bench.prepared.get(&unit.subject) {
            Some(before) => before.with_seed(&subject.scenario, unit.seed, texts)?,
            None => Prepared::new(&subject.scenario, unit.seed, texts)?,
        };
        let draw =
            |profile: &Profile| faults::draw(profile, prepared.topology(), prepared.duration(), unit.seed);
        let plans: Vec<Arc<FaultPlan>> =
            self.profiles.iter().map(|profile| Arc::new(draw(profile))).collect();
        let options = self.options.options();
        let mut situations = Situations::default();
        let mut runner: Option<(usize, Runner<'_>)> = None;
        for (run, &Cell { contender, profile }) in unit.runs().zip(&unit.cells) {
            if !wants(run) {
                continue;
            }
            situations.clear();
            let plan = &plans[profile];
            let run_it = || {
                let held = match runner.take() {
                    Some(held) if held.0 == contender => held,
                    other => {
                        bench.keep(unit.subject, other);
                        let new = || Runner::new(&prepared, self.contenders[contender]);
                        let worlds = bench.worlds.remove(&(unit.subject, contender));
                        let used = worlds.map(|worlds| Runner::with_worlds(&prepared, worlds));
                        (contender, used.unwrap_or_else(new))
                    }
                };
                let watch = &mut |world: &_, events: &[_]| {
                    events.iter().for_each(|event| situations.observe(world, event))
                };
                runner.insert(held).1.run(unit.seed, plan, &options, Some(watch))
            };
            // Whoever panics (a strategy under test, say) is told by which run.
            let mut record = catch_unwind(AssertUnwindSafe(run_it)).map_err(|panic| {
                let (strategy, faults) = (self.contenders[contender].name, &self.profiles[profile].name);
                panicked(run, subject, (strategy, faults, unit.seed), panic.as_ref())
            })?;
            record.faults.clone_from(&self.profiles[profile].name);
            let row = Row::new(run, unit.regression, &subject.overrides, &record);
            let failed = row.class != Class::Pass;
            let failure =
                failed.then(|| Box::new(Failed { subject: unit.subject, record, plan: Arc::clone(plan) }));
            done(Done { row: SeenRow { row, seen: situations.seen() }, failure });
        }
        bench.keep(unit.subject, runner);
        bench.prepared.insert(unit.subject, prepared);
        Ok(())
    }
}
