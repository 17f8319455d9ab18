//! FLINK-26394: a checkpoint was given up while it was being triggered, the flag that said so stayed set, and no checkpoint
//! was ever triggered again. Here every checkpoint that is given up has that effect.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Down, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Drops the triggers.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct ForgetTrigger {
    is_triggering: bool,
}

impl CoordinatorMutation for ForgetTrigger {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        machine.on(job, event, fx);
        fx.0.retain(|effect| {
            self.is_triggering |= matches!(effect, CoordinatorEffect::Abandon(..));
            !self.is_triggering || !matches!(effect, CoordinatorEffect::Tell(_, Down::Trigger(_)))
        });
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{To, Up};

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn the_first_failure_is_the_last_trigger() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<ForgetTrigger>>::by_request(1);
        coordinator.config.tolerable_failed = 5;
        let trigger = |n| CoordinatorEffect::Tell(To::Roots, Down::Trigger(id(n)));
        assert!(coordinator.up(0, Up::Request).contains(&trigger(1)));
        let after = coordinator.up(1, Up::Decline(id(1)));
        assert!(after.contains(&CoordinatorEffect::Begin(id(2))) && !after.contains(&trigger(2)));
    }
}
