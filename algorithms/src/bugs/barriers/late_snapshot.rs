//! FLINK-2098: a source went on emitting while its checkpoint ran, so the offset in its snapshot was not that of the barrier
//! in its output. Sending the barrier and taking the snapshot must be one step. Here the task yields between the two: the
//! records that it handles meanwhile are in its snapshot, but behind its barrier. After a restore a source does not read them
//! again, and those below never count them.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::time::MILLISECOND;

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Puts off every snapshot.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct LateSnapshot;

/// How long the task yields.
const YIELD: u64 = 5 * MILLISECOND;

impl TaskMutation for LateSnapshot {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if let TaskEvent::Timer(token) = event {
            return fx.snapshot(CheckpointId(u64::from(token)));
        }
        machine.on(task, event, fx);
        for effect in &mut fx.0 {
            if let TaskEffect::Snapshot(id) = *effect {
                *effect = TaskEffect::Timer(YIELD, id.0 as u32);
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
    fn the_barrier_goes_ahead_of_the_snapshot() {
        let mut source = HandTask::<MutantTask<LateSnapshot>>::source();
        assert_eq!(source.on(Control(Trigger(id(1)))), [Emit(Cut(id(1))), Timer(YIELD, 1)]);
        assert_eq!(source.on(TaskEvent::Timer(1)), [Snapshot(id(1))]);
    }
}
