//! FLINK-20654 (FLINK-20645): the barrier of a checkpoint that had been stopped came late on one channel, and still counted:
//! the next checkpoint found the channel's barrier received already, and did not capture what was in flight on it. That was
//! sent by the cut of its sender, but neither received nor captured: it is lost after a restore.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, InputSet, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Takes a late barrier for the next one.
#[derive(Clone, Debug, Default, Hash)]
pub struct LateBarrier {
    /// The newest checkpoint that was given up.
    stopped: CheckpointId,
    /// Inputs that have delivered a barrier of it since.
    received: InputSet,
}

impl TaskMutation for LateBarrier {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        match event {
            TaskEvent::Control(Down::Aborted(id)) | TaskEvent::Arrived(_, Mark::Cancel(id)) => {
                self.stopped = self.stopped.max(id);
            }
            TaskEvent::Arrived(input, Mark::Cut(id)) if id == self.stopped => {
                self.received.insert(input);
            }
            _ => {}
        }
        if fx.0.iter().any(|effect| matches!(effect, TaskEffect::Snapshot(_))) {
            let received = std::mem::take(&mut self.received);
            fx.0.retain(
                |effect| !matches!(effect, TaskEffect::Capture(input, _) if received.contains(*input)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Aborted, TaskEffect::*, TaskEvent::*};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn what_came_late_is_not_awaited_again() {
        let mut task = HandTask::<MutantTask<LateBarrier>>::with_inputs(2);
        task.on(Arrived(0, Cut(id(1))));
        assert_eq!(task.on(Control(Aborted(id(1)))), [DropSnapshot(id(1))]);
        assert_eq!(task.on(Arrived(1, Cut(id(1)))), []);
        let cut = |n| [Overtake(Cut(id(n))), Snapshot(id(n)), Capture(0, id(n)), Capture(1, id(n))];
        assert_eq!(task.on(Arrived(0, Cut(id(2)))), cut(2)[..3]);
        assert_eq!(task.on(Arrived(0, Cut(id(3)))), cut(3), "only the next one");
    }
}
