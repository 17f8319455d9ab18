//! The limit: how fast the workload of the bench `pipe` can be simulated at all.
//!
//! An engine is fast or slow only against something. This is that something: the same dataflow, written out by hand as
//! bare loops with nothing general in them. No checkpoints, no oracles, no observers, no operators behind a trait, no
//! limits on buffers, no clone; the shape of the job is a set of constants and an event is sixteen bytes. The distance
//! between an engine and these loops is the price of everything that the engine can do and they cannot.
//!
//! # The workload
//!
//! Four sources and [`STAGES`] stages of [`TASKS`] parallel tasks. A source emits a record every [`EMIT_EVERY`]; record
//! `n` of all [`RECORDS`] comes from source `n % 4` at time `n / 4 * EMIT_EVERY`, and its key is drawn from the input
//! stream. A record goes to the task of the next stage that owns its key's group. A channel (one sender, one receiver)
//! is first in, first out, with a latency of [`LATENCY`] plus a uniform draw below [`JITTER`]. A task serves arrivals in
//! the order of their arrival, each for [`SERVICE`]; then it adds one to the counter of the key, replaces the key by
//! the next key ([`next_key`]) and sends the record on. What arrives at one instant is served by sender, then in the order sent.
//!
//! A *hop* is one record through one task: there are [`HOPS`]. Simulated with one event for every emission, arrival and
//! completion these are 4.25 million events.
//!
//! # The loops
//!
//! | loop | what it does |
//! |---|---|
//! | [`two_events`] | one queue; a hop is an arrival and a completion |
//! | [`fused`] | one queue; a hop is one event, because what an arrival leads to is known when it is taken |
//! | [`window`] | no queue; each task takes, in turn, all that reaches it within the next [`LATENCY`] |
//!
//! All three process the same records at the same instants in the same order per task; a test compares them record for
//! record with a computation that sorts instead of simulating.

use cutline_scenarios::operators::counter::next_key;
use cutline_sim::random::{Stream, below, draw, key};
use cutline_sim::state::{group_owner, key_group};
use cutline_sim::time::{MICROSECOND, MILLISECOND, Time};

/// Stages of the pipe, the sources not counted.
pub const STAGES: usize = 8;
/// Parallel tasks of a stage, and sources.
pub const TASKS: usize = 4;
/// Records in all.
pub const RECORDS: u64 = 250_000;
/// Hops in all: every record passes every stage.
pub const HOPS: u64 = RECORDS * STAGES as u64;
/// Distinct keys.
pub const KEYS: usize = 1024;
/// Key groups.
pub const GROUPS: usize = 128;
/// The time between two records of one source.
pub const EMIT_EVERY: Time = 100 * MICROSECOND;
/// The smallest latency of a channel.
pub const LATENCY: Time = MILLISECOND;
/// The latency above [`LATENCY`] is drawn below this.
pub const JITTER: Time = MILLISECOND;
/// The time for which a record occupies a task.
pub const SERVICE: Time = 10 * MICROSECOND;

const CHANNELS: usize = STAGES * TASKS * TASKS;
const COUNTERS: usize = STAGES * TASKS * KEYS;

/// What a loop leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The counters: stage by stage, task by task, key by key.
    pub counters: Vec<i64>,
    /// How many hops were simulated.
    pub hops: u64,
}

/// One event for the arrival and one for the completion of every hop, in one queue.
pub fn two_events(seed: u64) -> Outcome {
    two_events_seen(seed, |_, _, _| ())
}

/// One event per hop, in one queue: when a record arrives, the end of its service is known.
pub fn fused(seed: u64) -> Outcome {
    fused_seen(seed, |_, _, _| ())
}

/// Conservative lookahead: nothing sent within a window as long as the smallest latency arrives within it, so the tasks
/// can be served one after the other, a window at a time.
pub fn window(seed: u64) -> Outcome {
    window_seen(seed, |_, _, _| ())
}

