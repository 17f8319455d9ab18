//! What a task does with records: it reads them, handles them, and sends what it makes of them.

use std::sync::Arc;

use cutline_sim::channel::Item;
use cutline_sim::graph::{Role, Ship};
use cutline_sim::operator::{Context, Operator};
use cutline_sim::protocol::{Input, TaskEvent, Up};
use cutline_sim::record::{Mark, Record, lineage_weight, source_lineage};
use cutline_sim::snapshot::SplitPosition;
use cutline_sim::state::key_group;
use cutline_sim::time::{MILLISECOND, NEVER, Time};

use super::channels::{Consumed, Thing};
use super::effects::TOO_OFTEN;
use super::{Reading, Status, Step, Task, Want};
use crate::messages::ChannelFrame;

/// A task may be so far behind the time that its records take: no timer is finer.
const SLACK: Time = MILLISECOND;

impl Task {
    /// Does one thing, if there is one to do.
    pub fn step(&mut self, now: Time) -> Step {
        self.now = now;
        let is_full = self.outputs.iter().any(|output| output.is_full());
        if !self.is_alive() || self.stands_still.is_some() || is_full {
            return Step::Waits(NEVER);
        }
        if self.busy_until > now.saturating_add(SLACK) {
            return Step::Waits(self.busy_until);
        }
        if self.inputs.is_empty() {
            let due = self.reading_due();
            if due > now {
                return Step::Waits(due);
            }
            self.read_record();
            return Step::Acted;
        }
        let inputs = self.inputs.len();
        let next = (0..inputs).map(|at| (self.turn + at) % inputs).find(|&at| self.inputs[at].has_work());
        let Some(input) = next else { return Step::Waits(NEVER) };
        if self.is_held_up(input as Input) {
            let is_hopeless = self.forced >= TOO_OFTEN;
            return if is_hopeless { Step::Waits(NEVER) } else { Step::Acted };
        }
        let Some(consumed) = self.inputs[input].consume() else { return Step::Waits(NEVER) };
        let is_item = matches!(consumed.thing, Thing::Item(_));
        if consumed.credit || !is_item {
            self.turn = (input + 1) % inputs; // they take turns, a frame each
        } else {
            self.turn = input;
        }
        self.take(input as Input, consumed);
        Step::Acted
    }

    /// Finds the place in its input from which a source goes on, or begins.
    pub(super) fn find_place_in_input(&mut self, is_new: bool) {
        let topology = Arc::clone(&self.job.topology);
        let Role::Source(input) = topology.role(self.id) else { return };
        if is_new {
            let (subtask, parallelism) = (self.info().subtask, self.operator().parallelism);
            let mine = (0..input.splits()).filter(|split| split % parallelism == subtask);
            let begin =
                |split| SplitPosition { split, offset: input.start(split), event_time: 0, ended: false };
            self.splits = mine.map(|split| Reading { at: begin(split), next: None }).collect();
        }
        for split in &mut self.splits {
            split.next = input.read(split.at.split, split.at.offset);
            split.at.ended = split.next.is_none();
        }
        self.choose_split();
    }

    fn choose_split(&mut self) {
        let due = |at: &usize| self.splits[*at].next.map_or(NEVER, |entry| entry.record.event_time);
        self.split = (0..self.splits.len()).min_by_key(|at| (due(at), *at)).unwrap_or(0);
    }

    fn reading_due(&self) -> Time {
        if self.paused || self.status != Status::Running {
            return NEVER;
        }
        let next = self.splits.get(self.split).and_then(|split| split.next);
        next.map_or(NEVER, |entry| entry.record.event_time)
    }

    fn read_record(&mut self) {
        let topology = Arc::clone(&self.job.topology);
        let Role::Source(input) = topology.role(self.id) else { return };
        let origin = self.info().origin;
        let Some(split) = self.splits.get_mut(self.split) else { return };
        let Some(entry) = split.next else { return };
        let mut record = entry.record;
        record.lineage = source_lineage(origin, split.at.split, split.at.offset);
        split.at.offset = entry.next;
        split.at.event_time = split.at.event_time.max(record.event_time);
        split.next = input.read(split.at.split, entry.next);
        split.at.ended = split.next.is_none();
        self.count(&record, 0);
        self.send_record(&record);
        self.ask_if_due(record.event_time);
        self.choose_split();
        let going_on = self.splits.iter().filter(|split| !split.at.ended);
        match going_on.map(|split| split.at.event_time).min() {
            Some(seen) => {
                let next = self.watermark + topology.config.watermark_interval;
                let watermark = seen.saturating_sub(input.disorder() + 1);
                if watermark >= next {
                    self.watermark = watermark;
                    self.send_all(Item::Watermark(watermark));
                }
            }
            None => {
                self.send_all(Item::Watermark(NEVER));
                self.end_if_done();
            }
        }
    }

    /// Asks for a checkpoint where the configuration says so.
    fn ask_if_due(&mut self, event_time: Time) {
        let config = &self.job.topology.config.checkpointing;
        self.since_request += 1;
        let counted = config.every_records > 0 && self.since_request >= config.every_records;
        let marked = config.at_records.get(self.marked).is_some_and(|&time| time <= event_time);
        if counted || marked {
            self.since_request = 0;
            self.marked += usize::from(marked);
            self.wants.push(Want::Tell(Up::Request, None));
        }
    }

    /// One more record counts, and takes its time.
    fn count(&mut self, record: &Record, port: u32) {
        self.handled.0 += 1;
        self.handled.1 = self.handled.1.wrapping_add(lineage_weight(record.lineage, port));
        let service = self.operator().service;
        let takes = service.record.saturating_add(service.kib * u64::from(record.size) / 1024);
        self.busy_until = self.busy_until.max(self.now).saturating_add(takes);
    }

