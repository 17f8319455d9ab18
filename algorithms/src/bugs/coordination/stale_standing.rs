//! A task that has finished is represented in all later checkpoints by the snapshot that was its newest when it finished. If
//! one more checkpoint with a newer snapshot of that task was in flight by then, it completes, the older one is subsumed and
//! its snapshot is deleted; and all later checkpoints refer to what is not there. (Cutline itself had this bug.)

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Handle, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Remembers for ever what stood for a task when it finished.
#[derive(Clone, Debug, Default, Hash)]
pub struct StaleStanding {
    /// Per task that snapshot.
    standing: Vec<Option<Handle>>,
}

impl CoordinatorMutation for StaleStanding {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let newest = machine.0.completed().last().map(|newest| newest.snapshots.clone());
        self.standing.resize(job.tasks as usize, None);
        match (&event, &newest) {
            (CoordinatorEvent::Finished(task), Some(newest)) => {
                self.standing[task.index()] = newest[task.index()];
            }
            (CoordinatorEvent::Recover, _) => self.standing.fill(None),
            _ => {}
        }
        machine.on(job, event, fx);
        let Some(newest) = newest else { return };
        for effect in &mut fx.0 {
            let CoordinatorEffect::Complete(_, snapshots) = effect else { continue };
            for ((snapshot, newest), standing) in snapshots.iter_mut().zip(newest.iter()).zip(&self.standing)
            {
                if snapshot == newest {
                    *snapshot = standing.or(*snapshot); // not one that was taken for this checkpoint
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::ids::TaskId;
    use cutline_sim::protocol::CoordinatorEffect::{Complete, Subsume};
    use cutline_sim::protocol::Up;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, TASKS, handle, id};

    #[test]
    fn a_checkpoint_refers_to_a_snapshot_of_one_that_is_gone() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<StaleStanding>>::by_request(1);
        coordinator.config.max_concurrent = 3;
        (0..3).for_each(|_| drop(coordinator.up(0, Up::Request)));
        (0..TASKS).for_each(|task| drop(coordinator.ack(task, 1)));
        coordinator.on(CoordinatorEvent::MetaStored(id(1)));
        // Task 0 has a part in checkpoint 2 when it is known to have finished, but 2 is not complete.
        coordinator.ack(0, 2);
        coordinator.finished.insert(0);
        coordinator.on(CoordinatorEvent::Finished(TaskId(0)));
        (1..TASKS).for_each(|task| drop(coordinator.ack(task, 2)));
        assert!(coordinator.on(CoordinatorEvent::MetaStored(id(2))).contains(&Subsume(id(1))));
        coordinator.ack(1, 3);
        let snapshot = |task, n| Some(handle(coordinator.attempt, task, n));
        let dangling = Complete(id(3), vec![snapshot(0, 1), snapshot(1, 3), snapshot(2, 3)]);
        assert_eq!(coordinator.ack(2, 3), [dangling]);
    }
}
