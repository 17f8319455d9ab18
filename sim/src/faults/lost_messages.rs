//! Control messages are lost: what is said is said again only by those whose job that is.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::topology::Topology;
use crate::world::World;

/// Control messages are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LostMessages {
    /// Chance of each message, in per mille.
    pub per_mille: u32,

}

impl Strike for LostMessages {
    fn begin(&self, world: &mut World) {
        world.shared.post.faults.lose = self.per_mille;

    }

    fn end(&self, world: &mut World) {
        world.shared.post.faults.lose = 0;
    }

    fn aims(&self) -> Aims {
        Aims { per_mille: Some(self.per_mille), ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::LostMessages(LostMessages { per_mille: aims.per_mille.unwrap_or(self.per_mille) })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 control messages are lost", self.per_mille)
    }
}
