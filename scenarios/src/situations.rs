//! Situations: what a run went through that is worth going through. A sweep whose runs never met one says nothing about it, so
//! sweeps count them (`cutline sweep`, `--require-coverage`).
//!
//! A situation is one row of the table, and one place in [`Situations::observe`] where it is seen. They are read off the events
//! of the run alone, so they cost a run almost nothing, and mean the same for every strategy. "A crash" is that of a task or of a
//! node, anywhere in the job. `scenarios/tests/situations.rs` shows that each can be met.

use cutline_sim::event::{Event, Stamped, Topic};
use cutline_sim::graph::{Role, SinkMode};
use cutline_sim::ids::{Attempt, CheckpointId, NodeId, TaskId};
use cutline_sim::protocol::AbortReason;
use cutline_sim::world::World;

/// A row of the coverage table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SituationRow {
    /// The name.
    pub name: &'static str,
    /// What happened.
    pub about: &'static str,
}

macro_rules! situations {
    ($($kind:ident, $name:literal, $about:literal;)*) => {
        /// A situation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Situation {
            $(#[doc = $about] $kind,)*
        }

        impl Situation {
            /// All of them, in the order of [`ROWS`].
            pub const ALL: &[Situation] = &[$(Situation::$kind,)*];
        }

        /// All situations.
        pub const ROWS: &[SituationRow] = &[$(SituationRow { name: $name, about: $about },)*];
    };
}

situations! {
    CrashWhileAligning, "crash-while-aligning",
        "a crash while a task waits for the marks of other inputs";
    CrashWhileUploading, "crash-while-uploading",
        "a crash while a snapshot is on its way to the store";
    CrashBeforeCompletion, "crash-before-completion",
        "a crash between an acknowledgement and the completion of its checkpoint";
    CrashWhileMetadata, "crash-while-metadata",
        "a crash while the metadata of a checkpoint are being written";
    CrashBeforeCommit, "crash-before-commit",
        "a crash between the completion of a checkpoint and the last commit that it allows";
    CrashDuringRecovery, "crash-during-recovery",
        "a crash between the notice of a failure and the instant when all tasks run again";
    CrashBeforeNextCheckpoint, "crash-before-next-checkpoint",
        "a second crash, after a restore and before the next checkpoint has completed";
    CrashBeforeAnyCheckpoint, "crash-before-any-checkpoint",
        "a crash when no checkpoint has completed yet";
    CrashAfterEnd, "crash-after-end",
        "a crash after a task has come to the end of its input";
    CrashAfterFinish, "crash-after-finish",
        "a crash after a task has finished for good";
    CrashBesideCheckpoints, "crash-beside-checkpoints",
        "a crash while more than one checkpoint is under way";
    RestoreAfterAbort, "restore-after-abort",
        "a restore when the newest checkpoint had expired, been declined, or not been stored";
    RestoreAfterFailedWrite, "restore-after-failed-write",
        "a restore when a write for the newest checkpoint had failed";
    RestoreInFlight, "restore-in-flight",
        "a restore of a checkpoint that holds data which was on its way";
    LostTrigger, "lost-trigger",
        "the message that begins a checkpoint was lost";
    LostAcknowledgement, "lost-acknowledgement",
        "an acknowledgement was lost";
    LostCompletion, "lost-completion",
        "the message that a checkpoint is complete was lost";
    ZombieAcknowledges, "zombie-acknowledges",
        "an acknowledgement of an older attempt reached the coordinator";
    FalseSuspicion, "false-suspicion",
        "a node was taken for dead that had not crashed";
    CommitUnknown, "commit-unknown",
        "a commit was done and its answer was lost";
    TransactionExpired, "transaction-expired",
        "a transaction had been open for too long";
}

/// The situations that were seen, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u64);

const _: () = assert!(ROWS.len() <= u64::BITS as usize, "one bit for each situation");

