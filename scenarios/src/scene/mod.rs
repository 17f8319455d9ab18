//! A scene: what happened in a window of a run, ready to be drawn as a space-time diagram.
//!
//! It is made of *entries*, events and passages in the order of time, be they from a run that goes on ([`entries`]) or from a trace. They
//! are gone through more than once: a first time for the verdicts (a trace has them at its end), a second time for a [`survey`] that finds
//! where the window is to be, and a third time for the scene itself. So what is kept is bounded by what is in the window, however long
//! the run.
//!
//! Whether something was sent or taken before a snapshot is decided by the order of entries, not by time: several things can be done
//! at one instant.

mod choice;
mod play;
mod recorder;
mod survey;
mod witness;

use std::ops::Range;

use cutline_sim::event::{Event, Origin, Stamped};
use cutline_sim::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use cutline_sim::passage::{Passage, Thing};
use cutline_sim::protocol::Input;
use cutline_sim::time::Time;
use cutline_sim::topology::Topology;
use cutline_sim::world::World;

pub use choice::{Around, View, ViewError};
pub use play::{Live, scene_of_run};
pub use recorder::{Key, Recorder};
pub use survey::{Survey, survey};
pub use witness::{Guilt, Suspects, Witness};

/// Something that happened, or that went from one task to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An event.
    Event(Stamped),
    /// A passage.
    Passage(Passage),
}

impl Entry {
    /// When.
    pub fn time(&self) -> Time {
        match self {
            Entry::Event(event) => event.time,
            Entry::Passage(passage) => passage.time,
        }
    }
}

/// Hands over what a world has told its observer, in the order of time, with the members of each checkpoint that completes.
pub fn entries(world: &World, events: &[Stamped], see: &mut dyn FnMut(Entry)) {
    let mut passages = world.passages().iter().copied().peekable();
    for &event in events {
        while let Some(earlier) = passages.next_if(|passage| passage.time < event.time) {
            see(Entry::Passage(earlier));
        }
        see(Entry::Event(event));
        if let Event::CheckpointCompleted { id, .. } = event.event {
            world.members(id).for_each(|member| see(Entry::Passage(member)));
        }
    }
    passages.for_each(|passage| see(Entry::Passage(passage)));
}

/// Who takes part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cast {
    /// What run it is.
    pub title: String,
    /// The uids of the operators.
    pub operators: Vec<String>,
    /// The tasks, by number.
    pub tasks: Vec<Actor>,
    /// The channels, by number.
    pub channels: Vec<Ends>,
    /// True if snapshots are each task's own: then checkpoints of the job are lines of them, and have ids of their own.
    pub own_snapshots: bool,
    /// True if passages of records are told.
    pub has_records: bool,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Its name, such as `count[1]`.
    pub name: String,
    /// Its operator's number.
    pub operator: usize,
}

/// Between whom a channel is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Its sender.
    pub from: TaskId,
    /// Its receiver.
    pub to: TaskId,
    /// Its number among the receiver's inputs.
    pub input: Input,
}

impl Cast {
    /// The cast of a job. `own_snapshots` is [`World::logs_sent`].
    pub fn new(topology: &Topology, title: String, own_snapshots: bool) -> Cast {
        let actor = |(number, task): (usize, &cutline_sim::topology::TaskInfo)| Actor {
            name: topology.task_name(TaskId(number as u32)),
            operator: task.operator.index(),
        };
        let ends = topology.channels.iter().map(|it| Ends { from: it.from, to: it.to, input: it.input });
        Cast {
            title,
            operators: topology.operators.iter().map(|operator| operator.uid.clone()).collect(),
            tasks: topology.tasks.iter().enumerate().map(actor).collect(),
            channels: ends.collect(),
            own_snapshots,
            has_records: true,
        }
    }

    /// A task's name.
    pub fn name(&self, task: TaskId) -> &str {
        self.tasks.get(task.index()).map_or("?", |task| task.name.as_str())
    }

    /// Between whom a channel is.
    pub fn ends(&self, channel: ChannelId) -> Option<Ends> {
        self.channels.get(channel.index()).copied()
    }

