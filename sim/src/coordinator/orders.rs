//! What the user asks of a running job: a savepoint, to go on or to stop with; and to be cancelled.
//!
//! - *Savepoint.* The first checkpoint that begins while one is awaited and that completes is it; if another one completes before that
//!   is noted, a message's latency later, that one is. The strategy's machine is asked for
//!   one, and asked again for as long as none is under way: checkpoints fail, and tasks are lost.
//! - *Suspend.* First every source is told to stop reading, until it has confirmed that. Then a savepoint is taken: it begins
//!   when all stand still, so it holds where they stand. When it is complete every task is told so, until it has committed and gone;
//!   when all have, the job has stopped. From the moment when the savepoint is complete no other checkpoint completes, and the
//!   machine hears nothing more. If tasks are lost before the end, all of this begins anew with the next attempt.
//! - *Drain.* The sources are told to end where they are. All else is what follows the end of any input; the savepoint is the
//!   final checkpoint.
//! - *Cancel.* Everything is cancelled as after a failure, but not restarted. Metadata on their way are no checkpoint
//!   any more. When nothing moves, the machine is told whether its checkpoints stay.
//!
//! Where snapshots are each task's own, a line that begins when the sources have stopped may be older than that. So there the savepoint
//! is the first one that has the positions which the sources have confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Belief, JobStatus};
use crate::config::{Retention, SavepointOrder, Then};
use crate::event::Event;
use crate::graph::Role;
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::protocol::CoordinatorEvent;
use crate::queue::Timer;
use crate::reusable;
use crate::snapshot::SplitPosition;
use crate::store::Manifest;
use crate::task::{Mail, Status};
use crate::time::Time;
use crate::world::{Outcome, World};

/// How far the coordinator is with the savepoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    /// None was asked for, or all is done.
    #[default]
    Idle,
    /// One was asked for, and the job does not run.
    Asked,
    /// The sources are told to stop, or to end.
    Stopping,
    /// The next checkpoint is to be it.
    Awaiting,
    /// It is complete, and the job goes on.
    Complete,
    /// It is complete, and every task is told to go.
    Leaving(CheckpointId),
    /// The sources have ended, and the job comes to its end.
    Draining,
}

reusable! {
    /// What the user has asked for, and what has become of it.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Orders {
        phase: Phase,
        /// When the savepoint was asked for, and how long it took.
        asked: Time,
        took: Time,
        /// Its size.
        bytes: u64,
        /// The checkpoints that have begun while it was awaited.
        candidates: BTreeSet<CheckpointId>,
        /// Where each source that has confirmed stands.
        stopped: BTreeMap<TaskId, Arc<[SplitPosition]>>,
        /// The job is being cancelled; and stands still.
        pub cancelled: bool,
        closing: bool,
        /// Nothing is asked any more.
        forgotten: bool,
    }
}

impl Orders {
    /// True from the moment when the job stops with a savepoint that is complete: the machine hears nothing more.
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_))
    }

    /// A checkpoint has begun.
    pub fn note_begun(&mut self, id: CheckpointId) {
        if self.phase == Phase::Awaiting {
            self.candidates.insert(id);
        }
    }

    /// A checkpoint has been given up.
    pub fn note_given_up(&mut self, id: CheckpointId) {
        self.candidates.remove(&id);
    }
}

impl World {
    /// From now on nothing is asked of the job: it goes on to the end of its input, but for sources that have ended. For a world
    /// that has not begun, or goes on from a checkpoint ([`World::fail_over`]).
    pub fn forget_orders(&mut self) {
        self.coordinator.orders = Orders { forgotten: true, ..Orders::default() };
    }

