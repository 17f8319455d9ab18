//! The books of a run: what the events say of the parts of every acknowledgement, and the identities that they obey.

use std::collections::BTreeMap;
use std::fmt;

use cutline_algorithms::Strategy;
use cutline_scenarios::record::{CheckpointEnd, CheckpointId, RunRecord};
use cutline_sim::event::{Event, Origin, SnapshotMetrics, Stamped};
use cutline_sim::time::Time;

/// What a strategy does with what is in flight at its cut, as far as it shows in durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waits {
    /// The cut waits for it.
    Always,
    /// It is captured at once, and nothing waits.
    Never,
    /// The cut waits for some of it, or for some time; the rest is captured.
    Partly,
}

impl Waits {
    pub fn of(strategy: &Strategy, is_cyclic: bool) -> Waits {
        match strategy.channel_state {
            state if state.starts_with("none in time") => Waits::Partly,
            // Those of back-edges are not awaited.
            state if state.starts_with("none but") && is_cyclic => Waits::Partly,
            state if state.starts_with("none") => Waits::Always,
            _ => Waits::Never,
        }
    }
}

/// An acknowledgement of a subtask.
pub struct Ack {
    id: CheckpointId,
    task: Origin,
    at: Time,
    /// When its checkpoint was triggered, if the id is one of the job's, and when its snapshot was taken.
    triggered: Option<Time>,
    taken: Time,
    metrics: SnapshotMetrics,
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ack { id, task, at, triggered, taken, metrics } = self;
        write!(f, "{task}, {id}, taken at {taken}, sent at {at}, triggered at {triggered:?}: {metrics:?}")
    }
}

/// What the events of a run say.
#[derive(Default)]
pub struct Books {
    pub acks: Vec<Ack>,
    triggered: BTreeMap<CheckpointId, Time>,
    /// By checkpoint and task.
    taken: BTreeMap<(CheckpointId, Origin), Time>,
    persisted: BTreeMap<(CheckpointId, Origin), SnapshotMetrics>,
    /// When the acknowledgement of each task arrived, the first time; and when the coordinator had all it needs (as long as no task has
    /// finished, for another snapshot stands for such a one).
    received: BTreeMap<CheckpointId, BTreeMap<Origin, Time>>,
    whole: BTreeMap<CheckpointId, Time>,
    finished: bool,
}

impl Books {
    pub fn read(&mut self, events: &[Stamped]) {
        for event in events {
            let (at, task) = (event.time, event.origin);
            match event.event {
                Event::CheckpointTriggered { id } => drop(self.triggered.insert(id, at)),
                Event::SnapshotTaken { id } => drop(self.taken.insert((id, task), at)),
                Event::Persisted { id, metrics } => drop(self.persisted.insert((id, task), metrics)),
                Event::AckSent { id } => {
                    let triggered = self.triggered.get(&id).copied();
                    let (taken, metrics) = (self.taken[&(id, task)], self.persisted[&(id, task)]);
                    self.acks.push(Ack { id, task, at, triggered, taken, metrics });
                }
                Event::AckReceived { id, task, .. } => {
                    self.received.entry(id).or_default().entry(Origin::task(task)).or_insert(at);
                }
                Event::MetadataSent { id } if !self.finished => drop(self.whole.insert(id, at)),
                Event::TaskFinished => self.finished = true,
                _ => {}
            }
        }
    }

    /// The identities: an acknowledgement is sent at start delay + waiting + sync + async after the trigger. Where the cut waits for
    /// the data, the waiting is the alignment, and nothing is persisted in flight; where the data in flight is captured at once, it is
    /// nothing, and the alignment goes on beside the rest. Flink's end-to-end duration is the maximum over the subtasks. Returns the
    /// longest alignment.
    pub fn add_up(&self, waits: Waits, of: &str) -> Time {
        for ack in &self.acks {
            let of = || format!("{of}: {ack}");
            let SnapshotMetrics { start_delay, alignment, waiting, sync, asynchronous, .. } = ack.metrics;
            let took = ack.at - ack.triggered.expect("of a checkpoint of the job");
            assert_eq!(took, start_delay + waiting + sync + asynchronous, "{}", of());
            assert!(alignment <= waiting + sync + asynchronous && waiting <= alignment, "{}", of());
            let persisted = ack.metrics.persisted_in_flight;
            match waits {
                Waits::Always => assert_eq!((waiting, persisted), (alignment, 0), "{}", of()),
                Waits::Never => assert_eq!(waiting, 0, "{}", of()),
                Waits::Partly => {}
            }
        }
        // The end-to-end duration ends with the last acknowledgement; that of a record, when the metadata is durable.
        for (id, at) in &self.whole {
            assert_eq!(self.received[id].values().max(), Some(at), "{of}: {id}");
        }
        self.acks.iter().map(|ack| ack.metrics.alignment).max().unwrap_or(0)
    }

    /// A checkpoint that a task has taken on its own waits for nobody: it is acknowledged when it is durable.
    pub fn add_up_alone(&self, of: &str) {
        for ack in &self.acks {
            let SnapshotMetrics { start_delay, alignment, sync, asynchronous, .. } = ack.metrics;
            assert_eq!((start_delay, alignment, ack.metrics.persisted_in_flight), (0, 0, 0), "{of}: {ack}");
            assert_eq!(ack.at - ack.taken, sync + asynchronous, "{of}: {ack}");
        }
    }

    /// A record sums up what the tasks say. Returns what was persisted and what was processed in flight, in bytes.
    pub fn sum_up(&self, record: &RunRecord, of: &str) -> (u64, u64) {
        let mut all = (0, 0);
        for checkpoint in &record.checkpoints {
            let (mut state, mut full, mut persisted, mut processed) = (0, 0, 0, 0);
            let of_it = (checkpoint.id, Origin(0))..=(checkpoint.id, Origin(u32::MAX));
            for (_, metrics) in self.persisted.range(of_it) {
                state += metrics.bytes;
                full += metrics.full_bytes;
                persisted += metrics.persisted_in_flight;
                processed += metrics.processed_in_flight;
            }
            let of = format!("{of}: {checkpoint:?}");
            assert_eq!(checkpoint.persisted_in_flight_data, persisted, "{of}");
            assert_eq!(checkpoint.processed_in_flight_data, processed, "{of}");
            if self.whole.contains_key(&checkpoint.id) && checkpoint.end == CheckpointEnd::Completed {
                assert_eq!(checkpoint.checkpointed_data_size, state + persisted, "{of}");
                assert_eq!(checkpoint.full_checkpoint_data_size, full + persisted, "{of}");
            }
            all = (all.0 + persisted, all.1 + processed);
        }
        all
    }
}
