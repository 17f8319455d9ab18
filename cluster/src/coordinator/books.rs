//! What the coordinator knows of snapshots: who refers to what, what may go, and whether a checkpoint is a consistent cut.

use std::collections::{BTreeMap, BTreeSet};

use cutline_sim::channel::Position;
use cutline_sim::config::CheckpointMode;
use cutline_sim::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use cutline_sim::topology::Topology;

use crate::messages::Saved;
use crate::task::attempt_of;

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
    pub fn new(topology: &Topology) -> Books {
        Books {
            snapshots: BTreeMap::new(),
            writing: BTreeMap::new(),
            existing: BTreeMap::new(),
            gone: BTreeSet::new(),
            newest: BTreeSet::new(),
            retained: topology.config.checkpointing.retained.max(1) as usize,
            exactly_once: topology.config.checkpointing.mode == CheckpointMode::ExactlyOnce,
            completed: 0,
            abandoned: 0,
            inconsistent: None,
            wrong: None,
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
            self.wrong.get_or_insert(hollow);
        } else if self.exactly_once && self.inconsistent.is_none() {
            self.inconsistent = self.inconsistency(id, &line, topology);
        }
        self.existing.insert(id, line);
        self.newest.insert(id);
        while self.newest.len() > self.retained {
            self.newest.pop_first();
        }
    }

    /// The first snapshot of a checkpoint that nobody has acknowledged, or that was given back, or a file of which was.
    fn hollow(&self, id: CheckpointId, line: &Line, topology: &Topology) -> Option<String> {
        let named = (0..).map(TaskId).zip(line).filter_map(|(task, handle)| Some((task, (*handle)?)));
        named.into_iter().find_map(|(task, handle)| {
            let what = match self.snapshots.get(&handle) {
                None => "that had",
                Some(saved) if saved.files.iter().any(|file| self.gone.contains(file)) => "of which a file had",
                Some(_) => return None,
            };
            let task = topology.task_name(task);
            Some(format!(
                "Checkpoint {id} completed with a snapshot of {task} {what} been given back before, and may be deleted."
            ))
        })
    }

    /// What the last attempt has saved for a checkpoint older than the newest, and nobody refers to nor has given back. Nobody ever will.
    pub fn rubbish(&self, attempt: Attempt, topology: &Topology) -> Option<String> {
        let (newest, live) = (*self.newest.last()?, self.live());
        let is_left = |saved: &&Saved| {
            attempt_of(saved.handle) == attempt && saved.id < newest && !live.contains(&saved.handle)
        };
        let left = self.snapshots.values().find(is_left)?;
        Some(format!(
            "The snapshot of {} for checkpoint {} is still in the store when the job is over, though that checkpoint was given up: \
             nobody refers to it, and nobody will ever delete it.",
            topology.task_name(left.handle.task()),
            left.id
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

    /// A snapshot or file is of no use: what may be deleted of it. Of a snapshot that was given up that is what was written for it alone:
    /// the next one may refer to the rest, such as a whole state that was written beside a log.
    pub fn discard(&mut self, handle: Handle) -> Vec<Handle> {
        self.give_back(handle, |saved| saved.own)
    }

    fn give_back(&mut self, handle: Handle, files: impl Fn(Saved) -> Vec<Handle>) -> Vec<Handle> {
        let live = self.live();
        if live.contains(&handle) {
            return Vec::new();
        }
        let files = self.snapshots.remove(&handle).map_or_else(Vec::new, files);
        let mut useless: Vec<Handle> = files.into_iter().filter(|file| !live.contains(file)).collect();
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
        let line = self.existing.remove(&id).unwrap_or_default();
        line.into_iter().flatten().flat_map(|handle| self.give_back(handle, |saved| saved.files)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cutline_scenarios::library_files::resolve;
    use cutline_scenarios::prepare::Prepared;

    use super::*;

    const TASK: TaskId = TaskId(4);
    /// A whole state that was written beside a log, and two segments of that.
    const WHOLE: Handle = Handle(4 << 32 | 1);
    const SEGMENTS: [Handle; 2] = [Handle(4 << 32 | 2), Handle(4 << 32 | 3)];

    fn topology() -> Arc<Topology> {
        let prepared = Prepared::load(&resolve("wordcount").expect("a scenario"), &[""; 0], 1);
        Arc::clone(prepared.expect("a job").topology())
    }

    /// The snapshot of the task for a checkpoint, with the whole state and a segment that was written for it.
    fn saved(id: u64) -> Saved {
        let own = SEGMENTS[id as usize - 1];
        Saved {
            handle: Handle::of(TASK, 10 + id as u32),
            id: CheckpointId(id),
            files: vec![WHOLE, own],
            own: vec![own],
            sent: Vec::new(),
            made: Vec::new(),
            received: Vec::new(),
        }
    }

    fn complete(books: &mut Books, id: u64, topology: &Topology) {
        let mut line = vec![None; topology.tasks.len()];
        line[TASK.index()] = Some(saved(id).handle);
        books.begin_to_write(CheckpointId(id), line);
        books.written(CheckpointId(id), true, topology);
    }

    #[test]
    fn what_was_written_beside_a_snapshot_stays_when_that_is_given_up() {
        let topology = topology();
        let mut books = Books::new(&topology);
        books.note(TASK, saved(1));
        assert_eq!(books.discard(saved(1).handle), [SEGMENTS[0], saved(1).handle]);
        books.note(TASK, saved(2));
        complete(&mut books, 2, &topology);
        assert_eq!(books.wrong, None);
        assert_eq!(books.live(), BTreeSet::from([WHOLE, SEGMENTS[1], saved(2).handle]));
    }

    #[test]
    fn what_a_checkpoint_refers_to_must_not_have_been_given_back() {
        let topology = topology();
        let mut books = Books::new(&topology);
        books.note(TASK, saved(1));
        assert_eq!(books.discard(WHOLE), [WHOLE]);
        complete(&mut books, 1, &topology);
        let wrong = books.wrong.expect("an objection");
        assert!(wrong.contains("count[0] of which a file had been given back"), "{wrong}");
    }

    #[test]
    fn the_newest_checkpoint_must_stay() {
        let topology = topology();
        let mut books = Books::new(&topology);
        for id in [1, 2] {
            books.note(TASK, saved(id));
            complete(&mut books, id, &topology);
        }
        assert_eq!(
            books.subsume(CheckpointId(1)),
            [SEGMENTS[0], saved(1).handle],
            "the whole state is part of the second"
        );
        assert_eq!(books.wrong, None);
        books.subsume(CheckpointId(2));
        let wrong = books.wrong.expect("an objection");
        assert!(wrong.contains("Checkpoint 2 was given back"), "{wrong}");
    }

    #[test]
    fn what_nobody_refers_to_and_nobody_has_given_back_is_rubbish() {
        let topology = topology();
        let mut books = Books::new(&topology);
        let old = Saved { id: CheckpointId(1), ..saved(1) };
        books.note(TASK, old.clone());
        books.note(TASK, saved(2));
        complete(&mut books, 2, &topology);
        let attempt = attempt_of(old.handle);
        let left = books.rubbish(attempt, &topology).expect("an objection");
        assert!(left.contains("count[0] for checkpoint 1"), "{left}");
        assert_eq!(books.rubbish(Attempt(7), &topology), None, "of a former attempt");
        books.discard(old.handle);
        assert_eq!(books.rubbish(attempt, &topology), None);
    }
}
