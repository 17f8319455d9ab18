//! The physical job: tasks and channels, expanded from the logical graph. Immutable, shared by all worlds of a scenario.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::visit::EdgeRef;

use crate::config::Config;
use crate::graph::{self, EdgeSpec, GraphError, JobGraph, OperatorSpec, Role, Ship};
use crate::ids::{ChannelId, EdgeId, OperatorId, TaskId};
use crate::protocol::InputSet;
use crate::record::origin;
use crate::state::{KeyLayout, group_owner};
use crate::termination::{Around, Side};

/// A job as tasks and channels.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The logical graph; operator i is node i.
    pub graph: JobGraph,
    /// The operators, by number.
    pub operators: Vec<OperatorSpec>,
    /// The tasks, operator by operator.
    pub tasks: Vec<TaskInfo>,
    /// The channels, edge by edge, sender by sender, receiver by receiver.
    pub channels: Vec<ChannelInfo>,
    /// The edges, by number.
    pub edges: Vec<Edge>,
    /// The numbers of the run.
    pub config: Config,
}

/// A task.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Its operator.
    pub operator: OperatorId,
    /// Its number within the operator.
    pub subtask: u32,
    /// Of a source: what its records have in their lineage ([`origin`]).
    pub origin: u64,
    /// The slot it is placed in.
    pub slot: u32,
    /// Its input channels, edge by edge, sender by sender.
    pub inputs: Vec<ChannelId>,
    /// Its outgoing edges.
    pub outputs: Vec<Output>,
    /// The inputs that come over feedback edges.
    pub feedback: InputSet,
    /// Its place in a loop, if it is part of one.
    pub around: Option<Around>,
    /// Where its small keys live, if records come to it by their key.
    pub(crate) keys: Option<KeyLayout>,
    /// Its channels, if it is on a lane.
    pub(crate) lane: Option<Lane>,
}

/// The channels of a task with one input channel and at most one output channel, neither of them on a feedback edge: see the module
/// `lane`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub inbound: ChannelId,
    pub outbound: Option<ChannelId>,
}

impl TaskInfo {
    /// Its output channels, edge by edge, receiver by receiver.
    pub fn channels_out(&self) -> impl Iterator<Item = ChannelId> + '_ {
        self.outputs
            .iter()
            .flat_map(|output| (output.first.0..output.first.0 + output.channels).map(ChannelId))
    }
}

/// One outgoing edge of one task.
#[derive(Clone, Debug)]
pub struct Output {
    /// The edge.
    pub edge: EdgeId,
    /// How it chooses.
    pub ship: Ship,
    /// The channel to receiver 0; the channels of a task on an edge are numbered without a gap.
    pub first: ChannelId,
    /// The number of channels.
    pub channels: u32,
    /// True if the receivers are part of the same loop as the sender.
    pub around: bool,
    /// Of an edge with a hash: the receiver of each key group.
    pub owners: Arc<[u32]>,
}

/// A channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelInfo {
    /// Its sender.
    pub from: TaskId,
    /// Its receiver.
    pub to: TaskId,
    /// Its number among the sender's outputs.
    pub output: u32,
    /// Its number among the receiver's inputs.
    pub input: u32,
    /// Its edge.
    pub edge: EdgeId,
    /// True if that is a feedback edge.
    pub feedback: bool,
}

/// An edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The sending operator.
    pub from: OperatorId,
    /// The receiving operator.
    pub to: OperatorId,
    /// What the job says of it.
    pub spec: EdgeSpec,
}

/// Why a job does not fit its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopologyError {
    /// The job itself is wrong.
    Graph(GraphError),
    /// It needs more slots than there are.
    Slots {
        /// Slots needed.
        needed: u64,
        /// Slots there are.
        available: u64,
    },
    /// The operator with this uid has a parallelism above the number of key groups.
    KeyGroups(String),
    /// There are more than 2^32 channels.
    Channels,
}

impl std::fmt::Display for TopologyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TopologyError::Graph(error) => error.fmt(f),
            TopologyError::Slots { needed, available } => write!(
                f,
                "the job needs {needed} slots and the cluster has {available}: raise `cluster.nodes` or \
                 `taskmanager.numberOfTaskSlots`, or lower the parallelism"
            ),
            TopologyError::KeyGroups(uid) => write!(
                f,
                "operator `{uid}` has a parallelism above `pipeline.max-parallelism`: raise that, or lower the parallelism"
            ),
            TopologyError::Channels => {
                write!(f, "the job has more than 2^32 channels: lower the parallelism")
            }
        }
    }
}

