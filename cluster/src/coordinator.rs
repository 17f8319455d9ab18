//! The coordinator: it gathers the task managers, deploys the job, drives the coordinator's machine of the strategy, and after every
//! loss cancels everything and starts again from where that machine says.
//!
//! The phases are those of the simulated coordinator: *gathering* (not all task managers are there), *cancelling* (all that are there
//! must confirm that nothing of the former attempt is left), *deploying* (tasks read their state), *starting* (channels are
//! made), *running*. The attempt grows first, then everything is cancelled. A job is not restored before every write of
//! metadata has ended, or a checkpoint could come to exist after a restore from an older one.
//!
//! It keeps its books in memory: when the coordinator goes, the job is over, and the task managers go too.

mod books;
mod gathering;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutline_sim::config::CheckpointMode;
use cutline_sim::erased::Protocol;
use cutline_sim::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use cutline_sim::oracles::Verdict;
use cutline_sim::protocol::{
    CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Down, Handle, InputSet, JobCtx, Line, To,
};
use cutline_sim::time::{NEVER, Time};
use cutline_sim::topology::ChannelInfo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::job::{Job, Order, Unsupported};
use crate::messages::{Deployment, ToCoordinator, ToTaskManager, counts};
use crate::object::{metadata, seal};
use crate::snapshot::Metadata;
use crate::store::{Store, StoreError};
use crate::task::MOST_ATTEMPTS;
use crate::together::Together;
use crate::wire::WireError;
use books::Books;

/// How often the coordinator looks who is still there.
const LOOK: Duration = Duration::from_millis(50);

/// What a coordinator holds to.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The number of task managers.
    pub nodes: u32,
    /// What they must know.
    pub token: u64,
    /// How long it waits for task managers that are not there.
    pub patience: Duration,
    /// How long the job may take.
    pub limit: Duration,
    /// A task manager that was not heard of for this long is taken for dead.
    pub heartbeat_timeout: Duration,
}

/// What the coordinator hears from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Stop at once.
    Interrupt,
    /// It is of no use to go on.
    Hopeless(String),
}

