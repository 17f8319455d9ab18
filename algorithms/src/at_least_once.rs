//! Barriers that block nothing (Flink's at-least-once mode: `CheckpointBarrierTracker`).
//!
//! A task takes its snapshot when the barriers of all open inputs have come, as with alignment; but until then it goes on with
//! every input. What an early input delivers behind its barrier is in the snapshot, too. Its sender had not sent it by *its*
//! cut, so after a restore it comes once more and counts twice. Nothing is lost: what precedes a barrier has been consumed by
//! the time the last one is there.
//!
//! Since nothing waits, several checkpoints may be under way at once; on every input their barriers come in order.
//!
//! Giving up goes as in [`aligned`](crate::aligned): a newer barrier on an input that still owes an older one says that the
//! older one will not come; and whoever gives up a checkpoint sends a cancellation in the place of its barrier, once.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Input, InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Concurrent, Coordinated};

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct AtLeastOnce {
        /// The newest checkpoint whose snapshot was taken. It is saved with the snapshot.
        newest: CheckpointId,
        /// Newer ones that were given up.
        given_up: Vec<CheckpointId>,
        /// Checkpoints that wait for barriers, oldest first.
        pending: Vec<Pending>,
    }
}

cutline_sim::reusable! {
    /// A checkpoint, and the inputs whose barrier is still to come.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    struct Pending {
        id: CheckpointId,
        awaited: InputSet,
    }
}

impl TaskCut for AtLeastOnce {
    type Durable = CheckpointId;

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        AtLeastOnce { newest: restored, ..AtLeastOnce::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) => self.count(id, None, task),
            TaskEvent::Reached(input, Mark::Cut(id)) => {
                self.give_up_what_it_owes(input, id, fx);
                self.count(id, Some(input), task);
            }
            TaskEvent::InputEnded(input) => {
                for pending in &mut self.pending {
                    pending.awaited.remove(input);
                }
            }
            TaskEvent::Control(Aborted(id)) if id <= self.newest => fx.drop_snapshot(id),
            TaskEvent::Control(Aborted(id)) | TaskEvent::Reached(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)),
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Arrived(..) | TaskEvent::Started | TaskEvent::Timer(_) => {}
        }
        self.cut_what_is_whole(fx);
    }
}

impl AtLeastOnce {
    fn is_closed(&self, id: CheckpointId) -> bool {
        id <= self.newest || self.given_up.contains(&id)
    }

    /// A barrier has come, or the trigger in the place of all.
    fn count(&mut self, id: CheckpointId, input: Option<Input>, task: &TaskCtx<'_>) {
        if self.is_closed(id) {
            return; // late: it was given up, or overtaken by something newer
        }
        let at = self.pending.partition_point(|pending| pending.id < id);
        if self.pending.get(at).is_none_or(|pending| pending.id != id) {
            self.pending.insert(at, Pending { id, awaited: task.open.clone() });
        }
        if let Some(input) = input {
            self.pending[at].awaited.remove(input);
        }
    }

    fn cut_what_is_whole(&mut self, fx: &mut TaskEffects) {
        while let Some(at) = self.pending.iter().position(|pending| pending.awaited.is_empty()) {
            let id = self.pending[at].id;
            self.newest = id;
            self.given_up.retain(|&other| other > id);
            self.pending.drain(..=at); // older ones: their turn has passed
            fx.emit(Mark::Cut(id));
            fx.snapshot(id);
        }
    }

    /// Older barriers that this input should have delivered before a newer one: upstream skipped those checkpoints.
    fn give_up_what_it_owes(&mut self, input: Input, newer: CheckpointId, fx: &mut TaskEffects) {
        let owes = |pending: &&Pending| pending.id < newer && pending.awaited.contains(input);
        while let Some(id) = self.pending.iter().find(owes).map(|owed| owed.id) {
            self.give_up(id, fx);
        }
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if !self.is_closed(id) {
            self.given_up.push(id);
            self.pending.retain(|pending| pending.id != id);
            fx.emit(Mark::Cancel(id));
        }
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, as many in flight as configured.
pub type Coordinator = Coordinated<Concurrent>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Commit, DropSnapshot, Emit, Snapshot, Tell};
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn nothing_is_blocked_and_several_may_be_under_way() {
        let mut task = HandTask::<AtLeastOnce>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(Reached(0, Cut(id(2)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(task.on(Reached(1, Cut(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2))]);
        assert_eq!(task.on(Control(Completed(id(2)))), [Commit(id(2))]);
    }

    #[test]
    fn a_source_has_nothing_to_wait_for_nor_has_an_input_that_ended() {
        let mut source = HandTask::<AtLeastOnce>::source();
        assert_eq!(source.on(Control(Trigger(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(source.on(Control(Trigger(id(1)))), [], "doubled");
        let mut task = HandTask::<AtLeastOnce>::with_inputs(2);
        task.on(Reached(0, Cut(id(1))));
        assert_eq!(task.on(InputEnded(1)), [Emit(Cut(id(1))), Snapshot(id(1))]);
    }

    #[test]
    fn a_newer_barrier_gives_up_what_its_input_owes() {
        let mut task = HandTask::<AtLeastOnce>::with_inputs(2);
        task.on(Reached(0, Cut(id(1))));
        assert_eq!(task.on(Reached(1, Cut(id(2)))), [Emit(Cancel(id(1)))]);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [], "late");
        assert_eq!(task.on(Reached(0, Cut(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2))]);
        assert_eq!(task.on(Control(Aborted(id(2)))), [DropSnapshot(id(2))]);
        assert_eq!(task.on(Control(Aborted(id(3)))), [Emit(Cancel(id(3)))]);
        assert_eq!(task.on(Reached(0, Cancel(id(3)))), [], "once");
    }
}
