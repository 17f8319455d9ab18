//! The coordinator: it deploys the job, notices failures, restarts, and carries out what the strategy's machine decides.
//!
//! One life of the job: deploy, run, and when a task or a node is lost: cancel everything, wait for the restart delay, ask
//! the machine from where to start, deploy again (full-graph restart, Flink's default for a connected job). Everything
//! that is said is said in messages; what is lost is said again: deployments and cancellations until confirmed, the state
//! of tasks with every heartbeat. Not modelled yet: a coordinator that fails, and a zombie that goes on computing after its
//! job was deployed anew (its peers are gone; the machine stops it at that instant. What it has *said* is still under way).

mod effects;
mod orders;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::event::{Event, Origin, Topic};
use crate::ids::{Attempt, CheckpointId, NodeId, TaskId};
use crate::protocol::{CoordinatorEvent, Handle, InputSet, Line, Up};
use crate::queue::{Action, Life, Message, Placed, Report, Timer};
use crate::reusable;
use crate::store::Held;
use crate::task::forget_past;
use crate::time::{MILLISECOND, Time};
use crate::topology::Topology;
use crate::untold::Untold;
use crate::world::{Outcome, World};

use orders::Orders;

/// The coordinator waits at least so long before it says a thing again.
const PATIENCE_MIN: Time = 10 * MILLISECOND;

/// What the job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum JobStatus {
    Deploying,
    Running,
    Cancelling,
    Restarting,
    /// All tasks have finished, or the job has failed for good.
    Ended,
}

/// What the coordinator believes of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Belief {
    Starting,
    Running,
    Finished,
}

/// What the coordinator believes of a node.
#[derive(Clone, Copy, Debug, Hash)]
struct NodeView {
    /// When it was last heard of.
    heard: Time,
    /// When the newest thing heard from it was said.
    newest: Time,
    alive: bool,
    /// It has confirmed the cancellation.
    cancelled: bool,
    last_down: Time,
}

/// A metadata write that has not ended.
#[derive(Clone, Debug, Hash)]
struct Writing {
    id: CheckpointId,
    /// What it would make durable.
    held: Held,
    /// It will fail, whatever was drawn for it.
    doomed: bool,
}

reusable! {
    /// The coordinator.
    #[derive(Debug, Hash)]
    pub(crate) struct Coordinator {
        status: JobStatus,
        pub attempt: Attempt,
        /// The attempt and the checkpoint that are the first of this job: what a savepoint has used up comes before.
        pub first_attempt: Attempt,
        pub first_checkpoint: CheckpointId,
        /// Restarts before the job fails for good.
        restarts_left: u32,
        beliefs: Vec<Belief>,
        running: u32,
        finished: InputSet,
        /// For each task, its senders that have not finished, but for those over feedback edges: when only they are left, no
        /// mark comes but from the task itself.
        unfinished_senders: Vec<u32>,
        roots: Vec<TaskId>,
        nodes: Vec<NodeView>,
        /// For each slot, its node.
        placement: Vec<NodeId>,
        /// For each node, the tasks in its slots.
        hosted: Vec<Vec<TaskId>>,
        /// What is being, or was last, restored.
        line: Vec<Option<Handle>>,
        /// The checkpoint (or savepoint) that it belongs to.
        pub restored: CheckpointId,
        /// The tasks that have ended in it, and so has everything before them.
        pub ended: Vec<bool>,
        /// For each task the number of its output channels whose end had been consumed.
        pub confirmed: Vec<u32>,
        /// For each task how much of the log it reads, in bytes.
        pub replayed: Vec<u64>,
        /// Metadata writes that have not ended; and whether all fail, until the next restore.
        writing: Vec<Writing>,
        frozen: bool,
        /// Snapshots that tasks of older attempts acknowledged to a newer one.
        stale: Vec<(Handle, TaskId, Attempt)>,
        /// Where snapshots are each task's own: those of the line that was restored last, and those that were acknowledged in time
        /// since. They may still count when the attempt is over, and what is said twice may be late the second time.
        timely: BTreeSet<Handle>,
        /// The restart delay is over, but slots or answers are missing.
        waiting: bool,
        /// What the user asks for.
        pub orders: Orders,
        /// How much its machine has wanted since somebody set this to 0.
        pub wants: Untold<usize>,
        /// Number of things it has scheduled.
        pub number: Untold<u32>,
    }
}

