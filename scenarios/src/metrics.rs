//! What a run costs, read off its events.

use std::collections::BTreeMap;

use cutline_sim::event::{Event, Stamped};
use cutline_sim::graph::Role;
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::AbortReason;
use cutline_sim::time::Time;
use cutline_sim::topology::Topology;
use cutline_sim::world::World;
use hdrhistogram::Histogram;

use crate::course::{Course, Recorder};
use crate::local::Local;
use crate::record::{CheckpointEnd, CheckpointRecord, ExpiredTransactions, Latency, RestoreRecord};

/// Collects the figures of one run.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Checkpoints by id.
    pub checkpoints: BTreeMap<CheckpointId, CheckpointRecord>,
    /// Restores after a failure, in order.
    pub restores: Vec<RestoreRecord>,
    /// Crashes of tasks.
    pub task_crashes: u64,
    /// Crashes of nodes.
    pub node_crashes: u64,
    /// Control messages that were lost, late or doubled.
    pub messages_disturbed: u64,
    /// Writes of snapshots and metadata that failed.
    pub writes_failed: u64,
    /// Requests for commit that failed.
    pub commits_failed: u64,
    /// Transactions that expired.
    pub transactions_expired: ExpiredTransactions,
    /// Records that reached a sink, repetitions included.
    pub arrivals: u64,
    /// The checkpoints that tasks take on their own, if they do.
    pub local: Local,
    latencies: Option<Histogram<u64>>,
    /// What takes down the course of the run, if that is asked for.
    course: Option<Recorder>,
    /// The crashes that no restore has repaired, and which of them were those of nodes; the last notice, and the end of the cancellation.
    crashes: Vec<(Time, bool)>,
    noticed: Time,
    cancelled: Time,
}

impl Metrics {
    /// The same, and takes down the course of a run of this job.
    #[must_use]
    pub fn with_course(mut self, topology: &Topology) -> Metrics {
        self.course = Some(Recorder::new(topology));
        self
    }

    /// Reads a batch of events.
    pub fn observe(&mut self, world: &World, events: &[Stamped]) {
        for stamped in events {
            self.read(world, stamped);
        }
        if let Some(course) = &mut self.course {
            course.observe(world, events);
        }
    }

    /// The course of the run that is over, if it was taken down.
    pub fn take_course(&mut self, world: &World) -> Option<Course> {
        let course = self.course.take()?;
        let quantile = |parts: u32| {
            let histogram = self.latencies.as_ref().filter(|histogram| !histogram.is_empty())?;
            Some(histogram.value_at_quantile(f64::from(parts) / 1e6))
        };
        Some(course.finish(world, quantile))
    }

    /// Takes in latencies of arrivals.
    pub fn arrive(&mut self, latencies: &[Time]) {
        self.arrivals += latencies.len() as u64;
        if self.latencies.is_none() && !latencies.is_empty() {
            // Two significant digits are valid, so it is there from now on.
            self.latencies = Histogram::new(2).ok();
        }
        if let Some(histogram) = &mut self.latencies {
            // The histogram grows as needed; only a value beyond 2^63 could fail.
            latencies.iter().for_each(|&latency| histogram.record(latency.max(1)).unwrap_or_default());
        }
    }

    /// The distribution of the latencies so far.
    pub fn latency(&self) -> Latency {
        match &self.latencies {
            Some(histogram) if !histogram.is_empty() => Latency {
                p50: histogram.value_at_quantile(0.5),
                p99: histogram.value_at_quantile(0.99),
                max: histogram.max(),
            },
            _ => Latency::default(),
        }
    }

