//! Every order: all runs of a tiny job that differ in nothing but the order of what happens.
//!
//! Nothing takes time ([`Prepared::at_once`]), so the records, the first checkpoint, the crash and everything that follows from them
//! belong to one instant, and each delivery that is due can be next ([`cutline_sim::interleaving`]): to a task, the coordinator, a node, the store
//! or the external system. What a task has coming from itself alone it does at once, so nothing comes between. In one order only are what was before
//! that instant (the deployment) and what is behind the end of the job. Nothing is ever so late that it is given up.
//!
//! The search goes deep first. Two orders that have led to one state have one future, so a state that was seen before is not gone into
//! again: states are compared by a digest of everything that the rest of a run and its verdict depend on. So it ends, and what it reports
//! does not depend on how it went.
//!
//! **Sleep sets** (Godefroid 1996, *Partial-Order Methods for the Verification of Concurrent Systems*, chapter 5). Let a and b be two choices in one
//! state whose [actors](Actors) are others. They meet only in queues in which each has places of its own, so a, b and b, a lead to one
//! state. Whoever has tried a and all that follows need not try it again behind b: a *sleeps* there, until somebody acts whom it concerns. All
//! states are reached as before; what is saved is steps that lead to known ones. A state keeps which choices slept in it. If it is reached
//! again and one of them does not sleep, that one is tried then.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutline_sim::faults::{Fault, FaultPlan, Planned, When};
use cutline_sim::interleaving::{Actors, Choice};
use cutline_sim::oracles::reference::ReferenceError;
use cutline_sim::time::Time;
use cutline_sim::topology::Topology;
use cutline_sim::world::{Outcome, World};

use super::findings::Objections;
use super::seen::{About, Changes, Collector, Digests, Seen, Step, View};
use crate::prepare::Prepared;
use crate::run::{Contender, Runner};

/// What has come to light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// States that were reached, each counted once.
    pub states: u64,
    /// Things that were done in them: as many times a state was reached.
    pub steps: u64,
    /// States in which a run was over.
    pub ends: u64,
    /// What they came to: attempts, the newest checkpoint, how many have completed, and the verdict.
    pub outcomes: BTreeSet<u64>,
    /// The most things that were done in one run.
    pub longest: u64,
    /// True if no state was left out.
    pub complete: bool,
    /// The first order that each objection was made to.
    pub violations: BTreeMap<Objections, Vec<Choice>>,
}

/// Goes through all orders of a job.
pub struct Interleavings {
    prepared: Prepared,
    pristine: World,
    seed: u64,
    is_thorough: bool,
    is_sleepless: bool,
    is_exact: bool,
    keeps_all: bool,
}

/// A state on the way to the present one, and what can be next in it.
#[derive(Clone)]
struct Level {
    seen: Seen,
    digests: Digests,
    choices: Vec<Choice>,
    /// How many of them were tried or left out, and which are left out: a bit for each of the first ones.
    tried: usize,
    left_out: u64,
    /// What need not be tried here or behind, unless somebody acts whom it concerns, and whom that is.
    asleep: Vec<(Choice, Actors)>,
    /// In what it may differ from the one before.
    differs: Changes,
}

impl Interleavings {
    /// A scenario under a strategy. The seed decides what is drawn in a run, such as the phases of heartbeats.
    ///
    /// # Errors
    /// If the failure-free result of its records, all emitted at one instant, cannot be computed.
    pub fn new(
        prepared: &Prepared,
        contender: Contender,
        seed: u64,
    ) -> Result<Interleavings, ReferenceError> {
        let prepared = prepared.at_once()?;
        let pristine = Runner::new(&prepared, contender).into_pristine();
        Ok(Interleavings {
            prepared,
            pristine,
            seed,
            is_thorough: false,
            is_sleepless: false,
            is_exact: false,
            keeps_all: false,
        })
    }

    /// Copies and digests all of a state, and not only what may have changed: slower, and what is found is the same.
    #[must_use]
    pub fn thorough(mut self) -> Self {
        self.is_thorough = true;
        self
    }

    /// Tries everything in every state, also what was tried before with others in between that it does not concern: more steps, and what
    /// is found is the same.
    #[must_use]
    pub fn sleepless(mut self) -> Self {
        self.is_sleepless = true;
        self
    }

