//! A task does not log what its back-edges deliver between its cut and their barriers, as algorithm 1 of Carbone et al. 2015 does
//! not. What was on its way around is neither in the state nor in the log: after a restore it is lost.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::abs_cyclic::AbsCyclic;
use crate::mutants::TaskMutation;

/// Drops the captures.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct UnloggedBackEdge;

impl TaskMutation for UnloggedBackEdge {
    type Of = AbsCyclic;

    fn on(&mut self, machine: &mut AbsCyclic, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(..)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::Reached};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_back_edge_is_not_captured() {
        let mut head = HandTask::<MutantTask<UnloggedBackEdge>>::head(2, &[1]);
        assert_eq!(
            head.on(Reached(0, Cut(id(1)))),
            [Block(0), Emit(Cut(id(1))), Snapshot(id(1)), Unblock(0)]
        );
    }
}
