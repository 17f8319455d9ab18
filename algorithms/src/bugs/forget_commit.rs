//! FLINK-38370 and its relatives: the final committables got an id that no completed checkpoint covered, and nobody
//! committed them. Here: off by one, so each transaction waits for one checkpoint more than there will be.

use super::*;

#[derive(Clone, Default)]
pub(super) struct ForgetCommit;

impl TaskBug for ForgetCommit {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        for effect in &mut fx.0 {
            if let TaskEffect::Commit(id) = effect {
                id.0 = id.0.saturating_sub(1); // the mutation
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down, TaskEffect::*};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_last_transaction_stays_open() {
        let completed = TaskEvent::Control(Down::Completed(id(2)));
        assert_eq!(HandTask::<Aligned>::with_inputs(1).on(completed), [Commit(id(2))]);
        assert_eq!(HandTask::<BadTask<ForgetCommit>>::with_inputs(1).on(completed), [Commit(id(1))]);
    }
}
