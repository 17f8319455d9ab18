//! The external system that sinks write to, and its ledger: what readers can see.
//!
//! A transactional sink prepares a transaction with its snapshot and commits it when the checkpoint has completed; both are
//! messages that take time. The system fences by attempt: once a newer attempt of a sink has introduced itself, requests
//! of older ones are refused. Commits are idempotent by the transaction's identity. Plain and idempotent sinks write
//! straight to a log. A job that is started from a savepoint finds the system as the former job left it
//! (`External::hand_over`).
//!
//! **Time-outs.** A transaction is open from its first record on, and may be so for
//! [`transaction_timeout`](crate::config::ExternalConfig::transaction_timeout), as with a Kafka broker. Then the system aborts
//! it, whether it was prepared or not, and says so when somebody asks for it:
//! - the sink wants to prepare it: it learns that its transaction is gone, and fails; the job restarts, and nothing is lost;
//! - the sink asks for its commit: the checkpoint that contains these records has completed, nobody will make them again, and
//!   they are lost. The sink takes note and goes on, as Flink's `KafkaCommitter` does. The oracle `ledger` objects.
//!
//! A transaction without a record is never open, so it cannot expire.
//!
//! **Commits that fail.** Under a fault a request for commit is answered with an error and nothing was done, or it was done and
//! the answer is lost, each in half of the cases. The sink cannot tell which, and asks again [`RETRY_DELAY`] after the answer, or
//! after it would have come. Meanwhile it goes on (as Flink's `CommitterOperator` did before FLINK-36455; since then it retries
//! at once).
//!
//! Not modelled: requests that are lost on the way to the system; records that stay invisible because an older transaction of
//! another writer is open; an error that lasts, after which a sink gives up (`sink.committer.retries`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Origin};
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::queue::Action;
use crate::random::{below, draw};
use crate::record::Record;
use crate::reusable;
use crate::task::Mail;
use crate::time::{NEVER, SECOND, Time};
use crate::untold::Untold;
use crate::world::World;

/// How long a sink waits before it asks again for a commit that has failed.
pub const RETRY_DELAY: Time = SECOND;

/// The identity of a transaction; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransactionId {
    /// The sink.
    pub task: TaskId,
    /// The checkpoint with which it was prepared.
    pub id: CheckpointId,
    /// The attempt in which it was prepared.
    pub attempt: Attempt,
}

/// A request to the external system.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Request {
    /// A sink starts: older attempts are fenced, these transactions are committed, all others of this sink aborted.
    Begin(TaskId, Attempt, Vec<TransactionId>),
    /// Make a transaction durable, but not visible.
    Prepare {
        transaction: TransactionId,
        records: Arc<Vec<Record>>,
        /// When its first record was written, if it has one.
        opened: Time,
    },
    /// Make transactions visible.
    Commit(TaskId, Attempt, Vec<TransactionId>),
}

impl Request {
    /// Who asks.
    pub fn sender(&self) -> (TaskId, Attempt) {
        match self {
            Request::Begin(task, attempt, _) | Request::Commit(task, attempt, _) => (*task, *attempt),
            Request::Prepare { transaction, .. } => (transaction.task, transaction.attempt),
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Done: these transactions became visible by it, and these had expired.
    Done { committed: Vec<TransactionId>, expired: Vec<TransactionId> },
    /// Refused: this transaction had expired before it was prepared.
    Late,
    /// Refused: a newer attempt has introduced itself.
    Fenced,
}

/// A prepared transaction.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Prepared {
    pub records: Arc<Vec<Record>>,
    /// When it is aborted; the end of time for one without records.
    pub until: Time,
}

/// A transaction that was aborted because it had been open for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expired {
    /// Which.
    pub transaction: TransactionId,
    /// How many records it had.
    pub records: u64,
    /// When its time-out was over, in nanoseconds; 0 if that was before the job was started from a savepoint.
    pub at: Time,
    /// When somebody asked for it; 0 if that was before the job was started from a savepoint.
    pub asked: Time,
}

