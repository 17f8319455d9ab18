//! RisingWave #18757 (#16260): the garbage collector lists the store and deletes what is older than the retention time and
//! belongs to no version. What has been uploaded for a checkpoint that is still on its way belongs to none: if the barrier takes
//! longer than the retention time, the checkpoint completes and what it refers to is gone.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Handle, JobCtx, Up,
};
use cutline_sim::time::{MILLISECOND, Time};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Discards what has been there for too long, for whatever checkpoint it was taken.
#[derive(Clone, Debug, Default, Hash)]
pub struct DeletedByAge {
    /// What has been uploaded for checkpoints on their way, and when that was heard.
    uploaded: Vec<(Time, CheckpointId, Handle)>,
}

/// How long what belongs to no complete checkpoint is kept.
const RETENTION: Time = 50 * MILLISECOND;

impl CoordinatorMutation for DeletedByAge {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let is_old = |uploaded: &Time| job.now > uploaded.saturating_add(RETENTION);
        for (_, _, handle) in self.uploaded.extract_if(.., |(uploaded, ..)| is_old(uploaded)) {
            fx.discard(handle);
        }
        if let CoordinatorEvent::FromTask { up: Up::Ack(id), handle: Some(handle), .. } = event {
            self.uploaded.push((job.now, id, handle));
        }
        machine.on(job, event, fx);
        for effect in &fx.0 {
            if let CoordinatorEffect::Complete(id, _) = *effect {
                self.uploaded.retain(|&(_, other, _)| other != id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, handle, id};

    #[test]
    fn a_slow_checkpoint_loses_what_it_had() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<DeletedByAge>>::by_request(1);
        coordinator.up(0, Up::Request);
        assert_eq!(coordinator.ack(0, 1), []);
        coordinator.now = RETENTION;
        assert_eq!(coordinator.ack(1, 1), []);
        coordinator.now += 1;
        let first = handle(coordinator.attempt, 0, 1);
        let last = coordinator.ack(2, 1);
        assert_eq!(last[0], CoordinatorEffect::Discard(first));
        let CoordinatorEffect::Complete(_, snapshots) = &last[1] else { panic!("{last:?}") };
        assert!(snapshots.contains(&Some(first)), "{id:?} names what is gone", id = id(1));
    }
}
