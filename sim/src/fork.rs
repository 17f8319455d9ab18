//! How a fork goes another way than its original: somebody intervenes in a world that is under way.

use std::hash::{Hash, Hasher};

use crate::faults::{FailedWrite, Fault, LostMessage};
use crate::ids::TaskId;
use crate::world::{Observe, World};

/// A part of a world. What a task does changes itself, the wires that lead to and from it, and what all share; see
/// [`World::choose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Whatever is no other part: the queue, the post, the external system, the nodes, the faults, the times.
    Shared,
    /// The coordinator, and its machine.
    Coordinator,
    /// The store.
    Store,
    /// A task, and its machine.
    Task(TaskId),
    /// The channels that lead to a task, and its port.
    Wires(TaskId),
}

/// A set of parts. That of a very large job may hold more than was put into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(u64);

impl Parts {
    /// No part.
    pub const NONE: Parts = Parts(0);
    /// All parts.
    pub const ALL: Parts = Parts(u64::MAX);

    /// Those of two sets.
    #[must_use]
    pub fn and(self, other: Parts) -> Parts {
        Parts(self.0 | other.0)
    }

    /// Adds a part.
    pub fn insert(&mut self, part: Part) {
        self.0 |= Parts::bit(part);
    }

    /// True if a part is among them.
    pub fn contains(self, part: Part) -> bool {
        self.0 & Parts::bit(part) != 0
    }

    fn bit(part: Part) -> u64 {
        let number = match part {
            Part::Shared => 0,
            Part::Coordinator => 1,
            Part::Store => 2,
            Part::Task(task) => 3 + 2 * task.0,
            Part::Wires(task) => 4 + 2 * task.0,
        };
        1 << number.min(63)
    }
}

