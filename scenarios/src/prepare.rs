//! A scenario, ready to run: its job built, its inputs made, its failure-free result known. The same for every strategy,
//! fault plan and seed of the run; only what is random in the inputs depends on the seed it is prepared with.

use std::fmt;
use std::sync::Arc;

use cutline_sim::config::{CheckpointMode, Config};
use cutline_sim::ending::Ending;
use cutline_sim::graph::{JobGraph, Role, ServiceTime, SinkMode, has_feedback};
use cutline_sim::input::{Entry, Input};
use cutline_sim::operator::Operator;
use cutline_sim::oracles::reference::{Reference, ReferenceError, SinkRecords, interpret_with, resume};
use cutline_sim::savepoint::{RestoreError, Savepoint, Start};
use cutline_sim::time::{SECOND, Time};
use cutline_sim::topology::Topology;
use petgraph::Direction::Incoming;
use petgraph::graph::NodeIndex;

use crate::inputs::text::Text;
use crate::inputs::{BuiltInput, Content, InputKind, Texts};
use crate::library_files::ScenarioText;
use crate::life::{Ends, Truncated};
use crate::operators::{Contents, OperatorKind};

use crate::spec::{Catalogue, Does, Scenario, ScenarioError, load};

/// The reference interpreter gives up after so many steps: about a minute.
const REFERENCE_STEPS: u64 = 5_000_000_000;
/// The same for a job with a cycle, which may never come to rest: some seconds.
const CYCLIC_STEPS: u64 = 100_000_000;
/// The records of an exactly-once sink are kept up to this number, 40 bytes each.
const SINK_RECORDS: u64 = 1_000_000;

/// A scenario, ready to run.
#[derive(Clone)]
pub struct Prepared {
    name: String,
    topology: Arc<Topology>,
    /// What the scenario itself promises, if it says so.
    promise: Option<CheckpointMode>,
    reference: Arc<Reference>,
    duration: Time,
    words: Option<Arc<Text>>,
    /// What the job starts from, if not from nothing.
    start: Option<Arc<Start>>,
}

/// Why a job cannot be prepared to start from a savepoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// It cannot start from it.
    Restore(RestoreError),
    /// What a run from there must give cannot be computed.
    Reference(ReferenceError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Restore(error) => error.fmt(f),
            StartError::Reference(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({})", self.name)
    }
}

/// Makes inputs and operators for one seed.
struct Workshop<'a> {
    seed: u64,
    texts: &'a mut Texts,
    inputs: Vec<(String, BuiltInput)>,
}

impl Catalogue for Workshop<'_> {
    fn input(&mut self, name: &str, kind: &InputKind) -> Result<Arc<dyn Input>, String> {
        let built = kind.build(self.seed, self.texts).map_err(|error| error.to_string())?;
        let input = Arc::clone(&built.input);
        self.inputs.push((name.to_owned(), built));
        Ok(input)
    }

    fn operator(
        &mut self,
        _uid: &str,
        kind: &OperatorKind,
        upstream: &[&str],
    ) -> Result<Arc<dyn Operator>, String> {
        let inputs =
            self.inputs.iter().filter(|(name, _)| upstream.contains(&name.as_str())).map(|(_, built)| built);
        kind.build(&Contents::of(inputs)).map_err(|error| error.to_string())
    }
}

impl Prepared {
    /// Reads and builds a scenario in one go, with overrides of the form `key=value` laid over it in order. What it reads it
    /// looks for in its folder.
    ///
    /// # Errors
    /// Those of [`load`] and of [`Prepared::new`].
    pub fn load<S: AsRef<str>>(
        source: &ScenarioText,
        overrides: &[S],
        seed: u64,
    ) -> Result<Prepared, ScenarioError> {
        let overrides: Vec<String> = overrides.iter().map(|text| text.as_ref().to_owned()).collect();
        let scenario = load(source, &overrides)?;
        let mut texts = Texts::new(scenario.folder.clone().unwrap_or_default());
        Prepared::new(&scenario, seed, &mut texts)
    }

