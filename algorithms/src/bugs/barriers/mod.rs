//! Bugs of barriers: when a task waits for them, when it takes its snapshot, and when it sends them on.

mod abort_not_forwarded;
mod all_inputs_ended;
mod awaits_back_edges;
mod count_barriers;
mod early_forward;
mod early_resume;
mod ended_inputs_count;
mod first_barrier;
mod flushed_behind;
mod frozen_for_ever;
mod late_snapshot;
mod no_block;
mod no_drain;
mod start_after_newer;

use cutline_sim::oracles::{cut, ledger, liveness, order, state};

use super::Bug;
use crate::mutants::{
    aligned_task, cyclic_task, freezing_task, stopping_task, tracking_task, turning_task, unaligned_task,
};

/// Its rows, by the oracle that must catch them.
pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "no-block",
        about: "an early input is not blocked, though exactly-once is promised",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: state::NAME,
        cut: aligned_task::<no_block::NoBlock>,
    },
    Bug {
        name: "late-snapshot",
        about: "the snapshot is taken a moment after the barrier was sent, and records come between the two",
        of: "aligned",
        source: "FLINK-2098",
        zoo: Some("A08"),
        caught_by: state::NAME,
        cut: aligned_task::<late_snapshot::LateSnapshot>,
    },
    Bug {
        name: "start-after-newer",
        about: "the start of a cancelled checkpoint waits in the mailbox, and its snapshot is taken after that of the next",
        of: "aligned",
        source: "FLINK-17869",
        zoo: Some("A07"),
        caught_by: ledger::NAME,
        cut: aligned_task::<start_after_newer::StartAfterNewer>,
    },
    Bug {
        name: "no-drain",
        about: "a task takes its snapshot at the first mark instead of when all inputs are drained",
        of: "stop-the-world",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: stopping_task::<no_drain::NoDrain>,
    },
    Bug {
        name: "first-barrier",
        about: "a task takes its snapshot at the first barrier and ignores those of the other inputs",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: aligned_task::<first_barrier::FirstBarrier>,
    },
    Bug {
        name: "early-forward",
        about: "the barrier is sent on when the first one comes, and the snapshot is taken when the last one has",
        of: "at-least-once",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: tracking_task::<early_forward::EarlyForward>,
    },
    Bug {
        name: "count-barriers",
        about: "barriers are counted, whatever their checkpoint and their input",
        of: "at-least-once",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: tracking_task::<count_barriers::CountBarriers>,
    },
    Bug {
        name: "flushed-behind",
        about: "what a task has not flushed when it sends the barrier goes behind it, and its snapshot counts it as sent",
        of: "aligned-timeout",
        source: "FLINK-9428",
        zoo: Some("A15"),
        caught_by: cut::NAME,
        cut: turning_task::<flushed_behind::FlushedBehind>,
    },
    Bug {
        name: "early-resume",
        about: "a source reads on when its own snapshot is durable, while others still drain",
        of: "stop-the-world",
        source: "invented",
        zoo: None,
        caught_by: order::NAME,
        cut: stopping_task::<early_resume::EarlyResume>,
    },
    Bug {
        name: "ended-inputs-count",
        about: "barriers of all inputs are awaited, also of those that have ended",
        of: "aligned",
        source: "FLINK-2519",
        zoo: Some("A01"),
        caught_by: liveness::NAME,
        cut: aligned_task::<ended_inputs_count::EndedInputsCount>,
    },
    Bug {
        name: "abort-not-forwarded",
        about: "a task that gives up a checkpoint does not tell those below it",
        of: "aligned",
        source: "FLINK-18238",
        zoo: Some("A03"),
        caught_by: liveness::NAME,
        cut: aligned_task::<abort_not_forwarded::AbortNotForwarded>,
    },
    Bug {
        name: "frozen-for-ever",
        about: "a task that stands still waits for the word to go on, however long",
        of: "freeze-the-world",
        source: "invented",
        zoo: None,
        caught_by: liveness::NAME,
        cut: freezing_task::<frozen_for_ever::FrozenForEver>,
    },
    Bug {
        name: "awaits-back-edges",
        about: "the barriers of back-edges are awaited, which come after a task's own",
        of: "abs-cyclic",
        source: "invented",
        zoo: None,
        caught_by: liveness::NAME,
        cut: cyclic_task::<awaits_back_edges::AwaitsBackEdges>,
    },
    Bug {
        name: "all-inputs-ended",
        about: "a task all of whose inputs have ended waits for a barrier that no one sends",
        of: "unaligned",
        source: "FLINK-23771",
        zoo: Some("A05"),
        caught_by: liveness::NAME,
        cut: unaligned_task::<all_inputs_ended::AllInputsEnded>,
    },
];
