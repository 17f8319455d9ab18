//! What an exploration has found: plain data that can be added up in any parts, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_sim::faults::{Fault, FaultPlan, Planned, When};
use cutline_sim::oracles::{self, liveness};
use cutline_sim::time::Time;
use serde::Serialize;

use super::victims::Victims;
use crate::record::Class;

/// Of one kind of victims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Faults tried: forks that came to their end, by themselves or in the state of another one.
    pub forks: u64,
    /// Faults that met nobody (the task was not there, the node was down already): the fork is the original.
    pub idle: u64,
    /// Faults that were not tried because the state they would have struck had been tried before.
    pub seen: u64,
    /// Forks to which an oracle objected.
    pub violations: u64,
    /// Forks of whose result nothing could be said, though no oracle objected.
    pub undecided: u64,
    /// What the forks came to, in order and each once: how they ended, and the checkpoints and recoveries on the way there, without
    /// their times.
    pub outcomes: Vec<u64>,
}

impl Tally {
    /// Adds what was found elsewhere.
    fn absorb(&mut self, other: &Tally) {
        self.forks += other.forks;
        self.idle += other.idle;
        self.seen += other.seen;
        self.violations += other.violations;
        self.undecided += other.undecided;
        self.outcomes.extend_from_slice(&other.outcomes);
    }
}

/// A fault, and the number of the event right after which it struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// See [`When::Event`].
    pub event: u64,
    /// The fault.
    pub fault: Fault,
}

/// The oracles that object to a fork, as bits in the order of `cutline list oracles`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Objections(pub u32);

impl Objections {
    /// Adds an oracle.
    pub(super) fn add(&mut self, oracle: &str) {
        let place = oracles::ROWS.iter().position(|row| row.name == oracle);
        self.0 |= place.map_or(1 << 31, |place| 1 << place);
    }

    /// True if none objects.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What it means that these object: liveness alone is a stall.
    pub fn class(self) -> Class {
        match self.names().as_slice() {
            [] => Class::Pass,
            [liveness::NAME] => Class::Stall,
            _ => Class::Safety,
        }
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        let rows = oracles::ROWS.iter().enumerate();
        rows.filter(|(place, _)| self.0 & 1 << place != 0).map(|(_, row)| row.name).collect()
    }
}

/// A fork that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The faults, in order; none: it is the original itself.
    pub strikes: Vec<Struck>,
    /// No fault strikes from this instant on.
    pub heal: Time,
    /// Who objects to it.
    pub objections: Objections,
    /// The digest at the end, see [`World::digest`](cutline_sim::world::World::digest).
    pub digest: u128,
}

impl Fork {
    /// The plan that makes an ordinary run of the fork: that of the original, then the faults.
    pub fn plan(&self, original: &FaultPlan) -> Arc<FaultPlan> {
        let strike = |it: &Struck| Planned { when: When::Event(it.event), fault: it.fault.clone() };
        let faults = original.faults.iter().cloned().chain(self.strikes.iter().map(strike)).collect();
        Arc::new(FaultPlan { faults, heal: original.heal.max(self.heal) })
    }
}

/// What an exploration has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Events of the original after which everything was tried; the start counts as one.
    pub points: u64,
    /// By kind of victim, what one fault leads to.
    pub single: BTreeMap<Victims, Tally>,
    /// By kind of the second victim, what two faults lead to.
    pub pairs: BTreeMap<Victims, Tally>,
    /// The first violation of each kind: by the number of faults, what the last fault struck, and who objects.
    pub violations: BTreeMap<(usize, Option<Victims>, Objections), Fork>,
    /// Forks that were looked at when they were restored.
    pub restored: u64,
    /// Digests of the states in which they were then, each once: forks that met have one end.
    pub states: Vec<u128>,
    /// States of forks that met and had not one end, where that was [checked](super::Memory::Checked): they leave something out.
    pub at_odds: u64,
}

impl Findings {
    /// Adds what was found behind this.
    pub(super) fn absorb(&mut self, other: Findings) {
        self.points += other.points;
        self.restored += other.restored;
        self.states.extend(other.states);
        for (into, from) in [(&mut self.single, &other.single), (&mut self.pairs, &other.pairs)] {
            for (&victims, tally) in from {
                into.entry(victims).or_default().absorb(tally);
            }
        }
        for (kind, violation) in other.violations {
            self.violations.entry(kind).or_insert(violation);
        }
    }

    /// Puts in order what was added up, each thing once.
    pub(super) fn settle(&mut self) {
        for tally in self.single.values_mut().chain(self.pairs.values_mut()) {
            tally.outcomes.sort_unstable();
            tally.outcomes.dedup();
        }
        self.states.sort_unstable();
        self.states.dedup();
    }

    /// Forks that came to their end.
    pub fn forks(&self) -> u64 {
        self.single.values().chain(self.pairs.values()).map(|tally| tally.forks).sum()
    }

    /// Forks to which an oracle objected.
    pub fn violated(&self) -> u64 {
        self.single.values().chain(self.pairs.values()).map(|tally| tally.violations).sum()
    }

    /// The worst class that was found.
    pub fn class(&self) -> Class {
        let stalls = |objections: &Objections| objections.names() == [oracles::liveness::NAME];
        match self.violations.keys().all(|(_, _, objections)| stalls(objections)) {
            _ if self.violations.is_empty() => Class::Pass,
            true => Class::Stall,
            false => Class::Safety,
        }
    }
}

/// A row of the table: one kind of victims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// How many faults strike a fork.
    pub faults: u32,
    /// What the last of them strikes.
    pub victims: Victims,
    /// See [`Tally::forks`].
    pub forks: u64,
    /// See [`Tally::idle`].
    pub idle: u64,
    /// See [`Tally::seen`].
    pub seen: u64,
    /// How many outcomes there are: see [`Tally::outcomes`].
    pub outcomes: u64,
    /// See [`Tally::undecided`].
    pub undecided: u64,
    /// See [`Tally::violations`].
    pub violations: u64,
}

impl Findings {
    /// The rows of the table.
    pub fn rows(&self) -> Vec<Row> {
        let row = |faults, (&victims, tally): (&Victims, &Tally)| Row {
            faults,
            victims,
            forks: tally.forks,
            idle: tally.idle,
            seen: tally.seen,
            outcomes: tally.outcomes.len() as u64,
            undecided: tally.undecided,
            violations: tally.violations,
        };
        let single = self.single.iter().map(|it| row(1, it));
        single.chain(self.pairs.iter().map(|it| row(2, it))).collect()
    }
}