    /// Builds a scenario; the seed decides what is random in its inputs.
    ///
    /// # Errors
    /// If the job cannot be run, an input cannot be read, or the failure-free result cannot be computed.
    pub fn new(scenario: &Scenario, seed: u64, texts: &mut Texts) -> Result<Prepared, ScenarioError> {
        Prepared::build(scenario, seed, texts, None)
    }

    /// The same scenario, which must be the one that this was built of, with another seed: faster than [`Prepared::new`], for its tasks
    /// and channels are there already.
    ///
    /// # Errors
    /// Those of [`Prepared::new`].
    pub fn with_seed(
        &self,
        scenario: &Scenario,
        seed: u64,
        texts: &mut Texts,
    ) -> Result<Prepared, ScenarioError> {
        Prepared::build(scenario, seed, texts, Some(&self.topology))
    }

    /// The tasks and channels of a scenario alone, for whoever runs a part of them and judges nothing.
    ///
    /// # Errors
    /// If the job cannot be run, or an input cannot be read.
    pub fn tasks_of(scenario: &Scenario, seed: u64, texts: &mut Texts) -> Result<Topology, ScenarioError> {
        let mut workshop = Workshop { seed, texts, inputs: Vec::new() };
        let (graph, config) = scenario.build(&mut workshop)?;
        check_event_times(scenario, &graph)?;
        Topology::new(graph, config).map_err(|error| ScenarioError::new(error.to_string()))
    }

    fn build(
        scenario: &Scenario,
        seed: u64,
        texts: &mut Texts,
        like: Option<&Topology>,
    ) -> Result<Prepared, ScenarioError> {
        let mut workshop = Workshop { seed, texts, inputs: Vec::new() };
        let (graph, config) = scenario.build(&mut workshop)?;
        check_event_times(scenario, &graph)?;
        let words = workshop.inputs.iter().find_map(|(_, built)| match &built.content {
            Content::Text(text) => Some(Arc::clone(text)),
            Content::Plain | Content::Nexmark(_) => None,
        });
        let duration =
            workshop.inputs.iter().map(|(_, built)| built.input.last_event_time()).max().unwrap_or(0);
        let kept = sink_records(&graph, &config);
        let reference = interpret_with(&graph, reference_steps(&graph), kept)
            .map_err(|error| ScenarioError::new(error.to_string()))?;
        let topology = match like {
            Some(like) => like.with_operators(graph),
            None => Topology::new(graph, config).map_err(|error| ScenarioError::new(error.to_string()))?,
        };
        Ok(Prepared {
            name: scenario.spec.name.to_string(),
            topology: Arc::new(topology),
            promise: scenario.spec.execution.checkpointing.mode,
            reference: Arc::new(reference),
            duration,
            words,
            start: None,
        })
    }

    /// The same scenario, started from a savepoint. If the job is the one that the savepoint was taken of, at whatever
    /// parallelism, its runs are still judged by the whole failure-free run; if it has changed, by what a failure-free run
    /// makes of the savepoint: see [`Start::is_whole`].
    ///
    /// # Errors
    /// If the job cannot start from it, or what it must give cannot be computed.
    pub fn start_from(&self, savepoint: &Savepoint) -> Result<Prepared, StartError> {
        let start = savepoint.start(&self.topology).map_err(StartError::Restore)?;
        let reference = match start.is_whole() {
            true => Arc::clone(&self.reference),
            false => {
                let (graph, config) = (&self.topology.graph, &self.topology.config);
                let reference =
                    resume(&self.topology, &start, reference_steps(graph), sink_records(graph, config));
                Arc::new(reference.map_err(StartError::Reference)?)
            }
        };
        Ok(Prepared { reference, start: Some(Arc::new(start)), ..self.clone() })
    }

    /// What its runs start from, if not from nothing.
    pub fn start(&self) -> Option<&Start> {
        self.start.as_deref()
    }

    /// The scenario's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tasks and channels.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The same, with what the job promises under a strategy that guarantees so much: what the scenario promises goes first.
    pub fn topology_under(&self, guarantee: CheckpointMode) -> Arc<Topology> {
        let mode = self.promise.unwrap_or(guarantee);
        if mode == self.topology.config.checkpointing.mode {
            return Arc::clone(&self.topology);
        }
        let mut topology = (*self.topology).clone();
        topology.config.checkpointing.mode = mode;
        Arc::new(topology)
    }

