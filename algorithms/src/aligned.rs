//! Aligned barriers (Carbone et al. 2015, *Lightweight Asynchronous Snapshots for Distributed Dataflows*, algorithm 1;
//! Flink: *Stateful Stream Processing*, "Checkpointing", and `SingleCheckpointBarrierHandler`).
//!
//! A source that is triggered sends a barrier and takes its snapshot in one step. An input that has delivered its barrier
//! is blocked until every open input has delivered; then the task sends the barrier on, takes its snapshot, and goes on
//! with all inputs while the snapshot is written. So everything before the barriers is in the snapshots and nothing
//! after them is: channel state is always empty, the checkpoint is small, and its duration grows with what is queued in
//! front of the slowest barrier.
//!
//! Giving up: barriers of one input come in the order of their ids. So a newer barrier on an input that still owes an older
//! one, be it the barrier of a checkpoint that was given up, says that the older one was skipped upstream and will not
//! come. Whoever gives up a checkpoint before having sent its
//! barrier sends a cancellation down in its place, once, or those below would keep inputs blocked for ever (FLINK-18238).
//! A cancellation, unlike a barrier, says nothing about other checkpoints: it may have been sent early.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Input, InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Concurrent, Coordinated};

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct Aligned {
        /// The newest checkpoint whose cut was made. It is saved with the snapshot.
        newest: CheckpointId,
        /// Newer ones that were given up.
        given_up: Vec<CheckpointId>,
        /// Checkpoints that wait for barriers, oldest first.
        alignments: Vec<Alignment>,
    }
}

cutline_sim::reusable! {
    /// One checkpoint's alignment.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    struct Alignment {
        id: CheckpointId,
        /// Inputs whose barrier is still to come.
        awaited: InputSet,
        /// Inputs that wait for the others.
        blocked: InputSet,
    }
}

impl TaskCut for Aligned {
    type Durable = CheckpointId;

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        Aligned { newest: restored, ..Aligned::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) if self.is_closed(id) => {} // doubled, or overtaken by something newer
            TaskEvent::Control(Trigger(id)) => {
                self.alignment(id, task); // a source, or a task whose inputs have ended: nothing to wait for
                self.cut_what_is_aligned(fx);
            }
            TaskEvent::Reached(input, Mark::Cut(id)) => {
                self.give_up_what_it_owes(input, id, fx);
                if !self.is_closed(id) {
                    self.reach(input, id, task, fx);
                    self.cut_what_is_aligned(fx);
                } // otherwise it is late: that checkpoint was given up
            }
            TaskEvent::Reached(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::InputEnded(input) => {
                for alignment in &mut self.alignments {
                    alignment.awaited.remove(input);
                }
                self.cut_what_is_aligned(fx);
            }
            TaskEvent::Control(Aborted(id)) if id <= self.newest => fx.drop_snapshot(id),
            TaskEvent::Control(Aborted(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)),
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Arrived(..) | TaskEvent::Started | TaskEvent::Timer(_) => {}
        }
    }
}

impl Aligned {
    fn is_closed(&self, id: CheckpointId) -> bool {
        id <= self.newest || self.given_up.contains(&id)
    }

    /// The alignment of a checkpoint, begun if need be: the barriers of all open inputs are awaited.
    fn alignment(&mut self, id: CheckpointId, task: &TaskCtx<'_>) -> &mut Alignment {
        let at = self.alignments.partition_point(|alignment| alignment.id < id);
        if self.alignments.get(at).is_none_or(|alignment| alignment.id != id) {
            let awaited = task.open.clone();
            self.alignments.insert(at, Alignment { id, awaited, blocked: InputSet::default() });
        }
        &mut self.alignments[at]
    }

    fn reach(&mut self, input: Input, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        let alignment = self.alignment(id, task);
        alignment.awaited.remove(input);
        if !alignment.awaited.is_empty() && alignment.blocked.insert(input) {
            fx.block(input);
        }
    }

    /// The cut of every checkpoint for which no barrier is awaited any more: barrier first, then the snapshot, at one
    /// instant, and only then anything that came behind the barriers.
    fn cut_what_is_aligned(&mut self, fx: &mut TaskEffects) {
        while let Some(at) = self.alignments.iter().position(|alignment| alignment.awaited.is_empty()) {
            let id = self.alignments[at].id;
            self.newest = id;
            self.given_up.retain(|&other| other > id);
            fx.emit(Mark::Cut(id));
            fx.snapshot(id);
            self.alignments.drain(..=at).for_each(|closed| closed.release(fx)); // older ones: their turn has passed
        }
    }

    /// Older barriers that this input should have delivered before a newer one: upstream skipped those checkpoints.
    fn give_up_what_it_owes(&mut self, input: Input, newer: CheckpointId, fx: &mut TaskEffects) {
        let owes = |alignment: &Alignment| alignment.id < newer && alignment.awaited.contains(input);
        while let Some(id) = self.alignments.iter().find(|alignment| owes(alignment)).map(|owed| owed.id) {
            self.give_up(id, fx);
        }
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if self.is_closed(id) {
            return; // its barrier has been sent, or its cancellation
        }
        self.given_up.push(id);
        if let Some(at) = self.alignments.iter().position(|alignment| alignment.id == id) {
            self.alignments.remove(at).release(fx);
        }
        fx.emit(Mark::Cancel(id));
    }
}

