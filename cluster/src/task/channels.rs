//! The two ends of a channel inside the tasks: what was made and has not left, and what has arrived and was not consumed.
//!
//! A frame of items takes a credit, which comes back when its last item has been consumed; marks and closes take none. What a
//! frame has taken along has left: a mark that overtakes comes behind it.

use std::collections::VecDeque;

use cutline_sim::channel::{Item, Position};
use cutline_sim::config::NetworkConfig;
use cutline_sim::record::Mark;
use cutline_sim::time::Time;

use crate::messages::ChannelFrame;

/// An output holds so many items before its task stands still.
const FULL: usize = 256;
/// The most items of a frame, however small they are.
const FRAME_ITEMS: usize = 64;

/// What is on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// What positions count.
    Item(Item),
    /// A mark.
    Mark(Mark),
    /// The sender has finished.
    Close,
}

/// The sending end.
#[derive(Debug)]
pub struct Outbound {
    queue: VecDeque<Thing>,
    /// Up to where it has left.
    left: Position,
    /// Frames that may leave.
    pub(super) credits: u32,
    frame_bytes: u64,
}

impl Outbound {
    /// An end at which nothing was sent.
    pub(super) fn new(network: &NetworkConfig) -> Outbound {
        let credits = network.exclusive_buffers.max(1);
        let frame_bytes = u64::from(network.buffer_bytes);
        Outbound { queue: VecDeque::new(), left: Position::default(), credits, frame_bytes }
    }

    pub(super) fn begin_at(&mut self, position: Position) {
        self.left = position;
    }

    pub(super) fn push(&mut self, thing: Thing) {
        self.queue.push_back(thing);
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= FULL
    }

    /// Where it stands with all that was made.
    pub(super) fn made(&self) -> Position {
        self.left.after(&self.items())
    }

    fn items(&self) -> Vec<Item> {
        let item = |thing: &Thing| match thing {
            Thing::Item(item) => Some(*item),
            Thing::Mark(_) | Thing::Close => None,
        };
        self.queue.iter().filter_map(item).collect()
    }

    /// Puts a mark before all items that have not left; says what it overtakes, and where the rest stands.
    pub(super) fn overtake(&mut self, mark: Mark) -> (Position, Vec<Item>) {
        let is_item = |thing: &Thing| matches!(thing, Thing::Item(_));
        let place = self.queue.iter().position(is_item).unwrap_or(self.queue.len());
        self.queue.insert(place, Thing::Mark(mark));
        (self.left, self.items())
    }

    /// What leaves next, if anything may.
    pub fn next_frame(&mut self) -> Option<ChannelFrame> {
        match *self.queue.front()? {
            Thing::Mark(mark) => {
                self.queue.pop_front();
                Some(ChannelFrame::Mark(mark))
            }
            Thing::Close => {
                self.queue.pop_front();
                Some(ChannelFrame::Close)
            }
            Thing::Item(_) if self.credits == 0 => None,
            Thing::Item(_) => {
                let (mut items, mut bytes) = (Vec::new(), 0);
                while let Some(&Thing::Item(item)) = self.queue.front() {
                    bytes += item.bytes();
                    if !items.is_empty() && (bytes > self.frame_bytes || items.len() == FRAME_ITEMS) {
                        break;
                    }
                    items.push(item);
                    self.queue.pop_front();
                }
                self.credits -= 1;
                let first = self.left.count + 1;
                self.left = self.left.after(&items);
                Some(ChannelFrame::Items(first, items))
            }
        }
    }
}

/// The receiving end.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    queue: VecDeque<Thing>,
    /// How many items are left of each frame, and whether its credit goes back.
    frames: VecDeque<(usize, bool)>,
    /// Nothing is consumed from it.
    pub blocked: bool,
    /// Up to where it has been consumed.
    pub received: Position,
    /// The watermark that it has delivered.
    pub watermark: Time,
}

/// What consuming has done beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Consumed {
    pub thing: Thing,
    /// A frame is used up.
    pub credit: bool,
}

impl Inbound {
    /// What a snapshot had captured is there first.
    pub fn put_back(&mut self, items: &[Item]) {
        if !items.is_empty() {
            self.queue.extend(items.iter().map(|item| Thing::Item(*item)));
            self.frames.push_back((items.len(), false));
        }
    }

    /// The number of the item that is to arrive next.
    fn next(&self) -> u64 {
        self.received.count + self.frames.iter().map(|frame| frame.0 as u64).sum::<u64>() + 1
    }

    /// Takes in what has arrived; says what is wrong with its order, if anything is.
    pub fn arrive(&mut self, frame: ChannelFrame) -> Option<String> {
        match frame {
            ChannelFrame::Items(first, items) => {
                let expected = self.next();
                self.frames.push_back((items.len(), true));
                self.queue.extend(items.into_iter().map(Thing::Item));
                return (first != expected)
                    .then(|| format!("item {first} came, and {expected} was to come next"));
            }
            ChannelFrame::Mark(mark) => self.queue.push_back(Thing::Mark(mark)),
            ChannelFrame::Close => self.queue.push_back(Thing::Close),
        }
        None
    }

    /// True if there is something to consume.
    pub fn has_work(&self) -> bool {
        !self.blocked && !self.queue.is_empty()
    }

    /// Takes out what is next.
    pub fn consume(&mut self) -> Option<Consumed> {
        let thing = self.queue.pop_front()?;
        let mut credit = false;
        if let Thing::Item(item) = thing {
            self.received = self.received.after([&item]);
            if let Some(frame) = self.frames.front_mut() {
                frame.0 -= 1;
                if frame.0 == 0 {
                    credit = frame.1;
                    self.frames.pop_front();
                }
            }
        }
        Some(Consumed { thing, credit })
    }

    /// The items that stand before something; all of them if it is not there.
    pub fn items_before(&self, end: impl Fn(&Thing) -> bool) -> Vec<Item> {
        let before = self.queue.iter().take_while(|thing| !end(thing));
        let item = |thing: &Thing| match thing {
            Thing::Item(item) => Some(*item),
            Thing::Mark(_) | Thing::Close => None,
        };
        before.filter_map(item).collect()
    }

    /// True if this is there.
    pub fn holds(&self, wanted: &Thing) -> bool {
        self.queue.contains(wanted)
    }
}
