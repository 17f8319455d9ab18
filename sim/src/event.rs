//! What happened: the one versioned enum of typed events that the world emits. Trace, metrics and oracles read it.

mod fold;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Then;
use crate::ids::{Attempt, ChannelId, CheckpointId, NodeId, TaskId};
use crate::protocol::AbortReason;
use crate::time::Time;

/// The version of [`Event`], of [`Passage`](crate::passage::Passage) and of traces: it grows with every change of its meaning or form.
pub const TRACE_VERSION: u32 = 7;

/// Who caused an event; part of the total order of the queue: (time, origin, number within the origin).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(pub u32);

impl Origin {
    /// The fault plan. Faults come first among simultaneous events.
    pub const FAULTS: Origin = Origin(0);
    /// The coordinator.
    pub const COORDINATOR: Origin = Origin(1);
    /// The external system of the sinks.
    pub const EXTERNAL: Origin = Origin(2);
    const NODES: u32 = 0x10;
    const TASKS: u32 = 0x1000_0000;

    /// A node.
    pub fn node(node: NodeId) -> Origin {
        Origin(Self::NODES + node.0)
    }

    /// A task.
    pub fn task(task: TaskId) -> Origin {
        Origin(Self::TASKS + task.0)
    }

    /// The node, if it is one.
    pub fn as_node(self) -> Option<NodeId> {
        (Self::NODES..Self::TASKS).contains(&self.0).then(|| NodeId(self.0 - Self::NODES))
    }

    /// The task, if it is one.
    pub fn as_task(self) -> Option<TaskId> {
        self.0.checked_sub(Self::TASKS).map(TaskId)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Origin::FAULTS => f.write_str("faults"),
            Origin::COORDINATOR => f.write_str("coordinator"),
            Origin::EXTERNAL => f.write_str("external system"),
            Origin(n) if n >= Self::TASKS => write!(f, "task {}", n - Self::TASKS),
            Origin(n) => write!(f, "node {}", n - Self::NODES),
        }
    }
}

/// The sizes and durations of one task's part in one checkpoint, as Flink defines them (*Monitoring Checkpointing*).
/// Nanoseconds and bytes. The acknowledgement comes at start delay + waiting + sync + async after the trigger. Of a cut that is
/// aligned the waiting is the alignment; of one that captures what is in flight it is nothing, for the alignment goes on
/// beside that; of one that began to align and then captured it is in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotMetrics {
    /// From the trigger to the first mark (or, at a root, the trigger's arrival).
    pub start_delay: Time,
    /// From the first mark to the last, or to the end of the last input on which one was awaited.
    pub alignment: Time,
    /// From the first mark to the cut.
    pub waiting: Time,
    /// The synchronous part.
    pub sync: Time,
    /// From its end until everything is durable, be it state or what was on its way.
    pub asynchronous: Time,
    /// Bytes of state written.
    pub bytes: u64,
    /// Bytes of state in the snapshot and in all files that it refers to.
    pub full_bytes: u64,
    /// Bytes of records that were on their way and are part of the snapshot.
    pub persisted_in_flight: u64,
    /// Bytes of records consumed during the alignment.
    pub processed_in_flight: u64,
}

/// What a control message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Down to a node: start these tasks.
    Deployment,
    /// Down to a node: stop everything older than this attempt; or up from it: that is done.
    Cancellation,
    /// Down to a task: begin a checkpoint.
    Trigger,
    /// Down to a task: a checkpoint is complete.
    Completion,
    /// Down to a task: a checkpoint has been given up.
    Abort,
    /// Down to a task: the user stops the job; or up from a source: it has stopped reading.
    Stop,
    /// Up from a task: its snapshot is durable.
    Acknowledgement,
    /// Up from a task: it cannot take part in a checkpoint, or has finished.
    Decline,
    /// Up from a source: it asks for a checkpoint.
    Request,
    /// Up from a node: what has become of a task.
    Status,
    /// Up from a node: it lives.
    Heartbeat,
}

