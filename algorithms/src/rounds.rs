//! The coordinator's bookkeeping of coordinated checkpoints, shared by every strategy in which one coordinator begins a
//! checkpoint, waits for all tasks, and stores the metadata (Flink's `CheckpointCoordinator`, `PendingCheckpoint` and
//! `CompletedCheckpointStore` in one).
//!
//! What it holds to:
//! - A checkpoint goes to its metadata only when every task has acknowledged it *in the present attempt*, or has finished
//!   and is represented by its last snapshot. It is complete only when its metadata is durable; nobody is told before.
//! - Ids grow for ever, over restarts too, and from above those of a savepoint, so nothing can be mistaken for something older
//!   of the same name.
//! - What a task of an older attempt says changes nothing.
//! - The outcome of a metadata write in flight is not known. So a checkpoint whose metadata is being written can neither
//!   expire nor be declined; if tasks are lost meanwhile and the write succeeds *before* the next restore, the checkpoint
//!   exists and is restored. If it succeeds after the job was already restored from an older one, nobody was ever told of
//!   it and the new attempt may have made visible what contradicts it: it is subsumed on the spot.
//! - A task that has finished is represented by its snapshot in the newest checkpoint that exists *when the metadata are
//!   written*: it heard that a checkpoint with its end is complete, so that one has its end too; and an older one may be
//!   subsumed, and its snapshots gone, before this one is complete.
//! - A snapshot is given back (abandoned, discarded) once nothing refers to it.
//!
//! Triggering follows Flink: a periodic tick or a request that may not fire now (too many in flight, the pause after the
//! last one not over) waits until it may, and several that wait are served by one checkpoint. Where the world stands still
//! during a checkpoint, the interval is counted from the end of one to the start of the next: a tick that had come
//! meanwhile would stop the world again before anything had moved.

use std::marker::PhantomData;
use std::sync::Arc;

use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::{
    AbortReason, CoordinatorCut, CoordinatorEffects, CoordinatorEvent, Down, Handle, InputSet, JobCtx, Line,
    To, Up,
};
use cutline_sim::time::Time;

/// A checkpoint that exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Completed {
    /// Its id.
    pub id: CheckpointId,
    /// Per task its snapshot.
    pub snapshots: Arc<[Option<Handle>]>,
}

cutline_sim::reusable! {
    /// A checkpoint in flight.
    #[derive(Debug, PartialEq, Eq, Hash)]
    struct Round {
        id: CheckpointId,
        began: Time,
        /// A task asked for it: if it fails, the request stands.
        asked: bool,
        /// The tasks that have acknowledged or finished, and the snapshots of those that have acknowledged.
        present: InputSet,
        snapshots: Vec<Option<Handle>>,
        /// The metadata is being written: the outcome is no longer ours.
        writing: bool,
    }
}

/// When the next checkpoint may begin, and which id it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pace {
    next: CheckpointId,
    /// One in flight at a time, and the interval is counted from the end of one to the start of the next.
    rests: bool,
    /// One in flight at a time, and no other snapshot can stand for that of a task that took part: see [`Rounds::finish`].
    strict: bool,
    /// All tasks run.
    running: bool,
    /// A periodic tick has not been served yet; the next one comes when it has been.
    due: bool,
    /// A request has not been served yet.
    asked: bool,
    /// When the last checkpoint ended, completed or not.
    ended: Option<Time>,
    /// The instant for which the timer of the pause is set.
    resume: Time,
    /// The series of ticks that counts, and the instant from which its intervals are counted; those of older ones are stale.
    series: u64,
    ticking_since: Time,
    /// Failures since the last success.
    failed: u32,
}

cutline_sim::reusable! {
    /// All checkpoints of a job, in flight and completed.
    #[derive(Debug, PartialEq, Eq, Hash)]
    pub struct Rounds {
        pace: Pace,
        /// In flight, oldest first.
        pending: Vec<Round>,
        /// Retained, oldest first.
        completed: Vec<Completed>,
    }
}

// The kinds of timers, in the two lowest bits of a token; above them what tells a stale one.
const TICK: u64 = 0;
const PAUSE: u64 = 1;
const EXPIRY: u64 = 2;

/// True for the timer that ends the patience with a checkpoint: only for planting bugs.
pub(crate) fn is_expiry(token: u64) -> bool {
    token & 3 == EXPIRY
}

