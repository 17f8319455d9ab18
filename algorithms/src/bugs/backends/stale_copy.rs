//! FLINK-38574: the snapshot for checkpoint n + 1 is taken before the task has heard that n is complete, so it uploads n's new files
//! again. Then the notice of n comes, and the snapshot for n + 2 shares n's copies. But n + 1 completes meanwhile, n is subsumed, and
//! its copies go with it, because n + 1 has copies of its own.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::Handle;
use cutline_sim::state::{Changes, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Forgets, when a checkpoint is complete, what newer ones have uploaded.
#[derive(Clone, Debug, Default, Hash)]
pub struct StaleCopy {
    taken: Vec<CheckpointId>,
}

impl BackendMutation for StaleCopy {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        self.taken.push(id);
        backend.save(cx, id, state, changes)
    }

    fn completed(&mut self, backend: &mut dyn Backend, id: CheckpointId) -> Vec<Handle> {
        self.taken.retain(|&taken| taken > id);
        self.taken.drain(..).for_each(|newer| backend.given_up(newer));
        backend.completed(id)
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn the_older_copy_is_shared() {
        let mut hand = HandBackend::<StaleCopy>::new(SnapshotMethod::Incremental);
        let first = hand.save(1, &[(1, Some(1))]);
        let second = hand.save(2, &[]);
        assert_ne!(first.parts, second.parts, "it was written twice");
        hand.backend.completed(CheckpointId(1));
        assert_eq!(hand.save(3, &[]).parts, first.parts);
    }
}
