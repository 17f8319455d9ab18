//! Who gets what of a savepoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dealing::Dealt;
use super::in_flight::Channels;
use super::{Kind, RestoreError, Saved, SavedOperator, Savepoint, dealing, drained, inputs};
use crate::external::{External, TransactionId};
use crate::graph::Role;
use crate::ids::{Attempt, ChannelId, CheckpointId, OperatorId, TaskId};
use crate::input::Input;
use crate::protocol::InputSet;
use crate::snapshot::{SplitPosition, TaskSnapshot};
use crate::state::{KeyLayout, KeyedState, group_owner, key_group};
use crate::topology::{ChannelInfo, Topology};

/// Says whether a job can start from a savepoint at all.
pub(super) fn check(savepoint: &Savepoint, topology: &Topology) -> Result<(), RestoreError> {
    let (saved, job) = (savepoint.saved.key_groups, topology.config.cluster.max_parallelism);
    if saved != job {
        return Err(RestoreError::KeyGroups { saved, job });
    }
    drained::check(&savepoint.saved.operators)?;
    if must_deal(&savepoint.saved, topology)
        && let Some(obstacle) = dealing::obstacle(&savepoint.saved, topology)
    {
        return Err(obstacle);
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
        if let Role::Source(input) = &operator.role {
            let splits = saved.splits();
            if let Some((&split, _)) = splits.last_key_value().filter(|&(&split, _)| split >= input.splits())
            {
                return Err(RestoreError::Splits { uid: uid(), split, splits: input.splits() });
            }
            if let Some(split) = inputs::other(input.as_ref(), &splits, &saved.read) {
                return Err(RestoreError::Input { uid: uid(), split });
            }
        }
    }
    Ok(())
}

/// True if what was in flight has to be dealt out anew.
fn must_deal(saved: &Saved, topology: &Topology) -> bool {
    saved.has_in_flight() && !has_same_tasks(saved, topology)
}

/// True if the job has the tasks and channels that the savepoint was taken of.
fn has_same_tasks(saved: &Saved, topology: &Topology) -> bool {
    let were = saved.operators.iter().map(|operator| (operator.uid.as_str(), operator.parallelism()));
    let are = topology.operators.iter().map(|operator| (operator.uid.as_str(), operator.parallelism));
    were.eq(are) && saved.edges == topology.edges
}

/// The external system as the job finds it.
pub(super) fn hand_over(saved: &Saved, topology: &Topology) -> External {
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
    let (pending, timeout) = (saved.pending(), topology.config.external.transaction_timeout);
    saved.external.hand_over(|task| heirs.get(&task).copied(), &pending, timeout)
}

/// The handing out of a savepoint to the tasks of a job.
pub(super) struct Handover<'a> {
    pub topology: &'a Topology,
    id: CheckpointId,
    has_same_tasks: bool,
    /// For each operator of the job, what was saved of it, and whether it has ended.
    pub saved: Vec<Option<&'a SavedOperator>>,
    ended: Vec<bool>,
    /// What was in flight, if that goes elsewhere than it did.
    pub dealt: Option<Dealt>,
}

impl<'a> Handover<'a> {
    pub fn new(savepoint: &'a Savepoint, topology: &'a Topology) -> Self {
        let operators = topology.operators.iter();
        let saved: Vec<_> = operators.map(|operator| savepoint.operator(&operator.uid)).collect();
        let dealt = must_deal(&savepoint.saved, topology).then(|| dealing::deal(&savepoint.saved, topology));
        let ended = match &dealt {
            Some(_) => vec![false; topology.operators.len()],
            None => ended(topology, &saved),
        };
        let has_same_tasks = has_same_tasks(&savepoint.saved, topology);
        Handover { topology, id: savepoint.id(), has_same_tasks, saved, ended, dealt }
    }

    /// The initial state of every task.
    pub fn tasks(&self) -> Vec<Option<Arc<TaskSnapshot>>> {
        let mut tasks = Vec::new();
        for (at, saved) in self.saved.iter().enumerate() {
            let parallelism = self.topology.operators[at].parallelism;
            let is_known =
                |saved: &&SavedOperator| saved.snapshots().next().is_some() || self.dealt.is_some();
            let known = saved.filter(is_known);
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
        let mine = heirlooms().next().filter(|_| self.has_same_tasks);
        let Channels { sent, captured, unsent, in_flight } = match (&self.dealt, mine) {
            (Some(dealt), _) => self.dealt_channels(id, dealt),
            (None, Some(own)) => self.channels(id, own),
            (None, None) => Channels::default(),
        };
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
            received: Vec::new(),
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
            durable: Vec::new(),
            bytes: rescale.bytes(subtask),
            written: 0,
        }
    }

    pub fn ends(&self, channel: ChannelId) -> &ChannelInfo {
        &self.topology.channels[channel.index()]
    }

    pub fn has_ended(&self, task: TaskId) -> bool {
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
                state.absorb(&snapshot.state, |_| true);
                state.list.clone_from(&snapshot.state.list);
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
