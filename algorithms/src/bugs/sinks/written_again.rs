//! A sink that retries under a new transaction: what it could not commit it writes once more, to be committed with the next
//! checkpoint. If only the answer was lost, the first transaction is visible as well, and every record of it comes twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_sim::committer::{Careful, Committer, Reaction};
use cutline_sim::external::TransactionId;
use cutline_sim::record::Record;

use crate::mutant_committer::CommitterMutation;

/// Keeps what it has written, to write it again.
#[derive(Clone, Debug, Default, Hash)]
pub struct WrittenAgain {
    written: BTreeMap<TransactionId, Arc<Vec<Record>>>,
}

impl CommitterMutation for WrittenAgain {
    fn prepare(&mut self, sink: &mut Careful, transaction: TransactionId, records: &Arc<Vec<Record>>) {
        self.written.insert(transaction, Arc::clone(records));
        sink.prepare(transaction, records);
    }

    fn failed(&mut self, sink: &mut Careful, transactions: &[TransactionId]) -> Reaction {
        sink.committed(transactions);
        let records = transactions.iter().filter_map(|transaction| self.written.remove(transaction));
        Reaction { again: Vec::new(), rewrite: records.flat_map(|records| records.to_vec()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant_committer::hand::{asked, name};

    #[test]
    fn a_failed_commit_is_written_again() {
        let mut sink = asked::<WrittenAgain>();
        let Reaction { again, rewrite } = sink.failed(&[name(4)]);
        assert_eq!((again, rewrite.iter().map(|record| record.value).collect()), (vec![], vec![40]));
    }
}
