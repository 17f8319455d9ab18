//! A task forgets to record its first input: it takes that for the one on which the first marker came, and so for empty. What was on
//! its way there was sent before the sender's marker and is received after the receiver's state was recorded: it is lost.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::chandy_lamport::ChandyLamport;
use crate::mutants::TaskMutation;

/// Drops the captures of the first input.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct UnrecordedInput;

impl TaskMutation for UnrecordedInput {
    type Of = ChandyLamport;

    fn on(
        &mut self,
        machine: &mut ChandyLamport,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(0, _)));
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
    fn the_first_input_is_not_captured() {
        let mut task = HandTask::<MutantTask<UnrecordedInput>>::with_inputs(3);
        let recorded = [Emit(Cut(id(1))), Snapshot(id(1)), Capture(2, id(1))];
        assert_eq!(task.on(Reached(1, Cut(id(1)))), recorded);
    }
}
