//! One channel: FIFO, with latency, bandwidth and credit-based flow control.
//!
//! There is no event per delivery or per credit. A channel is a *timed queue*: every slot knows when it arrives (or that
//! its departure still waits for a credit), every credit knows when it reaches the sender. What is in the output buffer,
//! on the wire or arrived is a function of now. See the module `network` for what moves it.
//!
//! Not modelled: a record that does not fit into what is left of a buffer starts a new one (Flink splits it), and one
//! larger than a buffer travels in one buffer, but takes the transfer time of all its bytes. Marks and ends need neither
//! buffer nor credit, as Flink's events.
//!
//! What goes over a feedback edge needs neither, too: if a loop could be full, all of its tasks would wait for each other.
//! Its queue has no bound, as that of Flink's iterations. Other inputs take turns, a buffer each; this one goes by arrival.

mod item;

use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::random::{below, draw};
use crate::record::{Mark, Record};
use crate::reusable;
use crate::ring::{RareRing, Ring};
use crate::time::{NEVER, Time};
use crate::topology::ChannelInfo;
pub use item::{Item, Position};

/// What a slot holds: see [`Tag::kind`].
pub(crate) const RECORD: u32 = 0;
pub(crate) const WATERMARK: u32 = 1;
pub(crate) const END: u32 = 2;
/// Asks whether a loop has ended.
pub(crate) const PROBE: u32 = 3;
pub(crate) const CUT: u32 = 4;
pub(crate) const CANCEL: u32 = 5;
/// The sender has finished: no mark follows.
pub(crate) const CLOSE: u32 = 6;
const KIND: u32 = 0b111;
/// The slot is the last of its buffer.
const LAST: u32 = 1 << 3;
/// The buffer had to wait for a credit.
const WAITED: u32 = 1 << 4;
const SEQUENCE_SHIFT: u32 = 8;

/// What is said of a slot beside its content: its kind, buffer flags and the low 24 bits of the sequence number.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Tag(u32);

impl Tag {
    #[inline]
    pub fn kind(self) -> u32 {
        self.0 & KIND
    }

    /// What it is, for people.
    pub fn name(self) -> &'static str {
        match self.kind() {
            RECORD => "a record",
            WATERMARK => "a watermark",
            END => "the end",
            PROBE => "a probe",
            CUT => "a mark",
            CANCEL => "a cancellation",
            _ => "the close",
        }
    }

    /// True for an item that positions count.
    #[inline]
    pub fn counts(self) -> bool {
        self.kind() <= PROBE
    }

    /// The low 24 bits of the number of items before this one, this one included.
    #[inline]
    pub fn sequence(self) -> u32 {
        self.0 >> SEQUENCE_SHIFT
    }

    /// True if a count agrees with the sequence number, as far as it is known.
    #[inline]
    pub fn is_number(self, count: u64) -> bool {
        (count as u32) << SEQUENCE_SHIFT == self.0 & !0 << SEQUENCE_SHIFT
    }

    /// True for a record that is the last of its buffer and has this number, as far as it is known.
    #[inline]
    pub fn is_record_alone(self, number: u64) -> bool {
        self.0 & (KIND | LAST | !0 << SEQUENCE_SHIFT) == (number as u32) << SEQUENCE_SHIFT | LAST | RECORD
    }

    /// The whole sequence number: of all that end in these bits the one nearest to a count.
    pub fn number_near(self, count: u64) -> u64 {
        let bits = 32 - SEQUENCE_SHIFT;
        let ahead = u64::from(self.sequence()).wrapping_sub(count) & ((1 << bits) - 1);
        let behind = (1 << bits) - ahead;
        if ahead < behind { count + ahead } else { count.saturating_sub(behind) }
    }

    #[inline]
    pub fn is_last(self) -> bool {
        self.0 & LAST != 0
    }

    #[inline]
    pub fn has_waited(self) -> bool {
        self.0 & WAITED != 0
    }
}

