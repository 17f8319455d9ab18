//! The limit of the bench `explore`: how fast forks can be tried at all, as one bare loop.
//!
//! It is the dataflow of the scenario `tiny` written out by hand: 40 records of two sources go over channels with a latency to two
//! counters and on to a sink, one event for each arrival, in one small array that serves as the queue. Every 12 ms the whole state is
//! copied, and that is a checkpoint. After every event there is one fork for each task and node: the last copy becomes the
//! state, and runs to its end, where the counters are compared. No cluster, no coordinator, no messages, no store, no
//! barriers, no oracles. The distance between this and the exploration is the price of everything that is explored.

use cutline_sim::random::{Stream, below, draw, key};
use cutline_sim::time::{MILLISECOND, Time};

/// Records of each source.
const RECORDS: u64 = 20;
/// Keys.
const KEYS: u64 = 8;
/// The time between two records of a source.
const EMIT_EVERY: Time = 2 * MILLISECOND;
/// The least latency of a channel, and up to how much more is drawn.
const LATENCY: Time = MILLISECOND / 2;
const JITTER: Time = 2 * MILLISECOND;
/// The time between two copies.
const CHECKPOINT_EVERY: Time = 12 * MILLISECOND;
/// Five tasks and three nodes.
const VICTIMS: u64 = 8;
/// More than are ever under way at once.
const PLACES: usize = 64;

/// Everything there is.
#[derive(Clone, Copy)]
struct State {
    /// Instants, each with what happens then in the lower half: 0 and 1 are sources, 2 and 3 arrivals at a counter, 4 at the sink.
    queue: [(Time, u64); PLACES],
    waiting: usize,
    emitted: [u64; 2],
    counters: [u64; 2 * KEYS as usize],
    sunk: u64,
    keys: u64,
    latencies: u64,
}

impl State {
    fn new(seed: u64) -> State {
        let (keys, latencies) = (key(seed, Stream::Input), key(seed, Stream::Latency));
        let mut state = State {
            queue: [(0, 0); PLACES],
            waiting: 0,
            emitted: [0; 2],
            counters: [0; 16],
            sunk: 0,
            keys,
            latencies,
        };
        state.push(0, 0);
        state.push(0, 1);
        state
    }

    #[inline(always)]
    fn push(&mut self, time: Time, what: u64) {
        self.queue[self.waiting] = (time, what);
        self.waiting += 1;
    }

    /// Handles the next event: when it was; nothing at the end.
    #[inline(always)]
    fn step(&mut self) -> Option<Time> {
        let next = (0..self.waiting).min_by_key(|&at| self.queue[at])?;
        let (now, what) = self.queue[next];
        self.waiting -= 1;
        self.queue[next] = self.queue[self.waiting];
        let (kind, key) = (what & 7, what >> 3);
        match kind {
            0 | 1 => {
                let emitted = &mut self.emitted[kind as usize];
                let record = kind * RECORDS + *emitted;
                *emitted += 1;
                let more = *emitted < RECORDS;
                let key = below(draw(self.keys, record), KEYS);
                self.push(now + self.latency(record), key << 3 | (2 + key % 2));
                if more {
                    self.push(now + EMIT_EVERY, kind);
                }
            }
            2 | 3 => {
                self.counters[((kind - 2) * KEYS + key) as usize] += 1;
                self.push(now + self.latency(1000 + key + now), 4);
            }
            _ => self.sunk += 1,
        }
        Some(now)
    }

    #[inline(always)]
    fn latency(&self, number: u64) -> Time {
        LATENCY + below(draw(self.latencies, number), JITTER)
    }
}

/// Tries all forks: how many there were.
///
/// # Panics
///
/// If a fork ends with other counters than the run.
pub fn forks(seed: u64) -> u64 {
    let mut end = State::new(seed);
    while end.step().is_some() {}
    assert_eq!((end.sunk, end.counters.iter().sum::<u64>()), (2 * RECORDS, 2 * RECORDS), "records were lost");
    let (mut state, mut forks) = (State::new(seed), 0);
    let (mut copy, mut copied) = (state, 0);
    while let Some(now) = state.step() {
        if now >= copied + CHECKPOINT_EVERY {
            (copy, copied) = (state, now);
        }
        for _ in 0..VICTIMS {
            let mut fork = copy;
            while fork.step().is_some() {}
            assert!(fork.counters == end.counters && fork.sunk == end.sunk, "a fork ends otherwise");
            forks += 1;
        }
    }
    forks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_its_forks() {
        // An emission, an arrival at a counter and one at the sink for each record.
        assert_eq!(forks(1), 3 * 2 * RECORDS * VICTIMS);
    }
}
