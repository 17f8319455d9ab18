//! A job that is cancelled gives its checkpoints back, but for the newest, which is kept in case of a restart that will not come.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Keeps one.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct KeepsTheNewest;

impl CoordinatorMutation for KeepsTheNewest {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let newest = machine.0.completed().last().map(|newest| newest.id);
        let is_over = matches!(event, CoordinatorEvent::Over(_));
        machine.on(job, event, fx);
        fx.0.retain(
            |effect| !matches!(effect, CoordinatorEffect::Subsume(id) if is_over && Some(*id) == newest),
        );
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::CoordinatorEffect::Subsume;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn one_stays() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<KeepsTheNewest>>::by_request(2);
        (1..=2).for_each(|n| drop(coordinator.complete(n)));
        assert_eq!(coordinator.on(CoordinatorEvent::Over(false)), [Subsume(id(1))]);
    }
}
