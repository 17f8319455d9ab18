//! What the coordinator knows of snapshots: who refers to what, what may go, and whether a checkpoint is a consistent cut.

use std::collections::{BTreeMap, BTreeSet};

use cutline_sim::channel::Position;
use cutline_sim::config::CheckpointMode;
use cutline_sim::ids::{ChannelId, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use cutline_sim::topology::Topology;

use crate::messages::Saved;

/// The snapshots of a checkpoint, task by task.
type Line = Vec<Option<Handle>>;

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    /// Every snapshot that was acknowledged and not discarded.
    snapshots: BTreeMap<Handle, Saved>,
    /// Checkpoints whose metadata are being written; checkpoints that exist.
    writing: BTreeMap<CheckpointId, Line>,
    existing: BTreeMap<CheckpointId, Line>,
    /// A restore is to give every record exactly once.
    exactly_once: bool,
    pub completed: u32,
    pub abandoned: u32,
    /// The first checkpoint that was no consistent cut, in words.
    pub inconsistent: Option<String>,
    /// The first checkpoint that refers to what was given back before, in words.
    pub hollow: Option<String>,
}

impl Books {
    pub fn new(topology: &Topology) -> Books {
        Books {
            snapshots: BTreeMap::new(),
            writing: BTreeMap::new(),
            existing: BTreeMap::new(),
            exactly_once: topology.config.checkpointing.mode == CheckpointMode::ExactlyOnce,
            completed: 0,
            abandoned: 0,
            inconsistent: None,
            hollow: None,
        }
    }

    /// A task has acknowledged a snapshot.
    pub fn note(&mut self, task: TaskId, saved: Saved) {
        if saved.handle.task() == task {
            self.snapshots.insert(saved.handle, saved);
        }
    }

    pub fn begin_to_write(&mut self, id: CheckpointId, line: Line) {
        self.writing.insert(id, line);
    }

    pub fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// The metadata of a checkpoint have been written, or could not be.
    pub fn written(&mut self, id: CheckpointId, fine: bool, topology: &Topology) {
        let Some(line) = self.writing.remove(&id) else { return };
        if !fine {
            return;
        }
        self.completed += 1;
        if let Some(hollow) = self.hollow(id, &line, topology) {
            self.hollow.get_or_insert(hollow);
        } else if self.exactly_once && self.inconsistent.is_none() {
            self.inconsistent = self.inconsistency(id, &line, topology);
        }
        self.existing.insert(id, line);
    }

    /// The first snapshot of a checkpoint that nobody has acknowledged, or that was given back.
    fn hollow(&self, id: CheckpointId, line: &Line, topology: &Topology) -> Option<String> {
        let named = (0..).map(TaskId).zip(line).filter_map(|(task, handle)| Some((task, (*handle)?)));
        let (task, _) = named.into_iter().find(|(_, handle)| !self.snapshots.contains_key(handle))?;
        Some(format!(
            "Checkpoint {id} completed with a snapshot of {} that had been given back before, and may be deleted.",
            topology.task_name(task)
        ))
    }

    /// The first channel whose receiver has not received exactly what its sender has sent.
    fn inconsistency(&self, id: CheckpointId, line: &Line, topology: &Topology) -> Option<String> {
        let saved =
            |task: TaskId| line.get(task.index()).copied().flatten().and_then(|it| self.snapshots.get(&it));
        for (number, channel) in (0..).zip(&topology.channels) {
            let sent = saved(channel.from).and_then(|saved| {
                let positions = if saved.id == id { &saved.sent } else { &saved.made };
                positions.get(channel.output as usize).copied()
            });
            let received =
                saved(channel.to).and_then(|saved| saved.received.get(channel.input as usize).copied());
            let (sent, received): (Position, Position) =
                (sent.unwrap_or_default(), received.unwrap_or_default());
            if sent != received {
                let what = match received.count.cmp(&sent.count) {
                    std::cmp::Ordering::Equal => "as many items, but not the same ones".to_owned(),
                    _ => format!("{} items", received.count),
                };
                return Some(format!(
                    "In checkpoint {id} the sender of channel {} had sent {} items, and its receiver had received, with what was \
                     captured, {what}. So the checkpoint is no consistent cut.",
                    topology.channel_name(ChannelId(number)),
                    sent.count,
                ));
            }
        }
        None
    }

    /// Everything that a checkpoint refers to.
    pub fn live(&self) -> BTreeSet<Handle> {
        let mut live = BTreeSet::new();
        for handle in self.existing.values().chain(self.writing.values()).flatten().flatten() {
            live.insert(*handle);
            live.extend(self.snapshots.get(handle).into_iter().flat_map(|saved| saved.files.iter().copied()));
        }
        live
    }

    /// A snapshot or file is of no use: what may be deleted of it.
    pub fn discard(&mut self, handle: Handle) -> Vec<Handle> {
        let live = self.live();
        if live.contains(&handle) {
            return Vec::new();
        }
        let files = self.snapshots.remove(&handle).map_or_else(Vec::new, |saved| saved.files);
        let mut useless: Vec<Handle> = files.into_iter().filter(|file| !live.contains(file)).collect();
        useless.push(handle);
        useless
    }

    /// A checkpoint is of no use: what may be deleted of it.
    pub fn subsume(&mut self, id: CheckpointId) -> Vec<Handle> {
        let line = self.existing.remove(&id).unwrap_or_default();
        line.into_iter().flatten().flat_map(|handle| self.discard(handle)).collect()
    }
}