impl Round {
    fn taken(&self) -> Vec<Handle> {
        self.snapshots.iter().copied().flatten().collect()
    }
}

impl Default for Rounds {
    fn default() -> Self {
        Rounds::new()
    }
}

impl Rounds {
    /// The books of a job that has not run yet; as many checkpoints in flight as configured.
    pub fn new() -> Self {
        let pace = Pace {
            next: CheckpointId(1),
            rests: false,
            strict: false,
            running: false,
            due: false,
            asked: false,
            ended: None,
            resume: 0,
            series: 0,
            ticking_since: 0,
            failed: 0,
        };
        Rounds { pace, pending: Vec::new(), completed: Vec::new() }
    }

    /// The same for protocols whose barriers overtake: one checkpoint at a time, whatever the configuration says.
    pub fn strict(self) -> Self {
        Rounds { pace: Pace { strict: true, ..self.pace }, ..self }
    }

    /// The same for protocols during which the world stands still: one checkpoint at a time, and between one and the next
    /// passes at least the interval.
    pub fn with_rests(self) -> Self {
        Rounds { pace: Pace { rests: true, ..self.pace }, ..self }
    }

    /// The retained checkpoints, oldest first.
    pub fn completed(&self) -> &[Completed] {
        &self.completed
    }

    /// Gives out ids again that were given out before: only for planting bugs.
    pub(crate) fn reuse_ids_from(&mut self, next: CheckpointId) {
        self.pace.next = next;
    }

