//! The interpreter itself.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::{
    OperatorReference, Reference, ReferenceError, SinkRecords, determined, is_broadcast, is_ordered,
    owns_keys,
};
use crate::graph::{JobGraph, Role, Ship, SinkMode};
use crate::input::Input;
use crate::operator::{Context, Operator};
use crate::record::{Record, lineage_weight, origin, source_lineage};
use crate::time::NEVER;

/// A source is interrupted after so many records, so that edges hold little.
const BATCH_RECORDS: usize = 1024;
/// A source is interrupted after so many bytes: an operator may make many records of a large one.
const BATCH_BYTES: u64 = 1 << 20;
/// An operator may keep so many entries of state, and make so many records of one batch: a few gigabytes.
const ENTRIES_MOST: usize = 1 << 26;

/// What an idempotent sink keeps for a key.
pub(super) struct Last {
    /// `None`: it was there before the job began.
    pub wire: Option<usize>,
    /// Everything so far came on that one wire, and it is an ordered one.
    pub ordered: bool,
    /// `None`: it depends on how inputs interleave.
    pub record: Option<Record>,
}

/// A logical edge and what is on it.
pub(super) struct Wire {
    target: usize,
    port: u32,
    /// How often the receiver handles each record: its parallelism behind a broadcast edge, else 1.
    copies: u32,
    /// What is sent on it for one key reaches one subtask, in an order that does not depend on how inputs interleave.
    ordered: bool,
    records: Vec<Record>,
    /// What was on it when the job began; of a broadcast edge the copies that were still under way.
    pub in_flight: Vec<Record>,
}

pub(super) struct Interpreter<'a> {
    graph: &'a JobGraph,
    /// Operators in topological order, feedback edges left out.
    order: Vec<usize>,
    pub wires: Vec<Wire>,
    /// Wires into and out of each operator, in the order of the edges.
    incoming: Vec<Vec<usize>>,
    outgoing: Vec<Vec<usize>>,
    /// For each operator, the edge that forbids it to keep keyed state.
    stateless: Vec<Option<Ship>>,
    /// For each operator, whether its subtasks would have different broadcast states.
    torn: Vec<bool>,
    pub operators: Vec<OperatorReference>,
    /// For each operator, whether it was opened before the job began, and where it begins to read each of its splits.
    pub opened: Vec<bool>,
    pub splits: Vec<Vec<(u32, u64)>>,
    /// For each idempotent sink, what it keeps.
    pub last: Vec<BTreeMap<u64, Last>>,
    /// Takes what an operator without outgoing edges emits.
    nowhere: Vec<Record>,
    pub sink_records: SinkRecords,
    steps: u64,
    limit: u64,
    /// See [`ReferenceError::Memory`].
    pub most: usize,
}

impl<'a> Interpreter<'a> {
    /// An interpreter at the beginning of a job.
    pub fn new(graph: &'a JobGraph, limit: u64, sink_records: SinkRecords) -> Self {
        let nodes = graph.node_count();
        let mut incoming = vec![Vec::new(); nodes];
        let mut outgoing = vec![Vec::new(); nodes];
        let mut stateless = vec![None; nodes];
        let mut torn = vec![false; nodes];
        let wires = graph.edge_references().enumerate().map(|(at, edge)| {
            let (source, target) = (edge.source().index(), edge.target().index());
            let parallelism = graph[edge.target()].parallelism;
            let ship = edge.weight().ship;
            incoming[target].push(at);
            outgoing[source].push(at);
            if is_broadcast(graph, edge.target(), edge.weight().port) {
                torn[target] |= parallelism > 1 && ship != Ship::Broadcast;
            } else if ship != Ship::Hash && !owns_keys(graph, edge.target()) {
                stateless[target] = Some(ship);
            }
            let copies = if ship == Ship::Broadcast { parallelism } else { 1 };
            let ordered = is_ordered(graph, edge.source(), edge.target(), ship);
            Wire {
                target,
                port: edge.weight().port,
                copies,
                ordered,
                records: Vec::new(),
                in_flight: Vec::new(),
            }
        });
        let wires = wires.collect();
        let forward = graph.filter_map(|_, _| Some(()), |_, edge| (!edge.feedback).then_some(()));
        let order = petgraph::algo::toposort(&forward, None).unwrap_or_default();
        Interpreter {
            graph,
            order: order.into_iter().map(NodeIndex::index).collect(),
            wires,
            incoming,
            outgoing,
            stateless,
            torn,
            operators: graph
                .node_weights()
                .zip(determined(graph))
                .map(|(operator, determined)| OperatorReference {
                    uid: operator.uid.clone(),
                    determined,
                    ..OperatorReference::default()
                })
                .collect(),
            opened: vec![false; nodes],
            splits: graph.node_weights().map(|operator| first_offsets(&operator.role)).collect(),
            last: graph.node_indices().map(|_| BTreeMap::new()).collect(),
            nowhere: Vec::new(),
            sink_records,
            steps: 0,
            limit,
            most: ENTRIES_MOST,
        }
    }

