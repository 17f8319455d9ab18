//! A task: what it is (this file) and what it does (see [`step`](crate::step)).

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::backend::Backend;
use crate::channel::{Item, Position, Slot};
use crate::committer::Committer;
use crate::event::{Origin, SnapshotMetrics, Topic, chain};
use crate::external::TransactionId;
use crate::ids::{Attempt, ChannelId, CheckpointId, NodeId};
use crate::input::Entry;
use crate::protocol::{Down, Handle, Input, InputSet, Positions};
use crate::record::{Record, lineage_weight};
use crate::reusable;
use crate::snapshot::{OnChannel, SplitPosition, TaskSnapshot};
use crate::state::KeyedState;
use crate::termination::Detection;
use crate::time::{NEVER, Time};
use crate::topology::TaskInfo;
use crate::untold::Untold;

/// How a task fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not deployed, or cancelled.
    #[default]
    Idle,
    /// Deployed; its state is on its way.
    Restoring,
    /// It works.
    Running,
    /// It has sent its last record and waits for the checkpoint that contains it.
    Ended,
    /// It is done.
    Finished,
    /// It has crashed.
    Failed,
}

impl Status {
    /// True for a task that is not there: it does not act, and nothing that it began goes on.
    pub fn is_dead(self) -> bool {
        matches!(self, Status::Idle | Status::Failed)
    }

    /// True for a task that takes part in checkpoints.
    pub fn is_alive(self) -> bool {
        matches!(self, Status::Running | Status::Ended)
    }
}

/// What comes to a task beside its channels.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Mail {
    /// The state has been read: start.
    Restored,
    /// From the coordinator.
    Control(Down),
    /// Stop reading and, if this is true, end there.
    Stop(bool),
    /// The job stops with the savepoint to which this checkpoint belongs: commit it, and go.
    Leave(CheckpointId),
    /// The write of a snapshot has ended, well or not.
    Written(CheckpointId, bool),
    /// The write of a file beside a snapshot has ended, well or not.
    Stored(Handle, bool),
    /// The external system has prepared the transaction of this checkpoint.
    Prepared(CheckpointId),
    /// The external system has confirmed a request for commit.
    Committed(Vec<TransactionId>),
    /// A request for commit was answered with an error or not at all, and it is time to ask again.
    NotCommitted(Vec<TransactionId>),
    /// A timer of the strategy's machine.
    Timer(u32),
    /// Time for a source at its end to ask for a checkpoint once more.
    AskAgain,
}

impl Mail {
    /// What a letter of the coordinator is about.
    pub fn topic(&self) -> Topic {
        match self {
            Mail::Control(Down::Trigger(_)) => Topic::Trigger,
            Mail::Control(Down::Completed(_)) => Topic::Completion,
            Mail::Control(Down::Aborted(_)) => Topic::Abort,
            // All others are of the task's own or of those beside it, and on no way on which they could be lost.
            _ => Topic::Stop,
        }
    }
}

/// A letter: when it comes, and its place among those that come at the same instant.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub time: Time,
    pub rank: u64,
    pub attempt: Attempt,
    pub mail: Mail,
}

impl Letter {
    /// Who has sent it; the rest of the rank is the sender's count.
    pub fn sender(&self) -> Origin {
        Origin((self.rank >> 32) as u32)
    }
}

/// Without the sender's count: letters stand in their order.
impl Hash for Letter {
    fn hash<H: Hasher>(&self, into: &mut H) {
        let Letter { time, rank: _, attempt, mail } = self;
        (time, self.sender(), attempt, mail).hash(into);
    }
}

/// A snapshot on its way to the store.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Upload {
    pub id: CheckpointId,
    pub handle: Handle,
    /// The files that are written for it.
    pub files: Vec<Handle>,
    /// Where it stands, if what was sent is logged.
    pub positions: Option<Arc<Positions>>,
    /// What is saved, as long as something may still be captured for it. (Worlds that are copies of each other share it until then.)
    pub open: Option<Arc<TaskSnapshot>>,
    /// When the state is in the store, if the write succeeds.
    pub state_at: Time,
    pub succeeds: bool,
    /// What it has cost up to now, and when the synchronous part ends.
    pub metrics: SnapshotMetrics,
    pub synced: Time,
    /// Nothing is captured for it any more.
    pub is_captured: bool,
    /// The outputs on which its mark has not left yet, if the strategy may still expedite it.
    pub departing: InputSet,
    pub written: bool,
    pub prepared: bool,
    /// It is of no use any more: it is deleted when it has been written.
    pub dropped: bool,
}

/// An input of which everything up to the mark of a checkpoint belongs to the snapshot.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Capture {
    pub id: CheckpointId,
    pub input: Input,
    pub items: Vec<Item>,
}

