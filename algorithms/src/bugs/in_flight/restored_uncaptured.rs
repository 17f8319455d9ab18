//! FLINK-20654: a checkpoint began when what an older one had held in flight was restored but not consumed, and did not
//! contain it; after the second crash it was lost. Here the first checkpoint that a task takes part in after a restore captures
//! nothing.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Drops the captures of the first checkpoint after a restore.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct RestoredUncaptured {
    /// The task was restored, and no checkpoint has begun since.
    is_restored: bool,
}

impl TaskMutation for RestoredUncaptured {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if event == TaskEvent::Started {
            self.is_restored = machine.durable() > CheckpointId::default();
        }
        machine.on(task, event, fx);
        if self.is_restored && fx.0.iter().any(|effect| matches!(effect, TaskEffect::Snapshot(_))) {
            self.is_restored = false;
            fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(..)));
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
    fn only_what_was_restored_is_forgotten() {
        let mut task = HandTask::<MutantTask<RestoredUncaptured>>::with_inputs(1);
        let cut = |n| [Overtake(Cut(id(n))), Snapshot(id(n)), Capture(0, id(n))];
        task.on(Started);
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), cut(1), "nothing was restored");
        task.on(Started); // as if the snapshot of checkpoint 1 had been
        assert_eq!(task.on(Arrived(0, Cut(id(2)))), cut(2)[..2]);
        assert_eq!(task.on(Arrived(0, Cut(id(3)))), cut(3));
    }
}
