//! The durable object store: snapshots of tasks, the files of their state, and the metadata of checkpoints.
//!
//! The model: an object appears whole, at the end of its write, or not at all; a checkpoint exists when its metadata object
//! has been written, and not before. A write or read takes the latency plus the size over the bandwidth
//! ([`StoreConfig`]); requests do not slow each other down. A fault can fail writes or make them slower. Not modelled yet:
//! torn, corrupted, lost and stale objects, so objects carry no checksums.
//!
//! **References.** The metadata of a checkpoint name a snapshot per task, and a snapshot names [the files](TaskSnapshot::parts) in
//! which its state stands (Flink: `SharedStateRegistry`). An object is counted once for every checkpoint that leads to it,
//! from the moment when the metadata are sent; it goes when a checkpoint goes with which its last reference goes. What no
//! checkpoint leads to goes when its checkpoint is given up, and at the latest at the next restore.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::StateFile;
use crate::config::StoreConfig;
use crate::ids::CheckpointId;
use crate::protocol::Handle;
use crate::reusable;
use crate::snapshot::TaskSnapshot;
use crate::time::{FAR, SECOND, Time};

/// A completed checkpoint: which snapshots it consists of, one per task.
pub type Manifest = Arc<[Option<Handle>]>;

/// Something in the store.
#[derive(Clone, Debug, Hash)]
pub enum Object {
    /// One task's part of a checkpoint.
    Snapshot(Arc<TaskSnapshot>),
    /// A file of a task's state.
    File(Arc<StateFile>),
}

impl Object {
    /// The objects without which this one is of no use.
    fn refers_to(&self) -> impl Iterator<Item = Handle> + '_ {
        let parts = match self {
            Object::Snapshot(snapshot) => snapshot.parts.as_slice(),
            Object::File(_) => &[],
        };
        parts.iter().map(|part| part.handle)
    }
}

/// What a checkpoint leads to: its snapshots, and all that they refer to.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Held {
    pub manifest: Manifest,
    /// The snapshots that hold what was in transit, if channels are in a log.
    pub log: Arc<[Handle]>,
    objects: Arc<[Handle]>,
}

reusable! {
    /// The store.
    #[derive(Debug, Default, Hash)]
    pub struct Store {
        objects: BTreeMap<Handle, Object>,
        /// How many checkpoints, complete or about to be, lead to an object. It counts names, not objects: what is named
        /// may never have been written.
        references: BTreeMap<Handle, u32>,
        completed: BTreeMap<CheckpointId, Held>,
    }
}

impl Store {
    /// How long a write of so many bytes takes.
    pub fn write_time(config: &StoreConfig, bytes: u64) -> Time {
        config.latency + transfer(bytes, config.write_bandwidth)
    }

    /// How long a read of so many bytes takes.
    pub fn read_time(config: &StoreConfig, bytes: u64) -> Time {
        config.latency + transfer(bytes, config.read_bandwidth)
    }

    /// An object is now durable.
    pub(crate) fn put(&mut self, handle: Handle, object: Object) {
        self.objects.insert(handle, object);
    }

    /// Reads a snapshot; `None` if there is no such object.
    pub fn get(&self, handle: Handle) -> Option<&Arc<TaskSnapshot>> {
        match self.objects.get(&handle)? {
            Object::Snapshot(snapshot) => Some(snapshot),
            Object::File(_) => None,
        }
    }

    /// Reads a file; `None` if there is no such object.
    pub fn file(&self, handle: Handle) -> Option<&Arc<StateFile>> {
        match self.objects.get(&handle)? {
            Object::File(file) => Some(file),
            Object::Snapshot(_) => None,
        }
    }

    /// The metadata of a checkpoint are about to be written: what they lead to must not go, whatever else is given up.
    pub(crate) fn refer(&mut self, manifest: Manifest, log: &Arc<[Handle]>) -> Held {
        let snapshots = manifest.iter().copied().flatten();
        let parts = snapshots.clone().filter_map(|handle| self.objects.get(&handle));
        let objects: Arc<[Handle]> =
            snapshots.chain(parts.flat_map(Object::refers_to)).chain(log.iter().copied()).collect();
        for &handle in objects.iter() {
            *self.references.entry(handle).or_insert(0) += 1;
        }
        Held { manifest, log: Arc::clone(log), objects }
    }

    /// True if only one checkpoint leads to an object.
    pub(crate) fn is_new(&self, handle: Handle) -> bool {
        self.references.get(&handle) == Some(&1)
    }