/// What the mark of a cut has overtaken, until the snapshot takes it.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Overtaken {
    pub id: CheckpointId,
    /// For each output channel the position before what was overtaken.
    pub sent: Vec<Position>,
    pub unsent: Vec<OnChannel>,
}

/// When the first mark of a checkpoint reached a task, and how many bytes the task had consumed then.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Marks {
    pub id: CheckpointId,
    pub first: Time,
    pub consumed: u64,
}

/// Where a source is in one split.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Reading {
    pub at: SplitPosition,
    /// What stands there.
    pub next: Option<Entry>,
}

reusable! {
    /// A task. Others reach it only through its port, its mailbox and the disruptions of the queue.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Task {
        pub status: Status,
        /// What it was before, and since when it is what it is: an observer at an earlier instant sees the former.
        pub status_before: Untold<Status>,
        pub status_since: Untold<Time>,
        /// True if the restored snapshot was taken after the end.
        pub resumes_ended: bool,
        pub attempt: Attempt,
        pub node: NodeId,
        /// Up to when it has acted.
        pub clock: Time,
        /// The input whose record is being handled, and until when.
        pub serving: Option<(Input, Time)>,
        /// Letters, the next one last.
        pub mailbox: Vec<Letter>,
        /// Records made but not yet sent, for want of output buffers.
        pub pending: VecDeque<(ChannelId, Slot)>,
        /// Inputs whose sender has not finished.
        pub open: InputSet,
        /// Inputs that have delivered their end.
        pub ended_inputs: InputSet,
        /// The watermark of each input, and their minimum.
        pub input_watermarks: Vec<Time>,
        pub watermark: Time,
        pub state: KeyedState,
        pub backend: Box<dyn Backend>,
        /// Of a source: its splits; the one whose record is due next; whether it is paused.
        pub splits: Vec<Reading>,
        pub split: usize,
        pub paused: bool,
        /// Of a source: it was told to stop reading; and to end there, which it has not done yet.
        pub stopped: bool,
        pub drains: bool,
        /// Of a source: records since it last asked for a checkpoint, and how many marked records have passed.
        pub since_request: u64,
        pub marked: usize,
        /// Of a transactional sink: the open transaction, and when its first record came.
        pub transaction: Vec<Record>,
        pub transaction_opened: Time,
        /// Of a sink: what is prepared.
        pub committer: Option<Box<dyn Committer>>,
        /// Transactions whose commit the external system was asked for and has not confirmed.
        pub commits: Vec<TransactionId>,
        /// It goes when they are answered, for the job has been stopped.
        pub leaves: bool,
        pub turns: Vec<u32>,
        pub records: u64,
        pub lineages: u64,
        /// Bytes consumed in this attempt.
        pub consumed: u64,
        /// True once it was said in this attempt that something came again, and that something was skipped.
        pub repetition_said: bool,
        pub gap_said: bool,
        /// The chain of everything handled.
        pub chain: Untold<u64>,
        /// Number of service-time draws, behind those of former attempts.
        pub draws: u64,
        /// Number of things scheduled.
        pub sent: Untold<u32>,
        /// The last delivery to the coordinator and to this task.
        pub last_up: Time,
        pub last_down: Time,
        pub last_external: Time,
        /// Number of objects named for the store: part of their handles, never less than before.
        pub snapshots: u32,
        /// The marks of checkpoints that have begun here, and the newest one of which there is a snapshot.
        pub marks: Vec<Marks>,
        pub newest_cut: CheckpointId,
        pub uploads: Vec<Upload>,
        pub captures: Vec<Capture>,
        pub overtaken: Option<Overtaken>,
        /// In a loop: what it knows of the loop's end.
        pub detection: Option<Box<Detection>>,
        /// The first checkpoint with a snapshot taken after the end, and the first from there on that is known to be complete.
        pub ends_with: Option<CheckpointId>,
        pub safe_with: Option<CheckpointId>,
        /// The number of output channels whose receiver is known to have consumed the end.
        pub confirmed: u32,
        /// What is piggybacked on everything that it sends, if anything is.
        pub tag: Option<Arc<[u32]>>,
    }
}

impl Task {
    /// When the next letter comes; [`NEVER`] without one.
    #[inline]
    pub fn mail_at(&self) -> Time {
        self.mailbox.last().map_or(NEVER, |letter| letter.time)
    }

    /// When the next record of a source may be emitted; [`NEVER`] of any other task.
    #[inline]
    pub fn reading_due(&self) -> Time {
        if self.paused || self.stopped || self.status == Status::Ended {
            return NEVER;
        }
        match self.splits.get(self.split).and_then(|split| split.next) {
            Some(entry) => entry.record.event_time,
            None => NEVER,
        }
    }

    /// A record that has come to this port of its operator is handled at this instant.
    #[inline(always)]
    pub fn note_record(&mut self, record: &Record, port: u32, now: Time) {
        self.clock = now;
        self.records += 1;
        self.consumed += u64::from(record.size);
        self.lineages = self.lineages.wrapping_add(lineage_weight(record.lineage, port));
        self.chain.0 = chain(self.chain.0, record.lineage ^ now);
    }

