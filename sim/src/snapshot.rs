//! What a task saves: its state, the position of both ends of its channels, and what its strategy captures of what is between
//! them.
//!
//! A snapshot begins with a copy of the state. It is *sealed* when nothing can be captured for it any more, at once if
//! nothing is. The state is written from the end of the synchronous part on, what was captured from the seal on, beside each
//! other; both stand in one object, which is in the store when both are. What the [backend](crate::backend) puts into files is in the
//! store before that.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::backend::{BackendCtx, Part, Saved, next_name};
use crate::channel::{Item, Position, Slot};
use crate::config::SnapshotCosts;
use crate::event::{Event, Origin, SnapshotMetrics};
use crate::external::TransactionId;
use crate::graph::OperatorSpec;
use crate::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use crate::log::Logged;
use crate::passage::Passes;
use crate::protocol::{Handle, Input, InputSet, Positions};
use crate::queue::Action;
use crate::record::Mark;
use crate::state::{ENTRY_BYTES, KeyedState};
use crate::step::Step;
use crate::store::Object;
use crate::task::{Capture, Mail, Marks, Overtaken, Reading, Status, Task, Upload};
use crate::termination::Detection;
use crate::time::{FAR, NEVER, Time};
use crate::topology::TaskInfo;

/// The replayable position of a source in one split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SplitPosition {
    /// The split.
    pub split: u32,
    /// The offset to read next.
    pub offset: u64,
    /// The largest event time read so far.
    pub event_time: Time,
    /// True at the end of the split.
    pub ended: bool,
}

/// One task's part of a checkpoint. Immutable once taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskId,
    /// The attempt in which it was taken.
    pub attempt: Attempt,
    /// The checkpoint it was taken for.
    pub id: CheckpointId,
    /// The state, or as much of it as stands in the snapshot itself.
    pub state: KeyedState,
    /// The files that hold the rest of it, oldest first: see [`backend`](crate::backend).
    pub parts: Vec<Part>,
    /// Of a source: where it is.
    pub splits: Vec<SplitPosition>,
    /// Of a source: the last watermark it sent.
    pub watermark: Time,
    /// Of a source: how many marked records have passed.
    pub marked: usize,
    /// Of a transactional sink: what is prepared and not known to be committed.
    pub pending: Vec<TransactionId>,
    /// For each outgoing edge: the receiver of the next record, where they take turns.
    pub turns: Vec<u32>,
    /// What has been consumed of each input.
    pub received: Vec<Position>,
    /// What has been sent on each output channel.
    pub sent: Vec<Position>,
    /// What was on its way to the task and is consumed first after a restore, by input: it follows `received`.
    pub captured: Vec<OnChannel>,
    /// What the task had made and is sent first after a restore, by output channel: it follows `sent`.
    pub unsent: Vec<OnChannel>,
    /// Size of those two in bytes.
    pub in_flight: u64,
    /// The log of what the task has sent, by output channel: what precedes `sent` and was in no durable snapshot. Only where
    /// everything sent is logged.
    pub logged: Vec<Logged>,
    /// Size of the log in bytes.
    pub logged_bytes: u64,
    /// The inputs that have delivered their end.
    pub ended_inputs: InputSet,
    /// True if the task had consumed all its input and sent its end.
    pub ended: bool,
    /// In a loop: what it knew of the loop's end.
    pub(crate) detection: Option<Box<Detection>>,
    /// Records handled so far.
    pub records: u64,
    /// The sum of the lineage weights of the records handled so far.
    pub lineages: u64,
    /// The durable part of the strategy's machine.
    pub durable: Vec<u8>,
    /// Size of the state in bytes, that of the files included.
    pub bytes: u64,
    /// As much of that as was written for this snapshot.
    pub written: u64,
}

/// Items that belong to a channel of a task.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OnChannel {
    /// The number of the channel among the task's inputs, or outputs.
    pub at: u32,
    /// The items, oldest first.
    pub items: Vec<Item>,
}

impl TaskSnapshot {
    /// What the task has still to send after a restore of this checkpoint. A snapshot that stands in a newer checkpoint than the
    /// one it was taken for is that of a task that had finished by then: all it had made has been sent.
    pub fn unsent_in(&self, checkpoint: CheckpointId) -> &[OnChannel] {
        if self.id == checkpoint { &self.unsent } else { &[] }
    }

