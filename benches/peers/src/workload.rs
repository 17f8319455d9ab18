//! What every row computes, and by what it is held to it.
//!
//! A source emits [`RECORDS`] records, one every [`EMIT_EVERY`], into a pipe of [`STAGES`] stages with one task each. A stage adds one to
//! the counter of the record's key and sends the record on with the next key ([`next_key`]). Once, behind record
//! [`BARRIER_BEHIND`], a barrier goes through the pipe, and every stage copies its counters when it comes. A *hop* is a
//! record through a stage.
//!
//! Where a row can say how long something takes, a record takes [`LATENCY`] and a draw below [`JITTER`] from stage to stage, overtakes
//! none, and is served for [`SERVICE`]: see [`Way`].

use cutline_scenarios::operators::counter::next_key;
use cutline_sim::random::{Stream, below, draw, key, mix};
use cutline_sim::time::Time;
use serde::{Deserialize, Serialize};

pub use cutline_benches::limit::{EMIT_EVERY, JITTER, LATENCY, SERVICE, STAGES};

/// Records of a run.
pub const RECORDS: u64 = 25_000;
/// Hops of a run.
pub const HOPS: u64 = RECORDS * STAGES as u64;
/// Distinct keys.
pub const KEYS: u64 = cutline_benches::limit::KEYS as u64;
/// A barrier follows so many records: those of two seconds.
pub const BARRIER_BEHIND: u64 = 20_000;

/// What goes through the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Item {
    /// A record, of which nothing matters but its key.
    Record(u64),
    /// The mark of a checkpoint.
    Barrier,
}

/// The records that the source emits, in order: when, and the key.
pub fn records(seed: u64) -> impl Iterator<Item = (Time, u64)> {
    let input = key(seed, Stream::Input);
    (0..RECORDS).map(move |record| (record * EMIT_EVERY, below(draw(input, record), KEYS)))
}

/// Everything that the source emits, in order.
pub fn emitted(seed: u64) -> impl Iterator<Item = (Time, Item)> {
    records(seed).zip(1..).flat_map(|((at, key), number)| {
        let barrier = (number == BARRIER_BEHIND).then_some((at, Item::Barrier));
        [(at, Item::Record(key))].into_iter().chain(barrier)
    })
}

/// The state of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By key, how many records there were.
    pub counters: Vec<i64>,
    /// The same when the barrier came.
    pub snapshot: Option<Vec<i64>>,
}

impl Counts {
    /// Nothing has come.
    pub fn new() -> Counts {
        Counts { counters: vec![0; KEYS as usize], snapshot: None }
    }

    /// Counts a record, and returns the key with which it is sent on.
    #[inline]
    pub fn count(&mut self, key: u64) -> u64 {
        self.counters[(key % KEYS) as usize] += 1;
        next_key(key, KEYS - 1)
    }

    /// Handles an item, and returns what is sent on.
    #[inline]
    pub fn handle(&mut self, item: Item) -> Item {
        match item {
            Item::Record(key) => Item::Record(self.count(key)),
            Item::Barrier => {
                self.snapshot = Some(self.counters.clone());
                Item::Barrier
            }
        }
    }
}

/// The time that items take into a stage and through it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Way {
    /// The key of the draws of latency.
    draws: u64,
    sent: u64,
    /// When the last item arrives.
    last: Time,
    /// When the stage has served what has been sent so far.
    busy: Time,
}

impl Way {
    /// The ways into all stages.
    pub fn all(seed: u64) -> impl Iterator<Item = Way> {
        let latency = key(seed, Stream::Latency);
        (0..STAGES as u64).map(move |stage| Way { draws: draw(latency, stage), sent: 0, last: 0, busy: 0 })
    }

    /// When an item that is sent now has been served.
    #[inline]
    pub fn send(&mut self, item: Item, now: Time) -> Time {
        let (late, service) = match item {
            Item::Record(_) => {
                self.sent += 1;
                (below(draw(self.draws, self.sent - 1), JITTER), SERVICE)
            }
            Item::Barrier => (0, 0),
        };
        self.last = self.last.max(now + LATENCY + late);
        self.busy = self.busy.max(self.last) + service;
        self.busy
    }
}

/// What a row has computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Stage by stage, key by key.
    pub counters: Vec<i64>,
    /// The same of the snapshots, if the barrier came behind exactly [`BARRIER_BEHIND`] records.
    pub snapshots: Option<Vec<i64>>,
    /// When the last record had been served, if the row reckons time as [`Way`] does.
    pub ended: Option<Time>,
}

impl Outcome {
    /// What all stages have, in their order.
    pub fn of(stages: Vec<Counts>, ended: Option<Time>) -> Outcome {
        let copied: Option<Vec<Vec<i64>>> = stages.iter().map(|stage| stage.snapshot.clone()).collect();
        let counters = stages.into_iter().flat_map(|stage| stage.counters).collect();
        // A snapshot that is missing is a wrong one: it makes the row disagree.
        Outcome { counters, snapshots: Some(copied.unwrap_or_default().concat()), ended }
    }

    /// Where this disagrees with what must come out; `None` if it does not. What a row does not say is not asked.
    pub fn objection(&self, must: &Outcome) -> Option<String> {
        if self.counters != must.counters {
            return Some(format!("other counters: checksum {:016x}", self.checksum()));
        }
        if self.snapshots.is_some() && self.snapshots != must.snapshots {
            return Some("other counters in its snapshots".to_owned());
        }
        if let (Some(ended), Some(end)) = (self.ended, must.ended)
            && ended != end
        {
            return Some(format!("it ends at {ended} ns instead of {end} ns"));
        }
        None
    }

    /// A hash of the counters and their places.
    pub fn checksum(&self) -> u64 {
        self.counters.iter().fold(0, |sum, &counter| mix(sum ^ counter as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_counter_snapshot_or_end_is_an_objection() {
        let must = crate::rows::bare::staged(7);
        assert_eq!(must.objection(&must), None);
        let mut wrong = must.clone();
        wrong.counters.swap(0, 1);
        assert!(wrong.objection(&must).is_some() && wrong.checksum() != must.checksum());
        let wrong = Outcome { snapshots: Some(must.counters.clone()), ..must.clone() };
        assert!(wrong.objection(&must).is_some());
        let wrong = Outcome { ended: Some(1), ..must.clone() };
        assert!(wrong.objection(&must).is_some());
        let silent = Outcome { snapshots: None, ended: None, ..must.clone() };
        assert_eq!(silent.objection(&must), None);
        assert!(Outcome::of(vec![Counts::new()], None).objection(&must).is_some());
    }
}
