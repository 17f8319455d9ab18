//! FLINK-2519: the alignment counted barriers against the number of all inputs, ended ones too. Once a sender has finished,
//! no checkpoint ever aligns.

use cutline_sim::protocol::InputSet;

use super::*;

#[derive(Clone, Default)]
pub(super) struct EndedInputsCount;

impl TaskBug for EndedInputsCount {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let all = InputSet::full(task.inputs);
        if !matches!(event, TaskEvent::InputEnded(_)) {
            correct.on(&TaskCtx { open: &all, ..*task }, event, fx); // the mutation
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
    fn an_ended_input_is_waited_for() {
        let events = [TaskEvent::InputEnded(1), TaskEvent::Reached(0, Mark::Cut(id(1)))];
        let good = HandTask::<Aligned>::with_inputs(2).run(&events);
        assert_eq!(good, [Emit(Mark::Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(HandTask::<BadTask<EndedInputsCount>>::with_inputs(2).run(&events), [Block(0)]);
    }
}
