//! Savepoints: a job that starts from a completed checkpoint of another run, at any other parallelism (Flink: *Savepoints*, and
//! *Stateful Stream Processing*, "State and rescaling": keyed state is redistributed by whole key groups).
//!
//! A [`Savepoint`] is taken of a completed checkpoint and belongs to the user: no run deletes it. A world that is given one
//! ([`World::start_from`]) has another initial state: wherever a restore goes back to "the initial state of a task", this is
//! what it finds. So a strategy need not know of it.
//!
//! Operators find their state by their uid. Who gets what of an operator that had p subtasks and has q:
//!
//! - *Keyed state*: subtask i gets the key groups that it owns ([`group_owner`]), from every old subtask that had one of them.
//! - *Splits* of a source: those with number mod q = i, as at a fresh start. Its watermark is the least of those from whom it
//!   takes splits, its number of marked records the most. A split that the savepoint does not know is read from its start.
//! - *Pending transactions* of a sink, and how many records were handled: those of the old subtasks j with j mod q = i.
//! - The durable part of the strategy's machine: if q = p and the machines are of the same types, as it was; else none.
//! - What was in flight: kept if the job has the same tasks and edges, with the positions of both ends of every channel. Where
//!   anything was in flight and the job has changed, it is refused (Flink redistributes it in some such cases).
//!
//! Not kept: whose turn it is on an edge where receivers take turns (all begin anew), and positions of channels in a changed
//! job, whose both ends count from zero again.
//!
//! An operator has *ended* if all its subtasks had, everything before it has (around a loop: all of the loop), and, of a source, its
//! input has not grown.
//! Otherwise all of its subtasks run, and those with nothing left to do end (again).
//!
//! The price of a restore: a task reads the whole files of all old subtasks from which it gets anything, however little, as
//! Flink does when it rescales (it then drops what lies outside the new range). A savepoint does not depend on the backend with
//! which it was made: the job may have another.
//!
//! The clock of the new job begins at 0, as that of any run; its sources read no record before the instant of it.

mod drained;
mod error;
mod in_flight;

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::channel::Item;
use crate::external::{External, TransactionId};
use crate::graph::{Role, SinkMode};
use crate::ids::{Attempt, ChannelId, CheckpointId, OperatorId, TaskId};
use crate::input::Input;
use crate::protocol::InputSet;
use crate::snapshot::{OnChannel, SplitPosition, TaskSnapshot, backend_ctx};
use crate::state::{KeyLayout, KeyedState, group_owner, key_group};
use crate::topology::{ChannelInfo, Topology};
use crate::world::World;
pub use error::RestoreError;
use in_flight::Channels;

/// What a job may start from. Cheap to clone; nothing in it ever changes.
#[derive(Clone, Debug)]
pub struct Savepoint {
    saved: Arc<Saved>,
    allow_non_restored_state: bool,
}

#[derive(Debug)]
struct Saved {
    id: CheckpointId,
    /// The newest attempt that anyone has seen.
    attempt: Attempt,
    key_groups: u32,
    operators: Vec<SavedOperator>,
    external: External,
    /// The types of the strategy's machines.
    machines: TypeId,
    /// The job, and whether the checkpoint holds anything that was in flight.
    topology: Arc<Topology>,
    in_flight: bool,
}

#[derive(Debug)]
struct SavedOperator {
    uid: String,
    kind: Kind,
    /// The task that was its first subtask.
    first: TaskId,
    /// Per subtask; `None` for one that was in its (empty) initial state.
    subtasks: Vec<Option<Arc<TaskSnapshot>>>,
}

/// What an operator is, as far as its state depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It keeps positions in an input.
    Source,
    /// It keeps keyed state.
    Transform,
    /// It keeps what its mode asks for.
    Sink(SinkMode),
}