impl Coordinator {
    pub fn new(topology: &Topology) -> Coordinator {
        let tasks = topology.tasks.len();
        let view = NodeView { heard: 0, newest: 0, alive: true, cancelled: false, last_down: 0 };
        Coordinator {
            status: JobStatus::Restarting,
            attempt: Attempt(1),
            first_attempt: Attempt(1),
            first_checkpoint: CheckpointId(1),
            restarts_left: topology.config.recovery.restart_attempts,
            beliefs: vec![Belief::Starting; tasks],
            running: 0,
            finished: InputSet::default(),
            unfinished_senders: vec![0; tasks],
            roots: Vec::new(),
            nodes: vec![view; topology.config.cluster.nodes as usize],
            placement: Vec::new(),
            hosted: vec![Vec::new(); topology.config.cluster.nodes as usize],
            line: vec![None; tasks],
            restored: CheckpointId(0),
            ended: vec![false; tasks],
            confirmed: vec![0; tasks],
            replayed: vec![0; tasks],
            writing: Vec::new(),
            frozen: false,
            stale: Vec::new(),
            timely: BTreeSet::new(),
            waiting: false,
            orders: Orders::default(),
            wants: Untold(0),
            number: Untold(0),
        }
    }
}

impl Coordinator {
    /// True if a restart may come at any instant, with the next message perhaps. It stops tasks that no cancellation has
    /// reached, so none of them must run ahead.
    pub fn may_restart(&self) -> bool {
        self.waiting
    }
}

impl World {
    /// Forgets when a node that is dead was heard of, and the last deliveries that are past.
    pub(crate) fn forget_deliveries(&mut self) {
        let now = self.now;
        self.tasks.iter_mut().for_each(|task| task.forget_deliveries(now));
        self.nodes.iter_mut().for_each(|node| forget_past(&mut node.last_up, now));
        for view in &mut self.coordinator.nodes {
            forget_past(&mut view.last_down, now);
            if !view.alive {
                view.heard = 0;
            }
        }
    }

    /// What the job is doing, and in which attempt: whoever changes that acts on everybody.
    pub(crate) fn stage(&self) -> impl PartialEq + use<> {
        (self.coordinator.status, self.coordinator.attempt, self.end)
    }

    /// The first deployment.
    pub(crate) fn start_coordinator(&mut self) {
        self.schedule(self.topology.config.recovery.heartbeat_interval.max(1), Timer::Nodes);
        self.schedule_orders();
        self.deploy_if_possible();
    }

    /// A timer, so long after now.
    fn schedule(&mut self, after: Time, timer: Timer) {
        self.schedule_at(self.now.saturating_add(after.max(1)), timer);
    }

    fn schedule_at(&mut self, time: Time, timer: Timer) {
        self.coordinator.number.0 += 1;
        self.shared.queue.push(time, Origin::COORDINATOR, self.coordinator.number.0, Action::Timer(timer));
    }

    fn log(&mut self, event: Event) {
        self.shared.emit(self.now, Origin::COORDINATOR, event);
    }

    /// How long the coordinator waits for a confirmation before it says a thing again: some ways there and back, and never
    /// so short that a long restore would be full of repetitions.
    fn patience(&self) -> Time {
        let way = self.shared.post.latency.saturating_add(self.shared.post.jitter);
        way.saturating_mul(20).saturating_add(self.topology.config.recovery.deploy).max(PATIENCE_MIN)
    }

