//! Every order of what happens at one instant: a world whose next step somebody chooses.
//!
//! An ordinary run has one order: the queue first, then the tasks by their numbers, each doing all that it can. Here every single thing
//! that is due can be next, as far as the ways allow it: what one party says to another, and what goes through one channel, keeps its
//! order, and so does what a task has the store do. If nothing is left to do, time goes on to the next instant.
//!
//! With [`Config::at_once`](crate::config::Config::at_once) nothing takes time, so all that follows from what happens at an instant belongs to it,
//! however late a message, a buffer or a write could be. What somebody waits for comes at a later instant, so nothing here is so late that
//! anybody gives it up.

mod forgetting;

use crate::channel::WATERMARK;
use crate::event::Origin;
use crate::fork::{Part, Parts};
use crate::ids::{ChannelId, TaskId};
use crate::network::Network;
use crate::protocol::{Down, Input, READING};
use crate::queue::{Action, Message, Timer};
use crate::task::{Letter, Mail, Status, Task};
use crate::time::{NEVER, Time};
use crate::topology::TaskInfo;
use crate::world::{Observe, Outcome, World};

/// Something that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// An action of the queue: who has scheduled it, and under which number.
    Action(Origin, u32),
    /// A task opens a letter: from whom it is, and its number.
    Letter(TaskId, Origin, u32),
    /// A task notices what has arrived, the n-th of what there is to notice.
    Notice(TaskId, u32),
    /// A task handles the next thing on an input; a source ([`READING`]) reads a record.
    Take(TaskId, Input),
    /// A task has handled the record it was busy with.
    Finish(TaskId),
    /// A task sends what waits for an output buffer.
    Send(TaskId),
    /// The output flusher comes by a task.
    Flush(TaskId),
}

/// On which way an action goes: actions of one party on one way keep their order. `None`: no other one matters.
fn way(action: &Action) -> Option<u64> {
    match action {
        Action::Tell(_) => Some(0),
        Action::External(_) => Some(1),
        Action::Written(..) | Action::Discard(_) => Some(STORE),
        Action::Cancel(node, _) | Action::Deploy(node, ..) => Some(3 + u64::from(node.0)),
        Action::FaultBegins(_)
        | Action::FaultEnds(_)
        | Action::Crash(_)
        | Action::CrashNode(_)
        | Action::NodeReturns(_)
        | Action::Heartbeat(_)
        | Action::Timer(_)
        | Action::MetadataWritten(..)
        | Action::End
        | Action::SinkFails(..) => None,
    }
}

const STORE: u64 = 2;

/// True for what comes when everything else at an instant is over: "a moment later".
fn is_last(action: &Action) -> bool {
    matches!(action, Action::End | Action::Timer(Timer::Taken | Timer::Close))
}

/// What came of a choice.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// How the run has ended, if it has.
    pub outcome: Option<Outcome>,
    /// What may have changed.
    pub reached: Parts,
    /// Who has acted.
    pub actors: Actors,
}

/// Who has acted: tasks, the coordinator, the store, the external system; or somebody who acts on all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actors(u64);

impl Actors {
    /// Nobody.
    pub const NONE: Actors = Actors(0);
    const ALL: Actors = Actors(u64::MAX);
    const COORDINATOR: Actors = Actors(1);
    const STORE: Actors = Actors(2);
    const EXTERNAL: Actors = Actors(4);

    /// One of the first tasks, or one of the others.
    fn task(task: TaskId) -> Actors {
        Actors(1 << (3 + task.0).min(63))
    }

    /// Those of two sets.
    #[must_use]
    pub fn and(self, other: Actors) -> Actors {
        Actors(self.0 | other.0)
    }

    /// True if somebody is in both.
    pub fn meet(self, other: Actors) -> bool {
        self.0 & other.0 != 0
    }
}

impl Choice {
    /// True for what a task has coming from itself alone: no delivery. Whoever does such things at once leaves out the orders in which
    /// something comes between (a crash, say, between a write and its acknowledgement).
    pub fn is_own(self) -> bool {
        match self {
            Choice::Letter(task, from, _) => from == Origin::task(task),
            Choice::Notice(..) | Choice::Finish(_) | Choice::Send(_) | Choice::Flush(_) => true,
            Choice::Action(..) | Choice::Take(..) => false,
        }
    }

