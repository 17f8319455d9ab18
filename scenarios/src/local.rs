//! What becomes of the checkpoints that tasks take on their own: whether they ever lie on a line that is stored, and how far a
//! recovery goes back behind the newest of them. Read off the events of a run whose snapshots have ids of their own.

use std::collections::BTreeMap;

use cutline_sim::event::{Event, SnapshotMetrics, Stamped};
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::time::Time;
use cutline_sim::world::World;

use crate::record::{CheckpointRecord, LocalCheckpoints, Rollback};

/// The books of a run.
#[derive(Debug, Default)]
pub struct Local {
    counts: LocalCheckpoints,
    /// When each checkpoint was taken that is not durable yet.
    taken: BTreeMap<(TaskId, CheckpointId), Time>,
    /// The durable ones of the history that counts, by task, oldest first.
    durable: BTreeMap<TaskId, Vec<Durable>>,
}

/// A durable checkpoint.
#[derive(Debug)]
struct Durable {
    id: CheckpointId,
    taken: Time,
    metrics: SnapshotMetrics,
    is_useful: bool,
}

impl Local {
    /// Reads an event.
    pub fn read(&mut self, stamped: &Stamped) {
        let Some(task) = stamped.origin.as_task() else { return };
        match stamped.event {
            Event::SnapshotTaken { id } => drop(self.taken.insert((task, id), stamped.time)),
            Event::SentLogged { bytes, .. } => self.counts.log_bytes += bytes,
            Event::SnapshotForced { .. } => self.counts.forced += 1,
            Event::Persisted { id, metrics } => {
                let taken = self.taken.remove(&(task, id)).unwrap_or(stamped.time);
                let durable = self.durable.entry(task).or_default();
                let at = durable.partition_point(|other| other.id < id);
                durable.insert(at, Durable { id, taken, metrics, is_useful: false });
                self.counts.taken += 1;
                self.counts.useless += 1; // until a line proves otherwise
            }
            _ => {}
        }
    }

    /// A line has been stored: its record gets the parts of its snapshots, and what was in transit.
    pub fn complete(&mut self, world: &World, record: &mut CheckpointRecord) {
        for (task, id) in line(world, record.id) {
            let durable = self.durable.get_mut(&task).into_iter().flatten();
            let Some(on_it) = durable.into_iter().find(|durable| durable.id == id) else { continue };
            record.sync = record.sync.max(on_it.metrics.sync);
            record.asynchronous = record.asynchronous.max(on_it.metrics.asynchronous);
            self.counts.useless -= u64::from(!std::mem::replace(&mut on_it.is_useful, true));
        }
        let in_transit = world.store().manifest(record.id).map(|manifest| world.in_transit(manifest));
        let items = in_transit.iter().flatten().flat_map(|(_, items)| items);
        record.persisted_in_flight_data = items.map(|item| item.bytes()).sum();
    }

    /// The job is restored from a line, or from its initial state.
    pub fn roll_back(&mut self, world: &World, checkpoint: Option<CheckpointId>, crashed: Time) -> Rollback {
        let line: BTreeMap<TaskId, CheckpointId> =
            checkpoint.into_iter().flat_map(|id| line(world, id)).collect();
        self.taken.clear();
        let mut rollback = Rollback::default();
        for task in (0..world.topology().tasks.len() as u32).map(TaskId) {
            let durable = self.durable.entry(task).or_default();
            let kept = line.get(&task).map_or(0, |id| durable.partition_point(|durable| durable.id <= *id));
            let depth = (durable.len() - kept) as u64;
            durable.truncate(kept);
            let since = durable.last().map_or(0, |restored| restored.taken);
            rollback.deepest = rollback.deepest.max(depth);
            rollback.total += depth;
            rollback.age = rollback.age.max(crashed.saturating_sub(since));
        }
        rollback
    }

    /// What it all came to in a run that has ended so.
    pub fn counts(&self, world: &World) -> LocalCheckpoints {
        LocalCheckpoints { piggybacked_bytes: world.piggybacked(), ..self.counts }
    }
}

/// The checkpoints on a line, by task.
fn line(world: &World, id: CheckpointId) -> impl Iterator<Item = (TaskId, CheckpointId)> + '_ {
    let handles = world.store().manifest(id).into_iter().flat_map(|manifest| manifest.iter().flatten());
    let snapshots = handles.filter_map(|&handle| world.store().get(handle));
    snapshots.map(|snapshot| (snapshot.task, snapshot.id))
}
