//! A task acknowledges when it has taken its snapshot, and does not wait for the barriers of its other inputs nor for what comes
//! before them to be written. If one of them is late, the checkpoint is complete and refers to a snapshot that does not exist:
//! no restore from it can succeed.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up};

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Acknowledges too early.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct AckBeforeCaptured;

impl TaskMutation for AckBeforeCaptured {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Tell(Up::Ack(_))));
        if let Some(&TaskEffect::Snapshot(id)) = fx.0.get(1) {
            fx.tell(Up::Ack(id));
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
    fn nobody_waits_for_the_barrier() {
        let mut task = HandTask::<MutantTask<AckBeforeCaptured>>::with_inputs(1);
        let cut = [Overtake(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1)), Tell(Up::Ack(id(1)))];
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), cut);
        assert_eq!(task.on(Persisted(id(1))), []);
    }
}
