//! Hazelcast Jet #2504: an answer of the old execution was handled after the restart and completed a checkpoint of the new
//! one. Two guards are gone: the check of the attempt, and ids that are never used twice. Needs an acknowledgement that is
//! delayed beyond a restart.

use super::*;
use CoordinatorEvent::FromTask;

#[derive(Clone, Default)]
pub(super) struct StaleAck;

impl CoordinatorBug for StaleAck {
    type Of = aligned::Coordinator;

    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        mut event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        if let FromTask { attempt, up: Up::Ack(_), .. } = &mut event {
            *attempt = job.attempt; // the mutation
        }
        let recovers = event == CoordinatorEvent::Recover;
        correct.on(job, event, fx);
        if recovers {
            let last = correct.0.completed().last().map_or(0, |completed| completed.id.0);
            correct.0.reuse_ids_from(CheckpointId(last + 1)); // and its second half
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::CoordinatorEffect;

    use super::*;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn an_older_attempt_completes_a_checkpoint() {
        let mut good = HandCoordinator::<aligned::Coordinator>::by_request(1);
        let mut bad = HandCoordinator::<BadCoordinator<StaleAck>>::by_request(1);
        let old = bad.attempt;
        good.up(0, Up::Request);
        bad.up(0, Up::Request);
        good.restart();
        bad.restart();
        good.up(0, Up::Request);
        bad.up(0, Up::Request);
        for task in [0, 1] {
            assert_eq!((good.ack(task, 2), bad.ack(task, 1)), (vec![], vec![]));
        }
        assert_eq!((good.ack_of(old, 2, 1), good.ack_of(old, 2, 2)), (vec![], vec![]));
        let mixed = [(bad.attempt, 0), (bad.attempt, 1), (old, 2)];
        let mixed = mixed.map(|(attempt, task)| Some(handle(attempt, task, 1))).to_vec();
        assert_eq!(bad.ack_of(old, 2, 1), [CoordinatorEffect::Complete(id(1), mixed)]);
    }
}
