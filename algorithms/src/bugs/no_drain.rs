//! Stop the world without the flush: a task takes its snapshot at the first mark, while records that were sent before the
//! other marks are still in its channels. They are in no snapshot.

use cutline_sim::protocol::InputSet;

use super::*;

#[derive(Clone, Default)]
pub(super) struct NoDrain;

impl TaskBug for NoDrain {
    type Of = StopTheWorld;

    fn on(&mut self, correct: &mut StopTheWorld, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let nothing = InputSet::default();
        correct.on(&TaskCtx { open: &nothing, ..*task }, event, fx); // the mutation
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::*;
    use cutline_sim::record::Mark;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn one_mark_of_two_is_enough() {
        let mark = TaskEvent::Reached(0, Mark::Cut(id(1)));
        assert_eq!(HandTask::<StopTheWorld>::with_inputs(2).on(mark), []);
        let mut bad = HandTask::<BadTask<NoDrain>>::with_inputs(2);
        assert_eq!(bad.on(mark), [Emit(Mark::Cut(id(1))), Snapshot(id(1))]);
    }
}
