//! Aligned barriers with incremental, asynchronous snapshots (Flink: *Incremental Checkpoints*; Flink blog, 2018-01-30, *Managing
//! Large State in Apache Flink*).
//!
//! The cut is that of [`aligned`], to the letter. What differs is how a task's state reaches the store: it lives in a
//! log-structured merge tree, and a checkpoint writes only the files that no completed checkpoint has. So it costs as much as the
//! state has changed, and not as much as there is; now and then a compaction has rewritten a good part of it, and the next
//! checkpoint pays for that. A restore reads all files, stale versions too. The tree itself, and when a file may be shared and
//! deleted, is the machine's business: `cutline_sim::backend::lsm`.

use crate::aligned;

/// The part in every task.
pub type AsyncIncremental = aligned::Aligned;

/// The part in the coordinator.
pub type Coordinator = aligned::Coordinator;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;
    use cutline_sim::protocol::TaskEffect::{Block, Emit, Snapshot, Unblock};
    use cutline_sim::protocol::TaskEvent::Reached;
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_cut_is_aligned_and_the_snapshot_incremental() {
        let mut task = HandTask::<AsyncIncremental>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1)), Unblock(0)]);
        let row = crate::find("async-incremental").expect("a row");
        assert_eq!(row.snapshot, SnapshotMethod::Incremental);
    }
}
