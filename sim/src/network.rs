//! The data plane: all channels, and at every task the *port* through which it meets them.
//!
//! A port is what others may touch of a task: the arrival of the front of each of its inputs (the sender lowers it), and
//! its pool of output buffers (receivers release them). Everything one task does to another takes at least 1 ns of
//! virtual time, so a task may run ahead of others by the smallest latency of what could reach it.
//!
//! Flow control is Flink's: a remote channel has exclusive credits, one per buffer at the receiver; a buffer needs one to
//! depart, and it comes back when the receiver has consumed the buffer. A gate's floating buffers go, one at a time, to a
//! channel whose consumed buffer had waited for a credit, and return when one had not. A local channel has no buffers at
//! the receiver: the sender's buffer is free again when it has been consumed. Not modelled: floating buffers are granted
//! when a buffer is consumed, not already when one arrives; all outgoing edges of a task share one pool.

mod alone;
mod departure;
mod flusher;
mod overtaking;
mod port;

use std::hash::{Hash, Hasher};

use crate::channel::{CLOSE, Channel, Consumed, Flush, Item, Slot, Tag, WATERMARK, Waiting};
use crate::config::NetworkConfig;
use crate::ids::{Attempt, ChannelId, TaskId};
use crate::log::Log;
use crate::passage::Notes;
use crate::piggyback::Runs;
use crate::reusable;
use crate::ring::Ring;
use crate::time::{NEVER, Time};
use crate::tournament::Tournament;
pub(crate) use departure::Wire;
use overtaking::Leaving;
pub(crate) use port::{Notice, Port, What};

reusable! {
    /// The data plane.
    #[derive(Debug)]
    pub(crate) struct Network {
        pub channels: Vec<Channel>,
        pub ports: Vec<Port>,
        /// When each task acts next.
        pub wakes: Tournament,
        pub config: NetworkConfig,
        /// True if every record is sent at once, on wires without a limit, and nobody looks out for one: most is then known
        /// at the moment of sending.
        pub unbuffered: bool,
        /// For each channel what was sent and has not left yet, oldest first; empty unless arrivals matter.
        pub leaving: Vec<Ring<Leaving>>,
        /// True if the sender is told when a mark leaves.
        pub departures: bool,
        /// For each channel what was sent and is not durable; empty unless the strategy has everything logged.
        pub logs: Vec<Log>,
        /// For each channel the tags of what is in it; empty unless the strategy piggybacks any.
        pub tags: Vec<Runs>,
        /// True if somebody takes note of every item that is sent.
        pub noting: bool,
        /// The item to look out for: the n-th on a channel; and the last one that was it.
        pub watch: Option<(ChannelId, u64)>,
        pub watched: Option<Slot>,
        /// What has gone through channels, if anybody wants to know; it is past.
        pub passages: Option<Notes>,
    }
}

impl Network {
    /// Hashes the port of a task, and the channels that lead to it.
    pub fn hash_wires<H: Hasher>(&self, task: TaskId, inputs: &[ChannelId], into: &mut H) {
        self.ports[task.index()].hash(into);
        for channel in inputs.iter().map(|channel| channel.index()) {
            self.channels[channel].hash(into);
            (self.leaving.get(channel), self.logs.get(channel), self.tags.get(channel)).hash(into);
        }
    }

    /// Hashes what channels do not forget when they are emptied: see [`Network::reset`].
    pub fn hash_what_stays<H: Hasher>(&self, channels: &[ChannelId], into: &mut H) {
        for channel in channels {
            let Channel { latency, slowed, key, .. } = &self.channels[channel.index()];
            (latency, slowed, key).hash(into);
        }
    }

    /// Becomes another one in the port of a task and the channels that lead to it.
    pub fn copy_wires(&mut self, from: &Network, task: TaskId, inputs: &[ChannelId]) {
        self.ports[task.index()].clone_from(&from.ports[task.index()]);
        for channel in inputs.iter().map(|channel| channel.index()) {
            self.channels[channel].clone_from(&from.channels[channel]);
            // None of them, or one for each channel.
            if let Some(leaving) = self.leaving.get_mut(channel) {
                leaving.clone_from(&from.leaving[channel]);
            }
            if let Some(log) = self.logs.get_mut(channel) {
                log.clone_from(&from.logs[channel]);
            }
            if let Some(tags) = self.tags.get_mut(channel) {
                tags.clone_from(&from.tags[channel]);
            }
        }
    }

