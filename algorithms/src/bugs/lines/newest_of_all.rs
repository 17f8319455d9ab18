//! A recovery line that is none: everyone's newest checkpoint, whatever the tasks have received. What one of them has received and
//! no one has sent by then, the orphans, is sent once more after a restore.

use cutline_sim::protocol::{CoordinatorCut, CoordinatorEffects, CoordinatorEvent, JobCtx};

use crate::mutants::CoordinatorMutation;
use crate::recovery_line::RecoveryLine;

/// Looks at no channel.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct NewestOfAll;

impl CoordinatorMutation for NewestOfAll {
    type Of = RecoveryLine;

    fn on(
        &mut self,
        machine: &mut RecoveryLine,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        machine.on(&JobCtx { channels: &[], ..*job }, event, fx);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::ids::Attempt;
    use cutline_sim::protocol::CoordinatorEffect::{Begin, Complete};

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn an_orphan_does_not_matter() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<NewestOfAll>>::by_request(1);
        coordinator.ack_at(0, 1, &[0], &[]);
        coordinator.ack_at(1, 1, &[0], &[5]);
        let all = (0..3).map(|task| Some(handle(Attempt(1), task, 1))).collect();
        assert_eq!(coordinator.ack_at(2, 1, &[], &[7]), [Begin(id(1)), Complete(id(1), all)]);
    }
}
