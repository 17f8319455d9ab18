//! What is kept of the entries of a run: everything that has a part in a window.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cutline_sim::event::{Event, Stamped};
use cutline_sim::ids::{ChannelId, CheckpointId, TaskId};
use cutline_sim::passage::{Passage, Passes, Thing};
use cutline_sim::protocol::Input;
use cutline_sim::time::{NEVER, Time};

use super::{
    Ack, Cast, Checkpoint, Commit, Entry, Fate, Flight, Moment, Outcome, Scene, Snapshot, Span, State, Window,
};

/// A scene holds no more of anything than this.
const MOST: usize = 50_000;
/// And no more checkpoints.
const CHECKPOINTS_MOST: usize = 1_000;
/// Of each task so many snapshots are remembered, for checkpoints that have them as members.
const SNAPSHOTS_KNOWN: usize = 64;

/// Which flights are kept.
type Keeps<'a> = Box<dyn Fn(&Flight) -> bool + 'a>;

/// Things of a channel, told apart: by their number, or by what marks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// What has a number.
    Number(u64),
    /// A barrier.
    Cut(CheckpointId),
    /// The mark that cancels a checkpoint.
    Cancel(CheckpointId),
    /// That the sender has finished.
    Close,
}

impl Key {
    /// What tells this thing from others of its channel.
    pub fn of(thing: &Thing) -> Key {
        match *thing {
            Thing::Cut { id } => Key::Cut(id),
            Thing::Cancel { id } => Key::Cancel(id),
            _ => thing.number().map_or(Key::Close, Key::Number),
        }
    }
}

/// Something on its way.
struct UnderWay {
    thing: Thing,
    sent: Moment,
    put_back: bool,
    noticed: Option<Moment>,
}

/// What is known of a task.
#[derive(Default)]
struct Known {
    /// Since when it is what it is.
    since: Option<(Time, State)>,
    blocked: Vec<Input>,
    blocked_since: Time,
    /// Its newest snapshots, the newest last.
    snapshots: VecDeque<Snapshot>,
}

/// Makes a scene of entries.
pub struct Recorder<'a> {
    scene: Scene,
    keeps: Keeps<'a>,
    /// Checkpoints that are kept also where there is no room for more.
    wanted: Vec<CheckpointId>,
    known: Vec<Known>,
    under_way: BTreeMap<(ChannelId, Key), Vec<UnderWay>>,
    /// The tasks of which completed checkpoints have a snapshot, as far as that is told.
    members: BTreeMap<CheckpointId, BTreeSet<TaskId>>,
    /// Checkpoints that have not ended.
    open: BTreeMap<CheckpointId, Checkpoint>,
    acks: BTreeMap<(TaskId, CheckpointId), (Time, Option<Time>)>,
    commits: BTreeMap<(TaskId, CheckpointId), Time>,
    place: u64,
    now: Time,
    /// How many flights there were in all.
    flown: u64,
}

