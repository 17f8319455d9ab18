//! The savepoint that the user asks for has the first task, a source, where the newest checkpoint had it. Whoever starts from there
//! reads again what the other tasks have counted already.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// From the request on, puts an older snapshot in the place of the first.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct OldSource {
    asked: bool,
}

impl CoordinatorMutation for OldSource {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        self.asked |= event == CoordinatorEvent::Requested;
        machine.on(job, event, fx);
        let old = machine.0.completed().last().and_then(|newest| newest.snapshots.first().copied());
        for effect in &mut fx.0 {
            if let (CoordinatorEffect::Complete(_, snapshots), Some(old), true) = (effect, old, self.asked) {
                snapshots[0] = old;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::ids::Attempt;
    use cutline_sim::protocol::CoordinatorEffect::Complete;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn the_savepoint_names_an_older_snapshot() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<OldSource>>::by_request(1);
        coordinator.complete(1);
        coordinator.on(CoordinatorEvent::Requested);
        (0..2).for_each(|task| drop(coordinator.ack(task, 2)));
        let of = |task, n| Some(handle(Attempt(1), task, n));
        assert_eq!(coordinator.ack(2, 2), [Complete(id(2), vec![of(0, 1), of(1, 2), of(2, 2)])]);
    }
}