impl Alignment {
    fn release(self, fx: &mut TaskEffects) {
        self.blocked.iter().for_each(|input| fx.unblock(input));
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, as many in flight as configured.
pub type Coordinator = Coordinated<Concurrent>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Block, Commit, DropSnapshot, Emit, Snapshot, Tell, Unblock};
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_source_sends_the_barrier_and_takes_its_snapshot_in_one_step() {
        let mut source = HandTask::<Aligned>::source();
        assert_eq!(source.on(Control(Trigger(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(source.on(Control(Trigger(id(1)))), [], "a doubled trigger");
        assert_eq!(source.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(source.on(PersistFailed(id(1))), [Tell(Up::Decline(id(1)))]);
        assert_eq!(source.on(Control(Completed(id(1)))), [Commit(id(1))]);
        assert_eq!(source.on(Control(Aborted(id(1)))), [DropSnapshot(id(1))]);
    }

    #[test]
    fn an_early_input_waits_for_the_others() {
        let mut task = HandTask::<Aligned>::with_inputs(3);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Block(1)]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(
            task.on(Reached(2, Cut(id(1)))),
            [Emit(Cut(id(1))), Snapshot(id(1)), Unblock(0), Unblock(1)]
        );
        assert_eq!(task.machine.durable(), id(1));
    }

    #[test]
    fn an_input_that_ends_is_not_waited_for() {
        let mut task = HandTask::<Aligned>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(InputEnded(1)), [Emit(Cut(id(1))), Snapshot(id(1)), Unblock(0)]);
        assert_eq!(task.on(Reached(0, Cut(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2))]);
        assert_eq!(
            task.on(Control(Trigger(id(3)))),
            [],
            "an input is still open: its barrier will come, or its end"
        );
        assert_eq!(task.on(InputEnded(0)), [Emit(Cut(id(3))), Snapshot(id(3))]);
        assert_eq!(task.on(Control(Trigger(id(4)))), [Emit(Cut(id(4))), Snapshot(id(4))]);
    }

    #[test]
    fn a_newer_barrier_gives_up_what_its_input_owes() {
        let mut task = HandTask::<Aligned>::with_inputs(3);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(Reached(1, Cut(id(2)))), [Unblock(0), Emit(Cancel(id(1))), Block(1)]);
        assert_eq!(task.on(Reached(2, Cut(id(1)))), [], "late");
        assert_eq!(task.on(Reached(2, Cancel(id(1)))), [], "forwarded once");
        assert_eq!(task.on(Reached(2, Cut(id(2)))), [Block(2)]);
        assert_eq!(
            task.on(Reached(0, Cut(id(2)))),
            [Emit(Cut(id(2))), Snapshot(id(2)), Unblock(1), Unblock(2)]
        );
    }

    #[test]
    fn a_cancellation_releases_and_goes_down_once_unless_the_barrier_was_sent() {
        let mut task = HandTask::<Aligned>::with_inputs(2);
        task.on(Reached(0, Cut(id(1))));
        assert_eq!(task.on(Control(Aborted(id(1)))), [Unblock(0), Emit(Cancel(id(1)))]);
        assert_eq!(task.on(Reached(1, Cancel(id(1)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), []);
        assert_eq!(task.on(Control(Aborted(id(3)))), [Emit(Cancel(id(3)))], "before its barrier came");
        task.on(Reached(0, Cut(id(2))));
        assert_eq!(
            task.on(Reached(1, Cut(id(2)))),
            [Emit(Cut(id(2))), Snapshot(id(2)), Unblock(0)],
            "an early cancellation of 3 does not touch 2"
        );
        assert_eq!(task.on(Reached(0, Cancel(id(2)))), [], "the barrier has gone down already");
        assert_eq!(task.on(Reached(0, Cut(id(3)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(4)))), [Block(1)]);
    }

    #[test]
    fn a_barrier_of_a_given_up_checkpoint_still_says_what_will_not_come() {
        let mut task = HandTask::<Aligned>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cancel(id(2)))), [Emit(Cancel(id(2)))]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)], "an abort overtook a trigger at its sender");
        assert_eq!(task.on(Reached(1, Cut(id(2)))), [Unblock(0), Emit(Cancel(id(1)))], "or 0 stays blocked");
    }

    #[test]
    fn a_copy_equals() {
        let mut task = HandTask::<Aligned>::with_inputs(3);
        let mut copy = task.machine.clone();
        task.on(Reached(0, Cut(id(1))));
        task.on(Control(Aborted(id(7))));
        copy.clone_from(&task.machine);
        assert_eq!(copy, task.machine);
        assert_eq!(copy, task.machine.clone());
    }
}