impl Expired {
    /// True if that was noticed before the job was started from a savepoint.
    pub fn is_inherited(&self) -> bool {
        self.asked == 0
    }
}

reusable! {
    /// The external system.
    #[derive(Debug, Default, Hash)]
    pub struct External {
        /// Number of answers it has sent, and of requests for commit that it has received.
        pub(crate) number: Untold<u32>,
        pub(crate) requests: Untold<u64>,
        /// How long a transaction may be open.
        pub(crate) timeout: Time,
        /// The newest attempt of each sink.
        pub(crate) epochs: BTreeMap<TaskId, Attempt>,
        /// Prepared, not yet visible.
        pub(crate) prepared: BTreeMap<TransactionId, Prepared>,
        /// Visible, in the order of commit.
        pub(crate) committed: Vec<(TransactionId, Arc<Vec<Record>>)>,
        /// Expired before they were committed, in the order in which that was noticed.
        pub(crate) lost: Vec<Expired>,
        /// How many had expired before they were prepared, and the last of them.
        late: u64,
        last_late: Option<Expired>,
        /// What plain and idempotent sinks have written, per sink task.
        pub(crate) logs: BTreeMap<TaskId, Vec<Record>>,
    }
}

impl External {
    /// A system in which a transaction may be open for so long.
    pub(crate) fn new(timeout: Time) -> External {
        External { timeout, ..External::default() }
    }

    /// Does what is asked for, at this instant; all but the commits, if those fail.
    pub(crate) fn handle(&mut self, request: Request, now: Time, commits: bool) -> Reply {
        let (task, attempt) = request.sender();
        let epoch = self.epochs.entry(task).or_insert(attempt);
        if attempt < *epoch {
            return Reply::Fenced;
        }
        *epoch = attempt;
        match request {
            Request::Begin(_, _, keep) => {
                let others = |name: &TransactionId| name.task != task || keep.contains(name);
                self.prepared.retain(|name, _| others(name));
                self.commit(if commits { &keep } else { &[] }, now)
            }
            Request::Prepare { transaction, records, opened } => {
                let until = if records.is_empty() { NEVER } else { opened.saturating_add(self.timeout) };
                if now >= until {
                    let records = records.len() as u64;
                    self.late += 1;
                    self.last_late = Some(Expired { transaction, records, at: until, asked: now });
                    return Reply::Late;
                }
                self.prepared.insert(transaction, Prepared { records, until });
                Reply::Done { committed: Vec::new(), expired: Vec::new() }
            }
            Request::Commit(_, _, commit) => self.commit(if commits { &commit } else { &[] }, now),
        }
    }

    fn commit(&mut self, transactions: &[TransactionId], now: Time) -> Reply {
        let (mut committed, mut expired) = (Vec::new(), Vec::new());
        for &transaction in transactions {
            // One that is not there was committed before, or is known to be lost.
            let Some(Prepared { records, until }) = self.prepared.remove(&transaction) else { continue };
            if now < until {
                self.committed.push((transaction, records));
                committed.push(transaction);
            } else {
                let records = records.len() as u64;
                self.lost.push(Expired { transaction, records, at: until, asked: now });
                expired.push(transaction);
            }
        }
        Reply::Done { committed, expired }
    }

    /// What readers see of a system that is none of this machine's: visible transactions, in the order of their commit.
    pub fn of_visible(committed: Vec<(TransactionId, Arc<Vec<Record>>)>) -> External {
        External { committed, ..External::default() }
    }

    /// The system as someone sees it whose clock begins at this instant.
    pub(crate) fn as_of(&self, now: Time) -> External {
        let mut seen = self.clone();
        for prepared in seen.prepared.values_mut().filter(|prepared| prepared.until < NEVER) {
            prepared.until = prepared.until.saturating_sub(now);
        }
        seen.lost.iter_mut().for_each(|expired| (expired.at, expired.asked) = (0, 0));
        seen
    }