/// One item in a channel, its place in the sequence, and when it arrives. 56 bytes: a record, a watermark, an end, a probe (those
/// are what positions count), a mark, or a close.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Slot {
    /// A record. Where it is none: the key of a mark is the checkpoint, that of a probe its count; the event time of a watermark is its
    /// time; the size is that on the wire.
    pub record: Record,
    /// When it arrives at the receiver; [`NEVER`] while its departure waits for a credit.
    pub arrive: Time,
    pub tag: Tag,
}

impl Slot {
    #[inline]
    pub fn record(record: &Record) -> Slot {
        Slot { record: *record, arrive: NEVER, tag: Tag(RECORD) }
    }

    fn control(kind: u32, key: u64, event_time: Time, size: u32) -> Slot {
        let record = Record { key, event_time, size, ..Record::default() };
        Slot { record, arrive: NEVER, tag: Tag(kind) }
    }

    pub fn watermark(time: Time) -> Slot {
        Slot::control(WATERMARK, 0, time, 9)
    }

    pub fn end() -> Slot {
        Slot::control(END, 0, 0, 0)
    }

    pub fn close() -> Slot {
        Slot::control(CLOSE, 0, 0, 0)
    }

    pub fn probe(count: u64) -> Slot {
        Slot::control(PROBE, count, 0, 0)
    }

    pub fn mark(mark: Mark) -> Slot {
        match mark {
            Mark::Cut(id) => Slot::control(CUT, id.0, 0, 0),
            Mark::Cancel(id) => Slot::control(CANCEL, id.0, 0, 0),
        }
    }

    /// The mark, of a slot that holds one.
    pub fn to_mark(self) -> Mark {
        let id = CheckpointId(self.record.key);
        if self.tag.kind() == CUT { Mark::Cut(id) } else { Mark::Cancel(id) }
    }

    /// What the chains at both ends fold in.
    #[inline]
    pub fn weight(&self) -> u64 {
        match self.tag.kind() {
            RECORD => self.record.lineage,
            WATERMARK => !self.record.event_time,
            PROBE => self.record.key.wrapping_add(2),
            _ => 1,
        }
    }
}

/// A closed buffer (or an event) whose departure still waits for a credit.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Waiting {
    pub slots: u32,
    pub bytes: u32,
    pub ready: Time,
    pub needs_credit: bool,
}

/// What the output flusher has to do with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flush {
    /// Nothing.
    No,
    /// It has something in a buffer that is being filled, or had.
    Next,
    /// Its buffer was flushed while others before it had not left: it leaves when they have, and may be filled until then.
    Asked,
}

/// What taking an item out of a channel leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    /// It was the next one in the sender's count.
    pub in_order: bool,
    /// A buffer is free by it, and not simply one whose credit goes back.
    pub frees_buffer: bool,
}

impl Consumed {
    /// Nothing.
    pub const PLAINLY: Consumed = Consumed { in_order: true, frees_buffer: false };
}

reusable! {
    /// A channel. What both ends use for every record comes first, then what the receiver needs, then what the sender needs,
    /// a cache line each. The queue belongs to both, at instants that cannot meet.
    #[derive(Debug, Hash)]
    #[repr(C, align(64))]
    pub(crate) struct Channel {
        /// Everything sent and not yet consumed.
        pub slots: Ring<Slot>,
        /// Least latency, and how much a fault adds.
        pub latency: Time,
        pub slowed: Time,
        pub from: TaskId,
        pub to: TaskId,
        /// The number among the receiver's inputs, and the port of the receiving operator.
        pub input: u32,
        pub port: u32,

        /// What the receiver has consumed.
        pub received: Position,
        /// When each unused credit that is not counted yet reaches the sender, in order. Of a local channel: when the sender
        /// knows of each consumed buffer.
        pub returning: Ring<Time>,
        /// Closed buffers without a credit, between the granted slots and the open ones. Few channels ever have any.
        pub waiting: RareRing<Waiting>,
        /// Floating buffers of the receiving gate that this channel holds.
        pub floating: u32,
        /// True if both ends are on one node.
        pub local: bool,
        /// What the sender's output flusher has to do with it.
        pub flush: Flush,
        /// True on a feedback edge: items depart one by one, without buffers and credits.
        pub feedback: bool,

        /// What the sender has sent.
        pub sent: Position,
        /// Key and counter of the latency draws.
        pub key: u64,
        pub draws: u64,
        /// When the wire is free again.
        pub wire_free: Time,
        /// The last arrival: later ones are not earlier.
        pub last_arrival: Time,
        /// Unused credits that are known to be at the sender. Of a local channel with a flusher: buffers not known to be consumed.
        pub credits: u32,
        /// How many of `slots`, from the back, have no arrival yet.
        pub held: u32,
        /// Items and bytes in the buffer that is being filled, at the back of `slots`.
        pub open_slots: u32,
        pub open_bytes: u32,
    }
}

