//! What a transactional sink remembers of its transactions, and what it does when a commit fails.
//!
//! A [`Committer`] is a state machine without clock, randomness or I/O, as a cut protocol is. The correct one, [`Careful`], keeps
//! a transaction in every snapshot until the external system has confirmed its commit, and asks for a commit that has failed
//! again, a second later, under the same name: so nothing is lost, and nothing comes twice, for a commit of what is committed
//! does nothing. It is what Flink's `CommitterOperator` does (`retryLater`). Planted bugs stand around it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::event::{Event, Origin};
use crate::external::{Request, TransactionId};
use crate::graph::{Role, SinkMode};
use crate::ids::CheckpointId;
use crate::queue::Action;
use crate::record::Record;
use crate::step::Step;
use crate::time::Time;

/// What a sink does about a request for commit that has failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// It asks for the commit of these once more; if there are none it asks no more.
    pub again: Vec<TransactionId>,
    /// It writes these records once more, into the open transaction. A correct sink writes none.
    pub rewrite: Vec<Record>,
}

/// What a sink remembers of its transactions.
pub trait Committer: fmt::Debug + Send + Sync {
    /// The sink starts from a snapshot, in which these are prepared and not known to be committed. It asks for their commit.
    fn restore(&mut self, pending: &[TransactionId]);

    /// A transaction has been closed with the snapshot of its checkpoint.
    fn prepare(&mut self, transaction: TransactionId, records: &Arc<Vec<Record>>);

    /// What was prepared for this checkpoint and for older ones may become visible: what to ask for, if anything.
    fn commit(&mut self, id: CheckpointId) -> Vec<TransactionId>;

    /// The external system has confirmed a request for commit.
    fn committed(&mut self, transactions: &[TransactionId]);

    /// A request for commit was answered with an error, or not at all; what was asked for may have been done or not.
    fn failed(&mut self, transactions: &[TransactionId]) -> Reaction;

    /// What to save with a snapshot: what is prepared and not known to be committed, oldest first.
    fn pending(&self) -> Vec<TransactionId>;

    /// A copy.
    fn clone_box(&self) -> Box<dyn Committer>;

    /// Hashes all that it holds.
    fn hash_into(&self, into: &mut dyn Hasher);
}

impl Hash for dyn Committer {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.hash_into(into);
    }
}

impl Clone for Box<dyn Committer> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// Forgets nothing before it is confirmed.
#[derive(Clone, Debug, Default, Hash)]
pub struct Careful {
    /// Prepared; nobody has asked for the commit in this attempt.
    prepared: Vec<TransactionId>,
    /// Asked for, and not confirmed.
    asked: Vec<TransactionId>,
}

impl Careful {
    /// A committer for a sink that has not begun.
    pub fn boxed() -> Box<dyn Committer> {
        Box::new(Careful::default())
    }
}

impl Committer for Careful {
    fn restore(&mut self, pending: &[TransactionId]) {
        self.prepared.clear();
        self.asked = pending.to_vec();
    }

    fn prepare(&mut self, transaction: TransactionId, _records: &Arc<Vec<Record>>) {
        self.prepared.push(transaction);
    }

    fn commit(&mut self, id: CheckpointId) -> Vec<TransactionId> {
        let (ready, rest): (Vec<_>, Vec<_>) =
            self.prepared.iter().copied().partition(|transaction| transaction.id <= id);
        self.prepared = rest;
        self.asked.extend_from_slice(&ready);
        ready
    }

    fn committed(&mut self, transactions: &[TransactionId]) {
        self.asked.retain(|transaction| !transactions.contains(transaction));
    }

    fn failed(&mut self, transactions: &[TransactionId]) -> Reaction {
        Reaction { again: transactions.to_vec(), rewrite: Vec::new() }
    }

    fn pending(&self) -> Vec<TransactionId> {
        self.asked.iter().chain(&self.prepared).copied().collect()
    }

    fn clone_box(&self) -> Box<dyn Committer> {
        Box::new(self.clone())
    }

    fn hash_into(&self, mut into: &mut dyn Hasher) {
        self.hash(&mut into);
    }
}

