//! What a checkpoint strategy is, seen from the machine: a *cut protocol* and a *snapshot method*.
//!
//! A cut protocol is a pair of pure state machines, one per task ([`TaskCut`]) and one in the coordinator
//! ([`CoordinatorCut`]): events in, effects out. They hold no clock, no randomness, no I/O. The machine executes the
//! effects in the order given, at the instant of the event, before anything else happens to that task.
//!
//! The machine erases the types once per world ([`Protocol`](crate::erased::Protocol)): one boxed value holds the
//! machines of all tasks, so adding a strategy costs no recompilation of the simulator, and cloning a world clones two
//! vectors.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::CheckpointConfig;
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::record::Mark;
use crate::reusable;
use crate::time::Time;
use crate::topology::ChannelInfo;

/// An input of a task: channels are numbered from 0; [`READING`] is the reading of a source.
pub type Input = u32;

/// The virtual input through which a source reads: blocking it pauses the source.
pub const READING: Input = u32::MAX;

/// The name of a task's snapshot in the store, as the coordinator's machine passes it around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Handle(pub u64);

impl Handle {
    /// The name of the n-th snapshot that a task has taken: those of one task are in the order in which they were taken.
    pub(crate) fn of(task: TaskId, nth: u32) -> Handle {
        Handle(u64::from(task.0) << 32 | u64::from(nth))
    }

    /// Whose snapshot it is.
    pub fn task(self) -> TaskId {
        TaskId((self.0 >> 32) as u32)
    }
}

/// From the coordinator to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Down {
    /// Begin this checkpoint.
    Trigger(CheckpointId),
    /// This checkpoint is complete, and so is every older one that will ever be.
    Completed(CheckpointId),
    /// This checkpoint has been given up.
    Aborted(CheckpointId),
}

/// From a task to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Up {
    /// The snapshot for this checkpoint is durable.
    Ack(CheckpointId),
    /// This task cannot take part in this checkpoint.
    Decline(CheckpointId),
    /// This task has finished: it cannot take part, and the trigger went to it by mistake. That is no failure.
    Unavailable(CheckpointId),
    /// A source asks for a checkpoint: a record count, a marked record, or the end of its input.
    Request,
}

/// What a cut protocol asks of the machine beside the events that every task gets. What is not asked for costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// [`TaskEvent::Arrived`]: a mark is seen as soon as it arrives, before what stands in front of it has been consumed.
    pub arrivals: bool,
    /// A snapshot waits until the mark of its checkpoint, if it was emitted, has left on every output: so long it can be
    /// [expedited](TaskEffect::Expedite). Only with [`Hooks::arrivals`].
    pub departures: bool,
    /// Everything sent is logged: each snapshot holds what was sent since the last one that is durable, so a line may cut through
    /// channels that are not empty. Snapshots are each task's own then: their ids have nothing to do with those of checkpoints,
    /// nor with those of other tasks; acknowledgements come with [`Positions`], and [`CoordinatorEffect::Complete`] may
    /// name any snapshots that together are consistent.
    pub log_sent: bool,
    /// Everything sent carries a tag, and whoever is about to receive it looks at that first: [`TaskCut::tag`],
    /// [`TaskCut::before_deliver`], [`TaskCut::delivered`]. Only together with `log_sent`, for the log keeps the tags too.
    pub tags: bool,
}

impl Hooks {
    /// Nothing.
    pub const NONE: Hooks = Hooks { arrivals: false, departures: false, log_sent: false, tags: false };
}

/// What a task's machine may look at.
#[derive(Clone, Copy, Debug)]
pub struct TaskCtx<'a> {
    /// The task.
    pub task: TaskId,
    /// The number of its input channels; a source has none.
    pub inputs: u32,
    /// The number of its input channels whose sender has not finished.
    pub open: &'a InputSet,
    /// Its input channels that come over feedback edges, which close the cycles of the job.
    pub feedback: &'a InputSet,
    /// True for a source.
    pub is_source: bool,
    /// The number of tasks of the job.
    pub tasks: u32,
    /// The tasks to which something was sent since the last snapshot. Only with [`Hooks::tags`].
    pub sent_to: &'a InputSet,
    /// Checkpointing as configured.
    pub config: &'a CheckpointConfig,
    /// With a trigger and with a mark that arrives: the time since the coordinator began that checkpoint, in nanoseconds.
    pub age: Time,
}

/// What happens to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEvent {
    /// The task runs, with its state restored.
    Started,
    /// A control message came.
    Control(Down),
    /// A mark has arrived on an input; other things may stand before it. Only with [`Hooks::arrivals`].
    Arrived(Input, Mark),
    /// A mark is the next thing on an input: everything before it has been consumed.
    Reached(Input, Mark),
    /// The sender of an input has finished: no mark will come on it.
    InputEnded(Input),
    /// A timer of this machine.
    Timer(u32),
    /// The snapshot of this checkpoint is durable, with everything that was captured for it, and so are the transactions
    /// prepared with it.
    Persisted(CheckpointId),
    /// The snapshot of this checkpoint could not be written.
    PersistFailed(CheckpointId),
}

