//! A comparison that is off by one: a message that carries the index which the task has already forces a checkpoint too. So after that
//! checkpoint the message forces another one, for ever.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffects};

use crate::communication_induced_bcs::CommunicationInducedBcs;
use crate::mutants::TaskMutation;

/// Compares with "not less".
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct EqualIndex;

impl TaskMutation for EqualIndex {
    type Of = CommunicationInducedBcs;

    fn before_deliver(
        &mut self,
        machine: &mut CommunicationInducedBcs,
        task: &TaskCtx<'_>,
        tag: &[u32],
        fx: &mut TaskEffects,
    ) {
        let (_, index) = machine.durable();
        if tag.first() == Some(&index) {
            machine.force(index, fx);
        } else {
            machine.before_deliver(task, tag, fx);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::Snapshot;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn one_message_forces_checkpoints_for_ever() {
        let mut task = HandTask::<MutantTask<EqualIndex>>::with_inputs(1);
        assert_eq!(task.before_deliver(&[0]), [Snapshot(id(1))]);
        assert_eq!(task.before_deliver(&[0]), [Snapshot(id(2))]);
    }
}
