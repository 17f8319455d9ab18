//! What the course of a run is drawn from, beside its events: when records arrived, and how long full buffers kept tasks from working. It
//! is noted for the observer with [`Detail::course`](crate::event::Detail::course), is no part of the run, and changes no digest.

use crate::ids::TaskId;
use crate::step::Step;
use crate::time::Time;
use crate::world::World;

/// A task's output has become full, or is so no longer. While it is full the task handles no record: that is backpressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The task.
    pub task: TaskId,
    /// When.
    pub time: Time,
    /// True if it has become full; false if everything that waited for a buffer has been sent, be it that nothing did.
    pub begins: bool,
}

impl Step<'_> {
    /// Notes that the output has become full, or is so no longer.
    pub(crate) fn note_stall(&mut self, begins: bool, time: Time) {
        if self.shared.detail.course {
            self.shared.stalls.push(Stall { task: self.id, time, begins });
        }
    }
}

impl World {
    /// When each of the [`latencies`](World::latencies) was recorded, in the same order.
    pub fn arrivals(&self) -> &[Time] {
        &self.shared.arrivals
    }

    /// Where output became full and where it became free since the observer was last called; of each task in the order of time.
    /// What a task had waiting when it crashed or was cancelled is gone, and nothing here says so.
    pub fn stalls(&self) -> &[Stall] {
        &self.shared.stalls
    }
}
