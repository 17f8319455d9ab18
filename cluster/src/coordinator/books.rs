//! What the coordinator knows of snapshots: who refers to what, what may go, and whether a checkpoint is a consistent cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutline_sim::channel::Position;
use cutline_sim::config::CheckpointMode;
use cutline_sim::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use cutline_sim::oracles::Verdict;
use cutline_sim::oracles::zigzag::Zigzag;
use cutline_sim::protocol::{Handle, Positions};
use cutline_sim::time::Time;
use cutline_sim::topology::{ChannelInfo, Topology};

use crate::job::Job;
use crate::messages::Saved;
use crate::snapshot::Replay;
use crate::task::attempt_of;

/// The snapshots of a checkpoint, task by task.
type Line = Vec<Option<Handle>>;

/// What a checkpoint refers to.
#[derive(Clone, Debug, Default)]
struct Kept {
    line: Line,
    /// Task by task what was in transit to it, where that is logged.
    replays: Vec<Vec<Replay>>,
    /// All of it, each once: snapshots, their files, and the snapshots that hold what was in transit.
    all: BTreeSet<Handle>,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    topology: Arc<Topology>,
    /// What is sent is logged, and snapshots are each task's own.
    logs: bool,
    /// What tasks have taken on their own, where none of it must be useless.
    zigzag: Option<Zigzag>,
    /// Every snapshot that was acknowledged and not discarded.
    snapshots: BTreeMap<Handle, Saved>,
    /// Checkpoints whose metadata are being written; checkpoints that exist.
    writing: BTreeMap<CheckpointId, Kept>,
    existing: BTreeMap<CheckpointId, Kept>,
    /// How many of these refer to an object.
    references: BTreeMap<Handle, u32>,
    /// What was given back and may be deleted by now.
    gone: BTreeSet<Handle>,
    /// The newest checkpoints that have completed, as many as are to be retained.
    newest: BTreeSet<CheckpointId>,
    retained: usize,
    /// A restore is to give every record exactly once.
    exactly_once: bool,
    pub completed: u32,
    pub abandoned: u32,
    /// The first checkpoint that was no consistent cut, in words.
    pub inconsistent: Option<String>,
    /// The first thing that the store has not kept as it must, in words.
    pub wrong: Option<String>,
}

impl Books {
    pub fn new(job: &Job) -> Books {
        let config = &job.topology.config.checkpointing;
        let machines = job.machines();
        let logs = machines.hooks().log_sent;
        let is_promised = logs && (machines.is_never_useless() || !job.topology.is_cyclic());
        Books {
            topology: Arc::clone(&job.topology),
            logs,
            zigzag: is_promised.then(Zigzag::default),
            snapshots: BTreeMap::new(),
            writing: BTreeMap::new(),
            existing: BTreeMap::new(),
            references: BTreeMap::new(),
            gone: BTreeSet::new(),
            newest: BTreeSet::new(),
            retained: config.retained.max(1) as usize,
            exactly_once: config.mode == CheckpointMode::ExactlyOnce,
            completed: 0,
            abandoned: 0,
            inconsistent: None,
            wrong: None,
        }
    }

    /// A task has acknowledged a snapshot; false if it cannot be that task's.
    pub fn note(&mut self, task: TaskId, saved: Saved) -> bool {
        let info = &self.topology.tasks[task.index()];
        let (outputs, inputs) = (info.channels_out().count(), info.inputs.len());
        let lengths = [saved.sent.len(), saved.made.len(), saved.received.len()];
        let fits = saved.handle.task() == task && lengths == [outputs, outputs, inputs];
        if fits {
            self.snapshots.insert(saved.handle, saved);
        }
        fits
    }

    /// A task has taken a snapshot on its own.
    pub fn taken(&mut self, task: TaskId, id: CheckpointId, now: Time, positions: Positions) {
        let info = &self.topology.tasks[task.index()];
        let is_whole = positions.sent.len() == info.channels_out().count()
            && positions.received.len() == info.inputs.len();
        if let (Some(zigzag), true) = (&mut self.zigzag, is_whole) {
            zigzag.taken(&self.topology, (task, id), now, Arc::new(positions));
        }
    }

