//! What the parties of a cluster say to each other. Everything that is said within an attempt names it.

use std::net::SocketAddr;

use cutline_sim::channel::{Item, Position};
use cutline_sim::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use cutline_sim::protocol::{Down, Handle, Positions, Up};
use cutline_sim::record::Mark;
use cutline_sim::time::Time;
use serde::{Deserialize, Serialize};

use crate::snapshot::{Replay, Tag};

/// The first thing that is said on a connection, after the greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hello {
    /// A task manager, to the coordinator.
    TaskManager {
        /// What the coordinator gave it, so that it is no other job's.
        token: u64,
        /// Its number.
        node: u32,
        /// Where it listens for channels.
        channels: SocketAddr,
    },
    /// The sending end of a channel, to the task manager at its receiving end.
    Channel {
        /// The job's.
        token: u64,
        /// The attempt in which it is made.
        attempt: Attempt,
        /// Which.
        channel: ChannelId,
    },
}

/// From the coordinator to a task manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToTaskManager {
    /// What is run.
    Welcome(crate::job::Order),
    /// Get these tasks ready.
    Deploy {
        /// From now on.
        attempt: Attempt,
        /// The time of the job: nanoseconds since it began.
        now: Time,
        /// What is restored.
        checkpoint: Option<CheckpointId>,
        /// The tasks.
        tasks: Vec<Deployment>,
    },
    /// All tasks are ready: make the channels, and start.
    Start {
        /// In which attempt.
        attempt: Attempt,
        /// Where the task manager of each task listens.
        places: Vec<SocketAddr>,
    },
    /// From the coordinator's machine to that of a task; with a trigger comes when that checkpoint began, in the time of the job.
    Down(Attempt, TaskId, Down, Time),
    /// End all tasks of this attempt and of older ones.
    Cancel(Attempt),
    /// Everything is over.
    Leave,
}

/// With what a task begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Which.
    pub task: TaskId,
    /// Its snapshot.
    pub snapshot: Option<Handle>,
    /// What was in transit to it.
    pub replays: Vec<Replay>,
    /// The inputs whose senders run on: what has ended there ends again.
    pub open: Vec<u32>,
}

/// From a task manager to the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToCoordinator {
    /// It is there.
    Heartbeat,
    /// Its tasks are ready.
    Deployed(Attempt),
    /// Its tasks run.
    Running(Attempt),
    /// From the machine of a task to the coordinator's; with an acknowledgement comes what was saved.
    Up(Attempt, TaskId, Up, Option<Saved>),
    /// A task has taken a snapshot of its own, where what is sent is logged, with so much sent and received by then.
    Taken(Attempt, TaskId, CheckpointId, Positions),
    /// A task has finished.
    Finished(Attempt, TaskId),
    /// An object of the store is of no use, unless a checkpoint refers to it.
    Useless(Handle),
    /// A channel has not delivered what comes next.
    Disorder(Attempt, ChannelId, String),
    /// Something went wrong that another attempt may do better.
    Failed(Attempt, String),
    /// Something went wrong that will go wrong again.
    Hopeless(String),
    /// No task of this attempt or of an older one is left.
    Cancelled(Attempt),
}

/// What a task says of a snapshot that is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Its name.
    pub handle: Handle,
    /// The checkpoint that it was taken for.
    pub id: CheckpointId,
    /// The files that it refers to.
    pub files: Vec<Handle>,
    /// Those of them that were written for it, and go with it if it is given up.
    pub own: Vec<Handle>,
    /// By output: what had been sent, without what the mark of the cut has overtaken.
    pub sent: Vec<Position>,
    /// By output: the same, with what it has overtaken.
    pub made: Vec<Position>,
    /// By input: what had been received, with what was captured.
    pub received: Vec<Position>,
    /// The task had sent its end.
    pub ended: bool,
    /// What it holds of the log: the output, and how many items of that channel come before it and up to its end.
    pub logged: Vec<(u32, u64, u64)>,
}

/// As the coordinator's machine looks at them: how many items had been sent and received.
pub fn counts(sent: &[Position], received: &[Position]) -> Positions {
    let counts = |of: &[Position]| of.iter().map(|position| position.count).collect();
    Positions { sent: counts(sent), received: counts(received) }
}

/// Down a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelFrame {
    /// Items, the first of which has this number in the sender's count, with the tags that begin among them. It takes a credit.
    Items(u64, Vec<Item>, Vec<Tag>),
    /// A mark, and when its checkpoint began, in the time of the job.
    Mark(Mark, Time),
    /// The sender has finished.
    Close,
}

/// Back up a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Back {
    /// A frame of items has been consumed.
    Credit,
    /// The end of the sender's output has been consumed.
    EndConsumed,
}
