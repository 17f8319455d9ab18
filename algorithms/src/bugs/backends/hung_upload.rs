//! FLINK-26396: the upload of the log was tried a few times. If the last attempt timed out, too, nobody completed the future for
//! which the task was waiting: the failure was never said, and the checkpoint hung until it expired, if it ever did.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Keeps it to itself that a write has failed.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct HungUpload;

impl TaskMutation for HungUpload {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if !matches!(event, TaskEvent::PersistFailed(_)) {
            machine.on(task, event, fx);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::*, Up};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_failure_is_not_said() {
        let mut task = HandTask::<MutantTask<HungUpload>>::with_inputs(1);
        assert_eq!(task.on(PersistFailed(id(1))), []);
        assert_eq!(task.on(Persisted(id(2))), [Tell(Up::Ack(id(2)))]);
    }
}
