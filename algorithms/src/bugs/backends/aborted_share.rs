//! That a checkpoint was given up is taken for its end, good or bad: the next snapshot shares the files that were uploaded for it,
//! instead of uploading them again. But with the checkpoint they go.

use cutline_sim::backend::Backend;
use cutline_sim::ids::CheckpointId;

use crate::mutant_backend::BackendMutation;

/// Says that what was given up is complete.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct AbortedShare;

impl BackendMutation for AbortedShare {
    fn given_up(&mut self, backend: &mut dyn Backend, id: CheckpointId) {
        backend.completed(id);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn a_file_of_a_checkpoint_that_was_given_up_is_shared() {
        let mut hand = HandBackend::<AbortedShare>::new(SnapshotMethod::Incremental);
        let first = hand.save(1, &[(1, Some(1))]);
        hand.backend.given_up(CheckpointId(1));
        let second = hand.save(2, &[]);
        assert!(second.new.is_empty());
        assert_eq!(second.parts, first.parts);
    }
}
