//! FLINK-18238: a task that learned from the coordinator that a checkpoint is aborted skipped it silently. A task below
//! that had the barrier from somebody else kept that input blocked, waiting for a barrier that would never come.

use cutline_sim::protocol::Down;
use cutline_sim::record::Mark;

use super::*;

#[derive(Clone, Default)]
pub(super) struct AbortNotForwarded;

impl TaskBug for AbortNotForwarded {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        if matches!(event, TaskEvent::Control(Down::Aborted(_))) {
            fx.0.retain(|effect| !matches!(effect, TaskEffect::Emit(Mark::Cancel(_)))); // the mutation
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn nobody_below_hears_of_the_abort() {
        let events = [TaskEvent::Control(Down::Aborted(id(1))), TaskEvent::Reached(0, Mark::Cut(id(1)))];
        assert_eq!(HandTask::<Aligned>::with_inputs(1).run(&events), [Emit(Mark::Cancel(id(1)))]);
        assert_eq!(HandTask::<BadTask<AbortNotForwarded>>::with_inputs(1).run(&events), []);
    }
}
