//! What is left of a run: plain data, for the screen, for files, for reports. Times are nanoseconds of virtual time.

pub use cutline_sim::config::{CheckpointMode, Then};
pub use cutline_sim::ids::{Attempt, CheckpointId};
pub use cutline_sim::oracles::Verdict;
pub use cutline_sim::protocol::{AbortReason, SnapshotMethod};
pub use cutline_sim::world::{Bound, Outcome};
use serde::{Deserialize, Serialize};

/// The version of [`RunRecord`]: it grows with every change of its meaning or form.
pub const RECORD_VERSION: u32 = 6;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The strategy's name, or the bug's.
    pub strategy: String,
    /// How its snapshots reached the store.
    pub snapshot: SnapshotMethod,
    /// The fault profile's name.
    pub faults: String,
    /// The seed.
    pub seed: u64,
    /// The faults drawn, a line each.
    pub plan: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the oracles say, in the order of `cutline list oracles`.
    pub verdicts: Vec<OracleVerdict>,
    /// The digest of everything observable, 32 hexadecimal digits.
    pub digest: String,
    /// How long it took.
    pub duration: u64,
    /// Events and records handled by the simulator.
    pub steps: u64,
    /// Records read by the sources in the history that counts.
    pub source_records: u64,
    /// Records visible in the external system.
    pub sink_records: u64,
    /// Records that sources had to read again after restores.
    pub replayed_records: u64,
    /// Records that reached a sink (or the last operator), repetitions included.
    pub arrivals: u64,
    /// Arrivals per second of virtual time.
    pub throughput: f64,
    /// From the instant a record could be read to its arrival.
    pub latency: Latency,
    /// Checkpoints, in the order of their ids.
    pub checkpoints: Vec<CheckpointRecord>,
    /// Crashes of tasks.
    pub task_crashes: u64,
    /// Crashes of nodes.
    pub node_crashes: u64,
    /// Restores after a failure, in order.
    pub restores: Vec<RestoreRecord>,
    /// Control messages that were lost, late or doubled.
    pub messages_disturbed: u64,
    /// Writes of snapshots and metadata that failed.
    pub writes_failed: u64,
    /// Requests for commit that failed, as seen by the sinks.
    pub commits_failed: u64,
    /// Transactions that expired before they were prepared, and so made their sinks fail; and before they were committed, whose
    /// records are lost.
    pub transactions_expired: ExpiredTransactions,
    /// What the job promised of its state.
    pub mode: CheckpointMode,
    /// The savepoint from which the run began, if it did not begin with nothing.
    pub started_from: Option<StartedFrom>,
    /// Operators that handled more records, in the history that counts, than a failure-free run does.
    pub counted_again: Vec<CountedAgain>,
    /// Of a strategy whose tasks take checkpoints on their own: what became of those. Its [`checkpoints`](Self::checkpoints) are
    /// the lines that were stored.
    pub local: Option<LocalCheckpoints>,
    /// What its user asked of the job, and what became of that.
    pub life: LifeRecord,
}

/// What its user asked of the job, and what became of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LifeRecord {
    /// The savepoint, if one was to be taken.
    pub savepoint: Option<SavepointRecord>,
    /// When the job was cancelled, if it was.
    pub cancelled: Option<u64>,
    /// The completed checkpoints that are in the store at the end, oldest first.
    pub retained: Vec<String>,
}

/// A savepoint that was to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SavepointRecord {
    /// When it was to be asked for.
    pub at: u64,
    /// What was to follow it.
    pub then: Then,
    /// When it was asked for; absent: the run was over before.
    pub asked: Option<u64>,
    /// Checkpoints that were given up while it was awaited.
    pub failed: u64,
    /// What was taken; absent: nothing.
    pub taken: Option<TakenRecord>,
}

/// A savepoint that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TakenRecord {
    /// The checkpoint.
    pub id: CheckpointId,
    /// Where it is in the store, as long as it is retained there.
    pub path: String,
    /// When it was complete. Of a drained job: when the job had finished.
    pub at: u64,
    /// From the request to that.
    pub duration: u64,
    /// Everything that it refers to, in bytes.
    pub size: u64,
}

