//! The life of a job: what its user asks of it (a savepoint, to stop with one, to be cancelled), what becomes of that, and how
//! a run is judged that did not come to the end of its input.
//!
//! - What was *suspended* or *cancelled* is judged by what becomes of it: a job that starts from the savepoint, or from the newest
//!   checkpoint as it was when the cancelled job stood still, runs to its end without faults, and that end is held against the whole
//!   failure-free run. The same is asked of a savepoint after which the job has gone on. One that does not come to its end is a stall.
//! - The savepoint of a suspended job has every source where it had stopped.
//! - What was *drained* is held against the failure-free result of the input up to where the sources had ended.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_sim::Status;
use cutline_sim::config::Then;
use cutline_sim::event::{Event, Stamped};
use cutline_sim::external::TransactionId;
use cutline_sim::faults::FaultPlan;
use cutline_sim::graph::{Role, SinkMode};
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::input::{Entry, Input};
use cutline_sim::oracles::ledger::Ledger;
use cutline_sim::oracles::liveness::Liveness;
use cutline_sim::oracles::reference::{Reference, ReferenceError};
use cutline_sim::oracles::state::State;
use cutline_sim::oracles::{Oracle, Verdict, show_time};
use cutline_sim::savepoint::{RestoreError, Savepoint};
use cutline_sim::snapshot::SplitPosition;
use cutline_sim::time::Time;
use cutline_sim::world::{Bound, Outcome, World};

use crate::prepare::Prepared;
use crate::record::{LifeRecord, SavepointRecord, TakenRecord};

/// An input up to where a source has ended.
pub(crate) struct Truncated {
    /// The whole input.
    pub(crate) whole: Arc<dyn Input>,
    /// By split, the offset of the first record that is not read.
    pub(crate) ends: BTreeMap<u32, u64>,
}

impl Input for Truncated {
    fn splits(&self) -> u32 {
        self.whole.splits()
    }

    fn start(&self, split: u32) -> u64 {
        self.whole.start(split)
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        if self.ends.get(&split) == Some(&offset) { None } else { self.whole.read(split, offset) }
    }

    fn disorder(&self) -> u64 {
        self.whole.disorder()
    }

    fn behind(&self, split: u32, offset: u64) -> u64 {
        self.whole.behind(split, offset)
    }

    fn describe(&self, split: u32, offset: u64) -> String {
        self.whole.describe(split, offset)
    }
}

/// What becomes, in one run, of what the user asks for.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Life {
    /// When the savepoint was asked for.
    asked: Option<Time>,
    taken: Option<TakenRecord>,
    /// Checkpoints that were given up while it was awaited.
    failed: u64,
    cancelled: Option<Time>,
    /// The savepoint that was taken; and the newest checkpoint of a cancelled job when it stood still.
    savepoint: Option<Savepoint>,
    newest: Option<Savepoint>,
    /// Where sources of the present attempt have stopped.
    stopped: BTreeMap<TaskId, Vec<SplitPosition>>,
    /// What is wrong with where the savepoint has a source.
    misplaced: Option<String>,
    /// The attempt of each source; and by attempt, where sources have ended because they were told to.
    attempts: BTreeMap<TaskId, Attempt>,
    drains: BTreeMap<Attempt, Ends>,
    /// Tasks have gone back.
    rolled_back: bool,
}

/// By operator and split, the offset of the first record that is not read.
pub(crate) type Ends = BTreeMap<usize, BTreeMap<u32, u64>>;

/// What a job needs to start again.
pub(crate) struct Again<'a> {
    /// The job.
    pub(crate) prepared: &'a Prepared,
    /// Its world, in which nothing has happened.
    pub(crate) pristine: &'a World,
    /// A world to use.
    pub(crate) spare: &'a mut Option<World>,
    /// The seed.
    pub(crate) seed: u64,
    /// When it is given up.
    pub(crate) deadline: Time,
}

/// What is said of the end of a run and of the ends of those that went on from what it has left.
pub(crate) struct Opinion {
    /// By the oracle `state`.
    pub(crate) state: Verdict,
    /// By the oracle `ledger`.
    pub(crate) ledger: Verdict,
    /// Why one that was to go on did not come to its end.
    pub(crate) stalled: Option<String>,
}

impl Opinion {
    /// Nothing can be said, for this reason.
    pub(crate) fn unknown(why: String) -> Opinion {
        let unknown = Verdict::Unknown(why);
        Opinion { state: unknown.clone(), ledger: unknown, stalled: None }
    }

