//! Hunts: for each planted bug a job, faults and a number of seeds within which it is caught. `scenarios/tests/bugs.rs` holds
//! the bugs and the correct strategies to them; the acceptance hunts what its own jobs do not bring out, and the zoo (`zoo.rs`)
//! says what each hunt takes.

use std::sync::Arc;

use Faults::{Hand, Profile};
use cutline_algorithms::bugs::{self, Bug};
use cutline_sim::faults::{
    DelayedMessages, DoubledMessages, FailedWrites, Fault, FaultPlan, LostMessages, Planned, Point,
    ReorderedMessages, TaskCrash, When,
};
use cutline_sim::ids::TaskId;
use cutline_sim::oracles::{determinism, restore};
use cutline_sim::savepoint::Savepoint;
use cutline_sim::time::{MILLISECOND, SECOND, Time};

use crate::faults;
use crate::library_files::{ScenarioText, resolve};
use crate::prepare::Prepared;
use crate::run::{Options, Runner};
use crate::spec::ScenarioError;

/// What is random in the inputs of a hunt comes from this seed, whatever the seed of the run.
const INPUT_SEED: u64 = 1;

/// Where a bug is looked for.
#[derive(Clone, Copy)]
pub struct Hunt {
    /// Its name.
    pub bug: &'static str,
    /// The scenario's name and its overrides,
    scenario: &'static [&'static str],
    /// and more overrides.
    and: &'static [&'static str],
    faults: Faults,
    /// The runs start from the savepoint of this checkpoint of a run of the correct strategy; 0: from nothing.
    from: u64,
    /// So many seeds must be enough.
    pub budget: u64,
    /// The oracle that must catch it here, if not the bug's own.
    by: Option<&'static str>,
}

impl Hunt {
    /// The bug.
    ///
    /// # Panics
    /// If there is no bug of this name.
    pub fn bug(&self) -> &'static Bug {
        bugs::find(self.bug).expect("a hunt names a bug")
    }

    /// The oracle that must catch it.
    pub fn oracle(&self) -> &'static str {
        self.by.unwrap_or(self.bug().caught_by)
    }

    /// The job.
    ///
    /// # Errors
    /// If the scenario of this hunt is wrong.
    pub fn prepare(&self) -> Result<Prepared, ScenarioError> {
        self.prepare_with(&[])
    }

    /// The job, with more overrides.
    ///
    /// # Errors
    /// If the scenario of this hunt is wrong, or one of these overrides.
    pub fn prepare_with(&self, more: &[&str]) -> Result<Prepared, ScenarioError> {
        let (source, mut overrides) = self.scenario()?;
        overrides.extend(more.iter().map(|&text| text.to_owned()));
        Ok(self.start(Prepared::load(&source, &overrides, INPUT_SEED)?, INPUT_SEED)?.0)
    }

    /// The scenario, and what is laid over it.
    ///
    /// # Errors
    /// If there is no such scenario.
    pub fn scenario(&self) -> Result<(ScenarioText, Vec<String>), ScenarioError> {
        let (name, overrides) = self.scenario.split_first().unwrap_or((&"", &[]));
        let overrides = overrides.iter().chain(self.and).map(|&text| text.to_owned());
        Ok((resolve(name)?, overrides.collect()))
    }

    /// The job as it starts, from a savepoint if the hunt asks for that: one of a run of the correct strategy under this seed.
    ///
    /// # Errors
    /// If there is no such savepoint, or the job cannot start from it.
    pub fn start(
        &self,
        prepared: Prepared,
        seed: u64,
    ) -> Result<(Prepared, Option<Savepoint>), ScenarioError> {
        if self.from == 0 {
            return Ok((prepared, None));
        }
        let wrong = |what: &str| ScenarioError::new(format!("the hunt for `{}` has {what}", self.bug));
        let of = cutline_algorithms::find(self.bug().of).ok_or_else(|| wrong("no strategy"))?;
        let savepoint = Runner::new(&prepared, of.into()).savepoint(seed, &Arc::default(), self.from);
        let savepoint = savepoint.ok_or_else(|| wrong("too few checkpoints"))?;
        let prepared = prepared.start_from(&savepoint).map_err(|error| wrong(&error.to_string()))?;
        Ok((prepared, Some(savepoint)))
    }

    /// The faults for a seed.
    ///
    /// # Errors
    /// If the profile of this hunt is wrong.
    pub fn plan(&self, prepared: &Prepared, seed: u64) -> Result<Arc<FaultPlan>, ScenarioError> {
        let duration = prepared.duration();
        Ok(Arc::new(match self.faults {
            Profile(name) => faults::draw(&faults::resolve(name)?, prepared.topology(), duration, seed),
            Hand(make) => FaultPlan { faults: make(prepared, seed), heal: duration.max(3 * SECOND) },
        }))
    }

    /// The name of the profile that its faults are drawn from, or `by hand`.
    pub fn faults(&self) -> &'static str {
        match self.faults {
            Profile(name) => name,
            Hand(_) => "by hand",
        }
    }

    /// What the runner must do so that the oracle can speak.
    pub fn options(&self) -> Options {
        Options {
            forks: Some(self.oracle() == restore::NAME),
            check_determinism: self.oracle() == determinism::NAME,
            metrics: false,
            ..Options::default()
        }
    }
}