    /// Whether a snapshot was useless, if none must be.
    pub fn useless(&mut self) -> Option<Verdict> {
        self.zigzag.as_mut().map(|zigzag| zigzag.conclude(&self.topology))
    }

    /// The snapshots of a checkpoint that exists, by the numbers that their tasks gave them.
    fn on_line(&self, id: CheckpointId) -> Vec<(TaskId, CheckpointId)> {
        let line = self.existing.get(&id).into_iter().flat_map(|kept| kept.line.iter().flatten());
        let saved = line.filter_map(|handle| self.snapshots.get(handle));
        saved.map(|saved| (saved.handle.task(), saved.id)).collect()
    }

    /// The metadata of a checkpoint are being written: what was in transit, task by task.
    pub fn begin_to_write(&mut self, id: CheckpointId, line: Line) -> Vec<Vec<Replay>> {
        let replays = if self.logs { self.in_transit(&line) } else { Vec::new() };
        let named = line.iter().flatten();
        let files =
            named.clone().filter_map(|handle| self.snapshots.get(handle)).flat_map(|saved| &saved.files);
        let logs = replays.iter().flatten().flat_map(|replay| &replay.parts).map(|part| &part.0);
        let all: BTreeSet<Handle> = named.chain(files).chain(logs).copied().collect();
        all.iter().for_each(|handle| *self.references.entry(*handle).or_insert(0) += 1);
        let kept = Kept { line, replays: replays.clone(), all };
        if let Some(before) = self.writing.insert(id, kept) {
            self.release(&before); // said twice
        }
        replays
    }

    pub fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// For each task of a checkpoint the inputs whose senders go on from before their ends: see [`Topology::reopen`].
    pub fn open(&self, checkpoint: Option<CheckpointId>) -> Vec<Vec<u32>> {
        let tasks = 0..self.topology.tasks.len() as u32;
        let line = checkpoint.and_then(|id| self.existing.get(&id)).map_or(&[][..], |kept| &kept.line[..]);
        let ended = |task| self.saved(line, TaskId(task)).is_some_and(|saved| saved.ended);
        let mut ended: Vec<bool> = tasks.clone().map(ended).collect();
        self.topology.reopen(&mut ended);
        let mut open = vec![Vec::new(); self.topology.tasks.len()];
        for channel in self.topology.channels.iter().filter(|channel| !ended[channel.from.index()]) {
            open[channel.to.index()].push(channel.input);
        }
        open
    }

    /// A new attempt begins from a checkpoint, or from the beginning: what was in transit, task by task. Of what older attempts have saved
    /// nothing is left but what checkpoints refer to.
    pub fn go_back(&mut self, attempt: Attempt, checkpoint: Option<CheckpointId>) -> Vec<Vec<Replay>> {
        let Books { snapshots, references, .. } = self;
        snapshots.retain(|handle, _| attempt_of(*handle) >= attempt || references.contains_key(handle));
        let line = checkpoint.map_or_else(Vec::new, |id| self.on_line(id));
        if let Some(zigzag) = &mut self.zigzag {
            zigzag.restored(&self.topology, &line);
        }
        let kept = checkpoint.and_then(|id| self.existing.get(&id));
        kept.map_or_else(Vec::new, |kept| kept.replays.clone())
    }

    /// The metadata of a checkpoint have been written, or could not be.
    pub fn written(&mut self, id: CheckpointId, fine: bool) {
        let Some(kept) = self.writing.remove(&id) else { return };
        if !fine {
            return self.release(&kept);
        }
        self.completed += 1;
        if let Some(hollow) = self.hollow(id, &kept.line) {
            self.wrong.get_or_insert(hollow);
        } else if self.exactly_once && self.inconsistent.is_none() {
            self.inconsistent = self.inconsistency(id, &kept);
        }
        if let Some(before) = self.existing.insert(id, kept) {
            self.release(&before);
        }
        let line = self.on_line(id);
        if let Some(zigzag) = &mut self.zigzag {
            zigzag.stored(&self.topology, &line);
        }
        self.newest.insert(id);
        while self.newest.len() > self.retained {
            self.newest.pop_first();
        }
    }

