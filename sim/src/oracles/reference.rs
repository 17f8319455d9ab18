//! The reference: an independent, sequential interpreter of a job graph. What a run with any strategy and any faults must
//! have computed in the end is what this computes without tasks, channels, parallelism, time or failures.
//!
//! How it works: every operator has one logical state. Sources are read one after the other, split by split, in small
//! batches; a batch flows through the operators in topological order before the next one is read, so no intermediate
//! stream is ever held. When all input has been read, the final watermark `u64::MAX` reaches the operators in topological
//! order: the timers of one fire, in order, and what they emit is handled by those behind it before their timers fire.
//! This equals what a run computes because operators do not depend on how their inputs interleave (see
//! [`operator`](crate::operator)) and because no record is late, so a timer that waits until the end sees the same
//! window. While records are handled the watermark an operator sees is 0, none yet. An operator is opened before the first
//! record and closed when its timers have fired and those of all before it; there is no snapshot and no restore.
//!
//! Feedback edges: what is sent on one is handled in the next pass through the operators; passes follow until no edge
//! holds a record. Records that timers send around a cycle are handled like all others, as if before the final watermark,
//! and timers they set fire again; the end is reached when neither a record nor a timer is left. A cycle that never comes
//! to rest ends in [`ReferenceError::StepLimit`].
//!
//! Behind an operator that refines a result ([`Operator::refines`]) which records there are depends on how inputs interleave, in
//! this interpreter as in a run. [`OperatorReference::determined`] says of each operator what is left to compare.
//!
//! What one logical state cannot express: an operator with several subtasks gets its keyed state spread by key only if
//! its inputs are spread by key. Behind a broadcast edge each subtask has a state of its own; behind a rebalance edge the
//! state of one key is torn into parts. An operator that keeps state there is refused with
//! [`ReferenceError::Unsupported`]; without state, a broadcast edge simply delivers `parallelism` copies. A forward edge is
//! like the first if it leads from subtasks that own their keys and keep them ([`Operator::is_ordered_per_key`]), and else like
//! the last.

use std::collections::BTreeMap;
use std::fmt;

use petgraph::Direction::Incoming;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::graph::{GraphError, JobGraph, Role, Ship, SinkMode, validate};
use crate::input::Input;
use crate::operator::{Context, Operator};
use crate::record::{Record, lineage_weight, source_lineage};
use crate::state::KeyedState;
use crate::time::NEVER;

/// A source is interrupted after so many records, so that edges hold little.
const BATCH_RECORDS: usize = 1024;
/// A source is interrupted after so many bytes: an operator may make many records of a large one.
const BATCH_BYTES: u64 = 1 << 20;
/// An operator may keep so many entries of state, and make so many records of one batch: a few gigabytes.
const ENTRIES_MOST: usize = 1 << 26;

/// What becomes of the records that reach a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkRecords {
    /// They are kept, 40 bytes each, and sorted in the end.
    Keep,
    /// They are kept as long as a sink has no more than so many; of a larger one only their number and fingerprint.
    KeepUpTo(u64),
    /// Only their number and fingerprint are kept.
    Digest,
}

/// What does not depend on how the inputs of operators interleave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Determined {
    /// Which records an operator receives, and its final state.
    #[default]
    Records,
    /// The final state alone.
    State,
    /// Neither.
    Nothing,
}

/// The failure-free result of one operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorReference {
    /// Its uid.
    pub uid: String,
    /// What of the following every run must reproduce.
    pub determined: Determined,
    /// Its final state, the union over all subtasks.
    pub state: KeyedState,
    /// [`KeyedState::fingerprint`] of the final state.
    pub fingerprint: u64,
    /// How many records it received, over all ports and subtasks; for a source, how many it read.
    pub received: u64,
    /// The wrapping sum of [`lineage_weight`] over all records received (for a source: over all records read, with port 0).
    pub lineages: u64,
    /// For a sink: [`Record::result`] of every record that reached it, sorted. Empty if they were not kept: see
    /// [`SinkRecords`].
    pub records: Vec<Record>,
    /// For a sink: the wrapping sum of [`Record::result_hash`] over all records that reached it.
    pub records_fingerprint: u64,
    /// For an idempotent sink: [`Record::result`] of the record that must come last for a key, for every key for which it
    /// does not depend on how inputs interleave.
    pub last: BTreeMap<u64, Record>,
}

/// The failure-free result of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// One per operator, by its index in the graph.
    pub operators: Vec<OperatorReference>,
    /// How many records and timers were handled in all.
    pub steps: u64,
}

