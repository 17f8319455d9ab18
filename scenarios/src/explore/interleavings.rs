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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutline_sim::faults::{Fault, FaultPlan, Planned, When};
use cutline_sim::interleaving::Choice;
use cutline_sim::oracles::reference::ReferenceError;
use cutline_sim::time::Time;
use cutline_sim::topology::Topology;
use cutline_sim::world::{Outcome, World};

use super::findings::Objections;
use super::seen::{About, Changes, Parts, Seen, View};
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
    /// What they came to: how many different things the coordinator has done, with the verdict.
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
}

/// A state, and what can be next in it.
struct Level {
    seen: Seen,
    parts: Parts,
    choices: Vec<Choice>,
    /// How many of them were tried.
    tried: usize,
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
        Ok(Interleavings { prepared, pristine, seed, is_thorough: false })
    }

    /// Computes the digest of a state from all of it, and not only from what may have changed: slower, and what is found is the same.
    #[must_use]
    pub fn thorough(mut self) -> Self {
        self.is_thorough = true;
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
            is_thorough: self.is_thorough,
            known: BTreeSet::new(),
            path: Vec::new(),
            spare: Vec::new(),
            scratch: self.pristine.clone(),
            again: None,
            text: String::new(),
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
        let (mut lines, mut choices, mut changes) = (Vec::new(), Vec::new(), Changes::default());
        for &choice in order {
            let tell = &mut |world: &World, choice| lines.push(world.say(choice));
            seen.go_on(choice, (&mut choices, &mut changes), tell);
        }
        lines
    }
}

/// The search under way.
struct Search<'a> {
    about: About<'a>,
    is_thorough: bool,
    /// Digests of the states that were reached.
    known: BTreeSet<u128>,
    /// The states on the way to the present one.
    path: Vec<Level>,
    /// Levels to use again.
    spare: Vec<Level>,
    scratch: World,
    again: Option<World>,
    text: String,
    found: Orders,
}

impl Search<'_> {
    fn run(mut self, begin: Seen, states: u64, stops: &mut dyn FnMut(u64) -> bool) -> Orders {
        let mut level = Level { seen: begin, parts: Parts::default(), choices: Vec::new(), tried: 0 };
        level.seen.world.choices(&mut level.choices);
        self.is_new(&mut level, &Changes::all());
        self.enter(level);
        while let Some(level) = self.path.last_mut() {
            if self.found.states >= states || stops(self.found.states) {
                return self.found;
            }
            let Some(&choice) = level.choices.get(level.tried) else {
                self.spare.extend(self.path.pop());
                continue;
            };
            level.tried += 1;
            let mut next = match self.spare.pop() {
                Some(mut spare) => {
                    spare.seen.become_copy(&level.seen);
                    spare.parts.become_copy(&level.parts);
                    spare
                }
                None => Level {
                    seen: level.seen.clone(),
                    parts: level.parts.clone(),
                    choices: Vec::new(),
                    tried: 0,
                },
            };
            self.found.steps += 1;
            let mut changes = if self.is_thorough { Changes::all() } else { Changes::default() };
            let outcome = next.seen.go_on(choice, (&mut next.choices, &mut changes), &mut |_, _| {});
            if !self.is_new(&mut next, &changes) {
                self.spare.push(next);
            } else if let Some(outcome) = outcome {
                self.found.states += 1;
                self.end(next, outcome);
            } else {
                self.enter(next);
            }
        }
        self.found.complete = true;
        self.found
    }

    /// True if nobody was in this state before.
    fn is_new(&mut self, level: &mut Level, changes: &Changes) -> bool {
        let digest = level.parts.renew(&level.seen, changes, &mut self.scratch, &mut self.text);
        self.known.insert(digest)
    }

    /// A new state.
    fn enter(&mut self, mut level: Level) {
        self.found.states += 1;
        level.tried = 0;
        if !level.choices.is_empty() && !level.seen.world.has_ended() {
            self.path.push(level);
            self.found.longest = self.found.longest.max(self.path.len() as u64);
            return;
        }
        // Nothing is left to choose.
        loop {
            if let Some(outcome) = level.seen.advance() {
                return self.end(level, outcome);
            }
        }
    }

    /// A run is over.
    fn end(&mut self, mut level: Level, outcome: Outcome) {
        self.found.ends += 1;
        let judged = level.seen.judge(outcome, self.about, &mut self.again);
        self.found.outcomes.insert(judged.history);
        if !judged.objections.is_empty() {
            let chosen = |level: &Level| level.choices[level.tried - 1];
            let path = &self.path;
            self.found
                .violations
                .entry(judged.objections)
                .or_insert_with(|| path.iter().map(chosen).collect());
        }
        self.spare.push(level);
    }
}
