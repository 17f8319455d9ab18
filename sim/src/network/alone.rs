//! Records that travel alone: where every record is a buffer of its own, what a buffer would do is done at once.

use super::{Network, Port, Wire};
use crate::channel::{Channel, Slot, Waiting};
use crate::ids::{ChannelId, TaskId};
use crate::record::Record;
use crate::time::{NEVER, Time};
use crate::tournament::Tournament;

impl Channel {
    /// Sends a record that is a buffer of its own. The sender has room for it; the channel is neither local nor on a feedback edge. Says when
    /// the record arrives, if it is the front of the channel now.
    ///
    /// With a credit it is on the wire at once. Without one it takes an output buffer until a credit comes back. When that will be is
    /// known already, and so is when the record leaves and arrives; or else it waits.
    #[inline(always)]
    pub fn send_alone(&mut self, port: &mut Port, record: &Record, now: Time, jitter: Time) -> Option<Time> {
        let waits = !self.has_credit(now);
        let mut not_before = now;
        if waits {
            port.used += 1;
            match self.returning.pop() {
                Some(credit) => not_before = credit,
                None => {
                    self.wait_alone(record, now);
                    return None;
                }
            }
        } else {
            self.credits -= 1;
        }
        self.wire_free = self.wire_free.max(not_before);
        if waits {
            port.free_later(self.wire_free);
        }
        let arrive = self.arrival(self.wire_free, jitter);
        self.append_alone(record, arrive, waits).then_some(arrive)
    }

    /// Nobody knows yet when there will be a credit for a record.
    #[inline(never)]
    fn wait_alone(&mut self, record: &Record, now: Time) {
        let buffer = self.hold_alone(record, now);
        self.waiting.push(buffer);
    }

    /// Closes a buffer with one record.
    #[inline(always)]
    fn hold_alone(&mut self, record: &Record, now: Time) -> Waiting {
        self.append_alone(record, NEVER, false);
        self.held += 1;
        Waiting { slots: 1, bytes: record.size, ready: now, needs_credit: true }
    }

    /// The receiver has consumed a buffer, for which so many credits reach the sender at an instant: what waits for them goes with them.
    /// (If that is the front of the channel, the receiver sees for itself.)
    #[inline(always)]
    pub fn give_back(
        &mut self,
        credits: u32,
        at: Time,
        sender: (&mut Port, &mut Tournament),
        wire: Wire<'_>,
    ) {
        if !self.waiting.is_empty() {
            return self.credit_waiting(credits, at, sender, wire);
        }
        if credits > 0 {
            self.returning.push(at);
        }
        if credits > 1 {
            self.returning.push(at);
        }
    }

    #[inline(never)]
    fn credit_waiting(
        &mut self,
        credits: u32,
        at: Time,
        (sender, wakes): (&mut Port, &mut Tournament),
        wire: Wire<'_>,
    ) {
        for _ in 0..credits {
            let mut credit = Some(at);
            while let Some((buffer, leaves, waited)) = self.stop_waiting(&mut credit) {
                self.depart((sender, wakes), wire, buffer, leaves, waited);
            }
            if let Some(at) = credit {
                self.returning.push(at);
            }
        }
    }
}

impl Network {
    /// Sends a record of a task; false if there is no output buffer for it now.
    #[inline(always)]
    pub fn try_send_record(&mut self, from: TaskId, channel: ChannelId, record: &Record, now: Time) -> bool {
        let (ch, port) = (&mut self.channels[channel.index()], &mut self.ports[from.index()]);
        if !self.unbuffered || ch.local || ch.feedback {
            return self.try_send_slowly(channel, record, now);
        }
        if !port.has_room(now) {
            return false;
        }
        if let Some(arrive) = ch.send_alone(port, record, now, self.config.latency_jitter) {
            let (to, input) = (ch.to, ch.input);
            self.announce(to, input, arrive);
        }
        true
    }

    /// Sends a record that goes into a buffer with others, or stays on its node.
    #[inline(never)]
    fn try_send_slowly(&mut self, channel: ChannelId, record: &Record, now: Time) -> bool {
        let ch = &self.channels[channel.index()];
        let from = ch.from;
        if !self.unbuffered || ch.feedback {
            return self.try_send(channel, Slot::record(record), now);
        }
        if !self.has_room(from, now) {
            return false;
        }
        self.ports[from.index()].used += 1;
        let buffer = self.channels[channel.index()].hold_alone(record, now);
        self.dispatch(channel, buffer, now);
        true
    }
}
