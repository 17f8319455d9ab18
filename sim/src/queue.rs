//! The one queue. Its order is total: by time, then by who scheduled the event (a stable number), then by that party's own
//! counter. So the order depends neither on the heap's inner workings nor on how work was batched.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::event::{Origin, Topic};
use crate::external;
use crate::ids::{Attempt, CheckpointId, NodeId, TaskId};
use crate::protocol::{Handle, Positions, Up};
use crate::reusable;
use crate::snapshot::SplitPosition;
use crate::store::Object;
use crate::time::{NEVER, Time};

/// What happens to a party other than a running task. (A task's own business is in its mailbox and channels.)
#[derive(Clone, Debug, Hash)]
pub(crate) enum Action {
    /// A fault of the plan begins.
    FaultBegins(u32),
    /// A fault of the plan ends.
    FaultEnds(u32),
    /// A task crashes because a fault of the plan was waiting for this point.
    Crash(TaskId),
    /// A node crashes because a fault of the plan was waiting for this point.
    CrashNode(NodeId),
    /// A crashed node comes back.
    NodeReturns(NodeId),
    /// A node reports.
    Heartbeat(NodeId),
    /// A node is told to cancel everything older than this attempt.
    Cancel(NodeId, Attempt),
    /// A node is told to start tasks.
    Deploy(NodeId, Attempt, Arc<[Placed]>),
    /// The coordinator receives a message.
    Tell(Message),
    /// A timer of the coordinator.
    Timer(Timer),
    /// A snapshot of a task, or a file of its state, has been written.
    Written(TaskId, Attempt, Handle, Object),
    /// A task deletes an object of its own, unless a checkpoint refers to it.
    Discard(Handle),
    /// The write of a checkpoint's metadata has ended, well or not.
    MetadataWritten(CheckpointId, bool),
    /// The run ends, for the job has.
    End,
    /// The external system receives a request.
    External(external::Request),
    /// A sink learns that the transaction that it wanted to prepare was aborted, and fails.
    SinkFails(TaskId, Attempt),
}

/// A task to start, and from what.
pub(crate) type Placed = (TaskId, Option<Handle>);

/// A message to the coordinator.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Message {
    /// A node lives, and this is what it runs.
    Heartbeat(NodeId, Time, Arc<[Report]>),
    /// A node has cancelled everything older than this attempt.
    Cancelled(NodeId, Attempt),
    /// What a task has become.
    Status(Report),
    /// A source has stopped reading: where it stands in each of its splits.
    Stopped(TaskId, Attempt, Arc<[SplitPosition]>),
    /// The strategy's own.
    Up(TaskId, Attempt, Up, Option<Handle>, Option<Arc<Positions>>),
}

impl Message {
    pub fn topic(&self) -> Topic {
        match self {
            Message::Heartbeat(..) => Topic::Heartbeat,
            Message::Cancelled(..) => Topic::Cancellation,
            Message::Status(_) => Topic::Status,
            Message::Stopped(..) => Topic::Stop,
            Message::Up(_, _, up, _, _) => match up {
                Up::Ack(_) => Topic::Acknowledgement,
                Up::Decline(_) | Up::Unavailable(_) => Topic::Decline,
                Up::Request => Topic::Request,
            },
        }
    }
}

/// What a node knows of a task.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Report {
    pub task: TaskId,
    pub attempt: Attempt,
    pub life: Life,
    /// When it was said.
    pub sent: Time,
}

/// How a task fares, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Starting,
    Running,
    Failed,
    Finished,
}

/// A timer of the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Timer {
    /// The strategy's own.
    Cut(u64),
    /// Look for nodes that were not heard of.
    Nodes,
    /// Say again what was not confirmed in this attempt.
    Retry(Attempt),
    /// The restart delay of this attempt is over.
    Restart(Attempt),
    /// The user asks for a savepoint.
    Savepoint,
    /// Say again what was not confirmed of a savepoint in this attempt, or ask again.
    Pursue(Attempt),
    /// The savepoint has been complete for so long that no task has run ahead of that.
    Taken,
    /// The user cancels the job.
    Cancel,
    /// The cancellation has been complete for so long that no task has run ahead of that.
    Close,
}

/// When an action is due, who has scheduled it under which number, and where it lies. Small, for a heap moves it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    time: Time,
    origin: Origin,
    number: u32,
    place: u32,
}

reusable! {
    /// The queue.
    #[derive(Debug, Default)]
    pub(crate) struct Queue {
        entries: BinaryHeap<Reverse<Entry>>,
        /// The actions, each in its place, and the places that are free.
        actions: Vec<Option<Action>>,
        free: Vec<u32>,
        /// When something happens that acts on a task at once: no task may run ahead of it.
        disruptions: BinaryHeap<Reverse<Time>>,
    }
}

impl Action {
    /// True if it acts on running tasks at once.
    fn disrupts(&self) -> bool {
        matches!(
            self,
            Action::FaultBegins(_)
                | Action::FaultEnds(_)
                | Action::Crash(_)
                | Action::CrashNode(_)
                | Action::Cancel(..)
                | Action::SinkFails(..)
                | Action::End
                | Action::Timer(Timer::Restart(_) | Timer::Taken | Timer::Close)
        )
    }
}

