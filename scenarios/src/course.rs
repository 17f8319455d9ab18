//! The course of a run over virtual time, for pictures: what arrived when and how late, what was in the store, how long full buffers
//! kept operators from working. It costs a few percent, so it is taken down only if asked for, and it changes nothing.
//!
//! Time is cut into slices of one width. A run is as long as it is, and nobody knows beforehand: slices begin narrow, and whenever
//! there are too many, two become one. So a run of a day takes no more room than one of a second.

use std::collections::BTreeMap;

use cutline_sim::course::Stall;
use cutline_sim::event::{Event, SnapshotMetrics, Stamped};
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::store::{Object, Store};
use cutline_sim::time::Time;
use cutline_sim::topology::Topology;
use cutline_sim::world::World;
use serde::{Deserialize, Serialize};

/// The most slices. There are at least half as many, unless the run is shorter than as many of the narrowest.
const SLICES_MAX: usize = 256;
/// The width of the narrowest slice.
const NARROWEST: Time = 100_000;
/// Latencies are told apart by their power of two and so many bits behind it: to 3 percent.
const BITS: u32 = 5;

/// The quantiles of latencies that a course has, in parts per million: dense where the tail is.
pub const QUANTILES: [u32; 20] = [
    100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 950_000, 970_000,
    980_000, 990_000, 995_000, 997_000, 999_000, 999_500, 999_700, 999_900, 1_000_000,
];

/// The course of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Course {
    /// The width of a slice in nanoseconds.
    pub width: Time,
    /// The slices, from 0 on, up to the end of the run.
    pub slices: Vec<Slice>,
    /// The latencies of the whole run in nanoseconds, at each of [`QUANTILES`]; empty if nothing arrived.
    pub quantiles: Vec<Time>,
    /// The operators of the job, in its order.
    pub operators: Vec<OperatorCourse>,
    /// What held up each checkpoint, in the order of their ids; nothing where tasks take checkpoints on their own.
    pub slowest: Vec<SlowestSubtask>,
}

/// The part in a checkpoint of the subtask that was the last to have everything stored. Its durations follow one another: together they
/// last from the trigger until its acknowledgement can be sent. In nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SlowestSubtask {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// From the trigger to the first mark.
    pub start_delay: Time,
    /// From the first mark to the cut. Where the cut does not wait for the data it is nothing, for the alignment goes on beside.
    pub alignment: Time,
    /// The synchronous part.
    pub sync: Time,
    /// From its end until everything is stored.
    pub asynchronous: Time,
}

impl SlowestSubtask {
    /// All of it.
    pub fn whole(&self) -> Time {
        self.parts().iter().sum()
    }

    /// The durations, one after the other.
    pub fn parts(&self) -> [Time; 4] {
        [self.start_delay, self.alignment, self.sync, self.asynchronous]
    }
}

/// What was the case in a slice of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Slice {
    /// Records that reached a sink (or the last operator), repetitions included.
    pub arrivals: u64,
    /// Half of their latencies are below, in nanoseconds; 0 if nothing arrived.
    pub latency_p50: Time,
    /// 99 of 100 are below.
    pub latency_p99: Time,
    /// The largest.
    pub latency_max: Time,
    /// The most bytes that were in the store.
    pub stored: u64,
}

/// How an operator fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OperatorCourse {
    /// Its uid.
    pub operator: String,
    /// How many subtasks it has.
    pub subtasks: u32,
    /// For how many nanoseconds full buffers kept its subtasks from working, all added up, slice by slice.
    pub backpressured: Vec<Time>,
}

impl Course {
    /// The share of their time, from 0 to 1, in which full buffers kept the subtasks of an operator from working.
    pub fn backpressure(&self, operator: &OperatorCourse, duration: Time) -> f64 {
        let stalled: Time = operator.backpressured.iter().sum();
        let all = duration as f64 * f64::from(operator.subtasks);
        if all > 0.0 { (stalled as f64 / all).min(1.0) } else { 0.0 }
    }

    /// The most bytes that were in the store at any time.
    pub fn stored_max(&self) -> u64 {
        self.slices.iter().map(|slice| slice.stored).max().unwrap_or(0)
    }

    /// The latency below which so many parts per million of all are, if it is one of [`QUANTILES`] and anything arrived.
    pub fn quantile(&self, parts: u32) -> Option<Time> {
        let at = QUANTILES.iter().position(|&known| known == parts)?;
        self.quantiles.get(at).copied()
    }
}

/// A slice that is being filled.
#[derive(Clone, Debug, Default)]
struct Bin {
    /// How many latencies there are of each size.
    latencies: BTreeMap<u16, u64>,
    latency_max: Time,
    /// What was in the store at the most, and at last; if anybody looked.
    stored: Option<(u64, u64)>,
    /// For each operator.
    backpressured: Vec<Time>,
}

