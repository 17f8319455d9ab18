//! The snapshot is taken at the first barrier: what the other inputs deliver before theirs is not in it, and is not sent
//! again after a restore.

use super::*;

#[derive(Clone, Default)]
pub(super) struct SnapshotBeforeAlignment {
    /// The newest checkpoint whose snapshot was taken too early.
    taken: CheckpointId,
}

impl TaskBug for SnapshotBeforeAlignment {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use cutline_sim::record::Mark;
        correct.on(task, event, fx);
        fx.0.retain(|effect| *effect != TaskEffect::Snapshot(self.taken));
        let waits = fx.0.iter().any(|effect| matches!(effect, TaskEffect::Block(_)));
        if let TaskEvent::Reached(_, Mark::Cut(id)) = event
            && waits
            && self.taken < id
        {
            self.taken = id;
            fx.snapshot(id); // the mutation
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;
    use cutline_sim::record::Mark;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_first_barrier_takes_the_snapshot() {
        let barriers = [0, 1].map(|input| TaskEvent::Reached(input, Mark::Cut(id(1))));
        let good = HandTask::<Aligned>::with_inputs(2).run(&barriers);
        assert_eq!(good, [Block(0), Emit(Mark::Cut(id(1))), Snapshot(id(1)), Unblock(0)]);
        let bad = HandTask::<BadTask<SnapshotBeforeAlignment>>::with_inputs(2).run(&barriers);
        assert_eq!(bad, [Block(0), Snapshot(id(1)), Emit(Mark::Cut(id(1))), Unblock(0)]);
    }
}