    /// The worst of both.
    fn and(self, other: Opinion) -> Opinion {
        Opinion {
            state: worst(self.state, other.state),
            ledger: worst(self.ledger, other.ledger),
            stalled: self.stalled.or(other.stalled),
        }
    }
}

impl Life {
    /// Reads an event.
    pub(crate) fn observe(&mut self, world: &World, stamped: &Stamped) {
        match stamped.event {
            Event::SavepointRequested { .. } => self.asked = Some(stamped.time),
            Event::CheckpointAborted { .. } if self.asked.is_some() && self.taken.is_none() => {
                self.failed += 1;
            }
            Event::SourceStopped { drain } => {
                if let Some(source) = stamped.origin.as_task() {
                    self.stopped.insert(source, world.positions(source).collect());
                    if drain {
                        self.note_drain(world, source);
                    }
                }
            }
            // By the task's own events, for a task that nobody has reached yet may still be told to stop in an attempt that is over.
            Event::TaskRunning { attempt } => {
                if let Some(task) = stamped.origin.as_task()
                    && matches!(world.topology().role(task), Role::Source(_))
                {
                    self.stopped.remove(&task);
                    self.attempts.insert(task, attempt);
                    // One that had ended where it was told to is not told again.
                    if asked_for(world) == Some(Then::Drain) && world.status(task) == Status::Ended {
                        self.note_drain(world, task);
                    }
                }
            }
            Event::Restoring { attempt, .. } => self.rolled_back |= attempt > world.first_attempt(),
            Event::SavepointTaken { id, duration, bytes } => {
                self.savepoint = world.savepoint(id);
                self.misplaced = self.misplaced(world, id);
                let path = world.topology().config.checkpointing.path(id);
                let at = self.asked.unwrap_or(stamped.time).saturating_add(duration);
                self.taken = Some(TakenRecord { id, path, at, duration, size: bytes });
            }
            Event::CancelRequested => self.cancelled = Some(stamped.time),
            Event::JobClosed => {
                let newest = world.store().completed().next_back();
                self.newest = newest.and_then(|id| world.savepoint(id));
            }
            _ => {}
        }
    }

    /// A source that had stopped somewhere else than the savepoint has it.
    fn misplaced(&self, world: &World, id: CheckpointId) -> Option<String> {
        if asked_for(world) != Some(Then::Suspend) {
            return None;
        }
        let manifest = world.store().manifest(id)?;
        self.stopped.iter().find_map(|(&source, stopped)| {
            let snapshot = manifest[source.index()].and_then(|handle| world.store().get(handle));
            let saved = snapshot.map_or(&[][..], |snapshot| &snapshot.splits);
            let wrong = stopped.iter().find(|at| saved.iter().all(|saved| saved.offset != at.offset || saved.split != at.split))?;
            let split = wrong.split;
            let saved = saved.iter().find(|saved| saved.split == split);
            Some(format!(
                "{} was told to stop reading, and stood at offset {} of split {split}; then the savepoint was to begin. But the \
                 savepoint, checkpoint {id}, has it at {}. So it does not stand for what the job had done when it stopped.",
                world.topology().task_name(source),
                wrong.offset,
                saved.map_or("no offset at all".to_owned(), |saved| format!("offset {}", saved.offset)),
            ))
        })
    }

    /// The savepoint that the run has left: the one that was asked for, or else the newest checkpoint of a job that was cancelled, if
    /// it is retained.
    pub(crate) fn savepoint(&self, world: &World) -> Option<Savepoint> {
        let retained = |newest: &&Savepoint| world.store().manifest(newest.id()).is_some();
        self.savepoint.as_ref().or(self.newest.as_ref().filter(retained)).cloned()
    }

    /// For the record.
    pub(crate) fn record(&self, world: &World) -> LifeRecord {
        let config = &world.topology().config;
        let savepoint = config.life.savepoint.map(|order| SavepointRecord {
            at: order.at,
            then: order.then,
            asked: self.asked,
            failed: self.failed,
            taken: self.taken.clone(),
        });
        let retained = world.store().completed().map(|id| config.checkpointing.path(id)).collect();
        LifeRecord { savepoint, cancelled: self.cancelled, retained }
    }

