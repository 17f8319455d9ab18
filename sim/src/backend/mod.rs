//! State backends: how a task's state reaches the store, and how it comes back.
//!
//! A task works on a [`KeyedState`] in memory, whatever its backend. When a snapshot is taken the backend says what is written:
//! what stands in the snapshot itself, and [files](StateFile) that the snapshot refers to. New files are written for this
//! snapshot, others are shared with older ones. A restore reads the snapshot and its files, and nothing else: the state is put
//! together from them, oldest first, and what a newer file says of an entry counts. So the oracles that judge restores judge the
//! backend.
//!
//! - [`heap`]: the whole state stands in the snapshot.
//! - [`lsm`]: a log-structured merge tree, whose immutable files are shared between checkpoints, or not.
//! - [`changelog`]: a log of all changes, and now and then the whole state.
//!
//! What has no key (lists, broadcast state, the watermark, the positions of a source) stands in the snapshot with every method, as in
//! Flink.
//!
//! A backend is a state machine without clock, randomness or I/O, as a cut protocol is. What it shares it must have been told
//! to be safe: the store keeps what completed checkpoints refer to, and nothing else ([`shares`](shares::Shares)).
//!
//! # What a snapshot costs
//!
//! This is the only place that says so. The numbers stand in [`StoreConfig`](crate::config::StoreConfig) and
//! [`SnapshotCosts`]:
//!
//! | key of a scenario | default |
//! |---|---|
//! | `cluster.store.latency`, `write-bandwidth`, `read-bandwidth` | 2 ms, 200 MiB/s, 200 MiB/s |
//! | `cluster.costs.snapshot-sync`, `snapshot-copy-per-mib` | 1 ms, 1 ms |
//! | `cluster.costs.compaction-bandwidth` | 100 MiB/s |
//! | `cluster.costs.log-replay-per-mib` | 200 ms (what the published recoveries of a changelog come to) |
//! | `state.backend.rocksdb.compaction.level.level0-file-num-trigger` | 4, as in RocksDB |
//! | `state.backend.rocksdb.compaction.level.max-size-level-base` | 256 MiB, and ten times as much per level, as in RocksDB |
//! | `state.changelog.periodic-materialize.interval` | 10 min, as in Flink |
//!
//! - **Synchronous part**: `snapshot-sync`, and `snapshot-copy-per-mib` for what is copied meanwhile. With *full-sync* that is the
//!   whole state, and the task stands still until the state is in the store. With *full-async* nothing is copied: the state is
//!   copy-on-write, as in Flink's heap backend. An entry that changes while the snapshot is being written is copied by whoever changes it;
//!   the model takes the state as it was at the instant of the snapshot, and does not charge that copy to the record that causes
//!   it. With *incremental* and *full-files* the memtable is flushed, so the entries that have changed are copied; with *changelog*
//!   nothing is.
//! - **Asynchronous part**: the new files are written one after the other without a pause, then the snapshot: the store's
//!   latency once, and all bytes over `write-bandwidth`. Each of them appears at its own end, and can fail.
//! - **Sizes**: an entry has the size that its operator says, 24 bytes by default ([`ENTRY_BYTES`](crate::state::ENTRY_BYTES)). An
//!   operator's `state-bytes` stand for entries that never change: with full methods they are written every time; the tree has
//!   them in a file that is written once and shared until a compaction merges it; the log has them at its beginning until a
//!   materialisation replaces it. The *checkpointed data size* is what was written for a checkpoint, the *full checkpoint data size*
//!   is all that it refers to, stale versions included.
//! - **Compaction** goes on beside the task: it takes the bytes that it reads over `compaction-bandwidth`, and costs the task
//!   nothing. Its files are local until a snapshot uploads them.
//! - **Materialisation** goes on beside the task: the whole state is written at the store's pace, from the end of the synchronous part.
//! - **Restore**: one latency, and the full size over `read-bandwidth`. What stands in a log is besides applied one by one, which
//!   takes `log-replay-per-mib`.
//!
//! Not modelled: a memtable that fills up between two checkpoints; writes that stall behind a compaction; parallel transfers of one
//! task; local copies that make a restore faster; Flink's batching of several tasks' log in one file.

pub mod changelog;
pub mod heap;
pub mod lsm;
pub mod shares;

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::SnapshotCosts;
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::protocol::{Handle, SnapshotMethod};
use crate::state::{Changes, KeyedState, Update};
use crate::time::Time;

/// A file of a task's state. Immutable.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct StateFile {
    /// The task.
    pub task: TaskId,
    /// The attempt in which it was made.
    pub attempt: Attempt,
    /// The checkpoint that it was written for; `None` for one that was written for whatever checkpoints follow.
    pub checkpoint: Option<CheckpointId>,
    /// What entries hold, by entry, each at most once. A file overrides older ones.
    pub entries: Arc<[Update]>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A file that a snapshot refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the store.
    pub handle: Handle,
    /// Its level: 0 for what is young, a larger number for what holds everything older.
    pub level: u32,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What a backend may look at, and how it names files.
