//! Passages: what goes from whom to whom and when, and what holds it up. Space-time diagrams are drawn from them and from events.
//!
//! They are noted for the observer with [`Detail::passages`](crate::event::Detail::passages), are no part of the run, and change no
//! digest. They are of use in the order of time only, so without lookahead.
//!
//! *Sent* is the instant at which a snapshot begins to count an item as sent: when it is made, be there a buffer for it or not. *Taken* is
//! the instant at which a snapshot begins to count it as received: when it has been handled. So a cut through the instants of snapshots
//! tells what was sent and what was received before it. Not noted: tags, credits, and when an item leaves its sender or arrives.

use serde::{Deserialize, Serialize};

use crate::channel::{CANCEL, CLOSE, CUT, END, Item, PROBE, RECORD, Slot, WATERMARK};
use crate::ids::{ChannelId, CheckpointId, TaskId};
use crate::network::Network;
use crate::protocol::{Down, Input};
use crate::record::Record;
use crate::step::Step;
use crate::time::Time;
use crate::world::World;

/// Something that went from one task to another, or that holds it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Passage {
    /// When.
    pub time: Time,
    /// The task that does it, or to which it happens.
    pub task: TaskId,
    /// What.
    pub what: Passes,
}

/// What a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passes {
    /// Something goes onto a channel, or waits for a buffer there.
    Sent {
        /// The channel.
        channel: ChannelId,
        /// What.
        thing: Thing,
    },
    /// Something was taken from a channel and handled.
    Taken {
        /// The channel.
        channel: ChannelId,
        /// What.
        thing: Thing,
    },
    /// A mark has arrived, behind other things perhaps, and the strategy was told.
    Noticed {
        /// The channel.
        channel: ChannelId,
        /// What.
        thing: Thing,
    },
    /// A restore has put something back onto a channel: a snapshot or a log had it.
    PutBack {
        /// The channel.
        channel: ChannelId,
        /// What.
        thing: Thing,
    },
    /// The strategy wants nothing from an input.
    Blocked {
        /// The input's number at the task; [`READING`](crate::protocol::READING): a source reads nothing.
        input: Input,
    },
    /// It wants something again.
    Unblocked {
        /// The input.
        input: Input,
    },
    /// A task has taken its snapshot: what was sent and taken until here is before it.
    Snapshot {
        /// Its number, as in events.
        id: CheckpointId,
    },
    /// The coordinator's order to begin a checkpoint has come.
    Triggered {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// The task was deployed; its state is on its way.
    Deployed,
    /// The task is gone: it was cancelled, has crashed, or its node has.
    Stopped,
    /// A checkpoint that has just completed has this snapshot of the task. (Said by whoever looks on: see [`World::members`].)
    Member {
        /// The checkpoint.
        id: CheckpointId,
        /// The snapshot, by the number that its own events have.
        snapshot: CheckpointId,
    },
}

/// What goes through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// A record.
    Record {
        /// Its number by the sender's count.
        number: u64,
        /// Its lineage.
        lineage: u64,
        /// Its key.
        key: u64,
        /// Its value.
        value: i64,
    },
    /// A watermark.
    Watermark {
        /// Its number by the sender's count.
        number: u64,
    },
    /// The end of what the sender sends.
    End {
        /// Its number by the sender's count.
        number: u64,
    },
    /// A question whether a loop has ended.
    Probe {
        /// Its number by the sender's count.
        number: u64,
    },
    /// A mark that makes the cut of a checkpoint: a barrier.
    Cut {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// A mark that cancels a checkpoint.
    Cancel {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// The sender has finished.
    Close,
}

impl Thing {
    /// Its number by the sender's count, if positions count it.
    pub fn number(&self) -> Option<u64> {
        match *self {
            Thing::Record { number, .. }
            | Thing::Watermark { number }
            | Thing::End { number }
            | Thing::Probe { number } => Some(number),
            Thing::Cut { .. } | Thing::Cancel { .. } | Thing::Close => None,
        }
    }

    fn of(slot: &Slot, number: u64) -> Thing {
        let id = CheckpointId(slot.record.key);
        match slot.tag.kind() {
            RECORD => {
                let Record { lineage, key, value, .. } = slot.record;
                Thing::Record { number, lineage, key, value }
            }
            WATERMARK => Thing::Watermark { number },
            END => Thing::End { number },
            PROBE => Thing::Probe { number },
            CUT => Thing::Cut { id },
            CANCEL => Thing::Cancel { id },
            _ => {
                debug_assert_eq!(slot.tag.kind(), CLOSE);
                Thing::Close
            }
        }
    }
}

/// What is noted of passages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    list: Vec<Passage>,
    /// True while something is sent that was noted when it was made, and has waited for a buffer.
    pub is_sent_already: bool,
}

