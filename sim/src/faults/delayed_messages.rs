//! Control messages are late; those that follow from the same sender to the same receiver wait behind them.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::time::{MICROSECOND, Time};
use crate::topology::Topology;
use crate::world::World;

/// Control messages are late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DelayedMessages {
    /// Chance of each message, in per mille.
    pub per_mille: u32,
    /// By up to so many nanoseconds, uniformly drawn.
    pub by: Time,
}

impl Strike for DelayedMessages {
    fn begin(&self, world: &mut World) {
        world.shared.post.faults.delay = self.per_mille;
        world.shared.post.faults.delay_by = self.by;
    }

    fn end(&self, world: &mut World) {
        world.shared.post.faults.delay = 0;
    }

    fn aims(&self) -> Aims {
        Aims { per_mille: Some(self.per_mille), delay: self.by, ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        let per_mille = aims.per_mille.unwrap_or(self.per_mille);
        Fault::DelayedMessages(DelayedMessages { per_mille, by: aims.delay })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 control messages are up to {} us late", self.per_mille, self.by / MICROSECOND)
    }
}
