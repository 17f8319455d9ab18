//! Control messages are late, and those that follow overtake them.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::time::{MICROSECOND, Time};
use crate::topology::Topology;
use crate::world::World;

/// Control messages are overtaken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReorderedMessages {
    /// Chance of each message, in per mille.
    pub per_mille: u32,
    /// By up to so many nanoseconds, uniformly drawn.
    pub by: Time,
}

impl Strike for ReorderedMessages {
    fn begin(&self, world: &mut World) {
        world.shared.post.faults.reorder = self.per_mille;
        world.shared.post.faults.reorder_by = self.by;
    }

    fn end(&self, world: &mut World) {
        world.shared.post.faults.reorder = 0;
    }

    fn aims(&self) -> Aims {
        Aims { per_mille: Some(self.per_mille), delay: self.by, ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        let per_mille = aims.per_mille.unwrap_or(self.per_mille);
        Fault::ReorderedMessages(ReorderedMessages { per_mille, by: aims.delay })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 control messages are overtaken for up to {} us", self.per_mille, self.by / MICROSECOND)
    }
}