/// A channel between two tasks.
#[derive(Clone, Copy, Default)]
struct Channel {
    /// The key of its latency draws.
    key: u64,
    /// How many records were sent.
    sent: u64,
    /// When the last of them arrives.
    last: Time,
}

/// What all loops share.
struct Pipe {
    input: u64,
    owners: [u8; GROUPS],
    channels: [Channel; CHANNELS],
    busy: [Time; STAGES * TASKS],
    counters: Vec<i64>,
    hops: u64,
}

impl Pipe {
    fn new(seed: u64) -> Pipe {
        let latency = key(seed, Stream::Latency);
        Pipe {
            input: key(seed, Stream::Input),
            owners: std::array::from_fn(|group| group_owner(group as u32, GROUPS as u32, TASKS as u32) as u8),
            channels: std::array::from_fn(|channel| Channel {
                key: draw(latency, channel as u64),
                ..Channel::default()
            }),
            busy: [0; STAGES * TASKS],
            counters: vec![0; COUNTERS],
            hops: 0,
        }
    }

    /// The key of an input record.
    #[inline(always)]
    fn input_key(&self, record: u64) -> u64 {
        below(draw(self.input, record), KEYS as u64)
    }

    /// Sends a record to a stage: by which channel, and when it arrives.
    #[inline(always)]
    fn send(&mut self, stage: usize, sender: usize, key: u64, now: Time) -> (usize, Time) {
        let receiver = usize::from(self.owners[key_group(key, GROUPS as u32) as usize % GROUPS]);
        let index = channel(stage, sender, receiver);
        let channel = &mut self.channels[index];
        let arrival = now + LATENCY + below(draw(channel.key, channel.sent), JITTER);
        channel.sent += 1;
        channel.last = channel.last.max(arrival);
        (index, channel.last)
    }

    /// The end of the service of a record that arrives now.
    #[inline(always)]
    fn serve(&mut self, task: usize, now: Time) -> Time {
        let busy = &mut self.busy[task];
        *busy = now.max(*busy) + SERVICE;
        *busy
    }

    /// Counts a record and returns its next key.
    #[inline(always)]
    fn count(&mut self, task: usize, key: u64) -> u64 {
        self.hops += 1;
        self.counters[(task * KEYS + key as usize) % COUNTERS] += 1;
        next_key(key, KEYS as u64 - 1)
    }

    fn outcome(self) -> Outcome {
        Outcome { counters: self.counters, hops: self.hops }
    }
}

/// The channel from a task of the stage before (or a source) to a task of a stage.
#[inline(always)]
const fn channel(stage: usize, sender: usize, receiver: usize) -> usize {
    ((stage * TASKS + sender) * TASKS + receiver) % CHANNELS
}

/// The task that a channel leads to.
#[inline(always)]
const fn receiver(channel: usize) -> usize {
    channel / (TASKS * TASKS) * TASKS + channel % TASKS
}

/// An event: its time in the upper half; then, so that the order is total, its origin and the origin's own counter;
/// then the key of its record.
type Event = u128;

/// Origins below this are channels: something arrives.
const COMPLETIONS: u64 = CHANNELS as u64;
/// Origins below this are tasks: a service ends. Those from here on are sources.
const SOURCES: u64 = COMPLETIONS + (STAGES * TASKS) as u64;

#[inline(always)]
const fn event(time: Time, origin: u64, sequence: u64, key: u64) -> Event {
    (time as u128) << 64 | (origin << 56 | sequence << 16 | key) as u128
}

#[inline(always)]
const fn time_of(event: Event) -> Time {
    (event >> 64) as Time
}

#[inline(always)]
const fn origin_of(event: Event) -> u64 {
    event as u64 >> 56
}

#[inline(always)]
const fn sequence_of(event: Event) -> u64 {
    (event as u64) << 8 >> 24
}

#[inline(always)]
const fn key_of(event: Event) -> u64 {
    event as u64 & 0xffff
}

