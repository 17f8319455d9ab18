//! Marks that go before what has not left yet, as soon as they are sent or later.

use super::{Network, Notice, What};
use crate::channel::{CANCEL, CLOSE, CUT, Item, Position, Slot, Waiting};
use crate::ids::{ChannelId, CheckpointId};
use crate::random::{below, draw, mix};
use crate::record::Mark;
use crate::time::Time;

/// Buffers that are on their way, but only from an instant on.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Leaving {
    starts: Time,
    slots: u32,
}

impl Network {
    /// Remembers what has not left yet, for a mark may overtake it; and tells the receiver of a mark or a close.
    pub(super) fn note_departure(&mut self, channel: ChannelId, buffer: Waiting, starts: Time) {
        let leaving = &mut self.leaving[channel.index()];
        while leaving.front().is_some_and(|gone| gone.starts <= buffer.ready) {
            leaving.drop_front();
        }
        leaving.push(Leaving { starts, slots: buffer.slots });
        let ch = &self.channels[channel.index()];
        let newest = ch.slots.get(ch.slots.len() - ch.held - 1).copied();
        let from = ch.from;
        if let Some(mark) = newest.filter(|slot| matches!(slot.tag.kind(), CUT | CANCEL | CLOSE)) {
            self.expect_mark(channel, &mark);
            if self.departures && mark.tag.kind() == CUT {
                let what = What::Departure(CheckpointId(mark.record.key));
                self.expect(from, Notice { time: starts, channel, what });
            }
        }
    }

    /// How many of the slots of a channel have not left yet: the last ones.
    fn still_here(&mut self, channel: ChannelId, now: Time) -> u32 {
        let leaving = &mut self.leaving[channel.index()];
        while leaving.front().is_some_and(|gone| gone.starts <= now) {
            leaving.drop_front();
        }
        let granted: u32 =
            (0..leaving.len()).filter_map(|at| leaving.get(at)).map(|buffer| buffer.slots).sum();
        granted + self.channels[channel.index()].held
    }

    /// Sends a mark before everything that has not left yet. Returns what it has overtaken, and the position of the sender
    /// before that.
    pub fn overtake(&mut self, channel: ChannelId, mark: Mark, now: Time) -> (Position, Vec<Item>) {
        let behind = self.still_here(channel, now);
        let overtaken = self.channels[channel.index()].last_items(behind);
        self.send_before(channel, mark, behind, now);
        overtaken
    }

    /// The place of the mark of a cut in a channel, if it has not left yet.
    pub fn place_of_cut(&mut self, channel: ChannelId, id: CheckpointId, now: Time) -> Option<u32> {
        let here = self.still_here(channel, now);
        let slots = &self.channels[channel.index()].slots;
        let is_cut = |slot: &Slot| slot.tag.kind() == CUT && slot.record.key == id.0;
        (slots.len() - here..slots.len()).find(|&at| slots.get(at).is_some_and(is_cut))
    }

    /// Takes the mark of a cut, which was sent in order, to the front of what has not left yet. Returns what it has overtaken;
    /// `None` if it has left.
    pub fn expedite(&mut self, channel: ChannelId, id: CheckpointId, now: Time) -> Option<Vec<Item>> {
        let place = self.place_of_cut(channel, id, now)?;
        let first = self.channels[channel.index()].slots.len() - self.still_here(channel, now);
        let ch = &mut self.channels[channel.index()];
        let overtaken = (first..place).filter_map(|at| ch.slots.get(at)).filter_map(Item::of).collect();
        let granted = ch.slots.len() - ch.held;
        ch.take_out(place);
        let behind = ch.slots.len() - first;
        if place < granted {
            // It was on its way to the wire: who expected it knows better now.
            let (from, to) = (ch.from, ch.to);
            self.forget_departure(channel, place - first);
            let mine = |notice: &Notice, what: What| (notice.channel, notice.what) == (channel, what);
            let arrival = What::Arrival(Mark::Cut(id));
            self.ports[to.index()].notices.retain(|notice| !mine(notice, arrival));
            self.ports[from.index()].notices.retain(|notice| !mine(notice, What::Departure(id)));
        }
        self.send_before(channel, Mark::Cut(id), behind, now);
        Some(overtaken)
    }

    /// A mark that was to leave behind so many slots does not.
    fn forget_departure(&mut self, channel: ChannelId, place: u32) {
        let leaving = &mut self.leaving[channel.index()];
        let mut start = 0;
        for at in 0..leaving.len() {
            if start == place {
                leaving.remove(at);
                return;
            }
            start += leaving.get(at).map_or(0, |buffer| buffer.slots);
        }
    }

    /// Puts a mark on the wire before the last slots of a channel.
    fn send_before(&mut self, channel: ChannelId, mark: Mark, behind: u32, now: Time) {
        let ch = &mut self.channels[channel.index()];
        let mut arrive = now + ch.latency + ch.slowed;
        let slot = Slot::mark(mark);
        if !ch.local {
            // A draw of its own: which of those that follow have had theirs depends on how far their receiver is.
            let number = mix(u64::from(slot.tag.kind()) << 60 ^ slot.record.key);
            arrive += below(draw(ch.key, number), self.config.latency_jitter + 1);
        }
        let is_front = ch.insert(slot, behind, arrive);
        let slot = ch.slots.get(ch.slots.len() - behind - 1).copied().unwrap_or(slot);
        if is_front {
            let (to, input) = (ch.to, ch.input);
            self.announce(to, input, slot.arrive);
        }
        self.expect_mark(channel, &slot);
    }
}