    /// The same, and its runs are given up after so many steps, if the scenario does not say fewer.
    #[must_use]
    pub(crate) fn within(mut self, steps: u64) -> Prepared {
        let bounds = &mut Arc::make_mut(&mut self.topology).config.bounds;
        bounds.steps = bounds.steps.min(steps);
        self
    }

    /// Its failure-free result; what it is counted from, see [`Prepared::start_from`].
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The failure-free result of its inputs up to where sources have ended.
    ///
    /// # Errors
    /// If it cannot be computed.
    pub(crate) fn reference_up_to(&self, mut ends: Ends) -> Result<Reference, ReferenceError> {
        let mut topology = (*self.topology).clone();
        for (at, operator) in topology.operators.iter_mut().enumerate() {
            if let (Role::Source(whole), Some(ends)) = (&operator.role, ends.remove(&at)) {
                operator.role = Role::Source(Arc::new(Truncated { whole: Arc::clone(whole), ends }));
                topology.graph[NodeIndex::new(at)].role = operator.role.clone();
            }
        }
        self.reference_of(&topology)
    }

    /// The failure-free result of a job that starts from where this one does.
    fn reference_of(&self, topology: &Topology) -> Result<Reference, ReferenceError> {
        let graph = &topology.graph;
        let kept = sink_records(graph, &topology.config);
        match self.start().filter(|start| !start.is_whole()) {
            Some(start) => resume(topology, start, reference_steps(graph), kept),
            None => interpret_with(graph, reference_steps(graph), kept),
        }
    }

    /// The same where nothing takes time ([`Config::at_once`]) and all records may be emitted from one instant on, that of the first periodic
    /// checkpoint; its failure-free result is that of such records.
    ///
    /// # Errors
    /// If that cannot be computed.
    pub fn at_once(&self) -> Result<Prepared, ReferenceError> {
        let mut topology = (*self.topology).clone();
        topology.config = topology.config.at_once();
        let at = topology.config.checkpointing.interval;
        for (number, operator) in topology.operators.iter_mut().enumerate() {
            operator.service = ServiceTime::default();
            if let Role::Source(whole) = &operator.role {
                operator.role = Role::Source(Arc::new(Together { whole: Arc::clone(whole), at }));
            }
            topology.graph[NodeIndex::new(number)] = operator.clone();
        }
        let reference = Arc::new(self.reference_of(&topology)?);
        Ok(Prepared { topology: Arc::new(topology), reference, duration: at, ..self.clone() })
    }

    /// When the last record may be emitted, in nanoseconds: about how long a failure-free run takes.
    pub fn duration(&self) -> Time {
        self.duration
    }

    /// When a run whose faults end at `heal` is given up.
    pub(crate) fn deadline(&self, heal: Time) -> Time {
        let config = &self.topology.config;
        let needed = self.duration().saturating_mul(4).saturating_add(SECOND);
        // What was lost in the last moment before the heal may be noticed by a checkpoint's time-out only.
        let recovery = &config.recovery;
        let patience = [
            config.checkpointing.timeout.saturating_mul(2),
            config.bounds.heal,
            recovery.restart_delay.saturating_mul(2),
            recovery.heartbeat_timeout.saturating_mul(2),
            config.checkpointing.min_pause,
            // The last checkpoint of a job that has come to its end waits for its turn.
            config.checkpointing.interval.saturating_mul(2),
            recovery.node_downtime,
            recovery.deploy.saturating_mul(2),
        ]
        .into_iter()
        .fold(0, u64::saturating_add);
        heal.max(needed).saturating_add(patience).min(config.bounds.time)
    }

    /// True if the job has a cycle.
    pub fn is_cyclic(&self) -> bool {
        has_feedback(&self.topology.graph)
    }

