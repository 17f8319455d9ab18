//! Why a job cannot start from a savepoint.

use std::fmt;

use super::Kind;

/// Why a job cannot start from a savepoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The job has another number of key groups.
    KeyGroups {
        /// Of the savepoint.
        saved: u32,
        /// Of the job.
        job: u32,
    },
    /// The job does not have the operator with this uid, and the savepoint has state of it.
    NonRestoredState(String),
    /// An operator has become something else.
    Kind {
        /// Its uid.
        uid: String,
        /// What it was.
        saved: Kind,
        /// What it is.
        job: Kind,
    },
    /// The checkpoint holds what was in flight between its tasks, and the job has other operators or edges, or a loop and another parallelism.
    InFlight,
    /// It holds what was in flight on a forward edge, and the parallelism of that is another.
    InFlightForward {
        /// The uid of the sender.
        from: String,
        /// The uid of the receiver.
        to: String,
    },
    /// The job was drained, and this source had something left to read.
    Drained(String),
    /// The input of a source has lost splits.
    Splits {
        /// The uid of the source.
        uid: String,
        /// A split of the savepoint.
        split: u32,
        /// How many the input has.
        splits: u32,
    },
    /// A source would find another input than it had read.
    Input {
        /// The uid of the source.
        uid: String,
        /// A split in which something else was read.
        split: u32,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::KeyGroups { saved, job } => write!(
                f,
                "the savepoint has {saved} key groups and the job has {job}: state is handed out by whole key groups, so set \
                 `pipeline.max-parallelism` to {saved}"
            ),
            RestoreError::NonRestoredState(uid) => write!(
                f,
                "the savepoint has state of operator `{uid}`, which the job does not have: give the operator its old uid, or \
                 allow non-restored state"
            ),
            RestoreError::Kind { uid, saved, job } => {
                write!(f, "`{uid}` was {saved} in the savepoint and is {job} in the job: give it a new uid")
            }
            RestoreError::InFlight => f.write_str(
                "the checkpoint holds what was in flight between its tasks, and the job has other operators or edges, \
                 or a loop and another parallelism: start from a checkpoint with nothing in flight, or leave the operators, edges and \
                 parallelisms as they were",
            ),
            RestoreError::InFlightForward { from, to } => write!(
                f,
                "the checkpoint holds what was in flight on the forward edge from `{from}` to `{to}`, where it belongs to one \
                 subtask: leave their parallelism as it was, or start from a checkpoint with nothing in flight"
            ),
            RestoreError::Input { uid, split } => write!(
                f,
                "split {split} of the input of source `{uid}` does not begin with what was read of it up to the savepoint: take the \
                 input, its settings and the seed of the run that made the savepoint (an input may have grown behind that)"
            ),
            RestoreError::Drained(uid) => write!(
                f,
                "the job was drained: its windows fired before they were full, and source `{uid}` had more to read. To go on \
                 later, stop a job without draining it"
            ),
            RestoreError::Splits { uid, split, splits } => write!(
                f,
                "the savepoint has a position of source `{uid}` in split {split}, and its input has {splits} splits: an input \
                 may gain splits but not lose any"
            ),
        }
    }
}

impl std::error::Error for RestoreError {}