    /// Reacts to an event.
    pub fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        use CoordinatorEvent::{
            Finished, FromTask, Lost, MetaFailed, MetaStored, Over, Recover, Requested, Started,
            Timer as TimerRang,
        };
        match event {
            FromTask { attempt, .. } if attempt != job.attempt => return,
            FromTask { task, up: Up::Ack(id), handle: Some(handle), .. } => {
                self.ack(job, id, task, handle, fx)
            }
            FromTask { up: Up::Ack(_), handle: None, .. } => return, // nothing that could be restored
            FromTask { up: Up::Decline(id), .. } => self.fail(job, id, AbortReason::Declined, fx),
            FromTask { up: Up::Unavailable(id), .. } => self.fail(job, id, AbortReason::Unavailable, fx),
            FromTask { up: Up::Request, .. } | Requested => self.pace.asked = true, // served when all tasks run
            Finished(task) => self.finish(job, task, fx),
            TimerRang(token) => self.wake(job, token, fx),
            MetaStored(id) => self.stored(job, id, fx),
            MetaFailed(id) => self.fail(job, id, AbortReason::MetadataNotStored, fx),
            Lost => self.void(job, fx),
            Recover => self.recover(job, fx),
            Started => self.start(job, fx),
            Over(true) => return,
            Over(false) => return self.completed.drain(..).for_each(|completed| fx.subsume(completed.id)),
        }
        self.begin_if_allowed(job, fx);
    }

    /// All tasks run. What they were restored from is complete, but perhaps none of them has heard of it.
    fn start(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        self.pace.running = true;
        if let Some(restored) = self.completed.last() {
            fx.tell(To::All, Down::Completed(restored.id));
        }
        self.pace.series += 1;
        self.pace.ticking_since = job.now;
        self.tick_again(job, fx);
    }

    /// Sets the timer for the next tick of the series.
    fn tick_again(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        let interval = job.config.interval;
        if interval > 0 {
            let since = job.now - self.pace.ticking_since;
            fx.timer(interval - since % interval, self.pace.series << 2 | TICK);
        }
    }

    fn wake(&mut self, job: &JobCtx<'_>, token: u64, fx: &mut CoordinatorEffects) {
        match (token & 3, token >> 2) {
            (TICK, series) => self.pace.due |= series == self.pace.series && self.pace.running,
            (EXPIRY, id) => self.fail(job, CheckpointId(id), AbortReason::Expired, fx),
            _ => {} // the end of a pause
        }
    }

    /// Begins a checkpoint if one is wanted and may begin; otherwise it stays wanted.
    fn begin_if_allowed(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        let single = self.pace.rests || self.pace.strict || job.config.min_pause > 0;
        let most = if single { 1 } else { job.config.max_concurrent.max(1) as usize };
        let wanted = self.pace.running && (self.pace.due || self.pace.asked);
        if !wanted || self.pending.len() >= most || job.roots.is_empty() {
            return;
        }
        let pause = match self.pace.asked {
            false if self.pace.rests => job.config.min_pause.max(job.config.interval),
            _ => job.config.min_pause,
        };
        let ready = self.pace.ended.map_or(0, |ended| ended.saturating_add(pause));
        if job.now >= ready {
            self.begin(job, fx);
        } else if self.pace.resume < ready {
            self.pace.resume = ready;
            fx.timer(ready - job.now, PAUSE);
        }
    }

    fn begin(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        let id = self.pace.next.max(job.first_checkpoint);
        self.pace.next = CheckpointId(id.0 + 1);
        let snapshots = vec![None; job.tasks as usize];
        let (asked, present) = (self.pace.asked, job.finished.clone());
        self.pending.push(Round { id, began: job.now, asked, present, snapshots, writing: false });
        if self.pace.due {
            self.tick_again(job, fx);
        }
        (self.pace.due, self.pace.asked) = (false, false);
        fx.begin(id);
        fx.timer(job.config.timeout, id.0 << 2 | EXPIRY);
        fx.tell(To::Roots, Down::Trigger(id));
    }

    fn ack(
        &mut self,
        job: &JobCtx<'_>,
        id: CheckpointId,
        task: TaskId,
        handle: Handle,
        fx: &mut CoordinatorEffects,
    ) {
        let lacks = |round: &&mut Round| round.id == id && !round.writing && !round.present.contains(task.0);
        let Some(round) = self.pending.iter_mut().find(lacks) else {
            if !self.refers(handle) {
                fx.discard(handle); // late: that checkpoint was given up
            }
            return;
        };
        round.present.insert(task.0);
        round.snapshots[task.index()] = Some(handle);
        if job.now > round.began.saturating_add(job.config.timeout) {
            self.fail(job, id, AbortReason::Expired, fx); // its timer is late; it must not live longer
        } else {
            self.write_if_whole(job, id, fx);
        }
    }

    /// A finished task acknowledges nothing any more. If it made its cut but its acknowledgement was lost, an older snapshot
    /// stands for the one it took: both were taken after its end. Where barriers overtake they may still differ in what had
    /// been sent by then, so there the checkpoint is void.
    fn finish(&mut self, job: &JobCtx<'_>, task: TaskId, fx: &mut CoordinatorEffects) {
        if self.pace.strict {
            let lacks = |round: &&Round| !round.writing && !round.present.contains(task.0);
            while let Some(id) = self.pending.iter().find(lacks).map(|round| round.id) {
                self.fail(job, id, AbortReason::Unavailable, fx);
            }
        }
        for at in 0..self.pending.len() {
            if !self.pending[at].writing {
                self.pending[at].present.insert(task.0);
                self.write_if_whole(job, self.pending[at].id, fx);
            }
        }
    }

    fn write_if_whole(&mut self, job: &JobCtx<'_>, id: CheckpointId, fx: &mut CoordinatorEffects) {
        let Some(round) = self.pending.iter_mut().find(|round| round.id == id) else { return };
        if round.present.len() < job.tasks {
            return;
        }
        round.writing = true;
        if let Some(newest) = self.completed.last() {
            for (own, standing) in round.snapshots.iter_mut().zip(newest.snapshots.iter()) {
                *own = own.or(*standing); // of a task that has finished
            }
        }
        fx.complete(id, round.snapshots.clone());
    }

    /// The checkpoint exists. Older ones in flight are of no use any more, and the oldest completed one may go.
    fn stored(&mut self, job: &JobCtx<'_>, id: CheckpointId, fx: &mut CoordinatorEffects) {
        let Some(at) = self.pending.iter().position(|round| round.id == id && round.writing) else {
            if self.completed.iter().all(|completed| completed.id != id) {
                fx.subsume(id); // the job was restored without it
            }
            return;
        };
        let round = self.pending.remove(at);
        let place = self.completed.partition_point(|completed| completed.id < id);
        let newest = place == self.completed.len();
        self.completed.insert(place, Completed { id, snapshots: round.snapshots.into() });
        self.abandon_where(AbortReason::Subsumed, fx, |round| round.id < id && !round.writing);
        while self.completed.len() > job.config.retained.max(1) as usize {
            fx.subsume(self.completed.remove(0).id);
        }
        (self.pace.failed, self.pace.ended) = (0, Some(job.now));
        if newest && self.pace.running {
            fx.tell(To::All, Down::Completed(id));
        }
    }

    /// A checkpoint has failed, unless it is too late to say so.
    fn fail(&mut self, job: &JobCtx<'_>, id: CheckpointId, reason: AbortReason, fx: &mut CoordinatorEffects) {
        let writing = reason == AbortReason::MetadataNotStored;
        let Some(at) = self.pending.iter().position(|round| round.id == id && round.writing == writing)
        else {
            return;
        };
        let round = self.pending.remove(at);
        fx.abandon(id, reason, round.taken());
        self.pace.ended = Some(job.now);
        if !self.pace.running {
            return;
        }
        fx.tell(To::All, Down::Aborted(id));
        // As in Flink, a task that has just finished is no reason to lose patience with the job, nor to try again at once.
        let counts = reason != AbortReason::Unavailable;
        self.pace.asked |= round.asked && counts;
        self.pace.failed += u32::from(counts);
        if self.pace.failed > job.config.tolerable_failed {
            (self.pace.failed, self.pace.running) = (0, false);
            fx.fail_over();
        }
    }

    /// Tasks were lost: nothing in progress can succeed, except metadata on its way to the store.
    fn void(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        (self.pace.running, self.pace.due, self.pace.asked) = (false, false, false);
        self.pace.series += 1;
        if self.abandon_where(AbortReason::Failover, fx, |round| !round.writing) {
            self.pace.ended = Some(job.now);
        }
    }

    /// The newest checkpoint that exists is the restore point. One whose metadata should still be on its way (it should
    /// not) must not come to exist after this.
    fn recover(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        self.void(job, fx);
        self.abandon_where(AbortReason::Failover, fx, |_| true);
        let (checkpoint, snapshots) = match self.completed.last() {
            Some(newest) => (Some(newest.id), newest.snapshots.to_vec()),
            None => (None, vec![None; job.tasks as usize]),
        };
        fx.restore(Line { checkpoint, snapshots });
    }

    fn abandon_where(
        &mut self,
        reason: AbortReason,
        fx: &mut CoordinatorEffects,
        gone: impl Fn(&Round) -> bool,
    ) -> bool {
        let before = self.pending.len();
        self.pending.retain(|round| {
            let gone = gone(round);
            if gone {
                fx.abandon(round.id, reason, round.taken());
            }
            !gone
        });
        self.pending.len() < before
    }

    fn refers(&self, handle: Handle) -> bool {
        let handle = Some(handle);
        self.pending.iter().any(|round| round.snapshots.contains(&handle))
            || self.completed.iter().any(|completed| completed.snapshots.contains(&handle))
    }
}

