//! A run that is walked through event by event, forwards and backwards.
//!
//! Nothing can be undone in a world. So the walk keeps *forks* of it, at equal distances from the beginning on; one step back goes to the
//! nearest fork before, and from there forwards again. There are at most [`KEPT_MAX`] of them: when there is no room for another one,
//! every second goes and the distance doubles. So a step back takes as many steps as the run has events, divided by half of that, at the
//! most, however long the run is. Lookahead is off: an event is an action of the queue, or what one task does at one instant.
//!
//! What is found on the way for the first time (checkpoints, crashes, restores, violations) is noted by the number of its event, so it is
//! found again at once.
//!
//! Not seen before the end of the run: what the oracles about the final state, readers, forks and progress object to. That counts as a
//! violation at the last event.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cutline_sim::event::{Detail, Event, Stamped};
use cutline_sim::faults::FaultPlan;
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::oracles::ROWS;
use cutline_sim::protocol::READING;
use cutline_sim::reusable;
use cutline_sim::time::Time;
use cutline_sim::view::{Next, TaskView};
use cutline_sim::world::{Outcome, World};
use cutline_sim::{Status, oracles};
use xxhash_rust::xxh3::Xxh3Default;

use crate::jury::Jury;
use crate::prepare::Prepared;
use crate::run::{Contender, Runner};
use crate::story::{sentence, task_names};

/// The most forks that are kept.
pub const KEPT_MAX: usize = 32;
/// The distance of forks in a short run, in events.
const FIRST_DISTANCE: u64 = 64;
/// So many of the last events can be looked at.
const LAST_MAX: usize = 60;
/// So many events go by between two questions whether to go on.
const PATIENCE: u64 = 512;
/// So many values of its state, and items of each of its channels, a look at a task holds.
const VALUES: usize = 64;
const ITEMS: u32 = 32;

/// What a walk can be made to stop at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A checkpoint begins, completes, or is given up.
    Checkpoint,
    /// A task or a node crashes.
    Crash,
    /// The coordinator restores the job.
    Restore,
    /// An oracle has seen what it objects to.
    Violation,
}

impl Stop {
    /// What it is, for people.
    pub fn name(self) -> &'static str {
        match self {
            Stop::Checkpoint => "checkpoint",
            Stop::Crash => "crash",
            Stop::Restore => "restore",
            Stop::Violation => "violation",
        }
    }

    fn of(event: &Event) -> Option<Stop> {
        match event {
            Event::CheckpointTriggered { .. }
            | Event::CheckpointCompleted { .. }
            | Event::CheckpointAborted { .. } => Some(Stop::Checkpoint),
            Event::TaskCrashed { .. } | Event::NodeCrashed { .. } => Some(Stop::Crash),
            Event::Restoring { .. } => Some(Stop::Restore),
            _ => None,
        }
    }
}

/// What became of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// The walk stands where it was asked to.
    Done,
    /// There is nothing of the kind in that direction: the walk stands where it stood.
    Nothing,
    /// Somebody did not want to wait: the walk stands where it had come to.
    Stopped,
}

/// A checkpoint that the coordinator has begun and that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it began, in nanoseconds.
    pub since: Time,
    /// Who has acknowledged it.
    pub acknowledged: Vec<TaskId>,
    /// True once its metadata are being written.
    pub is_written: bool,
}

/// What is remembered of the run up to an instant.
#[derive(Clone, Debug, Default)]
struct Books {
    /// How many events there were.
    event: u64,
    pending: BTreeMap<CheckpointId, Pending>,
    /// The last events, each with the number of the step that it was a part of.
    last: VecDeque<(u64, Stamped)>,
    acted: Option<Next>,
    objecting: Vec<&'static str>,
    outcome: Option<Outcome>,
}

