//! Planted bugs: each a small mutation of a correct strategy, some of them real bugs of real systems. No oracle is trusted
//! until it has caught its own. A folder holds those that break the same thing, with their rows.
//!
//! A mutation stands around the machine of a strategy ([`MutantTask`], [`MutantCoordinator`]): it may change the events that
//! go in and the effects that come out. Everything else is the correct strategy, so what goes wrong goes wrong by the
//! mutation. A bug of a state backend stands around the backend in the same way
//! ([`MutantBackend`](crate::mutant_backend::MutantBackend)), one of a transactional sink around what that remembers
//! ([`MutantCommitter`](crate::mutant_committer::MutantCommitter)).
//!
//! Bugs of real systems that the model cannot express yet are listed in [`WANTING`].

mod backends;
mod barriers;
mod coordination;
mod in_flight;
mod lines;
mod sinks;
mod wanting;

use cutline_sim::erased::Protocol;
use cutline_sim::protocol::JobCtx;

pub use crate::mutants::{CoordinatorMutation, MutantCoordinator, MutantTask, TaskMutation};
pub use wanting::{WANTING, Wanting};

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
    /// Its number in the zoo, the project's collection of bugs that happened in real systems: see [`WANTING`].
    pub zoo: Option<&'static str>,
    /// The oracle that must catch it.
    pub caught_by: &'static str,
    /// Makes the machines of its cut protocol.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
}

/// The rows of each folder.
const GROUPS: &[&[Bug]] =
    &[barriers::BUGS, in_flight::BUGS, coordination::BUGS, lines::BUGS, backends::BUGS, sinks::BUGS];

/// All planted bugs, group by group, and in a group by the oracle that must catch them.
pub fn all() -> impl Iterator<Item = &'static Bug> {
    GROUPS.iter().copied().flatten()
}

/// The bug of this name.
pub fn find(name: &str) -> Option<&'static Bug> {
    all().find(|bug| bug.name == name)
}