    /// Of a transactional sink: puts a record into the open transaction, which is open from its first record on.
    #[inline]
    pub fn write_transaction(&mut self, record: &Record, now: Time) {
        if self.transaction.is_empty() {
            self.transaction_opened = now;
        }
        self.transaction.push(*record);
    }

    /// Puts a letter in its place.
    pub fn post(&mut self, letter: Letter) {
        let key = |letter: &Letter| (letter.time, letter.rank);
        let at = self.mailbox.partition_point(|other| key(other) > key(&letter));
        self.mailbox.insert(at, letter);
    }

    /// Changes the status.
    pub fn become_status(&mut self, status: Status, now: Time) {
        self.status_before.0 = std::mem::replace(&mut self.status, status);
        self.status_since.0 = now;
    }

    /// The status as of an instant that the task may have run ahead of.
    pub fn status_at(&self, now: Time) -> Status {
        if self.status_since.0 > now { self.status_before.0 } else { self.status }
    }

    /// True if commits are unanswered that an ended task must wait for: those up to the first checkpoint that contains its end, for behind
    /// them nothing has a record. What is left from before this attempt is older, whatever its number: that may be of another job, from
    /// whose savepoint this one was started.
    pub fn awaits_commits(&self) -> bool {
        let counts = |id| self.safe_with.is_none_or(|safe| id <= safe);
        self.commits.iter().any(|it| it.attempt < self.attempt || counts(it.id))
    }

    /// The number of the next thing this task schedules.
    pub fn next_number(&mut self) -> u32 {
        self.sent.0 += 1;
        self.sent.0
    }

    /// Hashes what a task that is gone has not forgotten when it begins anew: see [`Task::begin`].
    pub fn hash_what_stays<H: Hasher>(&self, into: &mut H) {
        let Task { status, attempt, node, last_up, last_down, last_external, snapshots, .. } = self;
        let names = self.next_names().max(*snapshots);
        (status, attempt, node, last_up, last_down, last_external, names).hash(into);
    }

    /// Hashes by what the timers of its machine are drawn, if they are.
    pub fn hash_draws<H: Hasher>(&self, into: &mut H) {
        let sent = if self.status.is_dead() { self.sent.0.max(self.next_names()) } else { self.sent.0 };
        sent.hash(into);
    }

    /// Behind which number names are given, at the least, when a task that is gone begins anew.
    fn next_names(&self) -> u32 {
        Attempt(self.attempt.0.saturating_add(1)).names()
    }

    /// Forgets the last deliveries, if they are past: what is sent now comes later.
    pub fn forget_deliveries(&mut self, now: Time) {
        for last in [&mut self.last_up, &mut self.last_down, &mut self.last_external] {
            forget_past(last, now);
        }
    }

    /// Becomes a task that has done nothing, in a new attempt; what must never repeat goes on: the chain of what was done, and, behind all that
    /// older attempts are likely to have had, numbers and handles.
    pub fn begin(&mut self, attempt: Attempt, info: &TaskInfo, backend: &dyn Backend) {
        let inputs = info.inputs.len() as u32;
        self.status = Status::Restoring;
        self.resumes_ended = false;
        self.attempt = attempt;
        self.draws = attempt.draws();
        self.snapshots = self.snapshots.max(attempt.names());
        self.sent.0 = self.sent.0.max(attempt.names());
        self.serving = None;
        self.mailbox.clear();
        self.pending.clear();
        self.open.fill(inputs);
        self.ended_inputs.clear();
        self.input_watermarks.clear();
        self.input_watermarks.resize(inputs as usize, 0);
        self.watermark = 0;
        self.state.begin(info.keys.as_ref());
        self.backend = backend.clone_box();
        self.splits.clear();
        self.split = 0;
        self.paused = false;
        self.stopped = false;
        self.drains = false;
        self.since_request = 0;
        self.marked = 0;
        self.transaction.clear();
        self.transaction_opened = 0;
        self.committer = None;
        self.commits.clear();
        self.leaves = false;
        self.turns.clear();
        self.turns.resize(info.outputs.len(), 0);
        self.records = 0;
        self.lineages = 0;
        self.repetition_said = false;
        self.gap_said = false;
        self.consumed = 0;
        self.marks.clear();
        self.newest_cut = CheckpointId::default();
        self.uploads.clear();
        self.captures.clear();
        self.overtaken = None;
        self.detection = None;
        self.ends_with = None;
        self.safe_with = None;
        self.confirmed = 0;
        self.tag = None;
    }
}

/// Forgets the last delivery on a way, if it is past.
pub(crate) fn forget_past(last: &mut Time, now: Time) {
    if *last <= now {
        *last = 0;
    }
}
