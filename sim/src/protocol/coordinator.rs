//! The machine in the coordinator: what it may look at, what happens to it, what it may have done.

use std::fmt;
use std::hash::Hash;

use std::sync::Arc;

use super::{Down, Handle, InputSet, Up};
use crate::config::CheckpointConfig;
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::time::Time;
use crate::topology::ChannelInfo;

/// What the coordinator's machine may look at.
#[derive(Clone, Copy, Debug)]
pub struct JobCtx<'a> {
    /// The present instant.
    pub now: Time,
    /// The present attempt; what an older one says must have no effect.
    pub attempt: Attempt,
    /// The first id that this job may give to a checkpoint: 1, or the one after the savepoint that it was started from.
    pub first_checkpoint: CheckpointId,
    /// The number of tasks.
    pub tasks: u32,
    /// The tasks that have finished.
    pub finished: &'a InputSet,
    /// The unfinished tasks into which no mark can come from upstream: sources, and those whose senders have all
    /// finished (but for those over feedback edges, which wait for the task itself). A trigger goes to them.
    pub roots: &'a [TaskId],
    /// The channels of the job.
    pub channels: &'a [ChannelInfo],
    /// Checkpointing as configured.
    pub config: &'a CheckpointConfig,
}

/// How many items a task had sent on each of its outputs and consumed from each of its inputs when it took a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Positions {
    /// By output: see [`ChannelInfo::output`].
    pub sent: Vec<u64>,
    /// By input: see [`ChannelInfo::input`].
    pub received: Vec<u64>,
}

/// What happens to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoordinatorEvent {
    /// All tasks run (for the first time, or again after a restore).
    Started,
    /// A timer of this machine.
    Timer(u64),
    /// A message from a task. It may be late, doubled, or from an attempt that is gone.
    FromTask {
        /// The sender.
        task: TaskId,
        /// The attempt in which it was sent.
        attempt: Attempt,
        /// What it says.
        up: Up,
        /// With an acknowledgement: the snapshot.
        handle: Option<Handle>,
        /// With an acknowledgement, and [`Hooks::log_sent`](super::Hooks::log_sent): where the snapshot stands.
        positions: Option<Arc<Positions>>,
    },
    /// The user asks for a checkpoint.
    Requested,
    /// A task has finished for good: it heard that a checkpoint which contains its end is complete, and takes no snapshot
    /// any more. The one in the newest checkpoint that exists stands for it.
    Finished(TaskId),
    /// Tasks were lost; everything in progress is void.
    Lost,
    /// Everything is cancelled: say from where to start again.
    Recover,
    /// The metadata of this checkpoint is durable: it exists.
    MetaStored(CheckpointId),
    /// The metadata of this checkpoint could not be written.
    MetaFailed(CheckpointId),
    /// The job is over. Its checkpoints stay, or (`false`) all of them are to go.
    Over(bool),
}

/// To whom the coordinator speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// One task.
    Task(TaskId),
    /// Every unfinished task.
    All,
    /// Every task of [`JobCtx::roots`].
    Roots,
}

/// From where to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The checkpoint restored, for the record; `None` if it is the initial state.
    pub checkpoint: Option<CheckpointId>,
    /// Per task its snapshot, or `None` for the initial state: an empty one, or what a savepoint saved.
    pub snapshots: Vec<Option<Handle>>,
}

/// Why a checkpoint was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortReason {
    /// It took longer than the time-out.
    Expired,
    /// A task declined.
    Declined,
    /// A task that was to take part had just finished.
    Unavailable,
    /// Its metadata could not be stored.
    MetadataNotStored,
    /// A newer checkpoint has completed.
    Subsumed,
    /// Tasks were lost.
    Failover,
}

/// What the coordinator's machine may have done. Executed in order, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoordinatorEffect {
    /// For the record: this checkpoint begins.
    Begin(CheckpointId),
    /// Send to tasks.
    Tell(To, Down),
    /// Store this checkpoint's metadata: these snapshots, one per task.
    Complete(CheckpointId, Vec<Option<Handle>>),
    /// For the record: this checkpoint has been given up, and these snapshots are of no use, unless another one refers to
    /// them.
    Abandon(CheckpointId, AbortReason, Vec<Handle>),
    /// A snapshot is of no use, unless a checkpoint refers to it.
    Discard(Handle),
    /// A completed checkpoint is no longer needed.
    Subsume(CheckpointId),
    /// Start from here: the answer to [`CoordinatorEvent::Recover`].
    Restore(Line),
    /// Wake this machine after so many nanoseconds with this token.
    Timer(Time, u64),
    /// Fail the job over: too many checkpoints have failed.
    FailOver,
}

/// Collects the effects of the coordinator's machine.
#[derive(Clone, Debug, Default)]
pub struct CoordinatorEffects(pub Vec<CoordinatorEffect>);

impl CoordinatorEffects {
    /// See [`CoordinatorEffect::Begin`].
    pub fn begin(&mut self, id: CheckpointId) {
        self.0.push(CoordinatorEffect::Begin(id));
    }
    /// See [`CoordinatorEffect::Tell`].
    pub fn tell(&mut self, to: To, down: Down) {
        self.0.push(CoordinatorEffect::Tell(to, down));
    }
    /// See [`CoordinatorEffect::Complete`].
    pub fn complete(&mut self, id: CheckpointId, snapshots: Vec<Option<Handle>>) {
        self.0.push(CoordinatorEffect::Complete(id, snapshots));
    }
    /// See [`CoordinatorEffect::Abandon`].
    pub fn abandon(&mut self, id: CheckpointId, reason: AbortReason, snapshots: Vec<Handle>) {
        self.0.push(CoordinatorEffect::Abandon(id, reason, snapshots));
    }
    /// See [`CoordinatorEffect::Discard`].
    pub fn discard(&mut self, handle: Handle) {
        self.0.push(CoordinatorEffect::Discard(handle));
    }
    /// See [`CoordinatorEffect::Subsume`].
    pub fn subsume(&mut self, id: CheckpointId) {
        self.0.push(CoordinatorEffect::Subsume(id));
    }
    /// See [`CoordinatorEffect::Restore`].
    pub fn restore(&mut self, line: Line) {
        self.0.push(CoordinatorEffect::Restore(line));
    }
    /// See [`CoordinatorEffect::Timer`].
    pub fn timer(&mut self, after: Time, token: u64) {
        self.0.push(CoordinatorEffect::Timer(after, token));
    }
    /// See [`CoordinatorEffect::FailOver`].
    pub fn fail_over(&mut self) {
        self.0.push(CoordinatorEffect::FailOver);
    }
}

/// The part of a cut protocol that runs in the coordinator. Its hash is of all that it holds.
pub trait CoordinatorCut: Clone + fmt::Debug + Hash + Send + Sync + 'static {
    /// A machine for a job that has not run yet.
    fn new(job: &JobCtx<'_>) -> Self;

    /// Reacts to an event.
    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects);
}
