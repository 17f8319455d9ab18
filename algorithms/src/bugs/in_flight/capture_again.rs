//! Every barrier of a checkpoint makes the task capture its inputs anew, also those whose barrier has passed: no second one
//! will come on them, their capture never ends, and no checkpoint is ever complete.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Captures at later barriers, too.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct CaptureAgain;

impl TaskMutation for CaptureAgain {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        if let (TaskEvent::Arrived(_, Mark::Cut(id)), true) = (event, fx.0.is_empty()) {
            task.open.iter().for_each(|input| fx.capture(input, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::*};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_second_barrier_is_as_good_as_the_first() {
        let mut task = HandTask::<MutantTask<CaptureAgain>>::with_inputs(2);
        task.on(Arrived(0, Cut(id(1))));
        assert_eq!(task.on(Arrived(1, Cut(id(1)))), [Capture(0, id(1)), Capture(1, id(1))]);
    }
}
