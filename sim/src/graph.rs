//! The logical job: operators with a uid and a parallelism, and the edges between them.

use std::fmt;
use std::sync::Arc;

use petgraph::Graph;
use petgraph::graph::EdgeReference;
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use crate::input::Input;
use crate::operator::Operator;
use crate::time::Time;

/// How a sink delivers to the external system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkMode {
    /// Every record is visible at once: at least once.
    Plain,
    /// Every record overwrites the one with its key: exactly once in the end, for deterministic values.
    Idempotent,
    /// Two-phase commit: records become visible when their checkpoint has completed.
    Transactional,
}

/// What a task does.
#[derive(Clone)]
pub enum Role {
    /// Reads an input. It has no incoming edge.
    Source(Arc<dyn Input>),
    /// Computes.
    Transform(Arc<dyn Operator>),
    /// Writes to the external system. It has no outgoing edge.
    Sink(SinkMode),
}

impl Role {
    /// True for a source.
    pub fn is_source(&self) -> bool {
        matches!(self, Role::Source(_))
    }

    /// What it computes, if it is neither a source nor a sink.
    #[inline]
    pub fn transform(&self) -> Option<&dyn Operator> {
        match self {
            Role::Transform(operator) => Some(operator.as_ref()),
            Role::Source(_) | Role::Sink(_) => None,
        }
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Source(_) => f.write_str("Source"),
            Role::Transform(_) => f.write_str("Transform"),
            Role::Sink(mode) => write!(f, "Sink({mode:?})"),
        }
    }
}

/// How long a task is busy with one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceTime {
    /// Nanoseconds per record.
    pub record: Time,
    /// Nanoseconds more per KiB of the record.
    pub kib: Time,
    /// Up to so many nanoseconds more, uniformly drawn per record.
    pub jitter: Time,
}

/// An operator of the job.
#[derive(Clone, Debug)]
pub struct OperatorSpec {
    /// The stable name by which state finds its operator again; unique in the job.
    pub uid: String,
    /// What its subtasks do.
    pub role: Role,
    /// The same in words, settings included: who does the same has the same words. A job that starts from a savepoint is held
    /// to the whole failure-free run only if all its operators do what they did.
    pub does: String,
    /// The number of subtasks; at least 1.
    pub parallelism: u32,
    /// How long one record takes.
    pub service: ServiceTime,
    /// Bytes that the state of a subtask has beyond its entries: they stand for entries that never change.
    pub state_bytes: u64,
    /// Bytes of an entry of state: [`ENTRY_BYTES`](crate::state::ENTRY_BYTES), or more where it stands for a large one.
    pub entry_bytes: u64,
}

/// How an edge chooses the receiving subtask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ship {
    /// Subtask i to subtask i; both sides have the same parallelism.
    Forward,
    /// By the key group of the record's key.
    Hash,
    /// One after the other.
    Rebalance,
    /// To all.
    Broadcast,
}

/// An edge of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EdgeSpec {
    /// How it chooses the receiver.
    pub ship: Ship,
    /// Which input of the receiving operator this is, for operators that tell their inputs apart.
    pub port: u32,
    /// True for an edge that closes a cycle.
    pub feedback: bool,
}

/// The job: a directed graph.
pub type JobGraph = Graph<OperatorSpec, EdgeSpec>;

/// What is wrong with a job graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// There is no source.
    NoSource,
    /// Two operators have this uid.
    DuplicateUid(String),
    /// The operator with this uid has parallelism 0.
    NoParallelism(String),
    /// The operator with this uid is a source with an incoming edge.
    SourceWithInput(String),
    /// The operator with this uid is a sink with an outgoing edge.
    SinkWithOutput(String),
    /// The operator with this uid has no incoming edge but feedback edges, and is no source.
    Unreachable(String),
    /// A forward edge joins these two operators of different parallelism.
    ForwardMismatch(String, String),
    /// A cycle goes through this operator, and none of its edges is a feedback edge.
    Cycle(String),
    /// The feedback edge from one of these operators to the other closes no cycle.
    NoCycle(String, String),
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::NoSource => write!(f, "the job has no source: nothing would ever happen"),
            GraphError::DuplicateUid(uid) => write!(f, "two operators have the uid `{uid}`: rename one"),
            GraphError::NoParallelism(uid) => {
                write!(f, "operator `{uid}` has parallelism 0: it must be at least 1")
            }
            GraphError::SourceWithInput(uid) => write!(f, "`{uid}` is a source, but an edge leads into it"),
            GraphError::SinkWithOutput(uid) => write!(f, "`{uid}` is a sink, but an edge leads out of it"),
            GraphError::Unreachable(uid) => {
                write!(f, "no edge leads into `{uid}` from before it, and it is no source")
            }
            GraphError::ForwardMismatch(from, to) => write!(
                f,
                "the forward edge from `{from}` to `{to}` needs the same parallelism on both sides: use `rebalance` or \
                 `hash`, or make them equal"
            ),
            GraphError::Cycle(uid) => write!(
                f,
                "a cycle leads through `{uid}`: mark the edge that closes it with `feedback = true`, or remove it"
            ),
            GraphError::NoCycle(from, to) => write!(
                f,
                "the feedback edge from `{from}` to `{to}` closes no cycle, for nothing leads from `{to}` back to `{from}`: \
                 take `feedback` out, or turn the edge round"
            ),
        }
    }
}

