//! Machines driven by hand, for the tests of this crate.

use std::sync::Arc;

use cutline_sim::backend::{Backend, BackendCtx, Part, Saved, StateFile};
use cutline_sim::config::CheckpointConfig;
use cutline_sim::config::SnapshotCosts;
use cutline_sim::ids::{Attempt, CheckpointId, EdgeId, TaskId};
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Handle, InputSet, JobCtx,
    Positions, SnapshotMethod, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up,
};
use cutline_sim::state::{Changes, EntryKey, KeyedState, Update};
use cutline_sim::time::Time;
use cutline_sim::topology::ChannelInfo;

use crate::mutant_backend::{BackendMutation, MutantBackend};

/// A checkpoint id.
pub fn id(n: u64) -> CheckpointId {
    CheckpointId(n)
}

/// A task of a job that consists of it alone.
pub struct HandTask<T> {
    pub machine: T,
    pub config: CheckpointConfig,
    /// How old the checkpoints are of which it hears.
    pub age: Time,
    open: InputSet,
    feedback: InputSet,
    sent_to: InputSet,
    inputs: u32,
    is_source: bool,
}

impl<T: TaskCut> HandTask<T> {
    pub fn source() -> Self {
        Self::make(0, &[], true)
    }

    /// The head of a loop: some of its inputs come over feedback edges.
    pub fn head(inputs: u32, feedback: &[u32]) -> Self {
        Self::make(inputs, feedback, false)
    }

    pub fn with_inputs(inputs: u32) -> Self {
        Self::make(inputs, &[], false)
    }

    fn make(inputs: u32, back: &[u32], is_source: bool) -> Self {
        let mut feedback = InputSet::default();
        for &input in back {
            feedback.insert(input);
        }
        let (open, config) = (InputSet::full(inputs), CheckpointConfig::default());
        let (sent_to, task, tasks) = (InputSet::default(), TaskId(0), TASKS);
        let task = TaskCtx {
            task,
            inputs,
            open: &open,
            feedback: &feedback,
            is_source,
            tasks,
            sent_to: &sent_to,
            config: &config,
            age: 0,
        };
        let machine = T::new(&task, T::Durable::default());
        HandTask { machine, config, age: 0, open, feedback, sent_to, inputs, is_source }
    }

    pub fn on(&mut self, event: TaskEvent) -> Vec<TaskEffect> {
        if let TaskEvent::InputEnded(input) = event {
            self.open.remove(input);
        }
        self.tell(|machine, task, fx| machine.on(task, event, fx))
    }

    /// What is next to be delivered carries this tag.
    pub fn before_deliver(&mut self, tag: &[u32]) -> Vec<TaskEffect> {
        self.tell(|machine, task, fx| machine.before_deliver(task, tag, fx))
    }

    /// It is delivered; true if that changes what the task piggybacks.
    pub fn delivered(&mut self, tag: &[u32]) -> bool {
        let mut has_changed = false;
        self.tell(|machine, task, _| has_changed = machine.delivered(task, tag));
        has_changed
    }

    fn tell(&mut self, mut what: impl FnMut(&mut T, &TaskCtx<'_>, &mut TaskEffects)) -> Vec<TaskEffect> {
        let HandTask { machine, config, age, open, feedback, sent_to, inputs, is_source } = self;
        let (task, tasks, inputs, is_source, age) = (TaskId(0), TASKS, *inputs, *is_source, *age);
        let task = TaskCtx { task, inputs, open, feedback, is_source, tasks, sent_to, config, age };
        let mut fx = TaskEffects::default();
        what(machine, &task, &mut fx);
        fx.0
    }
}

/// A coordinator of a job of three tasks, of which the first is the source.
pub struct HandCoordinator<C> {
    pub machine: C,
    pub config: CheckpointConfig,
    pub now: Time,
    pub attempt: Attempt,
    pub first_checkpoint: CheckpointId,
    pub finished: InputSet,
}

pub const TASKS: u32 = 3;

/// From 0 to 1 and from 1 to 2.
const CHANNELS: [ChannelInfo; 2] = [
    ChannelInfo { from: TaskId(0), to: TaskId(1), output: 0, input: 0, edge: EdgeId(0), feedback: false },
    ChannelInfo { from: TaskId(1), to: TaskId(2), output: 0, input: 0, edge: EdgeId(1), feedback: false },
];

impl<C: CoordinatorCut> HandCoordinator<C> {
    /// A job that runs and asks for a checkpoint whenever somebody requests it.
    pub fn running(config: CheckpointConfig) -> Self {
        let finished = InputSet::default();
        let roots = [TaskId(0)];
        let attempt = Attempt(0);
        let job = JobCtx {
            now: 0,
            attempt,
            first_checkpoint: id(1),
            tasks: TASKS,
            finished: &finished,
            roots: &roots,
            channels: &CHANNELS,
            config: &config,
        };
        let machine = C::new(&job);
        let first_checkpoint = id(1);
        let mut hand = HandCoordinator { machine, config, now: 0, attempt, first_checkpoint, finished };
        hand.restart();
        hand
    }

    /// No periodic ticks; so many completed checkpoints retained.
    pub fn by_request(retained: u32) -> Self {
        Self::running(CheckpointConfig { interval: 0, retained, ..CheckpointConfig::default() })
    }

