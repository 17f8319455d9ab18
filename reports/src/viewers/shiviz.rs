//! A run as a log that ShiViz (<https://bestchai.bitbucket.io/shiviz/>) draws as a space-time diagram: each event on two lines, first its
//! host and that host's vector clock, then what happened.
//!
//! The clocks say what an event can have been caused by, as far as the events tell: a trigger causes snapshots, an
//! acknowledgement sent one received, a completion commits, a commit a visible transaction, a crash its notice, a restore the tasks
//! that run again. Records and marks, which a story leaves out, cause more; so what the diagram shows as concurrent need not be.

use std::collections::BTreeMap;
use std::fmt::Write;

use cutline_scenarios::story::{Story, words};
use cutline_sim::event::{Event, Origin, Stamped};
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};

/// What ShiViz is to be told about the form of the log, in its field *Log parsing regular expression*: its default.
pub const PARSER: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// How often each host had acted, as far as one host can know. Hosts are known by their place in the order of [`hosts`].
type Clock = BTreeMap<usize, u64>;

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

/// Writes the story as a log.
pub fn shiviz(story: &Story) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut places: BTreeMap<Origin, usize> = BTreeMap::new();
    let mut clocks: Vec<Clock> = Vec::new();
    let mut known: BTreeMap<Cause, Clock> = BTreeMap::new();
    let mut log = String::new();
    for stamped in &story.events {
        if matches!(stamped.event, Event::Record { .. } | Event::MarkReached { .. }) {
            continue;
        }
        let place = *places.entry(stamped.origin).or_insert_with(|| {
            names.push(host(story, stamped.origin));
            clocks.push(Clock::new());
            names.len() - 1
        });
        if let Some(cause) = caused_by(stamped).and_then(|cause| known.get(&cause)) {
            learn(&mut clocks[place], cause);
        }
        *clocks[place].entry(place).or_insert(0) += 1;
        if let Some(cause) = causes(stamped) {
            // Several may together be the cause of one: of a commit that all tasks have acknowledged, say.
            learn(known.entry(cause).or_default(), &clocks[place]);
        }
        let clock: Vec<String> =
            clocks[place].iter().map(|(&host, count)| format!("\"{}\":{count}", names[host])).collect();
        // A string takes everything.
        let _ = writeln!(log, "{} {{{}}}", names[place], clock.join(", "));
        let _ = writeln!(log, "{} ({} ns)", words(&stamped.event), stamped.time);
    }
    log
}

/// Whoever has the first clock knows from now on what the second one says.
fn learn(clock: &mut Clock, from: &Clock) {
    for (&host, &count) in from {
        let mine = clock.entry(host).or_insert(0);
        *mine = count.max(*mine);
    }
}

/// A host's name: without blanks, and without what would end a string in the clock.
fn host(story: &Story, origin: Origin) -> String {
    let plain = |char: char| {
        if char.is_whitespace() || char.is_control() || "\"\\{}".contains(char) { '_' } else { char }
    };
    story.who(origin).chars().map(plain).collect()
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
    use serde_json::Value;

    use super::super::tests::story;
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
        let events = parse(&shiviz(&story()));
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
    }

    #[test]
    fn names_cannot_break_the_form() {
        let event = Stamped { time: 1, origin: Origin::task(TaskId(0)), event: Event::TaskEnded };
        let story =
            Story { tasks: vec!["a \"b\" {c}\n".to_owned()], events: vec![event], ..Story::default() };
        assert_eq!(shiviz(&story), "a__b___c__ {\"a__b___c__\":1}\ntask ended (1 ns)\n");
        assert!(serde_json::from_str::<Value>("{\"a__b___c__\":1}").is_ok());
        assert_eq!(shiviz(&Story::default()), "");
    }
}
