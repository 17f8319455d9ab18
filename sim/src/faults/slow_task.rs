//! A slow task: every record takes a multiple of its service time, whatever attempt the task is in.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::ids::TaskId;
use crate::topology::Topology;
use crate::world::World;

/// A slow task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowTask {
    /// The task.
    pub task: TaskId,
    /// The factor.
    pub factor: u32,
}

impl Strike for SlowTask {
    fn begin(&self, world: &mut World) {
        world.shared.slow_tasks.insert(self.task, self.factor.max(1));
    }

    fn end(&self, world: &mut World) {
        world.shared.slow_tasks.remove(&self.task);
    }

    fn aims(&self) -> Aims {
        Aims { task: Some(self.task), factor: Some(self.factor), ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        let task = aims.task.unwrap_or(self.task);
        Fault::SlowTask(SlowTask { task, factor: aims.factor.unwrap_or(self.factor) })
    }

    fn describe(&self, topology: &Topology) -> String {
        format!("{} takes {} times as long", topology.task_name(self.task), self.factor)
    }
}
