//! The beginning of an interpretation at a savepoint: what is saved is put together for each operator, and what cannot be judged
//! behind it is found out.
//!
//! A record is *late* at an operator if its event time is not after a watermark that the operator has seen. In a job that goes
//! on as it was there are none. In one that has got another source, or another split, or whose cut was torn (at least once),
//! the records to come are compared with the watermarks that were saved, exactly: nothing is taken for late that is not.

use petgraph::Direction;
use petgraph::graph::NodeIndex;

use super::Determined;
use super::interpreter::{Interpreter, Last};
use crate::channel::Item;
use crate::graph::{JobGraph, Role, SinkMode};
use crate::ids::TaskId;
use crate::input::Input;
use crate::record::Record;
use crate::savepoint::Start;
use crate::snapshot::TaskSnapshot;
use crate::time::{NEVER, Time};
use crate::topology::Topology;

impl Interpreter<'_> {
    /// Begins where a savepoint left the job.
    pub fn begin_at(&mut self, topology: &Topology, start: &Start) {
        for at in 0..topology.tasks.len() as u32 {
            let task = TaskId(at);
            if let Some(base) = start.task(task) {
                self.take_over(topology, task, base);
            }
            self.show_what_was_visible(topology, start, task);
        }
        for (at, operator) in topology.operators.iter().enumerate() {
            if let Role::Source(input) = &operator.role {
                self.splits[at] = positions(topology, start, at, input.as_ref());
            }
        }
        for (at, why) in unjudged(topology, start) {
            self.operators[at].determined = why;
        }
    }

    /// What one of the subtasks of an operator had, and what was on its way to it and from it.
    fn take_over(&mut self, topology: &Topology, task: TaskId, base: &TaskSnapshot) {
        let info = &topology.tasks[task.index()];
        let operator = info.operator.index();
        let own = &mut self.operators[operator];
        own.state.absorb(&base.state, |_| true);
        base.state.list.elements().iter().for_each(|&element| own.state.list.push(element));
        own.received += base.records;
        own.lineages = own.lineages.wrapping_add(base.lineages);
        self.opened[operator] |= base.state.opened;
        let inputs = base.captured.iter().filter_map(|on| Some((*info.inputs.get(on.at as usize)?, on)));
        let outputs =
            base.unsent.iter().filter_map(|on| Some((info.channels_out().nth(on.at as usize)?, on)));
        for (channel, on) in inputs.chain(outputs) {
            let edge = topology.channels[channel.index()].edge;
            let records = on.items.iter().filter_map(|item| match item {
                Item::Record(record) => Some(*record),
                Item::Watermark(_) | Item::End | Item::Probe(_) => None,
            });
            self.wires[edge.index()].in_flight.extend(records);
        }
    }

    /// What readers of a sink see, and will see as soon as it has started.
    fn show_what_was_visible(&mut self, topology: &Topology, start: &Start, task: TaskId) {
        let Role::Sink(mode) = *topology.role(task) else { return };
        let operator = topology.tasks[task.index()].operator.index();
        let external = start.external();
        let committed = external.committed(task).map(|(_, records)| records);
        for records in committed.chain(external.prepared(task)).chain([external.log(task)]) {
            self.show(operator, records);
            if mode == SinkMode::Idempotent {
                let last = records.iter().map(|record| (record.key, record.result()));
                self.last[operator].extend(last.map(|(key, record)| (key, seen(record))));
            }
        }
    }
}

/// A value that was there before.
fn seen(record: Record) -> Last {
    Last { wire: None, ordered: true, record: Some(record) }
}

/// Where the subtasks of a source go on.
fn positions(topology: &Topology, start: &Start, operator: usize, input: &dyn Input) -> Vec<(u32, u64)> {
    let tasks = topology.tasks.iter().enumerate().filter(|(_, info)| info.operator.index() == operator);
    let bases = tasks.filter_map(|(task, _)| start.task(TaskId(task as u32)));
    let saved: Vec<(u32, u64)> =
        bases.flat_map(|base| &base.splits).map(|at| (at.split, at.offset)).collect();
    let all = (0..input.splits()).map(|split| {
        let known = saved.iter().find(|(at, _)| *at == split);
        known.copied().unwrap_or_else(|| (split, input.start(split)))
    });
    all.collect()
}

/// The operators that are not judged.
fn unjudged(topology: &Topology, start: &Start) -> Vec<(usize, Determined)> {
    let mut first_to_come: Vec<Option<Time>> = vec![None; topology.operators.len()];
    let mut found = vec![None; topology.operators.len()];
    for (at, operator) in topology.operators.iter().enumerate() {
        let by_time = |role: &Role| role.transform().is_some_and(|operator| operator.goes_by_event_time());
        if !by_time(&operator.role) {
            continue;
        }
        let tasks = topology.tasks.iter().enumerate().filter(|(_, info)| info.operator.index() == at);
        let bases = || tasks.clone().filter_map(|(task, _)| start.task(TaskId(task as u32)));
        let has_state = bases().any(|base| base.state.keyed_len() > 0);
        if has_state && start.became_other(at) {
            found[at] = Some(Determined::Foreign);
            continue;
        }
        let watermarks = bases().map(|base| base.state.watermark).filter(|&watermark| watermark != NEVER);
        let Some(watermark) = watermarks.max().filter(|&watermark| watermark > 0) else { continue };
        let sources = reached(&topology.graph, at, Direction::Incoming).into_iter();
        let mut sources = sources.filter(|&source| topology.graph[NodeIndex::new(source)].role.is_source());
        let is_late = sources.any(|source| {
            *first_to_come[source].get_or_insert_with(|| earliest(topology, start, source)) <= watermark
        });
        found[at] = is_late.then_some(Determined::Late);
    }
    let mut all = found.clone();
    for (at, why) in found.into_iter().enumerate().filter_map(|(at, why)| Some((at, why?))) {
        for behind in reached(&topology.graph, at, Direction::Outgoing) {
            all[behind].get_or_insert(why);
        }
    }
    all.into_iter().enumerate().filter_map(|(at, why)| Some((at, why?))).collect()
}

/// The operators that are reached from one, itself excluded unless around a loop.
fn reached(graph: &JobGraph, from: usize, direction: Direction) -> Vec<usize> {
    let mut seen = vec![false; graph.node_count()];
    let mut open = vec![NodeIndex::new(from)];
    while let Some(at) = open.pop() {
        for next in graph.neighbors_directed(at, direction) {
            if !std::mem::replace(&mut seen[next.index()], true) {
                open.push(next);
            }
        }
    }
    (0..seen.len()).filter(|&at| seen[at]).collect()
}

/// The smallest event time of what a source has still to read; [`NEVER`] if there is nothing.
fn earliest(topology: &Topology, start: &Start, source: usize) -> Time {
    let Role::Source(input) = &topology.operators[source].role else { return NEVER };
    let mut earliest = NEVER;
    for (split, mut offset) in positions(topology, start, source, input.as_ref()) {
        while let Some(entry) = input.read(split, offset) {
            earliest = earliest.min(entry.record.event_time);
            offset = entry.next;
        }
    }
    earliest
}
