//! The store: nothing that a retained checkpoint refers to is deleted or changed, the newest checkpoints stay, as many as
//! `num-retained` says, and nothing else stays for ever.
//!
//! Looked at whenever a checkpoint completes, is subsumed or is given up, and at the end: every snapshot of every retained
//! checkpoint must be there, with every file that it refers to, and be the object that it was at the completion; likewise every
//! snapshot that holds a part of the log which it needs. Rubbish is looked for at the end: a snapshot whose acknowledgement reached
//! the coordinator, and whose checkpoint was given up, must have been discarded, with the files that were written for it. Where
//! snapshots are each task's own, so must one that is older than that of the newest line, unless a line refers to it.
//!
//! Of a job that was cancelled, or has failed for good, the same stays as of any other, or nothing, as
//! `externalized-checkpoint-retention` says.
//!
//! Not judged: a snapshot of which no acknowledgement told the coordinator, because it was lost on its way. The task deletes
//! it when it hears that the checkpoint was given up or that a newer one is complete, or else the next restore does. Nor a file that
//! was written for whatever checkpoints would follow, if none did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Oracle, Verdict, show_time};
use crate::backend::StateFile;
use crate::config::Retention;
use crate::event::{Event, Stamped};
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::protocol::Handle;
use crate::reusable;
use crate::snapshot::TaskSnapshot;
use crate::store::Object;
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "store";

reusable! {
    /// The oracle.
    #[derive(Debug, Default, Hash)]
    pub struct Store {
        /// The newest checkpoints that have completed: those that must be retained.
        newest: BTreeSet<CheckpointId>,
        /// What the retained checkpoints consisted of when they completed.
        consists_of: BTreeMap<CheckpointId, Vec<Option<Arc<TaskSnapshot>>>>,
        /// The files that they referred to.
        files: BTreeMap<Handle, Arc<StateFile>>,
        given_up: BTreeSet<CheckpointId>,
        /// Acknowledgements received since the last restore, of checkpoints that have not completed.
        acknowledged: BTreeSet<(CheckpointId, TaskId, Attempt)>,
        checked: u64,
        proof: Option<String>,
    }
}

impl Oracle for Store {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, world: &World, event: &Stamped) {
        match event.event {
            Event::CheckpointCompleted { id, .. } => {
                if !world.logs_sent() {
                    self.acknowledged.retain(|&(other, ..)| other != id);
                }
                self.newest.insert(id);
                let retained = world.topology().config.checkpointing.retained.max(1) as usize;
                while self.newest.len() > retained {
                    self.newest.pop_first();
                }
                self.look(world);
            }
            Event::CheckpointSubsumed { .. } => self.look(world),
            Event::CheckpointAborted { id, .. } => {
                self.given_up.insert(id);
                self.look(world);
            }
            Event::AckReceived { task, attempt, id } => drop(self.acknowledged.insert((id, task, attempt))),
            Event::Restoring { .. } => self.acknowledged.clear(),
            _ => {}
        }
    }

    fn objects(&self) -> bool {
        self.proof.is_some()
    }

    fn verdict(&mut self, world: &World, outcome: Outcome) -> Verdict {
        self.look(world);
        if self.proof.is_none() && !retains(world) {
            self.proof = left(world);
        } else if self.proof.is_none() && outcome.is_wanted() {
            self.proof = if world.logs_sent() { self.behind(world) } else { self.rubbish(world) };
        }
        match self.proof.take() {
            Some(proof) => Verdict::Fail(proof),
            None if self.checked == 0 => {
                Verdict::Unknown("no checkpoint completed, so nothing had to be kept".to_owned())
            }
            None => Verdict::Pass,
        }
    }
}

/// True if the checkpoints of a job that is over are to stay, as its user wishes.
fn retains(world: &World) -> bool {
    match (world.ended_as(), world.topology().config.checkpointing.retention) {
        (Some(Outcome::Cancelled), retention) => retention == Retention::RetainOnCancellation,
        (Some(Outcome::Failed), retention) => retention != Retention::NoExternalizedCheckpoints,
        _ => true,
    }
}

/// Something is left of a job whose checkpoints are to go.
fn left(world: &World) -> Option<String> {
    let cancelled = world.ended_as() == Some(Outcome::Cancelled);
    let what = match world.store().completed().next_back() {
        Some(id) => format!("checkpoint {id}"),
        None if cancelled && !world.store().is_empty() => {
            format!("{} objects to which no checkpoint leads", world.store().len())
        }
        None => return None,
    };
    let why = if cancelled { "was cancelled" } else { "has failed for good" };
    let retention = world.topology().config.checkpointing.retention;
    Some(format!(
        "At {} the job {why}, and by `externalized-checkpoint-retention` ({retention}) none of its checkpoints is to stay. But the \
         store still holds {what}, and nobody will ever delete it.",
        show_time(world.now())
    ))
}

impl Store {
    fn look(&mut self, world: &World) {
        if self.proof.is_none() && retains(world) {
            let altered =
                self.deleted(world).or_else(|| self.altered(world)).or_else(|| self.altered_file(world));
            self.proof = altered.or_else(|| self.surplus(world));
        }
    }

    /// One of the newest checkpoints is not there.
    fn deleted(&self, world: &World) -> Option<String> {
        let id = self.newest.iter().find(|&&id| world.store().manifest(id).is_none())?;
        Some(format!(
            "Checkpoint {id} was complete, and at {} it was deleted. But it is one of the {} newest that have completed, and \
             the store is to retain so many: if a task is lost now, the job must go back further, or to its beginning.",
            show_time(world.now()),
            self.newest.len()
        ))
    }

