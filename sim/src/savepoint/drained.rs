//! A savepoint of a job that was drained is none to go on from: its windows have fired before they were full, and what comes next
//! would begin them anew (Flink: "use the `--drain` flag if you want to terminate the job permanently").

use super::SavedOperator;
use crate::graph::Role;
use crate::topology::Topology;

/// The uid of a source that had ended although there was something left to read.
pub(super) fn drained(operators: &[SavedOperator], topology: &Topology) -> Option<String> {
    let ended_early = |saved: &&SavedOperator| {
        let role = topology.operators.iter().find(|operator| operator.uid == saved.uid).map(|it| &it.role);
        let Some(Role::Source(input)) = role else { return false };
        let ended = saved.snapshots().filter(|snapshot| snapshot.ended);
        ended.flat_map(|snapshot| &snapshot.splits).any(|at| input.read(at.split, at.offset).is_some())
    };
    operators.iter().find(ended_early).map(|saved| saved.uid.clone())
}
