//! The life of a job: what its user asks of it (a savepoint, to stop with one, to be cancelled), what becomes of that, and how
//! a run is judged that did not come to the end of its input.
//!
//! - What was *suspended* or *cancelled* is judged by what becomes of it: a job that starts from the savepoint, or from the newest
//!   checkpoint as it was when the cancelled job stood still, runs to its end without faults, and that end is held against the whole
//!   failure-free run. The same is asked of a savepoint after which the job has gone on.
//! - The savepoint of a suspended job has every source where it had stopped.
//! - What was *drained* is held against the failure-free result of the input up to where the sources had ended.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutline_sim::config::Then;
use cutline_sim::event::{Event, Stamped};
use cutline_sim::external::TransactionId;
use cutline_sim::faults::FaultPlan;
use cutline_sim::graph::Role;
use cutline_sim::ids::{CheckpointId, TaskId};
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
#[derive(Clone, Debug, Default)]
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
    /// Sources that have ended because they were told to; and whether one of them was started again, for tasks were lost.
    drained: BTreeSet<TaskId>,
    drain_given_up: bool,
    /// Tasks have gone back.
    rolled_back: bool,
}

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

/// A verdict about the state, and one about the ledger.
type Both = (Verdict, Verdict);

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
                        self.drained.insert(source);
                    }
                }
            }
            // By the task's own events, for a task that nobody has reached yet may still be told to stop in an attempt that is over.
            Event::TaskRunning { .. } => {
                if let Some(task) = stamped.origin.as_task() {
                    self.stopped.remove(&task);
                    self.drain_given_up |= self.drained.contains(&task);
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

    /// True if a fork from now on may show what sinks that write as they go have written of a drain that it gives up.
    pub(crate) fn may_drain(&self, world: &World) -> bool {
        self.asked.is_some() && asked_for(world) == Some(Then::Drain)
    }

    /// Judges state and ledger at the end of a run; `reference` is that of [`reference_of`].
    pub(crate) fn judge(
        &self,
        world: &World,
        outcome: Outcome,
        reference: &Reference,
        mut again: Again<'_>,
    ) -> Both {
        let mut verdicts = Vec::new();
        if !matches!(outcome, Outcome::Suspended | Outcome::Cancelled) {
            // Sinks that write as they go may have been further on in the input than where a drained job has ended.
            let was_further = self.rolled_back || again.prepared.start().is_some();
            let shows_more = self.drain_given_up || outcome == Outcome::Drained && was_further;
            let ledger = Ledger::new(reference).after_a_drain_given_up(shows_more);
            verdicts
                .push((State::new(reference).verdict(world, outcome), { ledger }.verdict(world, outcome)));
        }
        if let (Some(savepoint), true) = (&self.savepoint, outcome != Outcome::Drained) {
            verdicts.push(start_again("the savepoint of", savepoint, &mut again));
        }
        match &self.newest {
            Some(newest) => {
                verdicts.push(start_again("the newest checkpoint of the cancelled job,", newest, &mut again))
            }
            None if outcome == Outcome::Cancelled => verdicts.push(nothing_new_to_go_on_from(world)),
            None => {}
        }
        let misplaced = self.misplaced.clone().map(Verdict::Fail);
        let (states, ledgers): (Vec<_>, Vec<_>) = verdicts.into_iter().unzip();
        (worst(misplaced.into_iter().chain(states)), worst(ledgers))
    }
}

/// What is to follow the savepoint, if one is to be asked for.
fn asked_for(world: &World) -> Option<Then> {
    world.topology().config.life.savepoint.map(|order| order.then)
}

/// The first that fails; else the first that is unknown.
fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().fold(Verdict::Pass, |worst, next| match (&worst, &next) {
        (Verdict::Fail(_), _) | (Verdict::Unknown(_), Verdict::Pass | Verdict::Unknown(_)) => worst,
        _ => next,
    })
}

/// Runs a job from a savepoint to its end, without faults, and asks about the end.
fn start_again(what: &str, savepoint: &Savepoint, again: &mut Again<'_>) -> Both {
    let id = savepoint.id();
    let because = |why: String| {
        Verdict::Fail(format!(
            "Let s be {what} checkpoint {id}. A job was started from s, without faults and with nothing asked of it. {why} So s does \
             not stand for what the job had done."
        ))
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
            let unknown =
                Verdict::Unknown(format!("nobody can go on from checkpoint {id}: the job was being drained"));
            return (unknown.clone(), unknown);
        }
        let refused = because(format!("It was refused: {error}."));
        return (refused.clone(), refused);
    }
    world.begin(again.seed, Arc::new(FaultPlan::default()));
    let mut liveness = Liveness::default();
    let outcome =
        world.run(&mut |world, events| events.iter().for_each(|event| liveness.observe(world, event)));
    if is_cut_short(world, outcome, again.deadline) {
        let unknown =
            Verdict::Unknown(format!("a job that starts from checkpoint {id} was given up by `bounds`"));
        return (unknown.clone(), unknown);
    }
    if let Verdict::Fail(proof) = liveness.verdict(world, outcome) {
        let unknown =
            Verdict::Unknown(format!("a job that starts from checkpoint {id} does not come to its end"));
        return (because(format!("It did not come to its end: {proof}")), unknown);
    }
    let reference = again.prepared.reference();
    let explain = |verdict| match verdict {
        Verdict::Fail(proof) => because(proof),
        other => other,
    };
    let state = State::new(reference).verdict(world, outcome);
    let ledger = Ledger::new(reference).verdict(world, outcome);
    (explain(state), explain(ledger))
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
fn nothing_new_to_go_on_from(world: &World) -> Both {
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
    (Verdict::Unknown(why.to_owned()), ledger)
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
    let mut ends = BTreeMap::<usize, BTreeMap<u32, u64>>::new();
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
