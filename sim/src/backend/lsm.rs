//! A log-structured merge tree (Flink: `EmbeddedRocksDBStateBackend`; O'Neil et al. 1996).
//!
//! Changes collect in the *memtable*. A snapshot flushes it into a file of level 0: sorted, immutable, with a tombstone for
//! what was removed. A *run* is such a file; runs stand in the order of their age, the deepest level first. When level 0 has as
//! many runs as `level0-file-num-compaction-trigger` says they are merged with the run of level 1 into a new one; when the
//! run of a level has outgrown its limit it is merged into the next level, whose limit is ten times as large. Merging keeps what is newest of
//! every entry. A tombstone goes when there is nothing older that it could hide.
//!
//! A compaction goes on beside the task. It is carried out when a snapshot asks what there is, in the form that it has by then:
//! what has ended is there, and what has not is not.
//!
//! The incremental method uploads the runs that are not [shared](super::shares), the method *full-files* all of them, stale versions
//! too, as Flink does when it takes a full checkpoint of this backend's files.
//!
//! Not modelled: RocksDB cuts the run of a level into files of 64 MiB and merges them one at a time, which moves as many bytes
//! on average in smaller portions; blocks, filters, caches, compression.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::shares::{FileNumber, Shares};
use super::{Backend, BackendCtx, Part, Saved, StateFile};
use crate::ids::CheckpointId;
use crate::protocol::Handle;
use crate::state::{Changes, KeyedState, Update, newest_of_each};
use crate::time::{FAR, SECOND, Time};

/// How much more a level may hold than the one above it (RocksDB: `max_bytes_for_level_multiplier`).
const LEVEL_RATIO: u64 = 10;

/// A run: a file, where it stands, and what the task calls it.
#[derive(Clone, Debug, Hash)]
struct Run {
    number: FileNumber,
    level: u32,
    file: Arc<StateFile>,
}

/// A compaction that goes on: the runs from `first` to `last` become one of a level.
#[derive(Clone, Copy, Debug, Hash)]
struct Compaction {
    first: FileNumber,
    last: FileNumber,
    into: u32,
    until: Time,
}

/// The tree of one task.
#[derive(Clone, Debug, Default, Hash)]
pub struct Lsm {
    /// True if files of completed checkpoints are shared.
    incremental: bool,
    /// All runs, oldest first.
    runs: Vec<Run>,
    compaction: Option<Compaction>,
    shares: Shares,
    /// The number of the newest file.
    newest: FileNumber,
}

impl Lsm {
    /// The empty tree.
    pub fn new(incremental: bool) -> Lsm {
        Lsm { incremental, ..Lsm::default() }
    }

    fn number(&mut self) -> FileNumber {
        self.newest += 1;
        self.newest
    }

    /// Adds a run of entries, the youngest.
    fn push(&mut self, cx: &BackendCtx<'_>, level: u32, entries: Vec<Update>, more_bytes: u64) {
        let bytes = cx.size(entries.len() as u64).saturating_add(more_bytes);
        let (number, file) = (self.number(), cx.file(None, entries, bytes));
        self.runs.push(Run { number, level, file });
    }

    /// Makes one run of several that follow each other.
    fn merge(&mut self, cx: &BackendCtx<'_>, first: FileNumber, last: FileNumber, into: u32) {
        let place = |number| self.runs.iter().position(|run| run.number == number);
        let (Some(from), Some(to)) = (place(first), place(last)) else { return };
        let merged = &self.runs[from..=to];
        let more_bytes = merged.iter().map(|run| base_of(cx, &run.file)).fold(0, u64::saturating_add);
        let entries = merged.iter().flat_map(|run| run.file.entries.iter().copied()).collect();
        let mut entries = newest_of_each(entries);
        if from == 0 {
            entries.retain(|(_, value)| value.is_some());
        }
        let bytes = cx.size(entries.len() as u64).saturating_add(more_bytes);
        let run = Run { number: self.number(), level: into, file: cx.file(None, entries, bytes) };
        self.runs.splice(from..=to, [run]);
    }

    /// Ends the compactions that have ended by now, and begins those that are due.
    fn compact(&mut self, cx: &BackendCtx<'_>) {
        let mut begins = cx.now;
        loop {
            if let Some(Compaction { first, last, into, until }) = self.compaction {
                if until > cx.now {
                    return;
                }
                self.merge(cx, first, last, into);
                begins = until;
            }
            self.compaction = self.due(cx, begins);
            if self.compaction.is_none() {
                return;
            }
        }
    }