impl std::error::Error for TopologyError {}

impl Topology {
    /// Expands a job.
    pub fn new(graph: JobGraph, config: Config) -> Result<Topology, TopologyError> {
        graph::validate(&graph).map_err(TopologyError::Graph)?;
        let operators: Vec<OperatorSpec> = graph.node_weights().cloned().collect();
        let (tasks, first_task) = expand_tasks(&operators, &config)?;
        let mut topology =
            Topology { graph, operators, tasks, channels: Vec::new(), edges: Vec::new(), config };
        topology.expand_edges(&first_task)?;
        topology.find_loops();
        topology.lay_out_keys();
        topology.find_lanes();
        Ok(topology)
    }

    /// The same tasks and channels for a job that differs from this one in nothing but what its operators read and compute, such as
    /// the same scenario with another input.
    #[must_use]
    pub fn with_operators(&self, graph: JobGraph) -> Topology {
        Topology { operators: graph.node_weights().cloned().collect(), graph, ..self.clone() }
    }

    /// Says of every task whether it is on a lane.
    fn find_lanes(&mut self) {
        let Topology { tasks, channels, .. } = self;
        for task in tasks {
            let [inbound] = task.inputs[..] else { continue };
            let outbound = match &task.outputs[..] {
                [] => None,
                [output] if output.channels == 1 && output.ship != Ship::Broadcast => Some(output.first),
                _ => continue,
            };
            let is_lane = [Some(inbound), outbound].iter().flatten().all(|at| !channels[at.index()].feedback);
            task.lane = is_lane.then_some(Lane { inbound, outbound });
        }
    }

    /// Operators of the same parallelism share a table.
    fn lay_out_keys(&mut self) {
        let groups = self.config.cluster.max_parallelism;
        let mut layouts = BTreeMap::new();
        for edge in self.edges.iter().filter(|edge| edge.spec.ship == Ship::Hash) {
            let parallelism = self.operators[edge.to.index()].parallelism;
            if (2..=KeyLayout::MOST_OWNERS).contains(&parallelism) {
                let layouts =
                    layouts.entry(parallelism).or_insert_with(|| KeyLayout::of_subtasks(groups, parallelism));
                let mine = self.tasks.iter_mut().filter(|task| task.operator == edge.to);
                mine.for_each(|task| task.keys = Some(layouts[task.subtask as usize].clone()));
            }
        }
    }

    fn expand_edges(&mut self, first_task: &[u32]) -> Result<(), TopologyError> {
        let edges: Vec<Edge> = self
            .graph
            .edge_references()
            .map(|edge| Edge {
                from: OperatorId(edge.source().index() as u32),
                to: OperatorId(edge.target().index() as u32),
                spec: *edge.weight(),
            })
            .collect();
        for (number, edge) in edges.iter().enumerate() {
            let senders = self.operators[edge.from.index()].parallelism;
            let receivers = self.operators[edge.to.index()].parallelism;
            let groups = self.config.cluster.max_parallelism;
            let owners: Arc<[u32]> = match edge.spec.ship {
                Ship::Hash => (0..groups).map(|group| group_owner(group, groups, receivers)).collect(),
                _ => Arc::default(),
            };
            for sender in 0..senders {
                let from = TaskId(first_task[edge.from.index()] + sender);
                let first =
                    ChannelId(u32::try_from(self.channels.len()).map_err(|_| TopologyError::Channels)?);
                let range = if edge.spec.ship == Ship::Forward { sender..sender + 1 } else { 0..receivers };
                let output = Output {
                    edge: EdgeId(number as u32),
                    ship: edge.spec.ship,
                    first,
                    channels: range.len() as u32,
                    around: false,
                    owners: Arc::clone(&owners),
                };
                let sender = &mut self.tasks[from.index()];
                let outputs = sender.channels_out().count() as u32;
                sender.outputs.push(output);
                for (output, receiver) in (outputs..).zip(range) {
                    let to = TaskId(first_task[edge.to.index()] + receiver);
                    let id = u32::try_from(self.channels.len()).map_err(|_| TopologyError::Channels)?;
                    let receiver = &mut self.tasks[to.index()];
                    let input = receiver.inputs.len() as u32;
                    receiver.inputs.push(ChannelId(id));
                    let feedback = edge.spec.feedback;
                    if feedback {
                        receiver.feedback.insert(input);
                    }
                    self.channels.push(ChannelInfo {
                        from,
                        to,
                        output,
                        input,
                        edge: EdgeId(number as u32),
                        feedback,
                    });
                }
            }
        }
        self.edges = edges;
        Ok(())
    }