/// What a job has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// True if all tasks have finished; false if the time was over.
    pub finished: bool,
    /// How often it was deployed.
    pub attempts: u32,
    /// Why it was deployed again, each time.
    pub failures: Vec<String>,
    /// What was restored, each time.
    pub restored: Vec<Option<CheckpointId>>,
    /// How often that was a checkpoint, and all tasks went on from there.
    pub went_on: u32,
    /// Checkpoints that completed, and that were given up.
    pub completed: u32,
    /// See `completed`.
    pub abandoned: u32,
    /// Records may come twice: whether cuts are consistent and channels in order is not looked at.
    pub at_least_once: bool,
    /// The first checkpoint that was no consistent cut, in words.
    pub cut: Option<String>,
    /// The first thing that the store has not kept as it must, in words.
    pub store: Option<String>,
    /// Whether a snapshot that a task took on its own was useless, where none must be.
    pub useless: Option<Verdict>,
    /// The first item that did not come in the order of sending, in words.
    pub disorder: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterError {
    /// The driver cannot do what the job needs.
    Unsupported(Unsupported),
    /// A task manager is not there.
    Missing {
        /// Which.
        node: u32,
        /// For how long it was waited for.
        waited: Duration,
    },
    /// It would go wrong again.
    Hopeless(String),
    /// The store does not do what it must.
    Store(StoreError),
    /// The job was restarted too often.
    Attempts(String),
    /// The user does not want to wait.
    Interrupted,
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::Unsupported(what) => what.fmt(f),
            ClusterError::Missing { node, waited } => write!(
                f,
                "task manager {node} has not connected within {} s: see what it says on stderr, or whether anything keeps it \
                 from connecting to this machine's own address",
                waited.as_secs()
            ),
            ClusterError::Hopeless(wrong) => f.write_str(wrong),
            ClusterError::Store(error) => error.fmt(f),
            ClusterError::Attempts(last) => write!(
                f,
                "the job was restarted {MOST_ATTEMPTS} times, and it does not come to its end; the last time because {last}"
            ),
            ClusterError::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for ClusterError {}

/// What happens to the coordinator.
enum Event {
    /// A task manager has connected.
    Came(u32, SocketAddr, TcpStream),
    /// A task manager says something; the number tells its lives apart.
    Said(u32, u64, ToCoordinator),
    /// The connection to a task manager is gone.
    Gone(u32, u64, WireError),
    /// A timer of the machine.
    Timer(u64),
    /// A write of metadata has ended.
    Stored(CheckpointId, Result<(), StoreError>),
    Look,
    Signal(Signal),
}

/// A task manager that is there.
struct Node {
    life: u64,
    channels: SocketAddr,
    to: UnboundedSender<ToTaskManager>,
    heard: Instant,
    /// It has built the job and speaks; before that it is not to be hurried.
    speaks: bool,
    /// The two ends of its connection: stopped, they hang up.
    ends: Together,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// These must still confirm that nothing is left; then the job can be deployed when all are there.
    Cancelling(BTreeSet<u32>),
    /// These must still get their tasks ready.
    Deploying(BTreeSet<u32>),
    /// The tasks of these do not all run yet.
    Starting(BTreeSet<u32>),
    Running,
}

/// A coordinator at work.
struct Coordinator {
    job: Job,
    order: Order,
    rules: Rules,
    store: Arc<dyn Store>,
    cut: Box<dyn Protocol>,
    events: UnboundedSender<Event>,
    beside: Together,
    began: Instant,
    nodes: Vec<Option<Node>>,
    lives: u64,
    /// Since when not all task managers are there.
    lonely: Instant,
    attempt: Attempt,
    phase: Phase,
    /// Not to be deployed before this.
    restart_at: Instant,
    finished: InputSet,
    roots: Vec<TaskId>,
    /// The checkpoint that began last, and when.
    began_last: (CheckpointId, Time),
    books: Books,
    outcome: Outcome,
    /// Whom to tell of a task manager that does not answer.
    evict: Option<UnboundedSender<u32>>,
    wrong: Option<ClusterError>,
}

/// Runs a job to its end.
///
/// # Errors
/// If it cannot come to one: see [`ClusterError`].
pub async fn run(
    listener: TcpListener,
    (job, order): (Job, Order),
    store: Arc<dyn Store>,
    rules: Rules,
    signals: UnboundedReceiver<Signal>,
    evict: Option<UnboundedSender<u32>>,
) -> Result<Outcome, ClusterError> {
    job.check().map_err(ClusterError::Unsupported)?;
    let (events, mut mailbox) = unbounded_channel();
    let beside = Together::default();
    beside.spawn(gathering::accept(listener, rules.token, events.clone()));
    beside.spawn(relay(signals, events.clone()));
    beside.spawn(look(events.clone()));
    let now = Instant::now();
    let mut coordinator = Coordinator {
        cut: job.machines(),
        nodes: (0..rules.nodes).map(|_| None).collect(),
        books: Books::new(&job),
        job,
        order,
        rules,
        store,
        events,
        beside: beside.clone(),
        began: now,
        lives: 0,
        lonely: now,
        attempt: Attempt(1),
        phase: Phase::Cancelling(BTreeSet::new()),
        restart_at: now,
        finished: InputSet::default(),
        roots: Vec::new(),
        began_last: (CheckpointId(0), 0),
        outcome: Outcome::default(),
        evict,
        wrong: None,
    };
    let end = coordinator.live(&mut mailbox).await;
    for node in coordinator.nodes.iter().flatten() {
        let _ = node.to.send(ToTaskManager::Leave);
    }
    // What was just said is to be on its way before the connections go.
    tokio::time::sleep(LOOK).await;
    beside.stop();
    end
}

async fn relay(mut signals: UnboundedReceiver<Signal>, events: UnboundedSender<Event>) {
    while let Some(signal) = signals.recv().await {
        let _ = events.send(Event::Signal(signal));
    }
}

async fn look(events: UnboundedSender<Event>) {
    while events.send(Event::Look).is_ok() {
        tokio::time::sleep(LOOK).await;
    }
}

impl Coordinator {
    async fn live(&mut self, mailbox: &mut UnboundedReceiver<Event>) -> Result<Outcome, ClusterError> {
        let tasks = self.job.topology.tasks.len();
        while let Some(event) = mailbox.recv().await {
            self.act(event);
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            let finished = self.finished.len() as usize == tasks;
            if finished || self.began.elapsed() > self.rules.limit {
                self.outcome.finished = finished;
                self.outcome.attempts = self.attempt.0;
                self.outcome.took = self.began.elapsed();
                (self.outcome.completed, self.outcome.abandoned) =
                    (self.books.completed, self.books.abandoned);
                let mode = self.job.topology.config.checkpointing.mode;
                self.outcome.at_least_once = mode == CheckpointMode::AtLeastOnce;
                self.outcome.cut = self.books.inconsistent.take();
                self.outcome.useless = self.books.useless();
                let rubbish = || self.books.rubbish(self.attempt).filter(|_| finished);
                self.outcome.store = self.books.wrong.clone().or_else(rubbish);
                return Ok(std::mem::take(&mut self.outcome));
            }
            self.deploy_if_ready();
        }
        Err(ClusterError::Interrupted)
    }

    fn act(&mut self, event: Event) {
        match event {
            Event::Came(node, channels, stream) => self.came(node, channels, stream),
            Event::Said(node, life, message) if self.is_alive(node, life) => self.said(node, message),
            Event::Gone(node, life, error) if self.is_alive(node, life) => {
                self.gone(node, &format!("task manager {node} is gone: {error}"));
            }
            Event::Said(..) | Event::Gone(..) => {} // of a former life
            Event::Timer(token) => self.tell_cut(CoordinatorEvent::Timer(token)),
            Event::Stored(id, done) => self.stored(id, done),
            Event::Look => self.look(),
            Event::Signal(Signal::Interrupt) => self.wrong = Some(ClusterError::Interrupted),
            Event::Signal(Signal::Hopeless(wrong)) => self.wrong = Some(ClusterError::Hopeless(wrong)),
        }
    }

    fn now(&self) -> Time {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(NEVER)
    }

    /// True if tasks are deployed, or are being deployed.
    fn is_deployed(&self) -> bool {
        !matches!(self.phase, Phase::Cancelling(_))
    }

    fn said(&mut self, node: u32, message: ToCoordinator) {
        let is_current = |attempt: Attempt| attempt == self.attempt;
        match message {
            ToCoordinator::Heartbeat => {}
            ToCoordinator::Deployed(attempt) if is_current(attempt) => self.deployed(node),
            ToCoordinator::Running(attempt) if is_current(attempt) => self.running(node),
            ToCoordinator::Up(attempt, task, up, saved) if task.index() < self.job.topology.tasks.len() => {
                let handle = saved.as_ref().map(|saved| saved.handle);
                let logs = self.cut.hooks().log_sent;
                let logged = saved.as_ref().filter(|_| logs);
                let positions = logged.map(|saved| Arc::new(counts(&saved.made, &saved.received)));
                if let Some(saved) = saved
                    && !self.books.note(task, saved)
                {
                    let name = self.job.topology.task_name(task);
                    let wrong = format!(
                        "task manager {node} has acknowledged a snapshot that cannot be one of {name}"
                    );
                    self.wrong = Some(ClusterError::Hopeless(wrong));
                    return;
                }
                self.tell_cut(CoordinatorEvent::FromTask { task, attempt, up, handle, positions });
            }
            ToCoordinator::Finished(attempt, task)
                if is_current(attempt) && task.index() < self.job.topology.tasks.len() =>
            {
                self.finished.insert(task.0);
                self.find_roots();
                self.tell_cut(CoordinatorEvent::Finished(task));
            }
            ToCoordinator::Taken(attempt, task, id, positions)
                if is_current(attempt) && task.index() < self.job.topology.tasks.len() =>
            {
                self.books.taken(task, id, self.now(), positions);
            }
            ToCoordinator::Useless(handle) => self.discard(handle),
            ToCoordinator::Disorder(attempt, channel, wrong) if is_current(attempt) => {
                self.disorder(channel, &wrong);
            }
            ToCoordinator::Failed(attempt, wrong) if is_current(attempt) => self.fail(wrong),
            ToCoordinator::Hopeless(wrong) => self.wrong = Some(ClusterError::Hopeless(wrong)),
            ToCoordinator::Cancelled(attempt) if attempt.0 + 1 == self.attempt.0 => self.cancelled(node),
            _ => {} // of an older attempt
        }
        if let Some(node) = &mut self.nodes[node as usize] {
            (node.heard, node.speaks) = (Instant::now(), true);
        }
    }

    fn disorder(&mut self, channel: ChannelId, wrong: &str) {
        let topology = &self.job.topology;
        // Where records may come twice, what comes again after a restore is no surprise.
        let matters = topology.config.checkpointing.mode == CheckpointMode::ExactlyOnce;
        if matters && channel.index() < topology.channels.len() {
            let name = topology.channel_name(channel);
            self.outcome.disorder.get_or_insert_with(|| format!("Channel {name}: {wrong}."));
        }
    }

    /// The attempt has failed: the next one begins when nothing is left of it.
    fn fail(&mut self, why: String) {
        if !self.is_deployed() {
            return;
        }
        if self.attempt.0 >= MOST_ATTEMPTS {
            self.wrong = Some(ClusterError::Attempts(why));
            return;
        }
        self.outcome.failures.push(why);
        let former = self.attempt;
        self.attempt.0 += 1;
        self.finished.clear();
        let there: Vec<u32> = (0..self.rules.nodes).filter(|&node| self.node(node).is_some()).collect();
        for &node in &there {
            self.send(node, ToTaskManager::Cancel(former));
        }
        self.phase = Phase::Cancelling(there.into_iter().collect());
        let delay = self.job.topology.config.recovery.restart_delay;
        self.restart_at = Instant::now() + Duration::from_nanos(delay);
        self.tell_cut(CoordinatorEvent::Lost);
    }

    fn find_roots(&mut self) {
        let topology = &self.job.topology;
        let is_root = |task: &TaskId| {
            let inputs = topology.tasks[task.index()].inputs.iter();
            let mut inputs = inputs.map(|channel| &topology.channels[channel.index()]);
            let is_over = |input: &ChannelInfo| input.feedback || self.finished.contains(input.from.0);
            !self.finished.contains(task.0) && inputs.all(is_over)
        };
        self.roots = (0..topology.tasks.len() as u32).map(TaskId).filter(is_root).collect();
    }

    /// Tells the coordinator's machine, and does what it says.
    fn tell_cut(&mut self, event: CoordinatorEvent) {
        let mut fx = CoordinatorEffects::default();
        let topology = Arc::clone(&self.job.topology);
        let job = JobCtx {
            now: self.now(),
            attempt: self.attempt,
            first_checkpoint: CheckpointId(1),
            tasks: topology.tasks.len() as u32,
            finished: &self.finished,
            roots: &self.roots,
            channels: &topology.channels,
            config: &topology.config.checkpointing,
        };
        self.cut.on_coordinator(&job, event, &mut fx);
        fx.0.into_iter().for_each(|effect| self.execute(effect));
    }

    fn execute(&mut self, effect: CoordinatorEffect) {
        match effect {
            CoordinatorEffect::Begin(id) => self.began_last = (id, self.now()),
            CoordinatorEffect::Tell(to, down) => {
                let all = 0..self.job.topology.tasks.len() as u32;
                let tasks: Vec<TaskId> = match to {
                    To::Task(task) => vec![task],
                    To::Roots => self.roots.clone(),
                    To::All => all.filter(|&task| !self.finished.contains(task)).map(TaskId).collect(),
                };
                let began = self.began(down);
                for task in tasks.into_iter().filter(|_| self.is_deployed()) {
                    self.send(self.node_of(task), ToTaskManager::Down(self.attempt, task, down, began));
                }
            }
            CoordinatorEffect::Complete(id, snapshots) => self.complete(id, snapshots),
            CoordinatorEffect::Abandon(_, _, handles) => {
                self.books.abandoned += 1;
                handles.into_iter().for_each(|handle| self.discard(handle));
            }
            CoordinatorEffect::Discard(handle) => self.discard(handle),
            CoordinatorEffect::Subsume(id) => {
                self.delete(metadata(id));
                let useless = self.books.subsume(id);
                useless.into_iter().for_each(|handle| self.delete(crate::object::shared(handle)));
            }
            CoordinatorEffect::Restore(line) => self.deploy(line),
            CoordinatorEffect::Timer(after, token) => {
                let events = self.events.clone();
                self.beside.spawn(async move {
                    tokio::time::sleep(Duration::from_nanos(after)).await;
                    let _ = events.send(Event::Timer(token));
                });
            }
            CoordinatorEffect::FailOver => self.fail("too many checkpoints have failed".to_owned()),
        }
    }

    /// When the checkpoint began that a trigger is for.
    fn began(&self, down: Down) -> Time {
        match (down, self.began_last) {
            (Down::Trigger(id), (last, began)) if id == last => began,
            _ => self.now(),
        }
    }

    /// Writes the metadata of a checkpoint.
    fn complete(&mut self, id: CheckpointId, snapshots: Vec<Option<Handle>>) {
        let replays = self.books.begin_to_write(id, snapshots.clone());
        let bytes = seal(&Metadata { id, attempt: self.attempt, snapshots, replays });
        let (write, events) = (self.store.put(metadata(id), bytes), self.events.clone());
        self.beside.spawn(async move {
            let done = write.await;
            let _ = events.send(Event::Stored(id, done));
        });
    }

    fn stored(&mut self, id: CheckpointId, done: Result<(), StoreError>) {
        self.books.written(id, done.is_ok());
        self.tell_cut(match done {
            Ok(()) => CoordinatorEvent::MetaStored(id),
            Err(_) => CoordinatorEvent::MetaFailed(id),
        });
    }

    fn discard(&mut self, handle: Handle) {
        let useless = self.books.discard(handle);
        useless.into_iter().for_each(|handle| self.delete(crate::object::shared(handle)));
    }

    fn delete(&self, name: String) {
        let deletion = self.store.delete(name);
        self.beside.spawn(async move {
            let _ = deletion.await; // what stays takes room, and nothing else
        });
    }

    /// Deploys the tasks from where the machine says.
    fn deploy(&mut self, line: Line) {
        self.outcome.restored.push(line.checkpoint);
        let now = self.now();
        let replays = self.books.go_back(self.attempt, line.checkpoint);
        let open = self.books.open(line.checkpoint);
        let all: BTreeSet<u32> = (0..self.rules.nodes).collect();
        for &node in &all {
            let tasks = (0..).map(TaskId).zip(line.snapshots.iter().copied());
            let mine = tasks.filter(|(task, _)| self.node_of(*task) == node);
            let deployment = |(task, snapshot): (TaskId, Option<Handle>)| Deployment {
                task,
                snapshot,
                replays: replays.get(task.index()).cloned().unwrap_or_default(),
                open: open.get(task.index()).cloned().unwrap_or_default(),
            };
            let tasks = mine.map(deployment).collect();
            let (attempt, checkpoint) = (self.attempt, line.checkpoint);
            self.send(node, ToTaskManager::Deploy { attempt, now, checkpoint, tasks });
        }
        self.phase = Phase::Deploying(all);
        self.find_roots();
        self.sweep();
    }

    /// Deletes what former attempts have left and no checkpoint refers to.
    fn sweep(&self) {
        let (store, live, attempt) = (Arc::clone(&self.store), self.books.live(), self.attempt);
        self.beside.spawn(async move {
            for name in store.list("shared").await.unwrap_or_default() {
                let number = name.rsplit('/').next().and_then(|name| u64::from_str_radix(name, 16).ok());
                let is_old = |handle: &Handle| crate::task::attempt_of(*handle) < attempt;
                if number.map(Handle).filter(is_old).is_some_and(|handle| !live.contains(&handle)) {
                    let _ = store.delete(name).await;
                }
            }
        });
    }
}
