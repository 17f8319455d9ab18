//! Aligned barriers with a changelog (Flink FLIP-158, *Generalized incremental checkpoints*; Flink blog, 2022-05-30, *Improving
//! speed and stability of checkpointing with generic log-based incremental checkpoints*).
//!
//! The cut is that of [`aligned`], to the letter. What differs is how a task's state reaches the store: every change is
//! appended to a log, and a checkpoint writes the tail of the log. So it costs as much as was changed since the last one, and no
//! compaction ever comes in between. The price: the log is written beside the state, which is materialised from time to
//! time; and a restore reads the materialised state and applies the log to it. How far the log is needed is the machine's business:
//! `cutline_sim::backend::changelog`.

use crate::aligned;

/// The part in every task.
pub type Changelog = aligned::Aligned;

/// The part in the coordinator.
pub type Coordinator = aligned::Coordinator;

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;
    use cutline_sim::protocol::TaskEffect::{Emit, Snapshot};
    use cutline_sim::protocol::TaskEvent::Reached;
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_cut_is_aligned_and_the_snapshot_a_tail_of_the_log() {
        let mut task = HandTask::<Changelog>::with_inputs(1);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Emit(Cut(id(1))), Snapshot(id(1))]);
        let row = crate::find("changelog").expect("a row");
        assert_eq!(row.snapshot, SnapshotMethod::Changelog);
    }
}