    pub fn on(&mut self, event: CoordinatorEvent) -> Vec<CoordinatorEffect> {
        let HandCoordinator { machine, config, now, attempt, first_checkpoint, finished } = self;
        let roots = [TaskId(0)];
        let job = JobCtx {
            now: *now,
            attempt: *attempt,
            first_checkpoint: *first_checkpoint,
            tasks: TASKS,
            finished,
            roots: &roots,
            channels: &CHANNELS,
            config,
        };
        let mut fx = CoordinatorEffects::default();
        machine.on(&job, event, &mut fx);
        fx.0
    }

    /// Restores the job and starts it; the effects of the restore.
    pub fn restart(&mut self) -> Vec<CoordinatorEffect> {
        self.attempt.0 += 1;
        let effects = self.on(CoordinatorEvent::Recover);
        self.on(CoordinatorEvent::Started);
        effects
    }

    pub fn up(&mut self, task: u32, up: Up) -> Vec<CoordinatorEffect> {
        let attempt = self.attempt;
        self.on(CoordinatorEvent::FromTask { task: TaskId(task), attempt, up, handle: None, positions: None })
    }

    /// An acknowledgement of the present attempt.
    pub fn ack(&mut self, task: u32, n: u64) -> Vec<CoordinatorEffect> {
        self.ack_of(self.attempt, task, n)
    }

    pub fn ack_of(&mut self, attempt: Attempt, task: u32, n: u64) -> Vec<CoordinatorEffect> {
        let handle = Some(handle(attempt, task, n));
        let (task, up) = (TaskId(task), Up::Ack(id(n)));
        self.on(CoordinatorEvent::FromTask { task, attempt, up, handle, positions: None })
    }

    /// An acknowledgement that says what the task has sent and received, by output and input.
    pub fn ack_at(&mut self, task: u32, n: u64, sent: &[u64], received: &[u64]) -> Vec<CoordinatorEffect> {
        let (attempt, handle) = (self.attempt, Some(handle(self.attempt, task, n)));
        let positions = Some(Arc::new(Positions { sent: sent.to_vec(), received: received.to_vec() }));
        let (task, up) = (TaskId(task), Up::Ack(id(n)));
        self.on(CoordinatorEvent::FromTask { task, attempt, up, handle, positions })
    }

    /// A whole checkpoint, from the request to the stored metadata.
    pub fn complete(&mut self, n: u64) -> Vec<CoordinatorEffect> {
        self.up(0, Up::Request);
        (0..TASKS).for_each(|task| drop(self.ack(task, n)));
        self.on(CoordinatorEvent::MetaStored(id(n)))
    }
}

/// The backend of a task, mutated, with a state that is changed from outside.
pub struct HandBackend<M> {
    pub backend: MutantBackend<M>,
    pub now: Time,
    costs: SnapshotCosts,
    names: u32,
}

impl<M: BackendMutation> HandBackend<M> {
    /// One of a snapshot method, for a task that begins with nothing.
    pub fn new(method: SnapshotMethod) -> Self {
        let backend = MutantBackend::new(method);
        let mut hand = HandBackend { backend, now: 0, costs: SnapshotCosts::default(), names: 0 };
        hand.restore(&[]);
        hand
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut MutantBackend<M>, &mut BackendCtx<'_>) -> R) -> R {
        let (task, attempt, now, names) = (TaskId(0), Attempt(1), self.now, &mut self.names);
        let mut cx =
            BackendCtx { task, attempt, now, costs: &self.costs, entry_bytes: 1, base_bytes: 0, names };
        act(&mut self.backend, &mut cx)
    }

    /// The snapshot of a checkpoint, when values have changed.
    pub fn save(&mut self, n: u64, changes: &[(u64, Option<i64>)]) -> Saved {
        let update = |&(key, value): &(u64, Option<i64>)| (EntryKey::Value(key), value);
        self.save_updates(n, changes.iter().map(update).collect())
    }

    /// The same, when anything has changed.
    pub fn save_updates(&mut self, n: u64, updates: Vec<Update>) -> Saved {
        let changes = Changes::of(updates);
        self.with(|backend, cx| backend.save(cx, id(n), &KeyedState::default(), changes))
    }

    /// The same, of a state whose changes are not noted.
    pub fn save_state(&mut self, n: u64, state: &KeyedState) -> Saved {
        self.with(|backend, cx| backend.save(cx, id(n), state, Changes::default()))
    }

    /// Begins with a state that stands in the snapshot of a checkpoint.
    pub fn restore_of(&mut self, n: u64, state: &mut KeyedState) {
        self.with(|backend, cx| backend.restore(cx, id(n), &[], state));
    }

    /// Begins with a state that is in no file.
    pub fn start_from(&mut self, state: &mut KeyedState) {
        self.restore_of(0, state);
    }

    /// Begins anew, from files, and says which values there are.
    pub fn restore(&mut self, files: &[(Part, Arc<StateFile>)]) -> Vec<(u64, i64)> {
        let mut state = KeyedState::default();
        self.with(|backend, cx| backend.restore(cx, CheckpointId(0), files, &mut state));
        state.values().collect()
    }
}

/// A handle that differs for everything that should differ.
pub fn handle(attempt: Attempt, task: u32, n: u64) -> Handle {
    Handle(u64::from(attempt.0) * 1_000_000 + n * 1000 + u64::from(task))
}
