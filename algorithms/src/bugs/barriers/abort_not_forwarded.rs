//! FLINK-18238: a task that had learned that checkpoint n was aborted skipped its barriers when they came, and sent nothing
//! in their place. A task below that had received n's barrier on another input kept that input blocked, and because of the
//! backpressure no newer barrier ever came to release it. The task below may hear of the abort itself; but that is a message
//! to each task, which may be lost, while a cancellation among the records is not.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Drops the cancellations.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct AbortNotForwarded;

impl TaskMutation for AbortNotForwarded {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Emit(Mark::Cancel(_))));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Aborted, TaskEvent::Control, TaskEvent::Reached};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn those_below_wait_for_ever() {
        let mut task = HandTask::<MutantTask<AbortNotForwarded>>::with_inputs(1);
        assert_eq!(task.on(Control(Aborted(id(1)))), []);
        assert_eq!(task.on(Reached(0, Mark::Cut(id(1)))), []);
    }
}
