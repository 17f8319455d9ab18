//! Stop the world: pause, flush, snapshot, resume. The checkpoint of the early stream processors (Murray et al. 2013,
//! *Naiad: A Timely Dataflow System*, section 3.4); what asynchronous barriers (Carbone et al. 2015) were made to replace.
//!
//! A source that is triggered stops reading, sends a mark and takes its snapshot. Behind the marks the channels are
//! empty, because nothing a task sends has another cause than what it has consumed. So a task that has reached the marks
//! of all open inputs is drained: it sends the mark on and takes its snapshot, standing still until that is in the store.
//! Nothing need be blocked but the reading, and channel state is always empty. Sources read on when the checkpoint is
//! complete. The price is a job that stands still from the first trigger to the last acknowledgement and back.
//!
//! What holds it together is one rule: **a source that reads on, other than because the checkpoint is complete, first
//! sends a cancellation**, and every task passes it on, once, also if it has made its cut. So ahead of the first record
//! behind a mark there runs, on every path, a cancellation. A task drained of all marks therefore never has consumed
//! anything from behind one: had it, it would have been told to forget this checkpoint before. No clock comes in.
//!
//! Lost messages. The resume is a message and there is no answer to it. It need not be repeated: a source that has been
//! paused for `config.timeout` reads on by itself. By the rule above that is safe at any moment; that it is also harmless
//! needs clocks: a trigger arrives after the checkpoint began, so the coordinator's own time-out came first, and either
//! the checkpoint was given up then, or every task had made its cut. If another trigger comes while the source is still
//! paused, it makes that cut where it stands (nothing was read between the two) and waits for the newer one.
//!
//! At most one checkpoint is in flight, whatever the configuration says: the world can stop only once. So a mark of a
//! newer checkpoint, or the end of a newer one, says that the older one is over.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Input, InputSet, READING, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use crate::rounds::{Coordinated, Resting};

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct StopTheWorld {
        /// The newest checkpoint that is over here: cut, or cancelled. It is saved with the snapshot.
        over: CheckpointId,
        /// The newest checkpoint whose cancellation was sent on.
        cancelled: CheckpointId,
        /// The checkpoint for which the inputs are draining.
        draining: Option<CheckpointId>,
        /// Inputs whose mark for it is still to come.
        awaited: InputSet,
        /// The checkpoint for which this source is paused.
        paused: Option<CheckpointId>,
    }
}

impl TaskCut for StopTheWorld {
    type Durable = CheckpointId;

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        StopTheWorld { over: restored, cancelled: restored, ..StopTheWorld::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.over
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) | TaskEvent::Reached(_, Mark::Cut(id)) if id <= self.over => {}
            TaskEvent::Control(Trigger(id)) if task.is_source => {
                self.pause(id, task, fx);
                self.cut(id, fx);
            }
            TaskEvent::Control(Trigger(id)) => self.drain(None, id, task, fx), // all inputs have ended, or soon will
            TaskEvent::Reached(input, Mark::Cut(id)) => self.drain(Some(input), id, task, fx),
            TaskEvent::Reached(_, Mark::Cancel(id)) => self.cancel(id, fx),
            TaskEvent::InputEnded(input) => {
                self.awaited.remove(input);
                self.cut_if_drained(fx);
            }
            TaskEvent::Control(Completed(id)) => {
                fx.commit(id);
                self.resume(id, fx);
            }
            TaskEvent::Control(Aborted(id)) => {
                fx.drop_snapshot(id);
                self.cancel(id, fx);
            }
            TaskEvent::Timer(token) => match self.paused {
                Some(id) if timer_token(id) == token => self.cancel(id, fx),
                _ => {} // that pause is over
            },
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)),
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Arrived(..) | TaskEvent::Started => {}
        }
    }
}

fn timer_token(id: CheckpointId) -> u32 {
    id.0 as u32 // two pauses of one source are never 2^32 checkpoints apart
}

impl StopTheWorld {
    fn pause(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if self.paused.replace(id).is_none() {
            fx.block(READING);
        }
        fx.timer(task.config.timeout, timer_token(id));
    }

    /// Checkpoint `id` or a newer one is over.
    fn resume(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if self.paused.is_some_and(|paused| paused <= id) {
            self.paused = None;
            fx.unblock(READING);
        }
    }

    /// One more mark of this checkpoint, or a trigger in place of all marks.
    fn drain(&mut self, input: Option<Input>, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if self.draining.is_some_and(|draining| id < draining) {
            return; // late: that checkpoint is over
        }
        if self.draining != Some(id) {
            self.draining = Some(id);
            self.awaited.clone_from(task.open);
        }
        if let Some(input) = input {
            self.awaited.remove(input);
        }
        self.cut_if_drained(fx);
    }

    fn cut_if_drained(&mut self, fx: &mut TaskEffects) {
        if let Some(id) = self.draining.filter(|_| self.awaited.is_empty()) {
            self.cut(id, fx);
        }
    }

    fn cut(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        self.draining = None;
        self.over = id;
        fx.emit(Mark::Cut(id));
        fx.snapshot(id);
    }