    /// What a new job finds that takes over at this instant. `heir` names for a sink task its heir, and the first task of the
    /// heir's operator; what belongs to a sink without one is of no concern to the new job. Of what is prepared, only
    /// `pending` can still be committed.
    ///
    /// - What is visible stays visible. A transaction becomes one of the heir's, and two that get one name become one.
    /// - A transaction keeps its time-out; two that become one have the shorter one. What is lost stays lost.
    /// - A log becomes the beginning of that of the operator's first task. There whoever reads task by task meets it before
    ///   anything that the new job writes, and so before what overwrites it, whichever task that comes from now.
    pub(crate) fn hand_over(
        &self,
        heir: impl Fn(TaskId) -> Option<(TaskId, TaskId)>,
        pending: &BTreeSet<TransactionId>,
        timeout: Time,
    ) -> External {
        let renamed = |transaction: TransactionId| {
            let (task, _) = heir(transaction.task)?;
            Some(TransactionId { task, ..transaction })
        };
        let mut new = External::new(timeout);
        for (transaction, records) in &self.committed {
            new.committed.extend(renamed(*transaction).map(|name| (name, Arc::clone(records))));
        }
        for (&transaction, prepared) in self.prepared.iter().filter(|(name, _)| pending.contains(name)) {
            let Some(name) = renamed(transaction) else { continue };
            match new.prepared.get_mut(&name) {
                Some(others) => {
                    Arc::make_mut(&mut others.records).extend_from_slice(&prepared.records);
                    others.until = others.until.min(prepared.until);
                }
                None => drop(new.prepared.insert(name, prepared.clone())),
            }
        }
        let lost = self.lost.iter();
        new.lost.extend(lost.filter_map(|it| Some(Expired { transaction: renamed(it.transaction)?, ..*it })));
        for (&task, records) in &self.logs {
            let Some((_, first)) = heir(task) else { continue };
            new.logs.entry(first).or_default().extend_from_slice(records);
        }
        for (&task, &attempt) in &self.epochs {
            let Some((task, _)) = heir(task) else { continue };
            let epoch = new.epochs.entry(task).or_insert(attempt);
            *epoch = attempt.max(*epoch);
        }
        new
    }

    /// Appends what a plain or idempotent sink writes.
    #[inline]
    pub(crate) fn write(&mut self, task: TaskId, record: Record) {
        self.logs.entry(task).or_default().push(record);
    }

    /// What is visible of a transactional sink task: its committed transactions, in the order of commit.
    pub fn committed(&self, task: TaskId) -> impl Iterator<Item = (TransactionId, &[Record])> + '_ {
        let mine = self.committed.iter().filter(move |(transaction, _)| transaction.task == task);
        mine.map(|(transaction, records)| (*transaction, records.as_slice()))
    }

    /// What is prepared for a transactional sink task and not visible yet.
    pub fn prepared(&self, task: TaskId) -> impl Iterator<Item = &[Record]> + '_ {
        let mine = self.prepared.iter().filter(move |(transaction, _)| transaction.task == task);
        mine.map(|(_, prepared)| prepared.records.as_slice())
    }

    /// What a plain or idempotent sink task has written, in order.
    pub fn log(&self, task: TaskId) -> &[Record] {
        self.logs.get(&task).map_or(&[], Vec::as_slice)
    }

    /// Of a transactional sink task: the transactions that a checkpoint contained and that expired before they were committed.
    /// Their records are lost.
    pub fn lost(&self, task: TaskId) -> impl Iterator<Item = &Expired> {
        self.lost.iter().filter(move |expired| expired.transaction.task == task)
    }

    /// How many transactions had expired before their sinks could prepare them, and the last of them.
    pub fn late(&self) -> (u64, Option<&Expired>) {
        (self.late, self.last_late.as_ref())
    }
}

