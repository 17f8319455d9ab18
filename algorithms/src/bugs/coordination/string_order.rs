//! FLINK-6284: completed checkpoints were listed in the string order of their keys, `/9` after `/10`, so the latest one was
//! an old one. The job restarts from checkpoint 9 though 10 is complete, and what 10 has committed is committed again.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx, Line,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Restores the last checkpoint in the order of strings.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct StringOrder;

impl CoordinatorMutation for StringOrder {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        machine.on(job, event, fx);
        for effect in &mut fx.0 {
            let last = machine.0.completed().iter().max_by_key(|completed| completed.id.to_string());
            if let (CoordinatorEffect::Restore(line), Some(last)) = (effect, last) {
                *line = Line { checkpoint: Some(last.id), snapshots: last.snapshots.to_vec() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn nine_comes_after_ten() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<StringOrder>>::by_request(2);
        let restored = |effects: Vec<CoordinatorEffect>| match effects.as_slice() {
            [CoordinatorEffect::Restore(line)] => line.checkpoint,
            _ => None,
        };
        (1..=9).for_each(|n| drop(coordinator.complete(n)));
        assert_eq!(restored(coordinator.restart()), Some(id(9)));
        coordinator.complete(10);
        assert_eq!(restored(coordinator.restart()), Some(id(9)));
        coordinator.complete(11);
        assert_eq!(restored(coordinator.restart()), Some(id(11)));
    }
}
