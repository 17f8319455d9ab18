//! Restorability: *every* completed checkpoint, not only those that a crash happens to need, can be restored and leads to
//! the right result. Whoever runs forks the world at the completion, fails it over there (by
//! [`World::fail_over`](crate::world::World::fail_over)), lets it run to its end without faults, and asks the oracles
//! about the end. A fork that does not come to its end is a stall, and `liveness` says so. A checkpoint that completes when a newer one exists already is not restored by anybody, so not here either.

use super::{Verdict, show_time};
use crate::ids::CheckpointId;

/// Its name.
pub const NAME: &str = "restore";

/// The proof that a checkpoint cannot be restored, from what an oracle said about the fork.
pub fn proof(id: CheckpointId, at: u64, oracle: &str, verdict: &Verdict) -> Option<String> {
    let Verdict::Fail(why) = verdict else { return None };
    Some(format!(
        "{} Its end is wrong by the oracle `{oracle}`: {why} So c, though complete, does not stand for the state of the job.",
        premise(id, at)
    ))
}

/// The proof that a fork did not come to its end, from what `liveness` said about it.
pub fn stall(id: CheckpointId, at: u64, why: &str) -> String {
    format!("{} It did not come to its end: {why} So nobody can go on from c.", premise(id, at))
}

/// The proof that the fork restored something else.
pub fn other(id: CheckpointId, at: u64, restored: Option<CheckpointId>) -> String {
    let what = restored.map_or("the initial state".to_owned(), |other| format!("checkpoint {other}"));
    format!(
        "{} But it was restored from {what}, and c was the newest checkpoint that existed.",
        premise(id, at)
    )
}

fn premise(id: CheckpointId, at: u64) -> String {
    format!(
        "Let c be checkpoint {id}, complete at {}. In a fork of the run the job was failed over at that instant and \
         restored, with no further fault.",
        show_time(at)
    )
}
