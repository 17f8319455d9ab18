//! Records that travel alone: where every record is a buffer of its own, what a buffer would do is done at once.

use super::{Network, Port, Wire};
use crate::channel::{Channel, Slot, Waiting};
use crate::ids::{ChannelId, TaskId};
use crate::record::Record;
use crate::time::{NEVER, Time};
use crate::tournament::Tournament;

/// What became of a record that was sent alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the channel, behind others.
    Behind,
    /// It is the front of the channel, and arrives then.
    First(Time),
}

impl Channel {
    /// Sends a record that is a buffer of its own. The sender has room for it; the channel is neither local nor on a feedback edge.
    ///
    /// With a credit it is on the wire at once. Without one it takes an output buffer until a credit comes back. When that will be is
    /// known already, and so is when the record leaves and arrives; or else it waits.
    #[inline(always)]
    pub fn send_alone(&mut self, port: &mut Port, record: &Record, now: Time, jitter: Time) -> Sent {
        let waits = !self.has_credit(now);
        let mut not_before = now;
        if waits {
            port.used += 1;
            match self.returning.pop() {
                Some(credit) => not_before = credit,
                None => return self.wait_alone(record, now),
            }
        } else {
            self.credits -= 1;
        }
        self.wire_free = self.wire_free.max(not_before);
        if waits {
            port.free_later(self.wire_free);
        }
        let arrive = self.arrival(self.wire_free, jitter);
        if self.append_alone(record, arrive, waits) { Sent::First(arrive) } else { Sent::Behind }
    }

    /// Nobody knows yet when there will be a credit for a record.
    #[inline(never)]
    fn wait_alone(&mut self, record: &Record, now: Time) -> Sent {
        self.append_alone(record, NEVER, false);
        self.held += 1;
        self.waiting.push(Waiting { slots: 1, bytes: record.size, ready: now, needs_credit: true });
        Sent::Behind
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
        let has_room = port.has_room(now);
        if has_room && let Sent::First(arrive) = ch.send_alone(port, record, now, self.config.latency_jitter)
        {
            let (to, input) = (ch.to, ch.input);
            self.announce(to, input, arrive);
        }
        has_room
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
        let ch = &mut self.channels[channel.index()];
        self.ports[from.index()].used += 1;
        ch.append_alone(record, NEVER, false);
        ch.held += 1;
        self.dispatch(channel, Waiting { slots: 1, bytes: record.size, ready: now, needs_credit: true }, now);
        true
    }
}
