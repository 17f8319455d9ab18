//! Oracles: when is a run right?
//!
//! An oracle observes the events of a run and gives a verdict at its end. One oracle is one file here and one row in
//! the table below; each has planted bugs that it must catch. `restore` and `determinism` are claims about more than
//! one run: whoever runs (the scenarios crate) forks or repeats, and asks the oracles here about the result.

pub mod cut;
pub mod determinism;
pub mod fencing;
pub mod ledger;
pub mod liveness;
pub mod order;
pub mod reference;
pub mod restore;
pub mod state;
pub mod store;
pub mod zigzag;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Stamped;
use crate::world::{Outcome, World};

/// A row of `cutline list oracles`.
#[derive(Clone, Copy, Debug)]
pub struct OracleRow {
    /// Its name in verdicts.
    pub name: &'static str,
    /// What it claims.
    pub about: &'static str,
}

/// All oracles.
pub const ROWS: &[OracleRow] = &[
    OracleRow {
        name: state::NAME,
        about: "the final state of every operator equals the failure-free reference",
    },
    OracleRow {
        name: ledger::NAME,
        about: "readers of the external system see what strategy and sink promise together",
    },
    OracleRow {
        name: cut::NAME,
        about: "at every completed checkpoint each channel's receiver had received exactly what its sender had sent",
    },
    OracleRow {
        name: restore::NAME,
        about: "every completed checkpoint can be restored and leads to the same result",
    },
    OracleRow {
        name: order::NAME,
        about: "every channel delivers in the order of sending, also across restores",
    },
    OracleRow {
        name: fencing::NAME,
        about: "nothing that an older attempt tells the coordinator has an effect; the newest checkpoint is restored",
    },
    OracleRow {
        name: store::NAME,
        about: "the store keeps what the retained checkpoints refer to, unchanged, and nothing else for ever",
    },
    OracleRow {
        name: zigzag::NAME,
        about: "no checkpoint of a task's own is useless, where the job has no cycle or the strategy promises it",
    },
    OracleRow { name: liveness::NAME, about: "after all faults have ended the job finishes within a bound" },
    OracleRow { name: determinism::NAME, about: "the same seed gives the same run, event for event" },
];

/// What an oracle says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The claim holds.
    Pass,
    /// The claim is broken; a short proof in prose.
    Fail(String),
    /// The oracle cannot tell; the reason.
    Unknown(String),
}

impl Verdict {
    /// True if the claim is broken.
    pub fn is_fail(&self) -> bool {
        matches!(self, Verdict::Fail(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass => f.write_str("pass"),
            Verdict::Fail(_) => f.write_str("FAIL"),
            Verdict::Unknown(_) => f.write_str("unknown"),
        }
    }
}

/// An oracle over one run.
pub trait Oracle {
    /// Its name: one of [`ROWS`].
    fn name(&self) -> &'static str;

    /// Something happened.
    fn observe(&mut self, _world: &World, _event: &Stamped) {}

    /// True once it has seen what it will object to. What shows only at the end of the run is not seen before.
    fn objects(&self) -> bool {
        false
    }

    /// The run has ended.
    fn verdict(&mut self, world: &World, outcome: Outcome) -> Verdict;
}

/// An instant for people.
pub fn show_time(time: u64) -> String {
    format!("{}.{:06} ms", time / 1_000_000, time % 1_000_000)
}