impl Books {
    fn note(&mut self, stamped: &Stamped) {
        match stamped.event {
            Event::CheckpointTriggered { id } => {
                let pending = Pending { since: stamped.time, acknowledged: Vec::new(), is_written: false };
                self.pending.insert(id, pending);
            }
            Event::AckReceived { task, id, .. } => {
                let pending = self.pending.get_mut(&id);
                if let Some(pending) = pending.filter(|pending| !pending.acknowledged.contains(&task)) {
                    pending.acknowledged.push(task);
                }
            }
            Event::MetadataSent { id } => {
                if let Some(pending) = self.pending.get_mut(&id) {
                    pending.is_written = true;
                }
            }
            Event::CheckpointCompleted { id, .. } | Event::CheckpointAborted { id, .. } => {
                self.pending.remove(&id);
            }
            Event::Restoring { .. } => self.pending.clear(),
            _ => {}
        }
        if self.last.len() == LAST_MAX {
            self.last.pop_front();
        }
        self.last.push_back((self.event, *stamped));
    }
}

reusable! {
    /// A world, those who look at it, and what is remembered: all that is forked.
    struct Moment {
        world: World,
        jury: Jury,
        books: Books,
    }
}

/// A run that is walked through.
pub struct Stepper {
    title: String,
    names: Vec<String>,
    now: Moment,
    /// The forks, in the order of their events; the first is the beginning.
    kept: Vec<Moment>,
    distance: u64,
    /// What was found, in the order of events.
    stops: Vec<(u64, Stop)>,
    /// How far the run has been gone through.
    known: u64,
    /// The number of its last event, once that is known.
    total: Option<u64>,
    /// The oracles that object to the whole run.
    failed: Vec<&'static str>,
}

