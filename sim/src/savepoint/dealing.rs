//! What was in flight, dealt out to another parallelism of the same job, as Flink does (FLINK-19801).
//!
//! Everything goes to where the new senders would have sent it, behind which whatever they send has to queue up:
//!
//! - On a hash edge a record goes to the subtask that owns its key now; on a rebalance edge to the one with the number of the
//!   former receiver, modulo the parallelism. It comes on the channel of the sender that owns its key now. So all records of a
//!   key that an operator had sent to one subtask in one order come in that order, and before its next ones.
//! - A broadcast edge with as many receivers as before leads each copy to its receiver. With more or fewer, what changes
//!   broadcast state goes to all of them, as much as the slowest of the former receivers had not seen: it does the same however
//!   often it comes. Other copies go by the number of the former receiver.
//! - Across a forward edge nothing can be dealt out: what a subtask has sent belongs to the one behind it. Nor around a loop.
//!   Both are refused, if there is anything. (Flink lets nothing be in flight there or on broadcast edges: FLINK-21945,
//!   FLINK-22815.)
//!
//! Watermarks and ends are left out. No operator has ended then: all subtasks run, and those with nothing left to do say their
//! last watermark and their end (again).

use std::collections::BTreeMap;

use super::{RestoreError, Saved};
use crate::channel::Item;
use crate::graph::Ship;
use crate::ids::TaskId;
use crate::record::Record;
use crate::snapshot::OnChannel;
use crate::state::{group_owner, key_group};
use crate::topology::Topology;

/// For each receiver, what comes on each of its inputs.
#[derive(Debug, Default)]
pub(super) struct Dealt {
    tasks: BTreeMap<TaskId, BTreeMap<u32, Vec<Item>>>,
}

impl Dealt {
    /// What comes on an input of a task.
    pub fn on(&self, task: TaskId, input: u32) -> &[Item] {
        self.tasks.get(&task).and_then(|inputs| inputs.get(&input)).map_or(&[], Vec::as_slice)
    }

    /// What comes on all inputs of a task.
    pub fn captured(&self, task: TaskId) -> Vec<OnChannel> {
        let inputs = self.tasks.get(&task).into_iter().flatten();
        inputs.map(|(&at, items)| OnChannel { at, items: items.clone() }).collect()
    }
}

/// Why what was in flight cannot go to this job, which has not the tasks that the savepoint was taken of.
pub(super) fn obstacle(saved: &Saved, topology: &Topology) -> Option<RestoreError> {
    let were = saved.operators.iter().map(|operator| &operator.uid);
    let is_same_graph =
        were.eq(topology.operators.iter().map(|operator| &operator.uid)) && saved.edges == topology.edges;
    if !is_same_graph || saved.edges.iter().any(|edge| edge.spec.feedback) {
        return Some(RestoreError::InFlight);
    }
    let forward = in_flight(saved).into_iter().find(|&(edge, _)| {
        let edge = &topology.edges[edge];
        let is_changed = [edge.from, edge.to].iter().any(|end| {
            topology.operators[end.index()].parallelism != saved.operators[end.index()].parallelism()
        });
        edge.spec.ship == Ship::Forward && is_changed
    });
    let (edge, _) = forward?;
    let [from, to] = [topology.edges[edge].from, topology.edges[edge].to]
        .map(|end| topology.operators[end.index()].uid.clone());
    Some(RestoreError::InFlightForward { from, to })
}

/// Former sender and receiver, by their numbers.
type Ends = (u32, u32);

/// The records in flight on each edge that has any, by its former channels.
fn in_flight(saved: &Saved) -> BTreeMap<usize, BTreeMap<Ends, Vec<Record>>> {
    let mut found: BTreeMap<usize, BTreeMap<Ends, Vec<Record>>> = BTreeMap::new();
    let mut note = |(edge, ends): (usize, Ends), items: &[Item]| {
        let records = items.iter().filter_map(|item| match item {
            Item::Record(record) => Some(*record),
            Item::Watermark(_) | Item::End | Item::Probe(_) => None,
        });
        let mut records = records.peekable();
        if records.peek().is_some() {
            found.entry(edge).or_default().entry(ends).or_default().extend(records);
        }
    };
    // What a receiver had captured comes before what the sender had not sent.
    for (at, operator) in saved.operators.iter().enumerate() {
        for (subtask, snapshot) in (0..).zip(&operator.subtasks) {
            for on in snapshot.iter().flat_map(|snapshot| &snapshot.captured) {
                if let Some((edge, sender)) = channel(saved, at, subtask, on.at, false) {
                    note((edge, (sender, subtask)), &on.items);
                }
            }
        }
    }
    for (at, operator) in saved.operators.iter().enumerate() {
        for (subtask, snapshot) in (0..).zip(&operator.subtasks) {
            for on in snapshot.iter().flat_map(|snapshot| &snapshot.unsent) {
                if let Some((edge, receiver)) = channel(saved, at, subtask, on.at, true) {
                    note((edge, (subtask, receiver)), &on.items);
                }
            }
        }
    }
    found
}

