//! A sink takes its own part for the whole: it commits when its snapshot is durable. If another task's is not, or the
//! metadata is not, the checkpoint never exists; the job restarts from an older one, and what was committed is produced and
//! committed again.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Commits too early.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct CommitOnSnapshot;

impl TaskMutation for CommitOnSnapshot {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        if let TaskEvent::Persisted(id) = event {
            fx.commit(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, Up};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn nobody_waits_for_the_checkpoint() {
        let mut task = HandTask::<MutantTask<CommitOnSnapshot>>::with_inputs(1);
        assert_eq!(task.on(TaskEvent::Persisted(id(1))), [Tell(Up::Ack(id(1))), Commit(id(1))]);
    }
}
