//! Hazelcast Jet #1435 (#1377): the message that starts a snapshot was sent to each member once, without a retry or a time-out.
//! When one was lost the tasks behind a distributed edge waited for a barrier for ever, and so did the job, for the next
//! snapshot begins when this one has ended. Here a checkpoint of which a message is lost never expires.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;
use crate::rounds::is_expiry;

/// Waits without a limit.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct LostStart;

impl CoordinatorMutation for LostStart {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        machine.on(job, event, fx);
        fx.0.retain(|effect| !matches!(effect, CoordinatorEffect::Timer(_, token) if is_expiry(*token)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down, To, Up};

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn no_alarm_is_set() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<LostStart>>::by_request(1);
        let start =
            [CoordinatorEffect::Begin(id(1)), CoordinatorEffect::Tell(To::Roots, Down::Trigger(id(1)))];
        assert_eq!(coordinator.up(0, Up::Request), start);
    }
}
