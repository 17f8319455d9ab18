//! FLINK-24773: a committer that met an error which it did not know logged it and went on, as if the commit was done. The checkpoint is
//! complete, so nobody makes its records again; they stay invisible, and the next restart aborts them. (The unified sinks had no
//! retries either, until FLINK-23896, "to guarantee no data loss".)

use cutline_sim::committer::{Careful, Committer, Reaction};
use cutline_sim::external::TransactionId;

use crate::mutant_committer::CommitterMutation;

/// Never asks again.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct TakenForDone;

impl CommitterMutation for TakenForDone {
    fn failed(&mut self, sink: &mut Careful, transactions: &[TransactionId]) -> Reaction {
        sink.committed(transactions);
        Reaction::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant_committer::hand::{asked, name};

    #[test]
    fn a_failed_commit_is_forgotten() {
        let mut sink = asked::<TakenForDone>();
        assert_eq!(sink.failed(&[name(4)]), Reaction::default());
        assert_eq!(sink.pending(), []);
    }
}
