//! What a task saves: its state, and the position of both ends of its channels.

use std::sync::Arc;

use crate::channel::Position;
use crate::event::{Event, Origin, SnapshotMetrics};
use crate::external::TransactionId;
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::protocol::{Handle, InputSet, SnapshotMethod};
use crate::queue::Action;
use crate::state::{ENTRY_BYTES, KeyedState};
use crate::step::Step;
use crate::task::{Mail, Reading, Status, Task, Upload};
use crate::time::{FAR, NEVER, Time};

/// The replayable position of a source in one split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskId,
    /// The attempt in which it was taken.
    pub attempt: Attempt,
    /// The checkpoint it was taken for.
    pub id: CheckpointId,
    /// Keyed state.
    pub state: KeyedState,
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
    /// The inputs that have delivered their end.
    pub ended_inputs: InputSet,
    /// True if the task had consumed all its input and sent its end.
    pub ended: bool,
    /// Records handled so far.
    pub records: u64,
    /// The sum of the lineage weights of the records handled so far.
    pub lineages: u64,
    /// The durable part of the strategy's machine.
    pub durable: Vec<u8>,
    /// Size in bytes.
    pub bytes: u64,
}

impl Step<'_> {
    /// Takes the snapshot of a checkpoint: the synchronous part now, the write from its end on.
    pub(crate) fn snapshot(&mut self, id: CheckpointId, now: Time) {
        if self.task.uploads.iter().any(|upload| upload.id == id) {
            return;
        }
        let must_prepare = self.prepare(id, now);
        let snapshot = self.copy_state(id);
        let bytes = snapshot.bytes;
        let costs = &self.topology.config.snapshot;
        let sync = match self.shared.method {
            SnapshotMethod::FullSync => {
                let copy = (u128::from(bytes) * u128::from(costs.copy_per_mib)) >> 20;
                costs.sync.saturating_add(u64::try_from(copy).unwrap_or(FAR))
            }
            SnapshotMethod::FullAsync => costs.sync,
        };
        self.task.snapshots += 1;
        let handle = Handle(u64::from(self.id.0) << 32 | u64::from(self.task.snapshots));
        let (took, fine) = self.shared.write(&self.topology.config.store, handle.0, bytes);
        let sync = sync.min(FAR);
        let written_at = now + sync + took.max(1);
        self.task.clock = match self.shared.method {
            SnapshotMethod::FullSync => written_at,
            SnapshotMethod::FullAsync => now + sync,
        };
        let first_mark =
            self.task.first_marks.iter().find(|&&(other, _)| other == id).map_or(now, |&(_, at)| at);
        let triggered = self.shared.triggered.get(&id).copied().unwrap_or(first_mark);
        let metrics = SnapshotMetrics {
            start_delay: first_mark.saturating_sub(triggered),
            alignment: now - first_mark,
            sync: self.task.clock - now,
            asynchronous: written_at - self.task.clock,
            bytes,
        };
        self.emit(now, Event::SnapshotTaken { id, metrics });
        let upload = Upload { id, handle, written: false, prepared: !must_prepare, dropped: false };
        self.task.uploads.push(upload);
        if self.task.status == Status::Ended {
            self.task.ends_with.get_or_insert(id);
        }
        if fine {
            let number = self.task.next_number();
            let action = Action::Written(self.id, self.task.attempt, handle, Arc::new(snapshot));
            self.shared.queue.push(written_at, Origin::task(self.id), number, action);
        }
        self.letter(written_at, Mail::Written(id, fine));
    }

    fn copy_state(&self, id: CheckpointId) -> TaskSnapshot {
        let task = &*self.task;
        let channels = &self.net.channels;
        let outputs = self.info.outputs.iter().flat_map(|output| {
            (output.first.index()..output.first.index() + output.channels as usize)
                .map(|at| channels[at].sent)
        });
        TaskSnapshot {
            task: self.id,
            attempt: task.attempt,
            id,
            state: task.state.clone(),
            splits: task.splits.iter().map(|split| split.at).collect(),
            watermark: if self.info.inputs.is_empty() { task.watermark } else { 0 },
            marked: task.marked,
            pending: task.transactions.clone(),
            turns: task.turns.clone(),
            received: self.info.inputs.iter().map(|channel| channels[channel.index()].received).collect(),
            sent: outputs.collect(),
            ended_inputs: task.ended_inputs.clone(),
            ended: task.status == Status::Ended,
            records: task.records,
            lineages: task.lineages,
            durable: self.protocol.durable(self.id),
            bytes: self.operator.state_bytes + task.state.bytes() + task.splits.len() as u64 * ENTRY_BYTES,
        }
    }
}

impl Task {
    /// Takes over what a snapshot saved; positions of channels excepted, which the network keeps.
    pub(crate) fn restore(&mut self, from: &TaskSnapshot) {
        self.state.clone_from(&from.state);
        self.splits.clear();
        self.splits.extend(from.splits.iter().map(|&at| Reading { at, next: None }));
        self.watermark = from.watermark;
        self.marked = from.marked;
        self.transactions.clone_from(&from.pending);
        self.turns.clone_from(&from.turns);
        self.ended_inputs.clone_from(&from.ended_inputs);
        for input in from.ended_inputs.iter() {
            self.input_watermarks[input as usize] = NEVER;
        }
        self.resumes_ended = from.ended;
        self.records = from.records;
        self.lineages = from.lineages;
    }
}
