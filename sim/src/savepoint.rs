//! Savepoints: a job that starts from a completed checkpoint of another run, at any other parallelism (Flink: *Savepoints*, and
//! *Stateful Stream Processing*, "State and rescaling": keyed state is redistributed by whole key groups).
//!
//! A [`Savepoint`] is taken of a completed checkpoint and belongs to the user: no run deletes it. A world that is given one
//! ([`World::start_from`]) has another initial state: wherever a restore goes back to "the initial state of a task", this is
//! what it finds. So a strategy need not know of it.
//!
//! Operators find their state by their uid. Who gets what of an operator that had p subtasks and has q:
//!
//! - *Keyed state*: subtask i gets the key groups that it owns ([`group_owner`](crate::state::group_owner)), from every old
//!   subtask that had one of them.
//! - *Splits* of a source: those with number mod q = i, as at a fresh start. Its watermark is the least of those from whom it
//!   takes splits, its number of marked records the most. A split that the savepoint does not know is read from its start.
//! - *Pending transactions* of a sink, and how many records were handled: those of the old subtasks j with j mod q = i.
//! - What was in flight: kept as it was if the job has the same tasks and edges, in whatever order (`in_order.rs`); dealt out anew (`dealing.rs`) if only
//!   parallelisms are others; refused across forward edges, around loops, and where operators or edges have changed.
//!
//! Not kept: the durable part of the strategy's machine (Flink's savepoints do not hold one either: the machines of a new job
//! begin anew, ids of checkpoints and attempts go on from those of the savepoint, and of the former job no message is left, so
//! there is nothing that a machine could take for something newer); positions of channels, whose both ends count from zero again;
//! whose turn it is on an edge where receivers take turns. A savepoint in memory holds no more than one in a file ([`form`]),
//! so a job goes on in the same way from both.
//!
//! An operator has *ended* if all its subtasks had, everything before it has (around a loop: all of the loop), and, of a source, its
//! input has not grown.
//! Otherwise all of its subtasks run, and those with nothing left to do end (again).
//!
//! The price of a restore: a task reads the whole files of all old subtasks from which it gets anything, however little, as
//! Flink does when it rescales (it then drops what lies outside the new range). A savepoint does not depend on the backend with
//! which it was made: the job may have another.
//!
//! A source must find the input that it had read (`inputs.rs`); what comes behind its positions may be another.
//!
//! The clock of the new job begins at 0, as that of any run; its sources read no record before the instant of it.

mod dealing;
mod drained;
mod error;
pub mod form;
mod hand_out;
mod in_flight;
mod in_order;
mod inputs;
mod same_job;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::channel::Item;
use crate::config::CheckpointMode;
use crate::external::{External, TransactionId};
use crate::graph::{Role, SinkMode};
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::snapshot::{OnChannel, SplitPosition, TaskSnapshot, backend_ctx};
use crate::topology::{Edge, Topology};
use crate::world::World;
pub use error::RestoreError;
use hand_out::{Handover, hand_over};

/// What a job may start from. Cheap to clone; nothing in it ever changes.
#[derive(Clone, Debug, Hash)]
pub struct Savepoint {
    saved: Arc<Saved>,
    allow_non_restored_state: bool,
}

#[derive(Debug, Hash)]
struct Saved {
    id: CheckpointId,
    /// The newest attempt that anyone has seen.
    attempt: Attempt,
    key_groups: u32,
    /// The operators of the job, by number, and its edges.
    operators: Vec<SavedOperator>,
    edges: Vec<Edge>,
    external: External,
    /// True if everything up to here is the beginning of a failure-free run of this very job: see [`Start::is_whole`].
    is_whole: bool,
}

#[derive(Clone, Debug, Hash)]
struct SavedOperator {
    uid: String,
    kind: Kind,
    /// What it did: see [`OperatorSpec::does`](crate::graph::OperatorSpec::does).
    does: String,
    /// Of a source: what it had read of each split.
    read: BTreeMap<u32, u64>,
    /// The task that was its first subtask.
    first: TaskId,
    /// Per subtask; `None` for one that was in its (empty) initial state.
    subtasks: Vec<Option<Arc<TaskSnapshot>>>,
}

/// What an operator is, as far as its state depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// The bytes of what was in flight between its tasks.
    pub fn in_flight(&self) -> u64 {
        let snapshots = self.saved.operators.iter().flat_map(SavedOperator::snapshots);
        snapshots.map(|snapshot| snapshot.in_flight).sum()
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

    /// Hands the savepoint out to the tasks of a job.
    ///
    /// # Errors
    /// If the job cannot start from it.
    pub fn start(&self, topology: &Topology) -> Result<Start, RestoreError> {
        let savepoint = &in_order::in_order(self, topology);
        hand_out::check(savepoint, topology)?;
        let saved = &savepoint.saved;
        Ok(Start {
            tasks: Handover::new(savepoint, topology).tasks(),
            external: hand_over(saved, topology),
            id: saved.id,
            attempt: saved.attempt,
            is_whole: saved.is_whole && same_job::goes_on(saved, topology),
            became_other: topology
                .operators
                .iter()
                .map(|job| savepoint.operator(&job.uid).is_some_and(|saved| saved.does != job.does))
                .collect(),
        })
    }

    fn operator(&self, uid: &str) -> Option<&SavedOperator> {
        self.saved.operators.iter().find(|saved| saved.uid == uid)
    }
}

impl Saved {
    /// The transactions that are still to be committed.
    fn pending(&self) -> BTreeSet<TransactionId> {
        let snapshots = self.operators.iter().flat_map(SavedOperator::snapshots);
        snapshots.flat_map(|snapshot| snapshot.pending.iter().copied()).collect()
    }

