//! A sink takes its own checkpoint for one of the job: it commits when that is durable, before it lies on a line. If the line restored
//! is an older one, what was made visible is made a second time.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::mutants::TaskMutation;
use crate::uncoordinated::Uncoordinated;

/// Commits at once.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct CommitAlone;

impl TaskMutation for CommitAlone {
    type Of = Uncoordinated;

    fn on(
        &mut self,
        machine: &mut Uncoordinated,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        if let TaskEvent::Persisted(id) = event {
            fx.commit(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Commit, Tell};
    use cutline_sim::protocol::{TaskEvent::Persisted, Up};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_durable_checkpoint_is_committed() {
        let mut task = HandTask::<MutantTask<CommitAlone>>::with_inputs(1);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1))), Commit(id(1))]);
    }
}
