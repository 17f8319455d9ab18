//! A savepoint in the order of a job that only names its operators and edges in another one. Where something stands in a
//! scenario means nothing, but tasks and channels are numbered by it, and a snapshot knows its channels by number. So they are
//! numbered as the job numbers them once, before anything is handed out; whoever hands out, or asks whether it is the same job,
//! then goes by place.
//!
//! Operators are the same by uid; edges by their ends and by what the job says of them, and of those that are alike in all that
//! the first is the first.

use std::sync::Arc;

use super::{Saved, SavedOperator, Savepoint};
use crate::graph::Ship;
use crate::ids::OperatorId;
use crate::protocol::InputSet;
use crate::snapshot::OnChannel;
use crate::topology::{Edge, Topology};

/// The savepoint in the order of the job; as it is if the job has other operators or edges.
pub(super) fn in_order(savepoint: &Savepoint, topology: &Topology) -> Savepoint {
    let saved = &*savepoint.saved;
    let order = Order::of(saved, topology).filter(|order| !order.is_unchanged());
    match order {
        Some(order) => Savepoint { saved: Arc::new(order.of_saved(saved)), ..savepoint.clone() },
        None => savepoint.clone(),
    }
}

/// For each operator and each edge of the job the number that it had.
struct Order {
    operators: Vec<usize>,
    edges: Vec<usize>,
}

impl Order {
    /// `None` if the job has other operators or edges.
    fn of(saved: &Saved, topology: &Topology) -> Option<Order> {
        if (saved.operators.len(), saved.edges.len()) != (topology.operators.len(), topology.edges.len()) {
            return None;
        }
        let number = |uid: &str| saved.operators.iter().position(|old| old.uid == uid);
        let operators = topology.operators.iter().map(|operator| number(&operator.uid));
        let operators: Vec<usize> = operators.collect::<Option<_>>()?;
        let mut is_taken = vec![false; saved.edges.len()];
        let mut take = |edge: &Edge| {
            let was = |end: OperatorId| operators[end.index()];
            let wanted = (was(edge.from), was(edge.to), edge.spec);
            let is_it = |old: &Edge| (old.from.index(), old.to.index(), old.spec) == wanted;
            let found = (0..is_taken.len()).find(|&at| !is_taken[at] && is_it(&saved.edges[at]))?;
            is_taken[found] = true;
            Some(found)
        };
        let edges = topology.edges.iter().map(&mut take).collect::<Option<_>>()?;
        Some(Order { operators, edges })
    }

    fn is_unchanged(&self) -> bool {
        self.operators.is_sorted() && self.edges.is_sorted()
    }

    fn of_saved(&self, saved: &Saved) -> Saved {
        let mut now = vec![OperatorId(0); self.operators.len()];
        for (at, &was) in (0..).zip(&self.operators) {
            now[was] = OperatorId(at);
        }
        let edge = |&was: &usize| {
            let Edge { from, to, spec } = saved.edges[was];
            Edge { from: now[from.index()], to: now[to.index()], spec }
        };
        Saved {
            id: saved.id,
            attempt: saved.attempt,
            key_groups: saved.key_groups,
            operators: self.operators.iter().map(|&was| self.operator(saved, was)).collect(),
            edges: self.edges.iter().map(edge).collect(),
            external: saved.external.clone(),
            is_whole: saved.is_whole,
        }
    }

    /// An operator, with its channels as they are numbered now. Its tasks keep their old names, by which the external system knows
    /// them.
    fn operator(&self, saved: &Saved, was: usize) -> SavedOperator {
        let (inputs, outputs) = (self.channels(saved, was, false), self.channels(saved, was, true));
        let mut operator = saved.operators[was].clone();
        if inputs.is_sorted() && outputs.is_sorted() {
            return operator;
        }
        for snapshot in operator.subtasks.iter_mut().flatten() {
            let is_on = !snapshot.captured.is_empty() || !snapshot.unsent.is_empty();
            if !is_on && snapshot.ended_inputs.is_empty() {
                continue;
            }
            let snapshot = Arc::make_mut(snapshot);
            renumber(&mut snapshot.captured, &inputs);
            renumber(&mut snapshot.unsent, &outputs);
            let mut ended = InputSet::default();
            for input in snapshot.ended_inputs.iter() {
                ended.insert(at(&inputs, input));
            }
            snapshot.ended_inputs = ended;
        }
        operator
    }

    /// For each input of a subtask of an operator, or for each output, its number now. They are numbered edge by edge.
    fn channels(&self, saved: &Saved, operator: usize, is_output: bool) -> Vec<u32> {
        let width = |edge: &Edge| {
            let (mine, other) = if is_output { (edge.from, edge.to) } else { (edge.to, edge.from) };
            match edge.spec.ship {
                _ if mine.index() != operator => 0,
                Ship::Forward => 1,
                _ => saved.operators[other.index()].parallelism(),
            }
        };
        let mut first = vec![0; saved.edges.len()];
        let mut next = 0;
        for &was in &self.edges {
            first[was] = next;
            next += width(&saved.edges[was]);
        }
        let edges = saved.edges.iter().zip(first);
        edges.flat_map(|(edge, first)| first..first + width(edge)).collect()
    }
}

fn at(now: &[u32], was: u32) -> u32 {
    now.get(was as usize).copied().unwrap_or(was)
}

fn renumber(channels: &mut [OnChannel], now: &[u32]) {
    channels.iter_mut().for_each(|on| on.at = at(now, on.at));
    channels.sort_by_key(|on| on.at);
}