impl Kind {
    fn of(role: &Role) -> Kind {
        match role {
            Role::Source(_) => Kind::Source,
            Role::Transform(_) => Kind::Transform,
            Role::Sink(mode) => Kind::Sink(*mode),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Source => "a source",
            Kind::Transform => "an operator between sources and sinks",
            Kind::Sink(SinkMode::Plain) => "a plain sink",
            Kind::Sink(SinkMode::Idempotent) => "an idempotent sink",
            Kind::Sink(SinkMode::Transactional) => "a transactional sink",
        })
    }
}

impl Savepoint {
    /// The checkpoint it was made of.
    pub fn id(&self) -> CheckpointId {
        self.saved.id
    }

    /// The newest attempt of the job that took it.
    pub fn attempt(&self) -> Attempt {
        self.saved.attempt
    }

    /// The uid and the parallelism of every operator.
    pub fn operators(&self) -> impl Iterator<Item = (&str, u32)> + '_ {
        self.saved.operators.iter().map(|saved| (saved.uid.as_str(), saved.subtasks.len() as u32))
    }

    /// The same savepoint; state of operators that the job does not have is dropped instead of refused (Flink's
    /// `--allow-non-restored-state`), and with it what a sink had not committed.
    #[must_use]
    pub fn allow_non_restored_state(self) -> Savepoint {
        Savepoint { allow_non_restored_state: true, ..self }
    }

    fn operator(&self, uid: &str) -> Option<&SavedOperator> {
        self.saved.operators.iter().find(|saved| saved.uid == uid)
    }
}

impl SavedOperator {
    fn parallelism(&self) -> u32 {
        self.subtasks.len() as u32
    }

    fn snapshots(&self) -> impl Iterator<Item = &TaskSnapshot> + '_ {
        self.subtasks.iter().flatten().map(Arc::as_ref)
    }

    fn has_state(&self) -> bool {
        self.snapshots().any(|snapshot| snapshot.bytes > 0 || !snapshot.pending.is_empty())
    }

    /// True if all subtasks had consumed all their input.
    fn had_ended(&self) -> bool {
        self.subtasks.iter().all(|subtask| subtask.as_ref().is_some_and(|snapshot| snapshot.ended))
    }

    /// Where each split was.
    fn splits(&self) -> BTreeMap<u32, SplitPosition> {
        self.snapshots().flat_map(|snapshot| &snapshot.splits).map(|&at| (at.split, at)).collect()
    }
}

impl World {
    /// What a job may start from: a completed checkpoint that is retained, and the external system as it is now. `None` if
    /// the checkpoint is not retained, or a snapshot that it names is not in the store.
    ///
    /// Take it of the newest one: what sinks have committed since an older one is visible already, and the new job would
    /// make it visible again. Plain and idempotent sinks write as they go; in a world with lookahead they may have written a
    /// little from after now, so for a savepoint that never depends on that turn it off ([`World::set_lookahead`]).
    pub fn savepoint(&self, id: CheckpointId) -> Option<Savepoint> {
        let manifest = self.store.manifest(id)?;
        let logged = self.in_transit(manifest);
        let mut operators: Vec<SavedOperator> = Vec::new();
        for (at, info) in self.topology.tasks.iter().enumerate() {
            let subtask = match *manifest.get(at)? {
                Some(handle) => Some(self.whole(TaskId(at as u32), self.store.get(handle)?)?),
                None => self.base[at].clone(),
            };
            let inputs = logged.iter().filter(|(channel, _)| info.inputs.contains(channel));
            let inputs =
                inputs.map(|(channel, items)| (self.topology.channels[channel.index()].input, items));
            let subtask = subtask.map(|snapshot| holding(snapshot, inputs));
            if info.subtask == 0 {
                let operator = &self.topology.operators[info.operator.index()];
                let (uid, kind) = (operator.uid.clone(), Kind::of(&operator.role));
                operators.push(SavedOperator { uid, kind, first: TaskId(at as u32), subtasks: Vec::new() });
            }
            operators.last_mut()?.subtasks.push(subtask);
        }
        let snapshots = operators.iter().flat_map(SavedOperator::snapshots);
        let in_flight = snapshots.into_iter().any(|snapshot| snapshot.has_in_flight(id));
        let saved = Saved {
            id,
            attempt: self.attempt(),
            key_groups: self.topology.config.cluster.max_parallelism,
            operators,
            external: self.external().as_of(self.now),
            machines: self.protocol.as_any().type_id(),
            topology: Arc::clone(&self.topology),
            in_flight,
        };
        Some(Savepoint { saved: Arc::new(saved), allow_non_restored_state: false })
    }

