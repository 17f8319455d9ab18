//! FLINK-10354 (FLINK-6328, FLINK-20427, FLINK-25191): a savepoint was completed like any checkpoint, so sinks committed what
//! belonged to it; but a job that failed was restored from its newest checkpoint, and a savepoint was none. What lay between the two
//! was made and committed again. Either a savepoint is a recovery point, or it must have no side effects.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx, Line,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Restores the newest checkpoint that was not asked for by the user.
#[derive(Clone, Debug, Default, Hash)]
pub struct SavepointPassedOver {
    /// The user has asked for one, and none has begun since.
    is_asked: bool,
    savepoints: Vec<CheckpointId>,
}

impl CoordinatorMutation for SavepointPassedOver {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        self.is_asked |= event == CoordinatorEvent::Requested;
        machine.on(job, event, fx);
        for effect in &mut fx.0 {
            match effect {
                CoordinatorEffect::Begin(id) if std::mem::take(&mut self.is_asked) => {
                    self.savepoints.push(*id);
                }
                CoordinatorEffect::Restore(line) => {
                    let is_savepoint = |id: &CheckpointId| self.savepoints.contains(id);
                    let newest = machine.0.completed().iter().rfind(|other| !is_savepoint(&other.id));
                    *line = match newest {
                        Some(newest) => {
                            Line { checkpoint: Some(newest.id), snapshots: newest.snapshots.to_vec() }
                        }
                        None => Line { checkpoint: None, snapshots: vec![None; job.tasks as usize] },
                    };
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::Up;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, TASKS, id};

    #[test]
    fn the_savepoint_is_not_restored() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<SavepointPassedOver>>::by_request(3);
        coordinator.complete(1);
        coordinator.on(CoordinatorEvent::Requested);
        (0..TASKS).for_each(|task| drop(coordinator.ack(task, 2)));
        coordinator.on(CoordinatorEvent::MetaStored(id(2)));
        let restored = |effects: &[CoordinatorEffect]| match effects {
            [CoordinatorEffect::Restore(line)] => line.checkpoint,
            _ => None,
        };
        assert_eq!(restored(&coordinator.restart()), Some(id(1)));
        coordinator.up(0, Up::Request);
        (0..TASKS).for_each(|task| drop(coordinator.ack(task, 3)));
        coordinator.on(CoordinatorEvent::MetaStored(id(3)));
        assert_eq!(restored(&coordinator.restart()), Some(id(3)));
    }
}