    /// Tells states apart that differ in nothing but the counts by which things are named: more states, and what they come to is the same.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// Keeps what is over, such as letters to a task that is gone: more states, and what they come to is the same.
    #[must_use]
    pub fn keeping_all(mut self) -> Self {
        self.keeps_all = true;
        self
    }

    /// The job.
    pub fn topology(&self) -> &Topology {
        self.prepared.topology()
    }

    /// Goes through all orders, with this fault in them or without any; gives up after so many states, or when somebody wants to stop.
    pub fn explore(&self, crash: Option<&Fault>, states: u64, stops: &mut dyn FnMut(u64) -> bool) -> Orders {
        let deadline = self.deadline();
        Search {
            about: About { prepared: &self.prepared, pristine: &self.pristine, seed: self.seed, deadline },
            all: self,
            known: BTreeMap::new(),
            levels: Vec::new(),
            depth: 0,
            last: None,
            again: None,
            memory: Collector::default(),
            found: Orders::default(),
        }
        .run(self.begin(crash), states, stops)
    }

    fn begin(&self, crash: Option<&Fault>) -> Seen {
        let at = self.prepared.duration();
        let faults = crash.map(|fault| Planned { when: When::At(at), fault: fault.clone() });
        let plan = FaultPlan { faults: faults.into_iter().collect(), heal: at + 1 };
        let mut world = self.pristine.clone();
        world.set_lookahead(false);
        world.set_forgetting(!self.keeps_all);
        world.set_deadline(self.deadline());
        world.begin(self.seed, Arc::new(plan));
        let mut seen = Seen { world, view: View::default() };
        while seen.world.next_instant() < at && seen.advance().is_none() {}
        seen
    }

    fn deadline(&self) -> Time {
        self.prepared.deadline(self.prepared.duration() + 1)
    }

    /// An order, for people: what happens, a line each.
    pub fn tell(&self, crash: Option<&Fault>, order: &[Choice]) -> Vec<String> {
        let mut seen = self.begin(crash);
        let (mut lines, mut choices) = (Vec::new(), Vec::new());
        seen.world.choices(&mut choices);
        for &choice in order {
            let tell = &mut |world: &World, choice| lines.push(world.say(choice));
            seen.go_on(choice, &mut choices, tell);
        }
        lines
    }
}

/// The search under way.
struct Search<'a> {
    all: &'a Interleavings,
    about: About<'a>,
    /// Digests of the states that were reached, and which choices were left out there: a bit for each of the first ones.
    known: BTreeMap<u128, u64>,
    /// The states on the way to the present one, and behind them memory: each is a copy of the one before that was changed a little,
    /// so it becomes another one's by copying what differs.
    levels: Vec<Level>,
    /// How many there are on the way.
    depth: usize,
    /// A run that comes to its end.
    last: Option<Seen>,
    again: Option<World>,
    memory: Collector,
    found: Orders,
}

impl Level {
    /// The next choice to try.
    fn next(&mut self) -> Option<Choice> {
        while let Some(&choice) = self.choices.get(self.tried) {
            let is_left_out = self.left_out >> self.tried.min(63) & 1 == 1;
            self.tried += 1;
            if !is_left_out {
                return Some(choice);
            }
        }
        None
    }

    /// Which choices are asleep. Those behind the first 63 never are.
    fn bits_asleep(&mut self) -> u64 {
        let choices = &self.choices;
        let place = |choice| choices.iter().take(63).position(|&other| other == choice);
        self.asleep.retain(|&(choice, _)| place(choice).is_some());
        self.asleep.iter().filter_map(|&(choice, _)| place(choice)).fold(0, |bits, at| bits | 1 << at)
    }

    /// The state was reached before, and these were left out. What is asleep now as well is left out again, and the rest was tried.
    fn wake(&mut self, before: u64) {
        let still = before & self.left_out;
        let choices = &self.choices;
        self.asleep.retain(|(choice, _)| {
            choices.iter().position(|other| other == choice).is_some_and(|at| still >> at & 1 == 1)
        });
        self.left_out = !(before & !self.left_out);
    }
}

