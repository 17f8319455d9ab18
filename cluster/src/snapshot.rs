//! What a task saves, as plain data: all that [`TaskSnapshot`](cutline_sim::snapshot::TaskSnapshot) has.

use std::sync::Arc;

use cutline_sim::backend::{Part, StateFile};
use cutline_sim::channel::{Item, Position};
use cutline_sim::external::TransactionId;
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use cutline_sim::snapshot::{OnChannel, SplitPosition};
use cutline_sim::state::{StateForm, Update};
use cutline_sim::termination::Detection;
use cutline_sim::time::Time;
use cutline_sim::topology::TaskInfo;
use serde::{Deserialize, Serialize};

/// One task's part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The task.
    pub task: TaskId,
    /// The checkpoint it was taken for.
    pub id: CheckpointId,
    /// The state, or as much of it as stands in the snapshot itself.
    pub state: StateForm,
    /// The files that hold the rest, oldest first.
    pub parts: Vec<Part>,
    /// Of a source: where it is.
    pub splits: Vec<SplitPosition>,
    /// Of a source: the last watermark it sent.
    pub watermark: Time,
    /// Of a source: how many marked records have passed.
    pub marked: u32,
    /// Of a sink: what is prepared and not known to be committed.
    pub pending: Vec<TransactionId>,
    /// For each outgoing edge: the receiver of the next record, where they take turns.
    pub turns: Vec<u32>,
    /// By input: what has been consumed.
    pub received: Vec<Position>,
    /// By output: what has been sent.
    pub sent: Vec<Position>,
    /// What was on its way to the task, by input.
    pub captured: Vec<OnChannel>,
    /// What it had made and not sent, by output.
    pub unsent: Vec<OnChannel>,
    /// What it had sent and no durable snapshot held, by output, if that is logged.
    pub logged: Vec<Logged>,
    /// The inputs that have delivered their end.
    pub ended_inputs: Vec<u32>,
    /// True if it had consumed all its input and sent its end.
    pub ended: bool,
    /// Records handled so far, and the sum of their lineage weights.
    pub handled: (u64, u64),
    /// Of a task in a loop: what it knew of its end.
    pub detection: Option<Detection>,
    /// The durable part of the strategy's machine.
    pub durable: Vec<u8>,
}

impl Snapshot {
    /// True if it can be one of this task, by the number of its channels.
    pub fn fits(&self, task: &TaskInfo) -> bool {
        let (inputs, outputs) = (task.inputs.len(), task.channels_out().count());
        let lengths = [self.received.len(), self.sent.len(), self.turns.len()];
        let ended = self.ended_inputs.iter().all(|&input| (input as usize) < inputs);
        let watches = match (&self.detection, &task.around) {
            (Some(detection), Some(around)) => detection.fits(around),
            (detection, _) => detection.is_none(),
        };
        lengths == [inputs, outputs, task.outputs.len()] && ended && watches
    }

    /// What the task has still to send after a restore of this checkpoint: nothing, if it stands in a newer one than it was taken
    /// for, because it had finished by then.
    pub fn unsent_in(&self, checkpoint: CheckpointId) -> &[OnChannel] {
        if self.id == checkpoint { &self.unsent } else { &[] }
    }

    /// What has been sent on an output, with what the mark of the cut has overtaken.
    pub fn made(&self, output: usize) -> Position {
        let unsent = self.unsent.iter().filter(|unsent| unsent.at as usize == output);
        unsent.fold(self.sent.get(output).copied().unwrap_or_default(), |made, it| made.after(&it.items))
    }

    /// What has been sent on an output, as this checkpoint has it.
    pub fn sent_in(&self, checkpoint: CheckpointId, output: usize) -> Position {
        match self.id == checkpoint {
            true => self.sent.get(output).copied().unwrap_or_default(),
            false => self.made(output),
        }
    }

    /// What has been received on an input, and what was captured behind that.
    pub fn received_and_captured(&self, input: usize) -> Position {
        let captured = self.captured.iter().filter(|captured| captured.at as usize == input);
        let received = self.received.get(input).copied().unwrap_or_default();
        captured.fold(received, |position, it| position.after(&it.items))
    }
}

/// A file of a task's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileForm {
    task: TaskId,
    attempt: Attempt,
    checkpoint: Option<CheckpointId>,
    entries: Vec<Update>,
    bytes: u64,
}

impl FileForm {
    /// A file as plain data.
    pub fn of(file: &StateFile) -> FileForm {
        let &StateFile { task, attempt, checkpoint, ref entries, bytes } = file;
        FileForm { task, attempt, checkpoint, entries: entries.to_vec(), bytes }
    }

    /// The file.
    pub fn build(self) -> StateFile {
        let FileForm { task, attempt, checkpoint, entries, bytes } = self;
        StateFile { task, attempt, checkpoint, entries: Arc::from(entries), bytes }
    }
}

/// From an item of a channel on, everything carries this tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The number of the item.
    pub from: u64,
    /// The words.
    pub words: Vec<u32>,
}

/// A part of the log of an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// The number of the output.
    pub at: u32,
    /// The number of the first item among all that were ever sent there.
    pub first: u64,
    /// The items, oldest first.
    pub items: Vec<Item>,
    /// Their tags.
    pub tags: Vec<Tag>,
}

/// What was in transit to an input when a checkpoint cut through its channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The input.
    pub input: u32,
    /// Where its sender stood.
    pub sent: Position,
    /// The number of the channel among the outputs of the sender.
    pub output: u32,
    /// The parts, oldest first: the snapshot of the sender that holds it, and how many items of the channel come before it and up to its
    /// end.
    pub parts: Vec<(Handle, u64, u64)>,
}

/// The metadata of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Its id.
    pub id: CheckpointId,
    /// The attempt in which it was taken.
    pub attempt: Attempt,
    /// Per task the snapshot.
    pub snapshots: Vec<Option<Handle>>,
    /// Per task what was in transit to it, if that is logged.
    pub replays: Vec<Vec<Replay>>,
}

/// What a task ended with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Final {
    /// Its state.
    pub state: StateForm,
    /// Records handled, and the sum of their lineage weights.
    pub handled: (u64, u64),
}
