//! What a transactional sink remembers, with a mutation around it, for the planted bugs of sinks.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cutline_sim::committer::{Careful, Committer, Reaction};
use cutline_sim::external::TransactionId;
use cutline_sim::ids::CheckpointId;
use cutline_sim::record::Record;

/// A change to what a sink does with its transactions. What is not overridden is as it was.
pub trait CommitterMutation: Clone + fmt::Debug + Default + Hash + Send + Sync + 'static {
    /// See [`Committer::restore`].
    fn restore(&mut self, sink: &mut Careful, pending: &[TransactionId]) {
        sink.restore(pending);
    }

    /// See [`Committer::prepare`].
    fn prepare(&mut self, sink: &mut Careful, transaction: TransactionId, records: &Arc<Vec<Record>>) {
        sink.prepare(transaction, records);
    }

    /// See [`Committer::commit`].
    fn commit(&mut self, sink: &mut Careful, id: CheckpointId) -> Vec<TransactionId> {
        sink.commit(id)
    }

    /// See [`Committer::failed`].
    fn failed(&mut self, sink: &mut Careful, transactions: &[TransactionId]) -> Reaction {
        sink.failed(transactions)
    }
}

/// What a sink remembers, mutated.
#[derive(Clone, Debug, Default, Hash)]
pub struct MutantCommitter<M> {
    sink: Careful,
    mutation: M,
}

impl<M: CommitterMutation> MutantCommitter<M> {
    /// For a sink that has not begun.
    pub fn boxed() -> Box<dyn Committer> {
        Box::new(MutantCommitter::<M>::default())
    }
}

impl<M: CommitterMutation> Committer for MutantCommitter<M> {
    fn restore(&mut self, pending: &[TransactionId]) {
        self.mutation.restore(&mut self.sink, pending);
    }

    fn prepare(&mut self, transaction: TransactionId, records: &Arc<Vec<Record>>) {
        self.mutation.prepare(&mut self.sink, transaction, records);
    }

    fn commit(&mut self, id: CheckpointId) -> Vec<TransactionId> {
        self.mutation.commit(&mut self.sink, id)
    }

    fn committed(&mut self, transactions: &[TransactionId]) {
        self.sink.committed(transactions);
    }

    fn failed(&mut self, transactions: &[TransactionId]) -> Reaction {
        self.mutation.failed(&mut self.sink, transactions)
    }

    fn pending(&self) -> Vec<TransactionId> {
        self.sink.pending()
    }

    fn clone_box(&self) -> Box<dyn Committer> {
        Box::new(self.clone())
    }

    fn hash_into(&self, mut into: &mut dyn Hasher) {
        self.hash(&mut into);
    }
}

#[cfg(test)]
pub(crate) mod hand {
    use cutline_sim::ids::{Attempt, TaskId};

    use super::*;

    /// The transaction of task 3 with a checkpoint.
    pub fn name(id: u64) -> TransactionId {
        TransactionId { task: TaskId(3), id: CheckpointId(id), attempt: Attempt(1) }
    }

    /// A sink that has prepared a transaction with one record for checkpoint 4, of the value 40, and asked for its commit.
    pub fn asked<M: CommitterMutation>() -> Box<dyn Committer> {
        let mut sink = MutantCommitter::<M>::boxed();
        sink.prepare(name(4), &Arc::new(vec![Record { value: 40, ..Record::default() }]));
        assert_eq!(sink.commit(CheckpointId(4)), [name(4)]);
        sink
    }
}
