//! Stop the world by freezing it: every task stands still where it is, and what is on the channels is part of the checkpoint.
//! The other form of `stop-the-world`, which drains the channels first; the naive global snapshot that asynchronous
//! protocols are measured against (Carbone et al. 2015, section 2; whole-system checkpoints of virtual machines are the
//! same idea).
//!
//! The coordinator tells *every* task at once. A task that hears of it, from the coordinator or by the mark of a task before
//! it, stops consuming, sends its mark ahead of everything that has not left yet, and takes its snapshot; what stands on its
//! inputs before their marks belongs to it. All go on when the checkpoint is complete, or given up.
//!
//! That the world stands still costs latency and buys nothing here: the marks alone make the cut consistent, whenever tasks
//! stop and go on. So a resume that is lost does no harm: a task that has stood for `config.timeout` goes on by itself.
//!
//! The price, beside the pause, is a checkpoint with everything in flight; the gain over draining is that the pause does not
//! grow with what is queued.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Down, Hooks, InputSet, JobCtx,
    READING, TaskCtx, TaskCut, TaskEffects, TaskEvent, To, Up,
};
use cutline_sim::record::Mark;

use crate::rounds::Rounds;

cutline_sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct FreezeTheWorld {
        /// The newest checkpoint that was cut or given up. It is saved with the snapshot.
        newest: CheckpointId,
        /// The newest that was cut.
        cut: CheckpointId,
        /// The checkpoint for which this task stands still, and the inputs that it has blocked.
        frozen: Option<CheckpointId>,
        blocked: InputSet,
    }
}

impl TaskCut for FreezeTheWorld {
    type Durable = CheckpointId;
    const HOOKS: Hooks = Hooks { arrivals: true };

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        FreezeTheWorld { newest: restored, cut: restored, ..FreezeTheWorld::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            TaskEvent::Control(Trigger(id)) | TaskEvent::Arrived(_, Mark::Cut(id)) if id > self.newest => {
                self.freeze(id, task, fx);
                self.cut(id, task, fx);
            }
            TaskEvent::Control(Trigger(_)) | TaskEvent::Arrived(_, Mark::Cut(_)) => {}
            TaskEvent::Control(Aborted(id)) | TaskEvent::Arrived(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => {
                fx.commit(id);
                self.go_on(id, fx);
            }
            TaskEvent::Timer(token) => match self.frozen {
                Some(id) if timer_token(id) == token => self.go_on(id, fx),
                _ => {} // it went on long ago
            },
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)),
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Reached(..) | TaskEvent::InputEnded(_) | TaskEvent::Started => {}
        }
    }
}

fn timer_token(id: CheckpointId) -> u32 {
    id.0 as u32 // two pauses of one task are never 2^32 checkpoints apart
}

impl FreezeTheWorld {
    fn freeze(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        if self.frozen.replace(id).is_none() {
            if task.is_source {
                fx.block(READING);
            }
            self.blocked.clone_from(task.open);
            self.blocked.iter().for_each(|input| fx.block(input));
        }
        fx.timer(task.config.timeout, timer_token(id));
    }

    fn cut(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        (self.newest, self.cut) = (id, id);
        fx.overtake(Mark::Cut(id));
        fx.snapshot(id);
        task.open.iter().for_each(|input| fx.capture(input, id));
    }

    /// Checkpoint `id` or a newer one is over.
    fn go_on(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if self.frozen.is_some_and(|frozen| frozen <= id) {
            self.frozen = None;
            fx.unblock(READING);
            self.blocked.iter().for_each(|input| fx.unblock(input));
        }
    }

    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if id > self.newest {
            self.newest = id;
            fx.overtake(Mark::Cancel(id));
        } else if id == self.cut {
            fx.drop_snapshot(id);
        }
        self.go_on(id, fx);
    }
}

/// The part in the coordinator: the books of [`Rounds`], one checkpoint at a time with rests between them. Every task is
/// told to begin, not the roots alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Coordinator(Rounds);

impl Clone for Coordinator {
    fn clone(&self) -> Self {
        Coordinator(self.0.clone())
    }

    fn clone_from(&mut self, from: &Self) {
        self.0.clone_from(&from.0);
    }
}

impl CoordinatorCut for Coordinator {
    fn new(_job: &JobCtx<'_>) -> Self {
        Coordinator(Rounds::strict_with_rests())
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        self.0.on(job, event, fx);
        for effect in &mut fx.0 {
            if let CoordinatorEffect::Tell(to @ To::Roots, Down::Trigger(_)) = effect {
                *to = To::All;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::CoordinatorEffect::Tell as TellTasks;
    use cutline_sim::protocol::TaskEffect::{
        Block, Capture, Commit, DropSnapshot, Overtake, Snapshot, Timer as SetTimer, Unblock,
    };
    use cutline_sim::protocol::{Down::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::hand::{HandCoordinator, HandTask, id};

    #[test]
    fn a_task_stands_still_until_the_checkpoint_is_complete() {
        let mut task = HandTask::<FreezeTheWorld>::with_inputs(1);
        let timeout = task.config.timeout;
        assert_eq!(
            task.on(Control(Trigger(id(1)))),
            [Block(0), SetTimer(timeout, 1), Overtake(Cut(id(1))), Snapshot(id(1)), Capture(0, id(1))]
        );
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), []);
        assert_eq!(task.on(Control(Completed(id(1)))), [Commit(id(1)), Unblock(READING), Unblock(0)]);
        assert_eq!(task.on(Timer(1)), []);
    }

    #[test]
    fn a_source_stops_reading_and_goes_on_by_itself_in_the_end() {
        let mut task = HandTask::<FreezeTheWorld>::source();
        let timeout = task.config.timeout;
        assert_eq!(
            task.on(Control(Trigger(id(1)))),
            [Block(READING), SetTimer(timeout, 1), Overtake(Cut(id(1))), Snapshot(id(1))]
        );
        assert_eq!(task.on(Timer(1)), [Unblock(READING)]);
        assert_eq!(task.on(Control(Aborted(id(1)))), [DropSnapshot(id(1))]);
        assert_eq!(task.on(Control(Aborted(id(2)))), [Overtake(Cancel(id(2)))]);
    }

    #[test]
    fn every_task_is_told_to_begin() {
        let mut coordinator = HandCoordinator::<Coordinator>::by_request(1);
        let effects = coordinator.up(0, Up::Request);
        assert!(effects.contains(&TellTasks(To::All, Trigger(id(1)))), "{effects:?}");
    }
}