    /// True if this checkpoint holds here what was on its way.
    pub fn has_in_flight(&self, checkpoint: CheckpointId) -> bool {
        !self.captured.is_empty() || !self.unsent_in(checkpoint).is_empty()
    }

    /// The bytes of it that this checkpoint needs: the state, and what was on its way.
    pub fn bytes_in(&self, checkpoint: CheckpointId) -> u64 {
        self.with_in_flight(self.bytes, checkpoint)
    }

    /// The bytes of that which were written when the snapshot was taken.
    pub fn written_in(&self, checkpoint: CheckpointId) -> u64 {
        self.with_in_flight(self.written, checkpoint)
    }

    fn with_in_flight(&self, bytes: u64, checkpoint: CheckpointId) -> u64 {
        let in_flight = if self.has_in_flight(checkpoint) { self.in_flight } else { 0 };
        bytes.saturating_add(in_flight)
    }

    /// What has been sent on an output channel, as this checkpoint has it.
    pub fn sent_in(&self, checkpoint: CheckpointId, output: u32) -> Position {
        let sent = self.sent.get(output as usize).copied().unwrap_or_default();
        let since = self.unsent.iter().filter(|unsent| unsent.at == output && self.id != checkpoint);
        since.fold(sent, |sent, unsent| sent.after(&unsent.items))
    }

    /// What had been sent and received.
    pub fn positions(&self) -> Positions {
        let counts = |positions: &[Position]| positions.iter().map(|position| position.count).collect();
        Positions { sent: counts(&self.sent), received: counts(&self.received) }
    }

    /// Puts what was on its way in the order of channels, and adds up its size.
    fn put_in_flight_in_order(&mut self) {
        self.captured.sort_by_key(|captured| captured.at);
        self.unsent.sort_by_key(|unsent| unsent.at);
        let items = self.captured.iter().chain(&self.unsent).flat_map(|part| &part.items);
        self.in_flight = items.map(Item::bytes).sum();
    }

    /// What has been received on an input, and what was captured behind that.
    pub fn received_and_captured(&self, input: u32) -> Position {
        let received = self.received.get(input as usize).copied().unwrap_or_default();
        let captured = self.captured.iter().filter(|captured| captured.at == input);
        captured.fold(received, |position, captured| position.after(&captured.items))
    }
}

/// What the writes of new files come to.
struct Written {
    bytes: u64,
    succeeds: bool,
}

/// What the backend of a task may look at: of the task its number, its attempt, and how many objects it has named.
pub(crate) fn backend_ctx<'a>(
    (task, attempt, names): (TaskId, Attempt, &'a mut u32),
    operator: &OperatorSpec,
    costs: &'a SnapshotCosts,
    now: Time,
) -> BackendCtx<'a> {
    let OperatorSpec { entry_bytes, state_bytes: base_bytes, .. } = *operator;
    BackendCtx { task, attempt, now, costs, entry_bytes, base_bytes, names }
}