impl World {
    /// The faults that would each have struck one thing alone which has begun since this was last asked for: a message that was
    /// sent, a write to the store. Only with [`Detail::targets`](crate::event::Detail::targets), and none of what was before that was asked for.
    pub fn targets(&mut self) -> impl Iterator<Item = Fault> + '_ {
        let messages =
            self.shared.post.sent.drain(..).map(|message| Fault::LostMessage(LostMessage { message }));
        messages.chain(self.shared.writes.drain(..).map(|write| Fault::FailedWrite(FailedWrite { write })))
    }

    /// A fault that is in no plan strikes here and now. It is the same as
    /// [`When::Event`](crate::faults::When::Event) with the number of events so far.
    pub fn strike(&mut self, fault: &Fault, observe: Observe<'_>) {
        fault.begin(self);
        self.hand_over(observe);
    }

    /// Puts in order what has none, and does what senders do when they need it: so equal worlds are the same in memory. Nothing depends
    /// on it.
    pub fn settle(&mut self) {
        self.shared.queue.sort();
        self.network.collect(self.now);
        self.forget_deliveries();
    }

    /// Becomes another world of which at most these parts are different: `clone_from` for a world that was a copy not long ago.
    pub fn copy_parts(&mut self, from: &World, parts: Parts) {
        let World {
            protocol,
            network,
            tasks,
            reach,
            nodes,
            coordinator,
            store,
            shared,
            faults,
            digests,
            now,
            deadline,
            end,
            outcome,
            lookahead,
            forgets,
            turn,
            // The same in all worlds of a job, and memory.
            topology,
            backend: _,
            committer: _,
            base: _,
            is_whole: _,
            handed: _,
        } = from;
        for (at, info) in topology.tasks.iter().enumerate() {
            if parts.contains(Part::Task(TaskId(at as u32))) {
                self.tasks[at].clone_from(&tasks[at]);
            }
            if parts.contains(Part::Wires(TaskId(at as u32))) {
                self.network.copy_wires(network, TaskId(at as u32), &info.inputs);
            }
        }
        if parts.contains(Part::Coordinator) {
            self.coordinator.clone_from(coordinator);
        }
        if parts.contains(Part::Store) {
            self.store.clone_from(store);
        }
        if parts != Parts::NONE {
            self.network.copy_rest(network);
            self.protocol.clone_from(protocol);
            self.reach.clone_from(reach);
            self.nodes.clone_from(nodes);
            self.shared.clone_from(shared);
            self.faults.clone_from(faults);
            self.digests.clone_from(digests);
            (self.now, self.deadline) = (*now, *deadline);
            (self.lookahead, self.forgets) = (*lookahead, *forgets);
            (self.end, self.outcome, self.turn) = (*end, *outcome, *turn);
        }
    }

    /// All parts, each once, in a fixed order.
    pub fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let tasks = (0..self.tasks.len() as u32).map(TaskId);
        let of_tasks = tasks.flat_map(|task| [Part::Task(task), Part::Wires(task)]);
        [Part::Shared, Part::Coordinator, Part::Store].into_iter().chain(of_tasks)
    }

    /// Hashes a part of a world that has been [settled](World::settle). All parts together are all that the rest of the run depends on, but
    /// for its deadline; what all worlds of a job share is left out.
    pub fn hash_part<H: Hasher>(&self, part: Part, into: &mut H) {
        let World {
            protocol,
            network,
            tasks,
            reach,
            nodes,
            coordinator,
            store,
            shared,
            faults,
            now,
            end,
            outcome,
            turn,
            // When somebody gives the run up is no part of it.
            deadline: _,
            // The same in all worlds of a job.
            topology,
            backend: _,
            committer: _,
            base: _,
            is_whole: _,
            // Past, or empty between two events.
            digests: _,
            handed: _,
            // It changes nothing.
            lookahead: _,
            forgets: _,
        } = self;
        match part {
            Part::Task(task) => {
                let it = &tasks[task.index()];
                if it.status_since.0 > *now {
                    (it.status_before.0, it.status_since.0).hash(into);
                }
                match it.status.is_dead() {
                    true => it.hash_what_stays(into),
                    false => {
                        it.hash(into);
                        protocol.hash_task(task, into);
                    }
                }
            }
            Part::Wires(task) => {
                let inputs = &topology.tasks[task.index()].inputs;
                match self.is_cut_off(task) {
                    true => network.hash_what_stays(inputs, into),
                    false => network.hash_wires(task, inputs, into),
                }
            }
            Part::Coordinator => {
                coordinator.hash(into);
                protocol.hash_coordinator(into);
            }
            Part::Store => store.hash(into),
            Part::Shared => {
                network.hash_rest(into);
                shared.queue.hash_what_counts(|action| !self.forgets_action(action), into);
                (reach, nodes, shared, faults, now, end, outcome, turn).hash(into);
            }
        }
    }

    /// True if a task is gone, and so are all that could send to it or receive from it: channels are emptied before any of them begins anew.
    fn is_cut_off(&self, task: TaskId) -> bool {
        let is_gone = |task: TaskId| self.tasks[task.index()].status.is_dead();
        let (channels, info) = (&self.topology.channels, &self.topology.tasks[task.index()]);
        is_gone(task)
            && info.inputs.iter().all(|channel| is_gone(channels[channel.index()].from))
            && info.channels_out().all(|channel| is_gone(channels[channel.index()].to))
    }

    /// Hashes by what is drawn, beside what the parts have: the counts of tasks, for their timers; and where messages may meet with
    /// something, all of them.
    pub fn hash_draws<H: Hasher>(&self, into: &mut H) {
        let post = &self.shared.post;
        if post.jitter > 0 || !post.doomed.is_empty() || self.faults.are_planned() {
            return self.hash_counts(into);
        }
        self.tasks.iter().for_each(|task| task.hash_draws(into));
    }

    /// Hashes the counts of all parties, by which they name what they schedule. Parts have none of them, for a name means nothing but
    /// the order, in which things stand. But draws go by them: how long a message takes, and which one is lost.
    pub fn hash_counts<H: Hasher>(&self, into: &mut H) {
        let external = &self.shared.external;
        (self.coordinator.number.0, external.number.0, external.requests.0).hash(into);
        self.nodes.iter().for_each(|node| node.number.0.hash(into));
        self.shared.queue.all().for_each(|(_, number, _)| number.hash(into));
        for task in &self.tasks {
            task.sent.0.hash(into);
            task.mailbox.iter().for_each(|letter| letter.rank.hash(into));
        }
    }

    /// Ends all faults and fails the job over, here and now: how a fork asks whether the newest checkpoint can be restored.
    /// No newer one comes to exist before the restore, and there is one more restart in any case.
    pub fn fail_over(&mut self) {
        self.shared.steps = 0;
        self.turn = None;
        self.end_faults();
        self.fail_over_to_newest();
    }
}
