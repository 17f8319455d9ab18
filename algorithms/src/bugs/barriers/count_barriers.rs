//! Barriers are counted, whatever their checkpoint and whatever their input: as many as there are inputs make the cut. As
//! nothing is blocked, one input may deliver the barriers of two checkpoints before another delivers its first. What lies before
//! that one was sent by the cut of its sender and not received by the cut of this task: it is lost after a restore.

use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;

use crate::at_least_once::AtLeastOnce;
use crate::mutants::TaskMutation;

/// Shows the machine a task without open inputs when so many barriers have come.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct CountBarriers {
    counted: u32,
}

impl TaskMutation for CountBarriers {
    type Of = AtLeastOnce;

    fn on(&mut self, machine: &mut AtLeastOnce, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let TaskEvent::Reached(_, Mark::Cut(_)) = event else { return machine.on(task, event, fx) };
        self.counted += 1;
        if self.counted >= task.open.len() {
            self.counted = 0;
            machine.on(&TaskCtx { open: &InputSet::default(), ..*task }, event, fx);
        }
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
    fn two_barriers_of_one_input_are_enough() {
        let mut task = HandTask::<MutantTask<CountBarriers>>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(Reached(0, Cut(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2))]);
    }
}