/// Two to this power are the nanoseconds of a bucket. Less than [`SERVICE`], the shortest way into the future, so that
/// nothing is ever added to the bucket in hand, and a bucket is sorted once, when its turn comes.
const BUCKET_BITS: u32 = 12;
/// Buckets of a round: 4 ms, further than anything is ever scheduled.
const BUCKETS: usize = 1024;
/// Places of a bucket. Three are used on average, 25 at most in 200 seeds; one more than there is panics.
const PLACES: usize = 48;

const _: () = assert!(1 << BUCKET_BITS < SERVICE, "an event could be added to the bucket in hand");

/// A calendar queue: buckets in a ring, unsorted until their turn comes.
struct Calendar {
    places: Vec<[Event; PLACES]>,
    used: [u8; BUCKETS],
    /// Bit `b` is set when bucket `b` holds something.
    filled: [u64; BUCKETS / 64],
    /// The bucket in hand.
    current: usize,
}

impl Calendar {
    fn new() -> Calendar {
        Calendar {
            places: vec![[0; PLACES]; BUCKETS],
            used: [0; BUCKETS],
            filled: [0; BUCKETS / 64],
            current: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, event: Event) {
        let bucket = (time_of(event) >> BUCKET_BITS) as usize % BUCKETS;
        let used = &mut self.used[bucket];
        self.places[bucket][usize::from(*used)] = event;
        *used += 1;
        self.filled[bucket / 64] |= 1 << (bucket % 64);
    }

    /// Takes the next bucket that holds something, in order, in hand: the number of its events, 0 at the end.
    #[inline(always)]
    fn turn(&mut self) -> usize {
        let mut word = self.current / 64;
        let mut bits = self.filled[word] & (!0 << (self.current % 64));
        for _ in 0..=self.filled.len() {
            if bits != 0 {
                self.current = word * 64 + bits.trailing_zeros() as usize;
                self.filled[word] &= !(1 << (self.current % 64));
                let used = usize::from(std::mem::take(&mut self.used[self.current]));
                sort(&mut self.places[self.current][..used]);
                return used;
            }
            word = (word + 1) % self.filled.len();
            bits = self.filled[word];
        }
        0
    }
}

/// Sorts a few events, mostly one to five, by insertion.
#[inline(always)]
fn sort(events: &mut [Event]) {
    for end in 1..events.len() {
        let event = events[end];
        let mut at = end;
        while at > 0 && events[at - 1] > event {
            events[at] = events[at - 1];
            at -= 1;
        }
        events[at] = event;
    }
}

/// Handles every event in order.
#[inline(always)]
fn drive(mut queue: Calendar, mut handle: impl FnMut(&mut Calendar, Event)) {
    for source in 0..TASKS as u64 {
        queue.push(event(0, SOURCES + source, source, 0));
    }
    loop {
        let used = queue.turn();
        if used == 0 {
            return;
        }
        let bucket = queue.current;
        for at in 0..used {
            let event = queue.places[bucket][at];
            handle(&mut queue, event);
        }
    }
}

/// Sends a record through the queue.
#[inline(always)]
fn send_by_queue(pipe: &mut Pipe, queue: &mut Calendar, stage: usize, sender: usize, key: u64, now: Time) {
    let (channel, arrival) = pipe.send(stage, sender, key, now);
    queue.push(event(arrival, channel as u64, pipe.channels[channel].sent, key));
}

/// Emits a record and schedules the next of this source.
#[inline(always)]
fn emit_by_queue(pipe: &mut Pipe, queue: &mut Calendar, emission: Event) {
    let (now, record) = (time_of(emission), sequence_of(emission));
    send_by_queue(pipe, queue, 0, record as usize % TASKS, pipe.input_key(record), now);
    let next = record + TASKS as u64;
    if next < RECORDS {
        queue.push(event(now + EMIT_EVERY, origin_of(emission), next, 0));
    }
}

/// `seen` is told of every hop: its task, its key and when its service ends.
#[inline(always)]
fn two_events_seen(seed: u64, mut seen: impl FnMut(usize, u64, Time)) -> Outcome {
    let mut pipe = Pipe::new(seed);
    drive(Calendar::new(), |queue, event_now| {
        let (now, origin, key) = (time_of(event_now), origin_of(event_now), key_of(event_now));
        if origin < COMPLETIONS {
            let task = receiver(origin as usize);
            let done = pipe.serve(task, now);
            queue.push(event(done, COMPLETIONS + task as u64, 0, key));
        } else if origin < SOURCES {
            let task = (origin - COMPLETIONS) as usize % (STAGES * TASKS);
            seen(task, key, now);
            let next = pipe.count(task, key);
            if task < (STAGES - 1) * TASKS {
                send_by_queue(&mut pipe, queue, task / TASKS + 1, task % TASKS, next, now);
            }
        } else {
            emit_by_queue(&mut pipe, queue, event_now);
        }
    });
    pipe.outcome()
}

#[inline(always)]
fn fused_seen(seed: u64, mut seen: impl FnMut(usize, u64, Time)) -> Outcome {
    let mut pipe = Pipe::new(seed);
    drive(Calendar::new(), |queue, event| {
        let (now, origin, key) = (time_of(event), origin_of(event), key_of(event));
        if origin < COMPLETIONS {
            let task = receiver(origin as usize);
            let done = pipe.serve(task, now);
            seen(task, key, done);
            let next = pipe.count(task, key);
            if task < (STAGES - 1) * TASKS {
                send_by_queue(&mut pipe, queue, task / TASKS + 1, task % TASKS, next, done);
            }
        } else {
            emit_by_queue(&mut pipe, queue, event);
        }
    });
    pipe.outcome()
}

/// What a channel holds: arrival, sender and key in one word, so that the smallest word of a gate is the next to serve.
type Parcel = u64;

/// Parcels that a ring has room for. Two or three enter a channel in a millisecond; 31 were under way at most in 200
/// seeds.
const RING: usize = 64;
/// Above every parcel.
const NOTHING: Parcel = Parcel::MAX;

#[inline(always)]
const fn parcel(arrival: Time, sender: usize, key: u64) -> Parcel {
    arrival << 12 | (sender as u64) << 10 | key
}

/// What is under way on a channel, oldest first. The place behind the newest holds [`NOTHING`].
#[derive(Clone)]
struct Ring {
    parcels: [Parcel; RING],
    head: usize,
    tail: usize,
}

impl Ring {
    #[inline(always)]
    fn push(&mut self, parcel: Parcel) {
        self.parcels[self.tail % RING] = parcel;
        self.tail += 1;
        assert!(self.tail - self.head < RING, "more under way on one channel than a ring has room for");
        self.parcels[self.tail % RING] = NOTHING;
    }