    /// Becomes another one in everything but the wires of tasks.
    pub fn copy_rest(&mut self, from: &Network) {
        let Network {
            // See `copy_wires`.
            channels: _,
            ports: _,
            leaving: _,
            logs: _,
            tags: _,
            wakes,
            config,
            unbuffered,
            departures,
            noting,
            watch,
            watched,
            passages: _,
        } = from;
        self.wakes.clone_from(wakes);
        self.config.clone_from(config);
        (self.unbuffered, self.departures, self.noting) = (*unbuffered, *departures, *noting);
        (self.watch, self.watched) = (*watch, *watched);
    }

    /// Hashes everything but the wires of tasks.
    pub fn hash_rest<H: Hasher>(&self, into: &mut H) {
        let Network {
            // See `hash_wires`.
            channels: _,
            ports: _,
            leaving: _,
            logs: _,
            tags: _,
            wakes,
            config,
            unbuffered,
            departures,
            noting,
            watch,
            watched,
            passages: _,
        } = self;
        (wakes, config, unbuffered, departures, noting, watch, watched).hash(into);
    }

    /// True if the task may open one more output buffer now.
    #[inline]
    fn has_room(&mut self, task: TaskId, now: Time) -> bool {
        self.ports[task.index()].has_room(now)
    }

    /// True if the strategy has everything that is sent logged.
    #[inline]
    pub fn logs_sent(&self) -> bool {
        !self.logs.is_empty()
    }

    /// When the task may look for a free buffer again; [`NEVER`] if nobody knows yet (then it will be woken).
    pub fn room_at(&self, task: TaskId) -> Time {
        let port = &self.ports[task.index()];
        port.releases.front().copied().unwrap_or(NEVER)
    }

    /// Sends a record or a watermark; false if there is no output buffer for it now.
    #[inline(never)]
    pub fn try_send(&mut self, channel: ChannelId, slot: Slot, now: Time) -> bool {
        let ch = &self.channels[channel.index()];
        let from = ch.from;
        let bytes = slot.record.size.saturating_add(self.ports[from.index()].tag_bytes);
        let fits = ch.open_slots > 0 && ch.open_bytes.saturating_add(bytes) <= self.config.buffer_bytes;
        if !fits {
            if ch.feedback {
                self.send_back(channel, slot, now);
                return true;
            }
            if !self.has_room(from, now) {
                return false;
            }
            self.close_buffer(channel, now);
        }
        let ch = &mut self.channels[channel.index()];
        ch.append(slot);
        if ch.open_slots == 0 {
            self.ports[from.index()].used += 1;
        }
        ch.open_slots += 1;
        ch.open_bytes = ch.open_bytes.saturating_add(bytes);
        if self.config.buffer_timeout == 0 || ch.open_bytes >= self.config.buffer_bytes {
            self.close_buffer(channel, now);
        } else if ch.flush == Flush::No {
            ch.flush = Flush::Next;
            self.ports[from.index()].open.push(channel);
            self.visit(from, now);
        }
        if self.noting {
            self.note_sent(channel, slot);
            self.pass_sent(channel, &slot, now);
        }
        true
    }

    /// Sends a record or a watermark over a feedback edge: it departs at once.
    fn send_back(&mut self, channel: ChannelId, slot: Slot, now: Time) {
        self.channels[channel.index()].append(slot);
        let bytes = slot
            .record
            .size
            .saturating_add(self.ports[self.channels[channel.index()].from.index()].tag_bytes);
        let alone = Waiting { slots: 1, bytes, ready: now, needs_credit: false };
        self.depart(channel, alone, now, false);
        if self.noting {
            self.note_sent(channel, slot);
            self.pass_sent(channel, &slot, now);
        }
    }

    /// The newest item of a channel: it is logged, looked out for, and the price of its tag is paid.
    #[inline(never)]
    fn note_sent(&mut self, channel: ChannelId, slot: Slot) {
        let number = self.channels[channel.index()].sent.count;
        if self.watch == Some((channel, number)) {
            self.watched = Some(slot);
        }
        if let (Some(log), Some(item)) = (self.logs.get_mut(channel.index()), Item::of(&slot)) {
            log.push(number, item);
        }
        if let Some(tags) = self.tags.get(channel.index()) {
            let ch = &self.channels[channel.index()];
            let port = &mut self.ports[ch.from.index()];
            port.piggybacked += u64::from(port.tag_bytes);
            if number > tags.snapshot_at {
                port.sent_to.insert(ch.to.0);
            }
        }
    }

    /// Sends an event: a mark, an end, a close or a probe. It closes the buffer before it and needs none itself.
    pub fn send_event(&mut self, channel: ChannelId, slot: Slot, now: Time) {
        self.close_buffer(channel, now);
        let ch = &mut self.channels[channel.index()];
        ch.append(slot);
        if self.noting && slot.tag.counts() {
            self.note_sent(channel, slot);
        }
        self.pass_sent(channel, &slot, now);
        let ch = &mut self.channels[channel.index()];
        let event = Waiting { slots: 1, bytes: 0, ready: now, needs_credit: false };
        match ch.waiting.is_empty() {
            true => self.depart(channel, event, now, false),
            false => ch.waiting.push(event),
        }
    }