/// The faults of a hunt.
#[derive(Clone, Copy)]
pub enum Faults {
    /// Drawn from a profile.
    Profile(&'static str),
    /// Made by hand, for the job as it is and its duration; what is random in them comes from the seed of the run.
    Hand(fn(&Prepared, u64) -> Vec<Planned>),
}

/// A fork and two sums: 2 sources, 2 + 2 filters, 2 sums, 2 sinks; 2 s of virtual time. Every subtask of an operator has a
/// node of its own, and a buffer takes so random a time that barriers arrive apart.
const SUMS: &[&str] = &[
    "sum-even-odd",
    "input.numbers.kind.numbers.count=2000",
    "input.numbers.kind.numbers.rate=\"500/s\"",
    "cluster.network.latency-jitter=\"5ms\"",
    "cluster.network.control-jitter=\"3ms\"",
    "taskmanager.numberOfTaskSlots=1",
    "execution.buffer-timeout.interval=\"5ms\"",
    "execution.checkpointing.interval=\"150ms\"",
    "execution.checkpointing.timeout=\"2s\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "execution.checkpointing.num-retained=3",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
    "bounds.heal=\"20s\"",
];

/// Words: one source, 2 tokenizers, 2 counters, 2 sinks; 3 s of virtual time. Buffers are small, so an input that is blocked
/// for ever soon stops the source; and checkpoints are far apart, so it does before the next one could release the input.
const WORDS: &[&str] = &[
    "wordcount",
    "input.text.kind.text.rate=\"500/s\"",
    "input.text.kind.text.splits=1",
    "job.operator.source.parallelism=1",
    "taskmanager.numberOfTaskSlots=1",
    "taskmanager.memory.segment-size=\"64 B\"",
    "taskmanager.network.memory.buffers-per-channel=2",
    "taskmanager.network.memory.floating-buffers-per-gate=0",
    "execution.buffer-timeout.interval=\"1ms\"",
    "execution.checkpointing.interval=\"300ms\"",
    "execution.checkpointing.timeout=\"100ms\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "bounds.heal=\"20s\"",
];

/// Bids that go straight to the sinks, so every transaction has results in it: with the sums, only the last one has.
const BIDS: &[&str] = &[
    "nexmark-q1",
    "input.events.kind.nexmark.events=2000",
    "input.events.kind.nexmark.rate=\"500/s\"",
    "taskmanager.numberOfTaskSlots=1",
    "execution.checkpointing.interval=\"150ms\"",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
    "bounds.heal=\"20s\"",
];

/// Counts whose sink has two inputs; barriers come far apart, and a write fails sooner than they travel.
const COUNTS_OF_TWO: &[&str] = &[
    "tiny",
    "input.keys.kind.keys.count=2000",
    "cluster.network.latency-jitter=\"30ms\"",
    "cluster.store.latency=\"5ms\"",
    "execution.checkpointing.interval=\"40ms\"",
    "execution.checkpointing.timeout=\"2s\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
];

/// Walks of numbers around a loop, each apart from all others: whatever of one is lost or doubled shows.
const WALKS: &[&str] = &[
    "collatz",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
];

/// Labels that go around a loop: what is lost shows if it mattered. A wide wire, so that much is on its way.
const LABELS: &[&str] = &[
    "components",
    "cluster.network.latency=\"20ms\"",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
];

/// A word count that writes every count at once; buffers take so random a time that barriers arrive apart.
const COUNTS: &[&str] = &[
    "wordcount",
    "input.text.kind.text.rate=\"250/s\"",
    "cluster.network.latency-jitter=\"5ms\"",
    "execution.buffer-timeout.interval=\"5ms\"",
    "execution.checkpointing.interval=\"100ms\"",
    "execution.checkpointing.num-retained=3",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
];
const IDEMPOTENT: &[&str] = &["job.operator.sink.does.sink=idempotent"];
const PLAIN: &[&str] = &["job.operator.sink.does.sink=plain"];

/// More than one checkpoint to choose from.
const RETAINED: &[&str] = &["execution.checkpointing.num-retained=3"];

/// A slow store and frequent checkpoints: one is always in flight, and waits for acknowledgements for long.
const SLOW: &[&str] = &["cluster.store.latency=\"60ms\"", "execution.checkpointing.interval=\"70ms\""];

/// The same, and messages take so long that a task is still there for a while when it has committed.
const SLOW_END: &[&str] = &[
    "cluster.store.latency=\"60ms\"",
    "cluster.network.control-latency=\"20ms\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
];

/// Sessions of visits: state in which entries are removed all the time.
const SESSIONS: &[&str] = &[
    "visits",
    "execution.checkpointing.interval=\"150ms\"",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
    "bounds.heal=\"20s\"",
];

/// The state is written whole, beside the log, as often as can be.
const MATERIALIZED: &[&str] = &["state.changelog.periodic-materialize.interval=\"100ms\""];

/// The same, and it takes longer than a checkpoint.
const SLOWLY_MATERIALIZED: &[&str] = &[
    "state.changelog.periodic-materialize.interval=\"100ms\"",
    "job.operator.sum-even.state-bytes=\"64MiB\"",
];

/// Checkpoints overlap, one is retained, and messages take their time: a task hears late that a checkpoint is complete.
const LATE: &[&str] = &[
    "execution.checkpointing.interval=\"10ms\"",
    "execution.checkpointing.max-concurrent-checkpoints=5",
    "execution.checkpointing.num-retained=1",
];

/// The uneven sums with several checkpoints in flight at any time, of which one is retained: a source that finishes has a part
/// in some that are not complete.
const CROWDED: &[&str] = &[
    "input.numbers.kind.numbers.splits=3",
    "job.operator.source.service=\"1500us\"",
    "execution.checkpointing.interval=\"10ms\"",
    "execution.checkpointing.max-concurrent-checkpoints=5",
    "execution.checkpointing.num-retained=1",
];

/// Several checkpoints in flight, and barriers that come far apart: an input may deliver two before another delivers one.
const OVERLAPPING: &[&str] = &[
    "cluster.network.latency-jitter=\"80ms\"",
    "execution.checkpointing.interval=\"20ms\"",
    "execution.checkpointing.max-concurrent-checkpoints=5",
];

/// A checkpoint is taken when a source has read so much: a source that stands still asks for none.
const BY_RECORDS: &[&str] = &[
    "execution.checkpointing.interval=\"0s\"",
    "execution.checkpointing.timeout=\"500ms\"",
    "trigger.every-records=100",
];

/// Barriers that come further apart than they are waited for.
const IMPATIENT: &[&str] = &[
    "execution.checkpointing.aligned-checkpoint-timeout=\"8ms\"",
    "cluster.network.latency-jitter=\"20ms\"",
];

/// Barriers that come so far apart that what a checkpoint has already is old when it has the rest.
const SLOW_BARRIERS: &[&str] = &["cluster.network.latency-jitter=\"80ms\""];

/// Barriers that are waited for however long.
const PATIENTLY_ALIGNED: &[&str] = &["execution.checkpointing.aligned-checkpoint-timeout=\"1h\""];

/// A checkpoint that is never given up for its age; the job has a minute.
const PATIENT: &[&str] = &["execution.checkpointing.timeout=\"1h\"", "bounds.time=\"1min\""];

/// Checkpoints that are given up soon, so that acknowledgements come late.
const HASTY: &[&str] = &["execution.checkpointing.timeout=\"100ms\""];

/// A write fails sooner than barriers travel: a checkpoint is given up while they are under way.
const QUICK_STORE: &[&str] = &["cluster.store.latency=\"1ms\"", "cluster.network.latency-jitter=\"20ms\""];

/// The sums with three splits for two sources, so that one source has twice as much to read and ends long after the other.
const UNEVEN: &[&str] = &["input.numbers.kind.numbers.splits=3", "job.operator.source.service=\"1500us\""];

/// Snapshots that stop a task for long, so that who takes one after the other does not take too many to run.
const SLOW_SNAPSHOTS: &[&str] = &["cluster.costs.snapshot-sync=\"20ms\""];

/// The job is stopped with a savepoint in the middle.
const SUSPENDED: &[&str] = &["savepoint.at=\"1s\"", "savepoint.then=suspend"];

/// The same, and the sources end.
const DRAINED: &[&str] = &["savepoint.at=\"1s\"", "savepoint.then=drain"];

/// A savepoint in the middle, and the job goes on.
const SAVED: &[&str] = &["savepoint.at=\"1s\""];

/// The same, and there are other checkpoints beside it.
const SAVED_BESIDE: &[&str] = &["savepoint.at=\"1s\"", "execution.checkpointing.num-retained=3"];

/// The job is cancelled in the middle, and its checkpoints go;
const CANCELLED: &[&str] = &["cancel.at=\"1s\""];

/// one is about to be complete; or they stay.
const CANCELLED_AMID: &[&str] = &["cancel.at=\"1s\"", "cluster.store.latency=\"60ms\""];
const RETAINED_ON_CANCELLATION: &[&str] =
    &["cancel.at=\"1s\"", "execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION"];

/// Each bug, in the order of [`bugs::all`].
pub const HUNTS: &[Hunt] = &[
    hunt("no-block", SUMS, &[], Profile("crashes"), 200),
    hunt("late-snapshot", SUMS, &[], Profile("crashes"), 200),
    hunt("start-after-newer", COUNTS_OF_TWO, &[], Hand(failed_writes_and_crash), 200),
    hunt("no-drain", SUMS, &[], Profile("none"), 20),
    hunt("first-barrier", SUMS, &[], Profile("none"), 20),
    hunt("early-forward", SUMS, &[], Profile("none"), 20),
    hunt("count-barriers", SUMS, OVERLAPPING, Profile("none"), 20),
    hunt("flushed-behind", SUMS, PATIENTLY_ALIGNED, Profile("none"), 20),
    hunt("early-resume", SUMS, &[], Profile("crashes"), 200),
    hunt("ended-inputs-count", SUMS, UNEVEN, Profile("none"), 1),
    hunt("abort-not-forwarded", WORDS, &[], Hand(late_and_lost_messages), 200),
    hunt("frozen-for-ever", WORDS, BY_RECORDS, Hand(lost_messages), 20),
    hunt("awaits-back-edges", WALKS, &[], Profile("none"), 1),
    hunt("all-inputs-ended", SUMS, UNEVEN, Profile("none"), 1),
    hunt("timeout-reads-on", SUMS, IMPATIENT, Profile("none"), 20),
    hunt("timeout-uncaptured", SUMS, IMPATIENT, Profile("none"), 20),
    hunt("still-world", SUMS, &[], Profile("none"), 20),
    hunt("first-input", SUMS, &[], Profile("none"), 20),
    hunt("unsaved-output", SUMS, &[], Profile("none"), 20),
    hunt("read-on", SUMS, &[], Profile("none"), 20),
    hunt("late-barrier", SUMS, QUICK_STORE, Profile("storage"), 200),
    hunt("restored-uncaptured", SUMS, &[], Profile("crashes"), 200),
    hunt("unrecorded-input", WALKS, &[], Profile("none"), 1),
    hunt("last-marker", WALKS, &[], Profile("none"), 1),
    hunt("unlogged-back-edge", WALKS, &[], Profile("none"), 1),
    hunt("ack-before-captured", SUMS, &[], Profile("network"), 200),
    hunt("capture-again", SUMS, &[], Profile("none"), 1),
    hunt("writer-ends", SUMS, &[], Profile("storage"), 20),
    hunt("old-source", SUMS, SUSPENDED, Profile("none"), 1),
    hunt("savepoint-passed-over", BIDS, SAVED_BESIDE, Hand(crash_after_savepoint), 20),
    hunt("told-unwritten", BIDS, SLOW_END, Hand(crash_and_failed_writes_at_the_end), 200),
    hunt("count-acks", SUMS, &[], Hand(doubled_messages), 200),
    hunt("ack-before-durable", SUMS, &[], Profile("storage"), 200),
    hunt("mixed-line", SUMS, &[], Profile("crashes"), 200),
    hunt("stale-ack", SUMS, SLOW, Hand(crash_and_late_messages), 200),
    hunt("string-order", BIDS, RETAINED, Profile("crashes"), 200),
    hunt("subsume-early", SUMS, &[], Profile("none"), 1),
    hunt("gives-all-back", SUMS, RETAINED_ON_CANCELLATION, Profile("none"), 1),
    hunt("keeps-the-newest", SUMS, CANCELLED, Profile("none"), 1),
    hunt("stale-standing", SUMS, CROWDED, Profile("none"), 20),
    hunt("ignore-late-ack", SUMS, HASTY, Profile("messages"), 200),
    hunt("deleted-by-age", SUMS, SLOW_BARRIERS, Profile("none"), 20),
    hunt("forget-trigger", SUMS, &[], Profile("messages"), 200),
    hunt("lost-start", SUMS, &[], Hand(lost_messages), 20),
    hunt("global-counter", SUMS, &[], Profile("none"), 1),
    hunt("hash-order", SUMS, &[], Profile("none"), 1),
    hunt("newest-of-all", SUMS, &[], Profile("none"), 20),
    hunt("forced-unwritten", SUMS, &[], Profile("storage"), 200),
    hunt("hoard", SUMS, &[], Profile("none"), 20),
    hunt("undead", SUMS, &[], Profile("crashes"), 200),
    hunt("deaf-clocks", WALKS, &[], Profile("none"), 20),
    hunt("adopted-index", WALKS, &[], Profile("none"), 20),
    hunt("delivered-meanwhile", WALKS, &[], Profile("none"), 20),
    hunt("equal-index", SUMS, SLOW_SNAPSHOTS, Profile("none"), 1),
    hunt("lost-tombstone", SESSIONS, &[], Profile("crashes"), 200),
    hunt("inclusive-boundary", SESSIONS, MATERIALIZED, Profile("crashes"), 200),
    starting(4, hunt("lost-timers", SESSIONS, &[], Profile("none"), 1)),
    starting(4, hunt("rootless-log", SESSIONS, &[], Profile("crashes"), 200)),
    hunt("unflushed-rows", SESSIONS, &[], Profile("crashes"), 200),
    hunt("headless-timers", SESSIONS, MATERIALIZED, Profile("crashes"), 200),
    hunt("ignored-tail", SUMS, &[], Profile("none"), 1),
    hunt("saved-while-loading", SUMS, &[], Profile("crashes"), 200),
    hunt("aborted-share", SUMS, HASTY, Profile("messages"), 200),
    hunt("stale-copy", SUMS, LATE, Profile("none"), 20),
    hunt("uncounted-files", SUMS, &[], Profile("none"), 1),
    hunt("early-truncation", SUMS, SLOWLY_MATERIALIZED, Profile("none"), 1),
    hunt("unresolved-placeholder", SUMS, &[], Profile("none"), 1),
    hunt("hung-upload", SUMS, PATIENT, Profile("storage"), 20),
    hunt("commit-on-snapshot", BIDS, &[], Profile("crashes"), 200),
    hunt("forget-last-commit", BIDS, &[], Profile("none"), 1),
    hunt("commit-alone", BIDS, &[], Profile("crashes"), 200),
    hunt("taken-for-done", BIDS, &[], Profile("sinks"), 20),
    hunt("written-again", BIDS, &[], Profile("sinks"), 20),
    hunt("forgotten-commit", BIDS, &[], Profile("sinks"), 200),
    hunt("pooled-names", BIDS, LATE, Profile("crashes"), 200),
    hunt("stops-at-closed", SUMS, UNEVEN, Profile("none"), 1),
];

/// Bugs by other oracles than their own: what an idempotent and a plain sink show of them, what a snapshot that is missing
/// shows, what a torn cut or a wrong state leads to when a crash follows, or a restore without one, and what a job that is
/// stopped or cancelled shows of them, without a crash.
pub const OTHER_HUNTS: &[Hunt] = &[
    by("cut", hunt("no-block", SUMS, &[], Profile("none"), 1)),
    by("cut", hunt("late-snapshot", SUMS, &[], Profile("none"), 1)),
    by("ledger", hunt("no-block", COUNTS, IDEMPOTENT, Profile("crashes"), 200)),
    by("ledger", hunt("mixed-line", COUNTS, IDEMPOTENT, Profile("crashes"), 200)),
    by("ledger", hunt("no-block", COUNTS, PLAIN, Profile("crashes"), 200)),
    by("ledger", hunt("no-drain", COUNTS, PLAIN, Profile("crashes"), 200)),
    by("cut", hunt("stale-standing", SUMS, CROWDED, Profile("none"), 20)),
    by("cut", hunt("ack-before-captured", SUMS, &[], Profile("none"), 20)),
    by("store", hunt("ack-before-durable", SUMS, &[], Profile("storage"), 200)),
    by("state", hunt("first-input", SUMS, &[], Profile("crashes"), 200)),
    by("state", hunt("unsaved-output", SUMS, &[], Profile("crashes"), 200)),
    by("state", hunt("unrecorded-input", WALKS, &[], Profile("crashes"), 200)),
    by("state", hunt("last-marker", WALKS, &[], Profile("crashes"), 200)),
    by("state", hunt("unlogged-back-edge", WALKS, &[], Profile("crashes"), 200)),
    by("state", hunt("unlogged-back-edge", LABELS, &[], Profile("crashes"), 200)),
    by("state", hunt("read-on", SUMS, &[], Profile("crashes"), 200)),
    by("restore", hunt("lost-tombstone", SESSIONS, &[], Profile("none"), 1)),
    by("state", hunt("ignored-tail", SUMS, &[], Profile("crashes"), 200)),
    by("restore", starting(4, hunt("rootless-log", SESSIONS, &[], Profile("none"), 1))),
    by("restore", hunt("early-truncation", SUMS, SLOWLY_MATERIALIZED, Profile("none"), 1)),
    by("state", hunt("first-barrier", SUMS, SUSPENDED, Profile("none"), 20)),
    by("state", hunt("first-barrier", SUMS, SAVED, Profile("none"), 20)),
    by("state", hunt("unsaved-output", SUMS, SUSPENDED, Profile("none"), 20)),
    by("state", hunt("first-barrier", SUMS, RETAINED_ON_CANCELLATION, Profile("none"), 20)),
    by("ledger", hunt("commit-on-snapshot", BIDS, CANCELLED_AMID, Profile("none"), 1)),
    by("ledger", hunt("forget-last-commit", BIDS, DRAINED, Profile("none"), 1)),
    by("state", hunt("no-block", SUMS, DRAINED, Profile("crashes"), 200)),
    by("liveness", hunt("forget-trigger", SUMS, SUSPENDED, Profile("messages"), 200)),
    by("fencing", hunt("savepoint-passed-over", BIDS, SAVED_BESIDE, Hand(crash_after_savepoint), 20)),
    by("state", hunt("flushed-behind", SUMS, PATIENTLY_ALIGNED, Profile("crashes"), 200)),
    by("state", hunt("saved-while-loading", SUMS, &[], Profile("crashes"), 200)),
    by("restore", hunt("unflushed-rows", SESSIONS, &[], Profile("none"), 1)),
];

/// The same hunt with another oracle than the bug's own.
const fn by(oracle: &'static str, hunt: Hunt) -> Hunt {
    Hunt { by: Some(oracle), ..hunt }
}

/// The same hunt from a savepoint on: that of a checkpoint of the correct strategy.
const fn starting(from: u64, hunt: Hunt) -> Hunt {
    Hunt { from, ..hunt }
}

const fn hunt(
    bug: &'static str,
    scenario: &'static [&'static str],
    and: &'static [&'static str],
    faults: Faults,
    budget: u64,
) -> Hunt {
    Hunt { bug, scenario, and, faults, from: 0, budget, by: None }
}

