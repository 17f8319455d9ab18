//! One thread's part of an exploration: worlds that are used again and again, and what is done with them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use cutline_sim::event::Detail;
use cutline_sim::faults::Fault;
use cutline_sim::time::Time;
use cutline_sim::world::{Outcome, World};

use super::ends::{End, Ends};
use super::findings::{Findings, Fork, Objections, Struck};
use super::seen::{About, Collector, Judged, Seen, View};
use super::victims::Victims;
use super::{Explorer, Memory, Pass, Watch};

/// A run that is gone through event by event, and as it was one event before.
struct Walk {
    now: Seen,
    before: Seen,
}

/// One thread's worlds.
pub(super) struct Scout<'a> {
    tools: Tools<'a>,
    /// The original, and the fork that is gone through in its turn when there are two faults.
    walks: [Walk; 2],
    /// How many events of the original there were.
    at: u64,
}

/// What is used at every point.
struct Tools<'a> {
    explorer: &'a Explorer<'a>,
    /// What was found out by anybody, if that is to be used.
    ends: Option<&'a Ends>,
    watch: &'a dyn Watch,
    fork: Seen,
    spare: Option<World>,
    /// What has begun in the last event.
    targets: Vec<Fault>,
    /// The states in which a second fault was tried.
    states: BTreeSet<u128>,
    /// What is hashed: memory to use again.
    memory: Collector,
    /// The faults that have struck.
    strikes: Vec<Struck>,
    found: Findings,
    /// So many forks are enough.
    enough: u64,
}

impl<'a> Scout<'a> {
    pub(super) fn new(explorer: &'a Explorer<'a>, ends: Option<&'a Ends>, watch: &'a dyn Watch) -> Scout<'a> {
        let seen = Seen { world: explorer.pristine.clone(), view: View::default() };
        let walk = || Walk { now: seen.clone(), before: seen.clone() };
        let tools = Tools {
            explorer,
            ends,
            watch,
            fork: seen.clone(),
            spare: None,
            targets: Vec::new(),
            states: BTreeSet::new(),
            memory: Collector::default(),
            strikes: Vec::new(),
            found: Findings::default(),
            enough: u64::MAX,
        };
        let mut scout = Scout { tools, walks: [walk(), walk()], at: 0 };
        scout.begin();
        scout
    }

    /// Begins the original.
    fn begin(&mut self) {
        let Explorer { pristine, seed, original, .. } = self.tools.explorer;
        let Seen { world, view } = &mut self.walks[0].now;
        world.clone_from(pristine);
        view.clone_from(&View::default());
        world.set_detail(Detail { targets: true, ..Detail::default() });
        world.set_lookahead(false);
        world.set_deadline(self.tools.explorer.deadline(0));
        world.begin(*seed, Arc::clone(original));
        self.at = 0;
    }

    /// Goes through the original to its end: how many events it has, its states at which walks may meet, and what is to be said of it.
    pub(super) fn count(&mut self) -> (u64, BTreeSet<u128>, Option<Fork>) {
        let now = &mut self.walks[0].now;
        let mut moment = now.moment();
        let outcome = loop {
            self.at += 1;
            if let Some(outcome) = now.advance() {
                break outcome;
            }
            if std::mem::replace(&mut moment, now.moment()) != now.moment() {
                let digest = self.tools.memory.digest_of(now, false);
                self.tools.states.insert(digest);
            }
        };
        let (events, states) = (self.at, std::mem::take(&mut self.tools.states));
        self.tools.fork.become_copy(now);
        let Judged { objections, .. } = self.tools.judge(outcome);
        let digest = self.tools.fork.world.digest();
        self.begin();
        let fork = Fork { strikes: Vec::new(), heal: 0, objections, digest };
        (events, states, (!objections.is_empty()).then_some(fork))
    }

    /// One fork, with one fault.
    pub(super) fn fork(&mut self, struck: &Struck) -> Fork {
        self.go_to(struck.event);
        let Scout { tools, walks, .. } = self;
        let from = &mut walks[0];
        from.before.become_copy(&from.now);
        let is_crash = matches!(Victims::of(&struck.fault), Some(Victims::Tasks | Victims::Nodes));
        // What is to be lost must begin before all faults have ended.
        let struck_at = from.now.world.now();
        from.before.advance();
        let heal = 1 + if is_crash { struck_at } else { from.before.world.now() };
        tools.fork.become_copy(&from.now);
        tools.set_out(heal);
        tools.fork.strike(&struck.fault);
        let Judged { objections, .. } = tools.run();
        Fork { strikes: vec![struck.clone()], heal, objections, digest: tools.fork.world.digest() }
    }

    /// Goes on to an event of the original, or back.
    fn go_to(&mut self, event: u64) {
        if self.at > event {
            self.begin();
        }
        while self.at < event {
            self.at += 1;
            self.walks[0].now.advance();
        }
    }

    /// Tries everything after each of these events, up to so many forks, or until somebody wants to stop.
    pub(super) fn explore(&mut self, points: Range<u64>, pass: Pass, enough: u64) -> Findings {
        self.go_to(points.start);
        self.walks[0].now.world.targets().for_each(drop);
        self.tools.enough = enough;
        self.tools.states.clone_from(&self.tools.explorer.states);
        while self.at < points.end && !self.tools.is_done() {
            let depth = match pass {
                Pass::Single => 1,
                Pass::Pairs => 2,
            };
            self.tools.try_all(&mut self.walks[..depth], self.at, false);
            self.at += 1;
            // Single faults are tried at a whole point, pairs may end at any.
            let is_whole =
                if pass == Pass::Single { !self.tools.watch.stops() } else { !self.tools.is_done() };
            self.tools.found.points += u64::from(is_whole);
        }
        let mut found = std::mem::take(&mut self.tools.found);
        found.settle();
        found
    }
}

