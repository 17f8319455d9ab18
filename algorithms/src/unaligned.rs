//! Unaligned barriers (Flink FLIP-76; *Checkpointing under backpressure*; `AlternatingWaitingForFirstBarrierUnaligned`).
//!
//! The first barrier to *arrive* at a task, whatever stands in front of it, makes the cut: the barrier is sent on ahead of
//! everything that has not left yet, and the task takes its snapshot. Nothing waits and nothing is blocked. What the barriers
//! pass becomes part of the checkpoint: on the way out what they overtake, on the way in what stands before them when they
//! arrive, and what an input delivers until its own barrier is there. A restore puts it back first.
//!
//! So the duration depends on how fast barriers travel, not on what is queued, and the price is the size of what is
//! queued. A record that is being handled is not interrupted. As in Flink, one checkpoint at a time: barriers that
//! overtake each other could not say what belongs to which.
//!
//! Giving up: whoever gives up a checkpoint before its cut sends a cancellation on in its place, and that overtakes too.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Hooks, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Coordinated, Overtaking};

/// The part in every task: the newest checkpoint that was cut or given up. It is saved with the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unaligned {
    newest: CheckpointId,
    /// The newest that was cut.
    cut: CheckpointId,
}

impl TaskCut for Unaligned {
    type Durable = CheckpointId;
    const HOOKS: Hooks = Hooks { arrivals: true, ..Hooks::NONE };

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        Unaligned { newest: restored, cut: restored }
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
            TaskEvent::Control(Aborted(id)) | TaskEvent::Arrived(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)), // with everything that was captured
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            // A barrier that is reached has arrived before; an input that has ended is captured to its end.
            TaskEvent::Reached(..) | TaskEvent::InputEnded(_) | TaskEvent::Started | TaskEvent::Timer(_) => {}
        }
    }
}

impl Unaligned {
    /// True if this checkpoint has neither been cut nor given up.
    pub(crate) fn is_new(&self, id: CheckpointId) -> bool {
        id > self.newest
    }

    fn begin(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if !self.is_new(id) {
            return; // a later barrier of the same checkpoint, or one that was given up
        }
        (self.newest, self.cut) = (id, id);
        fx.overtake(Mark::Cut(id));
        fx.snapshot(id);
        task.open.iter().for_each(|input| fx.capture(input, id));
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if self.is_new(id) {
            self.newest = id;
            fx.overtake(Mark::Cancel(id));
        } else if id <= self.cut {
            fx.drop_snapshot(id);
        }
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, one in flight at a time.
pub type Coordinator = Coordinated<Overtaking>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Capture, Commit, DropSnapshot, Overtake, Snapshot, Tell};
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_first_barrier_makes_the_cut_and_nothing_is_blocked() {
        let mut task = HandTask::<Unaligned>::with_inputs(2);
        assert_eq!(
            task.on(Arrived(1, Cut(id(1)))),
            [Overtake(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1)), Capture(1, id(1))]
        );
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), []);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(task.on(Control(Completed(id(1)))), [Commit(id(1))]);
    }

    #[test]
    fn an_input_that_has_ended_has_nothing_to_capture() {
        let mut task = HandTask::<Unaligned>::with_inputs(2);
        assert_eq!(task.on(InputEnded(0)), []);
        assert_eq!(
            task.on(Control(Trigger(id(1)))),
            [Overtake(Cut(id(1))), Snapshot(id(1)), Capture(1, id(1))]
        );
    }

    #[test]
    fn a_cancellation_goes_down_once_and_drops_what_was_taken() {
        let mut task = HandTask::<Unaligned>::with_inputs(2);
        assert_eq!(task.on(Arrived(0, Cancel(id(1)))), [Overtake(Cancel(id(1)))]);
        assert_eq!(task.on(Control(Aborted(id(1)))), []);
        assert_eq!(task.on(Arrived(1, Cut(id(1)))), [], "late");
        task.on(Arrived(1, Cut(id(2))));
        assert_eq!(task.on(Arrived(0, Cancel(id(2)))), [DropSnapshot(id(2))]);
        assert_eq!(task.on(Control(Aborted(id(3)))), [Overtake(Cancel(id(3)))]);
        task.on(Arrived(1, Cut(id(4))));
        assert_eq!(
            task.on(Control(Aborted(id(2)))),
            [DropSnapshot(id(2))],
            "late, but it may still be captured for"
        );
    }
}
