//! What stands in front of a task, for those who look on.

use crate::channel::Item;
use crate::ids::TaskId;
use crate::world::World;

/// What was sent to a task over all of its inputs and is not consumed: in buffers of its senders, on the wire, or arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Records, watermarks, ends and probes.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl World {
    /// What stands in front of a task. It is counted anew, so it takes a step for each item.
    pub fn in_flight(&self, task: TaskId) -> InFlight {
        let inputs = self.topology.tasks[task.index()].inputs.iter();
        let slots = inputs.flat_map(|channel| {
            let slots = &self.network.channels[channel.index()].slots;
            (0..slots.len()).filter_map(|at| slots.get(at))
        });
        slots.filter_map(Item::of).fold(InFlight::default(), |sum, item| InFlight {
            items: sum.items + 1,
            bytes: sum.bytes + item.bytes(),
        })
    }
}
