//! The two ends of a channel inside the tasks: what was made and has not left, and what has arrived and was not consumed.
//!
//! A frame of items takes a credit, which comes back when its last item has been consumed; marks and closes take none. What a
//! frame has taken along has left: a mark that overtakes comes behind it, and so does one that is expedited later.

use std::collections::VecDeque;

use cutline_sim::channel::{Item, Position};
use cutline_sim::config::NetworkConfig;
use cutline_sim::record::Mark;
use cutline_sim::time::Time;

use super::log::{Log, Tags};
use crate::messages::ChannelFrame;
use crate::snapshot::{Logged, Tag};

/// An output holds so many items before its task stands still.
const FULL: usize = 256;
/// The most items of a frame, however small they are.
const FRAME_ITEMS: usize = 64;

/// What is on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// What positions count.
    Item(Item),
    /// A mark, and when its checkpoint began.
    Mark(Mark, Time),
    /// The sender has finished.
    Close,
}

impl Thing {
    /// True for this mark.
    pub fn is(&self, mark: Mark) -> bool {
        matches!(self, Thing::Mark(other, _) if *other == mark)
    }

    fn item(&self) -> Option<Item> {
        match self {
            Thing::Item(item) => Some(*item),
            Thing::Mark(..) | Thing::Close => None,
        }
    }
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
    /// It closes a cycle: it takes everything, or all tasks of the loop could wait for each other.
    feedback: bool,
    /// The tags that begin among what has not left.
    tags: Tags,
    /// What was sent, if that is logged.
    log: Option<Log>,
}

impl Outbound {
    /// An end at which nothing was sent.
    pub(super) fn new(network: &NetworkConfig, feedback: bool, logs: bool) -> Outbound {
        let credits = if feedback { u32::MAX } else { network.exclusive_buffers.max(1) };
        let frame_bytes = u64::from(network.buffer_bytes);
        Outbound {
            queue: VecDeque::new(),
            left: Position::default(),
            credits,
            frame_bytes,
            feedback,
            tags: Tags::default(),
            log: logs.then(Log::default),
        }
    }

    pub(super) fn begin_at(&mut self, position: Position) {
        self.left = position;
        self.log.iter_mut().for_each(|log| log.begin(position.count));
    }

    pub(super) fn push(&mut self, thing: Thing) {
        self.queue.push_back(thing);
        if let (Some(log), Some(item)) = (&mut self.log, thing.item()) {
            log.push(item);
        }
    }

    /// What is sent from now on carries this tag.
    pub(super) fn begin_tag(&mut self, words: &[u32]) {
        let from = self.left.count + self.items().len() as u64 + 1;
        let tag = Tag { from, words: words.to_vec() };
        self.log.iter_mut().for_each(|log| log.tags.push(tag.clone()));
        self.tags.push(tag);
    }

    /// What a snapshot must hold of what was sent, if that is logged; the number of the output stands in it.
    pub(super) fn logged(&self, at: u32) -> Option<Logged> {
        self.log.as_ref().map(|log| log.copy(at)).filter(|logged| !logged.items.is_empty())
    }

    /// A snapshot is durable before which so many items were sent.
    pub(super) fn trim(&mut self, durable: u64) {
        self.log.iter_mut().for_each(|log| log.trim(durable));
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= FULL && !self.feedback
    }

    /// Where it stands with all that was made.
    pub(super) fn made(&self) -> Position {
        self.left.after(&self.items())
    }

    fn items(&self) -> Vec<Item> {
        self.queue.iter().filter_map(Thing::item).collect()
    }

    /// The place before all items that have not left.
    fn front(&self) -> usize {
        let is_item = |thing: &Thing| matches!(thing, Thing::Item(_));
        self.queue.iter().position(is_item).unwrap_or(self.queue.len())
    }

    /// Puts a mark before all items that have not left; says what it overtakes, and where the rest stands.
    pub(super) fn overtake(&mut self, mark: Mark, began: Time) -> (Position, Vec<Item>) {
        self.queue.insert(self.front(), Thing::Mark(mark, began));
        (self.left, self.items())
    }

    /// True as long as a mark that was sent has not left.
    pub(super) fn holds(&self, mark: Mark) -> bool {
        self.queue.iter().any(|thing| thing.is(mark))
    }

    /// Takes a mark, which was sent in order, before all items that have not left; says what it overtakes, and where the rest stands.
    /// Nothing, if it has left.
    pub(super) fn expedite(&mut self, mark: Mark) -> Option<(Position, Vec<Item>)> {
        let (place, front) = (self.queue.iter().position(|thing| thing.is(mark))?, self.front());
        let overtaken = self.queue.iter().take(place).filter_map(Thing::item).collect();
        if front < place
            && let Some(mark) = self.queue.remove(place)
        {
            self.queue.insert(front, mark);
        }
        Some((self.left, overtaken))
    }