impl Network {
    /// Begins to note passages, or does so no longer.
    pub fn note_passages(&mut self, on: bool) {
        self.passages = on.then(Notes::default);
        if on {
            // Every item then goes the long way, on which it is noted.
            self.unbuffered = false;
            self.noting = true;
        }
    }

    /// How many passages were noted and not handed over.
    pub fn passages_noted(&self) -> usize {
        self.passages.as_ref().map_or(0, |notes| notes.list.len())
    }

    /// They have been handed over.
    pub fn forget_passages(&mut self) {
        if let Some(notes) = &mut self.passages {
            notes.list.clear();
        }
    }

    /// Notes a passage, if anybody wants to know.
    #[inline]
    pub fn pass(&mut self, time: Time, task: TaskId, what: Passes) {
        if let Some(notes) = &mut self.passages {
            notes.list.push(Passage { time, task, what });
        }
    }

    /// Something has gone onto a channel: its number, if it has one, is the channel's newest.
    #[inline]
    pub(crate) fn pass_sent(&mut self, channel: ChannelId, slot: &Slot, now: Time) {
        if self.passages.as_ref().is_some_and(|notes| !notes.is_sent_already) {
            let (from, number) =
                (self.channels[channel.index()].from, self.channels[channel.index()].sent.count);
            self.pass(now, from, Passes::Sent { channel, thing: Thing::of(slot, number) });
        }
    }

    /// Puts items back onto a channel, behind what its receiver had received.
    pub(crate) fn refill(&mut self, channel: ChannelId, items: &[Item], now: Time) {
        let ch = &mut self.channels[channel.index()];
        let position = ch.received.count + u64::from(ch.slots.len());
        ch.refill(items, now);
        self.pass_put_back(channel, position, items.iter().map(Item::slot), now);
    }

    /// Items behind this position have been put back onto a channel.
    pub(crate) fn pass_put_back<'a>(
        &mut self,
        channel: ChannelId,
        position: u64,
        slots: impl IntoIterator<Item = Slot> + 'a,
        now: Time,
    ) {
        if self.passages.is_some() {
            let to = self.channels[channel.index()].to;
            for (number, slot) in (position + 1..).zip(slots) {
                self.pass(now, to, Passes::PutBack { channel, thing: Thing::of(&slot, number) });
            }
        }
    }
}

impl Step<'_> {
    /// Something has been made that waits for a buffer.
    pub(crate) fn pass_waiting(&mut self, channel: ChannelId, slot: &Slot, now: Time) {
        if self.net.passages.is_some() {
            let waiting = self.task.pending.iter().filter(|(to, slot)| *to == channel && slot.tag.counts());
            let number = self.net.channels[channel.index()].sent.count + 1 + waiting.count() as u64;
            self.net.pass(now, self.id, Passes::Sent { channel, thing: Thing::of(slot, number) });
        }
    }

    /// Something was taken from a channel.
    #[inline]
    pub(crate) fn pass_taken(&mut self, channel: ChannelId, slot: &Slot, now: Time) {
        if self.net.passages.is_some() {
            let number = slot.tag.number_near(self.net.channels[channel.index()].received.count);
            self.net.pass(now, self.id, Passes::Taken { channel, thing: Thing::of(slot, number) });
        }
    }

    /// A mark has been noticed, or sent before others.
    pub(crate) fn pass_mark(&mut self, channel: ChannelId, mark: &Slot, is_sent: bool, now: Time) {
        let thing = Thing::of(mark, 0);
        let what = if is_sent { Passes::Sent { channel, thing } } else { Passes::Noticed { channel, thing } };
        self.net.pass(now, self.id, what);
    }

    /// An order of the coordinator has come.
    pub(crate) fn pass_order(&mut self, down: Down, now: Time) {
        if let Down::Trigger(id) = down {
            self.net.pass(now, self.id, Passes::Triggered { id });
        }
    }
}

impl World {
    /// What has passed since the observer was last called, in the order of time; only with
    /// [`Detail::passages`](crate::event::Detail::passages), and without lookahead.
    pub fn passages(&self) -> &[Passage] {
        self.network.passages.as_ref().map_or(&[], |notes| &notes.list)
    }

    /// The snapshots of which a completed checkpoint consists, as passages of this instant; none if the store has forgotten it.
    pub fn members(&self, id: CheckpointId) -> impl Iterator<Item = Passage> + '_ {
        let manifest = self.store.manifest(id).into_iter().flat_map(|manifest| manifest.iter());
        manifest.zip((0..).map(TaskId)).filter_map(move |(handle, task)| {
            let snapshot = self.store.get((*handle)?)?.id;
            Some(Passage { time: self.now, task, what: Passes::Member { id, snapshot } })
        })
    }
}
