//! A sink that takes "my snapshot is safe" for "the checkpoint is complete": if another task never acknowledges, what was
//! committed is computed and committed again after the restore.

use super::*;

#[derive(Clone, Default)]
pub(super) struct CommitOnSnapshot;

impl TaskBug for CommitOnSnapshot {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        if let TaskEvent::Persisted(id) = event {
            fx.commit(id); // the mutation
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_durable_snapshot_commits() {
        let durable = TaskEvent::Persisted(id(1));
        assert_eq!(HandTask::<Aligned>::with_inputs(1).on(durable), [Tell(Up::Ack(id(1)))]);
        let mut bad = HandTask::<BadTask<CommitOnSnapshot>>::with_inputs(1);
        assert_eq!(bad.on(durable), [Tell(Up::Ack(id(1))), Commit(id(1))]);
    }
}