    /// A snapshot that holds its whole state itself, and so depends neither on files nor on a backend (Flink's canonical format):
    /// they are read now, as a restore would read them. `None` if one is not there.
    fn whole(&self, task: TaskId, snapshot: &Arc<TaskSnapshot>) -> Option<Arc<TaskSnapshot>> {
        if snapshot.parts.is_empty() {
            return Some(Arc::clone(snapshot));
        }
        let files = self.files_of(snapshot)?;
        let mut whole = TaskSnapshot::clone(snapshot);
        let operator = &self.topology.operators[self.topology.tasks[task.index()].operator.index()];
        let about = (task, snapshot.attempt, &mut 0);
        let mut cx = backend_ctx(about, operator, &self.topology.config.snapshot, self.now);
        self.backend.clone_box().restore(&mut cx, snapshot.id, &files, &mut whole.state);
        whole.parts.clear();
        Some(Arc::new(whole))
    }

    /// From now on the initial state of the job is a savepoint. For a world that has not begun: see [`World::begin`].
    /// Checkpoints and attempts are numbered on from those of the savepoint.
    ///
    /// # Errors
    /// See [`RestoreError`]; then nothing has changed.
    pub fn start_from(&mut self, savepoint: &Savepoint) -> Result<(), RestoreError> {
        check(savepoint, &self.topology)?;
        let saved = &savepoint.saved;
        let machines = self.protocol.as_any().type_id();
        self.base = Handover::new(savepoint, &self.topology, machines).tasks();
        self.shared.external = hand_over(saved, &self.topology);
        self.coordinator.first_attempt = Attempt(saved.attempt.0.saturating_add(1));
        self.coordinator.attempt = self.coordinator.first_attempt;
        self.coordinator.first_checkpoint = CheckpointId(saved.id.0.saturating_add(1));
        Ok(())
    }

    /// What a task starts from where no checkpoint of this job is restored; `None`: from nothing.
    pub fn base(&self, task: TaskId) -> Option<&TaskSnapshot> {
        self.base[task.index()].as_deref()
    }
}

/// A snapshot that holds what was in transit on these inputs: a savepoint has no log.
fn holding<'a>(
    mut snapshot: Arc<TaskSnapshot>,
    inputs: impl Iterator<Item = (u32, &'a Vec<Item>)>,
) -> Arc<TaskSnapshot> {
    for (at, items) in inputs {
        let snapshot = Arc::make_mut(&mut snapshot);
        snapshot.in_flight += items.iter().map(Item::bytes).sum::<u64>();
        snapshot.captured.push(OnChannel { at, items: items.clone() });
    }
    snapshot
}

/// Says whether a job can start from a savepoint at all.
fn check(savepoint: &Savepoint, topology: &Topology) -> Result<(), RestoreError> {
    let (saved, job) = (savepoint.saved.key_groups, topology.config.cluster.max_parallelism);
    if saved != job {
        return Err(RestoreError::KeyGroups { saved, job });
    }
    drained::check(&savepoint.saved.operators)?;
    if savepoint.saved.in_flight && !is_same_job(&savepoint.saved.topology, topology) {
        return Err(RestoreError::InFlight);
    }
    for saved in &savepoint.saved.operators {
        let uid = || saved.uid.clone();
        let Some(operator) = topology.operators.iter().find(|operator| operator.uid == saved.uid) else {
            if saved.has_state() && !savepoint.allow_non_restored_state {
                return Err(RestoreError::NonRestoredState(uid()));
            }
            continue;
        };
        let kind = Kind::of(&operator.role);
        if kind != saved.kind {
            return Err(RestoreError::Kind { uid: uid(), saved: saved.kind, job: kind });
        }
        if let (Role::Source(input), Some((&split, _))) = (&operator.role, saved.splits().last_key_value())
            && split >= input.splits()
        {
            return Err(RestoreError::Splits { uid: uid(), split, splits: input.splits() });
        }
    }
    Ok(())
}

