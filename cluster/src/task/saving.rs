//! How a task saves itself: snapshots and what is captured for them, and the transactions of a sink.

use std::sync::Arc;

use cutline_sim::backend::Saved as SavedState;
use cutline_sim::channel::{Item, Position};
use cutline_sim::committer::Reaction;
use cutline_sim::external::TransactionId;
use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Handle, Input, TaskEvent};
use cutline_sim::record::Mark;
use cutline_sim::snapshot::OnChannel;
use cutline_sim::state::StateForm;

use super::channels::Thing;
use super::{Status, Task, Upload, Want};
use crate::messages::{Saved, counts};
use crate::object::seal;
use crate::snapshot::{FileForm, Snapshot};

/// An input of which everything up to the mark of a checkpoint belongs to the snapshot.
#[derive(Debug)]
pub(super) struct Capture {
    id: CheckpointId,
    input: Input,
    items: Vec<Item>,
}

/// What the mark of a cut has overtaken, until the snapshot takes it.
#[derive(Debug)]
pub(super) struct Overtaken {
    pub id: CheckpointId,
    /// By output: the position before what was overtaken, and that.
    pub ends: Vec<(Position, Vec<Item>)>,
}

/// What the coordinator is told of a snapshot.
fn about(handle: Handle, own: &[Handle], snapshot: &Snapshot) -> Saved {
    let (inputs, outputs) = (0..snapshot.received.len(), 0..snapshot.sent.len());
    let logged = snapshot.logged.iter().map(|it| (it.at, it.first - 1, it.first - 1 + it.items.len() as u64));
    Saved {
        handle,
        id: snapshot.id,
        files: snapshot.parts.iter().map(|part| part.handle).collect(),
        own: own.to_vec(),
        sent: snapshot.sent.clone(),
        made: outputs.map(|output| snapshot.made(output)).collect(),
        received: inputs.map(|input| snapshot.received_and_captured(input)).collect(),
        ended: snapshot.ended,
        logged: logged.collect(),
    }
}

impl Upload {
    /// What the coordinator is told of it, also by a strategy that does not wait until it is whole.
    pub(super) fn about(&self) -> Option<Saved> {
        let open = || self.open.as_ref().map(|snapshot| about(self.handle, &self.own, snapshot));
        self.saved.clone().or_else(open)
    }
}

impl Task {
    pub(super) fn uploads_of(&mut self, id: CheckpointId) -> impl Iterator<Item = &mut Upload> {
        self.uploads.iter_mut().filter(move |upload| upload.id == id)
    }

    /// Takes the snapshot of a checkpoint.
    pub(super) fn snapshot(&mut self, id: CheckpointId) {
        if self.uploads.iter().any(|upload| upload.id == id) {
            return;
        }
        let must_prepare = self.prepare(id);
        let changes = self.state.take_changes();
        let mut backend = std::mem::take(&mut self.backend);
        let state = std::mem::take(&mut self.state);
        let saved = backend.save(&mut self.backend_ctx(), id, &state, changes);
        (self.backend, self.state) = (backend, state);
        let SavedState { state, parts, new, beside, waits, .. } = saved;
        if let Some((handle, file)) = beside {
            self.wants.push(Want::Beside(handle, seal(&FileForm::of(&file))));
        }
        let snapshot = Snapshot { parts, ..self.copy_positions(id, state.form()) };
        if self.cut.hooks().log_sent {
            let positions = counts(&snapshot.sent, &snapshot.received);
            self.wants.push(Want::Taken(id, positions));
        }
        let own = new.iter().map(|(handle, _)| *handle).collect();
        let files = new.iter().map(|(handle, file)| (*handle, seal(&FileForm::of(file)))).collect();
        let handle = self.next_name();
        self.snapshots += 1;
        self.uploads.push(Upload {
            id,
            handle,
            files,
            own,
            open: Some(Box::new(snapshot)),
            saved: None,
            written: false,
            prepared: !must_prepare,
            dropped: false,
            waits,
        });
        if self.status == Status::Ended && self.has_consumed_all() {
            self.ends_with.get_or_insert(id);
        }
        self.begin_interval();
    }

