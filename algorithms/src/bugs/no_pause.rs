//! Stop the world in which the world does not stop: sources read on behind their marks, and a task that waits for the
//! marks of other inputs consumes what came behind the first.

use cutline_sim::protocol::READING;

use super::*;

#[derive(Clone, Default)]
pub(super) struct NoPause;

impl TaskBug for NoPause {
    type Of = StopTheWorld;

    fn on(&mut self, correct: &mut StopTheWorld, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        fx.0.retain(|effect| *effect != TaskEffect::Block(READING)); // the mutation
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::Down;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_trigger_does_not_pause_the_source() {
        let trigger = TaskEvent::Control(Down::Trigger(id(1)));
        assert_eq!(HandTask::<StopTheWorld>::source().on(trigger)[0], TaskEffect::Block(READING));
        let bad = HandTask::<BadTask<NoPause>>::source().on(trigger);
        assert!(!bad.contains(&TaskEffect::Block(READING)));
        assert!(bad.contains(&TaskEffect::Snapshot(id(1))));
    }
}
