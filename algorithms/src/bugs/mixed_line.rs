//! A restore line of two checkpoints: the last task goes back one further than the rest. What its senders sent between the
//! two is not sent again, so its inputs have a gap. Needs two retained checkpoints.

use cutline_sim::protocol::CoordinatorEffect;

use super::*;

#[derive(Clone, Default)]
pub(super) struct MixedLine;

impl CoordinatorBug for MixedLine {
    type Of = aligned::Coordinator;

    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        correct.on(job, event, fx);
        for effect in &mut fx.0 {
            if let (CoordinatorEffect::Restore(line), [.., before, _]) = (effect, correct.0.completed())
                && let (Some(snapshot), Some(older)) = (line.snapshots.last_mut(), before.snapshots.last())
            {
                *snapshot = *older; // the mutation
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::Line;

    use super::*;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn the_last_task_goes_back_further() {
        let mut good = HandCoordinator::<aligned::Coordinator>::by_request(2);
        let mut bad = HandCoordinator::<BadCoordinator<MixedLine>>::by_request(2);
        for n in [1, 2] {
            assert_eq!(good.complete(n), bad.complete(n));
        }
        let attempt = good.attempt;
        let line = |of: [u64; 3]| {
            let snapshots = (0..).zip(of).map(|(task, n)| Some(handle(attempt, task, n))).collect();
            [CoordinatorEffect::Restore(Line { checkpoint: Some(id(2)), snapshots })]
        };
        assert_eq!(good.restart(), line([2, 2, 2]));
        assert_eq!(bad.restart(), line([2, 2, 1]));
    }
}