    /// How many inputs a task has.
    pub fn inputs(&self, task: TaskId) -> usize {
        self.channels.iter().filter(|channel| channel.to == task).count()
    }

    /// Who has caused an event, by name.
    pub fn who(&self, origin: Origin) -> String {
        let task = origin.as_task().and_then(|task| self.tasks.get(task.index()));
        task.map_or_else(|| origin.to_string(), |task| task.name.clone())
    }
}

/// An instant, and its place in the order of all that happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When, in nanoseconds.
    pub time: Time,
    /// The place.
    pub place: u64,
}

/// What became of something that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Taken,
    /// It was on its way when the job was restored, and is gone.
    Lost,
    /// It is on its way at the end of the run.
    UnderWay,
}

/// Something that went through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The channel.
    pub channel: ChannelId,
    /// What.
    pub thing: Thing,
    /// When it was sent; or when a restore put it back.
    pub sent: Moment,
    /// True if a restore put it back: it comes from the store.
    pub put_back: bool,
    /// When it was taken; of a mark that the strategy notices as it arrives: when it was noticed.
    pub taken: Option<Moment>,
    /// What became of it.
    pub fate: Fate,
}

impl Flight {
    /// True for a record.
    pub fn is_record(&self) -> bool {
        matches!(self.thing, Thing::Record { .. })
    }
}

/// A time in which something was so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of whom.
    pub task: TaskId,
    /// From when, until when; past the window if it goes on there.
    pub time: Range<Time>,
    /// What.
    pub state: State,
}

/// What a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Deployed; its state is read.
    Restoring,
    /// It runs.
    Running(Attempt),
    /// It wants nothing from these inputs.
    Blocked(Vec<Input>),
}

/// A task's snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose.
    pub task: TaskId,
    /// Its number, which is that of the checkpoint unless snapshots are each task's own.
    pub id: CheckpointId,
    /// When it was taken: the point through which the cut goes.
    pub at: Moment,
    /// When the synchronous part ended, if that is known.
    pub synced: Option<Time>,
    /// When it was durable.
    pub stored: Option<Time>,
    /// When it was known that it could not be written, or its task was gone.
    pub failed: Option<Time>,
}

/// How a checkpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It completed.
    Completed,
    /// It was given up.
    Aborted,
}

/// A checkpoint of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its id.
    pub id: CheckpointId,
    /// When the coordinator began it.
    pub triggered: Option<Time>,
    /// When the order came to a task.
    pub orders: Vec<(TaskId, Time)>,
    /// Its cut: at most one point for each task.
    pub points: Vec<(TaskId, Moment)>,
    /// Acknowledgements: whose, when sent, when received.
    pub acks: Vec<Ack>,
    /// When and how it ended.
    pub ended: Option<(Time, Outcome)>,
}

impl Checkpoint {
    /// The point of a task.
    pub fn point(&self, task: TaskId) -> Option<Moment> {
        self.points.iter().find(|(of, _)| *of == task).map(|(_, at)| *at)
    }
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Whose.
    pub task: TaskId,
    /// When it was sent.
    pub sent: Time,
    /// When it was received.
    pub received: Option<Time>,
}

/// A transaction that a sink wanted committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The sink.
    pub task: TaskId,
    /// The snapshot with which it was prepared.
    pub id: CheckpointId,
    /// When it was asked for.
    pub sent: Time,
    /// When it became visible.
    pub visible: Time,
}

/// What part of a run a scene is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From when, until when, in nanoseconds.
    pub time: Range<Time>,
    /// The end of the run.
    pub end: Time,
    /// Why it is this part, as what follows the word *window*: `around checkpoint 1`.
    pub reason: String,
}

impl Window {
    /// True if a span of time has a part in it.
    pub fn meets(&self, from: Time, to: Time) -> bool {
        from <= self.time.end && to >= self.time.start
    }

    /// True if it is all of the run.
    pub fn is_whole(&self) -> bool {
        self.time.start == 0 && self.time.end >= self.end
    }
}

