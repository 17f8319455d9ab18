//! FLINK-17568: a task stayed in its read loop after a barrier and consumed records from behind it before the snapshot was
//! taken: they are in the snapshot, and are sent again after a restore.

use super::*;

#[derive(Clone, Default)]
pub(super) struct SnapshotLate;

impl TaskBug for SnapshotLate {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        if !task.is_source {
            put_off_snapshots(fx); // the mutation
            put_off_until_now(event).into_iter().for_each(|id| fx.snapshot(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;
    use cutline_sim::record::Mark;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_snapshot_comes_later_than_the_barrier() {
        let barrier = TaskEvent::Reached(0, Mark::Cut(id(1)));
        let mut good = HandTask::<Aligned>::with_inputs(1);
        assert_eq!(good.on(barrier), [Emit(Mark::Cut(id(1))), Snapshot(id(1))]);
        let mut bad = HandTask::<BadTask<SnapshotLate>>::with_inputs(1);
        assert_eq!(bad.on(barrier), [Emit(Mark::Cut(id(1))), Timer(LATE, 1)]);
        assert_eq!(bad.on(TaskEvent::Timer(1)), [Snapshot(id(1))]);
    }
}