    /// Says of every task and every edge whether it is part of a loop.
    fn find_loops(&mut self) {
        let loops = graph::loops(&self.graph);
        let of_edge = |edge: &Edge| {
            let [from, to] = [edge.from, edge.to].map(|end| loops[end.index()]);
            from.filter(|_| from == to)
        };
        let mut heads = vec![0; self.operators.len()];
        for task in self.tasks.iter().filter(|task| !task.feedback.is_empty()) {
            if let Some(number) = loops[task.operator.index()] {
                heads[number as usize] += 1;
            }
        }
        let (edges, channels) = (&self.edges, &self.channels);
        for task in &mut self.tasks {
            for output in &mut task.outputs {
                output.around = of_edge(&edges[output.edge.index()]).is_some();
            }
            let side = |channel: &ChannelId| {
                let edge = &edges[channels[channel.index()].edge.index()];
                match of_edge(edge) {
                    None => Side::Outside,
                    Some(_) if edge.spec.feedback => Side::Back,
                    Some(_) => Side::Forward,
                }
            };
            task.around = loops[task.operator.index()].map(|number| Around {
                sides: task.inputs.iter().map(side).collect(),
                heads: heads[number as usize],
            });
        }
    }

    /// Given which tasks have ended in a checkpoint: where cuts may be torn (at least once), a task can have consumed the end of one that will
    /// send it again; then it has not ended either. (The head of a loop ends before those over whose feedback edges it is fed, and
    /// is right to.)
    pub fn reopen(&self, ended: &mut [bool]) {
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for channel in self.channels.iter().filter(|channel| !channel.feedback) {
                let runs_on = !ended[channel.from.index()] && ended[channel.to.index()];
                ended[channel.to.index()] &= !runs_on;
                changed |= runs_on;
            }
        }
    }

    /// True if a feedback edge closes a cycle.
    pub fn is_cyclic(&self) -> bool {
        self.edges.iter().any(|edge| edge.spec.feedback)
    }

    /// The port of the receiving operator to which a channel leads.
    pub fn port(&self, channel: &ChannelInfo) -> u32 {
        self.edges[channel.edge.index()].spec.port
    }

    /// What a task does.
    pub fn role(&self, task: TaskId) -> &Role {
        &self.operators[self.tasks[task.index()].operator.index()].role
    }

    /// The name of a task for people: `count[1]`.
    pub fn task_name(&self, task: TaskId) -> String {
        match self.tasks.get(task.index()) {
            Some(info) => format!("{}[{}]", self.operators[info.operator.index()].uid, info.subtask),
            None => format!("task {task}"),
        }
    }

    /// The name of a channel for people: `tokenizer[0] -> count[1]`.
    pub fn channel_name(&self, channel: ChannelId) -> String {
        let info = self.channels[channel.index()];
        format!("{} -> {}", self.task_name(info.from), self.task_name(info.to))
    }
}

fn expand_tasks(
    operators: &[OperatorSpec],
    config: &Config,
) -> Result<(Vec<TaskInfo>, Vec<u32>), TopologyError> {
    let cluster = &config.cluster;
    let available = u64::from(cluster.nodes) * u64::from(cluster.slots_per_node);
    let all: u64 = operators.iter().map(|operator| u64::from(operator.parallelism)).sum();
    let largest = operators.iter().map(|operator| u64::from(operator.parallelism)).max().unwrap_or(0);
    let needed = if cluster.slot_sharing { largest } else { all };
    if needed > available {
        return Err(TopologyError::Slots { needed, available });
    }
    let mut tasks = Vec::new();
    let mut first = Vec::new();
    for (number, operator) in operators.iter().enumerate() {
        if operator.parallelism > cluster.max_parallelism {
            return Err(TopologyError::KeyGroups(operator.uid.clone()));
        }
        first.push(tasks.len() as u32);
        let origin = origin(&operator.uid);
        for subtask in 0..operator.parallelism {
            let slot = if cluster.slot_sharing { subtask } else { tasks.len() as u32 };
            let operator = OperatorId(number as u32);
            tasks.push(TaskInfo {
                operator,
                subtask,
                origin,
                slot,
                inputs: Vec::new(),
                outputs: Vec::new(),
                feedback: InputSet::default(),
                around: None,
                keys: None,
                lane: None,
            });
        }
    }
    Ok((tasks, first))
}
