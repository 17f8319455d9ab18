//! FLINK-6284: completed checkpoints were listed in the order of their ids as strings, so after a failover the newest was
//! 9, not 10. Needs ten checkpoints and two retained.

use cutline_sim::protocol::{CoordinatorEffect, Line};

use super::*;

#[derive(Clone, Default)]
pub(super) struct StringOrder;

impl CoordinatorBug for StringOrder {
    type Of = aligned::Coordinator;

    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        correct.on(job, event, fx);
        let newest = correct.0.completed().iter().max_by_key(|completed| completed.id.to_string()); // the mutation
        for effect in &mut fx.0 {
            if let (CoordinatorEffect::Restore(line), Some(newest)) = (effect, newest) {
                *line = Line { checkpoint: Some(newest.id), snapshots: newest.snapshots.to_vec() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn nine_is_newer_than_ten() {
        let mut good = HandCoordinator::<aligned::Coordinator>::by_request(2);
        let mut bad = HandCoordinator::<BadCoordinator<StringOrder>>::by_request(2);
        for n in 1..=10 {
            assert_eq!(good.complete(n), bad.complete(n));
        }
        let restored = |effects: &[CoordinatorEffect]| match effects {
            [CoordinatorEffect::Restore(line)] => line.checkpoint,
            other => panic!("no restore line: {other:?}"),
        };
        assert_eq!(restored(&good.restart()), Some(id(10)));
        assert_eq!(restored(&bad.restart()), Some(id(9)));
    }
}