/// What becomes of a request for commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is done, and that is said.
    Done,
    /// An error is answered, and nothing is done.
    Refused,
    /// It is done, and the answer is lost.
    Unanswered,
}

impl World {
    /// The external system does what is asked for, and answers.
    pub(crate) fn serve_external(&mut self, request: Request) {
        let (task, attempt) = request.sender();
        let fate = match &request {
            Request::Begin(_, _, commit) | Request::Commit(_, _, commit) if !commit.is_empty() => self.fate(),
            _ => Fate::Done,
        };
        let answer = match (&request, fate) {
            (Request::Prepare { transaction, .. }, _) => Some(Mail::Prepared(transaction.id)),
            (Request::Begin(_, _, commit), _) if commit.is_empty() => None,
            (Request::Begin(_, _, commit) | Request::Commit(_, _, commit), Fate::Done) => {
                Some(Mail::Committed(commit.clone()))
            }
            (Request::Begin(_, _, commit) | Request::Commit(_, _, commit), _) => {
                Some(Mail::NotCommitted(commit.clone()))
            }
        };
        let id = match &request {
            Request::Prepare { transaction, .. } => transaction.id,
            _ => CheckpointId::default(),
        };
        let reply = self.shared.external.handle(request, self.now, fate != Fate::Refused);
        match reply {
            Reply::Fenced => return self.log_external(Event::TransactionFenced { task, attempt }),
            Reply::Late => {
                self.log_external(Event::TransactionExpired { task, id, prepared: false });
                let time = self.now + self.shared.post.latency;
                let number = self.next_answer();
                let action = Action::SinkFails(task, attempt);
                return self.shared.queue.push(time, Origin::EXTERNAL, number, action);
            }
            Reply::Done { committed, expired } => {
                for TransactionId { task, id, .. } in committed {
                    self.log_external(Event::TransactionCommitted { task, id });
                }
                for TransactionId { task, id, .. } in expired {
                    self.log_external(Event::TransactionExpired { task, id, prepared: true });
                }
            }
        }
        let mut time = self.now + self.shared.post.latency;
        if fate != Fate::Done {
            self.log_external(Event::CommitFailed { task, done: fate == Fate::Unanswered });
            time += RETRY_DELAY;
        }
        if let Some(mail) = answer {
            let number = self.next_answer();
            self.post_letter(task, attempt, time, (Origin::EXTERNAL, number), mail);
        }
    }

    fn next_answer(&mut self) -> u32 {
        self.shared.external.number.0 += 1;
        self.shared.external.number.0
    }

    fn log_external(&mut self, event: Event) {
        self.shared.emit(self.now, Origin::EXTERNAL, event);
    }

    /// Decides about a request for commit.
    fn fate(&mut self) -> Fate {
        let (external, key) = (&mut self.shared.external, self.shared.commit_key);
        external.requests.0 += 1;
        let nth = external.requests.0;
        let (strikes, how) = (draw(key, 2 * nth), draw(key, 2 * nth + 1));
        match below(strikes, 1000) < u64::from(self.shared.failing_commits) {
            false => Fate::Done,
            true if below(how, 2) == 0 => Fate::Refused,
            true => Fate::Unanswered,
        }
    }

