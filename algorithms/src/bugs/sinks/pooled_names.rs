//! FLINK-8132: a sink took its producers from a pool, and a transaction had no name but that of its producer. When the commit of a
//! checkpoint had been confirmed its producer was used again. A sink restored from that checkpoint asked for the
//! commit once more, to be sure; but what the broker had under that name by then was the transaction of a later checkpoint, which
//! never completed. It became visible, and was made and committed a second time.

use cutline_sim::committer::{Careful, Committer};
use cutline_sim::external::TransactionId;
use cutline_sim::ids::CheckpointId;

use crate::mutant_committer::CommitterMutation;

/// Commits whatever is there under the name of a producer.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct PooledNames;

/// The size of the pool: so many checkpoints later the same producer has its turn again.
const POOL: u64 = 2;

impl CommitterMutation for PooledNames {
    fn restore(&mut self, sink: &mut Careful, pending: &[TransactionId]) {
        let later = |name: &TransactionId| TransactionId { id: CheckpointId(name.id.0 + POOL), ..*name };
        let by_name: Vec<TransactionId> = pending.iter().flat_map(|name| [*name, later(name)]).collect();
        sink.restore(&by_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant_committer::hand::{asked, name};

    #[test]
    fn a_later_transaction_has_the_same_name() {
        let mut sink = asked::<PooledNames>();
        sink.restore(&[name(4)]);
        assert_eq!(sink.pending(), [name(4), name(6)]);
    }
}
