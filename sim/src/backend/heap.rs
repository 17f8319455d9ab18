//! The heap backend: the whole state is written with every snapshot (Flink: `HashMapStateBackend`).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{Backend, BackendCtx, Part, Saved, StateFile};
use crate::ids::CheckpointId;
use crate::state::{Changes, KeyedState};

/// Keeps nothing between snapshots; `WAITS` if the task stands still until the state is in the store.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Heap<const WAITS: bool>;

impl<const WAITS: bool> Backend for Heap<WAITS> {
    fn notes_changes(&self) -> bool {
        false
    }

    fn restore(
        &mut self,
        _: &mut BackendCtx<'_>,
        _: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        files.iter().flat_map(|(_, file)| file.entries.iter()).for_each(|update| state.apply(update));
        0
    }

    fn save(&mut self, cx: &mut BackendCtx<'_>, _: CheckpointId, state: &KeyedState, _: Changes) -> Saved {
        let bytes = cx.base_bytes.saturating_add(cx.size(state.len() as u64));
        let copied = if WAITS { bytes } else { 0 };
        Saved { copied, waits: WAITS, ..Saved::whole(state.clone(), bytes) }
    }

    fn clone_box(&self) -> Box<dyn Backend> {
        Box::new(*self)
    }

    fn hash_into(&self, mut into: &mut dyn Hasher) {
        self.hash(&mut into);
    }
}
