//! FLINK-9428 (BEAM-6733): an operator that makes mini-batches flushes the batch when its state is saved, so that it need not save
//! the batch. But by then the barrier had been sent on: what was flushed came behind it, and the state said that it was sent.
//! Those below count it to the next checkpoint, and after a restore nobody sends it again. Here the batch is what has not left
//! the task when the barrier does.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::aligned_timeout::AlignedTimeout;
use crate::mutants::TaskMutation;

/// Sends the barrier ahead of what the snapshot counts as sent.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct FlushedBehind;

impl TaskMutation for FlushedBehind {
    type Of = AlignedTimeout;

    fn on(
        &mut self,
        machine: &mut AlignedTimeout,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        for at in 1..fx.0.len() {
            if let (TaskEffect::Emit(mark), TaskEffect::Snapshot(id)) = (fx.0[at - 1], fx.0[at]) {
                (fx.0[at - 1], fx.0[at]) = (TaskEffect::Snapshot(id), TaskEffect::Overtake(mark));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Trigger, TaskEffect::*, TaskEvent::Control};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_barrier_goes_ahead_of_what_was_sent() {
        let mut source = HandTask::<MutantTask<FlushedBehind>>::source();
        source.config.alignment_timeout = 7;
        let cut = [Snapshot(id(1)), Overtake(Cut(id(1))), Timer(7, 1)];
        assert_eq!(source.on(Control(Trigger(id(1)))), cut);
    }
}
