//! One table of jobs, three runtimes, one result: the simulated machine, madsim and real processes must all end where the sequential
//! reference ends, under every strategy, whatever is killed on the way.
//!
//! The oracles say already whether a run is right. Here what they look at is also written down as a number, a [`Digest`] of the
//! final state and of what readers see, which is made by other means than theirs: so it shows, too, if the oracles are content with two
//! different results.
//!
//! `make differential` runs all of it under many seeds; tests run a small part. Both take the runs from here, so what one finds the
//! other can do again. A run of the simulated machine, or on madsim, is the function of its seed; on real processes the seed decides who
//! is killed and how often, and the rest is left to the system.

mod digest;
mod jobs;
mod rows;

pub use digest::{Digest, OperatorDigest};
pub use jobs::{JOBS, Job};
pub use rows::{Row, Runtime, table};

use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_scenarios::faults;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::product::profile;
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::ScenarioError;
use cutline_sim::oracles::Verdict;

use crate::coordinator::Outcome;
use crate::job;
use crate::verdict::Collected;

/// A job under a strategy.
#[derive(Clone, Copy)]
pub struct Cell {
    /// The job.
    pub job: &'static Job,
    /// The strategy.
    pub strategy: &'static Strategy,
}

/// What a run has come to.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// How it ended; nothing, if it did not.
    pub digest: Option<Digest>,
    /// The first oracle that objects and its proof, or why there is no result.
    pub objection: Option<String>,
    /// How often it went back to a checkpoint, and on from there.
    pub restores: u64,
    /// Checkpoints that completed.
    pub checkpoints: u64,
}

impl Ran {
    /// What is wrong with it, if it should have ended so.
    pub fn wrong(&self, expected: &Digest) -> Option<String> {
        let differs = || match &self.digest {
            Some(digest) => digest.differs_from(expected),
            None => Some("it has not come to its end".to_owned()),
        };
        self.objection.clone().or_else(differs)
    }
}

impl Cell {
    /// All of a job: the strategies that can do it, in the order of their registry.
    pub fn of(job: &'static Job, prepared: &Prepared) -> impl Iterator<Item = Cell> {
        let able = STRATEGIES.iter().filter(|strategy| strategy.cycles || !prepared.is_cyclic());
        able.map(move |strategy| Cell { job, strategy })
    }

    /// The job as the driver takes it.
    pub fn driven(&self, prepared: &Prepared) -> job::Job {
        let &Strategy { cut, snapshot, guarantee, .. } = self.strategy;
        job::Job { topology: prepared.topology_under(guarantee), cut, snapshot }
    }

    /// How every run of it must end.
    pub fn expected(&self, prepared: &Prepared) -> Digest {
        Digest::of_reference(prepared.reference(), &prepared.topology_under(self.strategy.guarantee))
    }

    /// A run of the simulated machine, under the faults that a seed draws.
    ///
    /// # Errors
    /// If a fault profile is wrong.
    pub fn simulate(&self, prepared: &Prepared, seed: u64) -> Result<Ran, ScenarioError> {
        let profile = faults::resolve(profile(seed))?;
        let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
        let options = Options { forks: Some(false), ..Options::default() };
        let mut runner = Runner::new(prepared, Contender::from(self.strategy));
        let record = runner.run(seed, &plan, &options, None);
        let verdicts = record.verdicts.iter().map(|it| (it.oracle.as_str(), &it.verdict));
        Ok(Ran {
            digest: record
                .outcome
                .is_finished()
                .then(|| Digest::of_ending(runner.world(), prepared.reference())),
            objection: objection(verdicts),
            restores: record.restores.iter().filter(|restore| restore.checkpoint.is_some()).count() as u64,
            checkpoints: record.completed().count() as u64,
        })
    }

    /// A run on madsim, where everything goes wrong now and then.
    #[cfg(madsim)]
    pub fn on_madsim(&self, prepared: &Prepared, seed: u64) -> Ran {
        use crate::simulated::{Plan, run};
        let report = run(prepared, &self.driven(prepared), Plan::ROUGH, seed);
        match &report.outcome {
            Ok(outcome) => ran(prepared, outcome, (report.ending.as_ref(), &report.verdicts)),
            Err(error) => Ran { objection: Some(error.to_string()), ..Ran::default() },
        }
    }

    /// A run on real processes, which are killed; its checkpoints go into a folder that is not there yet, or empty.
    ///
    /// # Errors
    /// If the scenario is wrong.
    #[cfg(not(madsim))]
    pub fn on_processes(
        &self,
        prepared: &Prepared,
        seed: u64,
        launch: &crate::processes::Launch,
        store: std::path::PathBuf,
    ) -> Result<Ran, ScenarioError> {
        use std::sync::atomic::AtomicBool;

        let job = self.driven(prepared);
        let order = self.job.order(self.strategy.name, job.snapshot.name(), store)?;
        let settings = self.job.settings(&job, seed);
        let report =
            crate::processes::run(prepared, (job, order), &settings, launch, &AtomicBool::new(false));
        Ok(match report {
            Ok(report) => ran(prepared, &report.outcome, (report.ending.as_ref(), &report.verdicts)),
            Err(error) => Ran { objection: Some(error.to_string()), ..Ran::default() },
        })
    }
}

/// What a cluster has come to.
fn ran(
    prepared: &Prepared,
    outcome: &Outcome,
    (ending, verdicts): (Option<&Collected>, &[(&'static str, Verdict)]),
) -> Ran {
    Ran {
        digest: ending.map(|ending| Digest::of_ending(ending, prepared.reference())),
        objection: objection(verdicts.iter().map(|(oracle, verdict)| (*oracle, verdict))),
        restores: u64::from(outcome.went_on),
        checkpoints: u64::from(outcome.completed),
    }
}

/// The first oracle that objects, and its proof.
fn objection<'a>(mut verdicts: impl Iterator<Item = (&'a str, &'a Verdict)>) -> Option<String> {
    verdicts.find_map(|(oracle, verdict)| match verdict {
        Verdict::Fail(proof) => Some(format!("{oracle}: {proof}")),
        Verdict::Pass | Verdict::Unknown(_) => None,
    })
}