    /// The task that acts; `None`: it is somebody else.
    pub fn task(self) -> Option<TaskId> {
        match self {
            Choice::Action(..) => None,
            Choice::Letter(task, ..)
            | Choice::Notice(task, _)
            | Choice::Take(task, _)
            | Choice::Finish(task)
            | Choice::Send(task)
            | Choice::Flush(task) => Some(task),
        }
    }
}

impl World {
    /// When what happens next happens.
    pub fn next_instant(&self) -> Time {
        self.network.wakes.first().0.min(self.shared.queue.next())
    }

    /// Everything that can happen next, in a fixed order; nothing if the run is to be given up, which [`World::advance`] does. The
    /// lookahead must be off. Returns what may have changed by asking: time may have gone on.
    pub fn choices(&mut self, into: &mut Vec<Choice>) -> Parts {
        into.clear();
        let mut changed = Parts::NONE;
        loop {
            self.settle();
            let (wake, task) = self.network.wakes.first();
            let next = self.shared.queue.next();
            let instant = wake.min(next);
            if instant > self.deadline || self.shared.steps > self.topology.config.bounds.steps {
                return changed;
            }
            self.choices_at(instant, into);
            if !into.is_empty() {
                return changed;
            }
            if wake > instant {
                // Only what comes last is left.
                let last = self.shared.queue.due(instant).next();
                into.extend(last.map(|(origin, number, _)| Choice::Action(origin, number)));
                return changed;
            }
            // It was woken for what it has done meanwhile: so it does nothing, and says when it will.
            self.now = instant;
            self.run_task(TaskId(task));
            changed = changed.and(self.reach_of_task(TaskId(task)));
        }
    }

    fn choices_at(&self, instant: Time, into: &mut Vec<Choice>) {
        let due = || self.shared.queue.due(instant);
        for (at, (origin, number, action)) in due().enumerate() {
            let way = way(action);
            let is_behind = |(other, _, before): (Origin, u32, &Action)| {
                other == origin && way.is_some() && way == self::way(before)
            };
            if !is_last(action) && !due().take(at).any(is_behind) {
                into.push(Choice::Action(origin, number));
            }
        }
        for (at, (task, info)) in self.tasks.iter().zip(&self.topology.tasks).enumerate() {
            let id = TaskId(at as u32);
            // What a task has the store do is done before the task learns of it.
            let is_first = |letter: &Letter| match letter.mail {
                Mail::Written(..) | Mail::Stored(..) => !due().any(|(origin, number, action)| {
                    origin == Origin::task(id) && number < letter.rank as u32 && way(action) == Some(STORE)
                }),
                _ => true,
            };
            choices_of(&self.network, (id, task, info), instant, is_first, into);
        }
    }

    /// Who acts when this is chosen, as long as the job goes on as it does.
    fn actors_of(&self, choice: Choice) -> Actors {
        match (choice.task(), choice) {
            (Some(task), _) => Actors::task(task),
            (None, Choice::Action(origin, number)) => match self.due(origin, number) {
                Some(Action::External(_)) => Actors::EXTERNAL,
                Some(Action::Written(..) | Action::Discard(_)) => Actors::STORE,
                Some(Action::MetadataWritten(..) | Action::Timer(Timer::Cut(_))) => {
                    Actors::COORDINATOR.and(Actors::STORE)
                }
                // Only what its machine wants can reach beyond the coordinator.
                Some(Action::Tell(Message::Up(..) | Message::Status(_))) => Actors::COORDINATOR,
                _ => Actors::ALL,
            },
            _ => Actors::ALL,
        }
    }

    /// What may change when this is chosen.
    fn reach_of(&self, choice: Choice) -> Parts {
        let mut parts = Parts::NONE;
        parts.insert(Part::Shared);
        match (choice.task(), choice) {
            (Some(task), _) => return self.reach_of_task(task),
            (None, Choice::Action(origin, number)) => match self.due(origin, number) {
                Some(Action::Written(..) | Action::Discard(_)) => parts.insert(Part::Store),
                Some(Action::External(request)) => {
                    let (sink, _) = request.sender();
                    [Part::Task(sink), Part::Wires(sink)].into_iter().for_each(|part| parts.insert(part));
                }
                _ => return Parts::ALL,
            },
            _ => return Parts::ALL,
        }
        parts
    }

