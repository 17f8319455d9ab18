//! What states have come to: forks that meet have one end.
//!
//! A fault in one task or another, or at one instant or another before the same heartbeat, leads to the same restore: what was under way
//! is gone, and all begins anew from one checkpoint at one instant. So a fork is looked at when it is restored for the first time. If
//! another one was in the same state then, with the same past as far as anybody is told of it, it need not be gone through again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cutline_sim::time::{NEVER, Time};
use cutline_sim::world::{Bound, Outcome, World};

use super::seen::{Judged, Seen};

/// The ends of all forks that were restored, by their states then.
#[derive(Default)]
pub(super) struct Ends(Mutex<Known>);

#[derive(Default)]
struct Known {
    ends: BTreeMap<u128, End>,
    /// States that had more than one end.
    at_odds: BTreeSet<u128>,
}

/// What a state came to.
#[derive(Clone, Copy)]
pub(super) struct End {
    judged: Judged,
    /// When the run would have been given up, when it was over, and how many steps it took from the state on.
    deadline: Time,
    over: Time,
    steps: u64,
    /// All that was said from the state on, if somebody has listened, and what was left in the end.
    told: u64,
    left: u128,
}

impl End {
    /// The end of a fork that had taken so many steps when it was in its state. There is none to speak of if it came to a bound that counts
    /// what was before.
    pub fn of(fork: &Seen, outcome: Outcome, judged: Judged, before: u64) -> Option<End> {
        let Seen { world, view } = fork;
        let over = match outcome {
            Outcome::Exceeded(Bound::Steps | Bound::Queue) => return None,
            Outcome::Exceeded(Bound::Time | Bound::Quiet) => NEVER,
            _ => world.now(),
        };
        Some(End {
            judged,
            deadline: world.deadline(),
            over,
            steps: world.steps() - before,
            told: view.told.unwrap_or_default(),
            left: if view.told.is_some() { world.digest_of_end() } else { 0 },
        })
    }

    /// True if it is the end of a run with another deadline, too: what was over before both is so with either.
    fn holds_until(&self, deadline: Time) -> bool {
        self.over < self.deadline.min(deadline) || self.deadline == deadline
    }
}

impl Ends {
    /// What the present state of a world comes to, if it is known.
    pub fn of(&self, state: u128, world: &World) -> Option<Judged> {
        let end = *self.lock().ends.get(&state)?;
        let in_steps = world.steps().saturating_add(end.steps) <= world.topology().config.bounds.steps;
        (end.holds_until(world.deadline()) && in_steps).then_some(end.judged)
    }

    /// Notes down what a state came to.
    pub fn add(&self, state: u128, end: End) {
        let mut known = self.lock();
        let Some(before) = known.ends.insert(state, end) else { return };
        let what = |end: &End| (end.judged, end.over, end.told, end.left);
        if before.holds_until(end.deadline) && what(&before) != what(&end) {
            known.at_odds.insert(state);
        }
    }

    /// How many states had more than one end.
    pub fn at_odds(&self) -> u64 {
        self.lock().at_odds.len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Whatever a thread that panicked has added is true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
