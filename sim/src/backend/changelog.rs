//! A changelog (Flink FLIP-158: *Generalized incremental checkpoints*, `ChangelogKeyedStateBackend`).
//!
//! Every change of the state is appended to a log. A snapshot flushes the tail of the log, all that no completed checkpoint
//! refers to yet, as one segment. So a checkpoint writes what has changed and never more, and nothing is ever rewritten for its sake.
//!
//! Now and then (`state.changelog.periodic-materialize.interval`) the state is *materialised*: written whole, beside the snapshot
//! with which it begins. When that is in the store, snapshots refer to it and to the log from the instant on at which it was taken, half-open:
//! what was appended before belongs to it, what was appended since to the log. What no checkpoint refers to any more goes
//! from the store; so is the log truncated.
//!
//! A restore reads the materialised state, and applies the log to it in order. An update says what an entry holds, not what
//! was done to it (FLINK-26062), so it does no harm if a segment reaches back behind the materialisation.
//!
//! Not modelled: the tail is not uploaded before a checkpoint asks for it (Flink does so from 5 MB on); a materialisation that
//! is incremental itself.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::shares::{FileNumber, Shares};
use super::{Backend, BackendCtx, Part, Saved, StateFile};
use crate::ids::CheckpointId;
use crate::protocol::Handle;
use crate::state::{Changes, KeyedState, Update, newest_of_each};
use crate::time::Time;

/// The level of a part of the log.
const LOG: u32 = 0;

/// The level of the whole state.
const MATERIALIZED: u32 = 1;

/// A stretch of the log: what was appended from one position up to another, without that.
#[derive(Clone, Debug, Hash)]
struct Stretch {
    to: u64,
    entries: Arc<[Update]>,
    bytes: u64,
}

/// A file with a stretch of the log, up to a position.
#[derive(Clone, Copy, Debug, Hash)]
struct Segment {
    number: FileNumber,
    to: u64,
    bytes: u64,
}

/// The whole state as of a position of the log.
#[derive(Clone, Copy, Debug, Hash)]
struct Materialized {
    number: FileNumber,
    handle: Handle,
    to: u64,
    bytes: u64,
}

/// The log of one task.
#[derive(Clone, Debug, Default, Hash)]
pub struct Changelog {
    /// The position of the next change.
    end: u64,
    /// What snapshots refer to, oldest first; some of it overlaps.
    segments: Vec<Segment>,
    /// What was appended since what can be shared ends, and perhaps a little from before.
    tail: Vec<Stretch>,
    /// The newest materialisation in the store, the one on its way, and those that newer ones have replaced.
    materialized: Option<Materialized>,
    materializing: Option<Materialized>,
    replaced: Vec<Handle>,
    /// When the next one is due.
    due: Time,
    shares: Shares,
    /// The number of the newest file.
    newest: FileNumber,
}

impl Changelog {
    fn number(&mut self) -> FileNumber {
        self.newest += 1;
        self.newest
    }

    fn append(&mut self, changes: u64, entries: Vec<Update>, bytes: u64) {
        self.end += changes;
        self.tail.push(Stretch { to: self.end, entries: entries.into(), bytes });
    }

    /// The tail from a position on, as one stretch.
    fn flush(&mut self, from: u64) -> Stretch {
        self.tail.retain(|stretch| stretch.to > from);
        let entries = self.tail.iter().flat_map(|stretch| stretch.entries.iter().copied()).collect();
        let bytes = self.tail.iter().fold(0, |sum, stretch| stretch.bytes.saturating_add(sum));
        Stretch { to: self.end, entries: newest_of_each(entries).into(), bytes }
    }

    /// Begins to write the whole state.
    fn materialize(&mut self, cx: &mut BackendCtx<'_>, state: &KeyedState) -> (Handle, Arc<StateFile>) {
        let entries = state.keyed_entries();
        let bytes = cx.size(entries.len() as u64).saturating_add(cx.base_bytes);
        let (number, handle) = (self.number(), cx.name());
        self.materializing = Some(Materialized { number, handle, to: self.end, bytes });
        self.due = cx.now.saturating_add(cx.costs.materialization_interval);
        (handle, cx.file(None, entries, bytes))
    }
}

impl Backend for Changelog {
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
        *self = Changelog {
            due: cx.now.saturating_add(cx.costs.materialization_interval),
            ..Changelog::default()
        };
        let entries = state.keyed_entries();
        if files.is_empty() && (cx.base_bytes > 0 || !entries.is_empty()) {
            // From nothing, or from what stands in a savepoint.
            let bytes = cx.size(entries.len() as u64).saturating_add(cx.base_bytes);
            self.append(entries.len().max(1) as u64, entries, bytes);
        }
        let (mut known, mut replayed) = (Vec::new(), 0_u64);
        for &(Part { handle, level, bytes }, ref file) in files {
            file.entries.iter().for_each(|update| state.apply(update));
            let number = self.number();
            known.push((number, handle));
            if level == MATERIALIZED {
                self.materialized = Some(Materialized { number, handle, to: self.end, bytes });
            } else {
                replayed = replayed.saturating_add(bytes);
                self.end += 1;
                self.segments.push(Segment { number, to: self.end, bytes });
            }
        }
        self.shares = Shares::restored(snapshot, known);
        replayed
    }

    fn save(
        &mut self,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        if !changes.is_empty() {
            let bytes = cx.size(changes.total());
            self.append(changes.total(), changes.into_sorted(), bytes);
        }
        let mut saved = Saved::whole(state.without_keyed(), 0);
        saved.bytes = cx.size(saved.state.len() as u64);
        let (mut files, mut at) = (Vec::new(), 0);
        if let Some(Materialized { number, handle, to, bytes }) = self.materialized {
            saved.parts.push(Part { handle, level: MATERIALIZED, bytes });
            files.push((number, handle));
            at = to;
        }
        for segment in &self.segments {
            if let Some(handle) = self.shares.name_of(segment.number).filter(|_| at < segment.to) {
                saved.parts.push(Part { handle, level: LOG, bytes: segment.bytes });
                files.push((segment.number, handle));
                at = segment.to;
            }
        }
        if at < self.end {
            let Stretch { to, entries, bytes } = self.flush(at);
            let (number, handle) = (self.number(), cx.name());
            saved.parts.push(Part { handle, level: LOG, bytes });
            files.push((number, handle));
            saved.new.push((handle, cx.file(Some(id), entries, bytes)));
            self.segments.push(Segment { number, to, bytes });
        }
        self.shares.taken(id, files);
        if self.materializing.is_none() && cx.now >= self.due {
            saved.beside = Some(self.materialize(cx, state));
        }
        saved
    }

    fn stored(&mut self, file: Handle, fine: bool) {
        let Some(new) = self.materializing.take_if(|new| new.handle == file) else { return };
        if fine {
            self.replaced.extend(self.materialized.replace(new).map(|old| old.handle));
        }
    }

    fn completed(&mut self, id: CheckpointId) -> Vec<Handle> {
        if !self.shares.completed(id) {
            return Vec::new();
        }
        // Of older segments those that it does not have are of no use. Younger ones may yet be.
        let shares = &self.shares;
        let newest =
            self.segments.iter().rposition(|segment| shares.has_completed(segment.number)).unwrap_or(0);
        let mut at = 0;
        self.segments.retain(|segment| {
            at += 1;
            at > newest || shares.has_completed(segment.number)
        });
        match self.materialized.is_some_and(|newest| shares.has_completed(newest.number)) {
            true => std::mem::take(&mut self.replaced),
            false => Vec::new(),
        }
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