impl Search<'_> {
    fn run(mut self, begin: Seen, states: u64, stops: &mut dyn FnMut(u64) -> bool) -> Orders {
        let mut first = Level {
            seen: begin,
            digests: Digests::default(),
            choices: Vec::new(),
            tried: 0,
            left_out: 0,
            asleep: Vec::new(),
            differs: Changes::ALL,
        };
        first.seen.world.choices(&mut first.choices);
        let digest = first.digests.renew(&first.seen, Changes::ALL, &mut self.memory);
        self.levels.push(first);
        self.arrive(None, digest);
        while self.depth > 0 {
            if self.found.states >= states || stops(self.found.states) {
                return self.found;
            }
            match self.levels[self.depth - 1].next() {
                Some(choice) => {
                    self.found.steps += 1;
                    let (outcome, digest) = self.go_on(choice);
                    self.arrive(outcome, digest);
                }
                None => self.depth -= 1,
            }
        }
        self.found.complete = true;
        self.found
    }

    /// Goes one level deeper; how the run has ended, if it has, and the digest of what it has come to.
    fn go_on(&mut self, choice: Choice) -> (Option<Outcome>, u128) {
        if self.levels.len() == self.depth {
            let copy = Level { differs: Changes::NONE, ..self.levels[self.depth - 1].clone() };
            self.levels.push(copy);
        }
        let (before, behind) = self.levels.split_at_mut(self.depth);
        let ([.., level], [next, deeper @ ..]) = (before, behind) else { return (None, 0) };
        let old = if self.all.is_thorough { Changes::ALL } else { next.differs };
        next.seen.copy_changes(&level.seen, old);
        next.digests.become_copy(&level.digests);
        let Step { outcome, changes, actors } = next.seen.go_on(choice, &mut next.choices, &mut |_, _| {});
        next.differs = changes;
        if let Some(deeper) = deeper.first_mut() {
            deeper.differs = deeper.differs.and(old).and(changes);
        }
        next.asleep.clear();
        if !self.all.is_sleepless {
            let others = level.asleep.iter().filter(|(_, others)| !others.meet(actors));
            next.asleep.extend(others);
            level.asleep.push((choice, actors));
        }
        let renewed = if self.all.is_thorough { Changes::ALL } else { changes };
        let digest = next.digests.renew(&next.seen, renewed, &mut self.memory);
        match self.all.is_exact {
            true => (outcome, self.memory.with_counts(digest, &next.seen)),
            false => (outcome, digest),
        }
    }

    /// Looks at the state behind the way, and goes into it, if there is something to try that was not tried before.
    fn arrive(&mut self, outcome: Option<Outcome>, digest: u128) {
        let level = &mut self.levels[self.depth];
        let is_over = outcome.is_some() || level.choices.is_empty() || level.seen.world.has_ended();
        let asleep = if is_over { 0 } else { level.bits_asleep() };
        (level.tried, level.left_out) = (0, asleep);
        let is_new = match self.known.entry(digest) {
            Entry::Vacant(vacant) => {
                vacant.insert(asleep);
                self.found.states += 1;
                true
            }
            Entry::Occupied(mut occupied) => {
                let before = occupied.insert(*occupied.get() & asleep);
                level.wake(before);
                false
            }
        };
        if is_over {
            if is_new {
                self.finish(outcome);
            }
        } else if is_new || level.left_out != u64::MAX {
            self.depth += 1;
            self.found.longest = self.found.longest.max(self.depth as u64);
        }
    }

    /// Nothing is left to choose in the state behind the way.
    fn finish(&mut self, outcome: Option<Outcome>) {
        let level = &self.levels[self.depth];
        let mut last = self.last.take().unwrap_or_else(|| level.seen.clone());
        last.become_copy(&level.seen);
        let outcome = outcome.unwrap_or_else(|| {
            loop {
                if let Some(outcome) = last.advance() {
                    break outcome;
                }
            }
        });
        self.end(&mut last, outcome);
        self.last = Some(last);
    }

    /// A run is over.
    fn end(&mut self, last: &mut Seen, outcome: Outcome) {
        self.found.ends += 1;
        let judged = last.judge(outcome, self.about, &mut self.again);
        self.found.outcomes.insert(judged.came_to);
        if !judged.objections.is_empty() {
            let chosen = |level: &Level| level.choices[level.tried - 1];
            let way = &self.levels[..self.depth];
            self.found
                .violations
                .entry(judged.objections)
                .or_insert_with(|| way.iter().map(chosen).collect());
        }
    }
}
