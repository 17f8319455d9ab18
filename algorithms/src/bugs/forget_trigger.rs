//! FLINK-26394: a checkpoint that expired left the coordinator's "is triggering" set, and no checkpoint was triggered ever
//! after. Needs one abandoned checkpoint, for whatever reason.

use cutline_sim::protocol::{CoordinatorEffect, Down};

use super::*;
use CoordinatorEffect::{Abandon, Begin, Tell};

#[derive(Clone, Default)]
pub(super) struct ForgetTrigger {
    is_triggering: bool,
    begun: CheckpointId,
}

impl CoordinatorBug for ForgetTrigger {
    type Of = aligned::Coordinator;

    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        correct.on(job, event, fx);
        fx.0.retain(|effect| match effect {
            Begin(_) | Tell(_, Down::Trigger(_)) if self.is_triggering => false, // the mutation
            Begin(id) => {
                self.begun = *id;
                true
            }
            Abandon(id, ..) => {
                self.is_triggering = true;
                *id <= self.begun
            }
            Tell(_, Down::Aborted(id)) => *id <= self.begun,
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn nothing_begins_after_an_abort() {
        let mut good = HandCoordinator::<aligned::Coordinator>::by_request(1);
        let mut bad = HandCoordinator::<BadCoordinator<ForgetTrigger>>::by_request(1);
        for config in [&mut good.config, &mut bad.config] {
            config.tolerable_failed = 9;
        }
        good.up(0, Up::Request);
        bad.up(0, Up::Request);
        assert!(good.up(0, Up::Decline(id(1))).contains(&Begin(id(2))), "the request still stands");
        assert!(!bad.up(0, Up::Decline(id(1))).iter().any(|effect| matches!(effect, Begin(_))));
        assert_eq!(bad.up(0, Up::Request), []);
    }
}