impl Channel {
    /// An empty channel without credits: see [`Channel::reset`].
    pub fn new(info: &ChannelInfo, port: u32) -> Channel {
        Channel {
            from: info.from,
            to: info.to,
            input: info.input,
            port,
            local: false,
            flush: Flush::No,
            feedback: info.feedback,
            floating: 0,
            slots: Ring::default(),
            held: 0,
            open_slots: 0,
            open_bytes: 0,
            waiting: RareRing::default(),
            credits: 0,
            returning: Ring::default(),
            key: 0,
            draws: 0,
            latency: 1,
            slowed: 0,
            wire_free: 0,
            last_arrival: 0,
            sent: Position::default(),
            received: Position::default(),
        }
    }

    /// Appends to the queue; the arrival is set when the slot departs.
    #[inline]
    pub fn append(&mut self, mut slot: Slot) {
        if slot.tag.counts() {
            slot.tag.0 |= (self.sent.advance(slot.weight()) as u32) << SEQUENCE_SHIFT;
        }
        self.slots.push(slot);
        self.held += 1;
    }

    /// Appends a record that is a buffer of its own, and may have waited for a credit; true if it is the front of the queue. Its
    /// departure is settled, if it has an arrival.
    #[inline(always)]
    pub fn append_alone(&mut self, record: &Record, arrive: Time, waited: bool) -> bool {
        let number = self.sent.advance(record.lineage) as u32;
        let tag = Tag(RECORD | LAST | if waited { WAITED } else { 0 } | number << SEQUENCE_SHIFT);
        let is_front = self.slots.is_empty();
        self.slots.push_with(|| Slot { record: *record, arrive, tag });
        is_front
    }

    /// Takes the credit that is there soonest, and says when: at the latest now, if it is there.
    #[inline]
    pub fn take_credit(&mut self, now: Time) -> Option<Time> {
        if self.has_credit(now) {
            self.credits -= 1;
            return Some(now);
        }
        self.returning.pop()
    }

    /// True if there is a credit at the sender. Those that came back are collected when none is left.
    #[inline(always)]
    pub fn has_credit(&mut self, now: Time) -> bool {
        if self.credits == 0 {
            self.collect_credits(now);
        }
        self.credits > 0
    }

    /// Of a remote channel: counts the credits that have come back.
    #[inline(always)]
    pub fn collect_credits(&mut self, now: Time) {
        while self.returning.front().is_some_and(|&at| at <= now) {
            self.returning.drop_front();
            self.credits += 1;
        }
    }

    /// When what leaves the sender now reaches the receiver: never before what left earlier.
    #[inline(always)]
    pub fn arrival(&mut self, leaves: Time, jitter: Time) -> Time {
        let mut arrive = leaves + self.latency + self.slowed;
        if jitter > 0 {
            self.draws += 1;
            arrive += below(draw(self.key, self.draws), jitter + 1);
        }
        self.last_arrival = self.last_arrival.max(arrive);
        self.last_arrival
    }

    /// True if the first slot without an arrival is the mark of a cut.
    pub fn next_is_cut(&self) -> bool {
        self.slots.get(self.slots.len() - self.held).is_some_and(|slot| slot.tag.kind() == CUT)
    }

