//! Planted bugs: each a small mutation of a correct strategy, most of them real bugs of real systems. No oracle is trusted
//! until it has caught its own.
//!
//! A mutation stands around the machine of a strategy ([`MutantTask`], [`MutantCoordinator`]): it may change the events that
//! go in and the effects that come out. Everything else is the correct strategy, so what goes wrong goes wrong by the
//! mutation. A bug of a state backend stands around the backend in the same way
//! ([`MutantBackend`](crate::mutant_backend::MutantBackend)), one of a transactional sink around what that remembers
//! ([`MutantCommitter`](crate::mutant_committer::MutantCommitter)).

mod abort_not_forwarded;
mod aborted_share;
mod ack_before_captured;
mod ack_before_durable;
mod adopted_index;
mod awaits_back_edges;
mod capture_again;
mod commit_alone;
mod commit_on_snapshot;
mod count_acks;
mod count_barriers;
mod deaf_clocks;
mod early_forward;
mod early_resume;
mod early_truncation;
mod ended_inputs_count;
mod equal_index;
mod first_barrier;
mod first_input;
mod forced_unwritten;
mod forget_last_commit;
mod forget_trigger;
mod forgotten_commit;
mod frozen_for_ever;
mod gives_all_back;
mod global_counter;
mod hash_order;
mod hoard;
mod ignore_late_ack;
mod ignored_tail;
mod inclusive_boundary;
mod keeps_the_newest;
mod last_marker;
mod late_barrier;
mod late_snapshot;
mod lost_timers;
mod lost_tombstone;
mod mixed_line;
mod newest_of_all;
mod no_block;
mod no_drain;
mod old_source;
mod read_on;
mod restored_uncaptured;
mod rootless_log;
mod stale_ack;
mod stale_copy;
mod stale_standing;
mod still_world;
mod string_order;
mod subsume_early;
mod taken_for_done;
mod timeout_reads_on;
mod timeout_uncaptured;
mod uncounted_files;
mod undead;
mod unlogged_back_edge;
mod unrecorded_input;
mod unsaved_output;
mod written_again;

use cutline_sim::erased::Protocol;
use cutline_sim::oracles::{
    cut, determinism, fencing, ledger, liveness, order, restore, state, store, zigzag,
};
use cutline_sim::protocol::JobCtx;

pub use crate::mutants::{CoordinatorMutation, MutantCoordinator, MutantTask, TaskMutation};
use crate::mutants::{
    aligned_before, aligned_coordinator, aligned_over, aligned_task, cyclic_task, freezing_task,
    indexing_task, inducing_task, recording_task, recovery_line, stopping_task, tracking_task, turning_task,
    unaligned_task, uncoordinated_task,
};

/// A planted bug. A row of `cutline list bugs`.
#[derive(Clone, Copy)]
pub struct Bug {
    /// Its name.
    pub name: &'static str,
    /// The mutation, in one sentence.
    pub about: &'static str,
    /// The strategy that it is a mutation of. Its snapshots reach the store as those of this one do, and it promises as much.
    pub of: &'static str,
    /// The issue in which it was found in a real system, or `invented`.
    pub source: &'static str,
    /// The oracle that must catch it.
    pub caught_by: &'static str,
    /// Makes the machines of its cut protocol.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
}