impl Queue {
    /// Hashes the entries that count in their order, without the counts of who has scheduled them; the disruptions follow from them. It must be
    /// [sorted](Queue::sort).
    pub fn hash_what_counts<H: Hasher>(&self, counts: impl Fn(&Action) -> bool, into: &mut H) {
        for Reverse(Entry { time, origin, number: _, place }) in &self.entries {
            let action = self.actions[*place as usize].as_ref().filter(|action| counts(action));
            if action.is_some() {
                (action, time, origin).hash(into);
            }
        }
        None::<&Action>.hash(into);
    }

    /// Schedules an action; `number` is the origin's own counter.
    pub fn push(&mut self, time: Time, origin: Origin, number: u32, action: Action) {
        if action.disrupts() {
            self.disruptions.push(Reverse(time));
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.actions[place as usize] = Some(action);
                place
            }
            None => {
                self.actions.push(Some(action));
                self.actions.len() as u32 - 1
            }
        };
        self.entries.push(Reverse(Entry { time, origin, number, place }));
    }

    /// When the next action is due.
    #[inline]
    pub fn next(&self) -> Time {
        self.entries.peek().map_or(NEVER, |Reverse(entry)| entry.time)
    }

    /// Who has scheduled the next action.
    pub fn first(&self) -> Option<Origin> {
        self.entries.peek().map(|Reverse(entry)| entry.origin)
    }

    /// Takes the next action.
    pub fn pop(&mut self) -> Option<(Time, Action)> {
        let Reverse(Entry { time, place, .. }) = self.entries.pop()?;
        let action = self.actions[place as usize].take()?;
        self.free.push(place);
        if action.disrupts() {
            self.disruptions.pop();
        }
        Some((time, action))
    }

    /// What is due at an instant, if nothing is due before: who scheduled it, the count, and the action; in order. The queue must be
    /// [sorted](Queue::sort).
    pub fn due(&self, time: Time) -> impl Iterator<Item = (Origin, u32, &Action)> {
        let due = self.entries.iter().take_while(move |Reverse(entry)| entry.time <= time);
        due.filter_map(|entry| self.what_waits(entry))
    }

    /// Takes an action before its turn: the first of those that one party has scheduled under this number.
    pub fn take(&mut self, origin: Origin, number: u32) -> Option<(Time, Action)> {
        let mut entries = std::mem::take(&mut self.entries).into_vec();
        let is_it = |Reverse(entry): &Reverse<Entry>| (entry.origin, entry.number) == (origin, number);
        let at = (0..entries.len()).filter(|&at| is_it(&entries[at])).min_by_key(|&at| entries[at].0.time);
        let entry = at.map(|at| entries.swap_remove(at).0);
        self.entries = entries.into();
        let Entry { time, place, .. } = entry?;
        let action = self.actions[place as usize].take()?;
        self.free.push(place);
        if action.disrupts() {
            drop_one(&mut self.disruptions, time);
        }
        Some((time, action))
    }

    /// Everything that waits: who scheduled it, the count, and the action; in order, if the queue is [sorted](Queue::sort).
    pub fn all(&self) -> impl Iterator<Item = (Origin, u32, &Action)> {
        self.entries.iter().filter_map(|entry| self.what_waits(entry))
    }

    fn what_waits(&self, Reverse(entry): &Reverse<Entry>) -> Option<(Origin, u32, &Action)> {
        Some((entry.origin, entry.number, self.actions[entry.place as usize].as_ref()?))
    }

    /// Drops all actions that satisfy a condition.
    pub fn drop_all(&mut self, is_over: impl Fn(&Action) -> bool) {
        let Queue { entries, actions, free, disruptions } = self;
        entries.retain(|Reverse(entry)| {
            let Some(action) = actions[entry.place as usize].take_if(|action| is_over(action)) else {
                return true;
            };
            free.push(entry.place);
            if action.disrupts() {
                drop_one(disruptions, entry.time);
            }
            false
        });
    }

    /// When the next action that acts on tasks at once is due.
    pub fn next_disruption(&self) -> Time {
        self.disruptions.peek().map_or(NEVER, |&Reverse(time)| time)
    }

    /// Puts the entries in order, so that equal queues are the same in memory.
    pub fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries).into_sorted_vec();
        entries.reverse();
        self.entries = entries.into(); // the largest first: such a vector is a heap as it is
        let mut disruptions = std::mem::take(&mut self.disruptions).into_sorted_vec();
        disruptions.reverse();
        self.disruptions = disruptions.into();
    }

    /// How many actions wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Drops one of these.
fn drop_one(disruptions: &mut BinaryHeap<Reverse<Time>>, time: Time) {
    let mut dropped = false;
    disruptions.retain(|&Reverse(other)| other != time || std::mem::replace(&mut dropped, true));
}
