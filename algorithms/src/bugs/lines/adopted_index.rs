//! The index of what comes is taken over without the checkpoint that it stands for: from then on the task says of what it sends that
//! it follows a checkpoint which it has not taken.

use cutline_sim::protocol::{TaskCtx, TaskEffects};

use crate::communication_induced_bcs::CommunicationInducedBcs;
use crate::mutants::TaskMutation;

/// Catches up in words only.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct AdoptedIndex;

impl TaskMutation for AdoptedIndex {
    type Of = CommunicationInducedBcs;

    fn before_deliver(
        &mut self,
        machine: &mut CommunicationInducedBcs,
        _task: &TaskCtx<'_>,
        tag: &[u32],
        _fx: &mut TaskEffects,
    ) {
        machine.index = tag.first().copied().unwrap_or(0).max(machine.index);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskCut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::HandTask;

    #[test]
    fn a_greater_index_forces_nothing() {
        let mut task = HandTask::<MutantTask<AdoptedIndex>>::with_inputs(1);
        assert_eq!(task.before_deliver(&[5]), []);
        assert_eq!(task.machine.durable().1, 5);
        assert_eq!(task.before_deliver(&[3]), []);
        assert_eq!(task.machine.durable().1, 5);
    }
}