    /// This checkpoint will not be: those below must know it before they see what comes behind its mark.
    fn cancel(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if self.draining.is_some_and(|draining| draining <= id) {
            self.draining = None;
        }
        self.over = self.over.max(id);
        if self.cancelled < id {
            self.cancelled = id;
            fx.emit(Mark::Cancel(id));
        }
        self.resume(id, fx);
    }
}

/// The part in the coordinator: the books of [`Coordinated`] checkpoints, one at a time.
pub type Coordinator = Coordinated<Resting>;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Block, Commit, DropSnapshot, Emit, Snapshot, Timer, Unblock};
    use cutline_sim::protocol::{Down::*, TaskEvent::Control, TaskEvent::InputEnded, TaskEvent::Reached};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_source_stands_still_until_the_checkpoint_is_complete() {
        let mut source = HandTask::<StopTheWorld>::source();
        let timeout = source.config.timeout;
        let paused = [Block(READING), Timer(timeout, 1), Emit(Cut(id(1))), Snapshot(id(1))];
        assert_eq!(source.on(Control(Trigger(id(1)))), paused);
        assert_eq!(source.on(Control(Trigger(id(1)))), [], "a doubled trigger");
        assert_eq!(source.on(Control(Completed(id(1)))), [Commit(id(1)), Unblock(READING)]);
        assert_eq!(source.on(Control(Completed(id(1)))), [Commit(id(1))]);
        assert_eq!(source.on(TaskEvent::Timer(1)), [], "stale");
    }

    #[test]
    fn a_source_that_reads_on_without_completion_cancels_first() {
        let mut source = HandTask::<StopTheWorld>::source();
        source.on(Control(Trigger(id(1))));
        let aborted = [DropSnapshot(id(1)), Emit(Cancel(id(1))), Unblock(READING)];
        assert_eq!(source.on(Control(Aborted(id(1)))), aborted);
        source.on(Control(Trigger(id(2))));
        assert_eq!(source.on(TaskEvent::Timer(1)), [], "stale");
        assert_eq!(source.on(TaskEvent::Timer(2)), [Emit(Cancel(id(2))), Unblock(READING)]);
        assert_eq!(source.on(Control(Aborted(id(3)))), [DropSnapshot(id(3)), Emit(Cancel(id(3)))]);
        assert_eq!(source.on(Control(Trigger(id(3)))), [], "it was aborted before it came");
    }

    #[test]
    fn a_lost_resume_is_made_good_by_the_next_checkpoint() {
        let mut source = HandTask::<StopTheWorld>::source();
        source.on(Control(Trigger(id(1))));
        let timeout = source.config.timeout;
        assert_eq!(
            source.on(Control(Trigger(id(2)))),
            [Timer(timeout, 2), Emit(Cut(id(2))), Snapshot(id(2))]
        );
        assert_eq!(source.on(Control(Completed(id(1)))), [Commit(id(1))], "late: 2 is not over");
        assert_eq!(source.on(Control(Completed(id(2)))), [Commit(id(2)), Unblock(READING)]);
    }

    #[test]
    fn a_task_takes_its_snapshot_when_it_is_drained() {
        let mut task = HandTask::<StopTheWorld>::with_inputs(3);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), []);
        assert_eq!(task.on(InputEnded(2)), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(task.on(Reached(0, Cancel(id(1)))), [Emit(Cancel(id(1)))], "those below may still wait");
        assert_eq!(task.on(Reached(1, Cancel(id(1)))), []);
        assert_eq!(task.on(Reached(0, Cut(id(2)))), []);
        assert_eq!(task.on(Reached(0, Cut(id(3)))), [], "2 is over");
        assert_eq!(task.on(Reached(1, Cut(id(2)))), []);
        assert_eq!(task.on(Reached(1, Cut(id(3)))), [Emit(Cut(id(3))), Snapshot(id(3))]);
    }

    #[test]
    fn a_cancelled_checkpoint_is_forgotten() {
        let mut task = HandTask::<StopTheWorld>::with_inputs(2);
        task.on(Reached(0, Cut(id(1))));
        assert_eq!(task.on(Reached(0, Cancel(id(1)))), [Emit(Cancel(id(1)))]);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), []);
        assert_eq!(task.on(InputEnded(1)), [], "0 may have delivered what came behind its mark");
    }

    #[test]
    fn a_task_without_open_inputs_is_drained() {
        let mut task = HandTask::<StopTheWorld>::with_inputs(1);
        assert_eq!(task.on(Control(Trigger(id(1)))), [], "the end of its input is still to come");
        assert_eq!(task.on(InputEnded(0)), [Emit(Cut(id(1))), Snapshot(id(1))]);
        assert_eq!(task.on(Control(Trigger(id(2)))), [Emit(Cut(id(2))), Snapshot(id(2))]);
    }

    #[test]
    fn a_copy_equals() {
        let mut task = HandTask::<StopTheWorld>::with_inputs(3);
        let mut copy = task.machine.clone();
        task.on(Reached(0, Cut(id(1))));
        copy.clone_from(&task.machine);
        assert_eq!((&copy, copy.clone()), (&task.machine, task.machine.clone()));
    }
}