impl Stepper {
    /// Stands before the first event of a run. `failed` names the oracles that object to it, as far as that is known.
    pub fn new<'a>(
        prepared: &Prepared,
        contender: Contender,
        (seed, plan): (u64, &Arc<FaultPlan>),
        failed: impl Iterator<Item = &'a str>,
    ) -> Stepper {
        let mut world = Runner::new(prepared, contender).into_pristine();
        world.set_detail(Detail { records: true, marks: true, ..Detail::default() });
        world.set_lookahead(false);
        world.set_deadline(prepared.deadline(plan.heal));
        world.begin(seed, Arc::clone(plan));
        let now = Moment { world, jury: Jury::default(), books: Books::default() };
        Stepper {
            title: format!("{} under {}, seed {seed}", prepared.name(), contender.name),
            names: task_names(prepared.topology()),
            kept: vec![now.clone()],
            now,
            distance: FIRST_DISTANCE,
            stops: Vec::new(),
            known: 0,
            total: None,
            failed: failed
                .filter_map(|name| ROWS.iter().map(|row| row.name).find(|known| *known == name))
                .collect(),
        }
    }

    /// How many events there have been.
    pub fn event(&self) -> u64 {
        self.now.books.event
    }

    /// How many forks are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> u32 {
        self.names.len() as u32
    }

    /// A digest of all that the rest of the run depends on, and of all that was.
    pub fn digest(&self) -> u128 {
        let mut world = self.now.world.clone();
        world.settle();
        let mut into = Xxh3Default::new();
        world.parts().for_each(|part| world.hash_part(part, &mut into));
        world.hash_counts(&mut into);
        self.now.jury.hash(&mut into);
        (u128::from(into.finish()) << 64) ^ world.digest()
    }

    /// One event further; false at the end of the run.
    pub fn forward(&mut self) -> bool {
        if self.now.books.outcome.is_some() {
            return false;
        }
        let Moment { world, jury, books } = &mut self.now;
        books.acted = world.next_up();
        books.event += 1;
        let mut found = Vec::new();
        let outcome = world.advance(&mut |world, events| {
            for event in events {
                jury.observe(world, event);
                books.note(event);
                found.extend(Stop::of(&event.event));
            }
        });
        let mut objecting: Vec<&'static str> = jury.objecting().collect();
        if outcome.is_some() {
            books.outcome = outcome;
            objecting.extend(self.failed.iter().filter(|name| !objecting.contains(name)).collect::<Vec<_>>());
        }
        if objecting.len() > books.objecting.len() {
            books.objecting = objecting;
            found.push(Stop::Violation);
        }
        self.explored(&found);
        true
    }

    /// Notes what was found at an event that was not gone through before.
    fn explored(&mut self, found: &[Stop]) {
        let event = self.event();
        if event <= self.known {
            return;
        }
        self.known = event;
        self.stops.extend(found.iter().map(|&stop| (event, stop)));
        if self.now.books.outcome.is_some() {
            self.total = Some(event);
        }
        let newest = self.kept.last().map_or(0, |kept| kept.books.event);
        if event < newest + self.distance {
            return;
        }
        if self.kept.len() == KEPT_MAX {
            let mut place = 0_usize;
            self.kept.retain(|_| {
                place += 1;
                !place.is_multiple_of(2)
            });
            self.distance *= 2;
        }
        let newest = self.kept.last().map_or(0, |kept| kept.books.event);
        if event >= newest + self.distance {
            self.kept.push(self.now.clone());
        }
    }

    /// One event back; false at the beginning.
    pub fn back(&mut self) -> bool {
        match self.event().checked_sub(1) {
            Some(before) => {
                self.go_to(before);
                true
            }
            None => false,
        }
    }

    /// Goes to an event, or to the end of the run if that comes before.
    pub fn go_to(&mut self, event: u64) {
        self.go_to_unless(event, &mut || false);
    }

    /// The same, unless somebody does not want to wait; false if so.
    pub fn go_to_unless(&mut self, event: u64, stop: &mut dyn FnMut() -> bool) -> bool {
        let place = self.kept.partition_point(|kept| kept.books.event <= event).saturating_sub(1);
        let nearest = self.kept[place].books.event;
        if event < self.event() || nearest > self.event() {
            self.now.clone_from(&self.kept[place]);
        }
        while self.event() < event && self.forward() {
            if self.event().is_multiple_of(PATIENCE) && stop() {
                return false;
            }
        }
        true
    }

    /// Goes to the next event of a kind, unless somebody does not want to wait.
    pub fn next_stop(&mut self, kind: Stop, stop: &mut dyn FnMut() -> bool) -> Jump {
        let began = self.event();
        let is_it = |&&(event, found): &&(u64, Stop)| event > began && found == kind;
        let mut seen = self.stops.len();
        let mut target = self.stops.iter().find(is_it).map(|found| found.0);
        if target.is_none() {
            if !self.go_to_unless(self.known, stop) {
                return Jump::Stopped;
            }
            while target.is_none() && self.forward() {
                let new = &self.stops[seen..];
                target = new.iter().find(|found| found.1 == kind).map(|found| found.0);
                seen = self.stops.len();
                if target.is_none() && self.event().is_multiple_of(PATIENCE) && stop() {
                    return Jump::Stopped;
                }
            }
        }
        self.go_to(target.unwrap_or(began));
        if target.is_some() { Jump::Done } else { Jump::Nothing }
    }

    /// Goes to the last event of a kind before this one.
    pub fn previous_stop(&mut self, kind: Stop) -> Jump {
        let now = self.event();
        match self.stops.iter().rev().find(|&&(event, found)| event < now && found == kind) {
            Some(&(event, _)) => {
                self.go_to(event);
                Jump::Done
            }
            None => Jump::Nothing,
        }
    }

    /// Where the walk stands, with a close look at one task.
    pub fn look(&self, chosen: TaskId) -> Look {
        let Moment { world, books, .. } = &self.now;
        let acting = |next: &Next| match next {
            Next::Task(task, _) => self.name(*task),
            Next::Action(origin, _) => match origin.as_task() {
                Some(task) => self.name(task),
                None => origin.to_string(),
            },
        };
        let actor = match books.acted {
            Some(Next::Task(task, _)) => Some(task),
            _ => None,
        };
        let tasks = (0..self.tasks()).map(TaskId).map(|task| {
            let view = world.view(task, 0, 0);
            TaskLine {
                name: self.name(task),
                status: view.status,
                waiting: view.inputs.iter().map(|input| u64::from(input.length)).sum(),
                blocked: view.inputs.iter().filter(|input| input.blocked).count(),
                inputs: view.inputs.len(),
                acted: actor == Some(task),
            }
        });
        let line = |&(step, event): &(u64, Stamped)| EventLine {
            is_new: step == books.event,
            time: event.time,
            text: self.told(&event),
        };
        Look {
            title: self.title.clone(),
            event: books.event,
            known: self.known,
            total: self.total,
            time: world.now(),
            attempt: world.attempt(),
            outcome: books.outcome,
            acted: books.acted.as_ref().map(acting),
            next: world.next_up().filter(|_| books.outcome.is_none()).map(|next| {
                let (Next::Task(_, time) | Next::Action(_, time)) = next;
                (acting(&next), time)
            }),
            tasks: tasks.collect(),
            chosen,
            view: world.view(chosen, VALUES, ITEMS),
            pending: books.pending.iter().map(|(&id, pending)| (id, pending.clone())).collect(),
            newest: world.store().completed().next_back(),
            own: world.logs_sent(),
            events: books.last.iter().map(line).collect(),
            objecting: books.objecting.clone(),
        }
    }

    /// An event in words; a record by its lineage as proofs have it.
    fn told(&self, stamped: &Stamped) -> String {
        match (stamped.event, stamped.origin.as_task()) {
            (Event::Record { input, lineage }, Some(task)) => {
                let from = if input == READING { "read".to_owned() } else { format!("from input {input}") };
                format!("{}: record {from}, lineage {lineage:#018x}", self.name(task))
            }
            _ => sentence(&self.names, stamped),
        }
    }

    fn name(&self, task: TaskId) -> String {
        self.names.get(task.index()).cloned().unwrap_or_default()
    }
}