impl Seen {
    /// Notes a situation.
    pub fn note(&mut self, situation: Situation) {
        self.0 |= 1 << situation as u32;
    }

    /// True if this one was seen.
    pub fn has(self, situation: Situation) -> bool {
        self.0 & 1 << situation as u32 != 0
    }
}

/// What one task is doing.
#[derive(Clone, Copy, Debug, Default)]
struct Doing {
    aligning: bool,
    uploading: bool,
    /// It has acknowledged this, and the checkpoint is neither complete nor given up.
    acknowledged: Option<CheckpointId>,
}

/// Watches one run.
#[derive(Clone, Debug, Default)]
pub struct Situations {
    seen: Seen,
    tasks: Vec<Doing>,
    down: Vec<NodeId>,
    /// Checkpoints that are under way, and those whose metadata are being written.
    under_way: Vec<CheckpointId>,
    metadata: Vec<CheckpointId>,
    /// Checkpoints that hold data which was on its way.
    in_flight: Vec<CheckpointId>,
    /// Commits that the newest completed checkpoint allows and that are not done.
    commits: u64,
    /// The newest checkpoint, and what has become of it.
    newest: Option<CheckpointId>,
    aborted: bool,
    write_failed: bool,
    completed: bool,
    attempt: Attempt,
    recovering: bool,
    /// Restored, and no checkpoint has completed since.
    restored: bool,
    ended: bool,
    finished: bool,
}

impl Situations {
    /// What has been seen.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Begins anew, for another run.
    pub fn clear(&mut self) {
        *self = Situations::default();
    }

    fn task(&mut self, stamped: &Stamped) -> Option<&mut Doing> {
        let task = stamped.origin.as_task()?.index();
        if self.tasks.len() <= task {
            self.tasks.resize(task + 1, Doing::default());
        }
        self.tasks.get_mut(task)
    }

    /// Something happened.
    pub fn observe(&mut self, world: &World, stamped: &Stamped) {
        match stamped.event {
            Event::AlignmentStarted { .. } => self.change(stamped, |task| task.aligning = true),
            Event::SnapshotTaken { .. } => {
                self.change(stamped, |task| (task.aligning, task.uploading) = (false, true));
            }
            Event::Persisted { id, metrics } => {
                self.change(stamped, |task| task.uploading = false);
                if metrics.persisted_in_flight > 0 && self.in_flight.last() != Some(&id) {
                    self.in_flight.push(id);
                }
            }
            Event::PersistFailed { id } => {
                self.change(stamped, |task| task.uploading = false);
                self.write_failed |= Some(id) >= self.newest;
            }
            Event::AckSent { id } => self.change(stamped, |task| task.acknowledged = Some(id)),
            Event::CheckpointTriggered { id } => {
                self.under_way.push(id);
                self.newest = Some(id);
                (self.aborted, self.write_failed) = (false, false);
            }
            Event::MetadataSent { id } => self.metadata.push(id),
            Event::CheckpointCompleted { id, .. } => {
                self.close(world, id);
                (self.completed, self.restored) = (true, false);
                self.commits = transactional_sinks(world);
            }
            Event::CheckpointAborted { id, reason } => {
                self.close(world, id);
                if Some(id) >= self.newest {
                    let by_failure =
                        [AbortReason::Expired, AbortReason::Declined, AbortReason::MetadataNotStored];
                    self.aborted |= by_failure.contains(&reason);
                    self.write_failed |= reason == AbortReason::MetadataNotStored;
                }
            }
            Event::TransactionCommitted { .. } => self.commits = self.commits.saturating_sub(1),
            Event::TaskEnded => self.ended = true,
            Event::TaskFinished => self.finished = true,
            Event::AckReceived { attempt, .. } if attempt < self.attempt => {
                self.seen.note(Situation::ZombieAcknowledges);
            }
            Event::FailureNoticed { attempt } => {
                self.recovering = true;
                // What is said from now on by the attempt that failed is out of date.
                self.attempt = self.attempt.max(Attempt(attempt.0 + 1));
            }
            Event::Restoring { attempt, checkpoint } if attempt > world.first_attempt() => {
                self.restore(attempt, checkpoint);
            }
            Event::JobRunning { .. } => self.recovering = false,
            Event::TaskCrashed { .. } => self.crash(),
            Event::NodeCrashed { node } => {
                self.crash();
                self.down.push(node);
            }
            Event::NodeReturned { node } => self.down.retain(|&other| other != node),
            Event::NodeDeclaredDead { node } if !self.down.contains(&node) => {
                self.seen.note(Situation::FalseSuspicion);
            }
            Event::MessageLost { topic } => match topic {
                Topic::Trigger => self.seen.note(Situation::LostTrigger),
                Topic::Acknowledgement => self.seen.note(Situation::LostAcknowledgement),
                Topic::Completion => self.seen.note(Situation::LostCompletion),
                _ => {}
            },
            Event::CommitFailed { done: true, .. } => self.seen.note(Situation::CommitUnknown),
            Event::TransactionExpired { .. } => self.seen.note(Situation::TransactionExpired),
            _ => {}
        }
    }

