//! The old checkpoint is given back when the metadata of the new one is sent, not when it is durable. Until then, and for ever
//! if the write fails, there is no checkpoint to go back to.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Makes room before the new checkpoint exists.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct SubsumeEarly;

impl CoordinatorMutation for SubsumeEarly {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        machine.on(job, event, fx);
        let completes = fx.0.iter().any(|effect| matches!(effect, CoordinatorEffect::Complete(..)));
        let completed = machine.0.completed();
        let full = completed.len() >= job.config.retained.max(1) as usize;
        if let (true, true, Some(oldest)) = (completes, full, completed.first()) {
            fx.subsume(oldest.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::CoordinatorEffect::{Complete, Subsume};
    use cutline_sim::protocol::Up;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn the_only_checkpoint_goes_before_the_next_exists() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<SubsumeEarly>>::by_request(1);
        coordinator.complete(1);
        coordinator.up(0, Up::Request);
        coordinator.ack(0, 2);
        coordinator.ack(1, 2);
        let effects = coordinator.ack(2, 2);
        assert!(matches!(effects[..], [Complete(..), Subsume(old)] if old == id(1)), "{effects:?}");
    }
}
