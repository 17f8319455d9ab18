//! What positions count, and positions.

use serde::{Deserialize, Serialize};

use super::{END, PROBE, RECORD, Slot, WATERMARK};
use crate::record::Record;
use crate::time::{NEVER, Time};

/// An item that a snapshot holds because it was on its way: what positions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Item {
    /// A record.
    Record(Record),
    /// A watermark.
    Watermark(Time),
    /// The end of the sender's output.
    End,
    /// A question whether a loop has ended, with the least count of the heads that it passed.
    Probe(u64),
}

impl Item {
    /// What a slot holds; `None` for a mark or a close.
    pub(crate) fn of(slot: &Slot) -> Option<Item> {
        match slot.tag.kind() {
            RECORD => Some(Item::Record(slot.record)),
            WATERMARK => Some(Item::Watermark(slot.record.event_time)),
            END => Some(Item::End),
            PROBE => Some(Item::Probe(slot.record.key)),
            _ => None,
        }
    }

    pub(crate) fn slot(&self) -> Slot {
        match self {
            Item::Record(record) => Slot::record(record),
            Item::Watermark(time) => Slot::watermark(*time),
            Item::End => Slot::end(),
            Item::Probe(count) => Slot::probe(*count),
        }
    }

    /// True if it says that the sender has nothing more to send.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Item::End | Item::Watermark(NEVER))
    }

    /// Its size on the wire in bytes.
    pub fn bytes(&self) -> u64 {
        u64::from(self.slot().record.size)
    }
}

/// How many items passed one end of a channel, and the chain of what they were: equal chains, equal sequences (but for a
/// chance of about 2^-64, for the weights of records are hashes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Items counted.
    pub count: u64,
    /// The chain.
    pub chain: u64,
}

impl Position {
    /// One more item passes; returns its number.
    #[inline(always)]
    pub(crate) fn advance(&mut self, weight: u64) -> u64 {
        self.count += 1;
        self.chain = self.chain.rotate_left(23).wrapping_add(weight);
        self.count
    }

    /// The position before the last item passed.
    pub(crate) fn before(self, weight: u64) -> Position {
        Position { count: self.count - 1, chain: self.chain.wrapping_sub(weight).rotate_right(23) }
    }

    /// The position after some more items.
    pub fn after<'a>(self, items: impl IntoIterator<Item = &'a Item>) -> Position {
        items.into_iter().fold(self, |mut position, item| {
            position.advance(item.slot().weight());
            position
        })
    }
}
