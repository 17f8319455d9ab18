//! The checkpoints of a job that is cancelled go, though its user wants them retained: nothing is left to start again from.

use cutline_sim::protocol::{CoordinatorCut, CoordinatorEffects, CoordinatorEvent, JobCtx};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Does not ask whether they are to stay.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct GivesAllBack;

impl CoordinatorMutation for GivesAllBack {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let event = if event == CoordinatorEvent::Over(true) { CoordinatorEvent::Over(false) } else { event };
        machine.on(job, event, fx);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::CoordinatorEffect::Subsume;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn what_was_to_stay_goes() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<GivesAllBack>>::by_request(1);
        coordinator.complete(1);
        assert_eq!(coordinator.on(CoordinatorEvent::Over(true)), [Subsume(id(1))]);
    }
}
