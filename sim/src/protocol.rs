//! What a checkpoint strategy is, seen from the machine: a *cut protocol* and a *snapshot method*.
//!
//! A cut protocol is a pair of pure state machines, one per task ([`TaskCut`]) and one in the coordinator
//! ([`CoordinatorCut`]): events in, effects out. They hold no clock, no randomness, no I/O. The machine executes the
//! effects in the order given, at the instant of the event, before anything else happens to that task. Here stands what the
//! two say to each other.
//!
//! The machine erases the types once per world ([`Protocol`](crate::erased::Protocol)): one boxed value holds the
//! machines of all tasks, so adding a strategy costs no recompilation of the simulator, and cloning a world clones two
//! vectors.

mod coordinator;
mod input_set;
mod snapshot_method;
mod task;

pub use coordinator::{
    AbortReason, CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx, Line,
    Positions, To,
};
pub use input_set::InputSet;
pub use snapshot_method::SnapshotMethod;
pub use task::{Hooks, Input, READING, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::ids::{CheckpointId, TaskId};

/// The name of a task's snapshot in the store, as the coordinator's machine passes it around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Handle(pub u64);

impl Handle {
    /// The name of the n-th snapshot that a task has taken: those of one task are in the order in which they were taken.
    pub fn of(task: TaskId, nth: u32) -> Handle {
        Handle(u64::from(task.0) << 32 | u64::from(nth))
    }

    /// Whose snapshot it is.
    pub fn task(self) -> TaskId {
        TaskId((self.0 >> 32) as u32)
    }
}

/// From the coordinator to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Down {
    /// Begin this checkpoint.
    Trigger(CheckpointId),
    /// This checkpoint is complete, and so is every older one that will ever be.
    Completed(CheckpointId),
    /// This checkpoint has been given up.
    Aborted(CheckpointId),
}

/// From a task to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Up {
    /// The snapshot for this checkpoint is durable.
    Ack(CheckpointId),
    /// This task cannot take part in this checkpoint.
    Decline(CheckpointId),
    /// This task has finished: it cannot take part, and the trigger went to it by mistake. That is no failure.
    Unavailable(CheckpointId),
    /// A source asks for a checkpoint: a record count, a marked record, or the end of its input.
    Request,
}