/// How the checkpoints of a protocol follow each other.
pub trait Manner: Clone + std::fmt::Debug + std::hash::Hash + Send + Sync + 'static {
    /// The books to begin with.
    fn books() -> Rounds;
}

/// One at a time, with barriers that overtake, and the interval between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Freezing;

/// As many in flight as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concurrent;

/// One at a time, with barriers that overtake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Overtaking;

/// One at a time, with the interval between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resting;

impl Manner for Freezing {
    fn books() -> Rounds {
        Rounds::new().strict().with_rests()
    }
}

impl Manner for Concurrent {
    fn books() -> Rounds {
        Rounds::new()
    }
}

impl Manner for Overtaking {
    fn books() -> Rounds {
        Rounds::new().strict()
    }
}

impl Manner for Resting {
    fn books() -> Rounds {
        Rounds::new().with_rests()
    }
}

/// The coordinator's part of a protocol whose coordinator does nothing but keep the books.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Coordinated<M>(pub(crate) Rounds, PhantomData<M>);

impl<M> Clone for Coordinated<M> {
    fn clone(&self) -> Self {
        Coordinated(self.0.clone(), PhantomData)
    }

    fn clone_from(&mut self, from: &Self) {
        self.0.clone_from(&from.0);
    }
}

impl<M: Manner> CoordinatorCut for Coordinated<M> {
    fn new(_job: &JobCtx<'_>) -> Self {
        Coordinated(M::books(), PhantomData)
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        self.0.on(job, event, fx);
    }
}

#[cfg(test)]
mod tests;