    /// The first snapshot of a checkpoint that nobody has acknowledged, or that was given back, or a file of which was.
    fn hollow(&self, id: CheckpointId, line: &Line) -> Option<String> {
        let named = (0..).map(TaskId).zip(line).filter_map(|(task, handle)| Some((task, (*handle)?)));
        named.into_iter().find_map(|(task, handle)| {
            let what = match self.snapshots.get(&handle) {
                None => "that had",
                Some(saved) if saved.files.iter().any(|file| self.gone.contains(file)) => "of which a file had",
                Some(_) => return None,
            };
            let task = self.topology.task_name(task);
            Some(format!(
                "Checkpoint {id} completed with a snapshot of {task} {what} been given back before, and may be deleted."
            ))
        })
    }

    /// What the last attempt has saved before what the newest checkpoint has, and nobody refers to nor has given back. Nobody ever will.
    pub fn rubbish(&self, attempt: Attempt) -> Option<String> {
        let newest = *self.newest.last()?;
        let line = self.existing.get(&newest).map(|kept| &kept.line);
        // Where snapshots are each task's own, only those of one task are older or newer than each other.
        let place = |task: TaskId| match self.logs {
            true => self.saved(line?, task).map(|saved| saved.id),
            false => Some(newest),
        };
        let is_left = |saved: &&Saved| {
            attempt_of(saved.handle) == attempt
                && place(saved.handle.task()).is_some_and(|newest| saved.id < newest)
                && !self.is_live(saved.handle)
        };
        let left = self.snapshots.values().find(is_left)?;
        Some(format!(
            "The snapshot of {} for checkpoint {} is still in the store when the job is over, though that checkpoint was given up: \
             nobody refers to it, and nobody will ever delete it.",
            self.topology.task_name(left.handle.task()),
            left.id
        ))
    }

    /// The snapshot of a task on a line.
    fn saved(&self, line: &[Option<Handle>], task: TaskId) -> Option<&Saved> {
        self.snapshots.get(&line.get(task.index()).copied().flatten()?)
    }

    /// What had been sent and received on a channel, as a checkpoint has it.
    fn ends(&self, id: CheckpointId, line: &Line, channel: &ChannelInfo) -> (Position, Position) {
        let sent = self.saved(line, channel.from).and_then(|saved| {
            let positions = if saved.id == id && !self.logs { &saved.sent } else { &saved.made };
            positions.get(channel.output as usize).copied()
        });
        let to = self.saved(line, channel.to);
        let received = to.and_then(|saved| saved.received.get(channel.input as usize).copied());
        (sent.unwrap_or_default(), received.unwrap_or_default())
    }

    /// What the log holds of each channel between what its two ends say on a line, for each receiver.
    fn in_transit(&self, line: &Line) -> Vec<Vec<Replay>> {
        let mut replays = vec![Vec::new(); self.topology.tasks.len()];
        for channel in &self.topology.channels {
            let (sent, received) = self.ends(CheckpointId::default(), line, channel);
            if received.count < sent.count
                && let Some(handle) = line.get(channel.from.index()).copied().flatten()
            {
                let (input, output) = (channel.input, channel.output);
                let parts = self.parts(handle, output, received.count, sent.count);
                replays[channel.to.index()].push(Replay { input, sent, output, parts });
            }
        }
        replays
    }