    /// Something has arrived.
    pub(super) fn arrive(&mut self, input: Input, frame: ChannelFrame) {
        let Some(inbound) = self.inputs.get_mut(input as usize) else { return };
        let mark = match frame {
            ChannelFrame::Mark(mark, began) => {
                self.began.entry(mark.id()).or_insert(began);
                Some(mark)
            }
            _ => None,
        };
        let closes = frame == ChannelFrame::Close;
        match inbound.arrive(frame) {
            Ok(None) => {}
            Ok(Some(wrong)) => self.wants.push(Want::Disorder(input, wrong)),
            Err(wrong) => return self.wants.push(Want::Senseless(input, wrong)),
        }
        if !self.cut.hooks().arrivals {
            return;
        }
        if let Some(mark) = mark {
            self.tell_cut(TaskEvent::Arrived(input, mark));
            if let Mark::Cut(id) = mark {
                self.end_captures(input, |other| other == id);
            }
        } else if closes {
            self.end_captures(input, |_| true);
        }
        self.seal();
    }

    /// Handles what was taken out of an input.
    fn take(&mut self, input: Input, consumed: Consumed) {
        match consumed.thing {
            Thing::Item(item) => {
                self.take_tag(input);
                self.capture_item(input, item);
                self.take_item(input, item);
                if consumed.credit {
                    self.wants.push(Want::Credit(input));
                }
            }
            Thing::Mark(mark, _) => {
                self.tell_cut(TaskEvent::Reached(input, mark));
                if let Mark::Cut(id) = mark {
                    self.drop_captures(input, |other| other == id);
                }
                self.seal();
            }
            Thing::Close => {
                self.open.remove(input);
                self.tell_cut(TaskEvent::InputEnded(input));
                self.drop_captures(input, |_| true);
                self.seal();
            }
        }
    }

    fn take_item(&mut self, input: Input, item: Item) {
        match item {
            Item::Record(record) => self.handle(input, &record),
            Item::Watermark(time) => self.advance_watermark(input, time),
            Item::End => {
                let is_first = self.ended_inputs.insert(input);
                self.wants.push(Want::EndConsumed(input));
                self.advance_watermark(input, NEVER);
                self.end_if_done();
                if is_first {
                    self.note_end_in_loop(input);
                }
                self.finish_if_done();
            }
            Item::Probe(count) => self.note_probe(input, count),
        }
    }

    fn handle(&mut self, input: Input, record: &Record) {
        let topology = Arc::clone(&self.job.topology);
        let channel = &topology.channels[self.info().inputs[input as usize].index()];
        let port = topology.port(channel);
        self.count(record, port);
        match topology.role(self.id).transform() {
            None => self.transaction.push(*record),
            Some(operator) => {
                let mut out = Vec::new();
                let mut cx = Context { state: &mut self.state, out: &mut out, watermark: self.watermark };
                operator.on_record(port, record, &mut cx);
                out.iter().for_each(|record| self.send_record(record));
            }
        }
    }

    pub(super) fn advance_watermark(&mut self, input: Input, time: Time) {
        let inbound = &mut self.inputs[input as usize];
        if time <= inbound.watermark {
            return; // at least once, it may come again after a restore
        }
        inbound.watermark = time;
        let smallest = self.inputs.iter().map(|inbound| inbound.watermark).min().unwrap_or(NEVER);
        if smallest <= self.watermark {
            return;
        }
        self.watermark = smallest;
        self.state.advance_to(smallest);
        let topology = Arc::clone(&self.job.topology);
        if let Some(operator) = topology.role(self.id).transform() {
            self.fire(operator, smallest);
        }
        self.send_all(Item::Watermark(smallest));
    }

    /// Fires the timers that are due; the last watermark closes the operator.
    fn fire(&mut self, operator: &dyn Operator, watermark: Time) {
        let mut out = Vec::new();
        while let Some(timer) = self.state.pop_timer(watermark) {
            operator.on_timer(timer, &mut Context { state: &mut self.state, out: &mut out, watermark });
            out.drain(..).for_each(|record| self.send_record(&record));
        }
        if watermark == NEVER {
            operator.on_close(&mut Context { state: &mut self.state, out: &mut out, watermark });
            out.iter().for_each(|record| self.send_record(record));
        }
    }

    /// Sends a record on every outgoing edge.
    fn send_record(&mut self, record: &Record) {
        let topology = Arc::clone(&self.job.topology);
        let mut first = 0;
        for (at, edge) in topology.tasks[self.id.index()].outputs.iter().enumerate() {
            let channels = edge.channels as usize;
            let chosen = match edge.ship {
                Ship::Hash => {
                    let group = key_group(record.key, edge.owners.len() as u32);
                    let owner = edge.owners[group as usize] as usize;
                    owner..owner + 1
                }
                Ship::Rebalance => {
                    let turn = self.turns[at] as usize;
                    self.turns[at] = ((turn + 1) % channels.max(1)) as u32;
                    turn..turn + 1
                }
                Ship::Forward => 0..1,
                Ship::Broadcast => 0..channels,
            };
            for output in chosen {
                self.send(first + output, Item::Record(*record));
            }
            first += channels;
        }
    }

    /// Sends an item on every channel.
    pub(super) fn send_all(&mut self, item: Item) {
        (0..self.outputs.len()).for_each(|output| self.send(output, item));
    }

    pub(super) fn send(&mut self, output: usize, item: Item) {
        self.outputs[output].push(Thing::Item(item));
        self.sent_to.insert(self.receivers[output].0);
    }
}
