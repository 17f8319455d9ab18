//! A savepoint of a job that was drained is none to go on from: its windows have fired before they were full, and what comes next
//! would begin them anew (Flink: "use the `--drain` flag if you want to terminate the job permanently"). It is known by a
//! source that had ended in the middle of a split. Where nothing was left to read, it is a savepoint like others.

use super::{RestoreError, SavedOperator};

/// Refuses a savepoint in which a source has ended although there was something left to read.
pub(super) fn check(operators: &[SavedOperator]) -> Result<(), RestoreError> {
    let ended_early = |saved: &&SavedOperator| {
        let mut ended = saved.snapshots().filter(|snapshot| snapshot.ended);
        ended.any(|snapshot| snapshot.splits.iter().any(|at| !at.ended))
    };
    match operators.iter().find(ended_early) {
        Some(saved) => Err(RestoreError::Drained(saved.uid.clone())),
        None => Ok(()),
    }
}