    /// Goes to the end.
    pub fn run(mut self) -> Result<Reference, ReferenceError> {
        let graph = self.graph;
        let begun = self.operators.iter_mut().zip(&self.opened);
        for (operator, (own, opened)) in graph.node_weights().zip(begun) {
            match operator.role.transform() {
                Some(operator) if *opened => operator.on_restore(&mut own.state),
                Some(operator) => operator.on_open(&mut own.state.broadcast),
                None => {}
            }
        }
        self.handle_what_was_in_flight()?;
        for node in graph.node_indices() {
            if let Role::Source(input) = &graph[node].role {
                self.read(node.index(), input.as_ref())?;
            }
        }
        self.end()?;
        Ok(self.finish())
    }

    /// What was on its way comes before whatever is sent from now on, on each edge.
    fn handle_what_was_in_flight(&mut self) -> Result<(), ReferenceError> {
        for at in 0..self.order.len() {
            let node = self.order[at];
            for input in 0..self.incoming[node].len() {
                let wire = self.incoming[node][input];
                let records = std::mem::take(&mut self.wires[wire].in_flight);
                if !records.is_empty() {
                    self.handle(wire, 1, &records)?;
                }
                self.drain(wire)?;
            }
        }
        self.settle()
    }

    /// Reads all splits of a source, one after the other, to their ends.
    fn read(&mut self, node: usize, input: &dyn Input) -> Result<(), ReferenceError> {
        let origin = origin(&self.operators[node].uid);
        for (split, mut offset) in std::mem::take(&mut self.splits[node]) {
            let mut more = true;
            while more {
                let mut out = self.take_output(node);
                let (mut lineages, mut bytes) = (0u64, 0u64);
                while out.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                    let Some(entry) = input.read(split, offset) else {
                        more = false;
                        break;
                    };
                    let lineage = source_lineage(origin, split, offset);
                    lineages = lineages.wrapping_add(lineage_weight(lineage, 0));
                    bytes += u64::from(entry.record.size);
                    out.push(Record { lineage, ..entry.record });
                    offset = entry.next;
                }
                let read = out.len() as u64;
                self.send(node, out, 0);
                self.step(node, read)?;
                self.operators[node].received += read;
                self.operators[node].lineages = self.operators[node].lineages.wrapping_add(lineages);
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Passes through the operators until no wire holds a record.
    fn settle(&mut self) -> Result<(), ReferenceError> {
        loop {
            for at in 0..self.order.len() {
                let node = self.order[at];
                for input in 0..self.incoming[node].len() {
                    self.drain(self.incoming[node][input])?;
                }
            }
            if self.wires.iter().all(|wire| wire.records.is_empty()) {
                return Ok(());
            }
        }
    }

    /// Handles everything that is on a wire now.
    fn drain(&mut self, wire: usize) -> Result<(), ReferenceError> {
        let mut records = std::mem::take(&mut self.wires[wire].records);
        if records.is_empty() {
            self.wires[wire].records = records;
            return Ok(());
        }
        self.handle(wire, self.wires[wire].copies, &records)?;
        // An operator may feed itself: then the wire holds its new records by now.
        if self.wires[wire].records.is_empty() {
            records.clear();
            self.wires[wire].records = records;
        }
        Ok(())
    }

    /// Handles records that came on a wire, each so many times.
    fn handle(&mut self, wire: usize, copies: u32, records: &[Record]) -> Result<(), ReferenceError> {
        let Wire { target: node, port, .. } = self.wires[wire];
        let count = records.len() as u64 * u64::from(copies);
        self.step(node, count)?;
        self.operators[node].received += count;
        let graph = self.graph;
        match &graph[NodeIndex::new(node)].role {
            Role::Source(_) => {}
            Role::Transform(operator) => self.transform(node, port, copies, operator.as_ref(), records)?,
            Role::Sink(mode) => {
                self.sink(node, port, copies, records);
                if *mode == SinkMode::Idempotent {
                    records.iter().for_each(|record| self.overwrite(node, wire, record.result()));
                }
            }
        }
        Ok(())
    }

    fn transform(
        &mut self,
        node: usize,
        port: u32,
        copies: u32,
        operator: &dyn Operator,
        records: &[Record],
    ) -> Result<(), ReferenceError> {
        let mut out = self.take_output(node);
        let before = out.len();
        let own = &mut self.operators[node];
        let mut lineages = own.lineages;
        for _ in 0..copies {
            let mut context = Context { state: &mut own.state, out: &mut out, watermark: 0 };
            for record in records {
                lineages = lineages.wrapping_add(lineage_weight(record.lineage, port));
                operator.on_record(port, record, &mut context);
                if context.out.len() - before > self.most {
                    return Err(ReferenceError::Memory { most: self.most, uid: own.uid.clone() });
                }
            }
        }
        if own.state.keyed_len() > self.most {
            return Err(ReferenceError::Memory { most: self.most, uid: own.uid.clone() });
        }
        own.lineages = lineages;
        self.send(node, out, before);
        let own = &self.operators[node];
        match self.stateless[node] {
            Some(ship) if own.state.keyed_len() > 0 => {
                Err(ReferenceError::Unsupported { uid: own.uid.clone(), ship })
            }
            _ if self.torn[node] && own.state.broadcast.entries().next().is_some() => {
                Err(ReferenceError::Torn { uid: own.uid.clone() })
            }
            _ => Ok(()),
        }
    }

    fn sink(&mut self, node: usize, port: u32, copies: u32, records: &[Record]) {
        for _ in 0..copies {
            let own = &mut self.operators[node];
            for record in records {
                own.lineages = own.lineages.wrapping_add(lineage_weight(record.lineage, port));
            }
            self.show(node, records);
        }
    }

    /// Readers of a sink see these from now on, or will.
    pub fn show(&mut self, node: usize, records: &[Record]) {
        let own = &mut self.operators[node];
        own.visible += records.len() as u64;
        for record in records {
            own.records_fingerprint = own.records_fingerprint.wrapping_add(record.result_hash());
        }
        match self.sink_records {
            SinkRecords::KeepUpTo(most) if own.visible > most => own.records = Vec::new(),
            SinkRecords::Keep | SinkRecords::KeepUpTo(_) => {
                own.records.extend(records.iter().map(|record| record.result()));
            }
            SinkRecords::Digest => {}
        }
    }

    /// An idempotent sink takes a record for what its key stands for from now on.
    fn overwrite(&mut self, node: usize, wire: usize, record: Record) {
        let first = || Last { wire: Some(wire), ordered: self.wires[wire].ordered, record: Some(record) };
        let last = self.last[node].entry(record.key).or_insert_with(first);
        if last.wire.is_none() {
            *last = first(); // what comes now overwrites it, whichever way it comes
        }
        last.ordered &= last.wire == Some(wire);
        if last.ordered {
            last.record = Some(record);
        } else if last.record != Some(record) {
            last.record = None;
        }
    }

    /// The final watermark: fires timers and closes operators until neither a timer nor a record is left.
    fn end(&mut self) -> Result<(), ReferenceError> {
        let graph = self.graph;
        let mut closed = vec![false; graph.node_count()];
        loop {
            let has_timers = |node: usize| self.operators[node].state.timers().next().is_some();
            let next = self.order.iter().copied().find(|&node| !closed[node] || has_timers(node));
            let Some(node) = next else { return Ok(()) };
            match graph[NodeIndex::new(node)].role.transform() {
                Some(operator) if has_timers(node) => self.fire(node, operator)?,
                Some(operator) => {
                    closed[node] = true;
                    self.close(node, operator);
                }
                None => closed[node] = true,
            }
            self.settle()?;
        }
    }

    fn close(&mut self, node: usize, operator: &dyn Operator) {
        let mut out = self.take_output(node);
        let before = out.len();
        let state = &mut self.operators[node].state;
        operator.on_close(&mut Context { state, out: &mut out, watermark: NEVER });
        self.send(node, out, before);
    }

    /// Fires the next timers of an operator, as many as one batch may.
    fn fire(&mut self, node: usize, operator: &dyn Operator) -> Result<(), ReferenceError> {
        let mut out = self.take_output(node);
        let before = out.len();
        let state = &mut self.operators[node].state;
        let mut fired = 0;
        while fired < BATCH_RECORDS as u64 && out.len() - before < BATCH_RECORDS {
            let Some(timer) = state.pop_timer(NEVER) else { break };
            fired += 1;
            operator.on_timer(timer, &mut Context { state, out: &mut out, watermark: NEVER });
        }
        self.send(node, out, before);
        self.step(node, fired)
    }

    /// The buffer an operator writes to: its first wire, to be given back by [`Self::send`].
    fn take_output(&mut self, node: usize) -> Vec<Record> {
        match self.outgoing[node].first() {
            Some(&wire) => std::mem::take(&mut self.wires[wire].records),
            None => std::mem::take(&mut self.nowhere),
        }
    }

    /// Gives the buffer back and copies what is new in it, from `before` on, to the operator's other wires.
    fn send(&mut self, node: usize, mut out: Vec<Record>, before: usize) {
        let Some((&first, others)) = self.outgoing[node].split_first() else {
            out.clear();
            self.nowhere = out;
            return;
        };
        for &wire in others {
            self.wires[wire].records.extend_from_slice(&out[before..]);
        }
        self.wires[first].records = out;
    }

    fn step(&mut self, node: usize, count: u64) -> Result<(), ReferenceError> {
        self.steps += count;
        if self.steps > self.limit {
            return Err(ReferenceError::StepLimit {
                limit: self.limit,
                uid: self.operators[node].uid.clone(),
            });
        }
        Ok(())
    }

    fn finish(mut self) -> Reference {
        let subtasks = self.graph.node_weights().map(|operator| operator.parallelism);
        for ((operator, last), subtasks) in self.operators.iter_mut().zip(self.last).zip(subtasks) {
            operator.last = last.into_iter().filter_map(|(key, last)| Some((key, last.record?))).collect();
            operator.fingerprint = operator.state.fingerprint_spread(subtasks);
            operator.records.sort_unstable();
        }
        Reference { operators: self.operators, steps: self.steps }
    }
}

/// Where a source that begins with nothing reads its splits.
fn first_offsets(role: &Role) -> Vec<(u32, u64)> {
    match role {
        Role::Source(input) => (0..input.splits()).map(|split| (split, input.start(split))).collect(),
        Role::Transform(_) | Role::Sink(_) => Vec::new(),
    }
}
