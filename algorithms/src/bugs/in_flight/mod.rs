//! Bugs of what is in flight: what a task captures of its inputs, what it saves of its outputs, and until when.

mod ack_before_captured;
mod capture_again;
mod first_input;
mod last_marker;
mod late_barrier;
mod read_on;
mod restored_uncaptured;
mod still_world;
mod timeout_reads_on;
mod timeout_uncaptured;
mod unlogged_back_edge;
mod unrecorded_input;
mod unsaved_output;
mod writer_ends;

use cutline_sim::oracles::{cut, liveness, restore};

use super::Bug;
use crate::mutants::{cyclic_task, freezing_task, recording_task, turning_task, unaligned_task};

/// Its rows, by the oracle that must catch them.
pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "timeout-reads-on",
        about: "at the time-out early inputs go on, but the cut is made when the last barrier is reached",
        of: "aligned-timeout",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: turning_task::<timeout_reads_on::TimeoutReadsOn>,
    },
    Bug {
        name: "timeout-uncaptured",
        about: "a task that turns unaligned takes its snapshot and captures nothing",
        of: "aligned-timeout",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: turning_task::<timeout_uncaptured::TimeoutUncaptured>,
    },
    Bug {
        name: "still-world",
        about: "the world stands still, and what is on its channels is not captured",
        of: "freeze-the-world",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: freezing_task::<still_world::StillWorld>,
    },
    Bug {
        name: "first-input",
        about: "a task captures what is in flight on its first input only",
        of: "unaligned",
        source: "FLINK-18139",
        zoo: Some("B03"),
        caught_by: cut::NAME,
        cut: unaligned_task::<first_input::FirstInput>,
    },
    Bug {
        name: "unsaved-output",
        about: "a barrier overtakes output that the snapshot does not contain but counts as sent",
        of: "unaligned",
        source: "FLINK-18252",
        zoo: Some("B15"),
        caught_by: cut::NAME,
        cut: unaligned_task::<unsaved_output::UnsavedOutput>,
    },
    Bug {
        name: "read-on",
        about: "records are handled between the arrival of the first barrier and the snapshot",
        of: "unaligned",
        source: "FLINK-17568",
        zoo: Some("B02"),
        caught_by: cut::NAME,
        cut: unaligned_task::<read_on::ReadOn>,
    },
    Bug {
        name: "late-barrier",
        about: "a late barrier of a checkpoint that was given up counts for the next, which does not capture its input",
        of: "unaligned",
        source: "FLINK-20654",
        zoo: Some("B04"),
        caught_by: cut::NAME,
        cut: unaligned_task::<late_barrier::LateBarrier>,
    },
    Bug {
        name: "restored-uncaptured",
        about: "the first checkpoint after a restore does not capture what is in flight",
        of: "unaligned",
        source: "FLINK-20654",
        zoo: Some("B08"),
        caught_by: cut::NAME,
        cut: unaligned_task::<restored_uncaptured::RestoredUncaptured>,
    },
    Bug {
        name: "unrecorded-input",
        about: "a task does not record its first input",
        of: "chandy-lamport",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: recording_task::<unrecorded_input::UnrecordedInput>,
    },
    Bug {
        name: "last-marker",
        about: "a task records its state when the last marker has come, though its own went out at the first",
        of: "chandy-lamport",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: recording_task::<last_marker::LastMarker>,
    },
    Bug {
        name: "unlogged-back-edge",
        about: "what back-edges deliver between the cut and their barriers is not logged",
        of: "abs-cyclic",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: cyclic_task::<unlogged_back_edge::UnloggedBackEdge>,
    },
    Bug {
        name: "ack-before-captured",
        about: "a task acknowledges when its snapshot is taken, before the last barrier has arrived",
        of: "unaligned",
        source: "invented",
        zoo: None,
        caught_by: restore::NAME,
        cut: unaligned_task::<ack_before_captured::AckBeforeCaptured>,
    },
    Bug {
        name: "capture-again",
        about: "every barrier makes a task capture its inputs anew, also those whose barrier has passed",
        of: "unaligned",
        source: "invented",
        zoo: None,
        caught_by: liveness::NAME,
        cut: unaligned_task::<capture_again::CaptureAgain>,
    },
    Bug {
        name: "writer-ends",
        about: "after one write that fails a task writes nothing of later checkpoints",
        of: "unaligned",
        source: "FLINK-24667",
        zoo: Some("B21"),
        caught_by: liveness::NAME,
        cut: unaligned_task::<writer_ends::WriterEnds>,
    },
];
