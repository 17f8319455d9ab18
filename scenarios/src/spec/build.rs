//! From a scenario to what the simulator takes: a job graph and a configuration. What only the whole job can get wrong is
//! checked here, and every error points at the line to blame.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutline_sim::config::Config;
use cutline_sim::graph::{self, EdgeSpec, GraphError, JobGraph, OperatorSpec, Role, ServiceTime, Ship};
use cutline_sim::input::{Entry, Input};
use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use cutline_sim::state::ENTRY_BYTES;

use super::document::{KeyPath, key_path};
use super::error::{ScenarioError, listing, suggestion};
use super::load::{Scenario, load};
use super::names::Name;
use super::schema::{EdgeEntry, OperatorEntry};
use super::{Does, InputKind, OperatorKind};
use crate::library_files::ScenarioText;
use crate::units::{BoundedBytes, BoundedSpan};

/// Most subtasks of a job.
pub const TASKS_MAX: u64 = 1_000_000;
/// Most channels of a job.
pub const CHANNELS_MAX: u64 = 1 << 24;

/// Makes inputs and operators from their descriptions. Inputs are made first, in the order of their names, so that an
/// operator which needs the text behind its records can be given the input they came from.
pub trait Catalogue {
    /// Makes the input of this name.
    ///
    /// # Errors
    /// A sentence that says what was found and what is allowed.
    fn input(&mut self, name: &str, kind: &InputKind) -> Result<Arc<dyn Input>, String>;

    /// Makes the operator of this uid; `upstream` names the inputs whose records can reach it, in order.
    ///
    /// # Errors
    /// A sentence that says what was found and what is allowed.
    fn operator(
        &mut self,
        uid: &str,
        kind: &OperatorKind,
        upstream: &[&str],
    ) -> Result<Arc<dyn Operator>, String>;
}

/// Makes an empty input and an idle operator of everything: enough to check a job.
pub(crate) struct Hollow;

impl Input for Hollow {
    fn splits(&self) -> u32 {
        1
    }

    fn start(&self, _split: u32) -> u64 {
        0
    }

    fn read(&self, _split: u32, _offset: u64) -> Option<Entry> {
        None
    }
}

impl Operator for Hollow {
    fn on_record(&self, _port: u32, _record: &Record, _cx: &mut Context<'_>) {}
}

impl Catalogue for Hollow {
    fn input(&mut self, _name: &str, _kind: &InputKind) -> Result<Arc<dyn Input>, String> {
        Ok(Arc::new(Hollow))
    }

    fn operator(
        &mut self,
        _uid: &str,
        _kind: &OperatorKind,
        _upstream: &[&str],
    ) -> Result<Arc<dyn Operator>, String> {
        Ok(Arc::new(Hollow))
    }
}

impl Scenario {
    /// The job graph, with the operators in the order of the file, and the configuration.
    ///
    /// # Errors
    /// If the job cannot be run, or does not fit the cluster, or if the catalogue refuses an input or an operator.
    pub fn build(&self, catalogue: &mut dyn Catalogue) -> Result<(JobGraph, Config), ScenarioError> {
        self.try_build(catalogue).map_err(|error| self.accuse(error))
    }

    fn try_build(&self, catalogue: &mut dyn Catalogue) -> Result<(JobGraph, Config), ScenarioError> {
        let config = self.spec.config();
        self.check_times(&config)?;
        let indices = self.check_operators(&config)?;
        let edges = self.resolve_edges(&indices)?;
        self.check_sizes(&config, &edges)?;
        let graph = self.graph(catalogue, &edges)?;
        graph::validate(&graph).map_err(|error| self.blame(&error, &edges))?;
        self.check_loops(&graph)?;
        Ok((graph, config))
    }

    /// If the file alone is right and an override made it wrong (fewer nodes than the job needs, say), puts the error at
    /// that override: the first with which the same error appears.
    fn accuse(&self, error: ScenarioError) -> ScenarioError {
        let overrides: Vec<String> = self.document.overrides().map(str::to_owned).collect();
        if error.line().is_none() || overrides.is_empty() {
            return error;
        }
        let (file, text) = (self.document.file().to_owned(), self.document.text().to_owned());
        let source = ScenarioText::new(file, text);
        let appears = |count: &usize| {
            let built =
                load(&source, &overrides[..*count]).and_then(|scenario| scenario.try_build(&mut Hollow));
            built.is_err_and(|found| found.message() == error.message())
        };
        match (0..=overrides.len()).find(appears) {
            None | Some(0) => error,
            Some(count) => self.document.accuse(error, count - 1),
        }
    }

    fn operators(&self) -> &[OperatorEntry] {
        &self.spec.job.operator
    }

