//! FLINK-5063: acknowledgements of checkpoints that had expired or been declined were ignored, and so nobody deleted the
//! state to which they referred.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Discards nothing that comes late.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct IgnoreLateAck;

impl CoordinatorMutation for IgnoreLateAck {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        machine.on(job, event, fx);
        fx.0.retain(|effect| !matches!(effect, CoordinatorEffect::Discard(_)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::Up;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn a_snapshot_of_a_checkpoint_that_was_declined_stays() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<IgnoreLateAck>>::by_request(1);
        coordinator.up(0, Up::Request);
        coordinator.up(1, Up::Decline(id(1)));
        let discards = |effects: Vec<_>| effects.iter().any(|it| matches!(it, CoordinatorEffect::Discard(_)));
        assert!(!discards(coordinator.ack(2, 1)));
        let mut correct = HandCoordinator::<Coordinator>::by_request(1);
        correct.up(0, Up::Request);
        correct.up(1, Up::Decline(id(1)));
        assert!(discards(correct.ack(2, 1)));
    }
}
