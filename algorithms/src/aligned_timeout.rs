//! Aligned barriers that turn unaligned after a time-out (Flink: `execution.checkpointing.aligned-checkpoint-timeout`;
//! `AlternatingWaitingForFirstBarrier` and `AlternatingCollectingBarriers`; for the output side FLINK-27251).
//!
//! A checkpoint begins as in [`aligned`](crate::aligned): barriers flow with the data, and an input that has delivered its
//! barrier waits for the others. When the checkpoint has reached the age `aligned-checkpoint-timeout`, counted from the trigger,
//! a task goes on as in [`unaligned`](crate::unaligned):
//!
//! - If it knows of the checkpoint, because a barrier has arrived, and has not made its cut, it makes it now: the barrier is sent
//!   ahead of everything that has not left yet; what stands before the barriers on inputs that still owe theirs, and what comes
//!   until then, becomes channel state; nothing waits any more.
//! - If it has made its cut, and its own barrier is still queued in its output buffers, that barrier overtakes them, and they
//!   become part of the snapshot. So the sources, too, turn a barrier loose that they have sent in order.
//!
//! Every task decides by the age alone, so one may have aligned while the next one captures: a barrier is the same barrier, be it
//! in order or overtaking. While nothing is queued no barrier waits so long, and the checkpoint is as small as an aligned one;
//! under backpressure its duration is the time-out and a little more, and its size what is still queued then.
//!
//! As with unaligned barriers, one checkpoint at a time; and whoever gives up a checkpoint before its cut sends a
//! cancellation in its place, which overtakes.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Hooks, Input, InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Coordinated, Overtaking};

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct AlignedTimeout {
        /// The newest checkpoint that it knows of. It is saved with the snapshot.
        newest: CheckpointId,
        /// The newest that was cut.
        cut: CheckpointId,
        /// The newest is being aligned,
        aligning: bool,
        /// these inputs owe their barrier,
        awaited: InputSet,
        /// and these wait for them.
        blocked: InputSet,
    }
}

impl TaskCut for AlignedTimeout {
    type Durable = CheckpointId;
    const HOOKS: Hooks = Hooks { arrivals: true, departures: true, ..Hooks::NONE };

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        AlignedTimeout { newest: restored, cut: restored, ..AlignedTimeout::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) | TaskEvent::Arrived(_, Mark::Cut(id)) => {
                self.begin(id, task, fx)
            }
            TaskEvent::Reached(input, Mark::Cut(id)) if self.aligning && id == self.newest => {
                self.reach(input, fx);
            }
            TaskEvent::InputEnded(input) => {
                self.awaited.remove(input);
                self.cut_if_aligned(fx);
            }
            TaskEvent::Timer(token) if token == timer_token(self.newest) => self.turn_unaligned(task, fx),
            TaskEvent::Control(Aborted(id)) | TaskEvent::Arrived(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)), // with everything that was captured or overtaken
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Reached(..) | TaskEvent::Timer(_) | TaskEvent::Started => {}
        }
    }
}

fn timer_token(id: CheckpointId) -> u32 {
    id.0 as u32 // two that are waited for in one task are never 2^32 checkpoints apart
}

impl AlignedTimeout {
    /// The first sign of a checkpoint: from now on it may turn unaligned here.
    fn begin(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if id <= self.newest {
            return; // a later barrier of the same checkpoint, or one that was given up
        }
        if self.aligning {
            self.give_up(self.newest, fx);
        }
        (self.newest, self.aligning) = (id, true);
        self.awaited.clone_from(task.open);
        match task.config.alignment_timeout.saturating_sub(task.age) {
            0 => self.turn_unaligned(task, fx),
            left => {
                self.cut_if_aligned(fx); // a source
                fx.timer(left, timer_token(id));
            }
        }
    }

    fn reach(&mut self, input: Input, fx: &mut TaskEffects) {
        self.awaited.remove(input);
        if !self.awaited.is_empty() {
            self.blocked.insert(input);
            fx.block(input);
        }
        self.cut_if_aligned(fx);
    }

    fn cut_if_aligned(&mut self, fx: &mut TaskEffects) {
        if self.aligning && self.awaited.is_empty() {
            self.cut = self.newest;
            fx.emit(Mark::Cut(self.cut));
            fx.snapshot(self.cut);
            self.end_alignment(fx);
        }
    }