    fn check_times(&self, config: &Config) -> Result<(), ScenarioError> {
        let recovery = &config.recovery;
        if recovery.heartbeat_timeout > recovery.heartbeat_interval {
            return Ok(());
        }
        let key = if self.spec.heartbeat.timeout.is_some() { "timeout" } else { "interval" };
        let (interval, timeout) = (recovery.heartbeat_interval, recovery.heartbeat_timeout);
        let (interval, timeout) = (crate::units::show_time(interval), crate::units::show_time(timeout));
        let message = format!(
            "every node would be taken for dead: heartbeat.timeout ({timeout}) must be longer than heartbeat.interval \
             ({interval})"
        );
        Err(self.document.locate(ScenarioError::new(message), &key_path!["heartbeat", key]))
    }

    /// Checks what can be said of one operator, and returns the index of each uid.
    fn check_operators(&self, config: &Config) -> Result<BTreeMap<&Name, usize>, ScenarioError> {
        let mut indices: BTreeMap<&Name, usize> = BTreeMap::new();
        for (index, operator) in self.operators().iter().enumerate() {
            let at = |key: &str| key_path!["job", "operator", index, key];
            if let Some(&first) = indices.get(&operator.uid) {
                let line = self.document.line(&key_path!["job", "operator", first, "uid"]);
                let line = line.map_or(String::new(), |line| format!(", the first on line {line}"));
                let message = format!("two operators have the uid `{}`{line}", operator.uid);
                let error = ScenarioError::new(message)
                    .with_help("rename one: checkpoints know operators by their uid");
                return Err(self.document.locate(error, &at("uid")));
            }
            indices.insert(&operator.uid, index);
            if let Does::Source(input) = &operator.does
                && !self.spec.input.contains_key(input)
            {
                let names = || self.spec.input.keys().map(Name::as_str);
                let message = format!("there is no input `{input}`");
                return Err(self.unknown(&message, &at("does"), input, "inputs", &names));
            }
            let (parallelism, most) = (operator.parallelism(), config.cluster.max_parallelism);
            if parallelism > most {
                let message = format!(
                    "`{}` has parallelism {parallelism}, but there are {most} key groups (pipeline.max-parallelism): a \
                     subtask without a key group would have nothing to do",
                    operator.uid
                );
                let help =
                    format!("write 1 to {most}, or raise pipeline.max-parallelism to {parallelism} or more");
                return Err(self
                    .document
                    .locate(ScenarioError::new(message).with_help(help), &at("parallelism")));
            }
        }
        Ok(indices)
    }

    fn unknown<'a, N: Iterator<Item = &'a str>>(
        &self,
        message: &str,
        path: &KeyPath,
        found: &Name,
        title: &str,
        names: &dyn Fn() -> N,
    ) -> ScenarioError {
        let mut error = ScenarioError::new(message);
        if let Some(help) = suggestion(found.as_str(), names()) {
            error = error.with_help(help);
        }
        self.document.locate(error.with_help(listing(title, names())), path)
    }

    /// The two ends of every edge, as indices of operators.
    fn resolve_edges(&self, indices: &BTreeMap<&Name, usize>) -> Result<Vec<(usize, usize)>, ScenarioError> {
        let mut edges = Vec::new();
        let mut seen = BTreeMap::new();
        for (index, edge) in self.spec.job.edge.iter().enumerate() {
            let end = |key: &str, uid: &Name| {
                indices.get(uid).copied().ok_or_else(|| {
                    let names = || self.operators().iter().map(|operator| operator.uid.as_str());
                    let message = format!("there is no operator `{uid}`");
                    self.unknown(&message, &key_path!["job", "edge", index, key], uid, "operators", &names)
                })
            };
            let ends = (end("from", &edge.from)?, end("to", &edge.to)?);
            if let Some(first) = seen.insert((ends, edge.port.get()), index) {
                let line = self.document.line(&key_path!["job", "edge", first, "to"]);
                let line = line.map_or(String::new(), |line| format!(" as the edge on line {line}"));
                let message = format!(
                    "this edge leads from `{}` to port {} of `{}`, the same{line}: every record would arrive twice",
                    edge.from,
                    edge.port.get(),
                    edge.to
                );
                let error = ScenarioError::new(message).with_help("remove one, or give it another `port`");
                return Err(self.document.locate(error, &key_path!["job", "edge", index, "to"]));
            }
            edges.push(ends);
        }
        Ok(edges)
    }