fn between(from: Time, until: Time, fault: Fault) -> Planned {
    Planned { when: When::Between(from, until), fault }
}

/// Messages come twice all the time, and some come late: so an acknowledgement is doubled while another is missing.
fn doubled_messages(_: &Prepared, _: u64) -> Vec<Planned> {
    let doubled = Fault::DoubledMessages(DoubledMessages { per_mille: 300 });
    vec![between(0, 2 * SECOND, doubled)]
}

/// Some messages are lost.
fn lost_messages(_: &Prepared, _: u64) -> Vec<Planned> {
    vec![between(0, 2 * SECOND, Fault::LostMessages(LostMessages { per_mille: 60 }))]
}

/// A task crashes when it has acknowledged, and messages are overtaken by others, those of the next attempt too.
fn crash_and_late_messages(_: &Prepared, seed: u64) -> Vec<Planned> {
    let crash = Fault::TaskCrash(TaskCrash { task: None });
    let late = ReorderedMessages { per_mille: 300, by: 400 * MILLISECOND };
    vec![
        Planned { when: When::Point(Point::AckSent, 10 + (seed % 40) as u32), fault: crash },
        between(0, 2 * SECOND, Fault::ReorderedMessages(late)),
    ]
}

/// Triggers come so late that their checkpoints have expired, and of the messages that say so some are lost: one tokenizer
/// knows, one does not and sends the barrier, and a counter waits for the other barrier.
fn late_and_lost_messages(_: &Prepared, _: u64) -> Vec<Planned> {
    let late = DelayedMessages { per_mille: 300, by: 300 * MILLISECOND };
    let lost = LostMessages { per_mille: 200 };
    vec![
        between(200 * MILLISECOND, 3 * SECOND, Fault::DelayedMessages(late)),
        between(200 * MILLISECOND, 3 * SECOND, Fault::LostMessages(lost)),
    ]
}