    /// Closes the buffer that is being filled, if there is one: it departs as soon as there is a credit.
    pub fn close_buffer(&mut self, channel: ChannelId, now: Time) {
        let ch = &mut self.channels[channel.index()];
        if ch.open_slots == 0 {
            return;
        }
        ch.end_buffer();
        let buffer = Waiting { slots: ch.open_slots, bytes: ch.open_bytes, ready: now, needs_credit: true };
        ch.open_slots = 0;
        ch.open_bytes = 0;
        if ch.flush == Flush::Asked {
            ch.flush = Flush::Next; // what was asked for is done; the next buffer waits for the flusher anew
            let from = ch.from;
            self.visit(from, now);
        }
        self.dispatch(channel, buffer, now);
    }

    /// A closed buffer departs as soon as there is a credit.
    #[inline(always)]
    fn dispatch(&mut self, channel: ChannelId, buffer: Waiting, now: Time) {
        let ch = &mut self.channels[channel.index()];
        if ch.local {
            if self.config.buffer_timeout > 0 {
                ch.collect(now);
                ch.credits += 1;
            }
            self.depart(channel, buffer, now, false);
        } else if let Some(credit) = ch.take_credit(now) {
            // Credits without a buffer and buffers without a credit never exist at once.
            self.depart(channel, buffer, credit, credit > now);
        } else {
            ch.waiting.push(buffer);
        }
    }

    /// Puts the next buffer on the wire.
    #[inline(always)]
    fn depart(&mut self, channel: ChannelId, buffer: Waiting, not_before: Time, waited: bool) {
        let ch = &mut self.channels[channel.index()];
        let (from, to, input) = (ch.from, ch.to, ch.input);
        let wire = Wire { config: &self.config, departures: self.departures };
        let sender = (&mut self.ports[from.index()], &mut self.wakes);
        let (starts, arrive) = ch.depart(sender, wire, buffer, not_before, waited);
        if let Some(arrive) = arrive {
            self.announce(to, input, arrive);
        }
        if !self.leaving.is_empty() {
            self.note_departure(channel, buffer, starts);
        }
    }

    /// A mark or a close will arrive.
    fn expect_mark(&mut self, channel: ChannelId, slot: &Slot) {
        let ch = &self.channels[channel.index()];
        let what = if slot.tag.kind() == CLOSE { What::Close } else { What::Arrival(slot.to_mark()) };
        self.expect(ch.to, Notice { time: slot.arrive, channel, what });
    }

    /// The receiver has consumed the end: the sender will know.
    pub fn confirm_end(&mut self, channel: ChannelId, now: Time) {
        let ch = &self.channels[channel.index()];
        let time = ch.back_at(now);
        self.expect(ch.from, Notice { time, channel, what: What::EndConsumed });
    }

    fn expect(&mut self, task: TaskId, notice: Notice) {
        let port = &mut self.ports[task.index()];
        // Those of one channel come in the order in which they stand there.
        let at = port
            .notices
            .partition_point(|other| (other.time, other.channel) <= (notice.time, notice.channel));
        port.notices.insert(at, notice);
        // It is noticed by a task that waits for a buffer, too.
        let wake = if port.free_at == NEVER { notice.time } else { notice.time.max(port.free_at) };
        self.wakes.lower(task.0, wake);
    }

    /// The log of a channel begins at the restore: behind everything sent, if that is in the store. Otherwise what stands in
    /// the channel comes from elsewhere, and no snapshot of this job holds it yet.
    pub fn begin_log(&mut self, channel: ChannelId, is_stored: bool) {
        let (ch, log) = (&self.channels[channel.index()], &mut self.logs[channel.index()]);
        let held = if is_stored { 0 } else { u64::from(ch.slots.len()) };
        let first = ch.sent.count.saturating_sub(held);
        log.begin(first);
        let items = (0..ch.slots.len()).filter_map(|at| ch.slots.get(at)).filter_map(Item::of);
        if !is_stored {
            (first + 1..).zip(items).for_each(|(number, item)| log.push(number, item));
        }
    }

    /// Tells a task that something arrives on one of its empty inputs.
    #[inline]
    fn announce(&mut self, to: TaskId, input: u32, arrive: Time) {
        if let Some(wake) = self.ports[to.index()].expect_front(input, arrive) {
            self.wakes.lower(to.0, wake);
        }
    }

