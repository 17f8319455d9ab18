//! A run as a log that ShiViz (<https://bestchai.bitbucket.io/shiviz/>) draws as a space-time diagram: each event on two lines, first its
//! host and that host's vector clock, then what happened.
//!
//! The clocks say what an event can have been caused by. Whatever goes through a channel carries the clock of its sender: barriers, which
//! are events at both ends, and records, watermarks and other marks, which are not, for there are too many of them. What goes
//! between tasks and coordinator carries one too: a trigger, an acknowledgement, a completion, a commit; and a crash is the cause of its
//! notice, a restore of the tasks that run again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use cutline_scenarios::scene::{Cast, Key};
use cutline_scenarios::story::words;
use cutline_sim::event::{Event, Origin, Stamped};
use cutline_sim::ids::{Attempt, ChannelId, CheckpointId, TaskId};
use cutline_sim::passage::{Passage, Passes, Thing};
use cutline_sim::time::Time;

/// What ShiViz is to be told about the form of the log, in its field *Log parsing regular expression*: its default.
pub const PARSER: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";
/// A log has at most so many events: ShiViz opens no more, by far.
pub const EVENTS_MAX: u64 = 1 << 20;

/// How often each host had acted, as far as one host can know; by the place of hosts in the order in which they acted first.
type Clock = Rc<Vec<u64>>;

/// What is known as the cause of a later event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Trigger(CheckpointId),
    Acknowledgement(TaskId, CheckpointId),
    Completion(CheckpointId),
    Commit(TaskId, CheckpointId),
    Crash,
    Restore(Attempt),
    Running,
    Finish,
}

/// A log that is being written.
pub struct Log {
    cast: Cast,
    names: Vec<String>,
    places: BTreeMap<Origin, usize>,
    clocks: Vec<Clock>,
    causes: BTreeMap<Cause, Clock>,
    crossing: BTreeMap<(ChannelId, Key), Clock>,
    text: String,
    events: u64,
}

impl Log {
    /// An empty log of a run with this cast.
    pub fn new(cast: Cast) -> Log {
        Log {
            cast,
            names: Vec::new(),
            places: BTreeMap::new(),
            clocks: Vec::new(),
            causes: BTreeMap::new(),
            crossing: BTreeMap::new(),
            text: String::new(),
            events: 0,
        }
    }

    /// Something happened, in the order of time. Of one instant what was received counts as the cause of what happened, and that as the
    /// cause of what was sent.
    pub fn observe(&mut self, passages: &[Passage], events: &[Stamped]) {
        let (mut passages, mut events) = (passages, events);
        let next = |passages: &[Passage], events: &[Stamped]| {
            let passage = passages.first().map(|passage| passage.time);
            passage.into_iter().chain(events.first().map(|event| event.time)).min()
        };
        while let Some(now) = next(passages, events) {
            let at_once = passages.iter().take_while(|passage| passage.time <= now).count();
            let (of_now, later) = passages.split_at(at_once);
            passages = later;
            of_now.iter().for_each(|passage| self.receive(passage));
            let at_once = events.iter().take_while(|event| event.time <= now).count();
            let (happened, later) = events.split_at(at_once);
            events = later;
            happened.iter().for_each(|event| self.happen(event));
            of_now.iter().for_each(|passage| self.send(passage));
        }
    }

    /// True if there was more than a log can hold.
    pub fn is_cut_short(&self) -> bool {
        self.events > EVENTS_MAX
    }

    /// The log.
    pub fn finish(self) -> String {
        self.text
    }

    fn receive(&mut self, passage: &Passage) {
        let Passage { time, task, what } = *passage;
        match what {
            Passes::Taken { channel, thing } | Passes::Noticed { channel, thing } => {
                let Some(carried) = self.crossing.remove(&(channel, Key::of(&thing))) else { return };
                let place = self.place(Origin::task(task));
                learn(&mut self.clocks[place], &carried);
                if let (Thing::Cut { id }, Some(ends)) = (thing, self.cast.channels.get(channel.index())) {
                    let from = self.host(Origin::task(ends.from));
                    self.note(place, time, &format!("barrier {id} received from {from}"));
                }
            }
            Passes::Triggered { id } => {
                let place = self.place(Origin::task(task));
                self.learn_of(place, Cause::Trigger(id));
            }
            _ => {}
        }
    }

