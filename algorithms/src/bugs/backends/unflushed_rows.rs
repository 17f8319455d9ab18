//! RisingWave #25848: an operator collects rows and flushes them together. A checkpoint took its state as of the last flush, without the rows
//! that were still waiting, while the source above saved the offset behind them: after a restore nobody has them. Here the
//! last few changes of the state wait for the snapshot after the next.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, KeyedState, Update};

use crate::mutant_backend::BackendMutation;

/// Saves the last changes with the next snapshot only.
#[derive(Clone, Debug, Default, Hash)]
pub struct UnflushedRows {
    waiting: Vec<Update>,
}

/// So many changes wait for a flush.
const BUFFER: usize = 3;

impl BackendMutation for UnflushedRows {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        mut changes: Changes,
    ) -> Saved {
        let mut updates = std::mem::take(&mut self.waiting);
        changes.retain(|&update| {
            updates.push(update);
            true
        });
        self.waiting = updates.split_off(updates.len().saturating_sub(BUFFER));
        backend.save(cx, id, state, Changes::of(updates))
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn the_last_rows_come_with_the_next_snapshot() {
        let mut hand = HandBackend::<UnflushedRows>::new(SnapshotMethod::Incremental);
        let entries = |saved: &Saved| saved.new.last().map_or(0, |(_, file)| file.entries.len());
        let rows: Vec<(u64, Option<i64>)> = (0..5).map(|key| (key, Some(1))).collect();
        assert_eq!(entries(&hand.save(1, &rows)), 5 - BUFFER);
        hand.backend.completed(CheckpointId(1));
        assert_eq!(entries(&hand.save(2, &[(9, Some(1))])), 1);
    }
}
