//! Distributed snapshots (Chandy and Lamport 1985, *Distributed Snapshots: Determining Global States of Distributed Systems*,
//! section 3.1: the marker-sending and marker-receiving rules).
//!
//! A task records its state on its own (a source that is triggered) or when the first marker *reaches* it, and before it
//! sends anything else it sends a marker on every output. The input that delivered this marker is recorded as empty; every
//! other input is recorded as what comes on it from now on until its own marker. Nothing is blocked and nothing overtakes:
//! markers travel with the data, so under load they are as slow as the data, and what the faster inputs deliver meanwhile
//! is channel state.
//!
//! Several snapshots may be under way at once: on every channel their markers come in order.
//!
//! Giving up: whoever gives up a snapshot before having recorded it sends a cancellation in the place of its markers.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Input, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Concurrent, Coordinated};

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct ChandyLamport {
        /// The newest snapshot whose state was recorded. It is saved with the snapshot.
        newest: CheckpointId,
        /// Newer ones that were given up.
        given_up: Vec<CheckpointId>,
    }
}

impl TaskCut for ChandyLamport {
    type Durable = CheckpointId;

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        ChandyLamport { newest: restored, ..ChandyLamport::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) => self.record(id, None, task, fx),
            TaskEvent::Reached(input, Mark::Cut(id)) => self.record(id, Some(input), task, fx),
            TaskEvent::Control(Aborted(id)) | TaskEvent::Reached(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)), // the state, and that of all inputs
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            // Of an input that has ended, everything to its end is its state.
            TaskEvent::InputEnded(_) | TaskEvent::Arrived(..) | TaskEvent::Started | TaskEvent::Timer(_) => {}
        }
    }
}

impl ChandyLamport {
    /// The first marker, or the decision to begin. Of a later marker nothing need be done: it ends the record of its input.
    fn record(&mut self, id: CheckpointId, first: Option<Input>, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if id <= self.newest || self.given_up.contains(&id) {
            return;
        }
        self.newest = id;
        self.given_up.retain(|&other| other > id);
        fx.emit(Mark::Cut(id)); // before anything else is sent
        fx.snapshot(id);
        let others = task.open.iter().filter(|&input| Some(input) != first);
        others.for_each(|input| fx.capture(input, id));
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if id <= self.newest {
            fx.drop_snapshot(id);
        } else if !self.given_up.contains(&id) {
            self.given_up.push(id);
            fx.emit(Mark::Cancel(id));
        }
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, as many in flight as configured.
pub type Coordinator = Coordinated<Concurrent>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Capture, Commit, DropSnapshot, Emit, Snapshot, Tell};
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_first_marker_records_the_state_and_every_other_input() {
        let mut task = HandTask::<ChandyLamport>::with_inputs(3);
        assert_eq!(
            task.on(Reached(1, Cut(id(1)))),
            [Emit(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1)), Capture(2, id(1))]
        );
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(task.on(Control(Completed(id(1)))), [Commit(id(1))]);
    }

    #[test]
    fn one_that_begins_records_all_inputs_and_several_may_be_under_way() {
        let mut task = HandTask::<ChandyLamport>::with_inputs(1);
        assert_eq!(task.on(Control(Trigger(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1))]);
        assert_eq!(task.on(Control(Trigger(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2)), Capture(0, id(2))]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
    }

    #[test]
    fn a_snapshot_that_was_given_up_is_not_begun() {
        let mut task = HandTask::<ChandyLamport>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cancel(id(2)))), [Emit(Cancel(id(2)))]);
        assert_eq!(task.on(Control(Aborted(id(2)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(2)))), []);
        task.on(Reached(1, Cut(id(3))));
        assert_eq!(task.on(Control(Aborted(id(3)))), [DropSnapshot(id(3))]);
    }
}
