//! A forced checkpoint is taken for a durable one: the task acknowledges it when it takes it, for the delivery shall not wait. If the
//! write fails, a line may name what is not there.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, Up};

use crate::communication_induced::CommunicationInduced;
use crate::mutants::TaskMutation;

/// Acknowledges at once.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct ForcedUnwritten;

impl TaskMutation for ForcedUnwritten {
    type Of = CommunicationInduced;

    fn before_deliver(
        &mut self,
        machine: &mut CommunicationInduced,
        task: &TaskCtx<'_>,
        tag: &[u32],
        fx: &mut TaskEffects,
    ) {
        machine.before_deliver(task, tag, fx);
        if let Some(&TaskEffect::Snapshot(id)) = fx.0.first() {
            fx.tell(Up::Ack(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Snapshot, Tell};
    use cutline_sim::protocol::TaskEvent::Started;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_forced_checkpoint_is_acknowledged_at_once() {
        let mut task = HandTask::<MutantTask<ForcedUnwritten>>::with_inputs(1);
        task.config.interval = 0;
        assert_eq!(task.on(Started), [Snapshot(id(1))]);
        // It knows one checkpoint of task 0, and there was another on the way: it comes back to the same interval.
        let comes_back = [0, 1, 0, 0, 0b001, 0];
        assert_eq!(task.before_deliver(&comes_back), [Snapshot(id(2)), Tell(Up::Ack(id(2)))]);
        assert_eq!(task.before_deliver(&comes_back), []);
    }
}
