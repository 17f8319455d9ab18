//! No alignment: the first barrier of a checkpoint cuts the task, the barriers of the other inputs are ignored. What lies
//! before those was sent by the cut of its sender and not received by the cut of this task: it is lost after a restore.

use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Shows the machine a task without open inputs when a barrier comes, so that no other one is awaited.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct FirstBarrier;

impl TaskMutation for FirstBarrier {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let open = &InputSet::default();
        let awaits_all = matches!(event, TaskEvent::Control(_)); // a trigger comes instead of all barriers
        machine.on(&TaskCtx { open: if awaits_all { task.open } else { open }, ..*task }, event, fx);
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
    fn the_first_barrier_is_enough() {
        let mut task = HandTask::<MutantTask<FirstBarrier>>::with_inputs(2);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
    }
}
