//! A coordinator that counts acknowledgements instead of remembering who sent them. A doubled message then stands for a
//! task that has not answered, and the checkpoint "completes" without that task's snapshot: it restores to nothing.

use cutline_sim::ids::TaskId;
use cutline_sim::protocol::{CoordinatorEffect, Handle};

use super::*;
use CoordinatorEvent::FromTask;

/// The snapshot of a task that was only counted.
const NOTHING: Handle = Handle(u64::MAX);

#[derive(Clone, Default)]
pub(super) struct CountAcks {
    /// Who has acknowledged what in this attempt.
    seen: Vec<(CheckpointId, TaskId)>,
}

impl CoordinatorBug for CountAcks {
    type Of = aligned::Coordinator;

    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        mut event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        match &mut event {
            FromTask { task, attempt, up: Up::Ack(id), handle } if *attempt == job.attempt => {
                let absent =
                    |task: &u32| !job.finished.contains(*task) && !self.seen.contains(&(*id, TaskId(*task)));
                if !self.seen.contains(&(*id, *task)) {
                    self.seen.push((*id, *task));
                } else if let Some(other) = (0..job.tasks).find(absent) {
                    (*task, *handle) = (TaskId(other), Some(NOTHING)); // the mutation
                }
            }
            CoordinatorEvent::Recover => self.seen.clear(),
            _ => {}
        }
        correct.on(job, event, fx);
        for effect in &mut fx.0 {
            match effect {
                CoordinatorEffect::Complete(_, snapshots) => forget_nothing(snapshots),
                CoordinatorEffect::Restore(line) => forget_nothing(&mut line.snapshots),
                CoordinatorEffect::Abandon(_, _, snapshots) => {
                    snapshots.retain(|&snapshot| snapshot != NOTHING)
                }
                _ => {}
            }
        }
        fx.0.retain(|effect| *effect != CoordinatorEffect::Discard(NOTHING));
    }
}

fn forget_nothing(snapshots: &mut [Option<Handle>]) {
    snapshots.iter_mut().filter(|snapshot| **snapshot == Some(NOTHING)).for_each(|snapshot| *snapshot = None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn a_doubled_acknowledgement_completes_without_the_third_task() {
        let mut good = HandCoordinator::<aligned::Coordinator>::by_request(1);
        let mut bad = HandCoordinator::<BadCoordinator<CountAcks>>::by_request(1);
        good.up(0, Up::Request);
        bad.up(0, Up::Request);
        for task in [0, 1] {
            assert_eq!((good.ack(task, 1), bad.ack(task, 1)), (vec![], vec![]));
        }
        assert_eq!(good.ack(1, 1), []);
        let handles = [0, 1].map(|task| Some(handle(bad.attempt, task, 1)));
        let incomplete = vec![handles[0], handles[1], None];
        assert_eq!(bad.ack(1, 1), [CoordinatorEffect::Complete(id(1), incomplete)]);
    }
}