    /// The snapshots that hold the items of an output after one and up to another, oldest first: from that of the line backwards. One
    /// that does not go as far holds nothing of it, and the log of one that begins behind is of a life that never happened.
    fn parts(&self, newest: Handle, output: u32, after: u64, mut until: u64) -> Vec<(Handle, u64, u64)> {
        let mut parts = Vec::new();
        let mine = self.snapshots.range(..=newest).rev();
        for (handle, saved) in mine.take_while(|(handle, _)| handle.task() == newest.task()) {
            let Some(&(_, first, last)) = saved.logged.iter().find(|logged| logged.0 == output) else {
                continue;
            };
            if until > after && first < until && last >= until {
                let begin = first.max(after);
                parts.push((*handle, begin, until));
                until = begin;
            }
        }
        parts.reverse();
        parts
    }

    /// The first channel whose receiver has not received exactly what its sender has sent, with what the log holds between.
    fn inconsistency(&self, id: CheckpointId, kept: &Kept) -> Option<String> {
        for (number, channel) in (0..).zip(&self.topology.channels) {
            let (sent, received) = self.ends(id, &kept.line, channel);
            let replays = kept.replays.get(channel.to.index()).into_iter().flatten();
            let log = replays.filter(|replay| replay.input == channel.input).flat_map(|replay| &replay.parts);
            let reached = log.fold(received.count, |reached, &(_, after, until)| match after == reached {
                true => until,
                false => reached,
            });
            if sent != received && (reached == received.count || reached != sent.count) {
                let what = match reached.cmp(&sent.count) {
                    std::cmp::Ordering::Equal => "as many items, but not the same ones".to_owned(),
                    _ => format!("{reached} items"),
                };
                return Some(format!(
                    "In checkpoint {id} the sender of channel {} had sent {} items, and its receiver had received, with what was \
                     captured or logged, {what}. So the checkpoint is no consistent cut.",
                    self.topology.channel_name(ChannelId(number)),
                    sent.count,
                ));
            }
        }
        None
    }

    /// Everything that a checkpoint refers to.
    pub fn live(&self) -> BTreeSet<Handle> {
        self.references.keys().copied().collect()
    }

    fn is_live(&self, handle: Handle) -> bool {
        self.references.contains_key(&handle)
    }

    /// A checkpoint refers to this no longer.
    fn release(&mut self, kept: &Kept) {
        for handle in &kept.all {
            let left = self.references.get(handle).map_or(0, |count| count - 1);
            match left {
                0 => drop(self.references.remove(handle)),
                _ => drop(self.references.insert(*handle, left)),
            }
        }
    }

    /// A snapshot or file is of no use: what may be deleted of it. Of a snapshot that was given up that is what was written for it alone:
    /// the next one may refer to the rest, such as a whole state that was written beside a log.
    pub fn discard(&mut self, handle: Handle) -> Vec<Handle> {
        self.give_back(handle, |saved| saved.own)
    }

    fn give_back(&mut self, handle: Handle, files: impl Fn(Saved) -> Vec<Handle>) -> Vec<Handle> {
        if self.is_live(handle) {
            return Vec::new();
        }
        let files = self.snapshots.remove(&handle).map_or_else(Vec::new, files);
        let mut useless: Vec<Handle> = files.into_iter().filter(|file| !self.is_live(*file)).collect();
        useless.push(handle);
        self.gone.extend(useless.iter().copied());
        useless
    }

    /// A checkpoint is of no use: what may be deleted of it.
    pub fn subsume(&mut self, id: CheckpointId) -> Vec<Handle> {
        if self.newest.contains(&id) {
            let newest = self.newest.len();
            self.wrong.get_or_insert_with(|| {
                format!(
                    "Checkpoint {id} was given back, though it is one of the {newest} newest that have completed, and so many are to be \
                     retained: if a task is lost now, the job must go back further, or to its beginning."
                )
            });
        }
        let kept = self.existing.remove(&id).unwrap_or_default();
        self.release(&kept);
        let all = kept.all.into_iter();
        let useless: BTreeSet<Handle> =
            all.flat_map(|handle| self.give_back(handle, |saved| saved.files)).collect();
        useless.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
