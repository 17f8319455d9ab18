//! The barrier is sent on when the first one comes, and the snapshot is taken when the last one has. What the task makes in
//! between goes behind its barrier, but the records from which it was made are in the snapshot: those below have not received
//! it by their own cut, and after a restore nobody makes it again. That nothing is blocked does not mean that barrier and
//! snapshot may part.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;

use crate::at_least_once::AtLeastOnce;
use crate::mutants::TaskMutation;

/// Sends the barrier of a checkpoint at its first sign.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct EarlyForward {
    /// The newest checkpoint whose barrier was sent.
    sent: u64,
}

impl TaskMutation for EarlyForward {
    type Of = AtLeastOnce;

    fn on(&mut self, machine: &mut AtLeastOnce, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if let TaskEvent::Reached(_, Mark::Cut(id)) = event
            && id.0 > self.sent
        {
            self.sent = id.0;
            fx.emit(Mark::Cut(id));
        }
        let before = fx.0.len();
        machine.on(task, event, fx);
        let sent =
            |effect: &TaskEffect| matches!(effect, TaskEffect::Emit(Mark::Cut(id)) if id.0 <= self.sent);
        let mut at = 0;
        fx.0.retain(|effect| {
            at += 1;
            at <= before || !sent(effect)
        });
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::Reached};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_barrier_goes_at_the_first_and_the_snapshot_is_taken_at_the_last() {
        let mut task = HandTask::<MutantTask<EarlyForward>>::with_inputs(2);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Emit(Cut(id(1)))]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Snapshot(id(1))]);
    }
}
