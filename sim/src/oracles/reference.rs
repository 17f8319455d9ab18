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
//! A job that starts from a savepoint can be interpreted from there on ([`resume`]): every operator has the state that its
//! subtasks have together, sources stand where they stood, what was in flight is handled first, and a sink has what readers see
//! and what will be committed.
//!
//! What one logical state cannot express: an operator with several subtasks gets its keyed state spread by key only if
//! its inputs are spread by key. Behind a broadcast edge each subtask has a state of its own; behind a rebalance edge the
//! state of one key is torn into parts. An operator that keeps state there is refused with
//! [`ReferenceError::Unsupported`]; without state, a broadcast edge simply delivers `parallelism` copies. A forward edge is
//! like the first if it leads from subtasks that own their keys and keep them ([`Operator::is_ordered_per_key`]), and else like
//! the last.

mod interpreter;
mod resume;

use std::collections::BTreeMap;
use std::fmt;

use petgraph::Direction::Incoming;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::graph::{GraphError, JobGraph, Role, Ship, validate};
use crate::operator::Operator;
use crate::record::Record;
use crate::savepoint::Start;
use crate::state::KeyedState;
use crate::topology::Topology;
use interpreter::Interpreter;

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
    /// Neither: the job started from a savepoint, and records come to the operator, or to one before it, that are late there by
    /// the watermark of the savepoint. What becomes of them depends on when they come.
    Late,
    /// Neither: the operator, or one before it, goes by event time and has found in a savepoint the state of one that did
    /// something else, with timers and windows that mean something else.
    Foreign,
}

impl Determined {
    /// True if the final state of the operator is not judged.
    pub fn is_nothing(self) -> bool {
        !matches!(self, Determined::Records | Determined::State)
    }

    /// Why what is not judged is not.
    pub fn reason(self) -> &'static str {
        match self {
            Determined::Records | Determined::State | Determined::Nothing => {
                "depends on how inputs interleave"
            }
            Determined::Late => {
                "depends on when records come that are late by the watermark of the savepoint"
            }
            Determined::Foreign => {
                "depends on what it makes of windows and timers of the operator that had its uid"
            }
        }
    }
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
    /// The wrapping sum of [`lineage_weight`](crate::record::lineage_weight) over all records received (for a source: over all
    /// records read, with port 0).
    pub lineages: u64,
    /// For a sink: how many records readers of the external system can see in the end. It is what the sink received; from a
    /// savepoint, what readers saw and what was to be committed, and what the sink received since.
    pub visible: u64,
    /// For a sink: [`Record::result`] of every one of those, sorted. Empty if they were not kept: see [`SinkRecords`].
    pub records: Vec<Record>,
    /// For a sink: the wrapping sum of [`Record::result_hash`] over all of those.
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

/// Interprets a job from a savepoint on. Everything is counted from the beginning of the job that the savepoint came from: what
/// an operator had received is part of what it receives.
///
/// # Errors
/// As [`interpret`].
pub fn resume(
    topology: &Topology,
    start: &Start,
    limit_steps: u64,
    sink_records: SinkRecords,
) -> Result<Reference, ReferenceError> {
    let mut interpreter = Interpreter::new(&topology.graph, limit_steps, sink_records);
    interpreter.begin_at(topology, start);
    interpreter.run()
}

/// True if what is sent on an edge for one key reaches one subtask, in an order that does not depend on how inputs interleave:
/// each subtask of the sender owns its keys and orders what it makes of one, and the edge does not deal that out to several
/// subtasks.
pub(crate) fn is_ordered(graph: &JobGraph, from: NodeIndex, to: NodeIndex, ship: Ship) -> bool {
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

#[cfg(test)]
mod tests;