impl Step<'_> {
    /// Takes the snapshot of a checkpoint: the synchronous part now, the write of the state from its end on.
    pub(crate) fn snapshot(&mut self, id: CheckpointId, now: Time) {
        if self.task.uploads.iter().any(|upload| upload.id == id) {
            return;
        }
        self.net.pass(now, self.id, Passes::Snapshot { id });
        self.note_mark(Mark::Cut(id), now); // if it was not the first mark, reached, that made this cut
        self.task.newest_cut = id;
        let must_prepare = self.prepare(id, now);
        let mut saved = self.save_state(id, now);
        let mut snapshot = self.copy_positions(id, std::mem::take(&mut saved.state));
        let costs = &self.topology.config.snapshot;
        let positions = self.task.splits.len() as u64 * ENTRY_BYTES;
        let copied = saved.copied.saturating_add(if saved.waits { positions } else { 0 });
        let copy = (u128::from(copied) * u128::from(costs.copy_per_mib)) >> 20;
        let sync = costs.sync.saturating_add(u64::try_from(copy).unwrap_or(FAR)).min(FAR);
        let synced = now + sync;
        let Written { mut bytes, mut succeeds } = self.write_files(&saved, synced);
        bytes = bytes.saturating_add(saved.bytes).saturating_add(positions);
        let shared = saved.parts.iter().filter(|part| saved.new.iter().all(|(new, _)| *new != part.handle));
        snapshot.bytes = shared.fold(bytes, |sum, part| part.bytes.saturating_add(sum));
        (snapshot.written, snapshot.parts) = (bytes, saved.parts);
        let handle = next_name(self.id, &mut self.task.snapshots);
        let written = bytes.saturating_add(snapshot.logged_bytes);
        let (took, fine) = self.shared.write(&self.topology.config.store, handle.0, written);
        succeeds &= fine;
        let state_at = synced + took.max(self.topology.config.least);
        self.task.clock = if saved.waits { state_at } else { synced };
        let first_mark = self.marks(id).map_or(now, |marks| marks.first);
        let triggered = match self.net.logs_sent() {
            true => first_mark, // nobody has triggered it
            false => self.shared.triggered.get(&id).copied().unwrap_or(first_mark),
        };
        let metrics = SnapshotMetrics {
            start_delay: first_mark.saturating_sub(triggered),
            waiting: now - first_mark,
            sync: self.task.clock - now,
            bytes,
            full_bytes: snapshot.bytes,
            ..SnapshotMetrics::default()
        };
        let departing = self.departing(id, now);
        self.emit(now, Event::SnapshotTaken { id });
        let positions = self.net.logs_sent().then(|| Arc::new(snapshot.positions()));
        self.shared.taken.extend(positions.iter().map(|positions| (self.id, id, Arc::clone(positions))));
        if snapshot.logged_bytes > 0 {
            self.emit(now, Event::SentLogged { id, bytes: snapshot.logged_bytes });
        }
        self.task.uploads.push(Upload {
            id,
            handle,
            files: saved.new.iter().map(|&(file, _)| file).collect(),
            positions,
            open: Some(Arc::new(snapshot)),
            state_at,
            succeeds,
            metrics,
            synced: self.task.clock,
            is_captured: false,
            departing,
            written: false,
            prepared: !must_prepare,
            dropped: false,
        });
        if self.task.status == Status::Ended && self.has_consumed_all() {
            self.task.ends_with.get_or_insert(id);
        }
        self.begin_interval();
    }

    fn marks(&self, id: CheckpointId) -> Option<&Marks> {
        self.task.marks.iter().find(|marks| marks.id == id)
    }

    /// Captures what comes on an input from now on, up to the mark of a checkpoint whose snapshot is open.
    pub(crate) fn capture(&mut self, input: Input, id: CheckpointId, now: Time) {
        let is_open = self.task.uploads.iter().any(|upload| upload.id == id && upload.open.is_some());
        if is_open && self.task.open.contains(input) {
            self.task.captures.push(Capture { id, input, items: Vec::new() });
            let channel = &self.net.channels[self.info.inputs[input as usize].index()];
            if self.protocol.hooks().arrivals && (channel.has_cut(id, now) || channel.is_closed(now)) {
                self.end_captures(input, |other| other == id); // its mark is here, or will never come
            }
        }
    }

    /// The next item of an input is being consumed: it belongs to all snapshots that wait for a mark behind it.
    #[inline]
    pub(crate) fn capture_item(&mut self, input: Input, slot: &Slot) {
        if self.task.captures.is_empty() {
            return;
        }
        if let Some(item) = Item::of(slot) {
            let waiting = self.task.captures.iter_mut().filter(|capture| capture.input == input);
            waiting.for_each(|capture| capture.items.push(item));
        }
    }

    /// The mark of a checkpoint is there, or the end of the input: what stands before it completes the capture.
    pub(crate) fn end_captures(&mut self, input: Input, which: impl Fn(CheckpointId) -> bool) {
        let is_over = |capture: &Capture| capture.input == input && which(capture.id);
        while let Some(at) = self.task.captures.iter().position(is_over) {
            let Capture { id, input, mut items } = self.task.captures.remove(at);
            let channel = &self.net.channels[self.info.inputs[input as usize].index()];
            items.extend(channel.items_before(id).unwrap_or_default());
            let upload = self.task.uploads.iter_mut().find(|upload| upload.id == id);
            if let (Some(snapshot), false) =
                (upload.and_then(|upload| upload.open.as_mut()), items.is_empty())
            {
                Arc::make_mut(snapshot).captured.push(OnChannel { at: input, items });
            }
        }
    }

    /// Seals the snapshots for which nothing more is captured and whose marks have left, and has them written.
    pub(crate) fn seal(&mut self, now: Time) {
        self.note_alignments(now);
        while let Some(at) = self.task.uploads.iter().position(Upload::is_whole) {
            let Upload { id, handle, state_at, mut succeeds, .. } = self.task.uploads[at];
            let Some(mut snapshot) = self.task.uploads[at].open.take() else { return };
            let mut written_at = state_at.max(now + self.topology.config.least); // its mark may have left later than that
            if snapshot.has_in_flight(id) {
                Arc::make_mut(&mut snapshot).put_in_flight_in_order();
                let (took, fine) =
                    self.shared.write(&self.topology.config.store, !handle.0, snapshot.in_flight);
                written_at = written_at.max(now + took.max(self.topology.config.least));
                succeeds &= fine;
            }
            self.task.uploads[at].metrics.persisted_in_flight = snapshot.in_flight;
            if succeeds {
                self.put_at(written_at, handle, Object::Snapshot(snapshot));
            }
            self.letter(written_at, Mail::Written(id, succeeds));
        }
    }

    /// An alignment ends when the last mark that is to come has come, or the input on which it was awaited has ended: then
    /// nothing is captured any more.
    fn note_alignments(&mut self, now: Time) {
        let Task { uploads, captures, marks, consumed, .. } = &mut *self.task;
        for upload in uploads.iter_mut().filter(|upload| upload.open.is_some() && !upload.is_captured) {
            if captures.iter().any(|capture| capture.id == upload.id) {
                continue;
            }
            upload.is_captured = true;
            if let Some(marks) = marks.iter().find(|marks| marks.id == upload.id) {
                upload.metrics.alignment = now - marks.first;
                upload.metrics.processed_in_flight = *consumed - marks.consumed;
            }
        }
    }

    /// Has the backend say what is written of the state.
    fn save_state(&mut self, id: CheckpointId, now: Time) -> Saved {
        let Task { backend, state, attempt, snapshots, .. } = &mut *self.task;
        let changes = state.take_changes();
        let about = (self.id, *attempt, snapshots);
        let mut cx = backend_ctx(about, self.operator, &self.topology.config.snapshot, now);
        backend.save(&mut cx, id, state, changes)
    }

    /// Writes the new files of a snapshot, one after the other.
    fn write_files(&mut self, saved: &Saved, synced: Time) -> Written {
        let mut written = Written { bytes: 0, succeeds: true };
        for (handle, file) in &saved.new {
            written.bytes = written.bytes.saturating_add(file.bytes);
            let (took, fine) = self.shared.write(&self.topology.config.store, handle.0, written.bytes);
            written.succeeds &= fine;
            if fine {
                self.put_at(
                    synced + took.max(self.topology.config.least),
                    *handle,
                    Object::File(Arc::clone(file)),
                );
            }
        }
        if let Some((handle, file)) = &saved.beside {
            let (took, fine) = self.shared.write(&self.topology.config.store, handle.0, file.bytes);
            let stored_at = synced + took.max(self.topology.config.least);
            if fine {
                self.put_at(stored_at, *handle, Object::File(Arc::clone(file)));
            }
            self.letter(stored_at, Mail::Stored(*handle, fine));
        }
        written
    }

    /// The store will have an object, if the task does not crash before.
    fn put_at(&mut self, time: Time, handle: Handle, object: Object) {
        let number = self.task.next_number();
        let action = Action::Written(self.id, self.task.attempt, handle, object);
        self.shared.queue.push(time, Origin::task(self.id), number, action);
    }

    /// Everything of a task but its state.
    fn copy_positions(&mut self, id: CheckpointId, state: KeyedState) -> TaskSnapshot {
        let overtaken = self.task.overtaken.take().filter(|overtaken| overtaken.id == id);
        let task = &*self.task;
        let channels = &self.net.channels;
        let outputs = self.info.channels_out();
        // What waits for a buffer was sent before the cut, unless the mark has overtaken it.
        let sent = |channel: ChannelId| {
            let waiting = task.pending.iter().filter(|(to, _)| *to == channel);
            let waiting: Vec<Item> = waiting.filter_map(|(_, slot)| Item::of(slot)).collect();
            channels[channel.index()].sent.after(&waiting)
        };
        let Overtaken { sent, unsent, .. } = match overtaken {
            Some(overtaken) => overtaken,
            None => Overtaken { id, sent: outputs.map(sent).collect(), unsent: Vec::new() },
        };
        let logged = self.copy_log();
        TaskSnapshot {
            task: self.id,
            attempt: task.attempt,
            id,
            state,
            parts: Vec::new(),
            splits: task.splits.iter().map(|split| split.at).collect(),
            watermark: if self.info.inputs.is_empty() { task.watermark } else { 0 },
            marked: task.marked,
            pending: self.pending_transactions(),
            turns: task.turns.clone(),
            received: self.info.inputs.iter().map(|channel| channels[channel.index()].received).collect(),
            sent,
            captured: Vec::new(),
            unsent,
            in_flight: 0,
            logged_bytes: logged.iter().map(Logged::bytes).sum(),
            logged,
            ended_inputs: task.ended_inputs.clone(),
            ended: task.status == Status::Ended,
            detection: task.detection.clone(),
            records: task.records,
            lineages: task.lineages,
            durable: self.protocol.durable(self.id),
            bytes: 0,
            written: 0,
        }
    }
}