    /// When a mark that leaves in order arrives, if it may still be taken out of its place: what follows it must not depend on
    /// it, or it would matter how far the receiver, whose credits let it leave, has run ahead.
    pub fn arrival_of_cut(&self, leaves: Time) -> Time {
        self.last_arrival.max(leaves + self.latency + self.slowed)
    }

    /// Marks the newest slot as the last of its buffer.
    #[inline]
    pub fn end_buffer(&mut self) {
        if let Some(slot) = self.slots.get_mut(self.slots.len().wrapping_sub(1)) {
            slot.tag.0 |= LAST;
        }
    }

    /// Gives the next `count` slots without arrival this one; true if the front of the queue is among them.
    #[inline]
    pub fn grant(&mut self, count: u32, arrive: Time, waited: bool) -> bool {
        let first = self.slots.len() - self.held;
        let flag = if waited { WAITED } else { 0 };
        for at in first..first + count {
            if let Some(slot) = self.slots.get_mut(at) {
                slot.arrive = arrive;
                slot.tag.0 |= flag;
            }
        }
        self.held -= count;
        first == 0
    }

    /// Puts a mark before the last `behind` slots, to arrive at this instant but not before what stands in front of it. What
    /// follows is no sooner: be its departure known already or not. True if the mark is the front of the queue now.
    pub fn insert(&mut self, mut mark: Slot, behind: u32, arrive: Time) -> bool {
        let at = self.slots.len() - behind;
        let before = at.checked_sub(1).and_then(|at| self.slots.get(at)).map_or(0, |slot| slot.arrive);
        mark.arrive = arrive.max(before);
        self.last_arrival = self.last_arrival.max(mark.arrive);
        self.slots.insert(at, mark);
        for at in at + 1..self.slots.len() {
            if let Some(slot) = self.slots.get_mut(at) {
                slot.arrive = slot.arrive.max(mark.arrive);
            }
        }
        at == 0
    }

    /// The items among the last `count` slots, and the position of the sender before them.
    pub fn last_items(&self, count: u32) -> (Position, Vec<Item>) {
        let slots = (self.slots.len() - count..self.slots.len()).filter_map(|at| self.slots.get(at));
        let items: Vec<Item> = slots.filter_map(Item::of).collect();
        let weights = items.iter().rev().map(|item| item.slot().weight());
        (weights.fold(self.sent, Position::before), items)
    }

    /// The items before the cut of a checkpoint or, without one, before the close; `None` if neither is here.
    pub fn items_before(&self, id: CheckpointId) -> Option<Vec<Item>> {
        let ends =
            |slot: &Slot| slot.tag.kind() == CLOSE || (slot.tag.kind() == CUT && slot.record.key == id.0);
        let at = (0..self.slots.len()).find(|&at| self.slots.get(at).is_some_and(ends))?;
        Some((0..at).filter_map(|at| self.slots.get(at)).filter_map(Item::of).collect())
    }

    /// True if the cut of a checkpoint has arrived and has not been reached.
    pub fn has_cut(&self, id: CheckpointId, now: Time) -> bool {
        let is_cut = |slot: &Slot| slot.tag.kind() == CUT && slot.record.key == id.0 && slot.arrive <= now;
        (0..self.slots.len()).any(|at| self.slots.get(at).is_some_and(is_cut))
    }

    /// True if the sender has finished, and all of its output is here.
    pub fn is_closed(&self, now: Time) -> bool {
        let last = self.slots.get(self.slots.len().wrapping_sub(1));
        last.is_some_and(|slot| slot.tag.kind() == CLOSE && slot.arrive <= now)
    }

    /// Puts captured items back, behind what the receiver had received: they are there already, and hold no buffer.
    pub fn refill(&mut self, items: &[Item], now: Time) {
        let mut number = self.received.count + u64::from(self.slots.len());
        for item in items {
            number += 1;
            let mut slot = item.slot();
            slot.tag.0 |= (number as u32) << SEQUENCE_SHIFT;
            slot.arrive = now;
            self.slots.push(slot);
        }
        self.last_arrival = now;
    }

