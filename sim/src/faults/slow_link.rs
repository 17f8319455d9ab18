//! A slow link: every buffer between two nodes, one way, takes longer.

use serde::{Deserialize, Serialize};

use super::{Aims, Strike};
use crate::ids::NodeId;
use crate::time::{MICROSECOND, Time};
use crate::topology::Topology;
use crate::world::World;

/// A slow link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowLink {
    /// The node of the senders.
    pub from: NodeId,
    /// The node of the receivers.
    pub to: NodeId,
    /// Nanoseconds that every buffer, and every credit that returns for one, takes longer.
    pub by: Time,
}

impl SlowLink {
    fn set(&self, world: &mut World, by: Time) {
        for at in 0..world.network.channels.len() {
            let channel = &world.network.channels[at];
            let ends = (world.node_of(channel.from), world.node_of(channel.to));
            if ends == (Some(self.from), Some(self.to)) {
                world.network.channels[at].slowed = by;
            }
        }
    }
}

impl Strike for SlowLink {
    fn begin(&self, world: &mut World) {
        self.set(world, self.by);
    }

    fn end(&self, world: &mut World) {
        world.network.channels.iter_mut().for_each(|channel| channel.slowed = 0);
    }

    fn aims(&self) -> Aims {
        Aims { nodes: [Some(self.from), Some(self.to)], delay: self.by, ..Aims::default() }
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("channels from node {} to node {} take {} us longer", self.from, self.to, self.by / MICROSECOND)
    }
}
