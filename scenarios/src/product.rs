//! The product: every strategy with every snapshot method on every job of the library, under crashes of tasks and nodes, lost,
//! late, doubled and overtaken messages, and all other faults. Every oracle must be content with every run of it.
//!
//! `make product` runs all of it under many seeds; `scenarios/tests/backends.rs` runs a small part under few. Both take the
//! runs from here, and each run is one of `cutline run`: [`Cell::command`] is its command.

use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_sim::protocol::SnapshotMethod;

use crate::faults;
use crate::library_files::resolve;
use crate::prepare::Prepared;
use crate::record::RunRecord;
use crate::run::{Contender, Options, Runner};
use crate::spec::ScenarioError;

/// What is lost is noticed soon, the whole state is written beside a log now and then, trees are compacted, and a checkpoint that
/// fails is no reason to fail over: so much happens in a short run.
pub const SOON: &[&str] = &[
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "execution.checkpointing.timeout=2s",
    "state.changelog.periodic-materialize.interval=200ms",
    "state.backend.rocksdb.compaction.level.level0-file-num-trigger=2",
    "heartbeat.interval=50ms",
    "heartbeat.timeout=200ms",
    "restart-strategy.fixed-delay.delay=20ms",
    "cluster.costs.node-downtime=100ms",
    "bounds.heal=20s",
];

/// A job of the library, and what makes it short.
#[derive(Debug)]
pub struct Job {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// Overrides under which it takes a fraction of a second.
    full: &'static [&'static str],
    /// More of them, under which it takes a small part of that.
    small: &'static [&'static str],
}

/// How large jobs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As in the library, but for those that would take long: a few seconds of virtual time, ten checkpoints or more.
    Full,
    /// A second of virtual time or less.
    Small,
}

const fn job(scenario: &'static str, full: &'static [&'static str], small: &'static [&'static str]) -> Job {
    Job { scenario, full, small }
}

/// A fifth of the events at a fifth of the rate: as long, and cheaper.
const FEWER_EVENTS: &[&str] =
    &["input.events.kind.nexmark.events=20000", "input.events.kind.nexmark.rate=2000/s"];
const FEW_EVENTS: &[&str] =
    &["input.events.kind.nexmark.events=1500", "input.events.kind.nexmark.rate=1000/s"];

/// Every job of the library but `pipe`, which is there to measure the engine and has no state worth a test.
pub const JOBS: &[Job] = &[
    job("collatz", &[], &["input.numbers.kind.numbers.count=60"]),
    job("components", &[], &["input.edges.kind.events.count=100"]),
    job("deep", &[], &["input.numbers.kind.events.count=200", "input.numbers.kind.events.rate=200/s"]),
    job("diamond", &[], &["input.measurements.kind.events.count=300"]),
    job("dozen", &[], &[]),
    job("fraud", &[], &["input.payments.kind.events.count=500"]),
    job("nexmark-q1", FEWER_EVENTS, FEW_EVENTS),
    job("nexmark-q12", FEWER_EVENTS, FEW_EVENTS),
    job("nexmark-q3", FEWER_EVENTS, FEW_EVENTS),
    job("nexmark-q8", FEWER_EVENTS, FEW_EVENTS),
    job("skewed", &[], &["input.records.kind.events.count=500"]),
    job("slow-task", &[], &["input.records.kind.events.count=300"]),
    job(
        "sum-even-odd",
        &["input.numbers.kind.numbers.count=4000", "input.numbers.kind.numbers.rate=400/s"],
        &["input.numbers.kind.numbers.count=600"],
    ),
    job("tiny", &[], &[]),
    job("visits", &[], &["input.visits.kind.events.count=300"]),
    job("wide", &[], &["input.orders.kind.events.count=80", "input.payments.kind.events.count=80"]),
    job("wordcount", &[], &[]),
];

impl Job {
    /// Everything that it overrides, as `--set` takes it.
    pub fn overrides(&self, size: Size) -> impl Iterator<Item = &'static str> + '_ {
        let small = if size == Size::Small { self.small } else { &[] };
        SOON.iter().chain(self.full).chain(small).copied()
    }

    /// The job with the inputs of a seed.
    ///
    /// # Errors
    /// If the scenario is wrong, or its failure-free result cannot be computed.
    pub fn prepare(&self, size: Size, seed: u64) -> Result<Prepared, ScenarioError> {
        let overrides: Vec<&str> = self.overrides(size).collect();
        Prepared::load(&resolve(self.scenario)?, &overrides, seed)
    }
}

/// A strategy with a snapshot method on a job.
#[derive(Clone, Copy)]
pub struct Cell {
    /// The job.
    pub job: &'static Job,
    /// The strategy.
    pub strategy: &'static Strategy,
    /// The snapshot method.
    pub method: SnapshotMethod,
}

/// The fault profile of a seed: with crashes alone nothing else delays what they meet; with everything, anything can come
/// together.
pub fn profile(seed: u64) -> &'static str {
    if seed.is_multiple_of(2) { "crashes" } else { "everything" }
}

impl Cell {
    /// All that a job allows: where it has a cycle, the strategies that take any graph.
    pub fn of(job: &'static Job, prepared: &Prepared) -> impl Iterator<Item = Cell> {
        let cyclic = prepared.is_cyclic();
        let strategies = STRATEGIES.iter().filter(move |strategy| !cyclic || strategy.cycles);
        strategies.flat_map(move |strategy| SnapshotMethod::ALL.map(|method| Cell { job, strategy, method }))
    }

    /// One run of it, of a job prepared with this seed; every checkpoint that completes is restored in a fork, too.
    ///
    /// # Errors
    /// If a fault profile is wrong.
    pub fn run(&self, prepared: &Prepared, seed: u64) -> Result<RunRecord, ScenarioError> {
        let profile = faults::resolve(profile(seed))?;
        let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
        let contender = Contender { snapshot: self.method, ..Contender::from(self.strategy) };
        let options = Options { forks: Some(true), ..Options::default() };
        Ok(Runner::new(prepared, contender).run(seed, &plan, &options, None))
    }

    /// The command that does this run again.
    pub fn command(&self, size: Size, seed: u64) -> String {
        let mut command = format!(
            "cutline run {} --strategy {} --snapshot {} --faults {} --seed {seed} --forks",
            self.job.scenario,
            self.strategy.name,
            self.method.name(),
            profile(seed),
        );
        self.job.overrides(size).for_each(|set| command += &format!(" --set {set}"));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library_files::LIBRARY;

    #[test]
    fn every_job_of_the_library_is_in_it() {
        let jobs: Vec<&str> = JOBS.iter().map(|job| job.scenario).collect();
        let library: Vec<&str> = LIBRARY.iter().map(|row| row.0).filter(|&name| name != "pipe").collect();
        assert_eq!(jobs, library);
    }
}
