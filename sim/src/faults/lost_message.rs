//! One control message is lost, and no other: what is said is said again only by those whose job that is.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::post::MessageId;
use crate::topology::Topology;
use crate::world::World;

/// One control message is lost, if it has not been sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LostMessage {
    /// Which.
    pub message: MessageId,
}

impl Strike for LostMessage {
    fn begin(&self, world: &mut World) {
        world.shared.post.doomed.insert(self.message);
    }

    fn aims(&self) -> Aims {
        Aims::default()
    }

    fn with(&self, _aims: &Aims) -> Fault {
        Fault::LostMessage(*self)
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("message {} of {} is lost", self.message.number, self.message.sender)
    }
}