    /// Takes out a mark, the `at`-th slot from the front; if it waits for what is before it, it waits no more.
    pub fn take_out(&mut self, at: u32) {
        let first_held = self.slots.len() - self.held;
        self.slots.remove(at);
        if at < first_held {
            return;
        }
        self.held -= 1;
        let Some(waiting) = self.waiting.get_mut() else { return };
        let mut start = first_held;
        for place in 0..waiting.len() {
            if start == at {
                waiting.remove(place);
                return;
            }
            start += waiting.get(place).map_or(0, |buffer| buffer.slots);
        }
    }

    /// From when on nothing that was closed is still here: buffers that wait for a credit or for the wire or, of a local channel,
    /// for the receiver; [`NEVER`] if that is not known yet.
    pub fn clear_from(&mut self, now: Time) -> Time {
        if !self.local {
            return if self.waiting.is_empty() { self.wire_free } else { NEVER };
        }
        self.collect(now);
        let known = self.returning.len();
        match self.credits {
            0 => 0,
            unreturned if unreturned == known => self.returning.get(known - 1).copied().unwrap_or(NEVER),
            _ => NEVER,
        }
    }

    /// Of a local channel, whose "credits" are the buffers that its receiver has not consumed: forgets those that are known to
    /// have been consumed by now.
    pub fn collect(&mut self, now: Time) {
        while self.returning.front().is_some_and(|&at| at <= now) {
            self.returning.drop_front();
            self.credits -= 1;
        }
    }

    /// What has waited longest and can go now: with a credit that comes back at this instant, if it needs one and that is still there.
    /// Says also when it goes, and whether it had to wait for the credit.
    #[inline(always)]
    pub fn stop_waiting(&mut self, credit: &mut Option<Time>) -> Option<(Waiting, Time, bool)> {
        let buffer = *self.waiting.front()?;
        let (leaves, waited) = match buffer.needs_credit {
            true => {
                let at = credit.take()?;
                (at.max(buffer.ready), at > buffer.ready)
            }
            false => (buffer.ready, false),
        };
        self.waiting.pop();
        Some((buffer, leaves, waited))
    }

    /// Takes the front, which has this tag, out of the queue. The credit of a buffer that did not have to wait goes back.
    #[inline(always)]
    pub fn consume(&mut self, front: Tag, weight: u64, now: Time) -> Consumed {
        let in_order = !front.counts() || front.is_number(self.received.advance(weight));
        self.slots.drop_front();
        let mut frees_buffer = front.is_last();
        if frees_buffer && !self.local && !front.has_waited() && self.floating == 0 && self.waiting.is_empty()
        {
            self.returning.push(self.back_at(now));
            frees_buffer = false;
        }
        Consumed { in_order, frees_buffer }
    }

    /// When the sender knows that something was consumed now.
    #[inline(always)]
    pub fn back_at(&self, now: Time) -> Time {
        now + self.latency + self.slowed
    }

    /// When the front of the queue arrives; [`NEVER`] if nothing has departed.
    #[inline]
    pub fn head(&self) -> Time {
        match self.slots.front() {
            Some(slot) => slot.arrive,
            None => NEVER,
        }
    }

    /// Empties the channel for a new attempt; keeps memory, identity and faults.
    pub fn reset(&mut self, attempt: Attempt, exclusive: u32) {
        self.draws = attempt.draws();
        self.slots.clear();
        self.waiting.clear();
        self.returning.clear();
        self.credits = if self.local || self.feedback { 0 } else { exclusive };
        self.held = 0;
        self.open_slots = 0;
        self.open_bytes = 0;
        self.floating = 0;
        self.flush = Flush::No;
        self.wire_free = 0;
        self.last_arrival = 0;
        self.sent = Position::default();
        self.received = Position::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_is_completed_from_a_count_nearby() {
        for count in [5, 1 << 24, (1 << 24) + 3, (7 << 24) - 2, 1 << 40] {
            for number in [count - 4, count, count + 1, count + 1000] {
                let tag = Tag((number as u32) << SEQUENCE_SHIFT | RECORD);
                assert_eq!(tag.number_near(count), number, "near {count}");
                assert_eq!(tag.is_number(count), number == count);
            }
        }
    }
}
