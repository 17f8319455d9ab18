//! A sink whose snapshots no longer contain a transaction as soon as it has asked for the commit. It does ask again when that
//! fails; but if the next checkpoint completes before, and a crash follows, the restored sink does not know of the transaction, and
//! the external system aborts it with everything else that is not named.

use cutline_sim::committer::{Careful, Committer};
use cutline_sim::external::TransactionId;
use cutline_sim::ids::CheckpointId;

use crate::mutant_committer::CommitterMutation;

/// Forgets what it has asked for.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct ForgottenCommit;

impl CommitterMutation for ForgottenCommit {
    fn commit(&mut self, sink: &mut Careful, id: CheckpointId) -> Vec<TransactionId> {
        let asked = sink.commit(id);
        sink.committed(&asked);
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant_committer::hand::{asked, name};

    #[test]
    fn a_snapshot_does_not_contain_what_was_asked_for() {
        let mut sink = asked::<ForgottenCommit>();
        assert_eq!(sink.failed(&[name(4)]).again, [name(4)]);
        assert_eq!(sink.pending(), []);
    }
}