    /// What is saved beside the state.
    fn copy_positions(&mut self, id: CheckpointId, state: StateForm) -> Snapshot {
        let overtaken = self.overtaken.take().filter(|overtaken| overtaken.id == id);
        let (sent, unsent) = match overtaken {
            Some(overtaken) => {
                let sent = overtaken.ends.iter().map(|(position, _)| *position).collect();
                let unsent = (0..).zip(overtaken.ends).filter(|(_, (_, items))| !items.is_empty());
                (sent, unsent.map(|(at, (_, items))| OnChannel { at, items }).collect())
            }
            None => (self.outputs.iter().map(|outbound| outbound.made()).collect(), Vec::new()),
        };
        Snapshot {
            task: self.id,
            id,
            state,
            parts: Vec::new(),
            splits: self.splits.iter().map(|split| split.at).collect(),
            watermark: if self.inputs.is_empty() { self.watermark } else { 0 },
            marked: self.marked as u32,
            pending: self.committer.as_ref().map_or_else(Vec::new, |committer| committer.pending()),
            turns: self.turns.clone(),
            received: self.inputs.iter().map(|inbound| inbound.received).collect(),
            sent,
            captured: Vec::new(),
            unsent,
            logged: (0..).zip(&self.outputs).filter_map(|(at, outbound)| outbound.logged(at)).collect(),
            ended_inputs: self.ended_inputs.iter().collect(),
            ended: self.status == Status::Ended,
            handled: self.handled,
            detection: self.detection.clone(),
            durable: self.cut.durable(self.id),
        }
    }

    /// Captures what comes on an input from now on, up to the mark of a checkpoint whose snapshot is open.
    pub(super) fn capture(&mut self, input: Input, id: CheckpointId) {
        let is_open = self.uploads.iter().any(|upload| upload.id == id && upload.open.is_some());
        if !is_open || !self.open.contains(input) {
            return;
        }
        self.captures.push(Capture { id, input, items: Vec::new() });
        let inbound = &self.inputs[input as usize];
        if self.cut.hooks().arrivals && inbound.holds_end(Mark::Cut(id)) {
            self.end_captures(input, |other| other == id);
        }
    }

    /// An item of an input is consumed: it belongs to all snapshots that wait for a mark behind it.
    pub(super) fn capture_item(&mut self, input: Input, item: Item) {
        let waiting = self.captures.iter_mut().filter(|capture| capture.input == input);
        waiting.for_each(|capture| capture.items.push(item));
    }

    /// The mark of a checkpoint has arrived, or the close: what stands before it completes the capture.
    pub(super) fn end_captures(&mut self, input: Input, which: impl Fn(CheckpointId) -> bool) {
        self.close_captures(input, which, true);
    }

    /// The mark has been reached: everything before it was captured one by one.
    pub(super) fn drop_captures(&mut self, input: Input, which: impl Fn(CheckpointId) -> bool) {
        self.close_captures(input, which, false);
    }

    fn close_captures(&mut self, input: Input, which: impl Fn(CheckpointId) -> bool, waiting: bool) {
        let is_over = |capture: &Capture| capture.input == input && which(capture.id);
        while let Some(at) = self.captures.iter().position(is_over) {
            let Capture { id, input, mut items } = self.captures.remove(at);
            if waiting {
                let ends = |thing: &Thing| *thing == Thing::Close || thing.is(Mark::Cut(id));
                items.extend(self.inputs[input as usize].items_before(ends));
            }
            let open = self.uploads_of(id).find_map(|upload| upload.open.as_mut());
            if let (Some(snapshot), false) = (open, items.is_empty()) {
                snapshot.captured.push(OnChannel { at: input, items });
            }
        }
    }

    /// What the mark of a cut has overtaken after the snapshot was taken: that had counted it as sent.
    pub(super) fn expedite(&mut self, mark: Mark) {
        let Task { uploads, outputs, .. } = self;
        let mut open = uploads.iter_mut().filter(|upload| upload.id == mark.id());
        let Some(snapshot) = open.find_map(|upload| upload.open.as_mut()) else { return };
        for (at, outbound) in (0..).zip(outputs) {
            let Some((position, items)) = outbound.expedite(mark) else { continue };
            if !items.is_empty() {
                snapshot.sent[at as usize] = position;
                snapshot.unsent.push(OnChannel { at, items });
            }
        }
    }

    /// Has the snapshots written for which nothing more is captured, nor can be overtaken.
    pub(super) fn seal(&mut self) {
        let departs = self.cut.hooks().departures;
        let Task { uploads, captures, outputs, wants, stands_still, .. } = self;
        for upload in uploads {
            if upload.open.is_none() {
                continue;
            }
            let is_here = || outputs.iter().any(|outbound| outbound.holds(Mark::Cut(upload.id)));
            if captures.iter().any(|capture| capture.id == upload.id) || departs && is_here() {
                continue;
            }
            let Some(mut snapshot) = upload.open.take() else { continue };
            if upload.waits {
                *stands_still = Some(upload.id);
            }
            snapshot.captured.sort_by_key(|captured| captured.at);
            upload.saved = Some(about(upload.handle, &upload.own, &snapshot));
            let mut objects = std::mem::take(&mut upload.files);
            objects.push((upload.handle, seal(&*snapshot)));
            wants.push(Want::Write(upload.id, objects));
        }
    }

