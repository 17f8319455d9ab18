//! Hazelcast Jet #1100: the state of a task comes back over an edge of the job, which has to be read before anything else. For a source it
//! was the only edge and had no priority: the first snapshot after a restart could be taken while the old state was still to come,
//! and did not contain it. It was lost when the job failed before the next snapshot. Here the first one after a restore is
//! taken before anything has been loaded.

use std::sync::Arc;

use cutline_sim::backend::{Backend, BackendCtx, Part, Saved, StateFile};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Saves the empty state once after each restore.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct SavedWhileLoading {
    is_loading: bool,
}

impl BackendMutation for SavedWhileLoading {
    fn restore(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        self.is_loading = snapshot > CheckpointId::default();
        backend.restore(cx, snapshot, files, state)
    }

    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        match std::mem::take(&mut self.is_loading) {
            true => backend.save(cx, id, &KeyedState::default(), changes),
            false => backend.save(cx, id, state, changes),
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn the_first_snapshot_after_a_restore_is_empty() {
        let mut hand = HandBackend::<SavedWhileLoading>::new(SnapshotMethod::FullAsync);
        let mut state = KeyedState::default();
        state.set_value(1, 5);
        assert_eq!(hand.save_state(1, &state).state, state);
        hand.restore_of(1, &mut state.clone());
        assert!(hand.save_state(2, &state).state.is_empty());
        assert_eq!(hand.save_state(3, &state).state, state);
    }
}
