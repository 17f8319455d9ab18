//! Control messages arrive a second time, somewhat later.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::topology::Topology;
use crate::world::World;

/// Control messages arrive twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DoubledMessages {
    /// Chance of each message, in per mille.
    pub per_mille: u32,

}

impl Strike for DoubledMessages {
    fn begin(&self, world: &mut World) {
        world.shared.post.faults.double = self.per_mille;

    }

    fn end(&self, world: &mut World) {
        world.shared.post.faults.double = 0;
    }

    fn aims(&self) -> Aims {
        Aims { per_mille: Some(self.per_mille), ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::DoubledMessages(DoubledMessages { per_mille: aims.per_mille.unwrap_or(self.per_mille) })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 control messages arrive twice", self.per_mille)
    }
}
