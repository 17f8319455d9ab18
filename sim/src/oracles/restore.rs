//! Restorability: *every* completed checkpoint, not only those that a crash happens to need, can be restored and leads to
//! the right result. Whoever runs forks the world at the completion, fails it over there (by
//! [`World::fail_over`](crate::world::World::fail_over)), lets it run to its end without faults, and asks the oracles
//! about the end.

use super::{Verdict, show_time};
use crate::ids::CheckpointId;

/// Its name.
pub const NAME: &str = "restore";

/// The proof that a checkpoint cannot be restored, from what an oracle said about the fork.
pub fn proof(id: CheckpointId, at: u64, oracle: &str, verdict: &Verdict) -> Option<String> {
    let Verdict::Fail(why) = verdict else { return None };
    Some(format!(
        "Let c be checkpoint {id}, complete at {}. In a fork of the run the job was failed over at that instant and \
         restored, with no further fault. Its end is wrong by the oracle `{oracle}`: {why} So c, though complete, does not \
         stand for the state of the job.",
        show_time(at)
    ))
}
