//! A task: a state machine without I/O. Mail comes in, and what is wanted comes out; whoever drives it owns clocks, sockets and disks.
//!
//! It does what a task of the simulated machine does, in the same order: mail before work; a mark that arrives is shown to the
//! strategy's machine at once, if that asks for it; work is one item of one input after the other, as long as no output is
//! full. So the strategy's machines, the state backends and the bookkeeping of sinks are the very same code as in the
//! simulator.

mod channels;
mod effects;
mod ending;
mod log;
mod saving;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_sim::backend::{Backend, BackendCtx, Part, StateFile};
use cutline_sim::channel::Item;
use cutline_sim::committer::Committer;
use cutline_sim::config::Config;
use cutline_sim::erased::Protocol;
use cutline_sim::external::TransactionId;
use cutline_sim::graph::{OperatorSpec, Role};
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::input::Entry;
use cutline_sim::protocol::{Down, Handle, Input, InputSet, Positions, TaskCtx, Up};
use cutline_sim::record::Record;
use cutline_sim::snapshot::SplitPosition;
use cutline_sim::state::KeyedState;
use cutline_sim::termination::Detection;
use cutline_sim::time::{NEVER, Time};
use cutline_sim::topology::{TaskInfo, Topology};

pub use channels::Outbound;
use channels::{Inbound, Thing};
pub(crate) use log::clip;

use crate::job::Job;
use crate::messages::{ChannelFrame, Saved};
use crate::snapshot::{Final, Snapshot, Tag};

/// Objects that a task may name in one attempt, as bits of their number.
const NAME_BITS: u32 = 20;
/// The most attempts of a job: an object's name holds the attempt in which it was made.
pub const MOST_ATTEMPTS: u32 = (1 << (32 - NAME_BITS)) - 1;

/// The attempt in which an object was named.
pub fn attempt_of(handle: Handle) -> Attempt {
    Attempt(handle.0 as u32 >> NAME_BITS)
}

/// What comes to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// All tasks are ready: begin.
    Start,
    /// From the coordinator's machine; with a trigger comes when that checkpoint began.
    Down(Down, Time),
    /// Something has arrived on an input.
    Arrived(Input, ChannelFrame),
    /// The receiver of an output has consumed a frame.
    Credit(u32),
    /// The receiver of an output has consumed the end.
    EndConsumed(u32),
    /// The snapshot of this checkpoint is in the store with its files, or could not be written.
    Written(CheckpointId, bool),
    /// A file that was written beside a snapshot is in the store, or could not be written.
    Stored(Handle, bool),
    /// The transaction of this checkpoint is prepared.
    Prepared(CheckpointId),
    /// These transactions are visible.
    Committed(Vec<TransactionId>),
    /// The first are visible; the others may be or not, and it is time to ask again.
    NotCommitted(Vec<TransactionId>, Vec<TransactionId>),
    /// A timer of the strategy's machine.
    Timer(u32),
    /// Time for a task at its end to ask for a checkpoint once more.
    AskAgain,
}

/// What a task wants done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// Tell the coordinator's machine.
    Tell(Up, Option<Saved>),
    /// Write these objects, the snapshot last; then [`Mail::Written`].
    Write(CheckpointId, Vec<(Handle, Vec<u8>)>),
    /// Write this file; then [`Mail::Stored`].
    Beside(Handle, Vec<u8>),
    /// A sink begins: commit these, and forget everything else that it has prepared; then [`Mail::Committed`].
    Begin(Vec<TransactionId>),
    /// Make this transaction durable; then [`Mail::Prepared`].
    Prepare(TransactionId, Arc<Vec<Record>>),
    /// Make these visible; then [`Mail::Committed`] or [`Mail::NotCommitted`].
    Commit(Vec<TransactionId>),
    /// This object is of no use, unless a checkpoint refers to it.
    Useless(Handle),
    /// Send this mail after so many nanoseconds.
    After(Time, Mail),
    /// A frame of this input has been consumed.
    Credit(Input),
    /// The end of this input has been consumed.
    EndConsumed(Input),
    /// This input has not delivered what comes next.
    Disorder(Input, String),
    /// On this input has come what no sender sends: the attempt cannot go on.
    Senseless(Input, &'static str),
    /// A snapshot of its own was taken, with so much sent and received by then.
    Taken(CheckpointId, Positions),
    /// It cannot go on, in this attempt or another.
    Hopeless(String),
    /// The task has finished; nothing more comes of it.
    Finish(Final),
}

/// What a task does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has done something, and there may be more.
    Acted,
    /// Nothing before this instant, unless mail comes.
    Waits(Time),
}