impl Bin {
    /// Takes in the slice that follows.
    fn join(&mut self, next: Bin) {
        for (size, count) in next.latencies {
            *self.latencies.entry(size).or_insert(0) += count;
        }
        self.latency_max = self.latency_max.max(next.latency_max);
        self.stored = match (self.stored, next.stored) {
            (Some((most, _)), Some((more, last))) => Some((most.max(more), last)),
            (one, other) => other.or(one),
        };
        self.backpressured.resize(self.backpressured.len().max(next.backpressured.len()), 0);
        for (all, more) in self.backpressured.iter_mut().zip(next.backpressured) {
            *all += more;
        }
    }

    /// The latency below which a share of them are.
    fn quantile(&self, part: u64, of: u64) -> Time {
        let arrivals: u64 = self.latencies.values().sum();
        let rank = (arrivals * part).div_ceil(of).max(1);
        let mut seen = 0;
        for (&size, &count) in &self.latencies {
            seen += count;
            if seen >= rank {
                return latency_of(size).min(self.latency_max);
            }
        }
        0
    }
}

/// The class of latencies that this one belongs to.
fn size_of(latency: Time) -> u16 {
    let steps = 1 << BITS;
    if latency < steps {
        return latency as u16;
    }
    let power = latency.ilog2() - BITS;
    // At most 64 times 32.
    ((u64::from(power + 1) << BITS) + (latency >> power) - steps) as u16
}

/// The largest latency of a class.
fn latency_of(size: u16) -> Time {
    let (size, steps) = (Time::from(size), 1 << BITS);
    if size < steps {
        return size;
    }
    let power = (size >> BITS) - 1;
    let below = (size & (steps - 1)) + steps;
    (below << power) + ((1 << power) - 1)
}

/// Takes down the course of a run.
#[derive(Clone, Debug)]
pub struct Recorder {
    width: Time,
    bins: Vec<Bin>,
    /// The operator of each task, and since when its output is full, if it is.
    tasks: Vec<(usize, Option<Time>)>,
    slowest: BTreeMap<CheckpointId, SlowestSubtask>,
}

impl Recorder {
    /// For a run of this job.
    pub fn new(topology: &Topology) -> Recorder {
        let tasks = topology.tasks.iter().map(|task| (task.operator.index(), None)).collect();
        Recorder { width: NARROWEST, bins: Vec::new(), tasks, slowest: BTreeMap::new() }
    }

    /// Takes in a batch of events, and what was noted beside them.
    pub fn observe(&mut self, world: &World, events: &[Stamped]) {
        for (&at, &latency) in world.arrivals().iter().zip(world.latencies()) {
            let bin = self.bin(at);
            *bin.latencies.entry(size_of(latency)).or_insert(0) += 1;
            bin.latency_max = bin.latency_max.max(latency);
        }
        world.stalls().iter().for_each(|stall| self.stall(stall));
        let mut looks = false;
        for stamped in events {
            if let Event::Persisted { id, metrics } = stamped.event
                && !world.logs_sent()
            {
                self.take_part(id, metrics);
            }
            match stamped.event {
                Event::TaskCrashed { task } => self.relieve(task, stamped.time),
                Event::NodeCrashed { .. } => {
                    let gone = |task: &TaskId| world.status(*task).is_dead();
                    self.all().filter(gone).for_each(|task| self.relieve(task, stamped.time));
                }
                Event::JobCancelled | Event::Restoring { .. } => {
                    self.all().for_each(|task| self.relieve(task, stamped.time));
                    looks = true;
                }
                Event::Persisted { .. }
                | Event::PersistFailed { .. }
                | Event::CheckpointCompleted { .. }
                | Event::CheckpointSubsumed { .. }
                | Event::CheckpointAborted { .. }
                | Event::JobOver
                | Event::JobFinished => looks = true,
                _ => {}
            }
        }
        if looks {
            let bytes = stored(world.store());
            let bin = self.bin(world.now());
            bin.stored = Some((bin.stored.map_or(bytes, |(most, _)| most.max(bytes)), bytes));
        }
    }

    /// The course, now that the run is over. `quantile` gives the latency below which so many parts per million are.
    pub fn finish(mut self, world: &World, quantile: impl Fn(u32) -> Option<Time>) -> Course {
        let ended = world.ended();
        self.all().for_each(|task| self.relieve(task, ended));
        self.bin(ended);
        let topology = world.topology();
        let operators = topology.operators.iter().enumerate().map(|(number, operator)| OperatorCourse {
            operator: operator.uid.clone(),
            subtasks: self.tasks.iter().filter(|(of, _)| *of == number).count() as u32,
            backpressured: self
                .bins
                .iter()
                .map(|bin| bin.backpressured.get(number).copied().unwrap_or(0))
                .collect(),
        });
        let operators = operators.collect();
        let mut last = 0;
        let slices = self.bins.iter().map(|bin| {
            let (most, now) = bin.stored.unwrap_or((last, last));
            let stored = most.max(std::mem::replace(&mut last, now));
            Slice {
                arrivals: bin.latencies.values().sum(),
                latency_p50: bin.quantile(50, 100),
                latency_p99: bin.quantile(99, 100),
                latency_max: bin.latency_max,
                stored,
            }
        });
        let slices = slices.collect();
        let quantiles = QUANTILES.iter().filter_map(|&parts| quantile(parts)).collect();
        let slowest = self.slowest.into_values().collect();
        Course { width: self.width, slices, quantiles, operators, slowest }
    }