/// True if two jobs have the same tasks and channels.
fn is_same_job(one: &Topology, other: &Topology) -> bool {
    let operators = |job: &Topology| -> Vec<_> {
        job.operators.iter().map(|operator| (operator.uid.clone(), operator.parallelism)).collect()
    };
    let edges =
        |job: &Topology| -> Vec<_> { job.edges.iter().map(|edge| (edge.from, edge.to, edge.spec)).collect() };
    operators(one) == operators(other) && edges(one) == edges(other)
}

/// The external system as the job finds it.
fn hand_over(saved: &Saved, topology: &Topology) -> External {
    let mut heirs = BTreeMap::new();
    for old in &saved.operators {
        let mut tasks = topology.tasks.iter();
        let first = tasks.position(|task| topology.operators[task.operator.index()].uid == old.uid);
        let Some(first) = first.map(|first| first as u32) else { continue };
        let parallelism = topology.operators[topology.tasks[first as usize].operator.index()].parallelism;
        for subtask in 0..old.parallelism() {
            let heir = TaskId(first + subtask % parallelism);
            heirs.insert(TaskId(old.first.0 + subtask), (heir, TaskId(first)));
        }
    }
    let snapshots = saved.operators.iter().flat_map(SavedOperator::snapshots);
    let pending: BTreeSet<TransactionId> =
        snapshots.flat_map(|snapshot| snapshot.pending.iter().copied()).collect();
    let timeout = topology.config.external.transaction_timeout;
    saved.external.hand_over(|task| heirs.get(&task).copied(), &pending, timeout)
}

/// The handing out of a savepoint to the tasks of a job.
struct Handover<'a> {
    topology: &'a Topology,
    id: CheckpointId,
    same_job: bool,
    same_machines: bool,
    /// For each operator of the job, what was saved of it, and whether it has ended.
    saved: Vec<Option<&'a SavedOperator>>,
    ended: Vec<bool>,
}

impl<'a> Handover<'a> {
    fn new(savepoint: &'a Savepoint, topology: &'a Topology, machines: TypeId) -> Self {
        let operators = topology.operators.iter();
        let saved: Vec<_> = operators.map(|operator| savepoint.operator(&operator.uid)).collect();
        let ended = ended(topology, &saved);
        let same_machines = savepoint.saved.machines == machines;
        let same_job = is_same_job(&savepoint.saved.topology, topology);
        Handover { topology, id: savepoint.id(), same_job, same_machines, saved, ended }
    }

    /// The initial state of every task.
    fn tasks(&self) -> Vec<Option<Arc<TaskSnapshot>>> {
        let mut tasks = Vec::new();
        for (at, saved) in self.saved.iter().enumerate() {
            let parallelism = self.topology.operators[at].parallelism;
            let known = saved.filter(|saved| saved.snapshots().next().is_some());
            let Some(saved) = known else {
                tasks.extend((0..parallelism).map(|_| None));
                continue;
            };
            let groups = self.topology.config.cluster.max_parallelism;
            let rescale = Rescale::new(saved, parallelism, groups);
            for subtask in 0..parallelism {
                let task = TaskId(tasks.len() as u32);
                tasks.push(Some(Arc::new(self.task(task, &rescale, subtask))));
            }
        }
        tasks
    }