    /// The time is over: what waits for barriers waits no more, nor does a barrier that waits in the output.
    fn turn_unaligned(&mut self, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        let id = self.newest;
        if self.aligning {
            self.cut = id;
            fx.overtake(Mark::Cut(id));
            fx.snapshot(id);
            self.awaited
                .iter()
                .filter(|&input| task.open.contains(input))
                .for_each(|input| fx.capture(input, id));
            self.end_alignment(fx);
        } else if self.cut == id {
            fx.expedite(Mark::Cut(id));
        } // otherwise it was given up
    }

    fn end_alignment(&mut self, fx: &mut TaskEffects) {
        self.aligning = false;
        self.blocked.iter().for_each(|input| fx.unblock(input));
        self.blocked.clear();
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if id <= self.cut {
            fx.drop_snapshot(id); // also if that was said late, when a newer one was cut
        } else if id > self.newest || (id == self.newest && self.aligning) {
            self.end_alignment(fx);
            self.newest = id;
            fx.overtake(Mark::Cancel(id));
        }
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, one in flight at a time.
pub type Coordinator = Coordinated<Overtaking>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{
        Block, Capture, DropSnapshot, Emit, Expedite, Overtake, Snapshot, Tell, Timer as SetTimer, Unblock,
    };
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};
    use cutline_sim::time::{MILLISECOND, Time};

    use super::*;
    use crate::hand::{HandTask, id};

    const AGE: Time = 5 * MILLISECOND;

    fn task(inputs: u32) -> (HandTask<AlignedTimeout>, Time) {
        let mut task = HandTask::<AlignedTimeout>::with_inputs(inputs);
        task.age = AGE;
        let left = task.config.alignment_timeout - AGE;
        (task, left)
    }

    #[test]
    fn in_time_it_is_aligned() {
        let (mut task, left) = task(2);
        assert_eq!(task.on(Arrived(1, Cut(id(1)))), [SetTimer(left, 1)]);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Block(1)]);
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), []);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1)), Unblock(1)]);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
    }

    #[test]
    fn when_the_time_is_over_it_captures_what_is_owed_and_nothing_waits() {
        let (mut task, _) = task(3);
        task.on(Arrived(1, Cut(id(1))));
        task.on(Reached(1, Cut(id(1))));
        assert_eq!(
            task.on(Timer(1)),
            [Overtake(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1)), Capture(2, id(1)), Unblock(1)]
        );
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(Timer(1)), [Expedite(Cut(id(1)))], "which has left");
    }

    #[test]
    fn a_barrier_that_is_late_is_not_waited_for() {
        let (mut task, _) = task(2);
        task.age = task.config.alignment_timeout;
        assert_eq!(
            task.on(Arrived(0, Cut(id(1)))),
            [Overtake(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1)), Capture(1, id(1))]
        );
    }

    #[test]
    fn a_source_sends_in_order_and_turns_its_barrier_loose() {
        let mut source = HandTask::<AlignedTimeout>::source();
        let left = source.config.alignment_timeout;
        let cut = [Emit(Cut(id(1))), Snapshot(id(1)), SetTimer(left, 1)];
        assert_eq!(source.on(Control(Trigger(id(1)))), cut);
        assert_eq!(source.on(Timer(1)), [Expedite(Cut(id(1)))]);
        assert_eq!(source.on(Control(Aborted(id(1)))), [DropSnapshot(id(1))]);
        source.on(Control(Trigger(id(2))));
        assert_eq!(source.on(Control(Aborted(id(1)))), [DropSnapshot(id(1))], "late");
    }

    #[test]
    fn a_newer_checkpoint_gives_up_the_one_that_is_being_aligned() {
        let (mut task, left) = task(2);
        task.on(Arrived(1, Cut(id(1))));
        task.on(Reached(1, Cut(id(1))));
        assert_eq!(task.on(Arrived(0, Cut(id(2)))), [Unblock(1), Overtake(Cancel(id(1))), SetTimer(left, 2)]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [], "late");
        assert_eq!(task.on(Timer(1)), [], "late");
        assert_eq!(task.on(Control(Aborted(id(2)))), [Overtake(Cancel(id(2)))]);
        assert_eq!(task.on(Timer(2)), []);
        assert_eq!(task.on(Arrived(1, Cut(id(2)))), []);
    }

    #[test]
    fn an_input_that_ends_is_not_waited_for() {
        let (mut task, _) = task(2);
        task.on(Arrived(0, Cut(id(1))));
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(InputEnded(1)), [Emit(Cut(id(1))), Snapshot(id(1)), Unblock(0)]);
    }
}
