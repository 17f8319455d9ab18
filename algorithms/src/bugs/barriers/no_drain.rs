//! Stop the world without the flush: a task takes the first mark for the word that everything has been handled. What is
//! still on its way on other inputs has been sent by the cut of its sender and not been received by its own: it is lost
//! after a restore.

use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::mutants::TaskMutation;
use crate::stop_the_world::StopTheWorld;

/// Shows the machine a task without open inputs, so that there is nothing to drain.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct NoDrain;

impl TaskMutation for NoDrain {
    type Of = StopTheWorld;

    fn on(&mut self, machine: &mut StopTheWorld, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let open = &InputSet::default();
        let awaits_all = matches!(event, TaskEvent::Control(_)); // a trigger comes instead of all marks
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
    fn the_first_mark_is_enough() {
        let mut task = HandTask::<MutantTask<NoDrain>>::with_inputs(3);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
    }
}