    fn happen(&mut self, stamped: &Stamped) {
        if matches!(stamped.event, Event::Record { .. } | Event::MarkReached { .. }) {
            return;
        }
        if matches!(stamped.event, Event::Restoring { .. }) {
            // What was on its way is gone, and may be sent again.
            self.crossing.clear();
        }
        let place = self.place(stamped.origin);
        if let Some(cause) = caused_by(stamped) {
            self.learn_of(place, cause);
        }
        self.note(place, stamped.time, &words(&stamped.event));
        if let Some(cause) = causes(stamped) {
            // Several may together be the cause of one: of a commit that all tasks have acknowledged, say.
            learn(self.causes.entry(cause).or_default(), &self.clocks[place]);
        }
    }

    fn send(&mut self, passage: &Passage) {
        let Passage { time, task, what } = *passage;
        let (Passes::Sent { channel, thing } | Passes::PutBack { channel, thing }) = what else { return };
        let crossing = (channel, Key::of(&thing));
        // A mark that goes past others is told of twice.
        if thing.number().is_none() && self.crossing.contains_key(&crossing) {
            return;
        }
        let place = self.place(Origin::task(task));
        let sent = matches!(what, Passes::Sent { .. });
        if let (true, Thing::Cut { id }, Some(ends)) = (sent, thing, self.cast.channels.get(channel.index()))
        {
            let to = self.host(Origin::task(ends.to));
            self.note(place, time, &format!("barrier {id} sent to {to}"));
        }
        self.crossing.insert(crossing, Rc::clone(&self.clocks[place]));
    }

    /// Writes that something happened to a host.
    fn note(&mut self, place: usize, time: Time, what: &str) {
        self.events += 1;
        if self.is_cut_short() {
            return;
        }
        let clock = Rc::make_mut(&mut self.clocks[place]);
        if clock.len() <= place {
            clock.resize(place + 1, 0);
        }
        clock[place] += 1;
        let known = clock.iter().enumerate().filter(|(_, count)| **count > 0);
        let known: Vec<String> =
            known.map(|(host, count)| format!("\"{}\":{count}", self.names[host])).collect();
        // A string takes everything.
        let _ = writeln!(self.text, "{} {{{}}}\n{what} ({time} ns)", self.names[place], known.join(", "));
    }

    fn place(&mut self, origin: Origin) -> usize {
        if let Some(&place) = self.places.get(&origin) {
            return place;
        }
        self.names.push(self.host(origin));
        self.clocks.push(Clock::default());
        let place = self.names.len() - 1;
        self.places.insert(origin, place);
        place
    }

    fn learn_of(&mut self, place: usize, cause: Cause) {
        if let Some(from) = self.causes.get(&cause) {
            learn(&mut self.clocks[place], from);
        }
    }

    /// A host's name: without blanks, and without what would end a string in the clock.
    fn host(&self, origin: Origin) -> String {
        let plain = |char: char| {
            if char.is_whitespace() || char.is_control() || "\"\\{}".contains(char) { '_' } else { char }
        };
        self.cast.who(origin).chars().map(plain).collect()
    }
}

/// Whoever has the first clock knows from now on what the second one says.
fn learn(clock: &mut Clock, from: &Clock) {
    let news = |mine: &[u64]| {
        from.iter().enumerate().any(|(host, &count)| count > mine.get(host).copied().unwrap_or(0))
    };
    if Rc::ptr_eq(clock, from) || !news(clock) {
        return;
    }
    let mine = Rc::make_mut(clock);
    if mine.len() < from.len() {
        mine.resize(from.len(), 0);
    }
    mine.iter_mut().zip(from.iter()).for_each(|(mine, &count)| *mine = count.max(*mine));
}