/// What happened in a window of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// Who takes part.
    pub cast: Cast,
    /// What part of the run it is.
    pub window: Window,
    /// What went through channels, in the order in which it was sent.
    pub flights: Vec<Flight>,
    /// How many more there were than a scene can hold.
    pub flights_left_out: u64,
    /// What tasks were.
    pub spans: Vec<Span>,
    /// The snapshots that were taken or written.
    pub snapshots: Vec<Snapshot>,
    /// The checkpoints of the job.
    pub checkpoints: Vec<Checkpoint>,
    /// How many more there were than a scene can hold.
    pub checkpoints_left_out: u64,
    /// What became visible.
    pub commits: Vec<Commit>,
    /// What else happened: crashes, cancellations, restores and the like.
    pub events: Vec<Stamped>,
    /// What an oracle objects to.
    pub witness: Option<Witness>,
    /// What is to be known of the run beyond that, a sentence each.
    pub notes: Vec<String>,
}

impl Scene {
    /// The flights that are to blame: the places among [`Scene::flights`].
    pub fn guilty(&self) -> Vec<usize> {
        let witness = self.witness.iter();
        witness.flat_map(|witness| witness.guilty(&self.flights, &self.checkpoints, &self.cast)).collect()
    }

    /// The cut of a checkpoint, to ask what crosses it.
    pub fn cut(&self, checkpoint: &Checkpoint) -> Cut<'_> {
        let restores = self.events.iter().filter_map(|stamped| match stamped.event {
            Event::Restoring { checkpoint, .. } => Some((stamped.time, self.restored(checkpoint))),
            _ => None,
        });
        Cut { cast: &self.cast, points: self.points(checkpoint), restores: restores.collect() }
    }

    /// Where a restore has put tasks, as far as the scene has its checkpoint.
    fn restored(&self, checkpoint: Option<CheckpointId>) -> Points {
        let all = |point| vec![point; self.cast.tasks.len()];
        let Some(id) = checkpoint else { return all(Some(Moment::default())) };
        let found = self.checkpoints.iter().find(|it| it.id == id);
        found.map_or_else(|| all(None), |checkpoint| self.points(checkpoint))
    }

    fn points(&self, checkpoint: &Checkpoint) -> Points {
        let mut points = vec![None; self.cast.tasks.len()];
        for &(task, at) in &checkpoint.points {
            if let Some(point) = points.get_mut(task.index()) {
                *point = Some(at);
            }
        }
        points
    }
}

/// For each task where a checkpoint has it, as far as that is known.
type Points = Vec<Option<Moment>>;

/// The cut of a checkpoint.
#[derive(Clone, Debug)]
pub struct Cut<'a> {
    cast: &'a Cast,
    points: Points,
    /// When the job was restored, and where that has put tasks. What lies between was undone.
    restores: Vec<(Time, Points)>,
}

impl Cut<'_> {
    /// Whether the sender has sent it at the cut, and whether the receiver has taken it, if the cut has both; what a restore put back was
    /// not sent.
    fn sides(&self, flight: &Flight) -> Option<(bool, bool)> {
        let Ends { from, to, .. } = self.cast.ends(flight.channel).filter(|_| !flight.put_back)?;
        let taken = flight.taken?;
        Some((self.is_before(from, flight.sent)?, self.is_before(to, taken)?))
    }

    /// True if what happened to a task at a moment is a part of what it has done at the cut.
    fn is_before(&self, task: TaskId, moment: Moment) -> Option<bool> {
        let of = |points: &Points| points.get(task.index()).copied().flatten();
        let mut point = of(&self.points)?;
        for (time, points) in self.restores.iter().rev().filter(|(time, _)| moment.time <= *time) {
            if *time < point.time {
                point = of(points)?;
            }
        }
        Some(moment < point)
    }

    /// True if something was on its way at the cut: sent before it, and taken behind it.
    pub fn is_in_flight(&self, flight: &Flight) -> bool {
        self.sides(flight) == Some((true, false))
    }

    /// True if something crosses the cut the wrong way: sent behind it, and taken before it.
    pub fn is_orphan(&self, flight: &Flight) -> bool {
        self.sides(flight) == Some((false, true))
    }
}

#[cfg(test)]
mod tests;
