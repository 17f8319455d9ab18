//! CheckMate cd8c5be: a message that forces a checkpoint has to wait until it is taken. The forced checkpoint did not stop the operator:
//! the clocks said that it was taken, and the message was handled while it was. So the message lies before the checkpoint that was to
//! come before it, and the cycle that this was to prevent is there.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::communication_induced::CommunicationInduced;
use crate::mutants::TaskMutation;

/// Takes a forced checkpoint a moment later.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct DeliveredMeanwhile;

impl TaskMutation for DeliveredMeanwhile {
    type Of = CommunicationInduced;

    fn on(
        &mut self,
        machine: &mut CommunicationInduced,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        match event {
            TaskEvent::Timer(forced) if forced > 0 => fx.snapshot(CheckpointId(u64::from(forced))),
            _ => machine.on(task, event, fx),
        }
    }

    fn before_deliver(
        &mut self,
        machine: &mut CommunicationInduced,
        task: &TaskCtx<'_>,
        tag: &[u32],
        fx: &mut TaskEffects,
    ) {
        machine.before_deliver(task, tag, fx);
        for effect in &mut fx.0 {
            if let TaskEffect::Snapshot(id) = *effect {
                *effect = TaskEffect::Timer(1, id.0 as u32); // 0 is the timer of the strategy
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Snapshot, Timer};
    use cutline_sim::protocol::TaskEvent::Started;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_forced_checkpoint_is_taken_behind_the_delivery() {
        let mut task = HandTask::<MutantTask<DeliveredMeanwhile>>::with_inputs(1);
        task.config.interval = 0;
        assert_eq!(task.on(Started), [Snapshot(id(1))]);
        // It knows one checkpoint of task 0, and there was another on the way: it comes back to the same interval.
        let comes_back = [0, 1, 0, 0, 0b001, 0];
        assert_eq!(task.before_deliver(&comes_back), [Timer(1, 2)]);
        assert_eq!(task.on(TaskEvent::Timer(2)), [Snapshot(id(2))]);
    }
}
