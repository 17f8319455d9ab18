//! The whole world as one value, and the loop that makes it go.
//!
//! **Order.** Two things can be next: an action of the queue (a message to the coordinator, a node's heartbeat, a fault...)
//! or a task that wakes. The earlier goes first; the queue at a tie. Actions are ordered by (time, origin, number).
//!
//! **Lookahead.** A task that wakes at `now` need not stop after one record. Whatever another party does from now on
//! reaches the task no earlier than `now` plus the least latency of anything that leads to it: its *reach*. So it may act
//! on everything before that instant, unless a fault or a cancellation is due earlier. Batching is an optimisation with
//! a proof: with the lookahead off every observable event is the same, at the same instant, and a test says so.
//!
//! **Forks.** `World` is flat vectors of plain values; what is immutable (the topology, snapshots) is shared. Cloning into
//! a used world with `clone_from` reuses its memory: "crash here, and here, and here" is a fork, not a re-run.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::backend::Backend;
use crate::chance::Turn;
use crate::channel::{Channel, Item, RECORD};
use crate::committer::Committer;
use crate::coordinator::Coordinator;
use crate::erased::Protocol;
use crate::event::{self, Detail, Origin, Stamped};
use crate::external::External;
use crate::faults::{FaultPlan, Faults};
use crate::ids::{Attempt, ChannelId, CheckpointId, NodeId, TaskId};
use crate::log::{Log, in_transit};
use crate::network::{Network, Port};
pub use crate::outcome::{Bound, Outcome};
use crate::piggyback::Runs;
use crate::post::{MessageFaults, Post};
use crate::protocol::{Handle, InputSet, JobCtx, Positions, SnapshotMethod};
use crate::queue::{Action, Queue};
use crate::record::Record;
use crate::reusable;
use crate::ring::Ring;
use crate::shared::{Shared, StoreFaults};
use crate::snapshot::TaskSnapshot;
use crate::state::KeyedState;
use crate::step::Step;
use crate::store::Store;
use crate::task::{Letter, Mail, Status, Task};
use crate::time::{NEVER, Time};
use crate::topology::Topology;
use crate::tournament::Tournament;
use crate::untold::Untold;

/// Latencies are handed to the observer when there are so many, if no event comes before.
const LATENCIES_AT_ONCE: usize = 1 << 16;

reusable! {
    /// A machine of the cluster.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Node {
        pub up: bool,
        /// What is deployed on it.
        pub tasks: Vec<TaskId>,
        /// Number of things it has scheduled.
        pub number: Untold<u32>,
        /// The last delivery to the coordinator.
        pub last_up: Time,
    }
}