    fn reach_of_task(&self, task: TaskId) -> Parts {
        let mut parts = Parts::NONE;
        [Part::Shared, Part::Task(task), Part::Wires(task)].into_iter().for_each(|part| parts.insert(part));
        let info = &self.topology.tasks[task.index()];
        let channel = |channel: &ChannelId| &self.topology.channels[channel.index()];
        info.inputs.iter().for_each(|it| parts.insert(Part::Wires(channel(it).from)));
        info.channels_out().for_each(|it| parts.insert(Part::Wires(channel(&it).to)));
        parts
    }

    /// An action that is due.
    fn due(&self, origin: Origin, number: u32) -> Option<&Action> {
        let mut due = self.shared.queue.due(self.next_instant());
        due.find(|&(other, count, _)| (other, count) == (origin, number)).map(|(.., action)| action)
    }

    /// Does what was chosen, which must be one of [`World::choices`], and hands the events that it caused to the observer; says what
    /// came of it.
    pub fn choose(&mut self, choice: Choice, observe: Observe<'_>) -> Chosen {
        let reached = self.reach_of(choice);
        let mut actors = self.actors_of(choice);
        let stage = self.stage();
        self.coordinator.wants.0 = 0;
        self.now = self.next_instant();
        match choice {
            Choice::Action(origin, number) => {
                self.shared.steps += 1;
                if let Some((_, action)) = self.shared.queue.take(origin, number) {
                    self.perform(action);
                }
            }
            _ => {
                if let Some(task) = choice.task() {
                    self.let_act(task, choice);
                }
            }
        }
        self.hand_over(observe);
        if self.forgets {
            self.forget(reached);
        }
        if self.coordinator.wants.0 > 0 {
            actors = actors.and(Actors::STORE);
        }
        if self.stage() != stage {
            actors = Actors::ALL;
        }
        Chosen { outcome: self.outcome, reached, actors }
    }

    /// A choice, for people; it must be one of [`World::choices`].
    pub fn say(&self, choice: Choice) -> String {
        let topology = &self.topology;
        let task = |task| topology.task_name(task);
        let party = |from: Origin| from.as_task().map_or(from.to_string(), task);
        match choice {
            Choice::Action(from, number) => match self.due(from, number) {
                Some(Action::FaultBegins(_)) => "the fault strikes".to_owned(),
                Some(Action::Tell(message)) => {
                    format!("the coordinator hears from {}: {:?}", party(from), message.topic())
                }
                Some(Action::Cancel(node, _)) => format!("node {node} is told to cancel"),
                Some(Action::Deploy(node, ..)) => format!("node {node} is told to start tasks"),
                Some(Action::Written(..)) => format!("the store has what {} wrote", party(from)),
                Some(Action::Discard(_)) => {
                    format!("the store forgets what {} discarded", party(from))
                }
                Some(Action::MetadataWritten(id, _)) => {
                    format!("the metadata of checkpoint {id} is written")
                }
                Some(Action::External(_)) => {
                    format!("the external system hears from {}", party(from))
                }
                Some(Action::Timer(timer)) => format!("the coordinator's timer is due: {timer:?}"),
                Some(action) => format!("{}: {action:?}", party(from)),
                None => format!("nothing: {} has nothing of number {number} due", party(from)),
            },
            Choice::Letter(to, from, number) => {
                let rank = rank(from, number);
                let letter = self.tasks[to.index()].mailbox.iter().find(|letter| letter.rank == rank);
                let what = letter.map_or("nothing", |letter| words(&letter.mail));
                match from == Origin::task(to) {
                    true => format!("{} learns: {what}", task(to)),
                    false => format!("{} hears from the {}: {what}", task(to), party(from)),
                }
            }
            Choice::Notice(to, nth) => {
                let notice = self.network.ports[to.index()].notices.get(nth as usize);
                let what = notice.map_or(String::new(), |notice| {
                    format!(": {:?} on {}", notice.what, topology.channel_name(notice.channel))
                });
                format!("{} notices something{what}", task(to))
            }
            Choice::Take(to, READING) => format!("{} reads a record", task(to)),
            Choice::Take(to, input) => {
                let channel = topology.tasks[to.index()].inputs[input as usize];
                let front = self.network.front(channel).map_or("nothing", |front| front.tag.name());
                format!("{} takes {front} from {}", task(to), topology.channel_name(channel))
            }
            Choice::Finish(it) => format!("{} has handled its record", task(it)),
            Choice::Send(it) => format!("{} sends what waited for a buffer", task(it)),
            Choice::Flush(it) => format!("{} flushes its buffers", task(it)),
        }
    }

