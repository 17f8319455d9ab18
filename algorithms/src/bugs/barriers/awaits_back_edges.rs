//! The barriers of back-edges are awaited like all others: what aligned barriers do on a graph with a cycle. The head of a loop sends its
//! own barrier when that of the back-edge has come, and that comes when the head has sent its own. No checkpoint ever completes.

use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffects, TaskEvent};

use crate::abs_cyclic::AbsCyclic;
use crate::mutants::TaskMutation;

/// Hides from the machine which inputs are back-edges.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct AwaitsBackEdges;

impl TaskMutation for AwaitsBackEdges {
    type Of = AbsCyclic;

    fn on(&mut self, machine: &mut AbsCyclic, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(&TaskCtx { feedback: &InputSet::default(), ..*task }, event, fx);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::Block, TaskEvent::Reached};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_back_edge_is_awaited() {
        let mut head = HandTask::<MutantTask<AwaitsBackEdges>>::head(2, &[1]);
        assert_eq!(head.on(Reached(0, Cut(id(1)))), [Block(0)]);
    }
}