    fn task(&self, id: TaskId, rescale: &Rescale<'_>, subtask: u32) -> TaskSnapshot {
        let info = &self.topology.tasks[id.index()];
        let operator = &self.topology.operators[info.operator.index()];
        let heirlooms = || rescale.heirlooms(subtask);
        let mut pending: Vec<TransactionId> = heirlooms().flat_map(|old| &old.pending).copied().collect();
        pending.iter_mut().for_each(|transaction| transaction.task = id);
        pending.sort_unstable();
        pending.dedup();
        let splits = match &operator.role {
            Role::Source(input) => rescale.splits(subtask, input.as_ref()),
            Role::Transform(_) | Role::Sink(_) => Vec::new(),
        };
        let givers = || rescale.givers(subtask);
        let kept = rescale.is_unchanged() && self.same_machines;
        let own = heirlooms().next().filter(|_| kept);
        let mine = heirlooms().next().filter(|_| self.same_job);
        let Channels { received, sent, captured, unsent, in_flight } =
            mine.map(|own| self.channels(id, own)).unwrap_or_default();
        TaskSnapshot {
            task: id,
            attempt: Attempt::default(),
            id: self.id,
            state: rescale.state(subtask, info.keys.as_ref()),
            parts: Vec::new(),
            splits,
            watermark: givers().map(|old| old.watermark).min().unwrap_or(0),
            marked: givers().map(|old| old.marked).max().unwrap_or(0),
            pending,
            turns: vec![0; info.outputs.len()],
            received,
            sent,
            captured,
            unsent,
            in_flight,
            logged: Vec::new(),
            logged_bytes: 0,
            ended_inputs: self.ended_inputs(id, mine),
            ended: self.ended[info.operator.index()],
            detection: None,
            records: heirlooms().fold(0, |sum, old| sum + old.records),
            lineages: heirlooms().fold(0, |sum, old| old.lineages.wrapping_add(sum)),
            durable: own.map_or(Vec::new(), |own| own.durable.clone()),
            bytes: rescale.bytes(subtask),
            written: 0,
        }
    }

    fn ends(&self, channel: ChannelId) -> &ChannelInfo {
        &self.topology.channels[channel.index()]
    }

    fn has_ended(&self, task: TaskId) -> bool {
        self.ended[self.topology.tasks[task.index()].operator.index()]
    }

    /// The inputs of a task whose sender belongs to an operator that has ended. A task of the same job has perhaps still to
    /// consume that end, and what was in flight before it.
    fn ended_inputs(&self, task: TaskId, mine: Option<&TaskSnapshot>) -> InputSet {
        let mut ended = InputSet::default();
        for (input, &channel) in (0..).zip(&self.topology.tasks[task.index()].inputs) {
            let has_it = mine.is_none_or(|own| own.ended_inputs.contains(input));
            if has_it && self.has_ended(self.ends(channel).from) {
                ended.insert(input);
            }
        }
        ended
    }
}

/// For each operator, whether it has ended: see the head of this file.
fn ended(topology: &Topology, saved: &[Option<&SavedOperator>]) -> Vec<bool> {
    let at_its_end = |(role, saved): (&Role, &Option<&SavedOperator>)| match (role, saved) {
        (_, Some(saved)) if !saved.had_ended() => false,
        (Role::Source(input), Some(saved)) => has_read_all(input.as_ref(), &saved.splits()),
        (_, saved) => saved.is_some(),
    };
    let roles = topology.operators.iter().map(|operator| &operator.role);
    let mut ended: Vec<bool> = roles.zip(saved).map(at_its_end).collect();
    let runs_on =
        |ended: &[bool], from: OperatorId, to: OperatorId| !ended[from.index()] && ended[to.index()];
    while let Some(edge) = topology.edges.iter().find(|edge| runs_on(&ended, edge.from, edge.to)) {
        ended[edge.to.index()] = false;
    }
    ended
}

fn has_read_all(input: &dyn Input, splits: &BTreeMap<u32, SplitPosition>) -> bool {
    let at_its_end = |split| splits.get(&split).is_some_and(|at| input.read(split, at.offset).is_none());
    (0..input.splits()).all(at_its_end)
}

