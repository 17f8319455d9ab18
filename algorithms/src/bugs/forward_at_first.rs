//! The barrier is sent on at the first one that comes: what the other inputs deliver before theirs is in this task's
//! snapshot, but what the task makes of it comes behind the barrier below, and is lost in a restore.

use cutline_sim::record::Mark;

use super::*;

#[derive(Clone, Default)]
pub(super) struct ForwardAtFirst {
    /// The newest checkpoint whose barrier was sent on too early.
    sent: CheckpointId,
}

impl TaskBug for ForwardAtFirst {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        fx.0.retain(|effect| *effect != TaskEffect::Emit(Mark::Cut(self.sent)));
        let waits = fx.0.iter().any(|effect| matches!(effect, TaskEffect::Block(_)));
        if let TaskEvent::Reached(_, Mark::Cut(id)) = event
            && waits
            && self.sent < id
        {
            self.sent = id;
            fx.emit(Mark::Cut(id)); // the mutation
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_first_barrier_goes_straight_on() {
        let barriers = [0, 1].map(|input| TaskEvent::Reached(input, Mark::Cut(id(1))));
        let good = HandTask::<Aligned>::with_inputs(2).run(&barriers);
        assert_eq!(good, [Block(0), Emit(Mark::Cut(id(1))), Snapshot(id(1)), Unblock(0)]);
        let bad = HandTask::<BadTask<ForwardAtFirst>>::with_inputs(2).run(&barriers);
        assert_eq!(bad, [Block(0), Emit(Mark::Cut(id(1))), Snapshot(id(1)), Unblock(0)]);
        let mut bad = HandTask::<BadTask<ForwardAtFirst>>::with_inputs(2);
        assert_eq!(
            bad.on(barriers[0]),
            [Block(0), Emit(Mark::Cut(id(1)))],
            "the same effects, at another instant"
        );
    }
}