/// Transactions that had been open for longer than the external system allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExpiredTransactions {
    /// Before they were prepared: the sink fails and the job restarts; nothing is lost.
    pub open: u64,
    /// Before they were committed: what a completed checkpoint had promised is lost.
    pub prepared: u64,
}

/// A savepoint from which a run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StartedFrom {
    /// Its file, if it came from one.
    pub path: Option<String>,
    /// The checkpoint that it was made of.
    pub checkpoint: CheckpointId,
    /// True if the run was held to what one whole failure-free run gives; false: to what a failure-free run makes of the
    /// savepoint, because the job is not the one that it was taken of, or that one had not been exactly once.
    pub judged_whole: bool,
}

/// How many records an operator has counted more than once. Some that it counted and some that it lost would cancel out here;
/// that none are lost is what oracles prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CountedAgain {
    /// The operator's uid.
    pub operator: String,
    /// So many more than a failure-free run.
    pub records: u64,
}

/// The checkpoints that tasks have taken on their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LocalCheckpoints {
    /// How many became durable.
    pub taken: u64,
    /// How many of those lay on no line that was stored.
    pub useless: u64,
    /// How many were taken because of what was about to be delivered, durable or not.
    pub forced: u64,
    /// What was written of the log of everything sent, in bytes.
    pub log_bytes: u64,
    /// What was piggybacked on everything sent, in bytes.
    pub piggybacked_bytes: u64,
}

/// How far tasks that take checkpoints on their own went back in a recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rollback {
    /// The most durable checkpoints that a task had taken after the one it was restored from.
    pub deepest: u64,
    /// The sum over all tasks.
    pub total: u64,
    /// The age of the oldest checkpoint restored when the failure happened, in nanoseconds; of the initial state the age of the
    /// run.
    pub age: u64,
}

/// What one oracle says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OracleVerdict {
    /// The oracle.
    pub oracle: String,
    /// Its verdict.
    pub verdict: Verdict,
}

/// Latencies in nanoseconds; two significant digits. All 0 if nothing arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Latency {
    /// Half are below.
    pub p50: u64,
    /// 99 of 100 are below.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

/// How a checkpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckpointEnd {
    /// Its metadata is durable.
    Completed,
    /// It was given up.
    Aborted(AbortReason),
    /// The run ended before it.
    InProgress,
}

/// One checkpoint, in the terms of Flink's "Monitoring Checkpointing". Durations of parts are those of the slowest subtask in
/// each part; sizes are sums over all subtasks.
///
/// Where tasks take checkpoints on their own it is a line of those that was stored. Then it begins when the line was found, the
/// parts are those of its snapshots, which were taken before, and the data in flight is what the log holds of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckpointRecord {
    /// Its id.
    pub id: CheckpointId,
    /// Where it is in the store: `execution.checkpointing.dir`, then `/chk-` and the id. Only a completed one is there, and
    /// only while it is retained.
    pub path: String,
    /// When it was triggered.
    pub triggered: u64,
    /// How it ended.
    pub end: CheckpointEnd,
    /// From the trigger to its end.
    pub duration: u64,
    /// Everything that was written for it, in bytes: state, and persisted in-flight data. 0 if it did not complete.
    pub checkpointed_data_size: u64,
    /// Everything that it refers to, in bytes: that, what it shares with older ones, and what stands for finished tasks.
    pub full_checkpoint_data_size: u64,
    /// Data that was on its way and is part of it, in bytes; 0 if its cut waits for the data.
    pub persisted_in_flight_data: u64,
    /// Data that was handled between the first barrier and the last, in bytes.
    pub processed_in_flight_data: u64,
    /// Longest start delay.
    pub start_delay: u64,
    /// Longest alignment duration.
    pub alignment: u64,
    /// Longest sync duration.
    pub sync: u64,
    /// Longest async duration.
    pub asynchronous: u64,
}