impl Tools<'_> {
    fn is_done(&self) -> bool {
        self.found.forks() >= self.enough || self.watch.stops()
    }

    /// Tries every fault at this point of a run, and goes on to the next; how the run has ended, if it has. With two walks a fault
    /// begins the second of them, where faults are tried in their turn. What was seen is counted, and not tried.
    fn try_all(&mut self, walks: &mut [Walk], event: u64, was_seen: bool) -> Option<Outcome> {
        let (walk, deeper) = walks.split_first_mut()?;
        let heal = walk.now.world.now() + 1;
        for fault in &self.explorer.crashes {
            self.try_fault(&walk.now, deeper, (event, fault, heal), was_seen);
        }
        walk.before.become_copy(&walk.now);
        let outcome = walk.now.advance();
        let heal = walk.now.world.now() + 1;
        let mut targets = std::mem::take(&mut self.targets);
        targets.clear();
        let wanted =
            |fault: &Fault| Victims::of(fault).is_some_and(|kind| self.explorer.victims.contains(&kind));
        targets.extend(walk.now.world.targets().filter(wanted));
        for fault in &targets {
            self.try_fault(&walk.before, deeper, (event, fault, heal), was_seen);
        }
        self.targets = targets;
        outcome
    }

    /// Lets a fault strike in a fork.
    fn try_fault(
        &mut self,
        from: &Seen,
        deeper: &mut [Walk],
        (event, fault, heal): (u64, &Fault, Time),
        was_seen: bool,
    ) {
        let Some(victims) = Victims::of(fault) else { return };
        let is_pair = !self.strikes.is_empty();
        let counts = deeper.is_empty(); // what begins a pair was counted as a single fault
        if was_seen {
            self.tally(victims, is_pair).seen += 1;
            return;
        }
        if self.watch.stops() {
            return;
        }
        self.fork.become_copy(from);
        self.set_out(heal);
        let is_crash = matches!(victims, Victims::Tasks | Victims::Nodes);
        if !self.fork.strike(fault) && is_crash {
            if counts {
                self.tally(victims, is_pair).idle += 1;
            }
            return;
        }
        let judged = self.run_if_unknown(victims, counts);
        let violates = !judged.objections.is_empty();
        if counts {
            let tally = self.tally(victims, is_pair);
            tally.forks += 1;
            tally.undecided += u64::from(judged.undecided && !violates);
            tally.violations += u64::from(violates);
            tally.outcomes.push(judged.history);
            if violates {
                self.note_violation(victims, (event, fault, heal), judged.objections);
            }
        }
        // What one fault has broken a second one does not repair.
        if let ([walk], false) = (deeper, violates) {
            self.try_second(walk, from, (event, fault, heal));
        }
    }

    /// Before the fork goes its own way, with faults until then.
    fn set_out(&mut self, heal: Time) {
        let world = &mut self.fork.world;
        world.set_detail(Detail::default());
        world.set_lookahead(true);
        world.set_deadline(self.explorer.deadline(heal));
    }

    /// Runs the fork to its end.
    fn run(&mut self) -> Judged {
        let outcome = self.fork.run();
        self.judge(outcome)
    }

    /// The same, but where another fork was in a state of this one, its end is the end of this one.
    fn run_if_unknown(&mut self, victims: Victims, counts: bool) -> Judged {
        let checks = self.explorer.memory == Memory::Checked;
        let Some(ends) = self.ends else { return self.run() };
        if let Some(outcome) = self.fork.run_to_restore() {
            return self.judge(outcome);
        }
        let state = self.memory.digest_of(&mut self.fork, true);
        if counts {
            self.found.restored += 1;
            self.found.states.push(state);
        }
        let known = ends.of(state, &self.fork.world).filter(|_| !checks);
        // The first violation of a kind is told in full.
        if let Some(judged) = known.filter(|judged| self.is_told(victims, judged.objections)) {
            return judged;
        }
        self.fork.view.told = checks.then_some(0);
        let steps = self.fork.world.steps();
        let outcome = self.fork.run();
        let judged = self.judge(outcome);
        if let Some(end) = End::of(&self.fork, outcome, judged, steps) {
            ends.add(state, end);
        }
        judged
    }

    /// True if nobody needs to hear of these objections any more.
    fn is_told(&self, victims: Victims, objections: Objections) -> bool {
        objections.is_empty() || self.found.violations.contains_key(&self.kind(victims, objections))
    }

    fn kind(&self, victims: Victims, objections: Objections) -> (usize, Option<Victims>, Objections) {
        (self.strikes.len() + 1, Some(victims), objections)
    }

    fn tally(&mut self, victims: Victims, is_pair: bool) -> &mut super::findings::Tally {
        let tallies = if is_pair { &mut self.found.pairs } else { &mut self.found.single };
        tallies.entry(victims).or_default()
    }

    fn note_violation(
        &mut self,
        victims: Victims,
        (event, fault, heal): (u64, &Fault, Time),
        objections: Objections,
    ) {
        let kind = self.kind(victims, objections);
        if self.found.violations.contains_key(&kind) {
            return;
        }
        let mut strikes = self.strikes.clone();
        strikes.push(Struck { event, fault: fault.clone() });
        let digest = self.fork.world.digest();
        self.found.violations.insert(kind, Fork { strikes, heal, objections, digest });
    }

    /// After a first fault: tries a second one at every point until the first is repaired. That is when all tasks run again; and where
    /// nothing crashed, also when a checkpoint has completed.
    fn try_second(&mut self, walk: &mut Walk, from: &Seen, (event, fault, heal): (u64, &Fault, Time)) {
        walk.now.become_copy(from);
        walk.now.world.set_deadline(self.explorer.deadline(heal));
        let is_crash = walk.now.strike(fault);
        self.strikes.push(Struck { event, fault: fault.clone() });
        let (running, completed) = (walk.now.view.running, walk.now.view.completed);
        walk.now.world.targets().for_each(drop);
        let (mut was_seen, mut moment) = (false, walk.now.moment());
        for event in event.. {
            // Walks that meet stay together, so it is enough to look now and then, all at the same instants; a digest costs as much as
            // some forks.
            let is_new = std::mem::replace(&mut moment, walk.now.moment()) != walk.now.moment();
            if is_new && !was_seen && self.explorer.memory != Memory::Unused {
                let digest = self.memory.digest_of(&mut walk.now, false);
                was_seen = !self.states.insert(digest);
            }
            let ended = self.try_all(std::slice::from_mut(walk), event, was_seen).is_some();
            let View { running: runs, completed: completes, .. } = walk.now.view;
            if ended || runs > running || completes > completed && !is_crash || self.is_done() {
                break;
            }
        }
        self.strikes.pop();
    }

    /// Asks every oracle about the end of the fork.
    fn judge(&mut self, outcome: Outcome) -> Judged {
        let Explorer { prepared, pristine, seed, .. } = self.explorer;
        let about = About { prepared, pristine, seed: *seed, deadline: self.explorer.deadline(0) };
        self.fork.judge(outcome, about, &mut self.spare)
    }
}