/// As what later events may know this one.
fn causes(stamped: &Stamped) -> Option<Cause> {
    let task = stamped.origin.as_task();
    match stamped.event {
        Event::CheckpointTriggered { id } => Some(Cause::Trigger(id)),
        Event::AckSent { id } => task.map(|task| Cause::Acknowledgement(task, id)),
        Event::CheckpointCompleted { id, .. } => Some(Cause::Completion(id)),
        Event::CommitSent { id } => task.map(|task| Cause::Commit(task, id)),
        Event::TaskCrashed { .. } | Event::NodeCrashed { .. } | Event::SinkFailed => Some(Cause::Crash),
        Event::Restoring { attempt, .. } => Some(Cause::Restore(attempt)),
        Event::TaskRunning { .. } => Some(Cause::Running),
        Event::TaskFinished => Some(Cause::Finish),
        _ => None,
    }
}

/// Which earlier event has caused this one.
fn caused_by(stamped: &Stamped) -> Option<Cause> {
    match stamped.event {
        Event::AlignmentStarted { id } | Event::SnapshotTaken { id }
            if stamped.origin.as_task().is_some() =>
        {
            Some(Cause::Trigger(id))
        }
        Event::AckReceived { task, id, .. } => Some(Cause::Acknowledgement(task, id)),
        Event::CommitSent { id } => Some(Cause::Completion(id)),
        Event::TransactionCommitted { task, id } => Some(Cause::Commit(task, id)),
        Event::FailureNoticed { .. } => Some(Cause::Crash),
        Event::TaskRunning { attempt } => Some(Cause::Restore(attempt)),
        Event::JobRunning { .. } => Some(Cause::Running),
        Event::JobFinished => Some(Cause::Finish),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::scene::Actor;
    use serde_json::Value;

    use super::super::tests::{log, story};
    use super::*;

    /// The hosts and clocks of a log, by event.
    fn parse(log: &str) -> Vec<(String, BTreeMap<String, u64>, String)> {
        let lines: Vec<&str> = log.lines().collect();
        let pairs = lines.chunks(2).map(|pair| {
            let (host, clock) = pair[0].split_once(' ').expect("a host and a clock");
            let clock: BTreeMap<String, u64> = serde_json::from_str(clock).expect("a clock in JSON");
            (host.to_owned(), clock, pair[1].to_owned())
        });
        pairs.collect()
    }

    #[test]
    fn clocks_are_vector_clocks() {
        let events = parse(&log());
        assert!(events.len() > 100);
        let mut last: BTreeMap<&str, &BTreeMap<String, u64>> = BTreeMap::new();
        for (host, clock, event) in &events {
            let before = last.get(host.as_str()).map_or(0, |clock| clock[host]);
            assert_eq!(clock[host], before + 1, "{host}: {event}");
            for (other, count) in clock {
                let there = last.get(other.as_str()).map_or(0, |clock| clock[other]);
                assert!(
                    other == host || *count <= there,
                    "{host} knows of {other} what has not happened: {event}"
                );
            }
            if let Some(before) = last.insert(host, clock) {
                assert!(
                    before.iter().all(|(other, count)| clock[other] >= *count),
                    "{host} forgets: {event}"
                );
            }
        }
        let completed = events.iter().find(|(.., event)| event.starts_with("checkpoint completed"));
        let (_, clock, _) = completed.expect("a checkpoint");
        for task in ["source[0]", "source[1]", "count[0]", "count[1]", "sink[0]"] {
            assert!(clock.contains_key(task), "{task} has acknowledged: {clock:?}");
        }
        let told = events.iter().filter(|(.., event)| !event.starts_with("barrier ")).count();
        assert_eq!(told, story().events.len(), "all that the story tells, and barriers");
    }

    #[test]
    fn barriers_are_sent_before_they_are_received_and_snapshots_know_of_them() {
        let events = parse(&log());
        let at = |host: &str, what: &str| {
            let place = events.iter().position(|(who, _, event)| who == host && event.starts_with(what));
            place.unwrap_or_else(|| panic!("{host}: {what}"))
        };
        let sent = at("source[0]", "barrier 1 sent to count[0]");
        let received = at("count[0]", "barrier 1 received from source[0]");
        let snapshot = at("count[0]", "snapshot taken (id 1)");
        assert!(sent < received);
        let clock = |place: usize| &events[place].1;
        assert!(clock(received)["source[0]"] >= clock(sent)["source[0]"]);
        // The first barrier is one of two: by whichever it came, the snapshot is behind it.
        let other = at("source[1]", "barrier 1 sent to count[0]");
        let knows = |of: usize, host: &str| clock(snapshot).get(host) >= clock(of).get(host);
        assert!(knows(sent, "source[0]") || knows(other, "source[1]"));
        assert!(at("source[0]", "snapshot taken (id 1)") < sent, "a source sends it behind its snapshot");
    }

    #[test]
    fn a_record_tells_its_receiver_what_its_sender_knew() {
        let actor = |name: &str| Actor { name: name.to_owned(), operator: 0 };
        let cast = Cast { tasks: vec![actor("a"), actor("b")], ..Cast::default() };
        let mut log = Log::new(cast);
        let event =
            |time, task| Stamped { time, origin: Origin::task(TaskId(task)), event: Event::TaskEnded };
        let thing = Thing::Record { number: 1, lineage: 0, key: 0, value: 0 };
        let channel = ChannelId(0);
        let sent = Passage { time: 1, task: TaskId(0), what: Passes::Sent { channel, thing } };
        let taken = Passage { time: 2, task: TaskId(1), what: Passes::Taken { channel, thing } };
        log.observe(&[sent], &[event(1, 0)]);
        log.observe(&[taken], &[event(2, 1)]);
        assert_eq!(log.finish(), "a {\"a\":1}\ntask ended (1 ns)\nb {\"a\":1, \"b\":1}\ntask ended (2 ns)\n");
    }

    #[test]
    fn what_a_restore_has_lost_and_is_sent_again_carries_the_newer_clock() {
        let actor = |name: &str| Actor { name: name.to_owned(), operator: 0 };
        let mut log = Log::new(Cast { tasks: vec![actor("a"), actor("b")], ..Cast::default() });
        let ended =
            |time, task| Stamped { time, origin: Origin::task(TaskId(task)), event: Event::TaskEnded };
        let (channel, thing) = (ChannelId(0), Thing::Close);
        let sent = |time| Passage { time, task: TaskId(0), what: Passes::Sent { channel, thing } };
        let restoring = Event::Restoring { attempt: Attempt(2), checkpoint: None };
        log.observe(&[sent(1)], &[ended(1, 0)]);
        log.observe(&[], &[Stamped { time: 2, origin: Origin::COORDINATOR, event: restoring }]);
        log.observe(&[sent(3)], &[ended(3, 0)]);
        let taken = Passage { time: 4, task: TaskId(1), what: Passes::Taken { channel, thing } };
        log.observe(&[taken], &[ended(4, 1)]);
        let text = log.finish();
        assert!(text.ends_with("b {\"a\":2, \"b\":1}\ntask ended (4 ns)\n"), "{text}");
    }

    #[test]
    fn names_cannot_break_the_form() {
        let event = Stamped { time: 1, origin: Origin::task(TaskId(0)), event: Event::TaskEnded };
        let tasks = vec![Actor { name: "a \"b\" {c}\n".to_owned(), operator: 0 }];
        let mut log = Log::new(Cast { tasks, ..Cast::default() });
        log.observe(&[], &[event]);
        assert_eq!(log.finish(), "a__b___c__ {\"a__b___c__\":1}\ntask ended (1 ns)\n");
        assert!(serde_json::from_str::<Value>("{\"a__b___c__\":1}").is_ok());
        assert_eq!(Log::new(Cast::default()).finish(), "");
    }
}
