//! FLINK-25492: the position of a materialisation was that of the last change in it, in one place, and that of the first change
//! not in it, in another. The change at the boundary was in neither the materialised state nor the log.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Leaves out of the log what comes first after a materialisation.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct InclusiveBoundary {
    at_boundary: bool,
}

impl BackendMutation for InclusiveBoundary {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        mut changes: Changes,
    ) -> Saved {
        let leave_out = self.at_boundary && !changes.is_empty();
        let mut is_first = true;
        changes.retain(|_| !(leave_out && std::mem::take(&mut is_first)));
        let saved = backend.save(cx, id, state, changes);
        self.at_boundary = saved.beside.is_some() || (self.at_boundary && !leave_out);
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
    fn one_change_after_a_materialisation_is_lost() {
        let mut hand = HandBackend::<InclusiveBoundary>::new(SnapshotMethod::Changelog);
        hand.now = 600 * SECOND;
        assert!(hand.save(1, &[(1, Some(1))]).beside.is_some());
        hand.backend.backend.completed(CheckpointId(1));
        let entries = |saved: &Saved| saved.new.iter().map(|(_, file)| file.entries.len()).sum::<usize>();
        assert_eq!(entries(&hand.save(2, &[(2, Some(1)), (3, Some(1))])), 1);
        hand.backend.backend.completed(CheckpointId(2));
        assert_eq!(entries(&hand.save(3, &[(2, Some(1)), (3, Some(1))])), 2);
    }
}
