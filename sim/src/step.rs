//! What a task does: the mailbox loop.
//!
//! At every instant a task does the first of these that is due: finish the record it is handling, open a letter, notice what
//! has arrived (a mark, if the strategy asks for it; that a receiver has consumed the end), send what it could not send for
//! want of buffers, handle the next thing on its inputs (they take turns, a buffer each; first goes the one that has waited longest). A record is never interrupted;
//! a full output keeps the task from handling any, and that is all backpressure is. The output flusher works beside it.
//!
//! A task acts on its own up to a horizon, the instant before which nothing new can reach it (see
//! [`World`](crate::world::World)): everything it reads at an instant is known by then, so how far the horizon lies never
//! changes what it does.

use crate::channel::{CANCEL, CLOSE, CUT, Consumed, END, PROBE, RECORD, Slot, Tag, WATERMARK};
use crate::config::CheckpointMode;
use crate::erased::Protocol;
use crate::event::{Event, chain};
use crate::graph::{OperatorSpec, Role, SinkMode};
use crate::ids::{ChannelId, CheckpointId, TaskId};
use crate::network::{Network, Notice, What};
use crate::operator::{Context, Operator};
use crate::protocol::{Input, READING, TaskEvent};
use crate::random::{below, draw};
use crate::record::{Mark, Record};
use crate::shared::Shared;
use crate::task::{Marks, Status, Task};
use crate::time::{FAR, NEVER, Time};
use crate::topology::{TaskInfo, Topology};

/// One task, acting.
pub(crate) struct Step<'a> {
    pub id: TaskId,
    pub task: &'a mut Task,
    pub net: &'a mut Network,
    pub shared: &'a mut Shared,
    pub protocol: &'a mut dyn Protocol,
    pub topology: &'a Topology,
    pub info: &'a TaskInfo,
    pub operator: &'a OperatorSpec,
    /// What it computes, if it is neither a source nor a sink.
    pub transform: Option<&'a dyn Operator>,
    /// It must not act at this instant or later.
    pub horizon: Time,
}

