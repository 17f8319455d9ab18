//! Bugs of transactional sinks: when a transaction is committed, and what is remembered of one that is not yet.

mod commit_alone;
mod commit_on_snapshot;
mod forget_last_commit;
mod forgotten_commit;
mod pooled_names;
mod stops_at_closed;
mod taken_for_done;
mod written_again;

use cutline_sim::oracles::{ledger, liveness};

use super::Bug;
use crate::mutants::{aligned_before, aligned_coordinator, aligned_task, uncoordinated_task};

/// Its rows, by the oracle that must catch them.
pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "commit-on-snapshot",
        about: "a sink commits when its own snapshot is durable, before the checkpoint is complete",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: ledger::NAME,
        cut: aligned_task::<commit_on_snapshot::CommitOnSnapshot>,
    },
    Bug {
        name: "forget-last-commit",
        about: "a completed checkpoint commits only what older ones had prepared, so the last transaction stays hidden",
        of: "aligned",
        source: "FLINK-26403",
        zoo: Some("F03"),
        caught_by: ledger::NAME,
        cut: aligned_task::<forget_last_commit::ForgetLastCommit>,
    },
    Bug {
        name: "commit-alone",
        about: "a sink commits when its own checkpoint is durable, before it lies on a line",
        of: "uncoordinated",
        source: "invented",
        zoo: None,
        caught_by: ledger::NAME,
        cut: uncoordinated_task::<commit_alone::CommitAlone>,
    },
    Bug {
        name: "taken-for-done",
        about: "a sink takes a commit that has failed for done, and never asks again",
        of: "aligned",
        source: "FLINK-24773",
        zoo: Some("F10"),
        caught_by: ledger::NAME,
        cut: aligned_before::<taken_for_done::TakenForDone>,
    },
    Bug {
        name: "written-again",
        about: "what a sink could not commit it writes again under a new transaction, though the first may be visible",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: ledger::NAME,
        cut: aligned_before::<written_again::WrittenAgain>,
    },
    Bug {
        name: "forgotten-commit",
        about: "a snapshot does not contain transactions whose commit was asked for and not confirmed",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: ledger::NAME,
        cut: aligned_before::<forgotten_commit::ForgottenCommit>,
    },
    Bug {
        name: "pooled-names",
        about: "transactions have the names of producers that are used again, so a restored sink commits a later one",
        of: "aligned",
        source: "FLINK-8132",
        zoo: Some("F01"),
        caught_by: ledger::NAME,
        cut: aligned_before::<pooled_names::PooledNames>,
    },
    Bug {
        name: "stops-at-closed",
        about: "the notice that a checkpoint is complete goes from task to task, and ends at the first that is closed",
        of: "aligned",
        source: "FLINK-16383",
        zoo: Some("F06"),
        caught_by: liveness::NAME,
        cut: aligned_coordinator::<stops_at_closed::StopsAtClosed>,
    },
];