/// Why there is no reference for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    /// The job cannot be run at all.
    Graph(GraphError),
    /// More records and timers than the limit: the job is larger than meant, or a cycle never comes to rest.
    StepLimit {
        /// The limit.
        limit: u64,
        /// The operator that was to take the next step.
        uid: String,
    },
    /// An operator holds more at once than a machine has memory for: joins behind each other, say.
    Memory {
        /// The most records that it may make of one batch, and entries of state that it may keep.
        most: usize,
        /// The operator.
        uid: String,
    },
    /// An operator with several subtasks keeps broadcast state, but an edge that is no broadcast edge leads into the port.
    Torn {
        /// The operator.
        uid: String,
    },
    /// An operator with several subtasks keeps keyed state behind an edge that does not go by the key.
    Unsupported {
        /// The operator.
        uid: String,
        /// The edge.
        ship: Ship,
    },
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReferenceError::Graph(error) => error.fmt(f),
            ReferenceError::StepLimit { limit, uid } => write!(
                f,
                "the reference needs more than {limit} steps (it was at `{uid}`): raise the limit, make the input smaller, \
                 or check that every cycle of the job comes to rest"
            ),
            ReferenceError::Memory { most, uid } => write!(
                f,
                "operator `{uid}` makes or keeps more than {most} records at once: make the input smaller, or spread \
                 it over more keys"
            ),
            ReferenceError::Torn { uid } => write!(
                f,
                "operator `{uid}` keeps broadcast state, but what changes it does not reach all of its subtasks: use a \
                 `broadcast` edge, or parallelism 1"
            ),
            ReferenceError::Unsupported { uid, ship } => {
                let ship = format!("{ship:?}").to_lowercase();
                write!(
                    f,
                    "operator `{uid}` keeps keyed state behind a {ship} edge, where its subtasks do not own their keys: \
                     use a `hash` edge, or parallelism 1"
                )
            }
        }
    }
}

impl std::error::Error for ReferenceError {}

impl From<GraphError> for ReferenceError {
    fn from(error: GraphError) -> Self {
        ReferenceError::Graph(error)
    }
}

/// Interprets a job and keeps what reaches the sinks. `limit_steps` bounds the records and timers handled in all.
///
/// # Errors
/// The job is invalid, needs more steps, or has no single logical state: see [`ReferenceError`].
pub fn interpret(graph: &JobGraph, limit_steps: u64) -> Result<Reference, ReferenceError> {
    interpret_with(graph, limit_steps, SinkRecords::Keep)
}

/// Interprets a job like [`interpret`]; says what becomes of the records that reach a sink.
///
/// # Errors
/// As [`interpret`].
pub fn interpret_with(
    graph: &JobGraph,
    limit_steps: u64,
    sink_records: SinkRecords,
) -> Result<Reference, ReferenceError> {
    validate(graph)?;
    Interpreter::new(graph, limit_steps, sink_records).run()
}

/// What an idempotent sink keeps for a key.
struct Last {
    wire: usize,
    /// Everything so far came on that one wire, and it is an ordered one.
    ordered: bool,
    /// `None`: it depends on how inputs interleave.
    record: Option<Record>,
}

/// A logical edge and what is on it.
struct Wire {
    target: usize,
    port: u32,
    /// How often the receiver handles each record: its parallelism behind a broadcast edge, else 1.
    copies: u32,
    /// What is sent on it for one key reaches one subtask, in an order that does not depend on how inputs interleave.
    ordered: bool,
    records: Vec<Record>,
}

struct Interpreter<'a> {
    graph: &'a JobGraph,
    /// Operators in topological order, feedback edges left out.
    order: Vec<usize>,
    wires: Vec<Wire>,
    /// Wires into and out of each operator, in the order of the edges.
    incoming: Vec<Vec<usize>>,
    outgoing: Vec<Vec<usize>>,
    /// For each operator, the edge that forbids it to keep keyed state.
    stateless: Vec<Option<Ship>>,
    /// For each operator, whether its subtasks would have different broadcast states.
    torn: Vec<bool>,
    operators: Vec<OperatorReference>,
    /// For each idempotent sink, what it keeps.
    last: Vec<BTreeMap<u64, Last>>,
    /// Takes what an operator without outgoing edges emits.
    nowhere: Vec<Record>,
    sink_records: SinkRecords,
    steps: u64,
    limit: u64,
    /// See [`ReferenceError::Memory`].
    most: usize,
}

/// See [`Wire::ordered`]: each subtask of the sender owns its keys and orders what it makes of one, and the edge does not deal
/// that out to several subtasks.
fn is_ordered(graph: &JobGraph, from: NodeIndex, to: NodeIndex, ship: Ship) -> bool {
    let sender = &graph[from];
    let orders = matches!(&sender.role, Role::Transform(operator) if operator.is_ordered_per_key());
    let together = graph[to].parallelism == 1 || matches!(ship, Ship::Hash | Ship::Forward);
    orders && together && owns_keys(graph, from)
}

/// True for an edge that leads into a broadcast port.
fn is_broadcast(graph: &JobGraph, to: NodeIndex, port: u32) -> bool {
    graph[to].role.transform().is_some_and(|operator| operator.is_broadcast_port(port))
}

