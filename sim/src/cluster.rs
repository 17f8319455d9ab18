//! The nodes: they run tasks, report, cancel and deploy, crash and come back.

use std::sync::Arc;

use crate::backend::{Part, StateFile};
use crate::channel::Item;
use crate::event::{Event, Origin};
use crate::graph::Role;
use crate::ids::{Attempt, ChannelId, CheckpointId, NodeId, TaskId};
use crate::log::{Held, in_transit};
use crate::mail::task_ctx;
use crate::passage::Passes;
use crate::protocol::Handle;
use crate::queue::{Action, Life, Message, Placed, Report};
use crate::snapshot::{OnChannel, SplitPosition, TaskSnapshot, backend_ctx};
use crate::source::choose_split;
use crate::store::Store;
use crate::task::{Letter, Mail, Reading, Status};
use crate::time::{FAR, NEVER};
use crate::world::World;

/// What a task is restored from: a snapshot, unless it begins with nothing, and the files that the snapshot refers to.
struct Found {
    snapshot: Option<Arc<TaskSnapshot>>,
    files: Vec<(Part, Arc<StateFile>)>,
}

impl World {
    /// The next report of a node: all report at the same pace, each with a phase of its own.
    pub(crate) fn schedule_heartbeat(&mut self, node: NodeId) {
        let interval = self.topology.config.recovery.heartbeat_interval.max(1);
        let phase = interval * (u64::from(node.0) + 1) / (self.nodes.len() as u64 + 1);
        let time = (self.now + interval - phase) / interval * interval + phase;
        self.push_from_node(node, time, Action::Heartbeat(node));
    }

    fn push_from_node(&mut self, node: NodeId, time: u64, action: Action) {
        let number = self.node_number(node);
        self.shared.queue.push(time, Origin::node(node), number, action);
    }

    fn node_number(&mut self, node: NodeId) -> u32 {
        let state = &mut self.nodes[node.index()];
        state.number.0 += 1;
        state.number.0
    }

    fn send_from_node(&mut self, node: NodeId, message: Message) {
        let number = self.node_number(node);
        let last = &mut self.nodes[node.index()].last_up;
        let deliveries = self.shared.post.deliver(self.now, Origin::node(node).0, number, last);
        if let Some(trouble) = deliveries.event(message.topic()) {
            self.shared.emit(self.now, Origin::node(node), trouble);
        }
        for time in deliveries.times() {
            self.shared.queue.push(time, Origin::node(node), number, Action::Tell(message.clone()));
        }
    }

    pub(crate) fn heartbeat(&mut self, node: NodeId) {
        if self.nodes[node.index()].up {
            let tasks = self.nodes[node.index()].tasks.iter();
            let reports: Arc<[Report]> = tasks.map(|&task| self.report(task)).collect();
            self.send_from_node(node, Message::Heartbeat(node, self.now, reports));
        }
        self.schedule_heartbeat(node);
    }

    fn report(&self, id: TaskId) -> Report {
        let task = &self.tasks[id.index()];
        let life = match task.status_at(self.now) {
            Status::Idle | Status::Restoring => Life::Starting,
            Status::Running | Status::Ended => Life::Running,
            Status::Finished => Life::Finished,
            Status::Failed => Life::Failed,
        };
        Report { task: id, attempt: task.attempt, life, sent: self.now }
    }