    /// The open transaction of a sink was aborted: it fails, unless it is not there any more.
    pub(crate) fn sink_fails(&mut self, task: TaskId, attempt: Attempt) {
        let it = &self.tasks[task.index()];
        if it.attempt == attempt && it.status.is_alive() {
            self.shared.emit(self.now, Origin::task(task), Event::SinkFailed);
            self.fail_task(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINK: TaskId = TaskId(3);

    fn name(id: u64) -> TransactionId {
        TransactionId { task: SINK, id: CheckpointId(id), attempt: Attempt(1) }
    }

    /// A transaction with so many records, the first of which came at this instant.
    fn prepare(id: u64, records: usize, opened: Time) -> Request {
        Request::Prepare {
            transaction: name(id),
            records: Arc::new(vec![Record::default(); records]),
            opened,
        }
    }

    fn commit(id: u64) -> Request {
        Request::Commit(SINK, Attempt(1), vec![name(id)])
    }

    fn done(committed: &[u64], expired: &[u64]) -> Reply {
        let names = |ids: &[u64]| ids.iter().map(|&id| name(id)).collect();
        Reply::Done { committed: names(committed), expired: names(expired) }
    }

    #[test]
    fn a_commit_is_done_once() {
        let mut system = External::new(100);
        assert_eq!(system.handle(prepare(1, 2, 5), 10, true), done(&[], &[]));
        assert_eq!(system.handle(commit(1), 20, false), done(&[], &[]), "it failed");
        assert_eq!(system.handle(commit(1), 30, true), done(&[1], &[]));
        assert_eq!(system.handle(commit(1), 40, true), done(&[], &[]));
        assert_eq!(system.handle(commit(1), 400, true), done(&[], &[]), "what is committed does not expire");
        assert_eq!(system.committed(SINK).count(), 1);
    }

    #[test]
    fn a_transaction_is_open_from_its_first_record_on() {
        let mut system = External::new(100);
        system.handle(prepare(1, 1, 5), 10, true);
        system.handle(prepare(2, 1, 6), 20, true);
        system.handle(prepare(3, 0, 7), 30, true);
        assert_eq!(system.handle(commit(1), 104, true), done(&[1], &[]), "the last instant");
        assert_eq!(system.handle(commit(2), 106, true), done(&[], &[2]), "the first that is too late");
        assert_eq!(system.handle(commit(3), 900, true), done(&[3], &[]), "nothing was ever open");
        assert_eq!(system.handle(commit(2), 910, true), done(&[], &[]), "that is said once");
        let lost = Expired { transaction: name(2), records: 1, at: 106, asked: 106 };
        assert_eq!(system.lost(SINK).collect::<Vec<_>>(), [&lost]);
    }

    #[test]
    fn what_has_expired_cannot_be_prepared() {
        let mut system = External::new(100);
        assert_eq!(system.handle(prepare(1, 3, 5), 105, true), Reply::Late);
        assert_eq!(system.handle(prepare(2, 3, 5), 104, true), done(&[], &[]));
        let late = Expired { transaction: name(1), records: 3, at: 105, asked: 105 };
        assert_eq!((system.late(), system.lost(SINK).count()), ((1, Some(&late)), 0));
    }

    #[test]
    fn a_failed_commit_of_a_sink_that_starts_aborts_only_what_it_does_not_name() {
        let mut system = External::new(100);
        [1, 2].into_iter().for_each(|id| drop(system.handle(prepare(id, 1, 5), 10, true)));
        let begin = Request::Begin(SINK, Attempt(2), vec![name(1)]);
        assert_eq!(system.handle(begin, 20, false), done(&[], &[]));
        let both = Request::Commit(SINK, Attempt(2), vec![name(1), name(2)]);
        assert_eq!(system.handle(both, 30, true), done(&[1], &[]));
    }

    #[test]
    fn a_time_out_goes_on_in_the_next_job() {
        let mut system = External::new(100);
        [1, 2].into_iter().for_each(|id| drop(system.handle(prepare(id, 1, 5), 10, true)));
        assert_eq!(system.handle(prepare(3, 0, 0), 20, true), done(&[], &[]));
        let pending: BTreeSet<_> = [1, 2, 3].map(name).into();
        let mut next = system.as_of(60).hand_over(|task| Some((task, task)), &pending, 1);
        assert_eq!(next.handle(commit(1), 44, true), done(&[1], &[]));
        assert_eq!(next.handle(commit(2), 45, true), done(&[], &[2]));
        assert_eq!(next.handle(commit(3), 900, true), done(&[3], &[]));
        let after = next.as_of(50).hand_over(|task| Some((task, task)), &pending, 1);
        assert_eq!(after.lost(SINK).count(), 1, "what is lost stays so");
    }
}
