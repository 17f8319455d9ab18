//! The checkpoint strategies: one file each, written as the paper writes it, and one row each in [`STRATEGIES`]. The
//! planted bugs, by which the oracles are tested, stand in [`bugs`].
//!
//! Everything here is a pure state machine: no clock, no randomness, no I/O, no async.
//!
//! ```
//! use cutline_algorithms::{STRATEGIES, bugs, find};
//!
//! let unaligned = find("unaligned").expect("a strategy");
//! assert_eq!(unaligned.blocks, "nothing");
//! assert!(STRATEGIES.iter().any(|strategy| strategy.cycles), "some take any graph");
//!
//! let bug = bugs::find("no-block").expect("a planted bug");
//! assert_eq!((bug.of, bug.caught_by), ("aligned", "state"));
//! ```
//!
//! A strategy of one's own is a machine for the tasks, a coordinator that is there already ([`rounds`]), and a row like those of [`STRATEGIES`]:
//!
//! ```
//! use cutline_algorithms::aligned::{Aligned, Coordinator};
//! use cutline_algorithms::{STRATEGIES, Strategy};
//! use cutline_sim::erased::machines;
//! use cutline_sim::protocol::SnapshotMethod;
//!
//! /// Aligned barriers whose snapshots are written while the task stands still.
//! const MINE: Strategy = Strategy {
//!     name: "aligned-sync",
//!     about: "Aligned barriers; the task stands still until its snapshot is stored.",
//!     snapshot: SnapshotMethod::FullSync,
//!     cut: machines::<Aligned, Coordinator>,
//!     ..STRATEGIES[1]
//! };
//!
//! assert_eq!((STRATEGIES[1].name, MINE.guarantee), ("aligned", STRATEGIES[1].guarantee));
//! ```
//!
//! `cutline::command_line::main(&[MINE])` then takes it everywhere: see `examples/own-strategy`, whose machine is new, too.

use cutline_sim::config::CheckpointMode;
use cutline_sim::erased::{Protocol, machines};
use cutline_sim::protocol::{JobCtx, SnapshotMethod};

pub mod abs_cyclic;
pub mod aligned;
pub mod aligned_timeout;
pub mod async_incremental;
pub mod at_least_once;
pub mod bugs;
pub mod chandy_lamport;
pub mod changelog;
pub mod communication_induced;
pub mod communication_induced_bcs;
pub mod freeze_the_world;
#[cfg(test)]
mod hand;
pub mod mutant_backend;
pub mod mutant_committer;
pub mod mutants;
pub mod recovery_line;
pub mod rounds;
pub mod stop_the_world;
pub mod unaligned;
pub mod uncoordinated;

use abs_cyclic::AbsCyclic;
use aligned::Aligned;
use aligned_timeout::AlignedTimeout;
use async_incremental::AsyncIncremental;
use at_least_once::AtLeastOnce;
use chandy_lamport::ChandyLamport;
use changelog::Changelog;
use communication_induced::CommunicationInduced;
use communication_induced_bcs::CommunicationInducedBcs;
use freeze_the_world::FreezeTheWorld;
use stop_the_world::StopTheWorld;
use unaligned::Unaligned;
use uncoordinated::Uncoordinated;

/// A row of the registry: what `cutline list strategies` shows, and how to make it.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Strategy {
    /// The name on the command line and in scenario files; that of its source file, with hyphens.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// What a restore gives: what a job under this strategy can promise of its state.
    pub guarantee: CheckpointMode,
    /// What stands still, and for how long.
    pub blocks: &'static str,
    /// What of the data in flight becomes part of the checkpoint.
    pub channel_state: &'static str,
    /// True if the job graph may have cycles.
    pub cycles: bool,
    /// What is sent for one checkpoint.
    pub messages: &'static str,
    /// How the snapshot reaches the store.
    pub snapshot: SnapshotMethod,
    /// Where it is published.
    pub source: &'static str,
    /// Makes the machines of a job.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
}

const TRIGGER_ROOTS: &str =
    "a trigger per source, a mark per channel, an acknowledgement and a completion per task";
const ALONE: &str = "an acknowledgement per snapshot; a completion for each that lies on a stored line";
const TRIGGER_ALL: &str = "a trigger, an acknowledgement and a completion per task, a mark per channel";

