//! What a person may look at in a world that stands still: a task, its queues and what is in them, and who comes next. These are copies
//! for those who look on: nothing depends on them.

use crate::channel::{CANCEL, CUT, Item, Slot};
use crate::event::Origin;
use crate::ids::{ChannelId, NodeId, TaskId};
use crate::record::Mark;
use crate::task::{Mail, Status};
use crate::time::{NEVER, Time};
use crate::world::World;

/// A task at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// How it fares.
    pub status: Status,
    /// The node that it is deployed on, or was last.
    pub node: Option<NodeId>,
    /// What it is doing or waiting for, in words.
    pub doing: String,
    /// Records handled (of a source: emitted) in the history that counts.
    pub records: u64,
    /// Its watermark; `None` before the first.
    pub watermark: Option<Time>,
    /// Items that it has made and that wait for an output buffer.
    pub pending: u64,
    /// Output buffers in use as of its last look, and how many there are.
    pub buffers: (u32, u32),
    /// What waits in its mailbox, in the order of delivery: from when on, and what it is.
    pub letters: Vec<(Time, &'static str)>,
    /// Entries of its state: values, entries of maps, timers, and those of the operator itself.
    pub entries: usize,
    /// Its first values, by key.
    pub values: Vec<(u64, i64)>,
    /// What leads to it.
    pub inputs: Vec<QueueView>,
    /// What leads away from it.
    pub outputs: Vec<QueueView>,
}

/// A channel at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// The channel.
    pub channel: ChannelId,
    /// Its sender.
    pub from: TaskId,
    /// Its receiver.
    pub to: TaskId,
    /// True if the strategy wants nothing consumed from it.
    pub blocked: bool,
    /// How it is held in check.
    pub flow: Flow,
    /// Items sent, and items received, in this attempt and the history before it.
    pub sent: u64,
    /// See `sent`.
    pub received: u64,
    /// How many slots are in it.
    pub length: u32,
    /// The first of them, the next to be consumed first.
    pub front: Vec<Queued>,
}

/// How a channel is held in check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The sender has so many credits, floating ones included.
    Credits(u32),
    /// Both ends are on one node: the sender's buffers are all there is.
    Local,
    /// Not at all: it closes a loop.
    Feedback,
}

/// Something in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// What it is.
    pub what: Held,
    /// When it is, or was, at the receiver; `None` while it waits for its departure.
    pub arrives: Option<Time>,
}

/// What a channel can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// What positions count.
    Item(Item),
    /// A barrier or marker, or the cancellation of a checkpoint.
    Mark(Mark),
    /// The sender has finished.
    Close,
}

/// Who acts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A task.
    Task(TaskId, Time),
    /// Something of the queue that this party has scheduled.
    Action(Origin, Time),
}

impl World {
    /// What a task is doing or waiting for, for people.
    pub fn doing(&self, task: TaskId) -> String {
        let (it, port) = (&self.tasks[task.index()], &self.network.ports[task.index()]);
        let mut what = format!("is {:?}", it.status).to_lowercase();
        if it.paused {
            what += ", paused";
        }
        if it.stopped {
            what += ", told to stop reading";
        }
        if !it.pending.is_empty() {
            what += &format!(", {} items behind full output buffers", it.pending.len());
        }
        if !port.blocked.is_empty() {
            what += &format!(", {} of {} inputs blocked", port.blocked.len(), it.open.len());
        }
        if let Some((clean, needed)) = it.detection.as_ref().and_then(|detection| detection.rounds())
            && it.status == Status::Running
        {
            what += &format!(", {clean} of {needed} rounds of its loop clean");
        }
        if it.awaits_commits() {
            what += ", a commit unanswered";
        }
        what
    }

    /// A task, with so many values of its state and so many items of each of its channels.
    pub fn view(&self, task: TaskId, values: usize, items: u32) -> TaskView {
        let (it, port) = (&self.tasks[task.index()], &self.network.ports[task.index()]);
        let info = &self.topology.tasks[task.index()];
        let mut letters: Vec<_> =
            it.mailbox.iter().map(|letter| (letter.time, letter.rank, &letter.mail)).collect();
        letters.sort_by_key(|&(time, rank, _)| (time, rank));
        TaskView {
            status: it.status,
            node: self.node_of(task),
            doing: self.doing(task),
            records: it.records,
            watermark: Some(it.watermark).filter(|&watermark| watermark > 0),
            pending: it.pending.len() as u64,
            buffers: (port.used, port.capacity),
            letters: letters.into_iter().map(|(time, _, mail)| (time, name(mail))).collect(),
            entries: it.state.len(),
            values: it.state.values().take(values).collect(),
            inputs: info.inputs.iter().map(|&channel| self.queue(channel, items)).collect(),
            outputs: info.channels_out().map(|channel| self.queue(channel, items)).collect(),
        }
    }

    fn queue(&self, channel: ChannelId, items: u32) -> QueueView {
        let it = &self.network.channels[channel.index()];
        let returned = (0..it.returning.len()).filter_map(|at| it.returning.get(at));
        let credits = it.credits + returned.filter(|&&at| at <= self.now).count() as u32;
        let flow = match (it.feedback, it.local) {
            (true, _) => Flow::Feedback,
            (false, true) => Flow::Local,
            (false, false) => Flow::Credits(credits),
        };
        QueueView {
            channel,
            from: it.from,
            to: it.to,
            blocked: self.network.ports[it.to.index()].blocked.contains(it.input),
            flow,
            sent: it.sent.count,
            received: it.received.count,
            length: it.slots.len(),
            front: (0..it.slots.len().min(items)).filter_map(|at| it.slots.get(at)).map(queued).collect(),
        }
    }

    /// Who acts next, and when; `None` if nothing will ever happen.
    pub fn next_up(&self) -> Option<Next> {
        let (wake, task) = self.network.wakes.first();
        let next = self.shared.queue.next();
        if wake.min(next) == NEVER {
            return None;
        }
        if wake < next {
            return Some(Next::Task(TaskId(task), wake));
        }
        self.shared.queue.first().map(|origin| Next::Action(origin, next))
    }
}

fn queued(slot: &Slot) -> Queued {
    let what = match (Item::of(slot), slot.tag.kind()) {
        (Some(item), _) => Held::Item(item),
        (None, CUT | CANCEL) => Held::Mark(slot.to_mark()),
        (None, _) => Held::Close,
    };
    Queued { what, arrives: Some(slot.arrive).filter(|&arrive| arrive < NEVER) }
}

/// What a letter is, for people.
fn name(mail: &Mail) -> &'static str {
    use crate::protocol::Down;
    match mail {
        Mail::Restored => "state restored",
        Mail::Control(Down::Trigger(_)) => "trigger",
        Mail::Control(Down::Completed(_)) => "completion",
        Mail::Control(Down::Aborted(_)) => "abort",
        Mail::Stop(_) => "stop",
        Mail::Leave(_) => "leave",
        Mail::Written(..) => "snapshot written",
        Mail::Stored(..) => "file written",
        Mail::Prepared(_) => "transaction prepared",
        Mail::Committed(_) => "committed",
        Mail::NotCommitted(_) => "commit failed",
        Mail::Timer(_) => "timer",
        Mail::AskAgain => "ask again",
    }
}