    /// The write of a snapshot has ended.
    pub(super) fn written(&mut self, id: CheckpointId, fine: bool) {
        if self.stands_still == Some(id) {
            self.stands_still = None;
        }
        if fine {
            self.uploads_of(id).for_each(|upload| upload.written = true);
            self.trim_log(id);
            self.forget_dropped();
            self.persisted(id);
        } else {
            self.uploads.retain(|upload| upload.id != id);
            self.backend.given_up(id);
            self.tell_cut(TaskEvent::PersistFailed(id));
            self.finish_if_done();
        }
    }

    /// What was sent before this snapshot is durable with it.
    fn trim_log(&mut self, id: CheckpointId) {
        let Task { uploads, outputs, .. } = self;
        let mut mine = uploads.iter().filter(|upload| upload.id == id && !upload.dropped);
        let saved = mine.find_map(|upload| upload.saved.as_ref());
        for (outbound, made) in outputs.iter_mut().zip(saved.iter().flat_map(|saved| &saved.made)) {
            outbound.trim(made.count);
        }
    }

    /// Tells the machine, if the snapshot is written and its transaction prepared.
    pub(super) fn persisted(&mut self, id: CheckpointId) {
        let is_whole = |upload: &mut Upload| upload.written && upload.prepared && !upload.dropped;
        if self.uploads_of(id).any(is_whole) {
            self.tell_cut(TaskEvent::Persisted(id));
        }
        self.finish_if_done();
    }

    /// These snapshots are of no use.
    pub(super) fn drop_snapshots(&mut self, useless: impl Fn(CheckpointId) -> bool) {
        let Task { uploads, backend, .. } = self;
        for upload in uploads.iter_mut().filter(|upload| useless(upload.id) && !upload.dropped) {
            upload.dropped = true;
            backend.given_up(upload.id);
        }
        self.forget_dropped();
    }

    fn forget_dropped(&mut self) {
        let is_over = |upload: &Upload| upload.dropped && (upload.written || upload.open.is_some());
        while let Some(at) = self.uploads.iter().position(is_over) {
            let Upload { handle, saved, own, .. } = self.uploads.remove(at);
            // Files that it shares, or that were written beside it, may yet be part of others.
            if saved.is_some() {
                self.wants.push(Want::Useless(handle));
                self.wants.extend(own.into_iter().map(Want::Useless));
            }
        }
        let Task { uploads, captures, .. } = self;
        captures.retain(|capture| uploads.iter().any(|upload| upload.id == capture.id));
    }

    /// Closes the open transaction of a sink; true if there is one to wait for.
    fn prepare(&mut self, id: CheckpointId) -> bool {
        let Some(committer) = &mut self.committer else { return false };
        let transaction = TransactionId { task: self.id, id, attempt: self.attempt };
        let records = Arc::new(std::mem::take(&mut self.transaction));
        committer.prepare(transaction, &records);
        self.wants.push(Want::Prepare(transaction, records));
        true
    }

    /// What was prepared for this checkpoint and older ones may become visible.
    pub(super) fn commit(&mut self, id: CheckpointId) {
        let ready = self.committer.as_mut().map_or_else(Vec::new, |committer| committer.commit(id));
        if !ready.is_empty() {
            self.commits.extend(&ready);
            self.wants.push(Want::Commit(ready));
        }
    }

    pub(super) fn committed(&mut self, transactions: &[TransactionId]) {
        if let Some(committer) = &mut self.committer {
            committer.committed(transactions);
        }
        self.commits.retain(|commit| !transactions.contains(commit));
        self.finish_if_done();
    }

    pub(super) fn not_committed(&mut self, visible: &[TransactionId], open: &[TransactionId]) {
        let Some(committer) = &mut self.committer else { return };
        committer.committed(visible);
        let Reaction { again, rewrite } = committer.failed(open);
        self.transaction.extend(rewrite);
        self.commits
            .retain(|commit| !visible.contains(commit) && (!open.contains(commit) || again.contains(commit)));
        if !again.is_empty() {
            self.wants.push(Want::Commit(again));
        }
        self.finish_if_done();
    }
}