/// The edge of one of the channels of a former subtask, and the number of the subtask at its other end. Channels are numbered
/// edge by edge, and by the other end.
fn channel(
    saved: &Saved,
    operator: usize,
    subtask: u32,
    mut at: u32,
    is_output: bool,
) -> Option<(usize, u32)> {
    for (number, edge) in saved.edges.iter().enumerate() {
        let (mine, other) = if is_output { (edge.from, edge.to) } else { (edge.to, edge.from) };
        if mine.index() != operator {
            continue;
        }
        let is_forward = edge.spec.ship == Ship::Forward;
        let width = if is_forward { 1 } else { saved.operators[other.index()].parallelism() };
        if at < width {
            return Some((number, if is_forward { subtask } else { at }));
        }
        at -= width;
    }
    None
}

/// Deals out what was in flight to the tasks of a job of the same graph.
pub(super) fn deal(saved: &Saved, topology: &Topology) -> Dealt {
    let mut dealt = Dealt::default();
    for (number, channels) in in_flight(saved) {
        let Some(edge) = topology.edges.get(number) else { continue };
        let [(p, q), (receivers, new_receivers)] = [edge.from, edge.to].map(|end| {
            let end = end.index();
            (saved.operators[end].parallelism(), topology.operators[end].parallelism)
        });
        let groups = topology.config.cluster.max_parallelism;
        let owner =
            |record: &Record, parallelism| group_owner(key_group(record.key, groups), groups, parallelism);
        let places = places(topology, number);
        let mut send = |from: u32, to: u32, record: &Record| {
            if let Some(&(task, input)) = places.get(&(from, to)) {
                let items = dealt.tasks.entry(task).or_default().entry(input).or_default();
                items.push(Item::Record(*record));
            }
        };
        if (p, receivers) == (q, new_receivers) {
            for ((from, to), records) in &channels {
                records.iter().for_each(|record| send(*from, *to, record));
            }
            continue;
        }
        let to_broadcast_state = topology.operators[edge.to.index()]
            .role
            .transform()
            .is_some_and(|operator| operator.is_broadcast_port(edge.spec.port));
        match edge.spec.ship {
            Ship::Broadcast if to_broadcast_state && receivers != new_receivers => {
                for from in 0..p {
                    let of_sender = channels.iter().filter(|((sender, _), _)| *sender == from);
                    let Some((_, all)) = of_sender.max_by_key(|(_, records)| records.len()) else { continue };
                    for to in 0..new_receivers {
                        all.iter().for_each(|record| send(from % q, to, record));
                    }
                }
            }
            Ship::Broadcast | Ship::Forward => {
                for ((from, to), records) in &channels {
                    records.iter().for_each(|record| send(from % q, to % new_receivers, record));
                }
            }
            Ship::Rebalance => {
                for ((_, to), records) in &channels {
                    records.iter().for_each(|record| send(owner(record, q), to % new_receivers, record));
                }
            }
            Ship::Hash => {
                for record in channels.values().flatten() {
                    send(owner(record, q), owner(record, new_receivers), record);
                }
            }
        }
    }
    dealt
}

/// The receiver of each channel of an edge, and the number of the channel among its inputs.
fn places(topology: &Topology, edge: usize) -> BTreeMap<Ends, (TaskId, u32)> {
    let subtask = |task: TaskId| topology.tasks[task.index()].subtask;
    let channels = topology.channels.iter().filter(|channel| channel.edge.index() == edge);
    channels.map(|it| ((subtask(it.from), subtask(it.to)), (it.to, it.input))).collect()
}