/// How a task fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// It has its state and waits for the others.
    Ready,
    /// It works.
    Running,
    /// It has sent its last record and waits for the checkpoint that contains it.
    Ended,
    /// It is done.
    Finished,
}

/// Where a source is in one split, and what stands there.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: SplitPosition,
    next: Option<Entry>,
}

/// A snapshot on its way to the store.
#[derive(Debug)]
struct Upload {
    id: CheckpointId,
    handle: Handle,
    /// Files that are written with it.
    files: Vec<(Handle, Vec<u8>)>,
    /// Their names.
    own: Vec<Handle>,
    /// What is saved, as long as something may still be captured for it.
    open: Option<Box<Snapshot>>,
    /// What the coordinator is told, once it is sealed.
    saved: Option<Saved>,
    written: bool,
    prepared: bool,
    /// It is of no use any more.
    dropped: bool,
    /// The task stands still while it is written.
    waits: bool,
}

/// A task.
#[derive(Debug)]
pub struct Task {
    job: Job,
    id: TaskId,
    attempt: Attempt,
    cut: Box<dyn Protocol>,
    backend: Box<dyn Backend>,
    committer: Option<Box<dyn Committer>>,
    status: Status,
    state: KeyedState,
    inputs: Vec<Inbound>,
    outputs: Vec<Outbound>,
    /// Inputs whose sender has not finished; inputs that have delivered their end.
    open: InputSet,
    ended_inputs: InputSet,
    /// The tasks at the other ends of the outputs, and those of them to which something was sent since the last snapshot.
    receivers: Vec<TaskId>,
    sent_to: InputSet,
    /// What is sent carries it.
    tag: Option<Vec<u32>>,
    /// When the checkpoints that it knows of began.
    began: BTreeMap<CheckpointId, Time>,
    /// How many snapshots it has taken, and how many of them were forced by what is next.
    snapshots: u32,
    forced: u32,
    watermark: Time,
    /// The input whose turn it is.
    turn: usize,
    /// Of a source.
    splits: Vec<Reading>,
    split: usize,
    paused: bool,
    since_request: u64,
    marked: usize,
    /// Of a sink: the open transaction; those of which a commit was asked for and is not confirmed.
    transaction: Vec<Record>,
    commits: Vec<TransactionId>,
    /// For each outgoing edge that deals out in turn: who is next.
    turns: Vec<u32>,
    handled: (u64, u64),
    /// Of a task in a loop: what it knows of its end.
    detection: Option<Detection>,
    uploads: Vec<Upload>,
    captures: Vec<saving::Capture>,
    overtaken: Option<saving::Overtaken>,
    /// It does nothing before this snapshot is in the store.
    stands_still: Option<CheckpointId>,
    ends_with: Option<CheckpointId>,
    /// The first completed checkpoint that contains its end.
    safe_with: Option<CheckpointId>,
    /// Outputs whose receiver has consumed the end.
    confirmed: InputSet,
    /// It restored a snapshot that was taken after its end.
    resumes_ended: bool,
    busy_until: Time,
    /// How many objects it has named.
    names: u32,
    now: Time,
    wants: Vec<Want>,
}

/// What a task begins with.
#[derive(Debug)]
pub struct Restored {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// The task's snapshot in it.
    pub snapshot: Snapshot,
    /// Its files, oldest first.
    pub files: Vec<(Part, Arc<StateFile>)>,
    /// What was in transit to it.
    pub replayed: Vec<Replayed>,
    /// The inputs whose senders run on: what has ended there ends again.
    pub open: Vec<Input>,
}

/// What the log gives back to an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Which.
    pub input: Input,
    /// The items, oldest first.
    pub items: Vec<Item>,
    /// Their tags.
    pub tags: Vec<Tag>,
}

impl Task {
    /// A task that has its state, and does not run yet.
    pub fn new(job: &Job, id: TaskId, attempt: Attempt, restored: Option<Restored>) -> Task {
        let topology = &job.topology;
        let info = &topology.tasks[id.index()];
        let cut = job.machines();
        let is_sink = matches!(topology.role(id), Role::Sink(_));
        let outputs = info.channels_out().map(|channel| &topology.channels[channel.index()]);
        let logs = cut.hooks().log_sent;
        let mut task = Task {
            backend: cut.backend(job.snapshot),
            committer: is_sink.then(|| cut.committer()),
            job: job.clone(),
            id,
            attempt,
            cut,
            status: Status::Ready,
            state: KeyedState::default(),
            inputs: info.inputs.iter().map(|_| Inbound::default()).collect(),
            outputs: (outputs.map(|channel| Outbound::new(&topology.config.network, channel.feedback, logs)))
                .collect(),
            open: InputSet::full(info.inputs.len() as u32),
            ended_inputs: InputSet::default(),
            receivers: info.channels_out().map(|channel| topology.channels[channel.index()].to).collect(),
            sent_to: InputSet::default(),
            tag: None,
            began: BTreeMap::new(),
            snapshots: 0,
            forced: 0,
            watermark: 0,
            turn: 0,
            splits: Vec::new(),
            split: 0,
            paused: false,
            since_request: 0,
            marked: 0,
            transaction: Vec::new(),
            commits: Vec::new(),
            turns: vec![0; info.outputs.len()],
            handled: (0, 0),
            detection: None,
            uploads: Vec::new(),
            captures: Vec::new(),
            overtaken: None,
            stands_still: None,
            ends_with: None,
            safe_with: None,
            confirmed: InputSet::default(),
            resumes_ended: false,
            busy_until: 0,
            names: attempt.0 << NAME_BITS,
            now: 0,
            wants: Vec::new(),
        };
        task.restore(restored);
        task
    }

