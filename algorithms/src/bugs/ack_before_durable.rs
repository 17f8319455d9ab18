//! A task acknowledges as soon as it has taken its snapshot, while the snapshot is still on its way to the store. If it
//! never arrives, a completed checkpoint refers to an object that does not exist.

use super::*;

#[derive(Clone, Default)]
pub(super) struct AckBeforeDurable;

impl TaskBug for AckBeforeDurable {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Tell(Up::Ack(_))));
        let taken = |effect: &TaskEffect| match effect {
            TaskEffect::Snapshot(id) => Some(TaskEffect::Tell(Up::Ack(*id))),
            _ => None,
        };
        let acks: Vec<_> = fx.0.iter().filter_map(taken).collect();
        fx.0.extend(acks); // the mutation
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;
    use cutline_sim::record::Mark;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_acknowledgement_does_not_wait_for_the_store() {
        let events = [TaskEvent::Reached(0, Mark::Cut(id(1))), TaskEvent::PersistFailed(id(1))];
        let good = HandTask::<Aligned>::with_inputs(1).run(&events);
        assert_eq!(good, [Emit(Mark::Cut(id(1))), Snapshot(id(1)), Tell(Up::Decline(id(1)))]);
        let bad = HandTask::<BadTask<AckBeforeDurable>>::with_inputs(1).run(&events);
        let early = [Emit(Mark::Cut(id(1))), Snapshot(id(1)), Tell(Up::Ack(id(1))), Tell(Up::Decline(id(1)))];
        assert_eq!(bad, early);
    }
}
