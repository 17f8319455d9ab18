//! The machine in a task: what it may look at, what happens to it, what it may have done.

use std::fmt;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Down, InputSet, Up};
use crate::config::CheckpointConfig;
use crate::ids::{CheckpointId, TaskId};
use crate::record::Mark;
use crate::time::Time;

/// An input of a task: channels are numbered from 0; [`READING`] is the reading of a source.
pub type Input = u32;

/// The virtual input through which a source reads: blocking it pauses the source.
pub const READING: Input = u32::MAX;

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
    /// nor with those of other tasks; acknowledgements come with [`Positions`](super::Positions), and
    /// [`CoordinatorEffect::Complete`](super::CoordinatorEffect::Complete) may name any snapshots that together are consistent.
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

/// The part of a cut protocol that runs in every task. Its hash is of all that it holds: states of a run are compared by it.
pub trait TaskCut: Clone + fmt::Debug + Hash + Send + Sync + 'static {
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
