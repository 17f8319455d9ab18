//! FLINK-18139: the number of a channel within its gate was taken for its number within the task, so only the channels of the
//! first gate were examined for data in flight. Here a task captures its first input only. What is on its way on the others
//! was sent by the cut of its sender and is neither received nor captured by that of its receiver: it is lost after a restore.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Drops the captures of all other inputs.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct FirstInput;

impl TaskMutation for FirstInput {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(1.., _)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::Arrived};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_second_input_is_not_captured() {
        let mut task = HandTask::<MutantTask<FirstInput>>::with_inputs(2);
        let cut = [Overtake(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1))];
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), cut);
    }
}