    /// Notes down where a source has ended in its attempt.
    fn note_drain(&mut self, world: &World, source: TaskId) {
        let attempt = self.attempts.get(&source).copied().unwrap_or(world.first_attempt());
        let operator = world.topology().tasks[source.index()].operator.index();
        let ends = self.drains.entry(attempt).or_default().entry(operator).or_default();
        ends.extend(world.positions(source).map(|at| (at.split, at.offset)));
    }

    /// What sinks that write as they go may show beside the result of the end that a job has come to: what drains gave that were given
    /// up, and, where the job has ended before its input and tasks had gone back, or it began at a savepoint, what lies behind that end.
    ///
    /// # Errors
    /// If one of these results cannot be computed.
    pub(crate) fn beside<'a>(
        &self,
        prepared: &'a Prepared,
        (world, outcome): (&World, Outcome),
        reference: &Reference,
    ) -> Result<Vec<Cow<'a, Reference>>, ReferenceError> {
        let as_they_go = |role: &Role| matches!(role, Role::Sink(SinkMode::Plain | SinkMode::Idempotent));
        if !world.topology().operators.iter().any(|operator| as_they_go(&operator.role)) {
            return Ok(Vec::new());
        }
        let was_further = self.rolled_back || prepared.start().is_some();
        // The result of a job that has read all of its input is the prepared one itself.
        let ended_before = !std::ptr::eq(reference, prepared.reference());
        let behind = (was_further && ended_before).then(|| Cow::Borrowed(prepared.reference()));
        let counts = |attempt: Attempt| outcome == Outcome::Drained && attempt == world.attempt();
        let given_up = self.drains.iter().filter(|(attempt, _)| !counts(**attempt));
        let given_up = given_up.map(|(_, ends)| prepared.reference_up_to(ends.clone()).map(Cow::Owned));
        behind.into_iter().map(Ok).chain(given_up).collect()
    }

    /// Judges state and ledger at the end of a run; `reference` is that of [`reference_of`].
    pub(crate) fn judge(
        &self,
        world: &World,
        outcome: Outcome,
        reference: &Reference,
        mut again: Again<'_>,
    ) -> Opinion {
        let beside = match self.beside(again.prepared, (world, outcome), reference) {
            Ok(beside) => beside,
            Err(error) => return Opinion::unknown(no_result(&error)),
        };
        let beside: Vec<&Reference> = beside.iter().map(Cow::as_ref).collect();
        let misplaced = self.misplaced.clone().map_or(Verdict::Pass, Verdict::Fail);
        let mut opinion = Opinion { state: misplaced, ledger: Verdict::Pass, stalled: None };
        if !matches!(outcome, Outcome::Suspended | Outcome::Cancelled) {
            let mut ledger = Ledger::new(reference).or_shows(beside.clone());
            opinion = opinion.and(Opinion {
                state: State::new(reference).verdict(world, outcome),
                ledger: ledger.verdict(world, outcome),
                stalled: None,
            });
        }
        if let (Some(savepoint), true) = (&self.savepoint, outcome != Outcome::Drained) {
            opinion = opinion.and(start_again("the savepoint of", savepoint, &beside, &mut again));
        }
        match &self.newest {
            Some(newest) => {
                let what = "the newest checkpoint of the cancelled job,";
                opinion.and(start_again(what, newest, &beside, &mut again))
            }
            None if outcome == Outcome::Cancelled => opinion.and(nothing_new_to_go_on_from(world)),
            None => opinion,
        }
    }
}

/// Why nothing can be said.
pub(crate) fn no_result(error: &ReferenceError) -> String {
    format!("there is no failure-free result: {error}")
}

/// What is to follow the savepoint, if one is to be asked for.
fn asked_for(world: &World) -> Option<Then> {
    world.topology().config.life.savepoint.map(|order| order.then)
}

/// The first that fails; else the first that is unknown.
fn worst(one: Verdict, other: Verdict) -> Verdict {
    match (&one, &other) {
        (Verdict::Fail(_), _) | (Verdict::Unknown(_), Verdict::Pass | Verdict::Unknown(_)) => one,
        _ => other,
    }
}