    /// The metadata of a checkpoint are not there (any more): what only they led to is free to go.
    pub(crate) fn release(&mut self, held: &Held) {
        for handle in held.objects.iter() {
            if let Some(references) = self.references.get_mut(handle) {
                *references -= 1;
                if *references == 0 {
                    self.references.remove(handle);
                }
            }
        }
    }

    /// The metadata of a checkpoint are now durable: it exists. They were announced by [`Store::refer`].
    pub(crate) fn complete(&mut self, id: CheckpointId, held: Held) {
        self.completed.insert(id, held);
    }

    /// The snapshots that hold what was in transit at a completed checkpoint whose channels are in a log.
    pub fn log(&self, id: CheckpointId) -> &[Handle] {
        self.completed.get(&id).map_or(&[], |held| &held.log)
    }

    /// A snapshot and the older ones of its task that are stored, newest first.
    pub(crate) fn back_from(&self, handle: Handle) -> impl Iterator<Item = (Handle, &Arc<TaskSnapshot>)> {
        let first = Handle::of(handle.task(), 0);
        self.objects.range(first..=handle).rev().filter_map(|(&handle, object)| match object {
            Object::Snapshot(snapshot) => Some((handle, snapshot)),
            Object::File(_) => None,
        })
    }

    /// The snapshots of a completed checkpoint.
    pub fn manifest(&self, id: CheckpointId) -> Option<&Manifest> {
        self.completed.get(&id).map(|held| &held.manifest)
    }

    /// The completed checkpoints that are retained, oldest first.
    pub fn completed(&self) -> impl DoubleEndedIterator<Item = CheckpointId> + '_ {
        self.completed.keys().copied()
    }

    /// Deletes a completed checkpoint, and of the objects that it led to those which may go, given how many other checkpoints
    /// lead there.
    pub(crate) fn subsume(&mut self, id: CheckpointId, may_go: impl Fn(u32) -> bool) {
        let Some(held) = self.completed.remove(&id) else { return };
        self.release(&held);
        for handle in held.objects.iter() {
            if may_go(self.references.get(handle).copied().unwrap_or(0)) {
                self.objects.remove(handle);
            }
        }
    }

    /// Deletes an object if no checkpoint leads to it, and with a snapshot the files that were written for it alone.
    pub(crate) fn discard(&mut self, handle: Handle) {
        if self.references.contains_key(&handle) {
            return;
        }
        let Some(Object::Snapshot(snapshot)) = self.objects.remove(&handle) else { return };
        for part in &snapshot.parts {
            let its_own = self.file(part.handle).is_some_and(|file| file.checkpoint == Some(snapshot.id));
            if its_own {
                self.discard(part.handle);
            }
        }
    }

    /// Deletes every object to which no checkpoint leads: after a failover they are of no use to anyone.
    pub(crate) fn discard_unreferenced(&mut self) {
        self.objects.retain(|handle, _| self.references.contains_key(handle));
    }

    /// All stored objects, by handle.
    pub fn objects(&self) -> impl Iterator<Item = (Handle, &Object)> + '_ {
        self.objects.iter().map(|(&handle, object)| (handle, object))
    }

    /// True if a checkpoint leads to an object.
    pub fn is_referenced(&self, handle: Handle) -> bool {
        self.references.contains_key(&handle)
    }

    /// The stored objects to which no checkpoint leads.
    pub fn unreferenced(&self) -> impl Iterator<Item = &Object> + '_ {
        let refers = |handle: &Handle| self.references.contains_key(handle);
        self.objects.iter().filter(move |(handle, _)| !refers(handle)).map(|(_, object)| object)
    }

    /// What a completed checkpoint leads to: its snapshots, and the files that they refer to.
    pub fn leads_to(&self, id: CheckpointId) -> impl Iterator<Item = (Handle, Option<&Object>)> + '_ {
        let held = self.completed.get(&id);
        let handles = held.into_iter().flat_map(|held| held.objects.iter().copied());
        handles.map(|handle| (handle, self.objects.get(&handle)))
    }

    /// The number of stored objects.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

fn transfer(bytes: u64, bandwidth: u64) -> Time {
    match u128::from(bytes) * u128::from(SECOND) {
        _ if bandwidth == 0 => 0,
        total => u64::try_from(total / u128::from(bandwidth)).unwrap_or(FAR).min(FAR),
    }
}