/// What a task's machine may have done. Executed in order, at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEffect {
    /// Consume nothing more from this input.
    Block(Input),
    /// Consume from this input again.
    Unblock(Input),
    /// Send a mark behind everything sent so far, on every output channel.
    Emit(Mark),
    /// Send a mark on every output channel before everything that is not on the wire yet. What a cut overtakes becomes part of
    /// the snapshot that is taken for it at this instant, as records that the task has still to send.
    Overtake(Mark),
    /// Send a mark that was emitted before everything else that is not on the wire yet, on every output channel on which it has
    /// not left itself. What it overtakes becomes part of the snapshot of its checkpoint, which must have been taken when it was
    /// emitted. Only with [`Hooks::departures`].
    Expedite(Mark),
    /// Make what comes on this input before the cut of this checkpoint part of its snapshot, which was taken at this instant:
    /// from the next item that is consumed, up to the mark or to the end of the input. The snapshot is not durable before the
    /// mark is there: when it arrives with [`Hooks::arrivals`], when it is reached without.
    Capture(Input, CheckpointId),
    /// Take the snapshot of this checkpoint: state, positions, this machine's durable part.
    Snapshot(CheckpointId),
    /// Forget the snapshot of this checkpoint.
    DropSnapshot(CheckpointId),
    /// Send to the coordinator; an [`Up::Ack`] carries the handle of that snapshot.
    Tell(Up),
    /// Make the transactions that were prepared for this and older checkpoints visible.
    Commit(CheckpointId),
    /// Wake this machine after so many nanoseconds with this token.
    Timer(Time, u32),
    /// The same, and up to so many nanoseconds later (the second number), drawn from the seed: a machine has no randomness
    /// of its own.
    JitteredTimer(Time, Time, u32),
}

/// Collects the effects of a task's machine.
#[derive(Clone, Debug, Default)]
pub struct TaskEffects(pub Vec<TaskEffect>);

impl TaskEffects {
    /// See [`TaskEffect::Block`].
    pub fn block(&mut self, input: Input) {
        self.0.push(TaskEffect::Block(input));
    }
    /// See [`TaskEffect::Unblock`].
    pub fn unblock(&mut self, input: Input) {
        self.0.push(TaskEffect::Unblock(input));
    }
    /// See [`TaskEffect::Emit`].
    pub fn emit(&mut self, mark: Mark) {
        self.0.push(TaskEffect::Emit(mark));
    }
    /// See [`TaskEffect::Overtake`].
    pub fn overtake(&mut self, mark: Mark) {
        self.0.push(TaskEffect::Overtake(mark));
    }
    /// See [`TaskEffect::Expedite`].
    pub fn expedite(&mut self, mark: Mark) {
        self.0.push(TaskEffect::Expedite(mark));
    }
    /// See [`TaskEffect::Capture`].
    pub fn capture(&mut self, input: Input, id: CheckpointId) {
        self.0.push(TaskEffect::Capture(input, id));
    }
    /// See [`TaskEffect::Snapshot`].
    pub fn snapshot(&mut self, id: CheckpointId) {
        self.0.push(TaskEffect::Snapshot(id));
    }
    /// See [`TaskEffect::DropSnapshot`].
    pub fn drop_snapshot(&mut self, id: CheckpointId) {
        self.0.push(TaskEffect::DropSnapshot(id));
    }
    /// See [`TaskEffect::Tell`].
    pub fn tell(&mut self, up: Up) {
        self.0.push(TaskEffect::Tell(up));
    }
    /// See [`TaskEffect::Commit`].
    pub fn commit(&mut self, id: CheckpointId) {
        self.0.push(TaskEffect::Commit(id));
    }
    /// See [`TaskEffect::Timer`].
    pub fn timer(&mut self, after: Time, token: u32) {
        self.0.push(TaskEffect::Timer(after, token));
    }
    /// See [`TaskEffect::JitteredTimer`].
    pub fn jittered_timer(&mut self, after: Time, jitter: Time, token: u32) {
        self.0.push(TaskEffect::JitteredTimer(after, jitter, token));
    }
}

