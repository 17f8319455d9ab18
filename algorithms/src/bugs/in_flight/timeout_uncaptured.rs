//! A task that turns unaligned takes its snapshot but captures nothing, as if its inputs had been aligned: what stands before
//! the barriers that are still to come was sent by the cut of its sender and is neither received nor captured by that of its
//! receiver. It is lost after a restore.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::aligned_timeout::AlignedTimeout;
use crate::mutants::TaskMutation;

/// Drops the captures.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct TimeoutUncaptured;

impl TaskMutation for TimeoutUncaptured {
    type Of = AlignedTimeout;

    fn on(
        &mut self,
        machine: &mut AlignedTimeout,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(..)));
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
    fn nothing_is_captured() {
        let mut task = HandTask::<MutantTask<TimeoutUncaptured>>::with_inputs(2);
        task.on(Arrived(0, Cut(id(1))));
        assert_eq!(task.on(TaskEvent::Timer(1)), [Overtake(Cut(id(1))), Snapshot(id(1))]);
    }
}
