//! A task acknowledges when it has taken its snapshot, not when it has been written. If the write fails, or takes longer
//! than that of the metadata, the checkpoint is complete and refers to nothing: no restore from it can succeed.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Acknowledges too early.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct AckBeforeDurable;

impl TaskMutation for AckBeforeDurable {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Tell(Up::Ack(_))));
        for at in 0..fx.0.len() {
            if let TaskEffect::Snapshot(id) = fx.0[at] {
                fx.tell(Up::Ack(id));
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
    fn nobody_waits_for_the_write() {
        let mut source = HandTask::<MutantTask<AckBeforeDurable>>::source();
        assert_eq!(
            source.on(Control(Trigger(id(1)))),
            [Emit(Cut(id(1))), Snapshot(id(1)), Tell(Up::Ack(id(1)))]
        );
        assert_eq!(source.on(TaskEvent::Persisted(id(1))), []);
    }
}
