//! A node crashes with all tasks on it. Nobody says so: the coordinator notices when heartbeats stay away, or when the
//! node, back again, no longer knows its tasks. It comes back after `node-downtime`.

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::event::Stamped;
use crate::ids::NodeId;
use crate::queue::Action;
use crate::topology::Topology;
use crate::world::World;

/// A node crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeCrash {
    /// The node.
    pub node: NodeId,
}

impl Strike for NodeCrash {
    fn begin(&self, world: &mut World) {
        world.crash_node(self.node);
    }

    fn aims(&self) -> Aims {
        Aims { nodes: [Some(self.node), None], ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::NodeCrash(NodeCrash { node: aims.nodes[0].unwrap_or(self.node) })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("node {} crashes", self.node)
    }

    fn at_point(&self, _point: &Stamped) -> Option<Action> {
        Some(Action::CrashNode(self.node))
    }
}