/// True if every record of a key comes to one subtask (those of broadcast ports have none): it is the only one, or all its inputs go by the key, or lead straight
/// from subtasks of which that is true and that keep the keys.
fn owns_keys(graph: &JobGraph, node: NodeIndex) -> bool {
    let keeps = |node: NodeIndex| matches!(&graph[node].role, Role::Transform(operator) if operator.is_ordered_per_key());
    let inputs = graph.edges_directed(node, Incoming);
    let mut inputs = inputs.filter(|edge| !is_broadcast(graph, node, edge.weight().port));
    graph[node].parallelism == 1
        || inputs.all(|edge| match edge.weight().ship {
            Ship::Hash => true,
            Ship::Forward => {
                !edge.weight().feedback && keeps(edge.source()) && owns_keys(graph, edge.source())
            }
            Ship::Broadcast | Ship::Rebalance => false,
        })
}

/// For each operator what is determined: all, unless something comes from one that refines. One that takes the least of each key
/// has a state that is, and sends what is.
fn determined(graph: &JobGraph) -> Vec<Determined> {
    let mut all = vec![Determined::Records; graph.node_count()];
    let is =
        |node: NodeIndex, what: fn(&dyn Operator) -> bool| graph[node].role.transform().is_some_and(what);
    let refines = graph.node_indices().filter(|&node| is(node, |operator| operator.refines()));
    let mut open: Vec<NodeIndex> = refines.collect();
    while let Some(sender) = open.pop() {
        for node in graph.neighbors(sender) {
            if all[node.index()] != Determined::Records {
                continue;
            }
            let takes_least = is(node, |operator| operator.takes_least());
            all[node.index()] = if takes_least { Determined::State } else { Determined::Nothing };
            if !takes_least {
                open.push(node);
            }
        }
    }
    all
}

impl<'a> Interpreter<'a> {
    fn new(graph: &'a JobGraph, limit: u64, sink_records: SinkRecords) -> Self {
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
            Wire { target, port: edge.weight().port, copies, ordered, records: Vec::new() }
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
            last: graph.node_indices().map(|_| BTreeMap::new()).collect(),
            nowhere: Vec::new(),
            sink_records,
            steps: 0,
            limit,
            most: ENTRIES_MOST,
        }
    }

    fn run(mut self) -> Result<Reference, ReferenceError> {
        let graph = self.graph;
        for (operator, own) in graph.node_weights().zip(&mut self.operators) {
            if let Some(operator) = operator.role.transform() {
                operator.on_open(&mut own.state.broadcast);
            }
        }
        for node in graph.node_indices() {
            if let Role::Source(input) = &graph[node].role {
                self.read(node.index(), input.as_ref())?;
            }
        }
        self.end()?;
        Ok(self.finish())
    }

    /// Reads all splits of a source, one after the other, to their ends.
    fn read(&mut self, node: usize, input: &dyn Input) -> Result<(), ReferenceError> {
        let operator = node as u32;
        for split in 0..input.splits() {
            let mut offset = input.start(split);
            let mut more = true;
            while more {
                let mut out = self.take_output(node);
                let (mut lineages, mut bytes) = (0u64, 0u64);
                while out.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                    let Some(entry) = input.read(split, offset) else {
                        more = false;
                        break;
                    };
                    let lineage = source_lineage(operator, split, offset);
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
        let Wire { target: node, port, copies, .. } = self.wires[wire];
        let mut records = std::mem::take(&mut self.wires[wire].records);
        if records.is_empty() {
            self.wires[wire].records = records;
            return Ok(());
        }
        let count = records.len() as u64 * u64::from(copies);
        self.step(node, count)?;
        self.operators[node].received += count;
        let graph = self.graph;
        match &graph[NodeIndex::new(node)].role {
            Role::Source(_) => {}
            Role::Transform(operator) => self.transform(node, port, copies, operator.as_ref(), &records)?,
            Role::Sink(mode) => {
                self.sink(node, port, copies, &records);
                if *mode == SinkMode::Idempotent {
                    records.iter().for_each(|record| self.overwrite(node, wire, record.result()));
                }
            }
        }
        // An operator may feed itself: then the wire holds its new records by now.
        if self.wires[wire].records.is_empty() {
            records.clear();
            self.wires[wire].records = records;
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
        let own = &mut self.operators[node];
        for _ in 0..copies {
            for record in records {
                own.lineages = own.lineages.wrapping_add(lineage_weight(record.lineage, port));
                own.records_fingerprint = own.records_fingerprint.wrapping_add(record.result_hash());
            }
            match self.sink_records {
                SinkRecords::KeepUpTo(most) if own.received > most => own.records = Vec::new(),
                SinkRecords::Keep | SinkRecords::KeepUpTo(_) => {
                    own.records.extend(records.iter().map(|record| record.result()));
                }
                SinkRecords::Digest => {}
            }
        }
    }

    /// An idempotent sink takes a record for what its key stands for from now on.
    fn overwrite(&mut self, node: usize, wire: usize, record: Record) {
        let first = Last { wire, ordered: self.wires[wire].ordered, record: Some(record) };
        let last = self.last[node].entry(record.key).or_insert(first);
        last.ordered &= last.wire == wire;
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

#[cfg(test)]
mod tests;
