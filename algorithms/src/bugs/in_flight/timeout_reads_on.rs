//! At the time-out the early inputs go on at once, but the cut is made only when the last barrier is reached: what they deliver
//! meanwhile is handled ahead of the snapshot. After a restore it comes a second time. To stop waiting and to make the cut must
//! be one step.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::aligned_timeout::AlignedTimeout;
use crate::mutants::TaskMutation;

/// Lets inputs go on at the time-out, and nothing else.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct TimeoutReadsOn;

impl TaskMutation for TimeoutReadsOn {
    type Of = AlignedTimeout;

    fn on(
        &mut self,
        machine: &mut AlignedTimeout,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        if let TaskEvent::Timer(_) = event {
            let mut ahead = machine.clone();
            ahead.on(task, event, fx);
            return fx.0.retain(|effect| matches!(effect, TaskEffect::Unblock(_) | TaskEffect::Expedite(_)));
        }
        machine.on(task, event, fx);
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
    fn the_cut_comes_after_what_goes_on() {
        let mut task = HandTask::<MutantTask<TimeoutReadsOn>>::with_inputs(2);
        task.on(Arrived(0, Cut(id(1))));
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(TaskEvent::Timer(1)), [Unblock(0)]);
        task.on(Arrived(1, Cut(id(1))));
        assert_eq!(task.on(Reached(1, Cut(id(1))))[..2], [Emit(Cut(id(1))), Snapshot(id(1))]);
    }
}
