//! Alignment without blocking: what an early input delivers behind its barrier is handled before the snapshot, and is in
//! it. That is at-least-once, which Flink offers under that name; here exactly-once is promised. After a restore the source
//! sends those records again, and they count twice.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Drops the blocking.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct NoBlock;

impl TaskMutation for NoBlock {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Block(_)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEvent::Reached;
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn an_early_input_goes_on() {
        let mut task = HandTask::<MutantTask<NoBlock>>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
    }
}
