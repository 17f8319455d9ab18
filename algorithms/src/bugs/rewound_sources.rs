//! The sources go back one checkpoint further than the rest (as if their offsets were kept somewhere else, and committed
//! later): everything in between comes twice, the second time behind what came after it. Needs two retained checkpoints.

use cutline_sim::ids::TaskId;
use cutline_sim::protocol::CoordinatorEffect;

use super::*;

#[derive(Clone, Default)]
pub(super) struct RewoundSources {
    /// The roots of a job that has not run yet.
    sources: Vec<TaskId>,
}

impl CoordinatorBug for RewoundSources {
    type Of = aligned::Coordinator;

    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        if self.sources.is_empty() {
            self.sources.extend(job.roots);
        }
        correct.on(job, event, fx);
        for effect in &mut fx.0 {
            if let (CoordinatorEffect::Restore(line), [.., before, _]) = (effect, correct.0.completed()) {
                for source in &self.sources {
                    line.snapshots[source.index()] = before.snapshots[source.index()]; // the mutation
                }
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
    fn the_source_goes_back_further() {
        let mut good = HandCoordinator::<aligned::Coordinator>::by_request(2);
        let mut bad = HandCoordinator::<BadCoordinator<RewoundSources>>::by_request(2);
        for n in [1, 2] {
            assert_eq!(good.complete(n), bad.complete(n));
        }
        let attempt = good.attempt;
        let line = |of: [u64; 3]| {
            let snapshots = (0..).zip(of).map(|(task, n)| Some(handle(attempt, task, n))).collect();
            [CoordinatorEffect::Restore(Line { checkpoint: Some(id(2)), snapshots })]
        };
        assert_eq!(good.restart(), line([2, 2, 2]));
        assert_eq!(bad.restart(), line([1, 2, 2]));
    }
}