    fn let_act(&mut self, task: TaskId, choice: Choice) {
        let now = self.now;
        let mut step = self.step_of(task, now + 1);
        match choice {
            Choice::Flush(_) => step.net.flush(task, now),
            _ => step.task.clock = now,
        }
        match choice {
            Choice::Letter(_, from, number) => {
                let rank = rank(from, number);
                if let Some(at) = step.task.mailbox.iter().rposition(|letter| letter.rank == rank) {
                    let letter = step.task.mailbox.remove(at);
                    step.read_letter(letter, now);
                }
            }
            Choice::Notice(_, nth) => step.notice(nth as usize, now),
            Choice::Take(_, input) => step.take(input, now, NEVER),
            Choice::Finish(_) => {
                if let Some((input, _)) = step.task.serving.take() {
                    step.finish_record(input, now);
                }
            }
            Choice::Send(_) => step.send_pending(now),
            Choice::Action(..) | Choice::Flush(_) => {}
        }
    }
}

fn rank(from: Origin, number: u32) -> u64 {
    u64::from(from.0) << 32 | u64::from(number)
}

/// A letter, for people.
fn words(mail: &Mail) -> &'static str {
    match mail {
        Mail::Restored => "its state has been read",
        Mail::Control(Down::Trigger(_)) => "begin a checkpoint",
        Mail::Control(Down::Completed(_)) => "a checkpoint is complete",
        Mail::Control(Down::Aborted(_)) => "a checkpoint is given up",
        Mail::Stop(_) => "stop reading",
        Mail::Leave(_) => "commit and go",
        Mail::Written(_, true) => "its snapshot is written",
        Mail::Written(_, false) => "its snapshot could not be written",
        Mail::Stored(..) => "a file is written",
        Mail::Prepared(_) => "a transaction is prepared",
        Mail::Committed(_) => "a commit is confirmed",
        Mail::NotCommitted(_) => "a commit has failed",
        Mail::Timer(_) => "a timer is due",
        Mail::AskAgain => "it is time to ask again",
    }
}

/// What a task can do next.
fn choices_of(
    network: &Network,
    (id, task, info): (TaskId, &Task, &TaskInfo),
    now: Time,
    is_first: impl Fn(&Letter) -> bool,
    into: &mut Vec<Choice>,
) {
    let port = &network.ports[id.index()];
    if port.flush_at <= now {
        into.push(Choice::Flush(id));
    }
    if task.status.is_dead() {
        return;
    }
    if let Some((_, until)) = task.serving {
        into.extend((until <= now).then_some(Choice::Finish(id)));
        return;
    }
    // Behind a synchronous part, say.
    if task.clock > now {
        return;
    }
    // The next one stands last.
    let due = task.mailbox.iter().rev().take_while(|letter| letter.time <= now);
    let sender = |letter: &Letter| letter.rank >> 32;
    for (at, letter) in due.clone().enumerate() {
        let is_behind = due.clone().take(at).any(|before| sender(before) == sender(letter));
        if !is_behind && is_first(letter) {
            into.push(Choice::Letter(id, Origin(sender(letter) as u32), letter.rank as u32));
        }
    }
    if !task.status.is_alive() {
        return;
    }
    for (nth, notice) in port.notices.iter().enumerate().take_while(|(_, notice)| notice.time <= now) {
        if port.notices[..nth].iter().all(|before| before.channel != notice.channel) {
            into.push(Choice::Notice(id, nth as u32));
        }
    }
    if !task.pending.is_empty() {
        let has_room = port.used < port.capacity || network.room_at(id) <= now;
        into.extend(has_room.then_some(Choice::Send(id)));
    } else if info.inputs.is_empty() {
        into.extend((task.reading_due() <= now).then_some(Choice::Take(id, READING)));
    } else if matches!(task.status, Status::Running | Status::Ended) {
        for (input, &channel) in (0..).zip(&info.inputs) {
            // What has arrived is noticed before it is consumed.
            let is_mark = network.front(channel).is_some_and(|front| front.tag.kind() > WATERMARK);
            let is_unnoticed = is_mark && port.notices.iter().any(|notice| notice.channel == channel);
            if port.heads.key(input) <= now && !is_unnoticed {
                into.push(Choice::Take(id, input));
            }
        }
    }
}
