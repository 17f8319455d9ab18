//! The family of FLINK-26403, FLINK-25941 and FLINK-37605, final commits that are lost: a completed checkpoint commits what
//! was prepared before it, on the assumption that another one will come and commit the rest. None comes after the last, so
//! what was prepared with the end of the input is never visible.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Commits one checkpoint less.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct ForgetLastCommit;

impl TaskMutation for ForgetLastCommit {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        for effect in &mut fx.0 {
            if let TaskEffect::Commit(id) = effect {
                id.0 -= 1; // ids begin with 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Completed, TaskEffect::Commit, TaskEvent::Control};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_checkpoint_itself_is_not_committed() {
        let mut task = HandTask::<MutantTask<ForgetLastCommit>>::with_inputs(1);
        assert_eq!(task.on(Control(Completed(id(7)))), [Commit(id(6))]);
    }
}
