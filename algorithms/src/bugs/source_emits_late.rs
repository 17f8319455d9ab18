//! FLINK-2098: a source kept emitting while its checkpoint ran, so the offset in its state and the place of the barrier
//! in its output differed: what was sent in between is behind the barrier, and is never sent again after a restore.

use super::*;

#[derive(Clone, Default)]
pub(super) struct SourceEmitsLate;

impl TaskBug for SourceEmitsLate {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        if task.is_source {
            put_off_snapshots(fx); // the mutation
            put_off_until_now(event).into_iter().for_each(|id| fx.snapshot(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down, TaskEffect::*};
    use cutline_sim::record::Mark;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_snapshot_comes_later_than_the_barrier() {
        let trigger = TaskEvent::Control(Down::Trigger(id(1)));
        let mut good = HandTask::<Aligned>::source();
        assert_eq!(good.on(trigger), [Emit(Mark::Cut(id(1))), Snapshot(id(1))]);
        let mut bad = HandTask::<BadTask<SourceEmitsLate>>::source();
        assert_eq!(bad.on(trigger), [Emit(Mark::Cut(id(1))), Timer(LATE, 1)]);
        assert_eq!(bad.on(TaskEvent::Timer(1)), [Snapshot(id(1))]);
    }
}