impl Step<'_> {
    /// What was sent and is in no durable snapshot, with what waits for a buffer.
    fn copy_log(&self) -> Vec<Logged> {
        if !self.net.logs_sent() {
            return Vec::new();
        }
        let logged = self.info.channels_out().enumerate().map(|(at, channel)| {
            let waits = self.task.pending.iter().filter(|(to, _)| *to == channel);
            let waits: Vec<Item> = waits.filter_map(|(_, slot)| Item::of(slot)).collect();
            let next = self.net.channels[channel.index()].sent.count + 1;
            self.net.logs[channel.index()].segment(at as u32, next, &waits)
        });
        logged.filter(|logged| !logged.items.is_empty()).collect()
    }

    /// A snapshot is in the store, and with it the log of what had been sent by then.
    pub(crate) fn trim_log(&mut self, id: CheckpointId) {
        let upload = self.task.uploads.iter().find(|upload| upload.id == id);
        let Some(positions) = upload.and_then(|upload| upload.positions.as_ref()) else { return };
        for (channel, &sent) in self.info.channels_out().zip(&positions.sent) {
            self.net.logs[channel.index()].trim(sent);
        }
    }
}

impl Upload {
    /// True if it is open although everything is there that belongs to it.
    fn is_whole(&self) -> bool {
        self.open.is_some() && self.is_captured && self.departing.is_empty()
    }
}

impl Task {
    /// Takes over what a snapshot saved; its files excepted, which the backend adds, and positions of channels, which the network
    /// keeps.
    pub(crate) fn restore(&mut self, from: &TaskSnapshot, checkpoint: CheckpointId, info: &TaskInfo) {
        self.state.clone_from(&from.state);
        self.splits.clear();
        self.splits.extend(from.splits.iter().map(|&at| Reading { at, next: None }));
        self.watermark = from.watermark;
        self.marked = from.marked;
        if let Some(committer) = &mut self.committer {
            committer.restore(&from.pending);
        }
        self.turns.clone_from(&from.turns);
        self.ended_inputs.clone_from(&from.ended_inputs);
        for input in from.ended_inputs.iter() {
            self.input_watermarks[input as usize] = NEVER;
        }
        self.resumes_ended = from.ended;
        self.detection.clone_from(&from.detection);
        for OnChannel { at, items } in from.unsent_in(checkpoint) {
            if let Some(channel) = info.channels_out().nth(*at as usize) {
                self.pending.extend(items.iter().map(|item| (channel, item.slot())));
            }
        }
        self.records = from.records;
        self.lineages = from.lineages;
    }
}