    pub(crate) fn coordinator_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Cut(_) if self.coordinator.orders.is_leaving() => {}
            Timer::Cut(token) => {
                self.tell_machine(CoordinatorEvent::Timer(token));
            }
            Timer::Nodes => {
                self.look_for_nodes();
                self.schedule(self.topology.config.recovery.heartbeat_interval.max(1), Timer::Nodes);
            }
            Timer::Retry(attempt) if attempt == self.coordinator.attempt => match self.coordinator.status {
                JobStatus::Cancelling => self.send_cancellations(),
                JobStatus::Deploying => self.send_deployments(),
                JobStatus::Running | JobStatus::Restarting | JobStatus::Ended => {}
            },
            Timer::Restart(attempt) if attempt == self.coordinator.attempt => {
                self.coordinator.waiting = true;
                self.deploy_if_possible();
            }
            Timer::Retry(_) | Timer::Restart(_) => {}
            _ => self.order_timer(timer),
        }
    }

    pub(crate) fn receive(&mut self, message: Message) {
        match message {
            Message::Heartbeat(node, sent, reports) => self.hear(node, sent, &reports),
            Message::Cancelled(node, attempt) => {
                self.heard(node);
                if attempt == self.coordinator.attempt && self.coordinator.status == JobStatus::Cancelling {
                    self.coordinator.nodes[node.index()].cancelled = true;
                    self.restart_if_cancelled();
                }
            }
            Message::Status(report) => self.learn(report),
            Message::Stopped(task, attempt, positions) => self.note_stopped(task, attempt, positions),
            Message::Up(..) if self.coordinator.orders.is_leaving() => {}
            Message::Up(task, attempt, up, handle, positions) => {
                if let Up::Ack(id) = up {
                    self.log(Event::AckReceived { task, attempt, id });
                }
                let stale = attempt != self.coordinator.attempt;
                if !stale && self.network.logs_sent() {
                    self.coordinator.timely.extend(handle);
                }
                let event = CoordinatorEvent::FromTask { task, attempt, up, handle, positions };
                let effects = self.tell_machine(event);
                if stale && effects > 0 {
                    self.log(Event::StaleEffect { task, attempt });
                } else if let (true, Some(handle)) = (stale, handle)
                    && !self.coordinator.timely.contains(&handle)
                {
                    self.coordinator.stale.push((handle, task, attempt));
                }
            }
        }
    }

    // Nodes.

    fn heard(&mut self, node: NodeId) {
        let view = &mut self.coordinator.nodes[node.index()];
        view.heard = self.now;
        if !view.alive {
            view.alive = true;
            self.deploy_if_possible();
        }
    }

    fn hear(&mut self, node: NodeId, sent: Time, reports: &[Report]) {
        self.heard(node);
        reports.iter().for_each(|&report| self.learn(report));
        let coordinator = &self.coordinator;
        if sent < coordinator.nodes[node.index()].newest || coordinator.status == JobStatus::Cancelling {
            return;
        }
        // A task that ran there and of which the node knows nothing was lost with the node's former life.
        let there = |task: TaskId| reports.iter().any(|r| r.task == task && r.attempt == coordinator.attempt);
        let lost = coordinator.hosted[node.index()]
            .iter()
            .any(|&task| coordinator.beliefs[task.index()] != Belief::Starting && !there(task));
        if lost {
            self.fail_job();
        }
    }

    pub(crate) fn node_of(&self, task: TaskId) -> Option<NodeId> {
        self.coordinator.placement.get(self.topology.tasks[task.index()].slot as usize).copied()
    }

    fn look_for_nodes(&mut self) {
        let timeout = self.topology.config.recovery.heartbeat_timeout;
        let mut lost = false;
        for node in (0..self.nodes.len() as u32).map(NodeId) {
            let view = &mut self.coordinator.nodes[node.index()];
            if view.alive && self.now > view.heard.saturating_add(timeout) {
                view.alive = false;
                view.cancelled = true;
                lost |= self.coordinator.placement.contains(&node);
                self.log(Event::NodeDeclaredDead { node });
            }
        }
        if lost {
            self.fail_job();
        }
        // A node that is dead need not confirm a cancellation any more.
        self.restart_if_cancelled();
    }

    // Tasks.

    fn learn(&mut self, report: Report) {
        let Report { task, attempt, life, sent } = report;
        if attempt != self.coordinator.attempt {
            return;
        }
        if let Some(node) = self.node_of(task) {
            let view = &mut self.coordinator.nodes[node.index()];
            view.newest = view.newest.max(sent);
        }
        match life {
            Life::Starting => {}
            Life::Failed => self.fail_job(),
            Life::Running => self.note_running(task),
            Life::Finished => {
                self.note_running(task);
                self.note_finished(task);
            }
        }
    }

    fn note_running(&mut self, task: TaskId) {
        let coordinator = &mut self.coordinator;
        if coordinator.beliefs[task.index()] != Belief::Starting || coordinator.status != JobStatus::Deploying
        {
            return;
        }
        coordinator.beliefs[task.index()] = Belief::Running;
        coordinator.running += 1;
        if coordinator.running as usize == self.tasks.len() {
            coordinator.status = JobStatus::Running;
            let attempt = coordinator.attempt;
            self.log(Event::JobRunning { attempt });
            self.tell_machine(CoordinatorEvent::Started);
            self.pursue();
        }
    }

    fn note_finished(&mut self, task: TaskId) {
        if self.coordinator.status != JobStatus::Running || !self.coordinator.finished.insert(task.0) {
            return;
        }
        if self.note_gone(task) {
            return;
        }
        let coordinator = &mut self.coordinator;
        coordinator.beliefs[task.index()] = Belief::Finished;
        coordinator.roots.retain(|&root| root != task);
        for output in &self.topology.tasks[task.index()].outputs {
            let channels = output.first.index()..output.first.index() + output.channels as usize;
            for channel in self.topology.channels[channels].iter().filter(|channel| !channel.feedback) {
                let receiver = channel.to;
                coordinator.unfinished_senders[receiver.index()] -= 1;
                // The receiver may have finished, and said so, before the last of its senders.
                let done = coordinator.finished.contains(receiver.0);
                if coordinator.unfinished_senders[receiver.index()] == 0 && !done {
                    coordinator.roots.push(receiver);
                }
            }
        }
        coordinator.roots.sort_unstable();
        self.tell_machine(CoordinatorEvent::Finished(task));
        if self.coordinator.finished.len() as usize == self.tasks.len() {
            let outcome = self.finished_outcome();
            self.log(Event::JobFinished);
            self.end(outcome);
        }
    }

    // Failure and restart.

    /// A failure has been noticed: cancel everything.
    pub(crate) fn fail_job(&mut self) {
        if !matches!(self.coordinator.status, JobStatus::Deploying | JobStatus::Running) {
            return;
        }
        self.log(Event::FailureNoticed { attempt: self.coordinator.attempt });
        let exhausted = self.coordinator.restarts_left == 0;
        self.coordinator.restarts_left = self.coordinator.restarts_left.saturating_sub(1);
        if exhausted {
            self.give_the_attempt_up();
            self.log(Event::JobFailed);
            return self.end(Outcome::Failed);
        }
        self.begin_cancellation();
    }

    /// What the present attempt says has no effect any more.
    fn give_the_attempt_up(&mut self) {
        let coordinator = &mut self.coordinator;
        coordinator.attempt = Attempt(coordinator.attempt.0 + 1);
        coordinator.status = JobStatus::Cancelling;
        coordinator.waiting = false;
        coordinator.nodes.iter_mut().for_each(|view| view.cancelled = !view.alive);
        self.begin_orders_anew();
        self.tell_machine(CoordinatorEvent::Lost);
    }

    fn begin_cancellation(&mut self) {
        self.give_the_attempt_up();
        self.send_cancellations();
        self.restart_if_cancelled();
    }

    /// The job has ended. The run ends a moment later: no task has run ahead by more than the latency of a message.
    fn end(&mut self, outcome: Outcome) {
        self.coordinator.status = JobStatus::Ended;
        self.end = Some((self.now, outcome));
        self.coordinator.number.0 += 1;
        let time = self.now.saturating_add(self.shared.post.latency).min(self.deadline);
        self.shared.queue.push(time, Origin::COORDINATOR, self.coordinator.number.0, Action::End);
    }

    /// A fork asks whether the newest checkpoint can be restored: the job fails over, here and now, however many restarts it
    /// has left, and no newer checkpoint comes to exist.
    pub(crate) fn fail_over_to_newest(&mut self) {
        self.coordinator.restarts_left = u32::MAX;
        self.freeze();
        self.forget_orders();
        self.fail_job();
    }

    /// No checkpoint comes to exist until the next restore: all writes of metadata fail.
    fn freeze(&mut self) {
        self.coordinator.writing.iter_mut().for_each(|writing| writing.doomed = true);
        self.coordinator.frozen = true;
    }

    fn send_cancellations(&mut self) {
        let attempt = self.coordinator.attempt;
        for node in (0..self.nodes.len() as u32).map(NodeId) {
            if !self.coordinator.nodes[node.index()].cancelled {
                self.send_to_node(node, Action::Cancel(node, attempt));
            }
        }
        self.schedule(self.patience(), Timer::Retry(attempt));
    }

    fn send_to_node(&mut self, node: NodeId, action: Action) {
        self.coordinator.number.0 += 1;
        let number = self.coordinator.number.0;
        let last = &mut self.coordinator.nodes[node.index()].last_down;
        let deliveries = self.shared.post.deliver(self.now, Origin::COORDINATOR.0, number, last);
        let topic =
            if matches!(action, Action::Cancel(..)) { Topic::Cancellation } else { Topic::Deployment };
        if let Some(trouble) = deliveries.event(topic) {
            self.log(trouble);
        }
        for time in deliveries.times() {
            self.shared.queue.push(time, Origin::COORDINATOR, number, action.clone());
        }
    }

    fn restart_if_cancelled(&mut self) {
        let coordinator = &mut self.coordinator;
        if coordinator.status == JobStatus::Cancelling && coordinator.nodes.iter().all(|view| view.cancelled)
        {
            coordinator.status = JobStatus::Restarting;
            let attempt = coordinator.attempt;
            self.log(Event::JobCancelled);
            if self.coordinator.orders.cancelled {
                return self.close_if_cancelled();
            }
            // It stops tasks that no cancellation has reached: so it is announced before any can have run ahead of it.
            let delay = self.topology.config.recovery.restart_delay.max(self.shared.post.latency);
            self.schedule_at(self.now.saturating_add(delay), Timer::Restart(attempt));
        }
    }

    /// Deploys if the delay is over, there are slots for all tasks, and every metadata write has ended.
    fn deploy_if_possible(&mut self) {
        if self.coordinator.orders.cancelled {
            return self.close_if_cancelled();
        }
        let first = self.coordinator.attempt == self.coordinator.first_attempt;
        let ready = first || self.coordinator.waiting;
        if self.coordinator.status != JobStatus::Restarting || !ready || !self.coordinator.writing.is_empty()
        {
            return;
        }
        let slots = self.topology.tasks.iter().map(|task| task.slot as usize + 1).max().unwrap_or(0);
        let per_node = self.topology.config.cluster.slots_per_node as usize;
        let alive = (0..self.nodes.len()).filter(|&node| self.coordinator.nodes[node].alive);
        let placement = alive.flat_map(|node| std::iter::repeat_n(NodeId(node as u32), per_node));
        self.coordinator.placement = placement.take(slots).collect();
        if self.coordinator.placement.len() < slots {
            return;
        }
        self.coordinator.waiting = false;
        self.coordinator.hosted.iter_mut().for_each(Vec::clear);
        for (task, info) in self.topology.tasks.iter().enumerate() {
            let node = self.coordinator.placement[info.slot as usize];
            self.coordinator.hosted[node.index()].push(TaskId(task as u32));
        }
        self.tell_machine(CoordinatorEvent::Recover);
    }

    /// Starts everything anew from a line.
    fn restore(&mut self, line: Line) {
        let tasks = self.tasks.len();
        if self.coordinator.status != JobStatus::Restarting {
            return;
        }
        if line.snapshots.len() != tasks {
            self.log(Event::RestoreFailed);
            self.log(Event::JobFailed);
            return self.end(Outcome::Failed);
        }
        let attempt = self.coordinator.attempt;
        self.log(Event::Restoring { attempt, checkpoint: line.checkpoint });
        let coordinator = &mut self.coordinator;
        coordinator.status = JobStatus::Deploying;
        coordinator.line = line.snapshots;
        let savepoint = CheckpointId(coordinator.first_checkpoint.0 - 1); // or 0, which no checkpoint has
        coordinator.restored = line.checkpoint.unwrap_or(savepoint);
        coordinator.beliefs.fill(Belief::Starting);
        // Nothing is known of this attempt, so nothing that was said can be older.
        coordinator.nodes.iter_mut().for_each(|view| view.newest = 0);
        coordinator.running = 0;
        coordinator.finished.clear();
        coordinator.roots.clear();
        for (at, task) in self.topology.tasks.iter().enumerate() {
            coordinator.unfinished_senders[at] = task.inputs.len() as u32 - task.feedback.len();
            if task.inputs.is_empty() {
                coordinator.roots.push(TaskId(at as u32));
            }
        }
        self.coordinator.stale.clear();
        let coordinator = &mut self.coordinator;
        coordinator.timely.clear();
        if self.network.logs_sent() {
            coordinator.timely.extend(coordinator.line.iter().flatten());
        }
        self.coordinator.frozen = false;
        self.store.discard_unreferenced();
        self.clear_cluster();
        let line = std::mem::take(&mut self.coordinator.line);
        self.refill_channels(&line);
        self.coordinator.line = line;
        self.send_deployments();
    }

    fn send_deployments(&mut self) {
        let attempt = self.coordinator.attempt;
        for node in (0..self.nodes.len() as u32).map(NodeId) {
            let coordinator = &self.coordinator;
            let hosted = coordinator.hosted[node.index()].iter();
            let starting = hosted.filter(|task| coordinator.beliefs[task.index()] == Belief::Starting);
            let tasks: Arc<[Placed]> = starting.map(|&task| (task, coordinator.line[task.index()])).collect();
            if !tasks.is_empty() {
                self.send_to_node(node, Action::Deploy(node, attempt, tasks));
            }
        }
        self.schedule(self.patience(), Timer::Retry(attempt));
    }
}
