//! A slow link: every buffer between two nodes, one way, takes longer.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::ids::NodeId;
use crate::time::{MICROSECOND, Time};
use crate::topology::Topology;
use crate::world::World;

/// A slow link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowLink {
    /// The node of the senders.
    pub from: NodeId,
    /// The node of the receivers.
    pub to: NodeId,
    /// Nanoseconds that every buffer, and every credit that returns for one, takes longer.
    pub by: Time,
}

impl Strike for SlowLink {
    fn begin(&self, world: &mut World) {
        world.shared.slow_links.insert((self.from, self.to), self.by);
        world.slow_channels();
    }

    fn end(&self, world: &mut World) {
        world.shared.slow_links.remove(&(self.from, self.to));
        world.slow_channels();
    }

    fn aims(&self) -> Aims {
        Aims { nodes: [Some(self.from), Some(self.to)], delay: self.by, ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        let [from, to] = aims.nodes;
        Fault::SlowLink(SlowLink { from: from.unwrap_or(self.from), to: to.unwrap_or(self.to), by: aims.delay })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("channels from node {} to node {} take {} us longer", self.from, self.to, self.by / MICROSECOND)
    }
}
