//! FLINK-6633 (FLINK-6640, FLINK-6533): a task that shares a file with an older checkpoint sends a placeholder for it, which the registry of
//! shared state replaces by the file. The completed checkpoint was stored before it was registered: its metadata had the
//! placeholders, and led nowhere.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Names something else in the place of every file that is shared.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct UnresolvedPlaceholder;

impl BackendMutation for UnresolvedPlaceholder {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        let mut saved = backend.save(cx, id, state, changes);
        for part in &mut saved.parts {
            if saved.new.iter().all(|(new, _)| *new != part.handle) {
                part.handle = cx.name();
            }
        }
        saved
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn a_shared_file_is_not_the_file() {
        let mut hand = HandBackend::<UnresolvedPlaceholder>::new(SnapshotMethod::Incremental);
        let first = hand.save(1, &[(1, Some(1))]);
        assert_eq!(first.parts[0].handle, first.new[0].0);
        hand.backend.completed(CheckpointId(1));
        let second = hand.save(2, &[]);
        assert!(second.new.is_empty() && second.parts.len() == 1);
        assert_ne!(second.parts[0].handle, first.parts[0].handle);
    }
}
