//! The log is truncated when a materialisation begins instead of when it is in the store. The next checkpoint refers to a file that is
//! not there yet; if it can not be written, or the task crashes before, it never will be.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Says that a materialisation is stored as soon as it begins.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct EarlyTruncation;

impl BackendMutation for EarlyTruncation {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        let saved = backend.save(cx, id, state, changes);
        if let Some((file, _)) = &saved.beside {
            backend.stored(*file, true);
        }
        saved
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;
    use cutline_sim::time::SECOND;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn a_materialisation_is_referred_to_before_it_is_stored() {
        let mut hand = HandBackend::<EarlyTruncation>::new(SnapshotMethod::Changelog);
        hand.now = 600 * SECOND;
        let (file, _) = hand.save(1, &[(1, Some(1))]).beside.expect("it is due");
        let parts: Vec<_> = hand.save(2, &[]).parts.iter().map(|part| part.handle).collect();
        assert_eq!(parts, [file]);
    }
}