/// One operator with p subtasks that becomes one with q.
struct Rescale<'a> {
    saved: &'a SavedOperator,
    parallelism: u32,
    groups: u32,
    splits: BTreeMap<u32, SplitPosition>,
    /// Pairs of an old subtask and a new one that owns some of its key groups.
    shares: BTreeSet<(u32, u32)>,
}

impl<'a> Rescale<'a> {
    fn new(saved: &'a SavedOperator, parallelism: u32, groups: u32) -> Self {
        let share = |group| {
            (group_owner(group, groups, saved.parallelism()), group_owner(group, groups, parallelism))
        };
        let shares = (0..groups).map(share).collect();
        Rescale { saved, parallelism, groups, splits: saved.splits(), shares }
    }

    fn is_unchanged(&self) -> bool {
        self.saved.parallelism() == self.parallelism
    }

    /// The old subtasks, with their snapshots.
    fn subtasks(&self) -> impl Iterator<Item = (u32, &TaskSnapshot)> + '_ {
        (0..).zip(&self.saved.subtasks).filter_map(|(at, old)| Some((at, old.as_deref()?)))
    }

    /// The state of a subtask.
    fn state(&self, subtask: u32, layout: Option<&KeyLayout>) -> KeyedState {
        let mut state = KeyedState::default();
        state.begin(layout);
        for (_, snapshot) in self.subtasks().filter(|&(old, _)| self.shares.contains(&(old, subtask))) {
            if self.is_unchanged() {
                state.clone_from(&snapshot.state);
            } else {
                let owner = |key| group_owner(key_group(key, self.groups), self.groups, self.parallelism);
                state.absorb(&snapshot.state, |key| owner(key) == subtask);
            }
        }
        if !self.is_unchanged() {
            let lists = self.saved.snapshots().map(|snapshot| &snapshot.state.list);
            state.list.take_share(lists, subtask, self.parallelism);
        }
        state
    }

    fn reads(&self, subtask: u32, split: u32) -> bool {
        split % self.parallelism == subtask
    }

    /// The old subtasks from which a subtask takes splits.
    fn givers(&self, subtask: u32) -> impl Iterator<Item = &TaskSnapshot> + '_ {
        let gives = move |old: &&TaskSnapshot| old.splits.iter().any(|at| self.reads(subtask, at.split));
        self.saved.snapshots().filter(gives)
    }

    /// The old subtasks whose other belongings a subtask inherits.
    fn heirlooms(&self, subtask: u32) -> impl Iterator<Item = &TaskSnapshot> + '_ {
        let heir = move |&(old, _): &(u32, &TaskSnapshot)| old % self.parallelism == subtask;
        self.subtasks().filter(heir).map(|(_, snapshot)| snapshot)
    }

    /// The splits of a subtask, in order.
    fn splits(&self, subtask: u32, input: &dyn Input) -> Vec<SplitPosition> {
        let mine = (0..input.splits()).filter(|&split| self.reads(subtask, split));
        let fresh = |split| SplitPosition { split, offset: input.start(split), event_time: 0, ended: false };
        mine.map(|split| self.splits.get(&split).copied().unwrap_or_else(|| fresh(split))).collect()
    }

    /// The bytes that a subtask reads: whole files.
    fn bytes(&self, subtask: u32) -> u64 {
        let needs = |&(old, snapshot): &(u32, &TaskSnapshot)| {
            let splits = snapshot.splits.iter().any(|at| self.reads(subtask, at.split));
            let pending = old % self.parallelism == subtask && !snapshot.pending.is_empty();
            splits || pending || self.shares.contains(&(old, subtask))
        };
        self.subtasks().filter(needs).fold(0, |sum, (_, snapshot)| snapshot.bytes.saturating_add(sum))
    }
}

#[cfg(test)]
mod tests;
