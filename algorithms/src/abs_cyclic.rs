//! Asynchronous barrier snapshots on cyclic graphs (Carbone, Fóra, Ewen, Haridi and Tzoumas 2015, *Lightweight Asynchronous
//! Snapshots for Distributed Dataflows*, algorithm 2).
//!
//! On a cycle aligned barriers wait for ever: the barrier of a back-edge comes only when the task has sent its own. So a task
//! waits for the barriers of its *regular* inputs alone. When they have come it sends its barrier, copies its state, and goes
//! on with all inputs; and what its back-edges deliver from then on, up to the barrier that comes back on each, is logged: it was
//! sent before the sender's cut and is received after the receiver's. State and back-edge log together are the snapshot. Only
//! what is in flight on back-edges is in the checkpoint; on a graph without cycles this is algorithm 1.
//!
//! A barrier may come on a back-edge before the cut, where loops overlap. What is behind it belongs after the cut, so that input is
//! blocked as any other, and has nothing to log. Nobody waits for it.
//!
//! Giving up: a newer barrier, or a trigger, says that an older one that is still awaited will not come or is of no use. Whoever
//! gives up a checkpoint before having sent its barrier sends a cancellation in its place, once; so it comes to rest in a loop.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Input, InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Concurrent, Coordinated};

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct AbsCyclic {
        /// The newest checkpoint whose cut was made. It is saved with the snapshot.
        newest: CheckpointId,
        /// Newer ones that were given up.
        given_up: Vec<CheckpointId>,
        /// The checkpoint whose barriers are awaited, if there is one.
        aligning: Option<CheckpointId>,
        /// Regular inputs whose barrier is still to come.
        awaited: InputSet,
        /// Inputs whose barrier has come before the cut.
        blocked: InputSet,
    }
}

impl TaskCut for AbsCyclic {
    type Durable = CheckpointId;

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        AbsCyclic { newest: restored, ..AbsCyclic::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) => self.align(id, task, fx),
            TaskEvent::Reached(input, Mark::Cut(id)) => {
                self.align(id, task, fx);
                if self.aligning == Some(id) {
                    self.reach(input, fx);
                } // otherwise it is late; or it came back on a back-edge, and ends what is logged of it
            }
            TaskEvent::InputEnded(input) => drop(self.awaited.remove(input)),
            TaskEvent::Control(Aborted(id)) | TaskEvent::Reached(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)), // the state, and the log of all back-edges
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Arrived(..) | TaskEvent::Started | TaskEvent::Timer(_) => {}
        }
        self.cut_if_aligned(task, fx);
    }
}

impl AbsCyclic {
    /// Waits for the barriers of a checkpoint, if it is the newest.
    fn align(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if id <= self.newest || self.given_up.contains(&id) || self.aligning.is_some_and(|older| id <= older)
        {
            return;
        }
        if let Some(older) = self.aligning {
            self.give_up(older, fx);
        }
        self.aligning = Some(id);
        self.awaited.clone_from(task.open);
        for back_edge in task.feedback.iter() {
            self.awaited.remove(back_edge);
        }
    }

    fn reach(&mut self, input: Input, fx: &mut TaskEffects) {
        self.awaited.remove(input);
        self.blocked.insert(input);
        fx.block(input);
    }

    /// All regular inputs have delivered their barriers: barrier first, then the state, and the log of the back-edges.
    fn cut_if_aligned(&mut self, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        let Some(id) = self.aligning.filter(|_| self.awaited.is_empty()) else { return };
        self.newest = id;
        self.given_up.retain(|&other| other > id);
        fx.emit(Mark::Cut(id));
        fx.snapshot(id);
        let owes = |&input: &Input| task.open.contains(input) && !self.blocked.contains(input);
        task.feedback.iter().filter(owes).for_each(|back_edge| fx.capture(back_edge, id));
        self.release(fx);
    }

    fn release(&mut self, fx: &mut TaskEffects) {
        self.aligning = None;
        self.blocked.iter().for_each(|input| fx.unblock(input));
        self.blocked.clear();
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if id <= self.newest {
            fx.drop_snapshot(id);
        } else if !self.given_up.contains(&id) {
            self.given_up.push(id);
            if self.aligning == Some(id) {
                self.release(fx);
            }
            fx.emit(Mark::Cancel(id));
        }
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, as many in flight as configured.
pub type Coordinator = Coordinated<Concurrent>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{
        Block, Capture, Commit, DropSnapshot, Emit, Snapshot, Tell, Unblock,
    };
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_head_waits_for_its_regular_inputs_and_logs_its_back_edges() {
        let mut head = HandTask::<AbsCyclic>::head(4, &[2, 3]);
        assert_eq!(head.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(
            head.on(Reached(1, Cut(id(1)))),
            [
                Block(1),
                Emit(Cut(id(1))),
                Snapshot(id(1)),
                Capture(2, id(1)),
                Capture(3, id(1)),
                Unblock(0),
                Unblock(1)
            ]
        );
        assert_eq!(head.on(Reached(2, Cut(id(1)))), [], "the machine ends the log");
        assert_eq!(head.on(Reached(3, Cut(id(1)))), []);
        assert_eq!(head.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(head.on(Control(Completed(id(1)))), [Commit(id(1))]);
    }

    #[test]
    fn a_barrier_that_comes_back_before_the_cut_leaves_nothing_to_log() {
        let mut head = HandTask::<AbsCyclic>::head(3, &[1, 2]);
        assert_eq!(head.on(Reached(1, Cut(id(1)))), [Block(1)]);
        assert_eq!(
            head.on(Reached(0, Cut(id(1)))),
            [Block(0), Emit(Cut(id(1))), Snapshot(id(1)), Capture(2, id(1)), Unblock(0), Unblock(1)]
        );
    }

    #[test]
    fn a_head_without_regular_inputs_begins_when_it_is_triggered() {
        let mut head = HandTask::<AbsCyclic>::head(2, &[1]);
        assert_eq!(head.on(InputEnded(0)), []);
        assert_eq!(head.on(Control(Trigger(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1)), Capture(1, id(1))]);
        assert_eq!(head.on(Control(Trigger(id(1)))), [], "a doubled trigger");
        assert_eq!(head.on(InputEnded(1)), []);
        assert_eq!(head.on(Control(Trigger(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2))]);
    }

    #[test]
    fn a_newer_barrier_gives_up_the_older() {
        let mut task = HandTask::<AbsCyclic>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(Reached(1, Cut(id(2)))), [Unblock(0), Emit(Cancel(id(1))), Block(1)]);
        assert_eq!(task.on(Reached(0, Cancel(id(1)))), [], "the cancellation goes around once");
        assert_eq!(
            task.on(Reached(0, Cut(id(2)))),
            [Block(0), Emit(Cut(id(2))), Snapshot(id(2)), Unblock(0), Unblock(1)]
        );
        assert_eq!(task.on(Control(Aborted(id(2)))), [DropSnapshot(id(2))]);
    }
}
