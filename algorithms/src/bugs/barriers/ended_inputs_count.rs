//! FLINK-2519: an alignment waited for as many barriers as the task has inputs, and did not subtract those that had ended.
//! Once one sender has finished no checkpoint completes any more; and a bounded job ends with a checkpoint.

use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Hides from the machine that inputs end.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct EndedInputsCount;

impl TaskMutation for EndedInputsCount {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if !matches!(event, TaskEvent::InputEnded(_)) {
            machine.on(&TaskCtx { open: &InputSet::full(task.inputs), ..*task }, event, fx);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::Block, TaskEvent::InputEnded, TaskEvent::Reached};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn an_ended_input_is_waited_for() {
        let mut task = HandTask::<MutantTask<EndedInputsCount>>::with_inputs(2);
        assert_eq!(task.on(InputEnded(1)), []);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
    }
}