    /// The compaction to begin at an instant.
    fn due(&self, cx: &BackendCtx<'_>, now: Time) -> Option<Compaction> {
        let young = self.runs.iter().filter(|run| run.level == 0).count();
        let into = match young >= cx.costs.level0_trigger.max(1) as usize {
            true => 1,
            false => self.runs.iter().find(|run| run.file.bytes > limit(cx, run.level))?.level + 1,
        };
        let mut merged = self.runs.iter().filter(|run| run.level + 1 == into || run.level == into);
        let first = merged.next()?;
        let rest = merged.clone().map(|run| run.file.bytes);
        let bytes = rest.fold(first.file.bytes, u64::saturating_add);
        let until = now.saturating_add(time(bytes, cx.costs.compaction_bandwidth));
        Some(Compaction {
            first: first.number,
            last: merged.next_back().unwrap_or(first).number,
            into,
            until,
        })
    }
}

/// The bytes of a file that stand for no entry of it.
fn base_of(cx: &BackendCtx<'_>, file: &StateFile) -> u64 {
    file.bytes.saturating_sub(cx.size(file.entries.len() as u64))
}

/// How large the run of a level may be; level 0 goes by the number of its runs.
fn limit(cx: &BackendCtx<'_>, level: u32) -> u64 {
    match level {
        0 => u64::MAX,
        _ => cx.costs.level1_bytes.saturating_mul(LEVEL_RATIO.saturating_pow(level - 1)),
    }
}

fn time(bytes: u64, bandwidth: u64) -> Time {
    match bandwidth {
        0 => 0,
        _ => u64::try_from(u128::from(bytes) * u128::from(SECOND) / u128::from(bandwidth))
            .unwrap_or(FAR)
            .min(FAR),
    }
}

impl Backend for Lsm {
    fn notes_changes(&self) -> bool {
        true
    }

    fn restore(
        &mut self,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        *self = Lsm::new(self.incremental);
        let entries = state.keyed_entries();
        if files.is_empty() && (cx.base_bytes > 0 || !entries.is_empty()) {
            // From nothing, or from what stands in a savepoint.
            let bytes = cx.size(entries.len() as u64).saturating_add(cx.base_bytes);
            let level = (1..u32::MAX).find(|&level| bytes <= limit(cx, level)).unwrap_or(1);
            self.push(cx, level, entries, cx.base_bytes);
        }
        let mut known = Vec::new();
        for (part, file) in files {
            file.entries.iter().for_each(|update| state.apply(update));
            let run = Run { number: self.number(), level: part.level, file: Arc::clone(file) };
            known.push((run.number, part.handle));
            self.runs.push(run);
        }
        self.shares = Shares::restored(snapshot, known);
        0
    }

    fn save(
        &mut self,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        self.compact(cx);
        let entries = changes.into_sorted();
        let copied = cx.size(entries.len() as u64);
        if !entries.is_empty() {
            self.push(cx, 0, entries, 0);
        }
        let state = state.without_keyed();
        let mut saved = Saved { copied, ..Saved::whole(state, 0) };
        saved.bytes = cx.size(saved.state.len() as u64);
        let mut files = Vec::new();
        for run in &self.runs {
            let shared = self.shares.name_of(run.number).filter(|_| self.incremental);
            let handle = shared.unwrap_or_else(|| cx.name());
            if shared.is_none() {
                let file = cx.file(Some(id), Arc::clone(&run.file.entries), run.file.bytes);
                saved.new.push((handle, file));
            }
            saved.parts.push(Part { handle, level: run.level, bytes: run.file.bytes });
            files.push((run.number, handle));
        }
        self.shares.taken(id, files);
        self.compact(cx);
        saved
    }

    fn completed(&mut self, id: CheckpointId) -> Vec<Handle> {
        self.shares.completed(id);
        Vec::new()
    }

    fn given_up(&mut self, id: CheckpointId) {
        self.shares.given_up(id);
    }

    fn clone_box(&self) -> Box<dyn Backend> {
        Box::new(self.clone())
    }

    fn hash_into(&self, mut into: &mut dyn Hasher) {
        self.hash(&mut into);
    }
}

#[cfg(test)]
mod tests;