/// Some writes fail, so checkpoints are given up; and a task crashes when a transaction has been committed.
fn failed_writes_and_crash(_: &Prepared, seed: u64) -> Vec<Planned> {
    let crash = Fault::TaskCrash(TaskCrash { task: None });
    vec![
        between(0, 2 * SECOND, Fault::FailedWrites(FailedWrites { per_mille: 60 })),
        Planned { when: When::Point(Point::Committed, 2 + (seed % 20) as u32), fault: crash },
    ]
}

/// A task crashes soon after a savepoint, perhaps before the next checkpoint.
fn crash_after_savepoint(_: &Prepared, seed: u64) -> Vec<Planned> {
    let crash = Fault::TaskCrash(TaskCrash { task: Some(TaskId(0)) });
    vec![Planned { when: When::At(SECOND + (20 + 13 * (seed % 10)) * MILLISECOND), fault: crash }]
}

/// When the input has ended a task crashes, and for a while before no write succeeds: perhaps just not that of the last metadata.
fn crash_and_failed_writes_at_the_end(prepared: &Prepared, seed: u64) -> Vec<Planned> {
    let from = prepared.duration() + 2 * (seed % 100) * MILLISECOND;
    let crash = Fault::TaskCrash(TaskCrash { task: Some(TaskId(4 + seed as u32 % 2)) });
    vec![
        between(from, from + 200 * MILLISECOND, Fault::FailedWrites(FailedWrites { per_mille: 1000 })),
        Planned { when: When::At(from + (20 + seed / 2 % 9 * 5) * MILLISECOND), fault: crash },
    ]
}