/// One recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RestoreRecord {
    /// The attempt it began.
    pub attempt: Attempt,
    /// The checkpoint restored; absent: the initial state, be it empty or a savepoint.
    pub checkpoint: Option<CheckpointId>,
    /// Where that checkpoint was in the store.
    pub path: Option<String>,
    /// When the first crash happened that it repairs (or, without one, when the coordinator decided).
    pub crashed: u64,
    /// When the coordinator noticed.
    pub noticed: u64,
    /// When everything was cancelled.
    pub cancelled: u64,
    /// When the restore began.
    pub began: u64,
    /// When all tasks ran again; absent if they did not before the next failure.
    pub running: Option<u64>,
    /// Records that sources had emitted and must read again.
    pub replayed: u64,
    /// How far the tasks went back, if they take checkpoints on their own.
    pub rollback: Option<Rollback>,
}

/// The class of a run, as its exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// No oracle objects.
    Pass = 0,
    /// An oracle other than liveness and determinism objects.
    Safety = 1,
    /// Liveness objects.
    Stall = 3,
    /// Determinism objects.
    NonDeterminism = 4,
}

impl Class {
    /// Its name, as in records and rows.
    pub fn name(self) -> &'static str {
        match self {
            Class::Pass => "pass",
            Class::Safety => "safety",
            Class::Stall => "stall",
            Class::NonDeterminism => "non-determinism",
        }
    }
}

impl RunRecord {
    /// How often the job stood still: the restores from a crash until all tasks ran again, one if nothing failed in between.
    pub fn recoveries(&self) -> impl Iterator<Item = &[RestoreRecord]> {
        let whole = |restores: &&[RestoreRecord]| restores.last().is_some_and(|last| last.running.is_some());
        self.restores.split_inclusive(|restore| restore.running.is_some()).filter(whole)
    }

    /// For how long it stood still each time, from the first crash until all tasks ran again.
    pub fn times_to_running(&self) -> impl Iterator<Item = u64> {
        let time = |restores: &[RestoreRecord]| {
            let first = restores.iter().map(|restore| restore.crashed).min()?;
            Some(restores.last()?.running?.saturating_sub(first))
        };
        self.recoveries().filter_map(time)
    }

    /// The class: non-determinism first (nothing else can be believed then), then safety, then stalls.
    pub fn class(&self) -> Class {
        use cutline_sim::oracles::{determinism, liveness};
        let fails = |name: &str| self.verdicts.iter().any(|v| v.oracle == name && v.verdict.is_fail());
        if fails(determinism::NAME) {
            return Class::NonDeterminism;
        }
        let safety = |v: &OracleVerdict| v.oracle != liveness::NAME && v.verdict.is_fail();
        if self.verdicts.iter().any(safety) {
            Class::Safety
        } else if fails(liveness::NAME) || !self.outcome.is_wanted() {
            Class::Stall
        } else {
            Class::Pass
        }
    }

    /// The oracles that object.
    pub fn objections(&self) -> impl Iterator<Item = &str> {
        self.verdicts
            .iter()
            .filter(|verdict| verdict.verdict.is_fail())
            .map(|verdict| verdict.oracle.as_str())
    }

    /// Completed checkpoints.
    pub fn completed(&self) -> impl Iterator<Item = &CheckpointRecord> {
        self.checkpoints.iter().filter(|checkpoint| checkpoint.end == CheckpointEnd::Completed)
    }

    /// Number of aborted checkpoints; [`RunRecord::void`] ones do not count.
    pub fn aborted(&self) -> usize {
        let aborted =
            |end| matches!(end, CheckpointEnd::Aborted(reason) if reason != AbortReason::Unavailable);
        self.checkpoints.iter().filter(|checkpoint| aborted(checkpoint.end)).count()
    }

    /// Number of checkpoints that met a task which had just finished: nothing failed, the next one does without it.
    pub fn void(&self) -> usize {
        let void = CheckpointEnd::Aborted(AbortReason::Unavailable);
        self.checkpoints.iter().filter(|checkpoint| checkpoint.end == void).count()
    }
}
