//! Requests for commit fail: the sink gets an error and nothing was done, or it was done and the answer is lost, each in half of
//! the cases. The sink asks again: see [`external`](crate::external).

use serde::{Deserialize, Serialize};

use super::Strike;
use crate::topology::Topology;
use crate::world::World;

/// Requests for commit fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    fn describe(&self, _topology: &Topology) -> String {
        format!("{} of 1000 commits of sinks fail", self.per_mille)
    }
}