    /// Checks that the job fits the cluster, and the machine that simulates it.
    fn check_sizes(&self, config: &Config, edges: &[(usize, usize)]) -> Result<(), ScenarioError> {
        let parallelism = |index: usize| u64::from(self.operators()[index].parallelism());
        let slots = u64::from(config.cluster.nodes) * u64::from(config.cluster.slots_per_node);
        let largest = (0..self.operators().len()).max_by_key(|&index| parallelism(index));
        let tasks: u64 = (0..self.operators().len()).map(parallelism).sum();
        let needed = match largest {
            Some(index) if config.cluster.slot_sharing => parallelism(index),
            _ => tasks,
        };
        let culprit = key_path!["job", "operator", largest.unwrap_or(0), "parallelism"];
        if needed > slots {
            let (nodes, each) = (config.cluster.nodes, config.cluster.slots_per_node);
            let why =
                if config.cluster.slot_sharing { "the largest parallelism" } else { "one for every subtask" };
            let message = format!(
                "the job needs {needed} slots ({why}), but the cluster has {slots}: {nodes} nodes with {each} slots each"
            );
            let help = format!(
                "lower the parallelism, or raise cluster.nodes to {} or more, or raise taskmanager.numberOfTaskSlots",
                needed.div_ceil(u64::from(each).max(1))
            );
            return Err(self.document.locate(ScenarioError::new(message).with_help(help), &culprit));
        }
        if tasks > TASKS_MAX {
            let message = format!("the job has {tasks} subtasks: at most {TASKS_MAX} are simulated");
            return Err(self.document.locate(ScenarioError::new(message), &culprit));
        }
        let mut channels = 0;
        for (index, (edge, &(from, to))) in self.spec.job.edge.iter().zip(edges).enumerate() {
            let each = if edge.ship == Ship::Forward { 1 } else { parallelism(to) };
            channels += parallelism(from) * each;
            if channels > CHANNELS_MAX {
                let message = format!(
                    "up to this edge the job has {channels} channels: at most {CHANNELS_MAX} are simulated"
                );
                let error = ScenarioError::new(message).with_help("lower the parallelism, or use `forward`");
                return Err(self.document.locate(error, &key_path!["job", "edge", index, "ship"]));
            }
        }
        Ok(())
    }

    fn graph(
        &self,
        catalogue: &mut dyn Catalogue,
        edges: &[(usize, usize)],
    ) -> Result<JobGraph, ScenarioError> {
        let mut inputs: BTreeMap<&Name, Arc<dyn Input>> = BTreeMap::new();
        for (name, entry) in &self.spec.input {
            let input = catalogue.input(name.as_str(), &entry.kind).map_err(|message| {
                self.document.locate(ScenarioError::new(message), &key_path!["input", name.as_str(), "kind"])
            })?;
            inputs.insert(name, input);
        }
        let upstream = self.upstream(edges);
        let mut graph = JobGraph::default();
        let mut nodes = Vec::new();
        for (index, operator) in self.operators().iter().enumerate() {
            let at = || key_path!["job", "operator", index, "does"];
            let role = match &operator.does {
                Does::Source(name) => match inputs.get(name) {
                    Some(input) => Role::Source(Arc::clone(input)),
                    None => {
                        let error = ScenarioError::new(format!("there is no input `{name}`"));
                        return Err(self.document.locate(error, &at()));
                    }
                },
                Does::Sink(mode) => Role::Sink(*mode),
                Does::Transform(kind) => {
                    let upstream: Vec<&str> = upstream[index].iter().copied().collect();
                    let made = catalogue.operator(operator.uid.as_str(), kind, &upstream);
                    Role::Transform(
                        made.map_err(|message| self.document.locate(ScenarioError::new(message), &at()))?,
                    )
                }
            };
            nodes.push(graph.add_node(operator_spec(operator, role)));
        }
        for (edge, &(from, to)) in self.spec.job.edge.iter().zip(edges) {
            graph.add_edge(nodes[from], nodes[to], edge_spec(edge));
        }
        Ok(graph)
    }

    /// Refuses what sends at the end of its input, or goes by a watermark, where neither comes.
    fn check_loops(&self, graph: &JobGraph) -> Result<(), ScenarioError> {
        let loops = graph::loops(graph);
        let is_wrong = |(index, operator): &(usize, &OperatorEntry)| match &operator.does {
            Does::Transform(kind) => loops[*index].is_some() && kind.waits(),
            Does::Source(_) | Does::Sink(_) => false,
        };
        let Some((index, operator)) = self.operators().iter().enumerate().find(is_wrong) else {
            return Ok(());
        };
        let message = format!(
            "`{}` is part of a loop and waits for the watermark or for the end of its input: neither comes before the loop has \
             ended",
            operator.uid
        );
        let error = ScenarioError::new(message).with_help("put it before the loop or behind it");
        Err(self.document.locate(error, &key_path!["job", "operator", index, "does"]))
    }

    /// For every operator, the inputs whose records can reach it.
    fn upstream(&self, edges: &[(usize, usize)]) -> Vec<BTreeSet<&str>> {
        let mut upstream = vec![BTreeSet::new(); self.operators().len()];
        for (source, operator) in self.operators().iter().enumerate() {
            if let Does::Source(input) = &operator.does {
                for index in reachable(source, edges, self.operators().len()) {
                    upstream[index].insert(input.as_str());
                }
            }
        }
        upstream
    }

