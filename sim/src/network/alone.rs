//! Records that travel alone: where every record is a buffer of its own, what a buffer would do is done at once.

use super::Network;
use crate::channel::{Slot, Waiting};
use crate::ids::{ChannelId, TaskId};
use crate::record::Record;
use crate::time::{NEVER, Time};

impl Network {
    /// Sends a record of a task; false if there is no output buffer for it now.
    #[inline(always)]
    pub fn try_send_record(&mut self, from: TaskId, channel: ChannelId, record: &Record, now: Time) -> bool {
        let port = &self.ports[from.index()];
        let has_room = self.unbuffered && port.used < port.capacity;
        has_room && self.send_with_credit(from, channel, record, now)
            || self.try_send_slowly(channel, record, now)
    }

    /// Sends a record that is a buffer of its own, if there is a credit for it or one is known to come back: that settles its departure.
    #[inline(always)]
    fn send_with_credit(&mut self, from: TaskId, channel: ChannelId, record: &Record, now: Time) -> bool {
        let ch = &mut self.channels[channel.index()];
        if ch.has_credit(now) {
            // It is on the wire at once and never waits in a buffer.
            ch.credits -= 1;
            ch.wire_free = ch.wire_free.max(now);
            let arrive = ch.arrival(ch.wire_free, self.config.latency_jitter);
            if ch.append_alone(record, arrive, false) {
                let (to, input) = (ch.to, ch.input);
                self.announce(to, input, arrive);
            }
            return true;
        }
        if ch.local || ch.feedback {
            return false;
        }
        let Some(credit) = ch.returning.pop() else { return false };
        self.send_later(from, channel, record, credit);
        true
    }

    /// Sends a record with a credit that comes back later: until then it takes an output buffer.
    #[inline(never)]
    fn send_later(&mut self, from: TaskId, channel: ChannelId, record: &Record, credit: Time) {
        let ch = &mut self.channels[channel.index()];
        let leaves = ch.wire_free.max(credit);
        ch.wire_free = leaves;
        let arrive = ch.arrival(leaves, self.config.latency_jitter);
        let (to, input) = (ch.to, ch.input);
        let is_front = ch.append_alone(record, arrive, true);
        self.ports[from.index()].used += 1;
        self.release(from, leaves);
        if is_front {
            self.announce(to, input, arrive);
        }
    }

    /// Sends a record that goes into a buffer with others, or must wait, or stays on its node.
    #[inline(never)]
    fn try_send_slowly(&mut self, channel: ChannelId, record: &Record, now: Time) -> bool {
        let ch = &self.channels[channel.index()];
        let (from, local) = (ch.from, ch.local);
        if !self.unbuffered || ch.feedback {
            return self.try_send(channel, Slot::record(record), now);
        }
        if !self.has_room(from, now) {
            return false;
        }
        if !local && self.send_with_credit(from, channel, record, now) {
            return true;
        }
        let ch = &mut self.channels[channel.index()];
        self.ports[from.index()].used += 1;
        ch.append_alone(record, NEVER, false);
        ch.held += 1;
        let buffer = Waiting { slots: 1, bytes: record.size, ready: now, needs_credit: true };
        match local {
            true => self.dispatch(channel, buffer, now),
            false => ch.wait(buffer),
        }
        true
    }
}
