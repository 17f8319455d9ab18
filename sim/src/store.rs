//! The durable object store: snapshots of tasks, and the metadata of checkpoints.
//!
//! The model: an object appears whole, at the end of its write, or not at all; a checkpoint exists when its metadata object
//! has been written, and not before. A write or read takes the latency plus the size over the bandwidth
//! ([`StoreConfig`]); requests do not slow each other down. A fault can fail writes or make them slower. Not modelled yet:
//! torn, corrupted, lost and stale objects, so objects carry no checksums.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::StoreConfig;
use crate::ids::CheckpointId;
use crate::protocol::Handle;
use crate::reusable;
use crate::snapshot::TaskSnapshot;
use crate::time::{FAR, SECOND, Time};

/// A completed checkpoint: which snapshots it consists of, one per task.
pub type Manifest = Arc<[Option<Handle>]>;

reusable! {
    /// The store.
    #[derive(Debug, Default)]
    pub struct Store {
        objects: BTreeMap<Handle, Arc<TaskSnapshot>>,
        /// How many checkpoints, complete or about to be, refer to a snapshot. It counts names, not objects: what is named
        /// may never have been written.
        references: BTreeMap<Handle, u32>,
        manifests: BTreeMap<CheckpointId, Manifest>,
        /// The snapshots that hold what was in transit, of those completed checkpoints whose channels are in a log.
        logs: BTreeMap<CheckpointId, Arc<[Handle]>>,
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

    /// A snapshot is now durable.
    pub(crate) fn put(&mut self, handle: Handle, snapshot: Arc<TaskSnapshot>) {
        self.objects.insert(handle, snapshot);
    }

    /// Reads a snapshot; `None` if there is no such object.
    pub fn get(&self, handle: Handle) -> Option<&Arc<TaskSnapshot>> {
        self.objects.get(&handle)
    }

    /// The metadata of a checkpoint are about to be written: what they refer to must not go, whatever else is given up.
    pub(crate) fn refer(&mut self, manifest: &Manifest, log: &[Handle]) {
        for &handle in manifest.iter().flatten().chain(log) {
            *self.references.entry(handle).or_insert(0) += 1;
        }
    }

    /// The metadata of a checkpoint are not there (any more): what only they referred to is free to go.
    pub(crate) fn release(&mut self, manifest: &Manifest, log: &[Handle]) {
        for handle in manifest.iter().flatten().chain(log) {
            if let Some(references) = self.references.get_mut(handle) {
                *references -= 1;
                if *references == 0 {
                    self.references.remove(handle);
                }
            }
        }
    }

    /// The metadata of a checkpoint are now durable: it exists. They were announced by [`Store::refer`].
    pub(crate) fn complete(&mut self, id: CheckpointId, manifest: Manifest, log: Arc<[Handle]>) {
        self.manifests.insert(id, manifest);
        if !log.is_empty() {
            self.logs.insert(id, log);
        }
    }

    /// The snapshots that hold what was in transit at a completed checkpoint whose channels are in a log.
    pub fn log(&self, id: CheckpointId) -> &[Handle] {
        self.logs.get(&id).map_or(&[], |log| log)
    }

    /// A snapshot and the older ones of its task that are stored, newest first.
    pub(crate) fn back_from(&self, handle: Handle) -> impl Iterator<Item = (Handle, &Arc<TaskSnapshot>)> {
        let first = Handle::of(handle.task(), 0);
        self.objects.range(first..=handle).rev().map(|(&handle, snapshot)| (handle, snapshot))
    }

    /// The snapshots of a completed checkpoint.
    pub fn manifest(&self, id: CheckpointId) -> Option<&Manifest> {
        self.manifests.get(&id)
    }

    /// The completed checkpoints that are retained, oldest first.
    pub fn completed(&self) -> impl DoubleEndedIterator<Item = CheckpointId> + '_ {
        self.manifests.keys().copied()
    }

    /// Deletes a completed checkpoint, and the snapshots that no other one refers to.
    pub(crate) fn subsume(&mut self, id: CheckpointId) {
        let Some(manifest) = self.manifests.remove(&id) else { return };
        let log = self.logs.remove(&id).unwrap_or_default();
        self.release(&manifest, &log);
        manifest.iter().flatten().chain(log.iter()).for_each(|&handle| self.discard(handle));
    }

    /// Deletes a snapshot if no checkpoint refers to it.
    pub(crate) fn discard(&mut self, handle: Handle) {
        if !self.references.contains_key(&handle) {
            self.objects.remove(&handle);
        }
    }

    /// Deletes every snapshot that no checkpoint refers to: after a failover they are of no use to anyone.
    pub(crate) fn discard_unreferenced(&mut self) {
        self.objects.retain(|handle, _| self.references.contains_key(handle));
    }

    /// All stored snapshots, by handle.
    pub fn objects(&self) -> impl Iterator<Item = (Handle, &Arc<TaskSnapshot>)> + '_ {
        self.objects.iter().map(|(&handle, snapshot)| (handle, snapshot))
    }

    /// True if a checkpoint refers to a snapshot.
    pub fn is_referenced(&self, handle: Handle) -> bool {
        self.references.contains_key(&handle)
    }

    /// The stored snapshots to which no checkpoint refers.
    pub fn unreferenced(&self) -> impl Iterator<Item = &Arc<TaskSnapshot>> + '_ {
        let refers = |handle: &Handle| self.references.contains_key(handle);
        self.objects.iter().filter(move |(handle, _)| !refers(handle)).map(|(_, snapshot)| snapshot)
    }

    /// The number of stored snapshots.
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