/// Where a walk stands: plain data, for those who show it.
#[derive(Clone, Debug)]
pub struct Look {
    /// What run it is.
    pub title: String,
    /// How many events there have been.
    pub event: u64,
    /// How many were gone through at the most.
    pub known: u64,
    /// How many there are, if that is known.
    pub total: Option<u64>,
    /// The instant, in nanoseconds.
    pub time: Time,
    /// The attempt.
    pub attempt: Attempt,
    /// How the run has ended, if it has.
    pub outcome: Option<Outcome>,
    /// Who has acted in the last event: a task, or whoever had scheduled what happened.
    pub acted: Option<String>,
    /// Who acts next, and when.
    pub next: Option<(String, Time)>,
    /// All tasks.
    pub tasks: Vec<TaskLine>,
    /// The one that is looked at.
    pub chosen: TaskId,
    /// That one.
    pub view: TaskView,
    /// The checkpoints that have begun and not ended, by id.
    pub pending: Vec<(CheckpointId, Pending)>,
    /// The newest completed checkpoint in the store.
    pub newest: Option<CheckpointId>,
    /// True if tasks take checkpoints on their own.
    pub own: bool,
    /// What happened last, the newest last.
    pub events: Vec<EventLine>,
    /// The oracles that have seen what they object to.
    pub objecting: Vec<&'static str>,
}

/// A task in a list of all.
#[derive(Clone, Debug)]
pub struct TaskLine {
    /// Its name.
    pub name: String,
    /// How it fares.
    pub status: Status,
    /// How much is on its way to it.
    pub waiting: u64,
    /// How many of its inputs are blocked.
    pub blocked: usize,
    /// How many it has.
    pub inputs: usize,
    /// True if it has acted in the last event.
    pub acted: bool,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct EventLine {
    /// True if it is a part of the last event of the walk.
    pub is_new: bool,
    /// When, in nanoseconds.
    pub time: Time,
    /// Who and what.
    pub text: String,
}

impl EventLine {
    /// The instant for people.
    pub fn at(&self) -> String {
        oracles::show_time(self.time)
    }
}