    fn read(&mut self, world: &World, stamped: &Stamped) {
        let now = stamped.time;
        if world.logs_sent() {
            self.local.read(stamped);
        }
        match stamped.event {
            Event::CheckpointTriggered { id } => {
                let path = world.topology().config.checkpointing.path(id);
                let record = CheckpointRecord {
                    id,
                    path,
                    triggered: now,
                    end: CheckpointEnd::InProgress,
                    duration: 0,
                    checkpointed_data_size: 0,
                    full_checkpoint_data_size: 0,
                    persisted_in_flight_data: 0,
                    processed_in_flight_data: 0,
                    start_delay: 0,
                    alignment: 0,
                    sync: 0,
                    asynchronous: 0,
                };
                self.checkpoints.insert(id, record);
            }
            Event::Persisted { id, metrics } if !world.logs_sent() => {
                if let Some(record) = self.checkpoints.get_mut(&id) {
                    record.start_delay = record.start_delay.max(metrics.start_delay);
                    record.alignment = record.alignment.max(metrics.alignment);
                    record.sync = record.sync.max(metrics.sync);
                    record.asynchronous = record.asynchronous.max(metrics.asynchronous);
                    record.persisted_in_flight_data += metrics.persisted_in_flight;
                    record.processed_in_flight_data += metrics.processed_in_flight;
                }
            }
            Event::CheckpointCompleted { id, duration, bytes, full_bytes } => {
                if let Some(record) = self.checkpoints.get_mut(&id) {
                    (record.end, record.duration) = (CheckpointEnd::Completed, duration);
                    record.checkpointed_data_size = bytes;
                    record.full_checkpoint_data_size = full_bytes;
                    if world.logs_sent() {
                        self.local.complete(world, record);
                    }
                }
            }
            Event::CheckpointAborted { id, reason } => {
                if let Some(record) = self.checkpoints.get_mut(&id) {
                    record.end = CheckpointEnd::Aborted(reason);
                    record.duration = now - record.triggered;
                }
                self.writes_failed += u64::from(reason == AbortReason::MetadataNotStored);
            }
            Event::TaskCrashed { .. } => {
                self.task_crashes += 1;
                self.crashes.push((now, false));
            }
            Event::NodeCrashed { .. } => {
                self.node_crashes += 1;
                self.crashes.push((now, true));
            }
            Event::FailureNoticed { .. } => self.noticed = now,
            Event::JobCancelled => self.cancelled = now,
            Event::Restoring { attempt, checkpoint } if attempt > world.first_attempt() => {
                let noticed = self.noticed;
                let first = self.crashes.iter().map(|&(time, _)| time).find(|&time| time <= noticed);
                let crashed = first.unwrap_or(noticed);
                // A node that is lost meanwhile is missed later, for the new attempt may count on it; a task of the old one was gone anyhow.
                self.crashes.retain(|&(time, is_node)| is_node && time > noticed);
                let rollback = world.logs_sent().then(|| self.local.roll_back(world, checkpoint, crashed));
                self.restores.push(RestoreRecord {
                    attempt,
                    checkpoint,
                    path: checkpoint.map(|id| world.topology().config.checkpointing.path(id)),
                    crashed,
                    noticed: self.noticed,
                    cancelled: self.cancelled,
                    began: now,
                    running: None,
                    replayed: replayed(world, checkpoint),
                    rollback,
                })
            }
            Event::JobRunning { .. } => {
                if let Some(restore) = self.restores.last_mut() {
                    restore.running = Some(now);
                    // All tasks run, so nobody misses what was lost before they were deployed.
                    self.crashes.retain(|&(time, _)| time >= restore.began);
                }
            }
            Event::MessageLost { .. } | Event::MessageDisturbed { .. } => self.messages_disturbed += 1,
            Event::PersistFailed { .. } => self.writes_failed += 1,
            Event::CommitFailed { .. } => self.commits_failed += 1,
            Event::TransactionExpired { prepared: true, .. } => self.transactions_expired.prepared += 1,
            Event::TransactionExpired { prepared: false, .. } => self.transactions_expired.open += 1,
            Event::SinkFailed => self.crashes.push((now, false)),
            _ => {}
        }
    }
}

/// How many records the sources have emitted that a checkpoint does not contain: they must read them again.
fn replayed(world: &World, checkpoint: Option<CheckpointId>) -> u64 {
    let topology = world.topology();
    let manifest = checkpoint.and_then(|id| world.store().manifest(id));
    let sources = (0..topology.tasks.len() as u32).map(TaskId);
    let sources = sources.filter(|&task| matches!(topology.role(task), Role::Source(_)));
    let lost = sources.map(|task| {
        let handle = manifest.and_then(|manifest| manifest[task.index()]);
        let restored = match handle {
            Some(handle) => world.store().get(handle).map(|snapshot| snapshot.records),
            None => world.base(task).map(|snapshot| snapshot.records),
        };
        let kept = restored.unwrap_or(0);
        world.handled(task).0.saturating_sub(kept)
    });
    lost.sum()
}
