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
    READING, TaskCtx, TaskCut, TaskEffects, TaskEvent, To,
};
use cutline_sim::record::Mark;

use crate::rounds::{Coordinated, Freezing};
use crate::unaligned::Unaligned;

cutline_sim::reusable! {
    /// The part in every task: a cut as in [`Unaligned`], and a task that stands still around it.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct FreezeTheWorld {
        cut: Unaligned,
        /// The checkpoint for which this task stands still, and the inputs that it has blocked.
        frozen: Option<CheckpointId>,
        blocked: InputSet,
    }
}

impl TaskCut for FreezeTheWorld {
    type Durable = <Unaligned as TaskCut>::Durable;
    const HOOKS: Hooks = Unaligned::HOOKS;

    fn new(task: &TaskCtx<'_>, restored: Self::Durable) -> Self {
        FreezeTheWorld { cut: Unaligned::new(task, restored), ..FreezeTheWorld::default() }
    }

    fn durable(&self) -> Self::Durable {
        self.cut.durable()
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        if let TaskEvent::Control(Trigger(id)) | TaskEvent::Arrived(_, Mark::Cut(id)) = event
            && self.cut.is_new(id)
        {
            self.freeze(id, task, fx);
        }
        self.cut.on(task, event, fx);
        match event {
            TaskEvent::Control(Completed(id) | Aborted(id)) | TaskEvent::Arrived(_, Mark::Cancel(id)) => {
                self.go_on(id, fx);
            }
            TaskEvent::Timer(token) => {
                if let Some(id) = self.frozen.filter(|&id| timer_token(id) == token) {
                    self.go_on(id, fx);
                } // otherwise it went on long ago
            }
            _ => {}
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

    /// Checkpoint `id` or a newer one is over.
    fn go_on(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if self.frozen.is_some_and(|frozen| frozen <= id) {
            self.frozen = None;
            fx.unblock(READING);
            self.blocked.iter().for_each(|input| fx.unblock(input));
        }
    }
}

cutline_sim::reusable! {
    /// The part in the coordinator: the books of [`Coordinated`] checkpoints, one at a time with rests between them. Every task
    /// is told to begin, not the roots alone.
    #[derive(Debug, PartialEq, Eq, Hash)]
    pub struct Coordinator {
        books: Coordinated<Freezing>,
    }
}

impl CoordinatorCut for Coordinator {
    fn new(job: &JobCtx<'_>) -> Self {
        Coordinator { books: Coordinated::new(job) }
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        self.books.on(job, event, fx);
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
    use cutline_sim::protocol::{Down::*, TaskEvent::*, Up};
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