impl std::error::Error for GraphError {}

/// Checks that a job can be run at all.
pub fn validate(graph: &JobGraph) -> Result<(), GraphError> {
    use petgraph::Direction::{Incoming, Outgoing};
    let mut uids: Vec<&str> = graph.node_weights().map(|operator| operator.uid.as_str()).collect();
    uids.sort_unstable();
    if let Some(pair) = uids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(GraphError::DuplicateUid(pair[0].to_owned()));
    }
    if !graph.node_weights().any(|operator| matches!(operator.role, Role::Source(_))) {
        return Err(GraphError::NoSource);
    }
    for node in graph.node_indices() {
        let operator = &graph[node];
        let uid = || operator.uid.clone();
        let inputs = || graph.edges_directed(node, Incoming);
        let from_before = inputs().filter(|edge| !edge.weight().feedback).count();
        if operator.parallelism == 0 {
            return Err(GraphError::NoParallelism(uid()));
        }
        match operator.role {
            Role::Source(_) if inputs().count() > 0 => return Err(GraphError::SourceWithInput(uid())),
            Role::Transform(_) | Role::Sink(_) if from_before == 0 => {
                return Err(GraphError::Unreachable(uid()));
            }
            Role::Sink(_) if graph.edges_directed(node, Outgoing).count() > 0 => {
                return Err(GraphError::SinkWithOutput(uid()));
            }
            _ => {}
        }
    }
    for edge in graph.edge_references() {
        let (from, to) = (&graph[edge.source()], &graph[edge.target()]);
        if edge.weight().ship == Ship::Forward && from.parallelism != to.parallelism {
            return Err(GraphError::ForwardMismatch(from.uid.clone(), to.uid.clone()));
        }
    }
    let forward = graph.filter_map(|_, operator| Some(operator), |_, edge| (!edge.feedback).then_some(()));
    if let Err(cycle) = petgraph::algo::toposort(&forward, None) {
        return Err(GraphError::Cycle(graph[cycle.node_id()].uid.clone()));
    }
    let loops = loops(graph);
    let stray = |edge: &EdgeReference<'_, EdgeSpec>| edge.weight().feedback && !is_around(&loops, edge);
    match graph.edge_references().find(stray) {
        None => Ok(()),
        Some(edge) => {
            Err(GraphError::NoCycle(graph[edge.source()].uid.clone(), graph[edge.target()].uid.clone()))
        }
    }
}

fn is_around(loops: &[Option<u32>], edge: &EdgeReference<'_, EdgeSpec>) -> bool {
    let [from, to] = [edge.source(), edge.target()].map(|node| loops[node.index()]);
    from.is_some() && from == to
}

/// For each operator the loop that it is part of, if it is part of any: operators that can all reach each other are one loop,
/// however many cycles lead through them.
pub fn loops(graph: &JobGraph) -> Vec<Option<u32>> {
    let mut loops = vec![None; graph.node_count()];
    for (number, members) in (0..).zip(petgraph::algo::tarjan_scc(graph)) {
        let goes_round = members.len() > 1 || graph.contains_edge(members[0], members[0]);
        members.iter().filter(|_| goes_round).for_each(|member| loops[member.index()] = Some(number));
    }
    loops
}

/// True if the job has a feedback edge.
pub fn has_feedback(graph: &JobGraph) -> bool {
    graph.edge_weights().any(|edge| edge.feedback)
}
