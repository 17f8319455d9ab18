//! Exploration: complete for single faults on one run.
//!
//! The *original* is a run, gone through event by event in the order of time. After each event (and before the first) the world is
//! forked once for every fault that could strike there, the fault strikes at once, and the fork runs to its end, where all oracles
//! are asked but `restore` and `determinism`, which are about more than one run.
//!
//! **What is tried.** Crashes are tried after every event, for each victim. A write that fails and a message that is lost are named by
//! the write and the message, so when such a fault is planted does not matter: each write and each message of the original is tried
//! once. So all forks that one such fault can lead to are tried, no two of them for the same reason.
//!
//! **What is an event.** An action of the queue, or what one task does at one instant: see [`World::advance`]. Between two of them the
//! world is whole, also if they fall on the same instant; inside of one nothing can happen.
//!
//! **Two faults.** [`Pass::Pairs`] goes through each fork event by event, until the first fault is repaired, and forks it in its
//! turn. Two first faults may lead to one state, and a lost message may lead back to the state of the original; then what can follow is tried
//! once. States are compared by a digest of everything that the rest of a run and its verdict depend on, once in every millisecond.
//!
//! **Forks that meet** in one state, when they are restored, have one end, and are gone through once.
//!
//! **A fork is a run.** [`When::Event`](cutline_sim::faults::When::Event) says in a plan what happened in a fork, so
//! [`Fork::plan`] gives an ordinary run with the same digest and verdict. Forks run with lookahead: nothing waits in them.
//!
//! What is found does not depend on the number of threads, for the events are dealt out in parts that do not depend on it either, and
//! what was found is added up in their order.
//!
//! Not tried: the loss of a message that the first fault itself has sent. Not modelled: a coordinator that fails; lost or doubled records, which channels do not have.

mod ends;
mod findings;
pub mod interleavings;
mod scout;
mod seen;
mod victims;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use cutline_sim::faults::{Fault, FaultPlan};
use cutline_sim::time::Time;
use cutline_sim::world::World;
use rayon::prelude::*;

pub use findings::{Findings, Fork, Objections, Row, Struck, Tally};
pub use victims::Victims;

use crate::prepare::Prepared;
use crate::run::{Contender, Runner};
use ends::Ends;
use scout::Scout;

/// Into so many parts the events are dealt out, if there are enough of them.
const PARTS: u64 = 256;
/// A part has at most so many events.
const PART_MAX: u64 = 64;
/// Parts that are done before what they have found is added up.
const PARTS_AT_ONCE: usize = 32;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// One fault in each fork.
    Single,
    /// Two.
    Pairs,
}

/// What is made of states that were seen before. Of single faults the same is found with each, but for what is said of states; of pairs the
/// same outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// What follows from them is not tried again.
    Used,
    /// Every fork is gone through to its end, and it is checked that those that meet have one end.
    Checked,
    /// Nothing is remembered: every fork is gone through, and second faults are tried in every state.
    Unused,
}

/// Who is asked and told on the way; several threads do it at once.
pub trait Watch: Sync {
    /// True if it is enough. Asked before every fork.
    fn stops(&self) -> bool {
        false
    }
    /// Everything was tried after so many events more, in so many forks.
    fn tried(&self, _points: u64, _forks: u64) {}
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// A run that is to be explored.
pub struct Explorer<'a> {
    prepared: &'a Prepared,
    pristine: World,
    seed: u64,
    original: Arc<FaultPlan>,
    victims: Vec<Victims>,
    crashes: Vec<Fault>,
    memory: Memory,
    /// States of the original: what follows from them is tried with one fault.
    states: BTreeSet<u128>,
    events: u64,
    objection: Option<Fork>,
}

impl<'a> Explorer<'a> {
    /// Runs the original: a scenario under a strategy, with a seed and faults of its own (as a rule none).
    pub fn new(
        prepared: &'a Prepared,
        contender: Contender,
        seed: u64,
        original: Arc<FaultPlan>,
        victims: &[Victims],
    ) -> Explorer<'a> {
        let mut victims = victims.to_vec();
        victims.sort_unstable();
        victims.dedup();
        let crashes = victims::crashes(&victims, prepared.topology());
        let pristine = Runner::new(prepared, contender).into_pristine();
        let mut explorer = Explorer {
            prepared,
            pristine,
            seed,
            original,
            victims,
            crashes,
            memory: Memory::Used,
            states: BTreeSet::new(),
            events: 0,
            objection: None,
        };
        (explorer.events, explorer.states, explorer.objection) =
            Scout::new(&explorer, None, &Unwatched).count();
        explorer
    }

    /// What is made of states that were seen before.
    #[must_use]
    pub fn with_memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// One fork by itself, with one fault that this explorer knows to try.
    pub fn fork(&self, struck: &Struck) -> Fork {
        Scout::new(self, None, &Unwatched).fork(struck)
    }

    /// How many events the original has. After the last one it is over, so there are as many points to try, with the start.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What is wrong with the original itself.
    pub fn objection(&self) -> Option<&Fork> {
        self.objection.as_ref()
    }

    /// Tries everything, on all threads of the present pool, until it is enough: after about so many forks, or when the watch says so.
    pub fn explore(&self, pass: Pass, forks: u64, watch: &dyn Watch) -> Findings {
        self.explore_after(0..self.events, pass, forks, watch)
    }

    /// The same after some of the events only.
    pub fn explore_after(&self, events: Range<u64>, pass: Pass, forks: u64, watch: &dyn Watch) -> Findings {
        let scouts = Mutex::new(Vec::new());
        let ends = (self.memory != Memory::Unused).then(Ends::default);
        let mut found = Findings::default();
        for (victims, pairs) in self.victims.iter().map(|&victims| (victims, pass == Pass::Pairs)) {
            let tallies = if pairs { &mut found.pairs } else { &mut found.single };
            tallies.insert(victims, Tally::default());
        }
        let parts = parts(events.start..events.end.min(self.events));
        for parts in parts.chunks(PARTS_AT_ONCE) {
            let left = forks.saturating_sub(found.forks());
            if left == 0 || watch.stops() {
                break;
            }
            let explore = |part: &Range<u64>| {
                // What a thread that panicked has left is used by nobody: the panic goes on.
                let take = || scouts.lock().unwrap_or_else(PoisonError::into_inner);
                let scout = take().pop();
                // Boxed, for it is large and goes from hand to hand.
                let mut scout = scout.unwrap_or_else(|| Box::new(Scout::new(self, ends.as_ref(), watch)));
                let found = scout.explore(part.clone(), pass, left);
                watch.tried(found.points, found.forks());
                take().push(scout);
                found
            };
            let all: Vec<Findings> = parts.par_iter().map(explore).collect();
            for part in all {
                if found.forks() < forks {
                    found.absorb(part);
                }
            }
        }
        found.settle();
        if let (Some(ends), Memory::Checked) = (ends, self.memory) {
            found.at_odds = ends.at_odds();
        }
        found
    }

    fn deadline(&self, heal: Time) -> Time {
        self.prepared.deadline(self.original.heal.max(heal))
    }
}

/// The parts into which events are dealt out.
fn parts(events: Range<u64>) -> Vec<Range<u64>> {
    let length = (events.end - events.start.min(events.end)).div_ceil(PARTS).clamp(1, PART_MAX);
    let starts = events.clone().step_by(length as usize);
    starts.map(|start| start..events.end.min(start + length)).collect()
}