    fn has_in_flight(&self) -> bool {
        let snapshots = self.operators.iter().flat_map(SavedOperator::snapshots);
        snapshots.into_iter().any(|snapshot| !snapshot.captured.is_empty() || !snapshot.unsent.is_empty())
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

/// A savepoint, handed out to the tasks of one job: the initial state of that job.
#[derive(Clone, Debug)]
pub struct Start {
    tasks: Vec<Option<Arc<TaskSnapshot>>>,
    external: External,
    id: CheckpointId,
    attempt: Attempt,
    is_whole: bool,
    /// By operator of the job.
    became_other: Vec<bool>,
}

impl Start {
    /// True if the job that starts here is the one that the savepoint was taken of, at whatever parallelism, and that one had
    /// done nothing but its part of a failure-free run. Then both together must give what the whole failure-free run gives.
    /// Otherwise only a run that begins from the savepoint can say what comes out:
    /// [`resume`](crate::oracles::reference::resume).
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The checkpoint that the savepoint was made of.
    pub fn id(&self) -> CheckpointId {
        self.id
    }

    /// The initial state of a task; `None`: an empty one.
    pub fn task(&self, task: TaskId) -> Option<&TaskSnapshot> {
        self.tasks.get(task.index())?.as_deref()
    }

    /// True if an operator of the job has found the state of one that did something else.
    pub fn became_other(&self, operator: usize) -> bool {
        self.became_other.get(operator) == Some(&true)
    }

    /// The external system as the job finds it.
    pub fn external(&self) -> &External {
        &self.external
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
            let snapshot = match *manifest.get(at)? {
                Some(handle) => Some((id, self.whole(TaskId(at as u32), self.store.get(handle)?)?)),
                None => self.base[at].clone().map(|base| (base.id, base)), // to be sent still what it was to send then
            };
            let inputs = logged.iter().filter(|(channel, _)| info.inputs.contains(channel));
            let inputs =
                inputs.map(|(channel, items)| (self.topology.channels[channel.index()].input, items));
            let subtask = snapshot.map(|(of, snapshot)| Arc::new(kept(&snapshot, of, id, inputs)));
            if info.subtask == 0 {
                let operator = &self.topology.operators[info.operator.index()];
                let (uid, kind, does) =
                    (operator.uid.clone(), Kind::of(&operator.role), operator.does.clone());
                let (first, read, subtasks) = (TaskId(at as u32), BTreeMap::new(), Vec::new());
                operators.push(SavedOperator { uid, kind, does, read, first, subtasks });
            }
            operators.last_mut()?.subtasks.push(subtask);
        }
        for (operator, saved) in self.topology.operators.iter().zip(&mut operators) {
            if let Role::Source(input) = &operator.role {
                saved.read = inputs::read(input.as_ref(), &saved.splits());
            }
        }
        let exactly_once = self.topology.config.checkpointing.mode == CheckpointMode::ExactlyOnce;
        let saved = Saved {
            id,
            attempt: self.attempt(),
            key_groups: self.topology.config.cluster.max_parallelism,
            operators,
            edges: self.topology.edges.clone(),
            external: self.external().as_of(self.now),
            is_whole: self.is_whole && exactly_once,
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
        self.start_at(&savepoint.start(&self.topology)?);
        Ok(())
    }

    /// The same, with what was handed out to the tasks of this very job.
    pub fn start_at(&mut self, start: &Start) {
        self.base.clone_from(&start.tasks);
        self.base.resize(self.topology.tasks.len(), None);
        self.shared.external = start.external.clone();
        self.is_whole = start.is_whole;
        self.coordinator.first_attempt = Attempt(start.attempt.0.saturating_add(1));
        self.coordinator.attempt = self.coordinator.first_attempt;
        self.coordinator.first_checkpoint = CheckpointId(start.id.0.saturating_add(1));
    }

    /// What a task starts from where no checkpoint of this job is restored; `None`: from nothing.
    pub fn base(&self, task: TaskId) -> Option<&TaskSnapshot> {
        self.base[task.index()].as_deref()
    }
}

/// What a savepoint keeps of a snapshot, and of the log of its inputs, for it has none of its own. `of`: the checkpoint for which
/// the snapshot says what is still to be sent.
fn kept<'a>(
    snapshot: &TaskSnapshot,
    of: CheckpointId,
    id: CheckpointId,
    logged: impl Iterator<Item = (u32, &'a Vec<Item>)>,
) -> TaskSnapshot {
    let logged = logged.map(|(at, items)| OnChannel { at, items: items.clone() });
    let captured: Vec<OnChannel> =
        snapshot.captured.iter().cloned().chain(logged).filter_map(without_probes).collect();
    let unsent: Vec<OnChannel> = snapshot.unsent_in(of).iter().cloned().filter_map(without_probes).collect();
    TaskSnapshot {
        task: snapshot.task,
        id,
        state: snapshot.state.clone(),
        splits: snapshot.splits.clone(),
        watermark: snapshot.watermark,
        marked: snapshot.marked,
        pending: snapshot.pending.clone(),
        in_flight: captured.iter().chain(&unsent).flat_map(|on| &on.items).map(Item::bytes).sum(),
        captured,
        unsent,
        ended_inputs: snapshot.ended_inputs.clone(),
        ended: snapshot.ended,
        records: snapshot.records,
        lineages: snapshot.lineages,
        bytes: snapshot.bytes,
        ..TaskSnapshot::default()
    }
}

/// Whether a loop has ended is asked anew: no savepoint holds a probe.
fn without_probes(mut on: OnChannel) -> Option<OnChannel> {
    on.items.retain(|item| !matches!(item, Item::Probe(_)));
    (!on.items.is_empty()).then_some(on)
}

#[cfg(test)]
mod tests;
