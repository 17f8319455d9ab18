//! The log of a job that starts from a savepoint begins with the first change, and what the savepoint held is not in it. The
//! job goes on well until it is restored from a checkpoint of its own.

use std::sync::Arc;

use cutline_sim::backend::{Backend, BackendCtx, Part, StateFile};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::KeyedState;

use crate::mutant_backend::BackendMutation;

/// Hides from the backend what comes from no file.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct RootlessLog;

impl BackendMutation for RootlessLog {
    fn restore(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        match files.is_empty() {
            true => backend.restore(cx, snapshot, files, &mut KeyedState::default()),
            false => backend.restore(cx, snapshot, files, state),
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn the_first_checkpoint_holds_what_has_changed_and_nothing_else() {
        let mut state = KeyedState::default();
        state.set_value(1, 2);
        let mut hand = HandBackend::<RootlessLog>::new(SnapshotMethod::Changelog);
        hand.start_from(&mut state);
        assert_eq!(state.value(1), Some(2), "the job goes on with it");
        assert!(hand.save(1, &[]).parts.is_empty(), "nothing has changed, so there is no file");
    }
}