/// All planted bugs, by the oracle that must catch them.
pub const BUGS: &[Bug] = &[
    Bug {
        name: "no-block",
        about: "an early input is not blocked, though exactly-once is promised",
        of: "aligned",
        source: "invented",
        caught_by: state::NAME,
        cut: aligned_task::<no_block::NoBlock>,
    },
    Bug {
        name: "late-snapshot",
        about: "the snapshot is taken a moment after the barrier was sent, and records come between the two",
        of: "aligned",
        source: "FLINK-2098",
        caught_by: state::NAME,
        cut: aligned_task::<late_snapshot::LateSnapshot>,
    },
    Bug {
        name: "lost-tombstone",
        about: "what was removed from the state does not reach the file: an older file brings it back",
        of: "async-incremental",
        source: "invented",
        caught_by: state::NAME,
        cut: aligned_over::<lost_tombstone::LostTombstone>,
    },
    Bug {
        name: "inclusive-boundary",
        about: "the first change after a materialisation is taken to be in it, and is not in the log",
        of: "changelog",
        source: "FLINK-25492",
        caught_by: state::NAME,
        cut: aligned_over::<inclusive_boundary::InclusiveBoundary>,
    },
    Bug {
        name: "old-source",
        about: "the savepoint that is asked for has the first source where the newest checkpoint had it",
        of: "aligned",
        source: "invented",
        caught_by: state::NAME,
        cut: aligned_coordinator::<old_source::OldSource>,
    },
    Bug {
        name: "lost-timers",
        about: "a job that starts from a savepoint takes over values and maps, but no timers",
        of: "async-incremental",
        source: "invented",
        caught_by: state::NAME,
        cut: aligned_over::<lost_timers::LostTimers>,
    },
    Bug {
        name: "rootless-log",
        about: "the log of a job that starts from a savepoint holds the changes since, and not what they are changes of",
        of: "changelog",
        source: "invented",
        caught_by: state::NAME,
        cut: aligned_over::<rootless_log::RootlessLog>,
    },
    Bug {
        name: "commit-on-snapshot",
        about: "a sink commits when its own snapshot is durable, before the checkpoint is complete",
        of: "aligned",
        source: "invented",
        caught_by: ledger::NAME,
        cut: aligned_task::<commit_on_snapshot::CommitOnSnapshot>,
    },
    Bug {
        name: "forget-last-commit",
        about: "a completed checkpoint commits only what older ones had prepared, so the last transaction stays hidden",
        of: "aligned",
        source: "FLINK-26403",
        caught_by: ledger::NAME,
        cut: aligned_task::<forget_last_commit::ForgetLastCommit>,
    },
    Bug {
        name: "commit-alone",
        about: "a sink commits when its own checkpoint is durable, before it lies on a line",
        of: "uncoordinated",
        source: "invented",
        caught_by: ledger::NAME,
        cut: uncoordinated_task::<commit_alone::CommitAlone>,
    },
    Bug {
        name: "taken-for-done",
        about: "a sink takes a commit that has failed for done, and never asks again",
        of: "aligned",
        source: "FLINK-23896",
        caught_by: ledger::NAME,
        cut: aligned_before::<taken_for_done::TakenForDone>,
    },
    Bug {
        name: "written-again",
        about: "what a sink could not commit it writes again under a new transaction, though the first may be visible",
        of: "aligned",
        source: "invented",
        caught_by: ledger::NAME,
        cut: aligned_before::<written_again::WrittenAgain>,
    },
    Bug {
        name: "forgotten-commit",
        about: "a snapshot does not contain transactions whose commit was asked for and not confirmed",
        of: "aligned",
        source: "invented",
        caught_by: ledger::NAME,
        cut: aligned_before::<forgotten_commit::ForgottenCommit>,
    },
    Bug {
        name: "no-drain",
        about: "a task takes its snapshot at the first mark instead of when all inputs are drained",
        of: "stop-the-world",
        source: "invented",
        caught_by: cut::NAME,
        cut: stopping_task::<no_drain::NoDrain>,
    },
    Bug {
        name: "first-barrier",
        about: "a task takes its snapshot at the first barrier and ignores those of the other inputs",
        of: "aligned",
        source: "invented",
        caught_by: cut::NAME,
        cut: aligned_task::<first_barrier::FirstBarrier>,
    },
    Bug {
        name: "early-forward",
        about: "the barrier is sent on when the first one comes, and the snapshot is taken when the last one has",
        of: "at-least-once",
        source: "invented",
        caught_by: cut::NAME,
        cut: tracking_task::<early_forward::EarlyForward>,
    },
    Bug {
        name: "count-barriers",
        about: "barriers are counted, whatever their checkpoint and their input",
        of: "at-least-once",
        source: "invented",
        caught_by: cut::NAME,
        cut: tracking_task::<count_barriers::CountBarriers>,
    },
    Bug {
        name: "timeout-reads-on",
        about: "at the time-out early inputs go on, but the cut is made when the last barrier is reached",
        of: "aligned-timeout",
        source: "invented",
        caught_by: cut::NAME,
        cut: turning_task::<timeout_reads_on::TimeoutReadsOn>,
    },
    Bug {
        name: "timeout-uncaptured",
        about: "a task that turns unaligned takes its snapshot and captures nothing",
        of: "aligned-timeout",
        source: "invented",
        caught_by: cut::NAME,
        cut: turning_task::<timeout_uncaptured::TimeoutUncaptured>,
    },
    Bug {
        name: "still-world",
        about: "the world stands still, and what is on its channels is not captured",
        of: "freeze-the-world",
        source: "invented",
        caught_by: cut::NAME,
        cut: freezing_task::<still_world::StillWorld>,
    },
    Bug {
        name: "first-input",
        about: "a task captures what is in flight on its first input only",
        of: "unaligned",
        source: "FLINK-18139",
        caught_by: cut::NAME,
        cut: unaligned_task::<first_input::FirstInput>,
    },
    Bug {
        name: "unsaved-output",
        about: "a barrier overtakes output that the snapshot does not contain but counts as sent",
        of: "unaligned",
        source: "FLINK-18252",
        caught_by: cut::NAME,
        cut: unaligned_task::<unsaved_output::UnsavedOutput>,
    },
    Bug {
        name: "read-on",
        about: "records are handled between the arrival of the first barrier and the snapshot",
        of: "unaligned",
        source: "FLINK-17568",
        caught_by: cut::NAME,
        cut: unaligned_task::<read_on::ReadOn>,
    },
    Bug {
        name: "late-barrier",
        about: "a late barrier of a checkpoint that was given up counts for the next, which does not capture its input",
        of: "unaligned",
        source: "FLINK-20654",
        caught_by: cut::NAME,
        cut: unaligned_task::<late_barrier::LateBarrier>,
    },
    Bug {
        name: "restored-uncaptured",
        about: "the first checkpoint after a restore does not capture what is in flight",
        of: "unaligned",
        source: "FLINK-20654",
        caught_by: cut::NAME,
        cut: unaligned_task::<restored_uncaptured::RestoredUncaptured>,
    },
    Bug {
        name: "unrecorded-input",
        about: "a task does not record its first input",
        of: "chandy-lamport",
        source: "invented",
        caught_by: cut::NAME,
        cut: recording_task::<unrecorded_input::UnrecordedInput>,
    },
    Bug {
        name: "last-marker",
        about: "a task records its state when the last marker has come, though its own went out at the first",
        of: "chandy-lamport",
        source: "invented",
        caught_by: cut::NAME,
        cut: recording_task::<last_marker::LastMarker>,
    },
    Bug {
        name: "unlogged-back-edge",
        about: "what back-edges deliver between the cut and their barriers is not logged",
        of: "abs-cyclic",
        source: "invented",
        caught_by: cut::NAME,
        cut: cyclic_task::<unlogged_back_edge::UnloggedBackEdge>,
    },
    Bug {
        name: "newest-of-all",
        about: "the line is everyone's newest checkpoint, whatever was received and not sent by then",
        of: "uncoordinated",
        source: "invented",
        caught_by: cut::NAME,
        cut: recovery_line::<newest_of_all::NewestOfAll>,
    },
    Bug {
        name: "count-acks",
        about: "acknowledgements are counted, so one that comes twice stands for one that is missing",
        of: "aligned",
        source: "invented",
        caught_by: restore::NAME,
        cut: aligned_coordinator::<count_acks::CountAcks>,
    },
    Bug {
        name: "ack-before-durable",
        about: "a task acknowledges when its snapshot is taken, before it is written",
        of: "aligned",
        source: "invented",
        caught_by: restore::NAME,
        cut: aligned_task::<ack_before_durable::AckBeforeDurable>,
    },
    Bug {
        name: "ack-before-captured",
        about: "a task acknowledges when its snapshot is taken, before the last barrier has arrived",
        of: "unaligned",
        source: "invented",
        caught_by: restore::NAME,
        cut: unaligned_task::<ack_before_captured::AckBeforeCaptured>,
    },
    Bug {
        name: "ignored-tail",
        about: "a restore applies the log but for its last segment",
        of: "changelog",
        source: "invented",
        caught_by: restore::NAME,
        cut: aligned_over::<ignored_tail::IgnoredTail>,
    },
    Bug {
        name: "forced-unwritten",
        about: "a forced checkpoint is acknowledged before it is written",
        of: "communication-induced",
        source: "invented",
        caught_by: restore::NAME,
        cut: inducing_task::<forced_unwritten::ForcedUnwritten>,
    },
    Bug {
        name: "mixed-line",
        about: "one task is restored from the checkpoint before the one from which all others are",
        of: "aligned",
        source: "invented",
        caught_by: order::NAME,
        cut: aligned_coordinator::<mixed_line::MixedLine>,
    },
    Bug {
        name: "early-resume",
        about: "a source reads on when its own snapshot is durable, while others still drain",
        of: "stop-the-world",
        source: "invented",
        caught_by: order::NAME,
        cut: stopping_task::<early_resume::EarlyResume>,
    },
    Bug {
        name: "stale-ack",
        about: "acknowledgements of older attempts count, and ids are given out again after a restore",
        of: "aligned",
        source: "invented",
        caught_by: fencing::NAME,
        cut: aligned_coordinator::<stale_ack::StaleAck>,
    },
    Bug {
        name: "string-order",
        about: "the checkpoint restored is the last in the order of strings, in which 9 comes after 10",
        of: "aligned",
        source: "FLINK-6284",
        caught_by: fencing::NAME,
        cut: aligned_coordinator::<string_order::StringOrder>,
    },
    Bug {
        name: "subsume-early",
        about: "an older checkpoint is given back when the metadata of the new one is sent, before it is durable",
        of: "aligned",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_coordinator::<subsume_early::SubsumeEarly>,
    },
    Bug {
        name: "gives-all-back",
        about: "the checkpoints of a cancelled job go, though they are to be retained",
        of: "aligned",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_coordinator::<gives_all_back::GivesAllBack>,
    },
    Bug {
        name: "keeps-the-newest",
        about: "the newest checkpoint of a cancelled job stays, though none is to be retained",
        of: "aligned",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_coordinator::<keeps_the_newest::KeepsTheNewest>,
    },
    Bug {
        name: "stale-standing",
        about: "a finished task is represented for ever by the snapshot it finished with, though that may be deleted",
        of: "aligned",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_coordinator::<stale_standing::StaleStanding>,
    },
    Bug {
        name: "ignore-late-ack",
        about: "an acknowledgement of a checkpoint that was given up is ignored, and its snapshot is never deleted",
        of: "aligned",
        source: "FLINK-5063",
        caught_by: store::NAME,
        cut: aligned_coordinator::<ignore_late_ack::IgnoreLateAck>,
    },
    Bug {
        name: "aborted-share",
        about: "a snapshot shares files of a checkpoint that was given up, which may be deleted",
        of: "async-incremental",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_over::<aborted_share::AbortedShare>,
    },
    Bug {
        name: "stale-copy",
        about: "a late notice makes a task share the copy of a file that goes, though it has written a newer one",
        of: "async-incremental",
        source: "FLINK-38574",
        caught_by: store::NAME,
        cut: aligned_over::<stale_copy::StaleCopy>,
    },
    Bug {
        name: "uncounted-files",
        about: "the files of a subsumed checkpoint are deleted although newer ones share them",
        of: "async-incremental",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_over::<uncounted_files::UncountedFiles>,
    },
    Bug {
        name: "early-truncation",
        about: "the log is cut off where a materialisation began, before that is in the store",
        of: "changelog",
        source: "invented",
        caught_by: store::NAME,
        cut: aligned_over::<early_truncation::EarlyTruncation>,
    },
    Bug {
        name: "hoard",
        about: "checkpoints that no line can contain any more are never deleted",
        of: "uncoordinated",
        source: "invented",
        caught_by: store::NAME,
        cut: recovery_line::<hoard::Hoard>,
    },
    Bug {
        name: "undead",
        about: "checkpoints that a restore has undone may still lie on the next line",
        of: "uncoordinated",
        source: "invented",
        caught_by: store::NAME,
        cut: recovery_line::<undead::Undead>,
    },
    Bug {
        name: "deaf-clocks",
        about: "what a delivery says of the checkpoints of others is not taken over into the clocks",
        of: "communication-induced",
        source: "invented",
        caught_by: zigzag::NAME,
        cut: inducing_task::<deaf_clocks::DeafClocks>,
    },
    Bug {
        name: "adopted-index",
        about: "a greater index is taken over without the checkpoint that it stands for",
        of: "communication-induced-bcs",
        source: "invented",
        caught_by: zigzag::NAME,
        cut: indexing_task::<adopted_index::AdoptedIndex>,
    },
    Bug {
        name: "ended-inputs-count",
        about: "barriers of all inputs are awaited, also of those that have ended",
        of: "aligned",
        source: "FLINK-2519",
        caught_by: liveness::NAME,
        cut: aligned_task::<ended_inputs_count::EndedInputsCount>,
    },
    Bug {
        name: "abort-not-forwarded",
        about: "a task that gives up a checkpoint does not tell those below it",
        of: "aligned",
        source: "FLINK-18238",
        caught_by: liveness::NAME,
        cut: aligned_task::<abort_not_forwarded::AbortNotForwarded>,
    },
    Bug {
        name: "frozen-for-ever",
        about: "a task that stands still waits for the word to go on, however long",
        of: "freeze-the-world",
        source: "invented",
        caught_by: liveness::NAME,
        cut: freezing_task::<frozen_for_ever::FrozenForEver>,
    },
    Bug {
        name: "forget-trigger",
        about: "after the first checkpoint that is given up no other is ever triggered",
        of: "aligned",
        source: "FLINK-26394",
        caught_by: liveness::NAME,
        cut: aligned_coordinator::<forget_trigger::ForgetTrigger>,
    },
    Bug {
        name: "capture-again",
        about: "every barrier makes a task capture its inputs anew, also those whose barrier has passed",
        of: "unaligned",
        source: "invented",
        caught_by: liveness::NAME,
        cut: unaligned_task::<capture_again::CaptureAgain>,
    },
    Bug {
        name: "awaits-back-edges",
        about: "the barriers of back-edges are awaited, which come after a task's own",
        of: "abs-cyclic",
        source: "invented",
        caught_by: liveness::NAME,
        cut: cyclic_task::<awaits_back_edges::AwaitsBackEdges>,
    },
    Bug {
        name: "equal-index",
        about: "what carries the index that the task has already forces a checkpoint, too",
        of: "communication-induced-bcs",
        source: "invented",
        caught_by: liveness::NAME,
        cut: indexing_task::<equal_index::EqualIndex>,
    },
    Bug {
        name: "global-counter",
        about: "a counter of the whole process decides how long an acknowledgement waits",
        of: "aligned",
        source: "invented",
        caught_by: determinism::NAME,
        cut: aligned_task::<global_counter::GlobalCounter>,
    },
    Bug {
        name: "hash-order",
        about: "the order of a randomly seeded hash set decides which task is told first",
        of: "aligned",
        source: "invented",
        caught_by: determinism::NAME,
        cut: aligned_coordinator::<hash_order::HashOrder>,
    },
];

/// The bug of this name.
pub fn find(name: &str) -> Option<&'static Bug> {
    BUGS.iter().find(|bug| bug.name == name)
}