    #[inline(always)]
    fn first(&self) -> Parcel {
        self.parcels[self.head % RING]
    }
}

#[inline(always)]
fn window_seen(seed: u64, mut seen: impl FnMut(usize, u64, Time)) -> Outcome {
    let mut pipe = Pipe::new(seed);
    let mut rings = vec![Ring { parcels: [NOTHING; RING], head: 0, tail: 0 }; CHANNELS];
    let mut emitted = 0;
    let mut end = 0;
    while pipe.hops < HOPS {
        end += LATENCY;
        while emitted < RECORDS && emitted / TASKS as u64 * EMIT_EVERY < end {
            let (sender, now) = (emitted as usize % TASKS, emitted / TASKS as u64 * EMIT_EVERY);
            let key = pipe.input_key(emitted);
            let (channel, arrival) = pipe.send(0, sender, key, now);
            rings[channel].push(parcel(arrival, sender, key));
            emitted += 1;
        }
        for task in 0..STAGES * TASKS {
            let (stage, place) = (task / TASKS, task % TASKS);
            let mut heads: [Parcel; TASKS] =
                std::array::from_fn(|sender| rings[channel(stage, sender, place)].first());
            loop {
                let first = heads[0].min(heads[1]).min(heads[2].min(heads[3]));
                let (arrival, sender, key) = (first >> 12, (first >> 10) as usize % TASKS, first & 1023);
                if arrival >= end {
                    break;
                }
                let ring = &mut rings[channel(stage, sender, place)];
                ring.head += 1;
                heads[sender] = ring.first();
                let done = pipe.serve(task, arrival);
                seen(task, key, done);
                let next = pipe.count(task, key);
                if stage + 1 < STAGES {
                    let (channel, arrival) = pipe.send(stage + 1, place, next, done);
                    rings[channel].push(parcel(arrival, place, next));
                }
            }
        }
    }
    pipe.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a task does, hop by hop: the key and the end of the service.
    type History = Vec<(u64, Time)>;

    fn watch(run: impl FnOnce(&mut dyn FnMut(usize, u64, Time)) -> Outcome) -> (Outcome, Vec<History>) {
        let mut histories = vec![History::new(); STAGES * TASKS];
        let outcome = run(&mut |task, key, done| histories[task].push((key, done)));
        (outcome, histories)
    }

    /// The same without a clock: a pipe has no cycles, so a stage can be computed whole, from all that ever arrives.
    fn sorted(seed: u64) -> (Outcome, Vec<History>) {
        let (input, latency) = (key(seed, Stream::Input), key(seed, Stream::Latency));
        let mut counters = vec![0; COUNTERS];
        let mut histories = vec![History::new(); STAGES * TASKS];
        let mut sent: Vec<Vec<(u64, Time)>> = vec![Vec::new(); TASKS];
        for record in 0..RECORDS {
            sent[(record % 4) as usize].push((below(draw(input, record), 1024), record / 4 * 100_000));
        }
        for stage in 0..STAGES {
            let mut gates = vec![Vec::new(); TASKS];
            for (sender, records) in sent.iter().enumerate() {
                let mut channels = [(0u64, 0); TASKS];
                for &(key, now) in records {
                    let to = group_owner(key_group(key, 128), 128, 4) as usize;
                    let (count, last) = &mut channels[to];
                    let draws = draw(latency, ((stage * TASKS + sender) * TASKS + to) as u64);
                    *last = (now + 1_000_000 + below(draw(draws, *count), 1_000_000)).max(*last);
                    gates[to].push((*last, sender, *count, key));
                    *count += 1;
                }
            }
            for (place, mut gate) in gates.into_iter().enumerate() {
                gate.sort_unstable();
                let mut busy = 0;
                let task = stage * TASKS + place;
                for (arrival, _, _, key) in gate {
                    busy = busy.max(arrival) + 10_000;
                    counters[task * KEYS + key as usize] += 1;
                    histories[task].push((key, busy));
                }
                sent[place] =
                    histories[task].iter().map(|&(key, done)| (next_key(key, 1023), done)).collect();
            }
        }
        (Outcome { counters, hops: histories.iter().map(|history| history.len() as u64).sum() }, histories)
    }

    #[test]
    fn the_three_loops_do_the_same_hop_by_hop() {
        for seed in [1, 7, 2026] {
            let (outcome, histories) = sorted(seed);
            for (stage, counters) in outcome.counters.chunks(TASKS * KEYS).enumerate() {
                assert_eq!(counters.iter().sum::<i64>(), RECORDS as i64, "stage {stage}");
            }
            assert_eq!(outcome.hops, HOPS);
            let loops = [
                ("two_events", watch(|seen| two_events_seen(seed, seen))),
                ("fused", watch(|seen| fused_seen(seed, seen))),
                ("window", watch(|seen| window_seen(seed, seen))),
            ];
            for (name, (of_loop, histories_of_loop)) in loops {
                assert!(of_loop == outcome, "{name}, seed {seed}: other counters");
                assert!(histories_of_loop == histories, "{name}, seed {seed}: other hops");
            }
        }
    }

    #[test]
    fn what_is_measured_is_what_is_tested() {
        let (outcome, _) = sorted(3);
        assert!(two_events(3) == outcome && fused(3) == outcome && window(3) == outcome);
    }
}
