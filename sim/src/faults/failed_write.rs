//! One write to the store fails, and no other: the writer learns it when the write would have ended, and nothing was written.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::shared::WriteId;
use crate::topology::Topology;
use crate::world::World;

/// One write fails, if it has not begun yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailedWrite {
    /// Which.
    pub write: WriteId,
}

impl Strike for FailedWrite {
    fn begin(&self, world: &mut World) {
        world.shared.doomed_writes.insert(self.write);
    }

    fn aims(&self) -> Aims {
        Aims::default()
    }

    fn with(&self, _aims: &Aims) -> Fault {
        Fault::FailedWrite(*self)
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("write {} to the store fails", self.write)
    }
}
