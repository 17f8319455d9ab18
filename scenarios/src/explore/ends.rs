//! What states have come to: forks that meet have one end.
//!
//! A fault in one task or another, or at one instant or another before the same heartbeat, leads to the same restore: what was under way
//! is gone, and all begins anew from one checkpoint at one instant. So a fork is looked at when it is restored for the first time. If
//! another one was in the same state then, with the same past as far as anybody is told of it, it needs not be gone through again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cutline_sim::time::{NEVER, Time};
use cutline_sim::world::{Outcome, World};

use super::seen::Judged;

/// The ends of all forks that were restored, by their states then.
#[derive(Default)]
pub(super) struct Ends(Mutex<BTreeMap<u128, End>>);

/// What a state came to.
#[derive(Clone, Copy)]
struct End {
    judged: Judged,
    /// When the run would have been given up, when it was over, and how many steps it took from there on.
    deadline: Time,
    over: Time,
    steps: u64,
}

impl Ends {
    /// What the present state of a world comes to, if it is known.
    pub fn of(&self, state: u128, world: &World) -> Option<Judged> {
        let end = *self.lock().get(&state)?;
        // What was over in time, is so with any deadline behind it.
        let in_time = end.over < world.deadline() || end.deadline == world.deadline();
        let in_steps = world.steps().saturating_add(end.steps) <= world.topology().config.bounds.steps;
        (in_time && in_steps).then_some(end.judged)
    }

    /// Notes down what a state came to: the world at its end, and how many steps it had taken before.
    pub fn add(&self, state: u128, (world, outcome): (&World, Outcome), before: u64, judged: Judged) {
        let over = if matches!(outcome, Outcome::Exceeded(_)) { NEVER } else { world.now() };
        let steps = world.steps() - before;
        self.lock().insert(state, End { judged, deadline: world.deadline(), over, steps });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u128, End>> {
        // Whatever a thread that panicked has added is true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