    fn restore(&mut self, restored: Option<Restored>) {
        let is_new = restored.is_none();
        let mut taken_for = CheckpointId::default();
        let (mut files, mut durable) = (Vec::new(), Vec::new());
        if let Some(restored) = restored {
            let checkpoint = restored.checkpoint;
            let snapshot = restored.snapshot;
            files = restored.files;
            taken_for = snapshot.id;
            for (at, outbound) in self.outputs.iter_mut().enumerate() {
                outbound.begin_at(snapshot.sent_in(checkpoint, at));
            }
            for unsent in snapshot.unsent_in(checkpoint) {
                if let Some(outbound) = self.outputs.get_mut(unsent.at as usize) {
                    unsent.items.iter().for_each(|item| outbound.push(Thing::Item(*item)));
                }
            }
            for (at, inbound) in self.inputs.iter_mut().enumerate() {
                inbound.received = snapshot.received.get(at).copied().unwrap_or_default();
                let mine = snapshot.captured.iter().filter(|captured| captured.at as usize == at);
                mine.for_each(|captured| inbound.put_back(&captured.items, Vec::new()));
            }
            for Replayed { input, items, tags } in restored.replayed {
                if let Some(inbound) = self.inputs.get_mut(input as usize) {
                    inbound.put_back(&items, tags);
                }
            }
            self.state = snapshot.state.build();
            self.splits = snapshot.splits.iter().map(|&at| Reading { at, next: None }).collect();
            self.watermark = if self.inputs.is_empty() { snapshot.watermark } else { 0 };
            self.marked = snapshot.marked as usize;
            if let Some(committer) = &mut self.committer {
                committer.restore(&snapshot.pending);
            }
            self.turns = snapshot.turns;
            let ended = snapshot.ended_inputs.into_iter().filter(|input| !restored.open.contains(input));
            for input in ended {
                self.ended_inputs.insert(input);
            }
            let feedback = &self.job.topology.tasks[self.id.index()].feedback;
            let goes_on = restored.open.iter().any(|input| !feedback.contains(*input));
            self.resumes_ended = snapshot.ended && !goes_on;
            self.handled = snapshot.handled;
            self.detection = snapshot.detection;
            durable = snapshot.durable;
        }
        let mut backend = std::mem::take(&mut self.backend);
        let mut state = std::mem::take(&mut self.state);
        backend.restore(&mut self.backend_ctx(), taken_for, &files, &mut state);
        state.note_changes(backend.notes_changes());
        (self.backend, self.state) = (backend, state);
        self.find_place_in_input(is_new);
        let topology = Arc::clone(&self.job.topology);
        let cx = task_ctx(self.id, &topology, &self.open, &self.sent_to);
        self.cut.start(&cx, &durable);
        self.renew_tag();
    }

    /// Which it is.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// In which attempt.
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    fn info(&self) -> &TaskInfo {
        &self.job.topology.tasks[self.id.index()]
    }

    fn operator(&self) -> &OperatorSpec {
        &self.job.topology.operators[self.info().operator.index()]
    }

    fn config(&self) -> &Config {
        &self.job.topology.config
    }

