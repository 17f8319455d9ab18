//! Requests for commit fail: the sink gets an error and nothing was done, or it was done and the answer is lost, each in half of
//! the cases. The sink asks again: see [`external`](crate::external).

use serde::{Deserialize, Serialize};

use super::{Aims, Fault, Strike};
use crate::topology::Topology;
use crate::world::World;

/// Requests for commit fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailedCommits {
    /// Chance of each request, in per mille.
    pub per_mille: u32,
}

impl Strike for FailedCommits {
    fn begin(&self, world: &mut World) {
        world.shared.failing_commits = self.per_mille;
    }

    fn end(&self, world: &mut World) {
        world.shared.failing_commits = 0;
    }

    fn aims(&self) -> Aims {
        Aims { per_mille: Some(self.per_mille), ..Aims::default() }
    }

    fn with(&self, aims: &Aims) -> Fault {
        Fault::FailedCommits(FailedCommits { per_mille: aims.per_mille.unwrap_or(self.per_mille) })
    }

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 commits of sinks fail", self.per_mille)
    }
}
