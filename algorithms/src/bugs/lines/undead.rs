//! What a failure has undone is not forgotten: checkpoints that lay ahead of the line restored remain candidates for the next one. But
//! the restore has deleted them, and the tasks have gone another way since.

use cutline_sim::protocol::{CoordinatorCut, CoordinatorEffects, CoordinatorEvent, JobCtx};

use crate::mutants::CoordinatorMutation;
use crate::recovery_line::RecoveryLine;

/// Remembers what was taken behind the line.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Undead;

impl CoordinatorMutation for Undead {
    type Of = RecoveryLine;

    fn on(
        &mut self,
        machine: &mut RecoveryLine,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let undone = (event == CoordinatorEvent::Recover).then(|| machine.taken.clone());
        machine.on(job, event, fx);
        if let Some(taken) = undone {
            machine.taken = taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn a_restore_forgets_nothing() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<Undead>>::by_request(1);
        coordinator.ack_at(0, 1, &[0], &[]);
        coordinator.on(CoordinatorEvent::Lost);
        coordinator.restart();
        assert_eq!(coordinator.machine.machine.taken[0].first().map(|taken| taken.id), Some(id(1)));
    }
}