    /// A node stops everything older than an attempt.
    pub(crate) fn cancel(&mut self, node: NodeId, attempt: Attempt) {
        if !self.nodes[node.index()].up {
            return;
        }
        let tasks = std::mem::take(&mut self.nodes[node.index()].tasks);
        let (old, kept): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|task| self.tasks[task.index()].attempt < attempt);
        old.into_iter().for_each(|task| self.stop_task(task, Status::Idle));
        self.nodes[node.index()].tasks = kept;
        self.send_from_node(node, Message::Cancelled(node, attempt));
    }

    /// Before a new attempt is deployed nothing of an older one is left: a task that was not reached lost its peers.
    pub(crate) fn clear_cluster(&mut self) {
        for task in (0..self.tasks.len() as u32).map(TaskId) {
            self.stop_task(task, Status::Idle);
        }
        self.nodes.iter_mut().for_each(|node| node.tasks.clear());
        let places: Vec<Option<NodeId>> =
            (0..self.tasks.len() as u32).map(|task| self.node_of(TaskId(task))).collect();
        let same_node = |from: TaskId, to: TaskId| places[from.index()] == places[to.index()];
        self.network.reset(self.coordinator.attempt, same_node, self.topology.config.least);
        self.slow_channels();
        let control = self.shared.post.latency;
        self.reach.fill(control);
        for channel in &self.network.channels {
            for end in [channel.from, channel.to] {
                let reach = &mut self.reach[end.index()];
                *reach = channel.latency.min(*reach);
            }
        }
    }

    /// Puts both ends of all channels where a line left them, and what was captured between them. It happens at once and
    /// before any task starts, or the first one would find the channels to the others as they never were.
    pub(crate) fn refill_channels(&mut self, line: &[Option<Handle>]) {
        let checkpoint = self.coordinator.restored;
        self.coordinator.confirmed.fill(0);
        for (task, (info, handle)) in self.topology.tasks.iter().zip(line).enumerate() {
            let saved = match handle {
                Some(handle) => self.store.get(*handle),
                None => self.base[task].as_ref(),
            };
            self.coordinator.ended[task] = saved.is_some_and(|snapshot| snapshot.ended);
            let Some(snapshot) = saved else { continue };
            for channel in snapshot.ended_inputs.iter().filter_map(|input| info.inputs.get(input as usize)) {
                let sender = self.topology.channels[channel.index()].from;
                self.coordinator.confirmed[sender.index()] += 1;
            }
            for (channel, &position) in info.inputs.iter().zip(&snapshot.received) {
                self.network.channels[channel.index()].received = position;
            }
            for (at, channel) in (0..snapshot.sent.len() as u32).zip(info.channels_out()) {
                self.network.channels[channel.index()].sent = snapshot.sent_in(checkpoint, at);
            }
            for OnChannel { at, items } in &snapshot.captured {
                if let Some(&channel) = info.inputs.get(*at as usize) {
                    self.network.refill(channel, items, self.now);
                }
            }
        }
        if self.network.logs_sent() {
            self.replay_log(line);
        }
        self.topology.reopen(&mut self.coordinator.ended);
    }

    /// Puts what was in transit at a line back into the channels, and begins their logs behind what is durable.
    fn replay_log(&mut self, line: &[Option<Handle>]) {
        self.coordinator.replayed.fill(0);
        for Held { channel, items, tags } in in_transit(&self.topology, &self.store, line).channels {
            let to = self.topology.channels[channel.index()].to;
            self.coordinator.replayed[to.index()] += items.iter().map(Item::bytes).sum::<u64>();
            self.network.refill(channel, &items, self.now);
            if let Some(runs) = self.network.tags.get_mut(channel.index()) {
                runs.begin(tags);
            }
        }
        for (channel, ends) in self.topology.channels.iter().enumerate() {
            let is_stored = line[ends.from.index()].is_some();
            self.network.begin_log(ChannelId(channel as u32), is_stored);
        }
    }

    /// A node starts tasks and fetches their state.
    pub(crate) fn deploy(&mut self, node: NodeId, attempt: Attempt, placed: &[Placed]) {
        if !self.nodes[node.index()].up || attempt != self.attempt() {
            return;
        }
        for &(id, handle) in placed {
            let task = &self.tasks[id.index()];
            if task.attempt == attempt && task.status != Status::Idle {
                // Said twice, or said again because the answer was lost; or the node lost the task and is back.
                let report = self.report(id);
                self.send_from_node(node, Message::Status(report));
                continue;
            }
            self.deploy_task(node, attempt, id, handle);
        }
    }

    fn deploy_task(&mut self, node: NodeId, attempt: Attempt, id: TaskId, handle: Option<Handle>) {
        let topology = Arc::clone(&self.topology);
        let info = &topology.tasks[id.index()];
        if !self.nodes[node.index()].tasks.contains(&id) {
            self.nodes[node.index()].tasks.push(id);
        }
        let task = &mut self.tasks[id.index()];
        self.network.pass(self.now, id, Passes::Deployed);
        task.begin(attempt, info, self.backend.as_ref());
        let is_sink = matches!(topology.role(id), Role::Sink(_));
        task.committer = is_sink.then(|| self.committer.clone_box());
        task.node = node;
        task.clock = self.now;
        let Some(Found { snapshot, files }) = self.find(id, handle) else {
            self.shared.emit(self.now, Origin::task(id), Event::RestoreFailed);
            return self.fail_task(id);
        };
        let state = snapshot.as_ref().map_or(0, |snapshot| snapshot.bytes_in(self.coordinator.restored));
        let bytes = state.saturating_add(self.coordinator.replayed[id.index()]);
        let replayed = self.fill_task(id, snapshot.as_deref(), &files);
        let apply = (u128::from(replayed) * u128::from(topology.config.snapshot.replay_per_mib)) >> 20;
        let apply = u64::try_from(apply).unwrap_or(FAR).min(FAR);
        let read = match snapshot {
            Some(_) => Store::read_time(&topology.config.store, bytes).saturating_add(apply),
            None => 0,
        };
        let time = self.now + (topology.config.recovery.deploy + read).max(topology.config.least);
        let task = &mut self.tasks[id.index()];
        let rank = u64::from(Origin::task(id).0) << 32 | u64::from(task.next_number());
        task.post(Letter { time, rank, attempt, mail: Mail::Restored });
        self.network.wakes.set(id.0, time);
    }

    /// What a task is to be restored from; `None` if some of it is not there.
    fn find(&self, id: TaskId, handle: Option<Handle>) -> Option<Found> {
        let snapshot = match handle {
            Some(handle) => Some(Arc::clone(self.store.get(handle)?)),
            None => self.base[id.index()].clone(),
        };
        let files = snapshot.as_deref().map_or(Some(Vec::new()), |snapshot| self.files_of(snapshot))?;
        Some(Found { snapshot, files })
    }

    /// The files that a snapshot refers to; `None` if one is not there.
    pub(crate) fn files_of(&self, snapshot: &TaskSnapshot) -> Option<Vec<(Part, Arc<StateFile>)>> {
        let file = |part: &Part| Some((*part, Arc::clone(self.store.file(part.handle)?)));
        snapshot.parts.iter().map(file).collect()
    }

    /// Gives a task its restored state (or the initial one), its positions, and its machine. Returns the bytes of state that were
    /// applied one by one.
    fn fill_task(
        &mut self,
        id: TaskId,
        snapshot: Option<&TaskSnapshot>,
        files: &[(Part, Arc<StateFile>)],
    ) -> u64 {
        let info = &self.topology.tasks[id.index()];
        let operator = &self.topology.operators[info.operator.index()];
        let task = &mut self.tasks[id.index()];
        if let Some(snapshot) = snapshot {
            task.restore(snapshot, self.coordinator.restored, info);
            for channel in info.channels_out() {
                let unsent = task.pending.iter().filter(|(to, _)| *to == channel).map(|(_, slot)| *slot);
                let position = self.network.channels[channel.index()].sent.count;
                self.network.pass_put_back(channel, position, unsent, self.now);
            }
            task.resumes_ended &= self.coordinator.ended[id.index()];
            task.confirmed = if task.resumes_ended { self.coordinator.confirmed[id.index()] } else { 0 };
            for (input, channel) in (0..).zip(&info.inputs) {
                let sender = self.topology.channels[channel.index()].from;
                if !self.coordinator.ended[sender.index()] && task.ended_inputs.remove(input) {
                    task.input_watermarks[input as usize] = 0;
                }
            }
        }
        let about = (id, task.attempt, &mut task.snapshots);
        let mut cx = backend_ctx(about, operator, &self.topology.config.snapshot, self.now);
        let taken_for = snapshot.map_or(CheckpointId::default(), |snapshot| snapshot.id);
        let replayed = task.backend.restore(&mut cx, taken_for, files, &mut task.state);
        task.state.note_changes(task.backend.notes_changes());
        if let Role::Source(input) = &operator.role {
            if snapshot.is_none() {
                let mine = (0..input.splits()).filter(|split| split % operator.parallelism == info.subtask);
                task.splits.extend(mine.map(|split| {
                    let at = SplitPosition { split, offset: input.start(split), event_time: 0, ended: false };
                    Reading { at, next: None }
                }));
            }
            for split in &mut task.splits {
                split.next = input.read(split.at.split, split.at.offset);
                split.at.ended = split.next.is_none();
            }
            choose_split(task);
        }
        let durable = snapshot.map_or(&[][..], |snapshot| &snapshot.durable);
        let sent_to = &self.network.ports[id.index()].sent_to;
        self.protocol.start(&task_ctx(id, task, info, &self.topology, sent_to), durable);
        replayed
    }

    // Crashes.

    pub(crate) fn stop_task(&mut self, task: TaskId, status: Status) {
        if !self.tasks[task.index()].status.is_dead() {
            self.network.pass(self.now, task, Passes::Stopped);
        }
        self.tasks[task.index()].become_status(status, self.now);
        self.tasks[task.index()].serving = None;
        self.tasks[task.index()].pending.clear();
        self.network.silence(task);
    }

    /// A task fails; its node tells the coordinator.
    pub(crate) fn fail_task(&mut self, id: TaskId) {
        self.stop_task(id, Status::Failed);
        let report = self.report(id);
        let node = self.tasks[id.index()].node;
        self.send_from_node(node, Message::Status(report));
    }

    /// A task crashes, if there is one to crash.
    pub(crate) fn crash_task(&mut self, task: TaskId) {
        let status = self.tasks[task.index()].status;
        if matches!(status, Status::Restoring | Status::Running | Status::Ended) {
            self.shared.emit(self.now, Origin::FAULTS, Event::TaskCrashed { task });
            self.fail_task(task);
        }
    }

    /// A node crashes with everything on it, and comes back later.
    pub(crate) fn crash_node(&mut self, node: NodeId) {
        if !self.nodes[node.index()].up {
            return;
        }
        self.shared.emit(self.now, Origin::FAULTS, Event::NodeCrashed { node });
        self.nodes[node.index()].up = false;
        // Not idle: who comes back is another process, and refuses what was meant for its former life.
        for task in std::mem::take(&mut self.nodes[node.index()].tasks) {
            self.stop_task(task, Status::Failed);
        }
        let back = self.now.saturating_add(self.topology.config.recovery.node_downtime.max(1)).min(NEVER - 1);
        self.push_from_node(node, back, Action::NodeReturns(node));
    }

    pub(crate) fn node_returns(&mut self, node: NodeId) {
        self.nodes[node.index()].up = true;
        self.shared.emit(self.now, Origin::FAULTS, Event::NodeReturned { node });
    }
}
