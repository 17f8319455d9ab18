//! Names of things: small integers with a type of their own, so that a task is never mistaken for a channel.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The place of this one in the flat vectors of the world.
            #[inline]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A logical operator of the job graph.
    OperatorId(u32)
}
id! {
    /// A logical edge of the job graph.
    EdgeId(u32)
}
id! {
    /// A parallel subtask of an operator; tasks are numbered operator by operator.
    TaskId(u32)
}
id! {
    /// A physical channel from one task to another; channels are numbered edge by edge, sender by sender.
    ChannelId(u32)
}
id! {
    /// A machine of the cluster that offers slots.
    NodeId(u32)
}
id! {
    /// A checkpoint. Ids are never used twice within a run, and grow.
    CheckpointId(u64)
}
id! {
    /// One life of the whole job between two restarts: the first is 1. Every message carries the attempt of its sender.
    Attempt(u32)
}

/// So many names, to the power of two, belong to an attempt of a task; and of the first attempts so many.
const NAMES: u32 = 16;
const WITH_NAMES: u32 = 1 << 10;

impl Attempt {
    /// Behind which number the random draws of this attempt are counted. They begin anew, so what comes of a restore does not depend on
    /// how far the attempt before had come.
    pub(crate) fn draws(self) -> u64 {
        u64::from(self.0.saturating_sub(1)) << 32
    }

    /// Behind which number a task counts what it schedules, and the objects that it names, in this attempt, if it has not counted further.
    pub(crate) fn names(self) -> u32 {
        self.0.saturating_sub(1).min(WITH_NAMES) << NAMES
    }
}