impl Step<'_> {
    /// Acts until the horizon.
    pub fn run(mut self) {
        loop {
            if self.info.inputs.is_empty() {
                self.read_records();
            } else {
                self.handle_records();
            }
            let flush_at = self.net.ports[self.id.index()].flush_at;
            let act_at = self.next_action();
            // One that wakes itself over and over must not go on for ever: see `bounds.steps`.
            let too_much = self.shared.steps > self.topology.config.bounds.steps;
            if flush_at.min(act_at) >= self.horizon || too_much {
                return self.sleep(flush_at.min(act_at));
            }
            if flush_at <= act_at {
                self.net.flush(self.id, flush_at);
                continue;
            }
            self.act(act_at, flush_at);
        }
    }

    /// Handles records one after the other, for as long as nothing but records is due: the rest of the loop in short.
    #[inline(always)]
    fn handle_records(&mut self) {
        let task = &*self.task;
        // What is captured, brings a tag, or is to be noted is looked at one by one.
        let looks = !task.captures.is_empty() || !self.net.tags.is_empty() || self.net.passages.is_some();
        if looks || task.serving.is_some() || !task.status.is_alive() {
            return;
        }
        let port = &self.net.ports[self.id.index()];
        if port.heads.first().0.max(task.clock) >= self.horizon.min(port.flush_at) {
            return;
        }
        let mut out = std::mem::take(&mut self.shared.scratch);
        self.handle_records_with(&mut out);
        self.shared.scratch = out;
    }

    #[inline(never)]
    fn handle_records_with(&mut self, out: &mut Vec<Record>) {
        let urgent_at = self.urgent_at();
        let fixed = self.fixed_service();
        let lane = fixed.zip(self.lane());
        while self.task.pending.is_empty() {
            let end = self.horizon.min(self.net.ports[self.id.index()].flush_at);
            if let Some((service, lane)) = lane {
                self.go_along(lane, service, (end.min(urgent_at), end), out);
                if !out.is_empty() {
                    self.send_out(out, self.task.clock);
                    continue;
                }
            }
            let port = &mut self.net.ports[self.id.index()];
            let (arrive, input) = port.heads.first();
            let start = arrive.max(self.task.clock);
            if start >= end.min(urgent_at) {
                return;
            }
            let channel = self.info.inputs[input as usize];
            let ch = &mut self.net.channels[channel.index()];
            let Some(front) = ch.slots.front() else { return };
            if front.tag.kind() != RECORD {
                return;
            }
            let (record, tag) = (front.record, front.tag);
            let until = start
                + match fixed {
                    Some(time) => time,
                    None => service_time(self.operator, self.task, self.shared, self.id, record.size),
                };
            if until >= end {
                self.task.clock = start;
                self.task.serving = Some((input, until));
                return;
            }
            let consumed = ch.consume(tag, record.lineage, until);
            // The rest of a buffer is consumed before the channel takes its turn again.
            let since = if tag.is_last() { until } else { arrive };
            port.heads.set(input, ch.head().max(since));
            let leads_to = ch.port;
            self.handle((channel, input, leads_to), &record, (tag, consumed), out, until);
        }
    }

    /// When the task itself acts next; [`NEVER`] if that depends on others.
    #[inline]
    pub(crate) fn next_action(&self) -> Time {
        let task = &*self.task;
        if task.status.is_dead() {
            return NEVER;
        }
        if let Some((_, until)) = task.serving {
            return until;
        }
        if !task.pending.is_empty() {
            return self.net.room_at(self.id).min(self.urgent_at()).max(task.clock);
        }
        let work = match task.status {
            Status::Running | Status::Ended if self.info.inputs.is_empty() => self.task.reading_due(),
            Status::Running | Status::Ended => self.net.ports[self.id.index()].heads.first().0,
            _ => NEVER,
        };
        work.min(self.urgent_at()).max(task.clock)
    }

    /// When something comes that goes before records, also while the output is full: a letter, or a mark that is noticed as it
    /// arrives.
    #[inline]
    pub(crate) fn urgent_at(&self) -> Time {
        let mail_at = self.task.mail_at();
        if self.task.status.is_alive() {
            mail_at.min(self.net.ports[self.id.index()].notice_at())
        } else {
            mail_at
        }
    }

    /// Nothing more to do before `wake`.
    pub(crate) fn sleep(&mut self, wake: Time) {
        let port = &mut self.net.ports[self.id.index()];
        port.starved = !self.task.pending.is_empty();
        port.free_at = match self.task.serving {
            Some((_, until)) => until,
            None if port.starved => NEVER,
            None => self.task.clock,
        };
        self.net.wakes.set(self.id.0, wake);
    }

    #[inline]
    fn act(&mut self, now: Time, flush_at: Time) {
        assert!(now >= self.task.clock, "time went back in {}", self.topology.task_name(self.id));
        self.task.clock = now;
        if let Some((input, _)) = self.task.serving.take() {
            self.finish_record(input, now);
        } else if self.task.mail_at() <= now {
            self.open_letter(now);
        } else if self.urgent_at() <= now {
            self.notice(0, now);
        } else if !self.task.pending.is_empty() {
            self.send_pending(now);
        } else {
            self.take_input(now, flush_at);
        }
    }

    /// Handles the next thing on the inputs, or begins to, if it is a record that takes time.
    #[inline]
    fn take_input(&mut self, now: Time, flush_at: Time) {
        let first = if self.info.inputs.is_empty() {
            READING
        } else {
            self.net.ports[self.id.index()].heads.first().1
        };
        self.take(first, now, flush_at);
    }

    /// Handles the next thing on an input, or begins to.
    #[inline]
    pub(crate) fn take(&mut self, input: Input, now: Time, flush_at: Time) {
        let size = if input == READING {
            let next = self.task.splits[self.task.split].next;
            next.map_or(0, |entry| entry.record.size)
        } else {
            let channel = self.info.inputs[input as usize];
            let front = self.net.front(channel).copied().unwrap_or_default();
            if front.tag.kind() != RECORD {
                return self.take_control(input, now);
            }
            if self.is_held_up(channel, now) {
                return;
            }
            front.record.size
        };
        let until = now + self.service(size);
        if until < self.horizon && until < flush_at {
            self.task.clock = until;
            self.finish_record(input, until);
        } else {
            self.task.serving = Some((input, until));
        }
    }

    /// How long a record takes, if that depends neither on its size nor on chance nor on a fault.
    #[inline]
    pub(crate) fn fixed_service(&self) -> Option<Time> {
        let service = &self.operator.service;
        let fixed = service.kib == 0 && service.jitter == 0 && self.shared.slow_tasks.is_empty();
        fixed.then_some(service.record)
    }

    /// How long a record of this size takes.
    #[inline]
    pub(crate) fn service(&mut self, size: u32) -> Time {
        service_time(self.operator, self.task, self.shared, self.id, size)
    }

    /// The record that the task was busy with has been handled.
    pub(crate) fn finish_record(&mut self, input: Input, now: Time) {
        if input == READING {
            return self.read_record(now);
        }
        let channel = self.info.inputs[input as usize];
        let mut out = std::mem::take(&mut self.shared.scratch);
        if let Some(&front) = self.net.front(channel) {
            self.capture_item(input, &front);
            let (port, consumed) =
                self.net.consume((self.id, input), channel, front.tag, front.record.lineage, now);
            self.pass_taken(channel, &front, now);
            let record = front.record;
            self.take_tag(channel);
            self.handle((channel, input, port), &record, (front.tag, consumed), &mut out, now);
        }
        self.shared.scratch = out;
    }

    /// The record at the front of a channel has been handled, and taken out: its effects happen now.
    #[inline(always)]
    fn handle(
        &mut self,
        (channel, input, port): (ChannelId, Input, u32),
        record: &Record,
        (tag, consumed): (Tag, Consumed),
        out: &mut Vec<Record>,
        now: Time,
    ) {
        if consumed != Consumed::PLAINLY {
            self.settle(channel, tag, consumed, record.lineage, now);
        }
        self.shared.steps += 1;
        self.task.note_record(record, port, now);
        if self.shared.detail.records {
            self.emit(now, Event::Record { input, lineage: record.lineage });
        }
        let Some(operator) = self.transform else { return self.deliver(record, now) };
        let task = &mut *self.task;
        let mut cx = Context { state: &mut task.state, out, watermark: task.watermark };
        operator.on_record(port, record, &mut cx);
        if self.shared.detail.latencies && self.info.outputs.is_empty() {
            self.record_latency(record, now);
        }
        self.send_out(out, now);
    }

    /// What remains to do after something was taken out of a channel.
    #[inline(never)]
    fn settle(&mut self, channel: ChannelId, tag: Tag, consumed: Consumed, lineage: u64, now: Time) {
        if consumed.frees_buffer {
            self.net.recycle(channel, now, tag.has_waited());
        }
        if !consumed.in_order {
            self.note_disorder(channel, tag, lineage, now);
        }
    }

    /// A sink hands a record to the external system.
    fn deliver(&mut self, record: &Record, now: Time) {
        self.record_latency(record, now);
        match self.operator.role {
            Role::Sink(SinkMode::Transactional) => self.task.write_transaction(record, now),
            _ => self.shared.external.write(self.id, *record),
        }
    }

    /// What came is not the next item in the sender's count; it must be, also across restores. Each kind of disorder is said
    /// once per attempt. Where repetitions are allowed the count follows the sender's: so a gap behind one is seen.
    #[cold]
    fn note_disorder(&mut self, channel: ChannelId, front: Tag, lineage: u64, now: Time) {
        let received = &mut self.net.channels[channel.index()].received;
        let expected = received.count;
        let sequence = front.number_near(expected);
        let repeated = sequence < expected;
        if self.topology.config.checkpointing.mode == CheckpointMode::AtLeastOnce {
            received.count = sequence.max(expected - 1);
        }
        let said = if repeated { &mut self.task.repetition_said } else { &mut self.task.gap_said };
        if !std::mem::replace(said, true) {
            self.emit(now, Event::OrderBroken { channel, sequence, expected, repeated, lineage });
        }
    }

    #[inline]
    fn record_latency(&mut self, record: &Record, now: Time) {
        // A result without an instant of its own (a sum at the end of the input) has no latency.
        if self.shared.detail.latencies && record.event_time != NEVER {
            self.shared.latencies.push(now.saturating_sub(record.event_time));
            if self.shared.detail.course {
                self.shared.arrivals.push(now);
            }
        }
    }

    /// Handles a watermark, an end, a mark, a close or a probe.
    fn take_control(&mut self, input: Input, now: Time) {
        self.shared.steps += 1;
        let channel = self.info.inputs[input as usize];
        let Some(&slot) = self.net.front(channel) else { return };
        if slot.tag.counts() && self.is_held_up(channel, now) {
            return;
        }
        self.capture_item(input, &slot);
        let (_, consumed) = self.net.consume((self.id, input), channel, slot.tag, slot.weight(), now);
        self.pass_taken(channel, &slot, now);
        self.take_tag(channel);
        self.settle(channel, slot.tag, consumed, slot.record.lineage, now);
        self.task.chain.0 = chain(self.task.chain.0, slot.weight() ^ now);
        match slot.tag.kind() {
            WATERMARK => self.advance_watermark(input, slot.record.event_time, now),
            END => {
                self.task.ended_inputs.insert(input);
                self.net.confirm_end(channel, now);
                self.advance_watermark(input, NEVER, now);
                self.end_if_done(now);
                self.note_end_in_loop(input, now);
                self.finish_if_done(now);
            }
            PROBE => self.note_probe(input, slot.record.key, now),
            CUT | CANCEL => {
                let mark = slot.to_mark();
                self.emit_mark(input, mark, now);
                self.note_mark(mark, now);
                self.tell_protocol(TaskEvent::Reached(input, mark), now);
                self.end_captures(input, |id| mark == Mark::Cut(id));
                self.seal(now);
            }
            CLOSE => {
                self.task.open.remove(input);
                self.tell_protocol(TaskEvent::InputEnded(input), now);
                self.end_captures(input, |_| true);
                self.seal(now);
            }
            _ => {}
        }
    }

    /// A mark or a close has arrived, behind other things perhaps; or a mark has left; or a receiver has consumed the end.
    pub(crate) fn notice(&mut self, nth: usize, now: Time) {
        self.shared.steps += 1;
        let Notice { channel, what, .. } = self.net.ports[self.id.index()].notices.remove(nth);
        let input = self.net.channels[channel.index()].input;
        match what {
            What::EndConsumed => {
                self.task.confirmed += 1;
                self.finish_if_done(now);
            }
            What::Departure(id) => self.note_departure(channel, id),
            What::Close => self.end_captures(input, |_| true),
            What::Arrival(mark) => {
                self.pass_mark(channel, &Slot::mark(mark), false, now);
                self.tell_protocol(TaskEvent::Arrived(input, mark), now);
                self.end_captures(input, |id| mark == Mark::Cut(id));
            }
        }
        self.seal(now);
    }

    fn emit_mark(&mut self, input: Input, mark: Mark, now: Time) {
        if self.shared.detail.marks {
            let cancel = matches!(mark, Mark::Cancel(_));
            self.emit(now, Event::MarkReached { input, id: mark.id(), cancel });
        }
    }

    pub(crate) fn note_mark(&mut self, mark: Mark, now: Time) {
        let id = mark.id();
        let is_due = matches!(mark, Mark::Cut(_)) && self.task.newest_cut < id;
        if is_due && self.note_mark_of(id, now) && self.task.open.len() > 1 {
            self.emit(now, Event::AlignmentStarted { id });
        }
    }

    /// Remembers when this checkpoint first reached the task; true if this is the first time.
    fn note_mark_of(&mut self, id: CheckpointId, now: Time) -> bool {
        let is_first = self.task.marks.iter().all(|marks| marks.id != id);
        if is_first {
            self.task.marks.push(Marks { id, first: now, consumed: self.task.consumed });
        }
        is_first
    }

    /// Takes a watermark in; fires timers and sends it on if it moves the task's own. The last one closes the operator.
    pub(crate) fn advance_watermark(&mut self, input: Input, time: Time, now: Time) {
        let task = &mut *self.task;
        let old = task.input_watermarks[input as usize];
        if time <= old {
            return; // said before: at least once, it may come again after a restore
        }
        task.input_watermarks[input as usize] = time;
        // Only an input that was (one of) the furthest behind can move the minimum.
        if old != task.watermark {
            return;
        }
        let smallest = task.input_watermarks.iter().copied().min().unwrap_or(NEVER);
        if smallest <= task.watermark {
            return;
        }
        (task.watermark, task.state.watermark) = (smallest, smallest);
        if let Some(operator) = self.transform {
            let mut out = std::mem::take(&mut self.shared.scratch);
            while let Some(timer) = self.task.state.pop_timer(smallest) {
                let state = &mut self.task.state;
                operator.on_timer(timer, &mut Context { state, out: &mut out, watermark: smallest });
                self.send_out(&mut out, now);
            }
            if smallest == NEVER {
                let state = &mut self.task.state;
                operator.on_close(&mut Context { state, out: &mut out, watermark: smallest });
                self.send_out(&mut out, now);
            }
            self.shared.scratch = out;
        }
        self.send_all(Slot::watermark(smallest), now);
    }

    /// True if every input has delivered its end.
    pub(crate) fn has_consumed_all(&self) -> bool {
        self.task.ended_inputs.len() as usize == self.info.inputs.len()
    }

    /// After the last input has ended: sends the end behind everything that waits for a buffer, and becomes [`Status::Ended`].
    /// At once, or a snapshot in between could pause a source that has still something to say.
    pub(crate) fn end_if_done(&mut self, now: Time) {
        let done = match self.info.inputs.len() {
            0 => self.task.splits.iter().all(|split| split.at.ended),
            _ if self.info.feedback.is_empty() => self.has_consumed_all(),
            _ => self.is_loop_over(),
        };
        if done && self.task.status == Status::Running {
            self.end(now);
        }
    }

    /// Ends, whatever there may be left to read.
    pub(crate) fn end(&mut self, now: Time) {
        self.send_all(Slot::end(), now);
        self.task.become_status(Status::Ended, now);
        self.emit(now, Event::TaskEnded);
        self.ask_for_the_last_checkpoint(now);
    }
}

/// How long a record of this size takes a task.
#[inline(never)]
fn service_time(operator: &OperatorSpec, task: &mut Task, shared: &Shared, id: TaskId, size: u32) -> Time {
    let service = &operator.service;
    let mut time = service.record;
    if service.kib > 0 {
        time += (service.kib * u64::from(size >> 10) + service.kib * u64::from(size & 1023) / 1024).min(FAR);
    }
    if service.jitter > 0 {
        task.draws += 1;
        time += below(draw(shared.service_key ^ u64::from(id.0), task.draws), service.jitter + 1);
    }
    if shared.slow_tasks.is_empty() {
        return time;
    }
    time.saturating_mul(u64::from(shared.slow_tasks.get(&id).copied().unwrap_or(1))).min(FAR)
}