impl<'a> Recorder<'a> {
    /// Keeps what has a part in the window.
    pub fn new(cast: Cast, window: Window) -> Recorder<'a> {
        Recorder::keeping(cast, window, Box::new(|_| true))
    }

    /// The same, and of flights only those.
    pub(super) fn keeping(cast: Cast, window: Window, keeps: Keeps<'a>) -> Recorder<'a> {
        let known = cast.tasks.iter().map(|_| Known::default()).collect();
        Recorder {
            scene: Scene { cast, window, ..Scene::default() },
            keeps,
            wanted: Vec::new(),
            known,
            under_way: BTreeMap::new(),
            members: BTreeMap::new(),
            open: BTreeMap::new(),
            acks: BTreeMap::new(),
            commits: BTreeMap::new(),
            place: 0,
            now: 0,
            flown: 0,
        }
    }

    /// Keeps these checkpoints, however many there are.
    pub(super) fn keep_checkpoints(&mut self, wanted: impl IntoIterator<Item = CheckpointId>) {
        self.wanted.extend(wanted);
    }

    /// How many things went through channels so far.
    pub fn flown(&self) -> u64 {
        self.flown
    }

    /// Reads the next entry.
    pub fn see(&mut self, entry: Entry) {
        self.place += 1;
        self.now = self.now.max(entry.time());
        match entry {
            Entry::Event(event) => self.read(&event),
            Entry::Passage(passage) => self.pass(&passage),
        }
    }

    fn moment(&self, time: Time) -> Moment {
        Moment { time, place: self.place }
    }

    fn pass(&mut self, passage: &Passage) {
        let Passage { time, task, what } = *passage;
        let moment = self.moment(time);
        match what {
            Passes::Sent { channel, thing } | Passes::PutBack { channel, thing } => {
                let put_back = matches!(what, Passes::PutBack { .. });
                let sent = UnderWay { thing, sent: moment, put_back, noticed: None };
                self.under_way.entry((channel, Key::of(&thing))).or_default().push(sent);
            }
            Passes::Noticed { channel, thing } => {
                if let Some(last) = self.newest(channel, &thing) {
                    last.noticed.get_or_insert(moment);
                }
            }
            Passes::Taken { channel, thing } => {
                let key = (channel, Key::of(&thing));
                let Some(all) = self.under_way.get_mut(&key) else { return };
                let sent = all.pop();
                if all.is_empty() {
                    self.under_way.remove(&key);
                }
                if let Some(UnderWay { thing, sent, put_back, noticed }) = sent {
                    let taken = Some(noticed.unwrap_or(moment));
                    self.fly(Flight { channel, thing, sent, put_back, taken, fate: Fate::Taken });
                }
            }
            Passes::Blocked { input } => self.block(task, time, |blocked| {
                if !blocked.contains(&input) {
                    blocked.push(input);
                }
            }),
            Passes::Unblocked { input } => {
                self.block(task, time, |blocked| blocked.retain(|other| *other != input));
            }
            Passes::Snapshot { id } => self.snapshot(task, id, moment),
            Passes::Triggered { id } => {
                if let Some(checkpoint) = self.open.get_mut(&id) {
                    checkpoint.orders.push((task, time));
                }
            }
            Passes::Deployed => self.become_state(task, time, Some(State::Restoring)),
            Passes::Stopped => self.stop(task, time),
            Passes::Member { id, snapshot } => self.member(id, task, snapshot),
        }
    }

    fn newest(&mut self, channel: ChannelId, thing: &Thing) -> Option<&mut UnderWay> {
        self.under_way.get_mut(&(channel, Key::of(thing)))?.last_mut()
    }

    fn fly(&mut self, flight: Flight) {
        self.flown += 1;
        let until = flight.taken.map_or(self.now, |taken| taken.time);
        if !self.scene.window.meets(flight.sent.time, until) || !(self.keeps)(&flight) {
            return;
        }
        if self.scene.flights.len() < MOST {
            self.scene.flights.push(flight);
        } else {
            self.scene.flights_left_out += 1;
        }
    }

    fn block(&mut self, task: TaskId, time: Time, change: impl FnOnce(&mut Vec<Input>)) {
        let Some(known) = self.known.get_mut(task.index()) else { return };
        let before = known.blocked.clone();
        change(&mut known.blocked);
        if before == known.blocked {
            return;
        }
        let since = std::mem::replace(&mut known.blocked_since, time);
        if !before.is_empty() {
            self.keep_span(Span { task, time: since..time, state: State::Blocked(before) });
        }
    }

    fn keep_span(&mut self, span: Span) {
        let fits = self.scene.spans.len() < MOST;
        if fits && span.time.start < span.time.end && self.scene.window.meets(span.time.start, span.time.end)
        {
            self.scene.spans.push(span);
        }
    }

    fn become_state(&mut self, task: TaskId, time: Time, state: Option<State>) {
        let Some(known) = self.known.get_mut(task.index()) else { return };
        let before = std::mem::replace(&mut known.since, state.map(|state| (time, state)));
        if let Some((since, state)) = before {
            self.keep_span(Span { task, time: since..time, state });
        }
    }

    fn stop(&mut self, task: TaskId, time: Time) {
        self.become_state(task, time, None);
        self.block(task, time, Vec::clear);
        let window = &self.scene.window;
        if let Some(known) = self.known.get_mut(task.index()) {
            for snapshot in &mut known.snapshots {
                if snapshot.stored.is_none() && snapshot.failed.is_none() {
                    snapshot.failed = Some(time);
                    if window.meets(snapshot.at.time, time) && self.scene.snapshots.len() < MOST {
                        self.scene.snapshots.push(*snapshot);
                    }
                }
            }
        }
    }

    fn snapshot(&mut self, task: TaskId, id: CheckpointId, at: Moment) {
        let Some(known) = self.known.get_mut(task.index()) else { return };
        let taken = Snapshot { task, id, at, synced: None, stored: None, failed: None };
        known.snapshots.push_back(taken);
        if known.snapshots.len() > SNAPSHOTS_KNOWN {
            let forgotten = known.snapshots.pop_front();
            self.keep_snapshot(forgotten.filter(|it| it.stored.is_none() && it.failed.is_none()));
        }
        if !self.scene.cast.own_snapshots
            && let Some(checkpoint) = self.open.get_mut(&id)
            && checkpoint.point(task).is_none()
        {
            checkpoint.points.push((task, at));
        }
    }

    /// A snapshot of which nothing more will be known.
    fn keep_snapshot(&mut self, snapshot: Option<Snapshot>) {
        let Some(snapshot) = snapshot else { return };
        let until = snapshot.stored.or(snapshot.failed).unwrap_or(snapshot.at.time);
        if self.scene.snapshots.len() < MOST && self.scene.window.meets(snapshot.at.time, until) {
            self.scene.snapshots.push(snapshot);
        }
    }

    fn end_snapshot(&mut self, task: TaskId, id: CheckpointId, end: impl FnOnce(&mut Snapshot)) {
        let Some(known) = self.known.get_mut(task.index()) else { return };
        let Some(snapshot) = known.snapshots.iter_mut().rev().find(|snapshot| snapshot.id == id) else {
            return;
        };
        end(snapshot);
        let snapshot = *snapshot;
        self.keep_snapshot(Some(snapshot));
    }

    /// A checkpoint that has just completed has this snapshot of a task: the cut goes through it, whatever the task took for it.
    fn member(&mut self, id: CheckpointId, task: TaskId, snapshot: CheckpointId) {
        let ack = self.acks.get(&(task, snapshot)).copied();
        let own = self.scene.cast.own_snapshots;
        // It has just ended, so it is the last that was kept.
        let Some(checkpoint) = self.scene.checkpoints.iter_mut().rev().find(|it| it.id == id) else { return };
        self.members.entry(id).or_default().insert(task);
        let known = self
            .known
            .get(task.index())
            .and_then(|known| known.snapshots.iter().rev().find(|it| it.id == snapshot).map(|it| it.at));
        if let Some(at) = known {
            checkpoint.points.retain(|(of, _)| *of != task);
            checkpoint.points.push((task, at));
        }
        if let (true, Some((sent, received))) = (own, ack) {
            checkpoint.acks.push(Ack { task, sent, received });
        }
    }

    fn read(&mut self, stamped: &Stamped) {
        let now = stamped.time;
        match (stamped.event, stamped.origin.as_task()) {
            (Event::TaskRunning { attempt }, Some(task)) => {
                self.block(task, now, Vec::clear);
                self.become_state(task, now, Some(State::Running(attempt)));
            }
            (Event::TaskFinished, Some(task)) => {
                self.block(task, now, Vec::clear);
                self.become_state(task, now, None);
                self.note(stamped);
            }
            (Event::Persisted { id, metrics }, Some(task)) => {
                self.end_snapshot(task, id, |snapshot| {
                    snapshot.synced = Some(snapshot.at.time.saturating_add(metrics.sync));
                    snapshot.stored = Some(now);
                });
            }
            (Event::PersistFailed { id }, Some(task)) => {
                self.end_snapshot(task, id, |snapshot| snapshot.failed = Some(now));
                self.note(stamped);
            }
            (Event::AckSent { id }, Some(task)) => {
                self.acks.insert((task, id), (now, None));
            }
            (Event::AckReceived { task, id, .. }, _) => self.acknowledge(task, id, now),
            (Event::CommitSent { id }, Some(task)) => {
                self.commits.insert((task, id), now);
            }
            (Event::TransactionCommitted { task, id }, _) => {
                let sent = self.commits.remove(&(task, id)).unwrap_or(now);
                if self.scene.window.meets(sent, now) && self.scene.commits.len() < MOST {
                    self.scene.commits.push(Commit { task, id, sent, visible: now });
                }
            }
            (Event::CheckpointTriggered { id }, _) => {
                let triggered = Some(now);
                self.open.insert(id, Checkpoint { id, triggered, ..Checkpoint::default() });
            }
            (Event::CheckpointCompleted { id, .. }, _) => self.end_checkpoint(id, now, Outcome::Completed),
            (Event::CheckpointAborted { id, .. }, _) => {
                self.end_checkpoint(id, now, Outcome::Aborted);
                self.note(stamped);
            }
            (Event::Restoring { .. }, _) => {
                self.lose();
                self.note(stamped);
            }
            (
                Event::Record { .. }
                | Event::MarkReached { .. }
                | Event::AlignmentStarted { .. }
                | Event::SnapshotTaken { .. }
                | Event::SnapshotForced { .. }
                | Event::SentLogged { .. }
                | Event::MetadataSent { .. }
                | Event::CheckpointSubsumed { .. }
                | Event::TaskEnded,
                _,
            ) => {}
            _ => self.note(stamped),
        }
    }

    fn note(&mut self, stamped: &Stamped) {
        if self.scene.events.len() < MOST && self.scene.window.meets(stamped.time, stamped.time) {
            self.scene.events.push(*stamped);
        }
    }

    fn acknowledge(&mut self, task: TaskId, id: CheckpointId, now: Time) {
        let sent = match self.acks.get_mut(&(task, id)) {
            Some((sent, received)) => {
                received.get_or_insert(now);
                *sent
            }
            None => now,
        };
        if !self.scene.cast.own_snapshots
            && let Some(checkpoint) = self.open.get_mut(&id)
        {
            checkpoint.acks.push(Ack { task, sent, received: Some(now) });
        }
    }

    fn end_checkpoint(&mut self, id: CheckpointId, now: Time, outcome: Outcome) {
        let mut checkpoint =
            self.open.remove(&id).unwrap_or_else(|| Checkpoint { id, ..Checkpoint::default() });
        checkpoint.ended = Some((now, outcome));
        self.keep_checkpoint(checkpoint);
        if !self.scene.cast.own_snapshots {
            self.acks.retain(|(_, of), _| *of > id);
        }
        if self.acks.len() > MOST {
            self.acks.pop_first();
        }
    }

    fn keep_checkpoint(&mut self, mut checkpoint: Checkpoint) {
        let end = checkpoint.ended.map_or(self.now, |(end, _)| end);
        let begin = checkpoint.triggered.unwrap_or(end);
        if !self.scene.window.meets(begin, end) {
            return;
        }
        if self.scene.checkpoints.len() >= CHECKPOINTS_MOST && !self.wanted.contains(&checkpoint.id) {
            self.scene.checkpoints_left_out += 1;
            return;
        }
        // Acknowledgements that were sent and have not come.
        if !self.scene.cast.own_snapshots {
            let unheard = self
                .acks
                .iter()
                .filter(|((_, of), (_, received))| *of == checkpoint.id && received.is_none());
            let unheard = unheard.map(|(&(task, _), &(sent, _))| Ack { task, sent, received: None });
            checkpoint.acks.extend(unheard);
        }
        self.scene.checkpoints.push(checkpoint);
    }

    /// The job is restored: what was on its way is gone.
    fn lose(&mut self) {
        self.flush(Fate::Lost);
    }

    fn flush(&mut self, fate: Fate) {
        let all = std::mem::take(&mut self.under_way);
        for ((channel, _), sent) in all {
            for UnderWay { thing, sent, put_back, noticed } in sent {
                let fate = if noticed.is_some() { Fate::Taken } else { fate };
                self.fly(Flight { channel, thing, sent, put_back, taken: noticed, fate });
            }
        }
    }

    /// The scene, now that the run has ended.
    pub fn finish(mut self) -> Scene {
        let end = self.now;
        self.scene.window.end = self.scene.window.end.max(end);
        self.flush(Fate::UnderWay);
        for task in (0..self.known.len() as u32).map(TaskId) {
            // What goes on goes on past the end.
            self.block(task, NEVER, Vec::clear);
            self.become_state(task, NEVER, None);
            let open = std::mem::take(&mut self.known[task.index()].snapshots);
            for snapshot in open.into_iter().filter(|it| it.stored.is_none() && it.failed.is_none()) {
                self.keep_snapshot(Some(snapshot));
            }
        }
        let open = std::mem::take(&mut self.open);
        open.into_values().for_each(|checkpoint| self.keep_checkpoint(checkpoint));
        // A task of which a complete checkpoint has no snapshot begins anew in it: it has neither sent nor received anything.
        for checkpoint in &mut self.scene.checkpoints {
            if let Some(members) = self.members.get(&checkpoint.id) {
                checkpoint.points.retain(|(task, _)| members.contains(task));
                let tasks = (0..self.known.len() as u32).map(TaskId);
                let others = tasks.filter(|task| !members.contains(task));
                checkpoint.points.extend(others.map(|task| (task, Moment::default())));
            }
            checkpoint.points.sort();
        }
        self.scene.checkpoints.sort_by_key(|checkpoint| checkpoint.id);
        self.scene.flights.sort_by_key(|flight| flight.sent);
        self.scene.spans.sort_by_key(|span| (span.task, span.time.start));
        self.scene.snapshots.sort_by_key(|snapshot| (snapshot.at, snapshot.task));
        self.scene
    }
}
