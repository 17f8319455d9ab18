//! Alignment without its point: records behind the barrier of an early input are in the snapshot, as at-least-once mode
//! allows, but exactly-once is what was promised.

use super::*;

#[derive(Clone, Default)]
pub(super) struct NoBlock;

impl TaskBug for NoBlock {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Block(_) | TaskEffect::Unblock(_))); // the mutation
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;
    use cutline_sim::record::Mark;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn an_early_input_is_not_blocked() {
        let early = TaskEvent::Reached(0, Mark::Cut(id(1)));
        assert_eq!(HandTask::<Aligned>::with_inputs(2).on(early), [Block(0)]);
        assert_eq!(HandTask::<BadTask<NoBlock>>::with_inputs(2).on(early), []);
    }
}