    /// The final values of the last operator that has any, by the name of their key (the word, for a text; else the
    /// number), the largest first.
    pub fn values(&self, ending: &impl Ending) -> Vec<(String, i64)> {
        let mut values: Vec<(u64, i64)> = Vec::new();
        for (at, info) in self.topology.tasks.iter().enumerate().rev() {
            let same = self.topology.tasks.get(at + 1).is_some_and(|next| next.operator == info.operator);
            if !values.is_empty() && !same {
                break;
            }
            values.extend(ending.state(cutline_sim::ids::TaskId(at as u32)).values());
        }
        values.sort_unstable_by_key(|&(key, value)| (std::cmp::Reverse(value), key));
        let name = |key: u64| match (&self.words, u32::try_from(key)) {
            (Some(text), Ok(word)) => text.word(word),
            _ => key.to_string(),
        };
        let mut named: Vec<(String, i64)> =
            values.into_iter().map(|(key, value)| (name(key), value)).collect();
        named.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        named
    }
}

/// An input whose records may all be emitted from one instant on.
struct Together {
    whole: Arc<dyn Input>,
    at: Time,
}

impl Input for Together {
    fn splits(&self) -> u32 {
        self.whole.splits()
    }

    fn start(&self, split: u32) -> u64 {
        self.whole.start(split)
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let mut entry = self.whole.read(split, offset)?;
        entry.record.event_time = self.at;
        Some(entry)
    }

    fn behind(&self, split: u32, offset: u64) -> u64 {
        self.whole.behind(split, offset)
    }

    fn last_event_time(&self) -> Time {
        self.at
    }

    fn describe(&self, split: u32, offset: u64) -> String {
        self.whole.describe(split, offset)
    }
}

/// How far the reference goes.
fn reference_steps(graph: &JobGraph) -> u64 {
    if has_feedback(graph) { CYCLIC_STEPS } else { REFERENCE_STEPS }
}

/// Where every sink is exactly once, the sum over its records tells a difference; the records themselves are needed only to
/// name one that is wrong, and those of a large sink would fill the memory.
fn sink_records(graph: &JobGraph, config: &Config) -> SinkRecords {
    let exactly_once = |role: &Role| !matches!(role, Role::Sink(SinkMode::Plain | SinkMode::Idempotent));
    let all = graph.node_weights().all(|operator| exactly_once(&operator.role));
    match all && config.checkpointing.mode == CheckpointMode::ExactlyOnce {
        true => SinkRecords::KeepUpTo(SINK_RECORDS),
        false => SinkRecords::Keep,
    }
}

/// Refuses an operator that goes by event time behind one whose results take the event time of whichever record came last.
fn check_event_times(scenario: &Scenario, graph: &JobGraph) -> Result<(), ScenarioError> {
    let kind = |node: NodeIndex| match &scenario.spec.job.operator.get(node.index())?.does {
        Does::Transform(kind) => Some(kind),
        Does::Source(_) | Does::Sink(_) => None,
    };
    for node in graph.node_indices().filter(|&node| kind(node).is_some_and(OperatorKind::needs_event_time)) {
        let mut seen = vec![false; graph.node_count()];
        let mut stack = vec![node];
        while let Some(at) = stack.pop() {
            for upstream in graph.neighbors_directed(at, Incoming) {
                if kind(upstream).is_some_and(OperatorKind::blurs_event_time) {
                    return Err(ScenarioError::new(format!(
                        "operator `{}` goes by event time, and `{}` before it does not keep event times: put the window \
                         before it",
                        graph[node].uid, graph[upstream].uid
                    )));
                }
                if !std::mem::replace(&mut seen[upstream.index()], true) {
                    stack.push(upstream);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::library_files::resolve;

    #[test]
    fn what_a_scenario_reads_is_looked_for_in_its_folder() {
        let mut source = resolve("wordcount").expect("a scenario");
        let licence = ["input.text.kind.text.path=LICENSE-APACHE"];
        source.folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned);
        assert!(Prepared::load(&source, &licence, 1).is_ok());
        source.folder = Some(std::env::temp_dir().join("no such folder"));
        let error = Prepared::load(&source, &licence, 1).expect_err("no such file").to_string();
        assert!(error.contains("LICENSE-APACHE"), "{error}");
        let error = Prepared::load(&source, &["clusterr.nodes=1"], 1).expect_err("no such key").to_string();
        assert!(error.contains("clusterr"), "{error}");
    }
}
