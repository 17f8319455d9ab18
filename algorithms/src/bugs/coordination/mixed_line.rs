//! A recovery line that is none: one task is restored from the checkpoint before the newest, all others from the newest, as
//! if one entry of the metadata had been read from a stale file. What that task had sent and received between the two is
//! sent and expected a second time, so its channels repeat and skip.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Takes the entry of the task in the middle from an older checkpoint.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct MixedLine;

impl CoordinatorMutation for MixedLine {
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
            if let (CoordinatorEffect::Restore(line), [.., older, _]) = (effect, machine.0.completed()) {
                let middle = job.tasks as usize / 2;
                line.snapshots[middle] = older.snapshots[middle];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::ids::Attempt;
    use cutline_sim::protocol::Line;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn the_line_is_mixed_from_two_checkpoints() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<MixedLine>>::by_request(2);
        coordinator.complete(1);
        coordinator.complete(2);
        let snapshot = |task, n| Some(handle(Attempt(1), task, n));
        let snapshots = vec![snapshot(0, 2), snapshot(1, 1), snapshot(2, 2)];
        let line = Line { checkpoint: Some(id(2)), snapshots };
        assert_eq!(coordinator.restart(), [CoordinatorEffect::Restore(line)]);
    }
}
