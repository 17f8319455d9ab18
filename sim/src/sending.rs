//! How what a task has made gets onto its channels: to whom it goes, and what waits for a buffer.

use crate::channel::{Slot, WATERMARK};
use crate::graph::Ship;
use crate::ids::ChannelId;
use crate::record::Record;
use crate::state::key_group;
use crate::step::Step;
use crate::time::Time;
use crate::topology::Output;

impl Step<'_> {
    /// Sends what the operator has made.
    #[inline(always)]
    pub(crate) fn send_out(&mut self, out: &mut Vec<Record>, now: Time) {
        for record in &*out {
            self.send_one(record, now);
        }
        out.clear();
    }

    /// Sends a record on every outgoing edge. Most tasks have one, and most edges go by the key.
    #[inline(always)]
    pub(crate) fn send_one(&mut self, record: &Record, now: Time) {
        match &self.info.outputs[..] {
            [output] if output.ship == Ship::Hash => self.send_by_key(output, record, now),
            _ => self.send_record(record, now),
        }
    }

    /// Sends a record on every outgoing edge, whatever they are.
    #[inline(never)]
    fn send_record(&mut self, record: &Record, now: Time) {
        for (at, output) in self.info.outputs.iter().enumerate() {
            match output.ship {
                Ship::Hash => self.send_by_key(output, record, now),
                _ => match self.choose_receiver(at, output) {
                    Some(receiver) => self.send_to(output, receiver, record, now),
                    None => self.send_on_edge(output, Slot::record(record), now),
                },
            }
        }
    }

    /// Sends a record to the owner of its key.
    #[inline(always)]
    fn send_by_key(&mut self, output: &Output, record: &Record, now: Time) {
        let receiver = match output.channels {
            1 => 0,
            _ => output.owners[key_group(record.key, output.owners.len() as u32) as usize],
        };
        self.send_to(output, receiver, record, now);
    }

    /// Sends a record to one receiver, or keeps it until there is a buffer.
    #[inline(always)]
    fn send_to(&mut self, output: &Output, receiver: u32, record: &Record, now: Time) {
        let channel = ChannelId(output.first.0 + receiver);
        if !self.task.pending.is_empty() || !self.net.try_send_record(self.id, channel, record, now) {
            self.keep(channel, Slot::record(record), now);
        }
    }

    /// The receiver of the next record on an edge that does not go by the key; `None`: all of them.
    #[inline(never)]
    fn choose_receiver(&mut self, at: usize, output: &Output) -> Option<u32> {
        match output.ship {
            Ship::Rebalance => {
                let turn = &mut self.task.turns[at];
                let receiver = *turn;
                *turn = if receiver + 1 == output.channels { 0 } else { receiver + 1 };
                Some(receiver)
            }
            Ship::Broadcast => None,
            Ship::Forward | Ship::Hash => Some(0),
        }
    }

    /// Sends on one channel, or keeps it until there is a buffer.
    #[inline]
    fn send(&mut self, channel: ChannelId, slot: Slot, now: Time) {
        let needs_buffer = slot.tag.kind() <= WATERMARK;
        if !self.task.pending.is_empty() || (needs_buffer && !self.net.try_send(channel, slot, now)) {
            self.keep(channel, slot, now);
        } else if !needs_buffer {
            self.net.send_event(channel, slot, now);
        }
    }

    /// Sends on every channel.
    pub(crate) fn send_all(&mut self, slot: Slot, now: Time) {
        self.info.outputs.iter().for_each(|output| self.send_on_edge(output, slot, now));
    }

    /// Sends on every channel of an edge.
    pub(crate) fn send_on_edge(&mut self, output: &Output, slot: Slot, now: Time) {
        for receiver in 0..output.channels {
            self.send(ChannelId(output.first.0 + receiver), slot, now);
        }
    }

    /// Sends what waits for buffers, as far as there are any.
    pub(crate) fn send_pending(&mut self, now: Time) {
        if let Some(notes) = &mut self.net.passages {
            notes.is_sent_already = true;
        }
        while let Some(&(channel, slot)) = self.task.pending.front() {
            if slot.tag.kind() > WATERMARK {
                self.net.send_event(channel, slot, now);
            } else if !self.net.try_send(channel, slot, now) {
                break;
            }
            self.task.pending.pop_front();
        }
        if let Some(notes) = &mut self.net.passages {
            notes.is_sent_already = false;
        }
        if self.task.pending.is_empty() {
            self.note_stall(false, now);
        }
    }

    /// Keeps something until there is a buffer for it.
    #[inline(never)]
    fn keep(&mut self, channel: ChannelId, slot: Slot, now: Time) {
        if self.task.pending.is_empty() {
            self.note_stall(true, now);
        }
        self.pass_waiting(channel, &slot, now);
        self.task.pending.push_back((channel, slot));
    }
}
