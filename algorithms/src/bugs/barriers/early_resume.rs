//! Stop the world, but not for long enough: a source reads on when its own snapshot is durable, while tasks below still wait
//! for the marks of other sources. They handle, ahead of their own snapshots, records from behind a mark; after a restore
//! those come a second time. The rule broken is that whoever reads on before the checkpoint is complete cancels it first.

use cutline_sim::protocol::{READING, TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::mutants::TaskMutation;
use crate::stop_the_world::StopTheWorld;

/// Lets sources read on too early.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct EarlyResume;

impl TaskMutation for EarlyResume {
    type Of = StopTheWorld;

    fn on(&mut self, machine: &mut StopTheWorld, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        if task.is_source && matches!(event, TaskEvent::Persisted(_)) {
            fx.unblock(READING);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Trigger, TaskEffect::*, TaskEvent::Control, Up};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn nobody_waits_for_the_others() {
        let mut source = HandTask::<MutantTask<EarlyResume>>::source();
        source.on(Control(Trigger(id(1))));
        assert_eq!(source.on(TaskEvent::Persisted(id(1))), [Tell(Up::Ack(id(1))), Unblock(READING)]);
    }
}