#[derive(Debug)]
pub struct BackendCtx<'a> {
    /// The task.
    pub task: TaskId,
    /// The present attempt.
    pub attempt: Attempt,
    /// The present instant.
    pub now: Time,
    /// What things cost, and when they are done.
    pub costs: &'a SnapshotCosts,
    /// The size of an entry in bytes.
    pub entry_bytes: u64,
    /// The size in bytes of what never changes.
    pub base_bytes: u64,
    /// How many names the task has given so far.
    pub names: &'a mut u32,
}

/// A name that nothing else in the store has or had, given how many the task has given so far.
pub(crate) fn next_name(task: TaskId, names: &mut u32) -> Handle {
    *names += 1;
    Handle(u64::from(task.0) << 32 | u64::from(*names))
}

impl BackendCtx<'_> {
    /// A name that nothing else in the store has or had.
    pub fn name(&mut self) -> Handle {
        next_name(self.task, self.names)
    }

    /// The size of so many entries.
    pub fn size(&self, entries: u64) -> u64 {
        entries.saturating_mul(self.entry_bytes)
    }

    /// A file of this task.
    pub fn file(
        &self,
        checkpoint: Option<CheckpointId>,
        entries: impl Into<Arc<[Update]>>,
        bytes: u64,
    ) -> Arc<StateFile> {
        let (task, attempt, entries) = (self.task, self.attempt, entries.into());
        Arc::new(StateFile { task, attempt, checkpoint, entries, bytes })
    }
}

/// What a backend makes of a task's state for a snapshot.
#[derive(Debug)]
pub struct Saved {
    /// What stands in the snapshot itself, and its size.
    pub state: KeyedState,
    /// The size of that in bytes.
    pub bytes: u64,
    /// The files that hold the rest, oldest first.
    pub parts: Vec<Part>,
    /// Those of them that are to be written, in this order.
    pub new: Vec<(Handle, Arc<StateFile>)>,
    /// A file that is to be written beside the snapshot, which does not wait for it: see [`Backend::stored`].
    pub beside: Option<(Handle, Arc<StateFile>)>,
    /// Bytes of state copied in the synchronous part.
    pub copied: u64,
    /// True if the task stands still until the snapshot is in the store.
    pub waits: bool,
}

impl Saved {
    /// Everything stands in the snapshot.
    pub fn whole(state: KeyedState, bytes: u64) -> Saved {
        Saved { state, bytes, parts: Vec::new(), new: Vec::new(), beside: None, copied: 0, waits: false }
    }
}

/// How one task's state reaches the store.
pub trait Backend: fmt::Debug + Send + Sync {
    /// True if the state is to note what changes in it.
    fn notes_changes(&self) -> bool;

    /// The task begins with what a snapshot holds: `state` is what stands in the snapshot itself (or the empty state, if there is no
    /// snapshot), and the files are added to it, oldest first. Returns how many bytes were applied one by one.
    fn restore(
        &mut self,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64;

    /// The snapshot of a checkpoint is being taken; given is also what has changed since the last one.
    fn save(
        &mut self,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved;

    /// The file that was written beside a snapshot is in the store, or could not be written.
    fn stored(&mut self, _file: Handle, _fine: bool) {}

    /// A checkpoint for which a snapshot was taken here is complete: what it refers to is safe. Returns files that are of no use
    /// any more, unless a checkpoint refers to them.
    fn completed(&mut self, _id: CheckpointId) -> Vec<Handle> {
        Vec::new()
    }

    /// The snapshot of this checkpoint is of no use.
    fn given_up(&mut self, _id: CheckpointId) {}

    /// Whether an object of a checkpoint that is deleted may go with it, if so many other checkpoints lead to it.
    fn may_go(&self, references: u32) -> bool {
        references == 0
    }

    /// A copy.
    fn clone_box(&self) -> Box<dyn Backend>;

    /// Hashes all that it holds.
    fn hash_into(&self, into: &mut dyn Hasher);
}

impl Hash for dyn Backend {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.hash_into(into);
    }
}

impl Clone for Box<dyn Backend> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

impl Default for Box<dyn Backend> {
    fn default() -> Self {
        Box::new(heap::Heap::<false>)
    }
}

/// The backend of a snapshot method, for a task that has not begun.
pub fn of(method: SnapshotMethod) -> Box<dyn Backend> {
    match method {
        SnapshotMethod::FullSync => Box::new(heap::Heap::<true>),
        SnapshotMethod::FullAsync => Box::new(heap::Heap::<false>),
        SnapshotMethod::FullFiles => Box::new(lsm::Lsm::new(false)),
        SnapshotMethod::Incremental => Box::new(lsm::Lsm::new(true)),
        SnapshotMethod::Changelog => Box::new(changelog::Changelog::default()),
    }
}