/// All strategies.
pub const STRATEGIES: &[Strategy] = &[
    Strategy {
        name: "stop-the-world",
        about: "Sources pause, the channels drain, every task takes its snapshot, sources read on.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "all sources until the checkpoint is complete; each task until its snapshot is stored",
        channel_state: "none: channels are empty",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullSync,
        source: "Murray et al. 2013 (Naiad), section 3.4",
        cut: machines::<StopTheWorld, stop_the_world::Coordinator>,
    },
    Strategy {
        name: "aligned",
        about: "Barriers flow with the data; an input that has delivered its barrier waits for the others.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "early inputs until the last barrier has arrived",
        channel_state: "none: what precedes the barriers is consumed first",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullAsync,
        source: "Carbone et al. 2015, algorithm 1; Flink",
        cut: machines::<Aligned, aligned::Coordinator>,
    },
    Strategy {
        name: "unaligned",
        about: "The first barrier to arrive makes the cut; barriers overtake what is queued, and it becomes channel state.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "nothing",
        channel_state: "what the barriers overtake, and what comes on an input before its own",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullAsync,
        source: "Flink FLIP-76",
        cut: machines::<Unaligned, unaligned::Coordinator>,
    },
    Strategy {
        name: "aligned-timeout",
        about: "Aligned barriers, until a checkpoint is as old as the time-out; then barriers overtake what is still queued.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "early inputs until the last barrier has arrived, or until the time-out",
        channel_state: "none in time; then what the barriers overtake, and what comes on an input before its own",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullAsync,
        source: "Flink, aligned-checkpoint-timeout",
        cut: machines::<AlignedTimeout, aligned_timeout::Coordinator>,
    },
    Strategy {
        name: "at-least-once",
        about: "Barriers flow with the data, and nothing waits for them; the last one to come makes the cut.",
        guarantee: CheckpointMode::AtLeastOnce,
        blocks: "nothing",
        channel_state: "none: what precedes the barriers is consumed first",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullAsync,
        source: "Flink, at-least-once mode",
        cut: machines::<AtLeastOnce, at_least_once::Coordinator>,
    },
    Strategy {
        name: "chandy-lamport",
        about: "The first marker to be reached records the state; every other input is recorded up to its own marker.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "nothing",
        channel_state: "what comes on an input between the first marker and its own",
        cycles: true,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullAsync,
        source: "Chandy and Lamport 1985, section 3.1",
        cut: machines::<ChandyLamport, chandy_lamport::Coordinator>,
    },
    Strategy {
        name: "abs-cyclic",
        about: "Aligned barriers; those of back-edges are not awaited, and what comes before them is logged.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "early inputs until the last barrier of a regular input has arrived",
        channel_state: "none but of back-edges: what comes on one between the cut and its barrier",
        cycles: true,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::FullAsync,
        source: "Carbone et al. 2015, algorithm 2",
        cut: machines::<AbsCyclic, abs_cyclic::Coordinator>,
    },
    Strategy {
        name: "async-incremental",
        about: "The barriers of aligned; only files of state that no completed checkpoint has are written.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "early inputs until the last barrier has arrived",
        channel_state: "none: what precedes the barriers is consumed first",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::Incremental,
        source: "Flink, Incremental Checkpoints",
        cut: machines::<AsyncIncremental, async_incremental::Coordinator>,
    },
    Strategy {
        name: "changelog",
        about: "The barriers of aligned; changes of state go to a log, and only its tail is written.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "early inputs until the last barrier has arrived",
        channel_state: "none: what precedes the barriers is consumed first",
        cycles: false,
        messages: TRIGGER_ROOTS,
        snapshot: SnapshotMethod::Changelog,
        source: "Flink FLIP-158",
        cut: machines::<Changelog, changelog::Coordinator>,
    },
    Strategy {
        name: "freeze-the-world",
        about: "Every task stops where it is; its state and everything in flight are stored; all go on.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "every task until the checkpoint is complete",
        channel_state: "everything in flight",
        cycles: true,
        messages: TRIGGER_ALL,
        snapshot: SnapshotMethod::FullSync,
        source: "the naive global snapshot of Carbone et al. 2015, section 2",
        cut: machines::<FreezeTheWorld, freeze_the_world::Coordinator>,
    },
    Strategy {
        name: "uncoordinated",
        about: "Every task takes checkpoints by a clock of its own and logs what it sends; a recovery line is looked for among them.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "nothing",
        channel_state: "what the log holds between the checkpoints of the two ends",
        cycles: true,
        messages: ALONE,
        snapshot: SnapshotMethod::FullAsync,
        source: "Elnozahy et al. 2002, section 3.1",
        cut: machines::<Uncoordinated, uncoordinated::RecoveryLine>,
    },
    Strategy {
        name: "communication-induced",
        about: "As uncoordinated; and records carry clocks, by which a task sees that it must take a checkpoint before a delivery.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "nothing",
        channel_state: "what the log holds between the checkpoints of the two ends",
        cycles: true,
        messages: ALONE,
        snapshot: SnapshotMethod::FullAsync,
        source: "Helary, Mostefaoui, Netzer and Raynal 2000",
        cut: machines::<CommunicationInduced, communication_induced::RecoveryLine>,
    },
    Strategy {
        name: "communication-induced-bcs",
        about: "As uncoordinated; and records carry the number of the sender's checkpoint, to which a receiver catches up first.",
        guarantee: CheckpointMode::ExactlyOnce,
        blocks: "nothing",
        channel_state: "what the log holds between the checkpoints of the two ends",
        cycles: true,
        messages: ALONE,
        snapshot: SnapshotMethod::FullAsync,
        source: "Briatico, Ciuffoletti and Simoncini 1984",
        cut: machines::<CommunicationInducedBcs, communication_induced_bcs::RecoveryLine>,
    },
];

/// The strategy of this name.
pub fn find(name: &str) -> Option<&'static Strategy> {
    STRATEGIES.iter().find(|strategy| strategy.name == name)
}
