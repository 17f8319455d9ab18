//! The jobs: scenarios of the library, each of another shape, with what makes them last a few seconds. The three runtimes run them as
//! they stand here, and no other way.

use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::spec::ScenarioError;

/// What is random in the inputs comes from this seed, whatever the seed of the run: so a job has one result.
const INPUT_SEED: u64 = 1;

/// A job of the table.
#[derive(Debug)]
pub struct Job {
    /// Its name in the table.
    pub name: &'static str,
    /// The scenario of the library.
    pub scenario: &'static str,
    /// What is laid over it, beside [`PATIENT`].
    overrides: &'static [&'static str],
}

/// A checkpoint that fails is no reason to fail over, for that is what kills are there for; and who is back is not to wait.
pub const PATIENT: &[&str] = &[
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "execution.checkpointing.interval=200ms",
    "restart-strategy.fixed-delay.delay=20ms",
];

/// The table.
pub const JOBS: &[Job] = &[
    // Running counts, behind a hash edge: every record gives a result.
    Job { name: "words", scenario: "wordcount", overrides: &["input.text.kind.text.rate=100/s"] },
    // A keyed join of two streams, whose state grows for ever.
    Job {
        name: "join",
        scenario: "nexmark-q3",
        overrides: &["input.events.kind.nexmark.events=5000", "input.events.kind.nexmark.rate=500/s"],
    },
    // Session windows by event time: timers, and state that is removed again; who keeps a log writes all of it down now and then.
    Job {
        name: "sessions",
        scenario: "visits",
        overrides: &["state.changelog.periodic-materialize.interval=300ms"],
    },
    // A fork into two sinks, below sources of which one ends long before the other.
    Job {
        name: "sums",
        scenario: "sum-even-odd",
        overrides: &["input.numbers.kind.numbers.count=4000", "input.numbers.kind.numbers.rate=400/s"],
    },
    // A loop, whose every record counts; for the strategies that can do cycles.
    Job {
        name: "walks",
        scenario: "collatz",
        overrides: &["input.numbers.kind.numbers.count=120", "input.numbers.kind.numbers.rate=40/s"],
    },
];

impl Job {
    /// Everything that it overrides, as `--set` takes it.
    pub fn overrides(&self) -> impl Iterator<Item = &'static str> + '_ {
        PATIENT.iter().chain(self.overrides).copied()
    }

    /// The job with its inputs and its failure-free result.
    ///
    /// # Errors
    /// If the scenario is wrong, or its failure-free result cannot be computed.
    pub fn prepare(&self) -> Result<Prepared, ScenarioError> {
        let overrides: Vec<&str> = self.overrides().collect();
        Prepared::load(&resolve(self.scenario)?, &overrides, INPUT_SEED)
    }
}

#[cfg(not(madsim))]
mod real {
    use std::path::PathBuf;
    use std::time::Duration;

    use cutline_scenarios::library_files::resolve;
    use cutline_scenarios::spec::ScenarioError;

    use super::{INPUT_SEED, Job};
    use crate::job::{self, Order};
    use crate::processes::Settings;

    /// Task managers of a run.
    const PROCESSES: u32 = 3;
    /// They are killed so often. A job lasts longer than it takes to do that once.
    const MOST_KILLS: u32 = 3;
    /// A process of a busy machine may be silent for so long.
    const SILENCE: Duration = Duration::from_secs(20);
    /// No run takes longer, on however busy a machine.
    const LIMIT: Duration = Duration::from_secs(600);

    impl Job {
        /// What task managers are told.
        pub(crate) fn order(
            &self,
            strategy: &str,
            snapshot: &str,
            store: PathBuf,
        ) -> Result<Order, ScenarioError> {
            let text = resolve(self.scenario)?;
            Ok(Order {
                file: text.file,
                folder: text.folder,
                scenario: text.text,
                overrides: self.overrides().map(str::to_owned).collect(),
                input: None,
                seed: INPUT_SEED,
                strategy: strategy.to_owned(),
                snapshot: snapshot.to_owned(),
                store,
            })
        }

        /// How its cluster is run: the seed decides who is killed, and how long that is apart.
        pub(crate) fn settings(&self, job: &job::Job, seed: u64) -> Settings {
            let beat = Duration::from_nanos(job.topology.config.recovery.heartbeat_timeout);
            Settings {
                processes: PROCESSES,
                port: 0,
                kill_every: Some(Duration::from_millis(700 + seed % 10 * 110)),
                most_kills: MOST_KILLS,
                kill_after_checkpoints: true,
                seed,
                patience: SILENCE * 3,
                limit: LIMIT,
                heartbeat_timeout: SILENCE.max(beat),
            }
        }
    }
}
