//! FLINK-23771: a task waited for a future that is completed when the last barrier has come on its inputs. When checkpoints
//! began to go on after tasks had finished, one was triggered on a task all of whose inputs had ended: no barrier comes to it
//! any more, nothing completed the future, and the checkpoint never ended. Here such a task takes its snapshot, and waits.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up};

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Does not acknowledge what it takes without an open input.
#[derive(Clone, Debug, Default, Hash)]
pub struct AllInputsEnded {
    waits: Vec<CheckpointId>,
}

impl TaskMutation for AllInputsEnded {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        let awaits_nothing = !task.is_source && task.open.is_empty();
        fx.0.retain(|effect| match effect {
            TaskEffect::Snapshot(id) if awaits_nothing => {
                self.waits.push(*id);
                true
            }
            TaskEffect::Tell(Up::Ack(id)) => !self.waits.contains(id),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Trigger, TaskEffect::*, TaskEvent::*};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn what_no_barrier_completes_is_never_acknowledged() {
        let mut task = HandTask::<MutantTask<AllInputsEnded>>::with_inputs(1);
        task.on(Arrived(0, Cut(id(1))));
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        task.on(InputEnded(0));
        assert_eq!(task.on(Control(Trigger(id(2)))), [Overtake(Cut(id(2))), Snapshot(id(2))]);
        assert_eq!(task.on(Persisted(id(2))), []);
    }
}
