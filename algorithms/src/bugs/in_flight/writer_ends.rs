//! FLINK-24667: one thread writes what all tasks of a worker capture. An error in the write for one checkpoint left its loop, and
//! with that ended the thread: what later checkpoints captured was never written, and none of them completed any more, long
//! after the store was well again.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up};

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Acknowledges nothing after a write that has failed.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct WriterEnds {
    has_ended: bool,
}

impl TaskMutation for WriterEnds {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        self.has_ended |= matches!(event, TaskEvent::PersistFailed(_));
        fx.0.retain(|effect| !(self.has_ended && matches!(effect, TaskEffect::Tell(Up::Ack(_)))));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::*};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn nothing_is_written_after_an_error() {
        let mut task = HandTask::<MutantTask<WriterEnds>>::with_inputs(1);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(task.on(PersistFailed(id(2))), [Tell(Up::Decline(id(2)))]);
        assert_eq!(task.on(Persisted(id(3))), []);
    }
}
