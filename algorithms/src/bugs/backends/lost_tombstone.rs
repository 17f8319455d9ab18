//! What was removed is not written into the file of the memtable, as if a file only had to say what there is. An older file has
//! the entry still, and a restore brings it back.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Takes tombstones out of what is flushed.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct LostTombstone;

impl BackendMutation for LostTombstone {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        let mut kept = changes.into_sorted();
        kept.retain(|(_, value)| value.is_some());
        backend.save(cx, id, state, Changes::of(kept))
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn what_was_removed_is_not_flushed() {
        let mut hand = HandBackend::<LostTombstone>::new(SnapshotMethod::Incremental);
        assert_eq!(hand.save(1, &[(7, Some(1))]).new.len(), 1);
        assert_eq!(
            hand.save(2, &[(7, None)]).new.len(),
            1,
            "the old file, because nobody has said it is safe"
        );
    }
}
