//! A restore applies the log but for its last segment, as if that were not complete. The state is that of the checkpoint before,
//! and the sources and channels are those of this one.

use std::sync::Arc;

use cutline_sim::backend::{Backend, BackendCtx, Part, StateFile};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::KeyedState;

use crate::mutant_backend::BackendMutation;

/// Hides the last file of a restore.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct IgnoredTail;

impl BackendMutation for IgnoredTail {
    fn restore(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        backend.restore(cx, snapshot, &files[..files.len().saturating_sub(1)], state)
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn what_the_last_segment_says_is_forgotten() {
        let mut hand = HandBackend::<IgnoredTail>::new(SnapshotMethod::Changelog);
        let mut files = Vec::new();
        for n in 1..=2 {
            let saved = hand.save(n, &[(n, Some(5))]);
            let part = *saved.parts.last().expect("a segment");
            files.extend(saved.new.into_iter().map(|(_, file)| (part, file)));
            hand.backend.completed(CheckpointId(n));
        }
        assert_eq!(hand.restore(&files), [(1, 5)]);
    }
}
