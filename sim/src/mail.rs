//! What comes to a task beside its channels and what it says: letters, the strategy's machine and its effects, messages to
//! the coordinator. (What a sink says to the external system stands in [`committer`](crate::committer).)

use std::sync::Arc;

use crate::channel::{CUT, Item, Position, Slot};
use crate::event::{Event, Origin, SnapshotMetrics};
use crate::ids::{ChannelId, CheckpointId, TaskId};
use crate::passage::Passes;
use crate::protocol::{Down, Handle, Input, InputSet, READING, TaskCtx, TaskEffect, TaskEvent, Up};
use crate::queue::{Action, Life, Message, Report};
use crate::random::{below, draw, mix};
use crate::record::Mark;
use crate::snapshot::OnChannel;
use crate::step::Step;
use crate::task::{Letter, Mail, Overtaken, Status, Task, Upload};
use crate::time::{NEVER, Time};
use crate::topology::{TaskInfo, Topology};

impl Step<'_> {
    /// Opens the next letter.
    pub(crate) fn open_letter(&mut self, now: Time) {
        if let Some(letter) = self.task.mailbox.pop() {
            self.read_letter(letter, now);
        }
    }

    pub(crate) fn read_letter(&mut self, letter: Letter, now: Time) {
        let Letter { attempt, mail, .. } = letter;
        self.shared.steps += 1;
        if attempt != self.task.attempt {
            return;
        }
        match mail {
            Mail::Restored => self.start(now),
            Mail::Control(down) => self.control(down, now),
            Mail::Stop(drain) => self.stop_reading(drain, now),
            Mail::Leave(id) => self.leave(id, now),
            Mail::Timer(token) => self.tell_protocol(TaskEvent::Timer(token), now),
            Mail::Written(id, true) => {
                self.upload(id).for_each(|upload| upload.written = true);
                self.trim_log(id);
                self.forget_dropped(now);
                self.persisted(id, now);
            }
            Mail::Written(id, false) => {
                while let Some(at) = self.task.uploads.iter().position(|upload| upload.id == id) {
                    let Upload { files, .. } = self.task.uploads.remove(at);
                    files.into_iter().for_each(|file| self.discard(file, now));
                }
                self.task.backend.given_up(id);
                self.emit(now, Event::PersistFailed { id });
                self.tell_protocol(TaskEvent::PersistFailed(id), now);
                self.finish_if_done(now);
            }
            Mail::Stored(file, fine) => self.task.backend.stored(file, fine),
            Mail::Prepared(id) => {
                self.upload(id).for_each(|upload| upload.prepared = true);
                self.persisted(id, now);
            }
            Mail::AskAgain if self.task.status == Status::Ended && self.task.safe_with.is_none() => {
                self.tell(Up::Request, now);
                self.ask_again(now);
            }
            Mail::AskAgain => {}
            Mail::Committed(transactions) => self.committed(&transactions, now),
            Mail::NotCommitted(transactions) => self.not_committed(&transactions, now),
        }
    }

    fn upload(&mut self, id: CheckpointId) -> impl Iterator<Item = &mut Upload> {
        self.task.uploads.iter_mut().filter(move |upload| upload.id == id)
    }

    /// These snapshots are of no use: what is written is deleted now, the rest when it has been.
    fn drop_snapshots(&mut self, now: Time, useless: impl Fn(CheckpointId) -> bool) {
        let Task { uploads, backend, .. } = &mut *self.task;
        for upload in uploads.iter_mut().filter(|upload| useless(upload.id) && !upload.dropped) {
            upload.dropped = true;
            backend.given_up(upload.id);
        }
        self.forget_dropped(now);
    }

    fn forget_dropped(&mut self, now: Time) {
        let is_over = |upload: &Upload| upload.dropped && (upload.written || upload.open.is_some());
        while let Some(at) = self.task.uploads.iter().position(is_over) {
            let Upload { handle, files, open, state_at, .. } = self.task.uploads.remove(at);
            if open.is_none() {
                self.discard(handle, now);
            }
            files.into_iter().for_each(|file| self.discard(file, now.max(state_at)));
        }
        let Task { uploads, captures, .. } = &mut *self.task;
        captures.retain(|capture| uploads.iter().any(|upload| upload.id == capture.id));
    }

    /// Deletes an object of its own, unless a checkpoint refers to it.
    fn discard(&mut self, handle: Handle, now: Time) {
        let (time, number) = (
            now + self.topology.config.store.latency.max(self.topology.config.least),
            self.task.next_number(),
        );
        self.shared.queue.push(time, Origin::task(self.id), number, Action::Discard(handle));
    }

    fn persisted(&mut self, id: CheckpointId, now: Time) {
        let whole = |upload: &&mut Upload| upload.written && upload.prepared && !upload.dropped;
        let costs = self.upload(id).find(whole).map(|upload| (upload.metrics, upload.synced));
        if let Some((metrics, synced)) = costs {
            let metrics = SnapshotMetrics { asynchronous: now - synced, ..metrics };
            self.emit(now, Event::Persisted { id, metrics });
            self.tell_protocol(TaskEvent::Persisted(id), now);
        }
        self.finish_if_done(now);
    }

    /// The state is there: the task begins to work.
    fn start(&mut self, now: Time) {
        self.task.become_status(if self.task.resumes_ended { Status::Ended } else { Status::Running }, now);
        self.net.open_inputs(self.id, &self.info.inputs);
        self.open_operator();
        let attempt = self.task.attempt;
        self.emit(now, Event::TaskRunning { attempt });
        self.report(Life::Running, now);
        self.begin_transactions(now);
        self.send_pending(now); // what was made before the snapshot and not sent
        self.tell_protocol(TaskEvent::Started, now);
        self.renew_tag();
        self.end_if_done(now);
        if self.task.resumes_ended {
            self.ask_for_the_last_checkpoint(now);
        }
        self.watch_loop(now);
    }

    /// The operator learns with what state it begins. What the watermark of a snapshot says of the records to come is still true
    /// (but for the last one, if inputs go on: the end comes again).
    fn open_operator(&mut self) {
        let Some(operator) = self.transform else { return };
        let task = &mut *self.task;
        if task.state.watermark < NEVER || task.resumes_ended {
            task.watermark = task.state.watermark;
            task.input_watermarks.iter_mut().for_each(|time| *time = (*time).max(task.watermark));
        }
        task.state.open(operator);
    }

    pub(crate) fn control(&mut self, down: Down, now: Time) {
        self.pass_order(down, now);
        if !self.task.status.is_alive() {
            // A task that is done cannot take part; its node says so for it.
            if let (Down::Trigger(id), Status::Finished) = (down, self.task.status) {
                self.tell(Up::Unavailable(id), now);
            }
            return;
        }
        if let (Down::Trigger(id), false) = (down, self.net.logs_sent()) {
            self.note_mark(Mark::Cut(id), now);
        }
        self.tell_protocol(TaskEvent::Control(down), now);
        let task = &mut *self.task;
        match down {
            Down::Completed(id) => {
                if task.safe_with.is_none() && task.ends_with.is_some_and(|first| first <= id) {
                    task.safe_with = Some(id);
                }
                task.uploads.retain(|upload| upload.id != id);
                task.marks.retain(|marks| marks.id > id);
                let useless = task.backend.completed(id);
                useless.into_iter().for_each(|file| self.discard(file, now));
                self.drop_snapshots(now, |older| older < id);
            }
            Down::Aborted(id) => task.marks.retain(|marks| marks.id != id),
            Down::Trigger(_) => {}
        }
        self.finish_if_done(now);
    }

    /// An ended task finishes when a checkpoint with its end has completed, its commits up to that one are confirmed (what is committed
    /// behind it has no record, and checkpoints may come faster than commits), and its receivers have consumed all it has sent (Flink:
    /// `ResultPartitionWriter#getAllDataProcessedFuture`): until then it may still have to save what is on its way. Where marks overtake
    /// it also finishes what it has begun to save (`waitForPendingCheckpoints`), for no other snapshot can stand for that.
    pub(crate) fn finish_if_done(&mut self, now: Time) {
        let task = &*self.task;
        if task.status != Status::Ended || task.safe_with.is_none() || task.awaits_commits() {
            return;
        }
        // The head of a loop ends before those that feed it: it stays until it has told them that it has consumed their ends.
        let consumed = self.has_consumed_all() && task.confirmed as usize >= self.info.channels_out().count();
        let overtakes = self.protocol.hooks().arrivals;
        let is_pending =
            |upload: &Upload| overtakes && !(upload.dropped || upload.written && upload.prepared);
        if !consumed || task.uploads.iter().any(is_pending) {
            return;
        }
        self.send_all(Slot::close(), now);
        self.task.become_status(Status::Finished, now);
        self.emit(now, Event::TaskFinished);
        self.report(Life::Finished, now);
    }

    pub(crate) fn tell_protocol(&mut self, event: TaskEvent, now: Time) {
        let mut fx = std::mem::take(&mut self.shared.effects);
        let age = match event {
            TaskEvent::Control(Down::Trigger(id)) | TaskEvent::Arrived(_, Mark::Cut(id)) => self.age(id, now),
            _ => 0,
        };
        let sent_to = &self.net.ports[self.id.index()].sent_to;
        let cx = TaskCtx { age, ..task_ctx(self.id, self.task, self.info, self.topology, sent_to) };
        self.protocol.on_task(&cx, event, &mut fx);
        let acts = !fx.0.is_empty();
        for effect in fx.0.drain(..) {
            self.execute(effect, now);
        }
        self.shared.effects = fx;
        if acts {
            self.seal(now);
        }
    }

    pub(crate) fn execute(&mut self, effect: TaskEffect, now: Time) {
        // A strategy's machine may name inputs that do not exist; nothing happens then.
        let channel = |input: Input| self.info.inputs.get(input as usize).copied();
        match effect {
            TaskEffect::Block(READING) => {
                self.task.paused = true;
                self.net.pass(now, self.id, Passes::Blocked { input: READING });
            }
            TaskEffect::Unblock(READING) => {
                self.task.paused = false;
                self.net.pass(now, self.id, Passes::Unblocked { input: READING });
                self.end_if_drained(now);
            }
            TaskEffect::Block(input) if channel(input).is_some() => {
                self.net.block(self.id, input);
                self.net.pass(now, self.id, Passes::Blocked { input });
            }
            TaskEffect::Unblock(input) => {
                if let Some(channel) = channel(input) {
                    self.net.unblock(self.id, input, channel, now);
                    self.net.pass(now, self.id, Passes::Unblocked { input });
                }
            }
            TaskEffect::Block(_) => {}
            TaskEffect::Emit(mark) => self.send_all(Slot::mark(mark), now),
            TaskEffect::Overtake(mark) => self.overtake(mark, now),
            TaskEffect::Expedite(mark) => self.expedite(mark.id(), now),
            TaskEffect::Capture(input, id) => self.capture(input, id, now),
            // Its last one stands for a task that has finished, whatever timers it had set.
            TaskEffect::Snapshot(_) if self.task.status == Status::Finished => {}
            TaskEffect::Snapshot(id) => {
                if let Some(operator) = self.transform {
                    operator.on_snapshot(&mut self.task.state, self.task.watermark);
                }
                self.snapshot(id, now);
            }
            TaskEffect::DropSnapshot(id) => self.drop_snapshots(now, |other| other == id),
            TaskEffect::Tell(up) => self.tell(up, now),
            TaskEffect::Commit(id) => self.commit(id, now),
            TaskEffect::Timer(after, token) => {
                self.letter(now.saturating_add(after.max(1)), Mail::Timer(token))
            }
            TaskEffect::JitteredTimer(after, jitter, token) => {
                let nth = u64::from(self.task.sent.0);
                let late = draw(self.shared.timer_key ^ mix(u64::from(self.id.0)), nth);
                let after = after.saturating_add(below(late, jitter.saturating_add(1)));
                self.letter(now.saturating_add(after.max(1)), Mail::Timer(token))
            }
        }
    }

    /// Sends a mark before everything that has not left yet, and keeps what it overtakes for the snapshot.
    fn overtake(&mut self, mark: Mark, now: Time) {
        let mut overtaken = Overtaken { id: mark.id(), sent: Vec::new(), unsent: Vec::new() };
        for (at, channel) in self.info.channels_out().enumerate() {
            self.pass_mark(channel, &Slot::mark(mark), true, now);
            let (position, mut items) = self.net.overtake(channel, mark, now);
            let waiting = self.task.pending.iter().filter(|(to, _)| *to == channel);
            items.extend(waiting.filter_map(|(_, slot)| Item::of(slot)));
            overtaken.sent.push(position);
            if !items.is_empty() {
                overtaken.unsent.push(OnChannel { at: at as u32, items });
            }
        }
        self.task.overtaken = matches!(mark, Mark::Cut(_)).then_some(overtaken);
    }

    /// How long ago a checkpoint was triggered.
    fn age(&self, id: CheckpointId, now: Time) -> Time {
        self.shared.triggered.get(&id).map_or(0, |&triggered| now.saturating_sub(triggered))
    }

    /// The outputs on which the mark of a cut, which was emitted, has not left yet.
    pub(crate) fn departing(&mut self, id: CheckpointId, now: Time) -> InputSet {
        let mut departing = InputSet::default();
        if self.protocol.hooks().departures {
            for (at, channel) in (0..).zip(self.info.channels_out()) {
                if self.place_in_pending(channel, id).is_some()
                    || self.net.place_of_cut(channel, id, now).is_some()
                {
                    departing.insert(at);
                }
            }
        }
        departing
    }

    fn place_in_pending(&self, channel: ChannelId, id: CheckpointId) -> Option<usize> {
        let is_cut = |slot: &Slot| slot.tag.kind() == CUT && slot.record.key == id.0;
        self.task.pending.iter().position(|(to, slot)| *to == channel && is_cut(slot))
    }

    /// Sends the mark of a cut, which was emitted, before everything that has not left yet, and keeps what it overtakes for the
    /// snapshot. That had counted it as sent.
    fn expedite(&mut self, id: CheckpointId, now: Time) {
        let is_open = |upload: &Upload| upload.id == id && upload.open.is_some();
        let Some(upload) = self.task.uploads.iter().position(is_open) else { return };
        let departing = std::mem::take(&mut self.task.uploads[upload].departing);
        for at in departing.iter() {
            let Some(channel) = self.info.channels_out().nth(at as usize) else { continue };
            let overtaken = match self.place_in_pending(channel, id) {
                Some(place) => {
                    self.task.pending.remove(place);
                    let (_, mut items) = self.net.overtake(channel, Mark::Cut(id), now);
                    let before = self.task.pending.iter().take(place).filter(|(to, _)| *to == channel);
                    items.extend(before.filter_map(|(_, slot)| Item::of(slot)));
                    Some(items)
                }
                None => self.net.expedite(channel, id, now),
            };
            let items = overtaken.unwrap_or_default(); // it leaves at this very instant
            if let (Some(snapshot), false) = (&mut self.task.uploads[upload].open, items.is_empty()) {
                let snapshot = Arc::make_mut(snapshot);
                let weights = items.iter().rev().map(|item| item.slot().weight());
                snapshot.sent[at as usize] = weights.fold(snapshot.sent[at as usize], Position::before);
                snapshot.unsent.push(OnChannel { at, items });
            }
        }
    }

    /// The mark of a cut has left on an output.
    pub(crate) fn note_departure(&mut self, channel: ChannelId, id: CheckpointId) {
        let mut before = 0;
        for output in &self.info.outputs {
            if let Some(at) = channel.0.checked_sub(output.first.0).filter(|&at| at < output.channels) {
                for upload in self.upload(id) {
                    upload.departing.remove(before + at);
                }
            }
            before += output.channels;
        }
    }

    /// A letter to itself.
    pub(crate) fn letter(&mut self, time: Time, mail: Mail) {
        let rank = u64::from(Origin::task(self.id).0) << 32 | u64::from(self.task.next_number());
        let attempt = self.task.attempt;
        self.task.post(Letter { time, rank, attempt, mail });
    }

    pub(crate) fn tell(&mut self, up: Up, now: Time) {
        let (mut handle, mut positions) = (None, None);
        if let Up::Ack(id) = up {
            if let Some(upload) = self.upload(id).next() {
                (handle, positions) = (Some(upload.handle), upload.positions.clone());
            }
            self.emit(now, Event::AckSent { id });
        }
        self.send_up(Message::Up(self.id, self.task.attempt, up, handle, positions), now);
    }

    pub(crate) fn report(&mut self, life: Life, now: Time) {
        let report = Report { task: self.id, attempt: self.task.attempt, life, sent: now };
        self.send_up(Message::Status(report), now);
    }

    pub(crate) fn send_up(&mut self, message: Message, now: Time) {
        let number = self.task.next_number();
        let origin = Origin::task(self.id);
        let deliveries = self.shared.post.deliver(now, origin.0, number, &mut self.task.last_up);
        if let Some(trouble) = deliveries.event(message.topic()) {
            self.emit(now, trouble);
        }
        for time in deliveries.times() {
            self.shared.queue.push(time, origin, number, Action::Tell(message.clone()));
        }
    }

    pub(crate) fn emit(&mut self, now: Time, event: Event) {
        self.shared.emit(now, Origin::task(self.id), event);
    }
}

/// What a task's machine may look at.
pub(crate) fn task_ctx<'a>(
    id: TaskId,
    task: &'a Task,
    info: &'a TaskInfo,
    topology: &'a Topology,
    sent_to: &'a InputSet,
) -> TaskCtx<'a> {
    TaskCtx {
        task: id,
        inputs: info.inputs.len() as u32,
        open: &task.open,
        feedback: &info.feedback,
        is_source: info.inputs.is_empty(),
        tasks: topology.tasks.len() as u32,
        sent_to,
        config: &topology.config.checkpointing,
        age: 0,
    }
}
