//! The strategies: one file each, written as the paper writes it, and one row in the table below.

pub mod aligned;
pub mod bugs;
#[cfg(test)]
mod hand;
pub mod rounds;
pub mod stop_the_world;

use cutline_sim::erased::{Protocol, machines};
use cutline_sim::protocol::{JobCtx, SnapshotMethod};

/// A named strategy: a cut protocol with a snapshot method. A row of `cutline list strategies`.
#[derive(Clone, Copy)]
pub struct Strategy {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Makes the machines of its cut protocol.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
    /// How its snapshots reach the store.
    pub snapshot: SnapshotMethod,
    /// True if it can checkpoint a job with a cycle.
    pub cycles: bool,
    /// What stands still meanwhile.
    pub blocks: &'static str,
    /// What of the channels goes into the checkpoint.
    pub channel_state: &'static str,
    /// What it guarantees.
    pub guarantee: &'static str,
    /// Where it is described.
    pub source: &'static str,
}

/// All strategies.
pub const STRATEGIES: &[Strategy] = &[
    Strategy {
        name: "stop-the-world",
        about: "sources pause, channels drain, every task writes its snapshot standing still, sources read on",
        cut: machines::<stop_the_world::StopTheWorld, stop_the_world::Coordinator>,
        snapshot: SnapshotMethod::FullSync,
        cycles: false,
        blocks: "the reading of all sources, until the checkpoint is complete",
        channel_state: "nothing: the channels are empty",
        guarantee: "exactly once",
        source: "Murray et al. 2013 (Naiad), section 3.4",
    },
    Strategy {
        name: "aligned",
        about: "barriers flow with the records; an input that has delivered its barrier waits for the others",
        cut: machines::<aligned::Aligned, aligned::Coordinator>,
        snapshot: SnapshotMethod::FullAsync,
        cycles: false,
        blocks: "inputs that are early, until the last barrier",
        channel_state: "nothing: everything before the barriers has been consumed",
        guarantee: "exactly once; at least once if execution.checkpointing.mode says so",
        source: "Carbone et al. 2015 (ABS), algorithm 1; Flink",
    },
];

/// The strategy of this name.
pub fn find(name: &str) -> Option<&'static Strategy> {
    STRATEGIES.iter().find(|strategy| strategy.name == name)
}
