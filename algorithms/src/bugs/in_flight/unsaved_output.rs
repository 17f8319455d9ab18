//! FLINK-18252: the barriers of savepoints overtook the output, although savepoints did not store what is in flight. Here the
//! snapshot is taken before the barrier overtakes: it counts as sent what the barrier then leaves behind itself. Those below
//! find that on no side of their cut, and it is lost after a restore.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Takes the snapshot first.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct UnsavedOutput;

impl TaskMutation for UnsavedOutput {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        if let [TaskEffect::Overtake(_), TaskEffect::Snapshot(_), ..] = fx.0[..] {
            fx.0.swap(0, 1);
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
    fn the_snapshot_goes_before_the_barrier() {
        let mut source = HandTask::<MutantTask<UnsavedOutput>>::source();
        assert_eq!(source.on(Control(Trigger(id(1)))), [Snapshot(id(1)), Overtake(Cut(id(1)))]);
    }
}