    fn backend_ctx(&mut self) -> BackendCtx<'_> {
        let topology = &self.job.topology;
        let operator = &topology.operators[topology.tasks[self.id.index()].operator.index()];
        BackendCtx {
            task: self.id,
            attempt: self.attempt,
            now: self.now,
            costs: &topology.config.snapshot,
            entry_bytes: operator.entry_bytes,
            base_bytes: operator.state_bytes,
            names: &mut self.names,
        }
    }

    fn next_name(&mut self) -> Handle {
        self.names += 1;
        Handle::of(self.id, self.names)
    }

    /// Something has left: what waited for that can be written.
    pub fn left(&mut self) {
        if self.cut.hooks().departures {
            self.seal();
        }
    }

    /// The outputs, to be sent from; then [`Task::left`].
    pub fn outputs(&mut self) -> &mut [Outbound] {
        &mut self.outputs
    }

    /// What it wants done since this was last asked.
    pub fn take_wants(&mut self) -> Vec<Want> {
        std::mem::take(&mut self.wants)
    }

    /// True once it has finished.
    pub fn is_finished(&self) -> bool {
        self.status == Status::Finished
    }

    /// True as long as it takes part in checkpoints.
    fn is_alive(&self) -> bool {
        matches!(self.status, Status::Running | Status::Ended)
    }

    /// Takes mail.
    pub fn mail(&mut self, mail: Mail, now: Time) {
        self.now = now;
        match mail {
            Mail::Start => self.start(),
            Mail::Down(down, began) => self.control(down, began),
            Mail::Arrived(input, frame) => self.arrive(input, frame),
            Mail::Credit(output) => {
                if let Some(outbound) = self.outputs.get_mut(output as usize) {
                    outbound.credits = outbound.credits.saturating_add(1);
                }
            }
            Mail::EndConsumed(output) => {
                self.confirmed.insert(output);
                self.finish_if_done();
            }
            Mail::Written(id, fine) => self.written(id, fine),
            Mail::Stored(file, fine) => self.backend.stored(file, fine),
            Mail::Prepared(id) => {
                self.uploads_of(id).for_each(|upload| upload.prepared = true);
                self.persisted(id);
            }
            Mail::Committed(transactions) => self.committed(&transactions),
            Mail::NotCommitted(visible, open) => self.not_committed(&visible, &open),
            Mail::Timer(token) => self.tell_cut(cutline_sim::protocol::TaskEvent::Timer(token)),
            Mail::AskAgain => {
                if self.status == Status::Ended && self.safe_with.is_none() {
                    self.wants.push(Want::Tell(Up::Request, None));
                    self.ask_again();
                }
            }
        }
    }

    /// All tasks are there: it begins to work.
    fn start(&mut self) {
        self.status = if self.resumes_ended { Status::Ended } else { Status::Running };
        let topology = Arc::clone(&self.job.topology);
        if let Some(operator) = topology.role(self.id).transform() {
            // The last watermark comes again, if an end does.
            let known = self.state.watermark();
            self.watermark = if known < NEVER || self.resumes_ended { known } else { 0 };
            self.state.open(operator);
        }
        for (input, inbound) in (0..).zip(&mut self.inputs) {
            let ended = self.ended_inputs.contains(input);
            inbound.watermark = if ended { NEVER } else { self.watermark };
            if ended {
                self.wants.push(Want::EndConsumed(input));
            }
        }
        if let Some(committer) = &self.committer {
            let pending = committer.pending();
            self.commits.extend(&pending);
            self.wants.push(Want::Begin(pending));
        }
        self.tell_cut(cutline_sim::protocol::TaskEvent::Started);
        self.end_if_done();
        if self.resumes_ended {
            self.ask_for_the_last_checkpoint();
        }
        self.watch_loop();
    }

    fn control(&mut self, down: Down, began: Time) {
        if !self.is_alive() {
            if let (Down::Trigger(id), Status::Finished) = (down, self.status) {
                self.wants.push(Want::Tell(Up::Unavailable(id), None));
            }
            return;
        }
        if let Down::Trigger(id) = down {
            self.began.entry(id).or_insert(began);
        }
        self.tell_cut(cutline_sim::protocol::TaskEvent::Control(down));
        if let Down::Completed(id) | Down::Aborted(id) = down {
            self.began.retain(|newer, _| *newer > id);
        }
        if let Down::Completed(id) = down {
            if self.ends_with.is_some_and(|first| first <= id) {
                self.safe_with.get_or_insert(id);
            }
            self.uploads.retain(|upload| upload.id != id);
            let useless = self.backend.completed(id);
            self.wants.extend(useless.into_iter().map(Want::Useless));
            self.drop_snapshots(|older| older < id);
        }
        self.finish_if_done();
    }
}

/// What a task's machine may look at.
fn task_ctx<'a>(
    id: TaskId,
    topology: &'a Topology,
    open: &'a InputSet,
    sent_to: &'a InputSet,
) -> TaskCtx<'a> {
    let info = &topology.tasks[id.index()];
    TaskCtx {
        task: id,
        inputs: info.inputs.len() as u32,
        open,
        feedback: &info.feedback,
        is_source: info.inputs.is_empty(),
        tasks: topology.tasks.len() as u32,
        sent_to,
        config: &topology.config.checkpointing,
        age: 0,
    }
}

#[cfg(test)]
mod tests;
