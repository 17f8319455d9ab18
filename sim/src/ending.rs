//! How a job has ended, as far as the oracles of results look at it: the final states, what was handled, and what readers of the
//! external system see. A simulated [`World`] has all of that, and so has a job that ran on real machines.

use crate::external::External;
use crate::ids::TaskId;
use crate::state::KeyedState;
use crate::topology::Topology;
use crate::world::World;

/// How a job has ended.
pub trait Ending {
    /// The job.
    fn topology(&self) -> &Topology;
    /// The final state of a task.
    fn state(&self, task: TaskId) -> &KeyedState;
    /// How many records a task has handled (or, of a source, emitted) in the history that counts, and the sum of their lineage
    /// weights.
    fn handled(&self, task: TaskId) -> (u64, u64);
    /// The system that sinks wrote to.
    fn external(&self) -> &External;
    /// False if the job began at a savepoint and is held to nothing that went before it.
    fn is_whole(&self) -> bool {
        true
    }
}

impl Ending for World {
    fn topology(&self) -> &Topology {
        self.topology()
    }

    fn state(&self, task: TaskId) -> &KeyedState {
        self.state(task)
    }

    fn handled(&self, task: TaskId) -> (u64, u64) {
        self.handled(task)
    }

    fn external(&self) -> &External {
        self.external()
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }
}