/// Runs a job from a savepoint to its end, without faults, and asks about the end.
fn start_again(what: &str, savepoint: &Savepoint, beside: &[&Reference], again: &mut Again<'_>) -> Opinion {
    let id = savepoint.id();
    let premise = format!(
        "Let s be {what} checkpoint {id}. A job was started from s, without faults and with nothing asked of it."
    );
    let because = |why: String| {
        Verdict::Fail(format!("{premise} {why} So s does not stand for what the job had done."))
    };
    let world = match again.spare {
        Some(world) => {
            world.clone_from(again.pristine);
            world
        }
        None => again.spare.insert(again.pristine.clone()),
    };
    world.forget_orders();
    world.set_deadline(again.deadline);
    if let Err(error) = world.start_from(savepoint) {
        if let RestoreError::Drained(_) = error {
            return Opinion::unknown(format!(
                "nobody can go on from checkpoint {id}: the job was being drained"
            ));
        }
        let refused = because(format!("It was refused: {error}."));
        return Opinion { state: refused.clone(), ledger: refused, stalled: None };
    }
    world.begin(again.seed, Arc::new(FaultPlan::default()));
    let mut liveness = Liveness::default();
    let outcome =
        world.run(&mut |world, events| events.iter().for_each(|event| liveness.observe(world, event)));
    if is_cut_short(world, outcome, again.deadline) {
        return Opinion::unknown(format!("a job that starts from checkpoint {id} was given up by `bounds`"));
    }
    if let Verdict::Fail(proof) = liveness.verdict(world, outcome) {
        let stalled =
            Some(format!("{premise} It did not come to its end: {proof} So nobody can go on from s."));
        let why = format!("a job that starts from checkpoint {id} does not come to its end");
        return Opinion { stalled, ..Opinion::unknown(why) };
    }
    let reference = again.prepared.reference();
    let explain = |verdict| match verdict {
        Verdict::Fail(proof) => because(proof),
        other => other,
    };
    let state = State::new(reference).verdict(world, outcome);
    let ledger = Ledger::new(reference).or_shows(beside.to_vec()).verdict(world, outcome);
    Opinion { state: explain(state), ledger: explain(ledger), stalled: None }
}

/// True if a run was given up by a bound of the scenario, before it could have come to its end.
fn is_cut_short(world: &World, outcome: Outcome, deadline: Time) -> bool {
    match outcome {
        Outcome::Exceeded(Bound::Steps | Bound::Queue) => true,
        Outcome::Exceeded(Bound::Time) => deadline >= world.topology().config.bounds.time,
        _ => false,
    }
}

/// Of a job that was cancelled before a checkpoint had completed: nothing of its own may have been committed.
fn nothing_new_to_go_on_from(world: &World) -> Opinion {
    let why = "the job was cancelled before a checkpoint had completed, so there is nothing to go on from but what it began with";
    let topology = world.topology();
    let mut sinks = (0..topology.tasks.len() as u32).map(TaskId);
    let is_own = |name: TransactionId| name.attempt >= world.first_attempt();
    let committed = sinks.find(|&task| world.external().committed(task).any(|(name, _)| is_own(name)));
    let ledger = match committed {
        Some(sink) => Verdict::Fail(format!(
            "At {} the job had been cancelled, and no checkpoint had completed. But {} had committed a transaction: whoever starts \
             the job again makes all of it visible a second time.",
            show_time(world.ended()),
            topology.task_name(sink),
        )),
        None => Verdict::Unknown(why.to_owned()),
    };
    Opinion { state: Verdict::Unknown(why.to_owned()), ledger, stalled: None }
}

/// What the sources of a world may have read of a job: everything, or, where they may have been told to end, as much as they have.
///
/// # Errors
/// If the failure-free result of that cannot be computed.
pub(crate) fn reference_of<'a>(
    prepared: &'a Prepared,
    world: &World,
) -> Result<Cow<'a, Reference>, ReferenceError> {
    let topology = world.topology();
    if asked_for(world) != Some(Then::Drain) {
        return Ok(Cow::Borrowed(prepared.reference()));
    }
    let mut ends = Ends::new();
    let mut is_whole = true;
    for task in (0..topology.tasks.len() as u32).map(TaskId) {
        let Role::Source(input) = topology.role(task) else { continue };
        let of_operator = ends.entry(topology.tasks[task.index()].operator.index()).or_default();
        for SplitPosition { split, offset, .. } in world.positions(task) {
            is_whole &= input.read(split, offset).is_none();
            of_operator.insert(split, offset);
        }
    }
    match is_whole {
        true => Ok(Cow::Borrowed(prepared.reference())),
        false => prepared.reference_up_to(ends).map(Cow::Owned),
    }
}