    /// A snapshot of a retained checkpoint is not there, or not what it was.
    fn altered(&mut self, world: &World) -> Option<String> {
        let store = world.store();
        self.consists_of.retain(|&id, _| store.manifest(id).is_some());
        for id in store.completed() {
            // For each task its snapshot; then those that hold the log.
            let logs = store.log(id).iter().map(|&handle| Some(handle));
            let handles = store.manifest(id)?.iter().copied().chain(logs);
            let known = self.consists_of.get(&id);
            for (place, handle) in handles.clone().enumerate() {
                let found = handle.map(|handle| store.get(handle));
                let was = known.and_then(|snapshots| snapshots.get(place)?.as_ref());
                let what = match (found, was) {
                    (None, None) => continue, // the initial state, which the store does not keep
                    (Some(Some(now)), Some(was)) if Arc::ptr_eq(now, was) => continue,
                    (Some(Some(_)), None) if known.is_none() => continue,
                    (Some(None), None) => "was never in the store, or had been deleted before",
                    (Some(None), Some(_)) | (None, Some(_)) => "has been deleted",
                    (Some(Some(_)), _) => "has been replaced by another",
                };
                let task = handle.map_or(TaskId(place as u32), Handle::task);
                let task = world.topology().task_name(task);
                let at = show_time(world.now());
                return Some(format!(
                    "At {at} checkpoint {id} is complete and retained. But the snapshot of {task} to which it refers {what}. So \
                     the store cannot give back what it promised to keep."
                ));
            }
            if known.is_none() {
                self.checked += 1;
                let snapshots = handles.map(|handle| handle.and_then(|handle| store.get(handle).cloned()));
                self.consists_of.insert(id, snapshots.collect());
            }
        }
        None
    }

    /// A file to which a retained checkpoint refers is not there, or not what it was.
    fn altered_file(&mut self, world: &World) -> Option<String> {
        let store = world.store();
        let mut files = BTreeMap::new();
        // Of those that hold the log alone nobody needs the state.
        let tasks = world.topology().tasks.len();
        let snapshots = self.consists_of.iter();
        let snapshots = snapshots
            .flat_map(|(id, found)| found.iter().take(tasks).flatten().map(move |snapshot| (id, snapshot)));
        for (id, snapshot) in snapshots {
            for part in &snapshot.parts {
                let what = match (store.file(part.handle), self.files.get(&part.handle)) {
                    (None, None) => "was never in the store, or had been deleted before",
                    (None, Some(_)) => "has been deleted",
                    (Some(now), Some(was)) if !Arc::ptr_eq(now, was) => "has been replaced by another",
                    (Some(now), _) => {
                        files.insert(part.handle, Arc::clone(now));
                        continue;
                    }
                };
                return Some(format!(
                    "At {} checkpoint {id} is complete and retained. But a file of {} bytes, part of the state of {}, to which it \
                     refers {what}. So the store cannot give back what it promised to keep.",
                    show_time(world.now()),
                    part.bytes,
                    world.topology().task_name(snapshot.task)
                ));
            }
        }
        self.files = files;
        None
    }

    /// A checkpoint is there that should have been subsumed.
    fn surplus(&self, world: &World) -> Option<String> {
        let id = world.store().completed().find(|id| !self.newest.contains(id))?;
        Some(format!(
            "At {} the store still holds checkpoint {id}. But {} newer ones have completed, and no more are to be retained.",
            show_time(world.now()),
            self.newest.len()
        ))
    }

    /// A task's own snapshot is left that no line can contain any more.
    fn behind(&self, world: &World) -> Option<String> {
        let store = world.store();
        let newest = store.manifest(store.completed().next_back()?)?;
        let mut snapshots = store.objects().filter_map(|(handle, object)| match object {
            Object::Snapshot(snapshot) => Some((handle, snapshot)),
            Object::File(_) => None,
        });
        let (handle, left) = snapshots.find(|&(handle, snapshot)| {
            let TaskSnapshot { id, task, attempt, .. } = **snapshot;
            let on_the_line = newest[task.index()];
            on_the_line.is_some_and(|line| handle < line)
                && !store.is_referenced(handle)
                && self.acknowledged.contains(&(id, task, attempt))
        })?;
        Some(format!(
            "At the end the store holds checkpoint {} of {}. The newest line has a newer one of that task, and lines only move \
             forward; no line refers to it for the log either. The coordinator knew of it, for it received the acknowledgement; but it \
             never discarded it (snapshot {:#x}).",
            left.id,
            world.topology().task_name(left.task),
            handle.0
        ))
    }

    /// Something is left of a checkpoint that was given up.
    fn rubbish(&self, world: &World) -> Option<String> {
        let (what, left) = world.store().unreferenced().find_map(|object| {
            let (what, id, task, attempt) = match object {
                Object::Snapshot(of) => ("snapshot", Some(of.id), of.task, of.attempt),
                Object::File(of) => ("file", of.checkpoint, of.task, of.attempt),
            };
            let left = (id?, task, attempt);
            (self.given_up.contains(&left.0) && self.acknowledged.contains(&left)).then_some((what, left))
        })?;
        Some(format!(
            "At the end the store holds a {what} of {} for checkpoint {}. That checkpoint was given up, and no other refers to \
             the {what}. The coordinator knew of it, for it received the acknowledgement; but it never discarded it.",
            world.topology().task_name(left.1),
            left.0
        ))
    }
}
