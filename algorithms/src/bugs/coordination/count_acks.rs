//! The coordinator counts acknowledgements and does not look at who sent them. One that comes twice then stands for one that
//! is missing: the checkpoint completes without that task's snapshot, and a restore gives the task an older state, or its initial one.

use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::{CoordinatorCut, CoordinatorEffects, CoordinatorEvent, InputSet, JobCtx, Up};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Puts a task that has not answered in the place of one that answers twice.
#[derive(Clone, Debug, Default, Hash)]
pub struct CountAcks {
    /// The newest checkpoint acknowledged,
    id: CheckpointId,
    /// and the tasks that have been counted for it.
    counted: InputSet,
}

impl CoordinatorMutation for CountAcks {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        mut event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        if let CoordinatorEvent::FromTask { task, attempt, up: Up::Ack(id), .. } = event
            && attempt == job.attempt
            && id >= self.id
        {
            if self.id != id {
                (self.id, self.counted) = (id, InputSet::default());
            }
            if !self.counted.insert(task.0) {
                let missing = |task: &u32| !self.counted.contains(*task) && !job.finished.contains(*task);
                if let Some(missing) = (0..job.tasks).find(missing) {
                    self.counted.insert(missing);
                    event = CoordinatorEvent::Finished(TaskId(missing)); // counted, without a snapshot
                }
            }
        }
        machine.on(job, event, fx);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::CoordinatorEffect::Complete;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn one_that_comes_twice_stands_for_one_that_is_missing() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<CountAcks>>::by_request(1);
        coordinator.up(0, Up::Request);
        assert_eq!(coordinator.ack(0, 1), []);
        assert_eq!(coordinator.ack(2, 1), []);
        let snapshot = |task| Some(handle(coordinator.attempt, task, 1));
        let complete = Complete(id(1), vec![snapshot(0), None, snapshot(2)]);
        assert_eq!(coordinator.ack(0, 1), [complete]);
    }
}
