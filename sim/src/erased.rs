//! The erasure of a cut protocol's types: one boxed value holds the machines of all tasks and of the coordinator.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::backend::{self, Backend};
use crate::committer::{Careful, Committer};
use crate::ids::TaskId;
use crate::protocol::{
    CoordinatorCut, CoordinatorEffects, CoordinatorEvent, Hooks, JobCtx, SnapshotMethod, TaskCtx, TaskCut,
    TaskEffects, TaskEvent,
};

/// All machines of one job under one cut protocol.
pub trait Protocol: fmt::Debug + Send + Sync {
    /// What it asks of the machine.
    fn hooks(&self) -> Hooks;
    /// True if it promises that no snapshot is useless.
    fn is_never_useless(&self) -> bool;
    /// Makes the machine of a task that starts, from the bytes its snapshot saved. Bytes that do not decode (they are
    /// guarded by a checksum, so this is a bug) give the default.
    fn start(&mut self, task: &TaskCtx<'_>, durable: &[u8]);
    /// The durable part of a task's machine, as bytes.
    fn durable(&self, task: TaskId) -> Vec<u8>;
    /// Hands an event to a task's machine.
    fn on_task(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects);
    /// What a task piggybacks from now on.
    fn tag(&self, task: TaskId, words: &mut Vec<u32>);
    /// Shows a task's machine the tag of what is next to be delivered.
    fn before_deliver(&mut self, task: &TaskCtx<'_>, tag: &[u32], fx: &mut TaskEffects);
    /// Tells a task's machine that it is delivered; true if that has changed what the task piggybacks.
    fn delivered(&mut self, task: &TaskCtx<'_>, tag: &[u32]) -> bool;
    /// Hands an event to the coordinator's machine.
    fn on_coordinator(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects);
    /// The backend of each task under a snapshot method, before the task has begun.
    fn backend(&self, method: SnapshotMethod) -> Box<dyn Backend>;
    /// What a sink that has not begun remembers of its transactions.
    fn committer(&self) -> Box<dyn Committer>;
    /// A copy.
    fn clone_box(&self) -> Box<dyn Protocol>;
    /// Becomes a copy of another protocol of the same type, keeping the memory; false if the types differ.
    fn clone_from_protocol(&mut self, from: &dyn Protocol) -> bool;
    /// For the downcast in [`Protocol::clone_from_protocol`].
    fn as_any(&self) -> &dyn Any;
    /// Hashes a task's machine.
    fn hash_task(&self, task: TaskId, into: &mut dyn Hasher);
    /// Hashes the coordinator's machine.
    fn hash_coordinator(&self, into: &mut dyn Hasher);
}

impl Clone for Box<dyn Protocol> {
    fn clone(&self) -> Self {
        self.clone_box()
    }

    fn clone_from(&mut self, from: &Self) {
        if !self.as_mut().clone_from_protocol(from.as_ref()) {
            *self = from.clone_box();
        }
    }
}

/// The machines of one job.
#[derive(Debug)]
struct Machines<T: TaskCut, C: CoordinatorCut> {
    tasks: Vec<Option<T>>,
    coordinator: C,
    backend: fn(SnapshotMethod) -> Box<dyn Backend>,
    committer: fn() -> Box<dyn Committer>,
}

/// Makes the machines for a job of so many tasks; those of the tasks are made as the tasks start.
pub fn machines<T: TaskCut, C: CoordinatorCut>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines_with::<T, C>(job, backend::of, Careful::boxed)
}

/// The same over other backends than those of the snapshot methods: for planting bugs.
pub fn machines_over<T: TaskCut, C: CoordinatorCut>(
    job: &JobCtx<'_>,
    backend: fn(SnapshotMethod) -> Box<dyn Backend>,
) -> Box<dyn Protocol> {
    machines_with::<T, C>(job, backend, Careful::boxed)
}

/// The same with other sinks than careful ones: for planting bugs.
pub fn machines_before<T: TaskCut, C: CoordinatorCut>(
    job: &JobCtx<'_>,
    committer: fn() -> Box<dyn Committer>,
) -> Box<dyn Protocol> {
    machines_with::<T, C>(job, backend::of, committer)
}

fn machines_with<T: TaskCut, C: CoordinatorCut>(
    job: &JobCtx<'_>,
    backend: fn(SnapshotMethod) -> Box<dyn Backend>,
    committer: fn() -> Box<dyn Committer>,
) -> Box<dyn Protocol> {
    let tasks = (0..job.tasks).map(|_| None).collect();
    Box::new(Machines::<T, C> { tasks, coordinator: C::new(job), backend, committer })
}

impl<T: TaskCut, C: CoordinatorCut> Protocol for Machines<T, C> {
    fn hooks(&self) -> Hooks {
        T::HOOKS
    }

    fn is_never_useless(&self) -> bool {
        T::NEVER_USELESS
    }

    fn start(&mut self, task: &TaskCtx<'_>, durable: &[u8]) {
        let restored = postcard::from_bytes(durable).unwrap_or_default();
        self.tasks[task.task.index()] = Some(T::new(task, restored));
    }

    fn durable(&self, task: TaskId) -> Vec<u8> {
        let machine = self.tasks[task.index()].as_ref();
        machine.and_then(|machine| postcard::to_stdvec(&machine.durable()).ok()).unwrap_or_default()
    }

    fn on_task(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if let Some(machine) = &mut self.tasks[task.task.index()] {
            machine.on(task, event, fx);
        }
    }

    fn tag(&self, task: TaskId, words: &mut Vec<u32>) {
        if let Some(machine) = &self.tasks[task.index()] {
            machine.tag(words);
        }
    }

    fn before_deliver(&mut self, task: &TaskCtx<'_>, tag: &[u32], fx: &mut TaskEffects) {
        if let Some(machine) = &mut self.tasks[task.task.index()] {
            machine.before_deliver(task, tag, fx);
        }
    }

    fn delivered(&mut self, task: &TaskCtx<'_>, tag: &[u32]) -> bool {
        self.tasks[task.task.index()].as_mut().is_some_and(|machine| machine.delivered(task, tag))
    }

    fn on_coordinator(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        self.coordinator.on(job, event, fx);
    }

    fn backend(&self, method: SnapshotMethod) -> Box<dyn Backend> {
        (self.backend)(method)
    }

    fn committer(&self) -> Box<dyn Committer> {
        (self.committer)()
    }

    fn clone_box(&self) -> Box<dyn Protocol> {
        let (tasks, coordinator) = (self.tasks.clone(), self.coordinator.clone());
        Box::new(Machines { tasks, coordinator, ..*self })
    }

    fn clone_from_protocol(&mut self, from: &dyn Protocol) -> bool {
        let Some(from) = from.as_any().downcast_ref::<Self>() else { return false };
        self.tasks.clone_from(&from.tasks);
        self.coordinator.clone_from(&from.coordinator);
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn hash_task(&self, task: TaskId, mut into: &mut dyn Hasher) {
        self.tasks[task.index()].hash(&mut into);
    }

    fn hash_coordinator(&self, mut into: &mut dyn Hasher) {
        self.coordinator.hash(&mut into);
    }
}