    /// What leaves next, if anything may.
    pub fn next_frame(&mut self) -> Option<ChannelFrame> {
        match *self.queue.front()? {
            Thing::Mark(mark, began) => {
                self.queue.pop_front();
                Some(ChannelFrame::Mark(mark, began))
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
                let tags = self.tags.take(self.left.count);
                Some(ChannelFrame::Items(first, items, tags))
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
    /// The tags that begin among what was not consumed.
    tags: Tags,
    /// Nothing is consumed from it.
    pub blocked: bool,
    /// Its end has arrived in this attempt.
    ended: bool,
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
    /// What a snapshot had captured, or the log holds, is there first.
    pub fn put_back(&mut self, items: &[Item], tags: Vec<Tag>) {
        tags.into_iter().for_each(|tag| self.tags.push(tag));
        if !items.is_empty() {
            self.queue.extend(items.iter().map(|item| Thing::Item(*item)));
            self.frames.push_back((items.len(), false));
        }
    }

    /// The number of the item that is to arrive next.
    fn next(&self) -> u64 {
        self.received.count + self.frames.iter().map(|frame| frame.0 as u64).sum::<u64>() + 1
    }

    /// Takes in what has arrived, if it is what a sender can have sent; says what is wrong with its order, if anything is.
    ///
    /// # Errors
    /// What no sender sends. Nothing is taken in then.
    pub fn arrive(&mut self, frame: ChannelFrame) -> Result<Option<String>, &'static str> {
        match frame {
            ChannelFrame::Items(first, items, tags) => {
                let expected = self.next();
                let behind =
                    first.checked_add(items.len() as u64).ok_or("a frame has items beyond all numbers")?;
                let is_end = |item: &Item| *item == Item::End;
                if items.is_empty() || self.ended || items.iter().rev().skip(1).any(is_end) {
                    return Err("a frame has no items, or some behind the end");
                }
                let are_sorted = tags.is_sorted_by(|one, next| one.from < next.from);
                if !are_sorted || tags.iter().any(|tag| !(first..behind).contains(&tag.from)) {
                    return Err("a frame has tags for other items than its own");
                }
                self.ended = items.last().is_some_and(is_end);
                tags.into_iter().for_each(|tag| self.tags.push(tag));
                self.frames.push_back((items.len(), true));
                self.queue.extend(items.into_iter().map(Thing::Item));
                return Ok((first != expected)
                    .then(|| format!("item {first} came, and {expected} was to come next")));
            }
            ChannelFrame::Mark(mark, began) => self.queue.push_back(Thing::Mark(mark, began)),
            ChannelFrame::Close => self.queue.push_back(Thing::Close),
        }
        Ok(None)
    }

    /// True if there is something to consume.
    pub fn has_work(&self) -> bool {
        !self.blocked && !self.queue.is_empty()
    }

    /// The tag that comes with what is next, if that is an item and none before it had that tag.
    pub fn brings(&self) -> Option<&[u32]> {
        match self.queue.front() {
            Some(Thing::Item(_)) => Some(&self.tags.brought_by(self.received.count + 1)?.words),
            _ => None,
        }
    }

    /// The tag that has come with what was consumed last, if none before it had that.
    pub fn take_tag(&mut self) -> Option<Vec<u32>> {
        self.tags.take(self.received.count).pop().map(|tag| tag.words)
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
        before.filter_map(Thing::item).collect()
    }

    /// True if the mark is there, or the sender's close.
    pub fn holds_end(&self, mark: Mark) -> bool {
        self.queue.iter().any(|thing| thing.is(mark) || *thing == Thing::Close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(feedback: bool) -> Outbound {
        Outbound::new(&NetworkConfig { exclusive_buffers: 2, ..NetworkConfig::default() }, feedback, false)
    }

    fn watermarks(outbound: &mut Outbound) {
        (0..10 * FULL as u64).for_each(|time| outbound.push(Thing::Item(Item::Watermark(time))));
    }

    #[test]
    fn an_output_is_full_and_waits_for_credits_but_not_around_a_loop() {
        let (mut forward, mut back) = (outbound(false), outbound(true));
        [&mut forward, &mut back].into_iter().for_each(watermarks);
        assert!(forward.is_full() && !back.is_full());
        assert_eq!(std::iter::from_fn(|| forward.next_frame()).count(), 2);
        assert_eq!(std::iter::from_fn(|| back.next_frame()).count(), 10 * FULL / FRAME_ITEMS);
    }

    #[test]
    fn what_no_sender_sends_is_not_taken_in() {
        let items = |items: &[Item], tags: &[u64]| {
            let tags = tags.iter().map(|&from| Tag { from, words: Vec::new() });
            ChannelFrame::Items(1, items.to_vec(), tags.collect())
        };
        let record = Item::Watermark(7);
        let mut inbound = Inbound::default();
        for senseless in [
            items(&[], &[]),
            items(&[Item::End, record], &[]),
            items(&[record], &[0]),
            items(&[record], &[2]),
            items(&[record; 3], &[3, 2]),
            ChannelFrame::Items(u64::MAX, vec![record], Vec::new()),
        ] {
            assert!(inbound.arrive(senseless.clone()).is_err(), "{senseless:?}");
        }
        assert!(!inbound.has_work());
        assert_eq!(inbound.arrive(items(&[record, Item::End], &[1, 2])), Ok(None));
        assert!(inbound.arrive(ChannelFrame::Items(3, vec![record], Vec::new())).is_err(), "behind the end");
    }
}