/// What a sink asks of the external system.
impl Step<'_> {
    fn is_transactional(&self) -> bool {
        matches!(self.operator.role, Role::Sink(SinkMode::Transactional))
    }

    /// A sink introduces itself, and asks for the commit of what its snapshot names. One that has nothing else left to do waits
    /// for the answer: perhaps no checkpoint completes any more that would ask again.
    pub(crate) fn begin_transactions(&mut self, now: Time) {
        if self.is_transactional() {
            let pending = self.pending_transactions();
            self.task.commits.extend(&pending);
            self.ask_external(Request::Begin(self.id, self.task.attempt, pending), now);
        }
    }

    /// What is prepared and not known to be committed.
    pub(crate) fn pending_transactions(&self) -> Vec<TransactionId> {
        self.task.committer.as_ref().map_or_else(Vec::new, |committer| committer.pending())
    }

    /// Closes the open transaction of a transactional sink; true if there is one to wait for.
    pub(crate) fn prepare(&mut self, id: CheckpointId, now: Time) -> bool {
        if !self.is_transactional() {
            return false;
        }
        let transaction = TransactionId { task: self.id, id, attempt: self.task.attempt };
        // The next one is likely to be as long.
        let next = Vec::with_capacity(self.task.transaction.len());
        let records = Arc::new(std::mem::replace(&mut self.task.transaction, next));
        if let Some(committer) = &mut self.task.committer {
            committer.prepare(transaction, &records);
        }
        let opened = self.task.transaction_opened;
        self.ask_external(Request::Prepare { transaction, records, opened }, now);
        true
    }

    pub(crate) fn commit(&mut self, id: CheckpointId, now: Time) {
        let ready = self.task.committer.as_mut().map_or_else(Vec::new, |committer| committer.commit(id));
        if ready.is_empty() {
            return;
        }
        self.task.commits.extend(&ready);
        self.emit(now, Event::CommitSent { id });
        self.ask_external(Request::Commit(self.id, self.task.attempt, ready), now);
    }

    /// The external system has confirmed a request for commit.
    pub(crate) fn committed(&mut self, transactions: &[TransactionId], now: Time) {
        if let Some(committer) = &mut self.task.committer {
            committer.committed(transactions);
        }
        self.task.commits.retain(|commit| !transactions.contains(commit));
        self.finish_if_done(now);
        self.go_if_committed(now);
    }

    /// A request for commit has failed, or was not answered for so long that it is taken for failed.
    pub(crate) fn not_committed(&mut self, transactions: &[TransactionId], now: Time) {
        if !self.task.status.is_alive() {
            return; // it has finished: there was no record in them
        }
        let Some(committer) = &mut self.task.committer else { return };
        let Reaction { again, rewrite } = committer.failed(transactions);
        self.task.commits.retain(|commit| !transactions.contains(commit) || again.contains(commit));
        for record in &rewrite {
            self.task.write_transaction(record, now);
        }
        match again.is_empty() {
            true => self.committed(&[], now),
            false => self.ask_external(Request::Commit(self.id, self.task.attempt, again), now),
        }
    }

    /// Asks the external system. Requests arrive in order; whether a commit is done is another question.
    fn ask_external(&mut self, request: Request, now: Time) {
        let number = self.task.next_number();
        let time = (now + self.shared.post.latency).max(self.task.last_external);
        self.task.last_external = time;
        self.shared.queue.push(time, Origin::task(self.id), number, Action::External(request));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Attempt, TaskId};

    fn name(id: u64) -> TransactionId {
        TransactionId { task: TaskId(3), id: CheckpointId(id), attempt: Attempt(1) }
    }

    #[test]
    fn what_is_not_confirmed_stays_in_every_snapshot() {
        let mut sink = Careful::boxed();
        sink.restore(&[name(3)]);
        [name(4), name(5)].into_iter().for_each(|it| sink.prepare(it, &Arc::default()));
        assert_eq!(sink.commit(CheckpointId(4)), [name(4)], "the other one was asked for at the start");
        assert_eq!(sink.commit(CheckpointId(4)), [], "nobody asks twice");
        assert_eq!(sink.pending(), [name(3), name(4), name(5)]);
        assert_eq!(sink.failed(&[name(3), name(4)]).again, [name(3), name(4)]);
        assert_eq!(sink.pending(), [name(3), name(4), name(5)]);
        sink.committed(&[name(3), name(4)]);
        assert_eq!(sink.pending(), [name(5)]);
    }
}
