//! The backend of a task with a mutation around it, for the planted bugs of state backends.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cutline_sim::backend::{self, Backend, BackendCtx, Part, Saved, StateFile};
use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Handle, SnapshotMethod};
use cutline_sim::state::{Changes, KeyedState};

/// A change to the backend of a task. What is not overridden is as it was.
pub trait BackendMutation: Clone + fmt::Debug + Default + Hash + Send + Sync + 'static {
    /// See [`Backend::restore`].
    fn restore(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        backend.restore(cx, snapshot, files, state)
    }

    /// See [`Backend::save`].
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        backend.save(cx, id, state, changes)
    }

    /// See [`Backend::completed`].
    fn completed(&mut self, backend: &mut dyn Backend, id: CheckpointId) -> Vec<Handle> {
        backend.completed(id)
    }

    /// See [`Backend::given_up`].
    fn given_up(&mut self, backend: &mut dyn Backend, id: CheckpointId) {
        backend.given_up(id);
    }

    /// See [`Backend::may_go`].
    fn may_go(&self, backend: &dyn Backend, references: u32) -> bool {
        backend.may_go(references)
    }
}

/// The backend of a task, mutated.
#[derive(Clone, Debug, Hash)]
pub struct MutantBackend<M> {
    pub(crate) backend: Box<dyn Backend>,
    mutation: M,
}

impl<M: BackendMutation> MutantBackend<M> {
    /// The backend of a snapshot method, mutated, for a task that has not begun.
    pub fn of(method: SnapshotMethod) -> Box<dyn Backend> {
        Box::new(Self::new(method))
    }

    pub(crate) fn new(method: SnapshotMethod) -> Self {
        MutantBackend { backend: backend::of(method), mutation: M::default() }
    }
}

impl<M: BackendMutation> Backend for MutantBackend<M> {
    fn notes_changes(&self) -> bool {
        self.backend.notes_changes()
    }

    fn restore(
        &mut self,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        self.mutation.restore(self.backend.as_mut(), cx, snapshot, files, state)
    }

    fn save(
        &mut self,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        changes: Changes,
    ) -> Saved {
        self.mutation.save(self.backend.as_mut(), cx, id, state, changes)
    }

    fn stored(&mut self, file: Handle, fine: bool) {
        self.backend.stored(file, fine);
    }

    fn completed(&mut self, id: CheckpointId) -> Vec<Handle> {
        self.mutation.completed(self.backend.as_mut(), id)
    }

    fn given_up(&mut self, id: CheckpointId) {
        self.mutation.given_up(self.backend.as_mut(), id);
    }

    fn may_go(&self, references: u32) -> bool {
        self.mutation.may_go(self.backend.as_ref(), references)
    }

    fn clone_box(&self) -> Box<dyn Backend> {
        Box::new(self.clone())
    }

    fn hash_into(&self, mut into: &mut dyn Hasher) {
        self.hash(&mut into);
    }
}
