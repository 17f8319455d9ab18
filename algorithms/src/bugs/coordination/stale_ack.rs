//! Hazelcast Jet #2504 (#2487): the job had been restarted by force when the master handled the answer of a member to a snapshot of
//! the execution before, and nobody looked which execution it came from. That snapshot became the last good one, and what the new
//! execution was being restored from was cleared. Here acknowledgements are taken whatever attempt they come from; and that
//! somebody waits for one, the coordinator goes on counting from the checkpoint restored. So the late acknowledgement of a checkpoint that
//! was lost fits the new one of the same id, and a snapshot of a history that was rolled back gets into it.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{CoordinatorCut, CoordinatorEffects, CoordinatorEvent, JobCtx};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Forgets to look at the attempt.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct StaleAck;

impl CoordinatorMutation for StaleAck {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        mut event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        if let CoordinatorEvent::FromTask { attempt, .. } = &mut event {
            *attempt = job.attempt;
        }
        let recovers = event == CoordinatorEvent::Recover;
        machine.on(job, event, fx);
        if recovers {
            let restored = machine.0.completed().last().map_or(0, |completed| completed.id.0);
            machine.0.reuse_ids_from(CheckpointId(restored + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::ids::Attempt;
    use cutline_sim::protocol::{CoordinatorEffect::Complete, Up};

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn a_snapshot_of_an_older_attempt_gets_into_a_checkpoint() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<StaleAck>>::by_request(1);
        coordinator.up(0, Up::Request);
        coordinator.restart();
        coordinator.up(0, Up::Request);
        coordinator.ack_of(Attempt(1), 0, 1);
        coordinator.ack(1, 1);
        let snapshot = |attempt, task| Some(handle(Attempt(attempt), task, 1));
        let mixed = vec![snapshot(1, 0), snapshot(2, 1), snapshot(2, 2)];
        assert_eq!(coordinator.ack(2, 1), [Complete(id(1), mixed)]);
    }
}