    /// The front of a channel, if there is one.
    #[inline(always)]
    pub fn front(&self, channel: ChannelId) -> Option<&Slot> {
        self.channels[channel.index()].slots.front()
    }

    /// Takes the front of an input, which has this tag and has arrived, out of its channel. Says also to which port of the
    /// operator the channel leads.
    pub fn consume(
        &mut self,
        (to, input): (TaskId, u32),
        channel: ChannelId,
        front: Tag,
        weight: u64,
        now: Time,
    ) -> (u32, Consumed) {
        let ch = &mut self.channels[channel.index()];
        let consumed = ch.consume(front, weight, now);
        let heads = &mut self.ports[to.index()].heads;
        let is_buffer = front.is_last() || front.kind() > WATERMARK;
        let since = if is_buffer { now } else { heads.key(input) };
        heads.set(input, ch.head().max(since));
        (ch.port, consumed)
    }

    /// The receiver has consumed a buffer.
    pub fn recycle(&mut self, channel: ChannelId, now: Time, waited: bool) {
        let ch = &mut self.channels[channel.index()];
        let back = ch.back_at(now);
        if ch.local {
            let (from, asked) = (ch.from, ch.flush == Flush::Asked);
            if self.config.buffer_timeout > 0 {
                ch.returning.push(back);
            }
            if asked {
                self.flush_from(channel);
            }
            return self.ports[from.index()].release(from, back, &mut self.wakes);
        }
        for _ in 0..self.ports[ch.to.index()].credits_for(ch, waited) {
            self.credit(channel, back);
        }
    }

    /// A credit reaches the sender at an instant that is not before its clock: what waits longest goes with it, and what follows without
    /// need of one.
    #[inline(always)]
    fn credit(&mut self, channel: ChannelId, at: Time) {
        let mut credit = Some(at);
        while let Some((buffer, leaves, waited)) = self.channels[channel.index()].stop_waiting(&mut credit) {
            self.depart(channel, buffer, leaves, waited);
        }
        let ch = &mut self.channels[channel.index()];
        if let Some(at) = credit {
            ch.returning.push(at);
        }
        if ch.flush == Flush::Asked {
            self.flush_from(channel);
        }
    }

    /// Blocks an input.
    pub fn block(&mut self, task: TaskId, input: u32) {
        let port = &mut self.ports[task.index()];
        if port.blocked.insert(input) {
            port.heads.set(input, NEVER);
        }
    }

    /// Unblocks an input.
    pub fn unblock(&mut self, task: TaskId, input: u32, channel: ChannelId, now: Time) {
        let port = &mut self.ports[task.index()];
        if port.blocked.remove(input) {
            port.heads.set(input, self.channels[channel.index()].head().max(now));
        }
    }

    /// Recomputes the arrivals of a task that starts: its inputs may hold things already.
    pub fn open_inputs(&mut self, task: TaskId, inputs: &[ChannelId]) {
        let port = &mut self.ports[task.index()];
        port.blocked.clear();
        for (input, channel) in inputs.iter().enumerate() {
            port.heads.set(input as u32, self.channels[channel.index()].head());
        }
    }

    /// Nothing wakes this task any more, and its output flusher stands still.
    pub fn silence(&mut self, task: TaskId) {
        let port = &mut self.ports[task.index()];
        port.free_at = NEVER;
        port.flush_at = NEVER;
        port.tick_at = NEVER;
        port.starved = false;
        self.wakes.set(task.0, NEVER);
    }

    /// Collects all buffers and credits that have come back by now, which senders do when they need them.
    pub fn collect(&mut self, now: Time) {
        self.ports.iter_mut().for_each(|port| port.collect(now));
        for channel in &mut self.channels {
            match channel.local {
                true => channel.collect(now),
                false => channel.collect_credits(now),
            }
        }
    }

    /// Empties everything for a new attempt; nothing that is sent takes less time than `least`.
    pub fn reset(&mut self, attempt: Attempt, same_node: impl Fn(TaskId, TaskId) -> bool, least: Time) {
        let config = &self.config;
        for channel in &mut self.channels {
            channel.local = same_node(channel.from, channel.to);
            channel.latency = if channel.local { config.local_latency } else { config.latency }.max(least);
            channel.reset(attempt, config.exclusive_buffers.max(1));
        }
        self.leaving.iter_mut().for_each(Ring::clear);
        self.logs.iter_mut().for_each(|log| log.begin(0));
        self.tags.iter_mut().for_each(|tags| tags.begin(Vec::new()));
        self.ports.iter_mut().for_each(Port::reset);
        self.wakes.reset();
    }
}