    /// A subtask has stored its part of a checkpoint.
    fn take_part(&mut self, checkpoint: CheckpointId, metrics: SnapshotMetrics) {
        let SnapshotMetrics { start_delay, waiting: alignment, sync, asynchronous, .. } = metrics;
        let part = SlowestSubtask { checkpoint, start_delay, alignment, sync, asynchronous };
        let slowest = self.slowest.entry(checkpoint).or_insert(part);
        if part.whole() > slowest.whole() {
            *slowest = part;
        }
    }

    fn all(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.tasks.len() as u32).map(TaskId)
    }

    /// The slice of this instant.
    fn bin(&mut self, at: Time) -> &mut Bin {
        while at / self.width >= SLICES_MAX as Time {
            self.width *= 2;
            let mut bins = std::mem::take(&mut self.bins).into_iter();
            while let Some(mut bin) = bins.next() {
                if let Some(next) = bins.next() {
                    bin.join(next);
                }
                self.bins.push(bin);
            }
        }
        let place = (at / self.width) as usize;
        if self.bins.len() <= place {
            self.bins.resize_with(place + 1, Bin::default);
        }
        &mut self.bins[place]
    }

    fn stall(&mut self, stall: &Stall) {
        let since = &mut self.tasks[stall.task.index()].1;
        match stall.begins {
            true => *since = since.or(Some(stall.time)),
            false => self.relieve(stall.task, stall.time),
        }
    }

    /// The output of a task is full no longer.
    fn relieve(&mut self, task: TaskId, until: Time) {
        let (operator, since) = &mut self.tasks[task.index()];
        let (operator, Some(mut from)) = (*operator, since.take()) else { return };
        self.bin(until);
        while from < until {
            let end = ((from / self.width + 1) * self.width).min(until);
            let bin = self.bin(from);
            bin.backpressured.resize(bin.backpressured.len().max(operator + 1), 0);
            bin.backpressured[operator] += end - from;
            from = end;
        }
    }
}

/// Everything in the store, in bytes.
fn stored(store: &Store) -> u64 {
    let size = |object: &Object| match object {
        // The files that it refers to are objects of their own.
        Object::Snapshot(snapshot) => {
            let files: u64 = snapshot.parts.iter().map(|part| part.bytes).sum();
            snapshot.bytes.saturating_sub(files) + snapshot.in_flight + snapshot.logged_bytes
        }
        Object::File(file) => file.bytes,
    };
    store.objects().map(|(_, object)| size(object)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_told_apart_to_three_percent() {
        for latency in
            (0..63).map(|power| 1_u64 << power).flat_map(|power| [power, power + power / 3, power * 2 - 1])
        {
            let known = latency_of(size_of(latency));
            assert!(
                known >= latency && (known - latency) as f64 <= latency as f64 / 32.0,
                "{latency} {known}"
            );
        }
        assert!(size_of(u64::MAX) < 64 << BITS);
        let sizes: Vec<u16> = (0..10_000).map(size_of).collect();
        assert!(sizes.is_sorted());
    }

    #[test]
    fn slices_become_wider_and_lose_nothing() {
        let mut recorder =
            Recorder { width: NARROWEST, bins: Vec::new(), tasks: vec![(1, None)], slowest: BTreeMap::new() };
        let stall = |time, begins| Stall { task: TaskId(0), time, begins };
        recorder.stall(&stall(50_000, true));
        recorder.stall(&stall(70_000, true));
        recorder.stall(&stall(250_000, false));
        recorder.stall(&stall(260_000, false));
        let of = |recorder: &Recorder| -> Vec<Time> {
            recorder.bins.iter().map(|bin| bin.backpressured.get(1).copied().unwrap_or(0)).collect()
        };
        assert_eq!(of(&recorder), [50_000, 100_000, 50_000]);
        recorder.bin(0).stored = Some((7, 3));
        recorder.bin(100_000).stored = Some((5, 5));
        recorder.bin(NARROWEST * 300);
        assert_eq!(recorder.width, 2 * NARROWEST);
        assert_eq!((recorder.bins.len(), &of(&recorder)[..2]), (151, &[150_000, 50_000][..]));
        assert_eq!(recorder.bins[0].stored, Some((7, 5)));
        recorder.bin(u64::MAX);
        assert!(recorder.bins.len() <= SLICES_MAX);
    }

    #[test]
    fn quantiles_of_a_slice() {
        let mut bin = Bin { latency_max: 20, ..Bin::default() };
        bin.latencies = (1..=20).map(|latency| (size_of(latency), 1)).collect();
        assert_eq!([bin.quantile(50, 100), bin.quantile(99, 100)], [10, 20]);
        assert_eq!(Bin::default().quantile(50, 100), 0);
    }
}
