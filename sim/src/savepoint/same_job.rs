//! Whether a job that starts from a savepoint is the one that it was taken of: then the two runs together must give what one
//! failure-free run gives.
//!
//! Its operators and edges are those of the savepoint, in whatever order a scenario names them (`in_order.rs`). That holds at any parallelism, with three exceptions. Of a record on a broadcast edge there are as many copies as receivers.
//! An idempotent sink ends with the last value of a key only if the former job had written all values of a key in one place.
//! And where the end of an input was seen, and now there is more, windows had fired and sums had been sent that one run would
//! have waited with.

use super::{Kind, Saved, inputs};
use crate::graph::{JobGraph, Role, Ship, SinkMode};
use crate::oracles::reference::is_ordered;
use crate::topology::Topology;

/// True if it is the same job.
pub(super) fn goes_on(saved: &Saved, topology: &Topology) -> bool {
    does_the_same(saved, topology)
        && has_as_many_copies(saved, topology)
        && was_as_ordered(saved, topology)
        && !has_ended_early(saved, topology)
}

fn does_the_same(saved: &Saved, topology: &Topology) -> bool {
    let were = saved.operators.iter().map(|old| (&old.uid, old.kind, &old.does));
    let are =
        topology.operators.iter().map(|operator| (&operator.uid, Kind::of(&operator.role), &operator.does));
    were.eq(are) && saved.edges == topology.edges
}

fn has_as_many_copies(saved: &Saved, topology: &Topology) -> bool {
    let mut broadcast = topology.edges.iter().filter(|edge| edge.spec.ship == Ship::Broadcast);
    broadcast.all(|edge| {
        let to = edge.to.index();
        saved.operators[to].parallelism() == topology.operators[to].parallelism
    })
}

fn was_as_ordered(saved: &Saved, topology: &Topology) -> bool {
    let mut old: JobGraph = topology.graph.clone();
    for (operator, saved) in old.node_weights_mut().zip(&saved.operators) {
        operator.parallelism = saved.parallelism();
    }
    let new = &topology.graph;
    new.edge_indices().all(|edge| {
        let Some((from, to)) = new.edge_endpoints(edge) else { return true };
        let ship = new[edge].ship;
        let is_idempotent = matches!(new[to].role, Role::Sink(SinkMode::Idempotent));
        !is_idempotent || !is_ordered(new, from, to, ship) || is_ordered(&old, from, to, ship)
    })
}

fn has_ended_early(saved: &Saved, topology: &Topology) -> bool {
    let operators = topology.operators.iter().zip(&saved.operators);
    operators.into_iter().any(|(operator, saved)| match &operator.role {
        Role::Source(input) => inputs::has_more_than_was_there(input.as_ref(), &saved.splits()),
        Role::Transform(_) | Role::Sink(_) => false,
    })
}