/// The part of a cut protocol that runs in every task.
pub trait TaskCut: Clone + Send + Sync + 'static {
    /// What must survive a crash: it is saved with every snapshot and given back at the restore.
    type Durable: Clone + Default + Serialize + DeserializeOwned;

    /// What it asks of the machine.
    const HOOKS: Hooks = Hooks::NONE;

    /// A promise: no snapshot is useless, also in jobs with cycles. Only with [`Hooks::log_sent`]; the oracle
    /// [`zigzag`](crate::oracles::zigzag) holds it to that.
    const NEVER_USELESS: bool = false;

    /// A machine for a task that starts, from what its snapshot saved, or from the default if there is none.
    fn new(task: &TaskCtx<'_>, restored: Self::Durable) -> Self;

    /// What to save with a snapshot taken now.
    fn durable(&self) -> Self::Durable;

    /// Reacts to an event.
    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects);

    /// Writes the words that are piggybacked on everything sent from now on; asked when the task starts, after every snapshot, and
    /// after a delivery that has changed them. Only with [`Hooks::tags`].
    fn tag(&self, _words: &mut Vec<u32>) {}

    /// Something that was sent with this tag is next to be delivered. A snapshot that is taken now comes before the delivery. Asked
    /// once more after such a snapshot; not asked where the last delivery on that input had the same tag. Only with
    /// [`Hooks::tags`].
    fn before_deliver(&mut self, _task: &TaskCtx<'_>, _tag: &[u32], _fx: &mut TaskEffects) {}

    /// It is delivered. True if that has changed what [`TaskCut::tag`] says. Only with [`Hooks::tags`].
    fn delivered(&mut self, _task: &TaskCtx<'_>, _tag: &[u32]) -> bool {
        false
    }
}

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
        /// With an acknowledgement, and [`Hooks::log_sent`]: where the snapshot stands.
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

/// The part of a cut protocol that runs in the coordinator.
pub trait CoordinatorCut: Clone + Send + Sync + 'static {
    /// A machine for a job that has not run yet.
    fn new(job: &JobCtx<'_>) -> Self;

    /// Reacts to an event.
    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects);
}

/// How a task's state reaches the store: see [`backend`](crate::backend).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotMethod {
    /// The task stands still until its whole state is in the store.
    FullSync,
    /// The task stands still for the synchronous part only; the whole state is written while it goes on.
    FullAsync,
    /// A log-structured merge tree, all of whose files are written every time.
    FullFiles,
    /// A log-structured merge tree; only files that no completed checkpoint has are written.
    Incremental,
    /// A log of all changes; only what was appended since the last completed checkpoint is written.
    Changelog,
}

impl SnapshotMethod {
    /// All methods.
    pub const ALL: [SnapshotMethod; 5] = [
        SnapshotMethod::FullSync,
        SnapshotMethod::FullAsync,
        SnapshotMethod::FullFiles,
        SnapshotMethod::Incremental,
        SnapshotMethod::Changelog,
    ];

    /// The name, as scenario files and records have it.
    pub fn name(self) -> &'static str {
        match self {
            SnapshotMethod::FullSync => "full-sync",
            SnapshotMethod::FullAsync => "full-async",
            SnapshotMethod::FullFiles => "full-files",
            SnapshotMethod::Incremental => "incremental",
            SnapshotMethod::Changelog => "changelog",
        }
    }
}

impl fmt::Display for SnapshotMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SnapshotMethod::FullSync => "full, synchronous",
            SnapshotMethod::FullAsync => "full, asynchronous",
            SnapshotMethod::FullFiles => "all files, asynchronous",
            SnapshotMethod::Incremental => "new files, asynchronous",
            SnapshotMethod::Changelog => "tail of the log, asynchronous",
        })
    }
}

reusable! {
    /// A set of small numbers: inputs of a task, tasks of a job.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct InputSet {
        words: Vec<u64>,
        len: u32,
    }
}

impl InputSet {
    /// The numbers `0..n`.
    pub fn full(n: u32) -> Self {
        let mut set = InputSet::default();
        set.fill(n);
        set
    }

    /// Becomes `0..n`, keeping the memory.
    pub fn fill(&mut self, n: u32) {
        self.words.clear();
        self.words.resize(n as usize / 64, u64::MAX);
        if !n.is_multiple_of(64) {
            self.words.push((1 << (n % 64)) - 1);
        }
        self.len = n;
    }

    /// Becomes empty, keeping the memory.
    pub fn clear(&mut self) {
        self.words.fill(0);
        self.len = 0;
    }

    /// True if it holds `n`.
    #[inline]
    pub fn contains(&self, n: u32) -> bool {
        self.words.get(n as usize / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    /// Adds `n`; true if it was not there.
    pub fn insert(&mut self, n: u32) -> bool {
        let at = n as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let new = self.words[at] >> (n % 64) & 1 == 0;
        self.words[at] |= 1 << (n % 64);
        self.len += u32::from(new);
        new
    }

    /// Removes `n`; true if it was there.
    pub fn remove(&mut self, n: u32) -> bool {
        let there = self.contains(n);
        if there {
            self.words[n as usize / 64] &= !(1 << (n % 64));
            self.len -= 1;
        }
        there
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True if there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The numbers, smallest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u32 * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_set_counts_what_it_holds() {
        let mut set = InputSet::full(130);
        assert_eq!((set.len(), set.contains(129), set.contains(130)), (130, true, false));
        assert!(set.remove(64) && !set.remove(64));
        assert!(set.insert(64) && !set.insert(64));
        assert!(set.insert(1000));
        assert_eq!(set.iter().count() as u32, set.len());
        set.clear();
        assert!(set.is_empty() && set.iter().next().is_none());
    }
}
