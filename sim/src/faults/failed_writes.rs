//! Writes to the store fail: the writer learns it when the write would have ended, and nothing was written.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::topology::Topology;
use crate::world::World;

/// Writes fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailedWrites {
    /// Chance of each write, in per mille.
    pub per_mille: u32,
}

impl Strike for FailedWrites {
    fn begin(&self, world: &mut World) {
        world.shared.store_faults.fail = self.per_mille;
    }

    fn end(&self, world: &mut World) {
        world.shared.store_faults.fail = 0;
    }

    fn aims(&self) -> Aims {
        Aims { per_mille: Some(self.per_mille), ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::FailedWrites(FailedWrites { per_mille: aims.per_mille.unwrap_or(self.per_mille) })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 writes to the store fail", self.per_mille)
    }
}