    fn change(&mut self, stamped: &Stamped, change: impl FnOnce(&mut Doing)) {
        if let Some(task) = self.task(stamped) {
            change(task);
        }
    }

    /// A checkpoint is complete, or given up.
    fn close(&mut self, world: &World, id: CheckpointId) {
        self.under_way.retain(|&other| other != id);
        self.metadata.retain(|&other| other != id);
        // Where tasks take checkpoints on their own, a line stands for all that they have acknowledged.
        let own = world.logs_sent();
        for task in &mut self.tasks {
            task.acknowledged = task.acknowledged.filter(|&acknowledged| !own && acknowledged > id);
        }
    }

    fn crash(&mut self) {
        let tasks = &self.tasks;
        let now = [
            (Situation::CrashWhileAligning, tasks.iter().any(|task| task.aligning)),
            (Situation::CrashWhileUploading, tasks.iter().any(|task| task.uploading)),
            (Situation::CrashBeforeCompletion, tasks.iter().any(|task| task.acknowledged.is_some())),
            (Situation::CrashWhileMetadata, !self.metadata.is_empty()),
            (Situation::CrashBeforeCommit, self.commits > 0),
            (Situation::CrashDuringRecovery, self.recovering),
            (Situation::CrashBeforeNextCheckpoint, self.restored && !self.recovering),
            (Situation::CrashBeforeAnyCheckpoint, !self.completed),
            (Situation::CrashAfterEnd, self.ended),
            (Situation::CrashAfterFinish, self.finished),
            (Situation::CrashBesideCheckpoints, self.under_way.len() > 1),
        ];
        now.into_iter().filter(|&(_, is)| is).for_each(|(situation, _)| self.seen.note(situation));
    }

    fn restore(&mut self, attempt: Attempt, checkpoint: Option<CheckpointId>) {
        if self.write_failed {
            self.seen.note(Situation::RestoreAfterFailedWrite);
        }
        if self.aborted {
            self.seen.note(Situation::RestoreAfterAbort);
        }
        if checkpoint.is_some_and(|id| self.in_flight.contains(&id)) {
            self.seen.note(Situation::RestoreInFlight);
        }
        self.tasks.iter_mut().for_each(|task| *task = Doing::default());
        self.under_way.clear();
        self.metadata.clear();
        self.commits = 0;
        self.attempt = self.attempt.max(attempt);
        (self.restored, self.ended, self.finished) = (true, false, false);
    }
}

/// How many sinks commit something with every checkpoint.
fn transactional_sinks(world: &World) -> u64 {
    let topology = world.topology();
    let tasks = (0..topology.tasks.len() as u32).map(TaskId);
    tasks.filter(|&task| matches!(topology.role(task), Role::Sink(SinkMode::Transactional))).count() as u64
}