/// A job's machines of a strategy: how to make them, and how snapshots are taken.
pub type Cut = dyn Fn(&JobCtx<'_>) -> Box<dyn Protocol>;

/// Who sees what happens: the world, and the events of one step.
pub type Observe<'a> = &'a mut dyn FnMut(&World, &[Stamped]);

reusable! {
    /// The world.
    #[derive(Debug)]
    pub struct World {
        pub(crate) topology: Arc<Topology>,
        pub(crate) protocol: Box<dyn Protocol>,
        /// The backend of a task that has not begun.
        pub(crate) backend: Box<dyn Backend>,
        /// What a sink that has not begun remembers.
        pub(crate) committer: Box<dyn Committer>,
        pub(crate) network: Network,
        pub(crate) tasks: Vec<Task>,
        /// For each task, the least time in which anything can reach it.
        pub(crate) reach: Vec<Time>,
        pub(crate) nodes: Vec<Node>,
        pub(crate) coordinator: Coordinator,
        pub(crate) store: Store,
        /// The initial state of each task, if it is not an empty one: see [`World::start_from`].
        pub(crate) base: Vec<Option<Arc<TaskSnapshot>>>,
        /// What went before that was a part of a failure-free run of this job: see [`Start::is_whole`](crate::savepoint::Start).
        pub(crate) is_whole: bool,
        pub(crate) shared: Shared,
        pub(crate) faults: Faults,
        /// The chain of events of each origin: faults, coordinator, external system, nodes, tasks.
        pub(crate) digests: Vec<u64>,
        pub(crate) now: Time,
        pub(crate) deadline: Time,
        /// What is being handed to the observer: memory that is used again.
        pub(crate) handed: Vec<Stamped>,
        /// When the job ended, and how.
        pub(crate) end: Option<(Time, Outcome)>,
        pub(crate) outcome: Option<Outcome>,
        pub(crate) lookahead: bool,
        /// Where somebody chooses what is next: what is over is forgotten.
        pub(crate) forgets: bool,
        /// When chance is to go another way.
        pub(crate) turn: Option<Turn>,
    }
}

impl World {
    /// A world in which nothing has happened, without a seed: see [`World::begin`].
    pub fn new(topology: Arc<Topology>, cut: &Cut, method: SnapshotMethod) -> World {
        let config = &topology.config;
        let tasks = topology.tasks.len();
        let coordinator = Coordinator::new(&topology);
        let protocol = cut(&JobCtx {
            now: 0,
            attempt: Attempt(1),
            first_checkpoint: CheckpointId(1),
            tasks: tasks as u32,
            finished: &InputSet::default(),
            roots: &[],
            channels: &topology.channels,
            config: &config.checkpointing,
        });
        let hooks = protocol.hooks();
        let network = Network {
            channels: topology.channels.iter().map(|info| Channel::new(info, topology.port(info))).collect(),
            ports: (0..tasks).map(|task| Port::new(&topology, TaskId(task as u32))).collect(),
            wakes: Tournament::new(tasks as u32),
            config: config.network.clone(),
            unbuffered: config.network.buffer_timeout == 0
                && config.network.bandwidth == 0
                && !hooks.arrivals
                && !hooks.log_sent,
            logs: vec![Log::default(); if hooks.log_sent { topology.channels.len() } else { 0 }],
            tags: vec![Runs::default(); if hooks.tags { topology.channels.len() } else { 0 }],
            noting: hooks.log_sent,
            leaving: vec![Ring::default(); if hooks.arrivals { topology.channels.len() } else { 0 }],
            departures: hooks.departures,
            watch: None,
            watched: None,
            passages: None,
        };
        let nodes =
            (0..config.cluster.nodes).map(|_| Node { up: true, ..Node::default() }).collect::<Vec<_>>();
        let shared = Shared {
            queue: Queue::default(),
            log: Vec::new(),
            post: Post {
                latency_key: 0,
                fate_key: 0,
                latency: config.network.control_latency.max(config.least),
                jitter: config.network.control_jitter,
                faults: MessageFaults::default(),
                doomed: BTreeSet::new(),
                is_noting: false,
                sent: Vec::new(),
            },
            external: External::new(config.external.transaction_timeout),
            detail: Detail::default(),
            latencies: Vec::new(),
            arrivals: Vec::new(),
            stalls: Vec::new(),
            taken: Vec::new(),
            steps: 0,
            along: 0,
            triggered: Default::default(),
            slow_tasks: Default::default(),
            slow_links: Default::default(),
            store_faults: StoreFaults::default(),
            doomed_writes: BTreeSet::new(),
            writes: Vec::new(),
            failing_commits: 0,
            service_key: 0,
            store_key: 0,
            timer_key: 0,
            commit_key: 0,
            scratch: Vec::new(),
            effects: Default::default(),
            wanted: Default::default(),
        };
        World {
            backend: protocol.backend(method),
            committer: protocol.committer(),
            protocol,
            network,
            tasks: (0..tasks).map(|_| Task::default()).collect(),
            reach: vec![1; tasks],
            digests: vec![0; 3 + nodes.len() + tasks],
            nodes,
            coordinator,
            store: Store::default(),
            base: vec![None; tasks],
            is_whole: true,
            shared,
            faults: Faults::default(),
            now: 0,
            deadline: config.bounds.time,
            handed: Vec::new(),
            end: None,
            outcome: None,
            lookahead: true,
            forgets: true,
            turn: None,
            topology,
        }
    }

    /// Gives a new world the operators of another job with the same tasks and channels ([`Topology::with_operators`]).
    pub fn take_operators(&mut self, topology: Arc<Topology>) {
        self.topology = topology;
    }

    /// Gives a new world its seed and its faults, and schedules the first deployment: from nothing, or from where
    /// [`World::start_from`] says.
    pub fn begin(&mut self, seed: u64, plan: Arc<FaultPlan>) {
        self.key(seed);
        self.faults.begin(plan, &mut self.shared.queue);
        for node in 0..self.nodes.len() as u32 {
            self.schedule_heartbeat(NodeId(node));
        }
        self.start_coordinator();
    }

    /// Which frequent events to emit, and what else to note.
    pub fn set_detail(&mut self, detail: Detail) {
        self.shared.detail = detail;
        self.shared.post.is_noting = detail.targets;
        self.network.note_passages(detail.passages);
        self.shared.writes.clear();
        self.shared.post.sent.clear();
    }

    /// Turns the lookahead off (or on): nothing observable changes but the speed.
    pub fn set_lookahead(&mut self, on: bool) {
        self.lookahead = on;
    }

    /// The run is given up at this instant.
    pub fn set_deadline(&mut self, deadline: Time) {
        self.deadline = deadline;
    }

    /// Looks out for the n-th item (the first is 1) sent on a channel: see [`World::watched`].
    pub fn watch(&mut self, channel: ChannelId, count: u64) {
        self.network.watch = Some((channel, count));
        self.network.unbuffered = false;
        self.network.noting = true;
    }

    /// The record that was the item looked out for, when it was last sent; `None` if it is no record.
    pub fn watched(&self) -> Option<Record> {
        self.network.watched.filter(|slot| slot.tag.kind() == RECORD).map(|slot| slot.record)
    }

    /// Runs to the end. After everything that happens, the events that it caused are handed to the observer.
    pub fn run(&mut self, observe: Observe<'_>) -> Outcome {
        loop {
            if let Some(outcome) = self.advance(observe) {
                return outcome;
            }
        }
    }

    /// Does the next thing, and hands the events that it caused to the observer; how the run has ended, if it has. With the
    /// lookahead off it is one *event* of the run in the order of time: an action of the queue, or what one task does at one
    /// instant. [`When::Event`](crate::faults::When::Event) counts them.
    #[inline]
    pub fn advance(&mut self, observe: Observe<'_>) -> Option<Outcome> {
        if self.faults.waits_for_events() {
            while self.strike_after_event() {
                self.hand_over(observe);
            }
        }
        self.step();
        self.hand_over(observe);
        self.outcome
    }

    /// Hands to the observer what has happened, if there is something to say.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, observe: Observe<'_>) {
        let many = self.shared.latencies.len().max(self.network.passages_noted()) >= LATENCIES_AT_ONCE;
        if !self.shared.log.is_empty() || many || self.outcome.is_some() {
            self.hand_over_now(observe);
        }
    }

    #[inline(never)]
    fn hand_over_now(&mut self, observe: Observe<'_>) {
        let mut events = std::mem::take(&mut self.handed);
        std::mem::swap(&mut events, &mut self.shared.log);
        self.note(&events);
        observe(self, &events);
        events.clear();
        self.handed = events;
        self.shared.latencies.clear();
        self.shared.arrivals.clear();
        self.shared.stalls.clear();
        self.shared.taken.clear();
        self.network.forget_passages();
    }

    /// Does the next thing.
    fn step(&mut self) {
        let (wake, task) = self.network.wakes.first();
        let next = self.shared.queue.next();
        if wake.min(next) > self.deadline || self.shared.steps > self.topology.config.bounds.steps {
            self.give_up(wake.min(next));
        } else if next <= wake {
            self.shared.steps += 1;
            if let Some((time, action)) = self.shared.queue.pop() {
                self.now = time;
                self.perform(action);
            }
        } else {
            self.now = wake;
            self.run_task(TaskId(task));
        }
    }

    #[cold]
    fn give_up(&mut self, next: Time) {
        let bound = match next {
            NEVER => Bound::Quiet,
            _ if next > self.deadline => Bound::Time,
            _ => Bound::Steps,
        };
        if bound == Bound::Time {
            self.now = self.deadline;
        }
        self.outcome = Some(Outcome::Exceeded(bound));
    }

    pub(crate) fn run_task(&mut self, id: TaskId) {
        let is_ordered = self.faults.needs_order(self.now) || self.coordinator.may_restart();
        let ahead = self.lookahead && !is_ordered;
        let reach = if ahead { self.reach[id.index()] } else { 1 };
        let end = self.shared.queue.next_disruption().min(self.deadline.saturating_add(1));
        let horizon = end.min(self.now.saturating_add(reach));
        self.step_of(id, horizon).run();
    }

    /// A task that may act before the horizon.
    pub(crate) fn step_of(&mut self, id: TaskId, horizon: Time) -> Step<'_> {
        let info = &self.topology.tasks[id.index()];
        let operator = &self.topology.operators[info.operator.index()];
        Step {
            id,
            task: &mut self.tasks[id.index()],
            net: &mut self.network,
            shared: &mut self.shared,
            protocol: self.protocol.as_mut(),
            topology: &self.topology,
            info,
            operator,
            transform: operator.role.transform(),
            horizon,
        }
    }

    pub(crate) fn perform(&mut self, action: Action) {
        match action {
            Action::FaultBegins(fault) => self.fault_begins(fault),
            Action::FaultEnds(fault) => self.fault_ends(fault),
            Action::Crash(_) | Action::CrashNode(_) if self.faults.ended() => {}
            Action::Crash(task) => self.crash_task(task),
            Action::CrashNode(node) => self.crash_node(node),
            Action::NodeReturns(node) => self.node_returns(node),
            Action::Heartbeat(node) => self.heartbeat(node),
            Action::Cancel(node, attempt) => self.cancel(node, attempt),
            Action::Deploy(node, attempt, tasks) => self.deploy(node, attempt, &tasks),
            Action::Tell(message) => self.receive(message),
            Action::Timer(timer) => self.coordinator_timer(timer),
            Action::Written(task, attempt, handle, object) => {
                // A task that has finished meanwhile has not crashed: what it was writing is written.
                let writer = &self.tasks[task.index()];
                if writer.attempt == attempt && !writer.status.is_dead() {
                    self.store.put(handle, object);
                }
            }
            Action::Discard(handle) => self.store.discard(handle),
            Action::MetadataWritten(id, fine) => self.metadata_written(id, fine),
            Action::End => self.conclude(),
            Action::External(request) => self.serve_external(request),
            Action::SinkFails(task, attempt) => self.sink_fails(task, attempt),
        }
        if self.shared.queue.len() > self.topology.config.bounds.queue {
            self.outcome = Some(Outcome::Exceeded(Bound::Queue));
        }
    }

    /// Puts a letter, known by its sender and the sender's number, into a task's mailbox and wakes the task for it.
    pub(crate) fn post_letter(
        &mut self,
        task: TaskId,
        attempt: Attempt,
        time: Time,
        (from, number): (Origin, u32),
        mail: Mail,
    ) {
        let rank = u64::from(from.0) << 32 | u64::from(number);
        self.tasks[task.index()].post(Letter { time, rank, attempt, mail });
        let free_at = self.network.ports[task.index()].free_at;
        let wake = if free_at == NEVER { time } else { time.max(free_at) };
        self.network.wakes.lower(task.0, wake);
    }

    /// Folds events into the digests, and lets faults that wait for them strike.
    fn note(&mut self, events: &[Stamped]) {
        for stamped in events.iter().filter(|stamped| !stamped.event.is_detail()) {
            let slot = self.digest_slot(stamped.origin);
            self.digests[slot] = event::chain(self.digests[slot], event::hash(stamped));
        }
        if self.turn.is_some() {
            self.approach_turn(events.len());
        }
        if self.faults.waits_for_points() {
            for stamped in events {
                self.strike_at_point(stamped);
            }
        }
    }

    fn digest_slot(&self, origin: Origin) -> usize {
        match (origin.as_task(), origin.as_node()) {
            (Some(task), _) => 3 + self.nodes.len() + task.index(),
            (None, Some(node)) => 3 + node.index(),
            (None, None) => (origin.0 as usize).min(2),
        }
    }

    // What observers and reports may ask.

    /// The present instant.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the run is given up.
    pub fn deadline(&self) -> Time {
        self.deadline
    }

    /// When the job ended; the present instant if it has not.
    pub fn ended(&self) -> Time {
        self.end.map_or(self.now, |(time, _)| time)
    }

    /// Things done so far: actions of the queue, records, marks and letters handled.
    pub fn steps(&self) -> u64 {
        self.shared.steps
    }

    /// How many records were handled along lanes, in short. It is no part of the run.
    pub fn records_along_lanes(&self) -> u64 {
        self.shared.along
    }

    /// The job.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The durable store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Where everything sent is logged: for each channel that is not empty at a line of snapshots, what the log holds of what
    /// had been sent on it and not received. Otherwise nothing.
    pub fn in_transit(&self, line: &[Option<Handle>]) -> Vec<(ChannelId, Vec<Item>)> {
        match self.network.logs_sent() {
            true => in_transit(&self.topology, &self.store, line).items(),
            false => Vec::new(),
        }
    }

    /// True if everything sent is logged: then snapshots are each task's own, with ids of their own.
    pub fn logs_sent(&self) -> bool {
        self.network.logs_sent()
    }

    /// The snapshots that were taken since the observer was last called, and what their tasks had sent and received by then; only
    /// where they are each task's own.
    pub fn taken(&self) -> &[(TaskId, CheckpointId, Arc<Positions>)] {
        &self.shared.taken
    }

    /// True if snapshots are each task's own, and none of them must be useless: the job has no cycle, or the strategy says so
    /// ([`TaskCut::NEVER_USELESS`](crate::protocol::TaskCut::NEVER_USELESS)).
    pub fn is_never_useless(&self) -> bool {
        self.logs_sent() && (self.protocol.is_never_useless() || !self.topology.is_cyclic())
    }

    /// How many bytes of tags have been sent with records, watermarks, ends and probes.
    pub fn piggybacked(&self) -> u64 {
        self.network.ports.iter().map(|port| port.piggybacked).sum()
    }

    /// The external system.
    pub fn external(&self) -> &External {
        &self.shared.external
    }

    /// How the job has ended, if it has; the run ends a moment later.
    pub fn ended_as(&self) -> Option<Outcome> {
        self.end.map(|(_, outcome)| outcome)
    }

    /// True once the job has ended, well or not; the run ends a moment later.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The attempt that the job begins with.
    pub fn first_attempt(&self) -> Attempt {
        self.coordinator.first_attempt
    }

    /// The present attempt.
    pub fn attempt(&self) -> Attempt {
        self.coordinator.attempt
    }

    /// The keyed state of a task.
    pub fn state(&self, task: TaskId) -> &KeyedState {
        &self.tasks[task.index()].state
    }

    /// How many records a task has handled (or, of a source, emitted) in the history that counts, and the sum of their
    /// lineage weights.
    pub fn handled(&self, task: TaskId) -> (u64, u64) {
        let task = &self.tasks[task.index()];
        (task.records, task.lineages)
    }

    /// How a task fares.
    pub fn status(&self, task: TaskId) -> Status {
        self.tasks[task.index()].status
    }

    /// Latencies recorded at the sinks since the observer was last called; only with [`Detail::latencies`].
    pub fn latencies(&self) -> &[Time] {
        &self.shared.latencies
    }
}
