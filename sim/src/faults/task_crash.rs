//! A task crashes: its state and everything it has not yet put on the wire is gone. Its node tells the coordinator.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::event::Stamped;
use crate::ids::TaskId;
use crate::queue::Action;
use crate::topology::Topology;
use crate::world::World;

/// A task crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskCrash {
    /// The task; `None`: the one at which the awaited point happened, or task 0 if it did not happen at a task.
    pub task: Option<TaskId>,
}

impl Strike for TaskCrash {
    fn begin(&self, world: &mut World) {
        world.crash_task(self.task.unwrap_or_default());
    }

    fn aims(&self) -> Aims {
        Aims { task: self.task, ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::TaskCrash(TaskCrash { task: aims.task })
    }

    fn describe(&self, topology: &Topology) -> String {
        match self.task {
            Some(task) => format!("{} crashes", topology.task_name(task)),
            None => "the task concerned crashes".to_owned(),
        }
    }

    fn at_point(&self, point: &Stamped) -> Option<Action> {
        Some(Action::Crash(self.task.or(point.origin.as_task()).unwrap_or_default()))
    }
}
