//! When a checkpoint is subsumed everything that it refers to is deleted, without counting who else does. The files that newer
//! checkpoints share with it go, too.

use cutline_sim::backend::Backend;

use crate::mutant_backend::BackendMutation;

/// Lets everything go.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct UncountedFiles;

impl BackendMutation for UncountedFiles {
    fn may_go(&self, _backend: &dyn Backend, _references: u32) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn what_others_refer_to_may_go() {
        let hand = HandBackend::<UncountedFiles>::new(SnapshotMethod::Incremental);
        assert!(hand.backend.may_go(1) && !hand.backend.backend.may_go(1));
    }
}