    /// Puts an error of the graph at the line to blame.
    fn blame(&self, error: &GraphError, edges: &[(usize, usize)]) -> ScenarioError {
        let all = self.spec.job.edge.iter().enumerate();
        let edge = |fits: &dyn Fn(&EdgeEntry) -> bool, key: &str| {
            let index = all.clone().find(|(_, edge)| fits(edge)).map(|(index, _)| index);
            index.map(|index| key_path!["job", "edge", index, key])
        };
        let index_of =
            |uid: &String| self.operators().iter().position(|operator| operator.uid.as_str() == uid);
        let operator =
            |uid: &String, key: &str| index_of(uid).map(|index| key_path!["job", "operator", index, key]);
        let place = match error {
            GraphError::NoSource => None,
            GraphError::DuplicateUid(uid) | GraphError::Unreachable(uid) => operator(uid, "uid"),
            GraphError::NoParallelism(uid) => operator(uid, "parallelism"),
            GraphError::SourceWithInput(uid) => edge(&|edge| edge.to.as_str() == uid, "to"),
            GraphError::SinkWithOutput(uid) => edge(&|edge| edge.from.as_str() == uid, "from"),
            GraphError::ForwardMismatch(from, to) => edge(
                &|edge| edge.ship == Ship::Forward && edge.from.as_str() == from && edge.to.as_str() == to,
                "ship",
            ),
            GraphError::NoCycle(from, to) => edge(
                &|edge| edge.feedback && edge.from.as_str() == from && edge.to.as_str() == to,
                "feedback",
            ),
            GraphError::Cycle(uid) => index_of(uid).and_then(|index| self.closing_edge(index, edges)),
        };
        let place = place.unwrap_or_else(|| key_path!["job", "operator"]);
        let help = match error {
            GraphError::NoSource => "add an operator with `does = { source = \"input\" }`",
            GraphError::SourceWithInput(_) => "remove the edge, or turn it round",
            GraphError::SinkWithOutput(_) => {
                "remove the edge, or let it begin at the operator before the sink"
            }
            GraphError::Unreachable(_) => {
                "add a `[[job.edge]]` whose `to` is this operator, or remove the operator"
            }
            _ => return self.document.locate(ScenarioError::new(error.to_string()), &place),
        };
        self.document.locate(ScenarioError::new(error.to_string()).with_help(help), &place)
    }

    /// The last edge of the file that leads into this operator from an operator that it reaches without feedback edges.
    fn closing_edge(&self, operator: usize, edges: &[(usize, usize)]) -> Option<KeyPath> {
        let feedback = |index: usize| self.spec.job.edge.get(index).is_some_and(|edge| edge.feedback);
        let forward: Vec<(usize, usize)> =
            edges.iter().enumerate().filter(|&(index, _)| !feedback(index)).map(|(_, &ends)| ends).collect();
        let reached = reachable(operator, &forward, self.operators().len());
        let closes = |&index: &usize| {
            let (from, to) = edges[index];
            !feedback(index) && to == operator && reached.contains(&from)
        };
        (0..edges.len()).rev().find(closes).map(|index| key_path!["job", "edge", index, "to"])
    }
}

/// The operators that can be reached from one, itself included.
fn reachable(start: usize, edges: &[(usize, usize)], operators: usize) -> BTreeSet<usize> {
    let mut next = vec![Vec::new(); operators];
    for &(from, to) in edges {
        next[from].push(to);
    }
    let mut reached = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(from) = open.pop() {
        open.extend(next[from].iter().copied().filter(|&to| reached.insert(to)));
    }
    reached
}

fn operator_spec(operator: &OperatorEntry, role: Role) -> OperatorSpec {
    OperatorSpec {
        uid: operator.uid.to_string(),
        role,
        does: match &operator.does {
            // Which input it is shows in what was read of it.
            Does::Source(_) => "source".to_owned(),
            Does::Sink(_) => "sink".to_owned(),
            Does::Transform(kind) => format!("{kind:?}"),
        },
        parallelism: operator.parallelism(),
        service: ServiceTime {
            record: operator.service.map_or(0, BoundedSpan::nanoseconds),
            kib: operator.service_per_kib.map_or(0, BoundedSpan::nanoseconds),
            jitter: operator.service_jitter.map_or(0, BoundedSpan::nanoseconds),
        },
        state_bytes: operator.state_bytes.map_or(0, BoundedBytes::bytes),
        entry_bytes: operator.state_entry_bytes.map_or(ENTRY_BYTES, BoundedBytes::bytes),
    }
}

fn edge_spec(edge: &EdgeEntry) -> EdgeSpec {
    EdgeSpec { ship: edge.ship, port: edge.port.get_u32(), feedback: edge.feedback }
}