    /// Where a source stands in each of its splits.
    pub fn positions(&self, source: TaskId) -> impl Iterator<Item = SplitPosition> + '_ {
        self.tasks[source.index()].splits.iter().map(|split| split.at)
    }

    /// Notes down when the user will ask for something.
    pub(super) fn schedule_orders(&mut self) {
        if self.coordinator.orders.forgotten {
            return;
        }
        let life = self.topology.config.life;
        if let Some(SavepointOrder { at, .. }) = life.savepoint {
            self.schedule(at, Timer::Savepoint);
        }
        if let Some(at) = life.cancel {
            self.schedule(at, Timer::Cancel);
        }
    }

    /// A timer that concerns what the user asks for.
    pub(super) fn order_timer(&mut self, timer: Timer) {
        let over = self.coordinator.orders.forgotten || self.coordinator.status == JobStatus::Ended;
        match timer {
            Timer::Taken => self.savepoint_taken(),
            _ if over => {}
            Timer::Savepoint => self.ask_for_savepoint(),
            Timer::Pursue(attempt) if attempt == self.coordinator.attempt => self.pursue(),
            Timer::Cancel => self.cancel_job(),
            Timer::Close => self.close(),
            _ => {}
        }
    }

    fn then(&self) -> Option<Then> {
        self.topology.config.life.savepoint.map(|order| order.then)
    }

    // Savepoints.

    fn ask_for_savepoint(&mut self) {
        let Some(then) = self.then() else { return };
        self.log(Event::SavepointRequested { then });
        self.coordinator.orders.asked = self.now;
        self.coordinator.orders.phase = Phase::Asked;
        self.pursue();
    }

    /// Tasks were lost: a stop that is not over begins anew when all run again.
    pub(super) fn begin_orders_anew(&mut self) {
        let stops = self.then().is_some_and(|then| then != Then::Run);
        let orders = &mut self.coordinator.orders;
        if stops && orders.phase != Phase::Idle {
            orders.phase = Phase::Asked;
            orders.candidates.clear();
        }
    }

    /// Goes on with the savepoint as far as it may, and says again what was not confirmed.
    pub(super) fn pursue(&mut self) {
        let Some(then) = self.then().filter(|_| self.coordinator.status == JobStatus::Running) else {
            return;
        };
        if self.coordinator.orders.phase == Phase::Asked {
            self.coordinator.orders.stopped.clear();
            let stops = then != Then::Run;
            self.coordinator.orders.phase = if stops { Phase::Stopping } else { Phase::Awaiting };
        }
        match self.coordinator.orders.phase {
            Phase::Idle | Phase::Asked | Phase::Complete | Phase::Draining => return,
            Phase::Stopping => self.tell_sources(then == Then::Drain),
            Phase::Awaiting if self.coordinator.orders.candidates.is_empty() => {
                self.tell_machine(CoordinatorEvent::Requested);
            }
            Phase::Awaiting => {}
            Phase::Leaving(id) => self.tell_to_leave(id),
        }
        let attempt = self.coordinator.attempt;
        self.schedule(self.patience(), Timer::Pursue(attempt));
    }

    fn sources(&self) -> impl Iterator<Item = TaskId> + '_ {
        let tasks = (0..self.tasks.len() as u32).map(TaskId);
        tasks.filter(|&task| matches!(self.topology.role(task), Role::Source(_)))
    }

    fn tell_sources(&mut self, drain: bool) {
        let orders = &self.coordinator.orders;
        let silent = self.sources().filter(|source| !orders.stopped.contains_key(source));
        for source in silent.collect::<Vec<_>>() {
            self.tell_task(source, Mail::Stop(drain));
        }
    }

    /// A source has confirmed that it stands still.
    pub(super) fn note_stopped(&mut self, task: TaskId, attempt: Attempt, positions: Arc<[SplitPosition]>) {
        if attempt != self.coordinator.attempt || self.coordinator.orders.phase != Phase::Stopping {
            return;
        }
        self.coordinator.orders.stopped.insert(task, positions);
        if self.coordinator.orders.stopped.len() < self.sources().count() {
            return;
        }
        if self.then() == Some(Then::Drain) {
            self.coordinator.orders.phase = Phase::Draining;
        } else {
            self.coordinator.orders.phase = Phase::Awaiting;
            self.tell_machine(CoordinatorEvent::Requested); // and the timer that is set asks again
        }
    }

    /// A checkpoint is complete: is it the savepoint?
    pub(super) fn note_complete(&mut self, id: CheckpointId, bytes: u64) {
        let was_awaited = self.coordinator.orders.candidates.remove(&id);
        // One that completes a moment behind the savepoint, before anything could be committed by it, takes its place: it is the
        // newest, and the other one may be deleted already.
        let is_newest = self.store.completed().next_back() == Some(id);
        let takes_its_place = self.coordinator.orders.phase == Phase::Complete && is_newest;
        let is_it = was_awaited && self.coordinator.orders.phase == Phase::Awaiting;
        if !is_it && !takes_its_place {
            return;
        }
        let Some(manifest) = self.store.manifest(id).cloned() else { return }; // it came too late
        let (asked, now) = (self.coordinator.orders.asked, self.now);
        let suspends = self.then() == Some(Then::Suspend);
        if suspends && (self.coordinator.status != JobStatus::Running || !self.holds_the_stop(&manifest)) {
            return;
        }
        let orders = &mut self.coordinator.orders;
        (orders.took, orders.bytes) = (now - asked, bytes);
        if suspends {
            orders.phase = Phase::Leaving(id);
            self.freeze();
            self.tell_to_leave(id);
        } else {
            orders.phase = Phase::Complete;
            if !takes_its_place {
                // What sinks have written by now must be seen without what tasks that ran ahead will have written.
                self.schedule(self.shared.post.latency, Timer::Taken);
            }
        }
    }

    /// Where snapshots are each task's own: true if a line has the positions at which the sources have stopped.
    fn holds_the_stop(&self, manifest: &Manifest) -> bool {
        let holds = |(task, positions): (&TaskId, &Arc<[SplitPosition]>)| {
            let snapshot = manifest[task.index()].and_then(|handle| self.store.get(handle));
            let offset = |at: &SplitPosition| (at.split, at.offset);
            snapshot
                .is_some_and(|snapshot| snapshot.splits.iter().map(offset).eq(positions.iter().map(offset)))
        };
        !self.network.logs_sent() || self.coordinator.orders.stopped.iter().all(holds)
    }

    /// The savepoint of a job that goes on is the newest checkpoint: no other can have been committed by now.
    fn savepoint_taken(&mut self) {
        let newest = self.store.completed().next_back();
        if let (Phase::Complete, Some(id)) = (self.coordinator.orders.phase, newest) {
            self.coordinator.orders.phase = Phase::Idle;
            self.log_taken(id);
        }
    }

    fn log_taken(&mut self, id: CheckpointId) {
        let Orders { took: duration, bytes, .. } = self.coordinator.orders;
        self.log(Event::SavepointTaken { id, duration, bytes });
    }

    // The end of a job that was stopped.

    fn tell_to_leave(&mut self, id: CheckpointId) {
        let Some(manifest) = self.store.manifest(id).cloned() else { return };
        for task in (0..self.tasks.len() as u32).map(TaskId) {
            if self.coordinator.beliefs[task.index()] == Belief::Finished {
                continue;
            }
            // Commits go by the task's own ids, where those are others.
            let own = manifest[task.index()].filter(|_| self.network.logs_sent());
            let own = own.and_then(|handle| self.store.get(handle)).map_or(id, |snapshot| snapshot.id);
            self.tell_task(task, Mail::Leave(own));
        }
    }

    /// A task is done; true if the job has been stopped, and nothing else is to be said about it.
    pub(super) fn note_gone(&mut self, task: TaskId) -> bool {
        let leaves = self.coordinator.orders.is_leaving();
        if leaves {
            self.coordinator.beliefs[task.index()] = Belief::Finished;
            self.suspend_if_gone();
        }
        leaves
    }

    /// When all tasks have gone, and what is being written has failed, the job has stopped.
    pub(super) fn suspend_if_gone(&mut self) {
        let Phase::Leaving(id) = self.coordinator.orders.phase else { return };
        if (self.coordinator.finished.len() as usize) < self.tasks.len() {
            return;
        }
        if !std::mem::replace(&mut self.coordinator.orders.closing, true) {
            self.coordinator.status = JobStatus::Ended;
            self.log_taken(id);
            self.log(Event::JobSuspended);
            self.tell_machine(CoordinatorEvent::Lost); // whatever has begun after the savepoint
        }
        if self.coordinator.writing.is_empty() && self.end.is_none() {
            self.store.discard_unreferenced();
            self.end(Outcome::Suspended);
        }
    }

    /// All tasks have finished: how the job has ended.
    pub(super) fn finished_outcome(&mut self) -> Outcome {
        let drained = self.then() == Some(Then::Drain) && self.coordinator.orders.phase != Phase::Idle;
        let newest = self.store.completed().next_back();
        let Some(id) = newest.filter(|_| drained) else { return Outcome::Finished };
        let manifest = self.store.manifest(id).cloned();
        self.coordinator.orders.bytes = manifest.map_or(0, |manifest| self.sizes(id, &manifest).1);
        self.coordinator.orders.took = self.now - self.coordinator.orders.asked;
        self.log_taken(id);
        Outcome::Drained
    }

    // Cancellation.

    fn cancel_job(&mut self) {
        self.log(Event::CancelRequested);
        self.coordinator.orders.phase = Phase::Idle;
        self.coordinator.orders.cancelled = true;
        self.freeze();
        if matches!(self.coordinator.status, JobStatus::Deploying | JobStatus::Running) {
            self.begin_cancellation();
        }
        self.close_if_cancelled();
    }

    /// Everything is cancelled, and nothing is being written any more: a moment later the job stands still.
    pub(super) fn close_if_cancelled(&mut self) {
        let coordinator = &self.coordinator;
        let still = coordinator.status == JobStatus::Restarting && coordinator.writing.is_empty();
        if still && coordinator.orders.cancelled && !coordinator.orders.closing {
            self.coordinator.orders.closing = true;
            self.schedule(self.shared.post.latency, Timer::Close);
        }
    }

    fn close(&mut self) {
        // A task that no cancellation has reached ends now, as at a redeployment.
        for task in (0..self.tasks.len() as u32).map(TaskId) {
            self.stop_task(task, Status::Idle);
        }
        self.store.discard_unreferenced();
        self.log(Event::JobClosed);
        self.end(Outcome::Cancelled);
    }

    /// The run ends. What becomes of the checkpoints of a job that did not come to its end?
    pub(crate) fn conclude(&mut self) {
        let Some((_, outcome)) = self.end else { return };
        let retention = self.topology.config.checkpointing.retention;
        let kept = match outcome {
            Outcome::Cancelled => Some(retention == Retention::RetainOnCancellation),
            Outcome::Failed => Some(retention != Retention::NoExternalizedCheckpoints),
            _ => None,
        };
        if let Some(kept) = kept {
            self.log(Event::JobOver);
            self.tell_machine(CoordinatorEvent::Over(kept));
        }
        self.outcome = Some(outcome);
    }
}
