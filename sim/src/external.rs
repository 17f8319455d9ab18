//! The external system that sinks write to, and its ledger: what readers can see.
//!
//! A transactional sink prepares a transaction with its snapshot and commits it when the checkpoint has completed; both are
//! messages that take time. The system fences by attempt: once a newer attempt of a sink has introduced itself, requests
//! of older ones are refused. Commits are idempotent by the transaction's identity. Plain and idempotent sinks write
//! straight to a log. A job that is started from a savepoint finds the system as the former job left it
//! (`External::hand_over`). Not modelled yet: transaction time-outs and failing commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::record::Record;
use crate::reusable;

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
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// A sink starts: older attempts are fenced, these transactions are committed, all others of this sink aborted.
    Begin(TaskId, Attempt, Vec<TransactionId>),
    /// Make a transaction durable, but not visible.
    Prepare(TransactionId, Arc<Vec<Record>>),
    /// Make transactions visible.
    Commit(TaskId, Attempt, Vec<TransactionId>),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Done; these transactions became visible by it.
    Done(Vec<TransactionId>),
    /// Refused: a newer attempt has introduced itself.
    Fenced(TaskId, Attempt),
}

reusable! {
    /// The external system.
    #[derive(Debug, Default)]
    pub struct External {
        /// Number of answers it has sent.
        pub(crate) number: u32,
        /// The newest attempt of each sink.
        pub(crate) epochs: BTreeMap<TaskId, Attempt>,
        /// Prepared, not yet visible.
        pub(crate) prepared: BTreeMap<TransactionId, Arc<Vec<Record>>>,
        /// Visible, in the order of commit.
        pub(crate) committed: Vec<(TransactionId, Arc<Vec<Record>>)>,
        /// What plain and idempotent sinks have written, per sink task.
        pub(crate) logs: BTreeMap<TaskId, Vec<Record>>,
    }
}

impl External {
    pub(crate) fn handle(&mut self, request: Request) -> Reply {
        let (task, attempt) = match &request {
            Request::Begin(task, attempt, _) | Request::Commit(task, attempt, _) => (*task, *attempt),
            Request::Prepare(transaction, _) => (transaction.task, transaction.attempt),
        };
        let epoch = self.epochs.entry(task).or_insert(attempt);
        if attempt < *epoch {
            return Reply::Fenced(task, attempt);
        }
        *epoch = attempt;
        match request {
            Request::Begin(_, _, commit) => {
                let done = self.commit(&commit);
                self.prepared.retain(|transaction, _| transaction.task != task);
                Reply::Done(done)
            }
            Request::Prepare(transaction, records) => {
                self.prepared.insert(transaction, records);
                Reply::Done(Vec::new())
            }
            Request::Commit(_, _, commit) => Reply::Done(self.commit(&commit)),
        }
    }

    fn commit(&mut self, transactions: &[TransactionId]) -> Vec<TransactionId> {
        let mut done = Vec::new();
        for &transaction in transactions {
            if let Some(records) = self.prepared.remove(&transaction) {
                self.committed.push((transaction, records));
                done.push(transaction);
            }
        }
        done
    }

    /// What a new job finds that takes over at this instant. `heir` names for a sink task its heir, and the first task of the
    /// heir's operator; what belongs to a sink without one is of no concern to the new job. Of what is prepared, only
    /// `pending` can still be committed.
    ///
    /// - What is visible stays visible. A transaction becomes one of the heir's, and two that get one name become one.
    /// - A log becomes the beginning of that of the operator's first task. There whoever reads task by task meets it before
    ///   anything that the new job writes, and so before what overwrites it, whichever task that comes from now.
    pub(crate) fn hand_over(
        &self,
        heir: impl Fn(TaskId) -> Option<(TaskId, TaskId)>,
        pending: &BTreeSet<TransactionId>,
    ) -> External {
        let renamed = |transaction: TransactionId| {
            let (task, _) = heir(transaction.task)?;
            Some(TransactionId { task, ..transaction })
        };
        let mut new = External::default();
        for (transaction, records) in &self.committed {
            new.committed.extend(renamed(*transaction).map(|name| (name, Arc::clone(records))));
        }
        for (&transaction, records) in self.prepared.iter().filter(|(name, _)| pending.contains(name)) {
            let Some(name) = renamed(transaction) else { continue };
            match new.prepared.get_mut(&name) {
                Some(others) => Arc::make_mut(others).extend_from_slice(records),
                None => drop(new.prepared.insert(name, Arc::clone(records))),
            }
        }
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
        mine.map(|(_, records)| records.as_slice())
    }

    /// What a plain or idempotent sink task has written, in order.
    pub fn log(&self, task: TaskId) -> &[Record] {
        self.logs.get(&task).map_or(&[], Vec::as_slice)
    }
}