/// Something that happened. The ids of snapshots, acknowledgements and commits are those of checkpoints; but where tasks take
/// checkpoints on their own ([`Hooks::log_sent`](crate::protocol::Hooks::log_sent)) they are each task's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A task has handled a record of an input. Only with [`Detail::records`].
    Record {
        /// The input's number at that task.
        input: u32,
        /// The record's lineage.
        lineage: u64,
    },
    /// What a task took from a channel is not what comes next in the sender's count. It must not be. Said once per task,
    /// attempt and kind.
    OrderBroken {
        /// The channel.
        channel: ChannelId,
        /// The sender's count of what came.
        sequence: u64,
        /// The count that should have come.
        expected: u64,
        /// True if it came before; false if others were skipped.
        repeated: bool,
        /// The lineage of the record that came.
        lineage: u64,
    },
    /// A mark of this checkpoint has been reached on an input. Only with [`Detail::marks`].
    MarkReached {
        /// The input's number at that task.
        input: u32,
        /// The checkpoint.
        id: CheckpointId,
        /// True if the mark cancels the checkpoint.
        cancel: bool,
    },
    /// This checkpoint has begun here, by its first mark or by a trigger, while the marks of other inputs are awaited.
    AlignmentStarted {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// A task has taken its snapshot.
    SnapshotTaken {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// A snapshot, what was captured for it and what was prepared with it is durable.
    Persisted {
        /// The checkpoint.
        id: CheckpointId,
        /// What it cost.
        metrics: SnapshotMetrics,
    },
    /// A snapshot could not be written.
    PersistFailed {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// A task has sent its acknowledgement.
    AckSent {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// A sink has asked for the commit of what it had prepared.
    CommitSent {
        /// The checkpoint that allows it.
        id: CheckpointId,
    },
    /// The external system has made a transaction visible.
    TransactionCommitted {
        /// The sink.
        task: TaskId,
        /// The checkpoint with which it was prepared.
        id: CheckpointId,
    },
    /// The external system has refused something that an older attempt asked for.
    TransactionFenced {
        /// The sink.
        task: TaskId,
        /// The attempt that asked.
        attempt: Attempt,
    },
    /// A task has consumed all its input and sent its last record.
    TaskEnded,
    /// A task has finished for good.
    TaskFinished,
    /// A task runs, with its state restored.
    TaskRunning {
        /// The attempt it belongs to.
        attempt: Attempt,
    },
    /// A task could not read the state it was to restore; or, of the coordinator, a line names another number of tasks than
    /// there are.
    RestoreFailed,
    /// The coordinator begins a checkpoint.
    CheckpointTriggered {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// The coordinator has received an acknowledgement.
    AckReceived {
        /// The sender.
        task: TaskId,
        /// The attempt in which it was sent.
        attempt: Attempt,
        /// The checkpoint.
        id: CheckpointId,
    },
    /// A message of an older attempt made the coordinator do something. It must not.
    StaleEffect {
        /// The sender.
        task: TaskId,
        /// The attempt in which it was sent.
        attempt: Attempt,
    },
    /// The coordinator has all it needs and writes the metadata.
    MetadataSent {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// The checkpoint exists: its metadata is durable.
    CheckpointCompleted {
        /// The checkpoint.
        id: CheckpointId,
        /// From the trigger to now.
        duration: Time,
        /// Everything that was written for its snapshots, in bytes.
        bytes: u64,
        /// Everything that its snapshots refer to, in bytes.
        full_bytes: u64,
    },
    /// The checkpoint has been given up.
    CheckpointAborted {
        /// The checkpoint.
        id: CheckpointId,
        /// Why.
        reason: AbortReason,
    },
    /// The checkpoint is no longer needed.
    CheckpointSubsumed {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// All tasks run.
    JobRunning {
        /// The attempt.
        attempt: Attempt,
    },
    /// The coordinator has noticed a failure and cancels the job.
    FailureNoticed {
        /// The attempt that failed.
        attempt: Attempt,
    },
    /// Everything is cancelled.
    JobCancelled,
    /// The coordinator restores the job.
    Restoring {
        /// The new attempt.
        attempt: Attempt,
        /// The checkpoint restored; `None`: the initial state, be it empty or a savepoint.
        checkpoint: Option<CheckpointId>,
    },
    /// All tasks have finished.
    JobFinished,
    /// The job has used up its restarts, or cannot be restored.
    JobFailed,
    /// A task has crashed.
    TaskCrashed {
        /// The task.
        task: TaskId,
    },
    /// A node has crashed, and all tasks on it.
    NodeCrashed {
        /// The node.
        node: NodeId,
    },
    /// A crashed node is back.
    NodeReturned {
        /// The node.
        node: NodeId,
    },
    /// The coordinator takes a node for dead.
    NodeDeclaredDead {
        /// The node.
        node: NodeId,
    },
    /// A control message was lost.
    MessageLost {
        /// What it was about.
        topic: Topic,
    },
    /// A control message came late or twice.
    MessageDisturbed {
        /// What it is about.
        topic: Topic,
    },
    /// A fault that lasts has begun or ended.
    FaultWindow {
        /// Its number in the plan.
        fault: u32,
        /// True if it begins.
        begins: bool,
    },
    /// The log of what a task has sent since its newest durable snapshot goes to the store with the snapshot that it takes.
    SentLogged {
        /// The snapshot.
        id: CheckpointId,
        /// The size of that part of the log.
        bytes: u64,
    },
    /// The snapshot that a task has just taken was forced by what was about to be delivered.
    SnapshotForced {
        /// The snapshot.
        id: CheckpointId,
    },
    /// The external system has been asked for a transaction that it had aborted, because it had been open for too long.
    TransactionExpired {
        /// The sink.
        task: TaskId,
        /// The checkpoint with which it was prepared, or was to be prepared.
        id: CheckpointId,
        /// True if it was prepared and was to be committed: its records are lost.
        prepared: bool,
    },
    /// A request for commit has failed, as seen by the sink.
    CommitFailed {
        /// The sink.
        task: TaskId,
        /// True if it was done and only the answer is lost.
        done: bool,
    },
    /// A sink has failed, because the transaction that it wanted to prepare had expired.
    SinkFailed,
    /// The user asks for a savepoint.
    SavepointRequested {
        /// What is to follow it.
        then: Then,
    },
    /// A source has stopped reading, because it was told to.
    SourceStopped {
        /// True if it ends there.
        drain: bool,
    },
    /// The savepoint that was asked for is this checkpoint; from now on it belongs to the user.
    SavepointTaken {
        /// The checkpoint.
        id: CheckpointId,
        /// From the request to its completion.
        duration: Time,
        /// Everything that its snapshots refer to, in bytes.
        bytes: u64,
    },
    /// The job has been stopped with a savepoint: every task has heard of it, committed, and gone.
    JobSuspended,
    /// The user cancels the job.
    CancelRequested,
    /// The cancelled job stands still: no task of it is left, and no checkpoint is being written.
    JobClosed,
    /// The job is over before its end, and its checkpoints are deleted unless they are to be retained.
    JobOver,
}

impl Event {
    /// True for an event that is told only if it is asked for: it has no part in the digest, so that a run that is watched is the same.
    pub fn is_detail(&self) -> bool {
        matches!(self, Event::Record { .. } | Event::MarkReached { .. })
    }
}

/// An event, when and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// When.
    pub time: Time,
    /// By whom.
    pub origin: Origin,
    /// What.
    pub event: Event,
}

/// Which of the frequent events to emit. What is off costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Detail {
    /// [`Event::Record`].
    pub records: bool,
    /// [`Event::MarkReached`].
    pub marks: bool,
    /// Latencies at the sinks, in [`World::latencies`](crate::world::World).
    pub latencies: bool,
    /// What the course of a run is drawn from: see [`World::arrivals`](crate::world::World::arrivals) and
    /// [`World::stalls`](crate::world::World::stalls). Only together with `latencies`.
    pub course: bool,
    /// What goes from whom to whom, in [`World::passages`](crate::world::World::passages). Only without lookahead.
    pub passages: bool,
    /// What single faults can strike, in [`World::targets`](crate::world::World::targets).
    pub targets: bool,
}

/// Folds a number into a chain: equal chains mean equal sequences. One multiplication.
#[inline]
pub fn chain(chain: u64, x: u64) -> u64 {
    (chain.rotate_left(23) ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The hash of a stamped event: the same on every platform, in every build.
#[inline]
pub fn hash(stamped: &Stamped) -> u64 {
    fold::hash(stamped)
}
