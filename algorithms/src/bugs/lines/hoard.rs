//! Garbage is not collected: checkpoints that lie before the newest line, and will lie on none any more, stay in the store for ever.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::mutants::CoordinatorMutation;
use crate::recovery_line::RecoveryLine;

/// Discards nothing.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Hoard;

impl CoordinatorMutation for Hoard {
    type Of = RecoveryLine;

    fn on(
        &mut self,
        machine: &mut RecoveryLine,
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
    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn what_comes_too_late_for_any_line_is_kept() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<Hoard>>::by_request(1);
        (0..3).for_each(|task| drop(coordinator.ack_at(task, 2, &[0], &[0])));
        coordinator.on(CoordinatorEvent::MetaStored(id(1)));
        assert_eq!(coordinator.ack_at(0, 1, &[0], &[]), []);
    }
}
