//! Writes to the store fail: the writer learns it when the write would have ended, and nothing was written.

use serde::{Deserialize, Serialize};

use super::Strike;
use crate::topology::Topology;
use crate::world::World;

/// Writes fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 writes to the store fail", self.per_mille)
    }
}
