//! Writes to the store take a multiple of their time.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::topology::Topology;
use crate::world::World;

/// Slow writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowWrites {
    /// The factor.
    pub factor: u32,
}

impl Strike for SlowWrites {
    fn begin(&self, world: &mut World) {
        world.shared.store_faults.slow = self.factor.max(1);
    }

    fn end(&self, world: &mut World) {
        world.shared.store_faults.slow = 1;
    }

    fn aims(&self) -> Aims {
        Aims { factor: Some(self.factor), ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::SlowWrites(SlowWrites { factor: aims.factor.unwrap_or(self.factor) })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("writes to the store take {} times as long", self.factor)
    }
}
