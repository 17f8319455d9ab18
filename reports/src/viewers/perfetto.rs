//! A run as a trace that <https://ui.perfetto.dev> opens: JSON in Google's *Trace Event Format*.
//!
//! Two processes. In *control* stand the checkpoints, from the trigger to the completion or the abort, the recoveries with their phases, and
//! what faults do; in *tasks* each task has a track for its life, tracks for its snapshots (waiting, the synchronous part, the
//! asynchronous one), and counters of what stands in front of it. Arrows lead from a checkpoint to the snapshots that it
//! caused, and back by their acknowledgements. Times are microseconds of virtual time, as the format wants it. Where a node has crashed,
//! no event says which tasks were on it: their lives end where the coordinator cancels them.

use std::collections::BTreeMap;

use cutline_scenarios::story::{Sample, Story, words};
use cutline_sim::event::{Event, Origin, SnapshotMetrics, Stamped};
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::time::Time;
use serde_json::{Value, json};

use super::lanes::Lanes;

const CONTROL: u64 = 1;
const TASKS: u64 = 2;
/// Of the control process: its tracks. Checkpoints have as many as overlap.
const RECOVERIES: u64 = 1;
const FAULTS: u64 = 2;
const OTHERS: u64 = 3;
const CHECKPOINTS: u64 = 10;
/// Each task has so many numbers of tracks.
const TRACKS: u64 = 1_000;

/// Writes the story as a trace.
pub fn perfetto(story: &Story) -> String {
    let mut trace = Trace::of(story);
    trace.events.extend(story.samples.iter().flat_map(|sample| counters(story, sample)));
    story.events.iter().for_each(|event| trace.read(event));
    trace.finish()
}

/// A checkpoint that is under way.
struct Open {
    lane: usize,
    triggered: Time,
}

/// A task's part in a checkpoint.
struct Snapshot {
    id: CheckpointId,
    begin: Time,
    end: Time,
    metrics: SnapshotMetrics,
}

struct Trace<'a> {
    story: &'a Story,
    events: Vec<Value>,
    checkpoints: BTreeMap<CheckpointId, Open>,
    lanes: Lanes,
    /// Since when each task lives, and in which attempt.
    lives: BTreeMap<TaskId, (Time, Attempt)>,
    snapshots: BTreeMap<TaskId, Vec<Snapshot>>,
    /// Acknowledgements by task and checkpoint: when they came, and on which lane the checkpoint stands.
    acknowledged: BTreeMap<(TaskId, CheckpointId), (Time, usize)>,
    /// Triggers of snapshots, in the same way.
    triggered: BTreeMap<CheckpointId, (Time, usize)>,
    windows: BTreeMap<u32, Time>,
    /// The recovery that is under way: the notice, and the ends of its phases so far.
    recovery: Option<(Time, Vec<(&'static str, Time)>)>,
    arrows: u64,
}

fn micros(time: Time) -> Value {
    json!(time as f64 / 1e3)
}

fn span(process: u64, track: u64, name: &str, (begin, end): (Time, Time), args: Value) -> Value {
    let (ts, dur) = (micros(begin), micros(end.saturating_sub(begin)));
    json!({"ph": "X", "pid": process, "tid": track, "name": name, "ts": ts, "dur": dur, "args": args})
}

fn counters(story: &Story, sample: &Sample) -> [Value; 2] {
    let name = story.who(Origin::task(sample.task));
    let counter = |what: &str, value: u64| json!({"ph": "C", "pid": TASKS, "tid": 0, "name": format!("{name} {what}"), "ts": micros(sample.time), "args": {"value": value}});
    [counter("items waiting", sample.in_flight.items), counter("bytes waiting", sample.in_flight.bytes)]
}

fn track(task: TaskId) -> u64 {
    (u64::from(task.0) + 1) * TRACKS
}

impl<'a> Trace<'a> {
    fn of(story: &'a Story) -> Trace<'a> {
        Trace {
            story,
            events: Vec::new(),
            checkpoints: BTreeMap::new(),
            lanes: Lanes::default(),
            lives: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            triggered: BTreeMap::new(),
            windows: BTreeMap::new(),
            recovery: None,
            arrows: 0,
        }
    }

    fn read(&mut self, stamped: &Stamped) {
        let (now, task) = (stamped.time, stamped.origin.as_task());
        match (stamped.event, task) {
            (Event::CheckpointTriggered { id }, _) => {
                let lane = self.lanes.begin(now);
                self.checkpoints.insert(id, Open { lane, triggered: now });
                self.triggered.insert(id, (now, lane));
            }
            (Event::CheckpointCompleted { id, bytes, full_bytes, .. }, _) => {
                self.end_checkpoint(
                    id,
                    now,
                    "",
                    json!({"bytes written": bytes, "bytes referred to": full_bytes}),
                );
            }
            (Event::CheckpointAborted { id, reason }, _) => {
                self.end_checkpoint(id, now, ", given up", json!({"why": reason}));
            }
            (Event::AckReceived { task, id, .. }, _) => {
                if let Some(open) = self.checkpoints.get(&id) {
                    self.acknowledged.entry((task, id)).or_insert((now, open.lane));
                }
            }
            (Event::Persisted { id, metrics }, Some(task)) => {
                let took = metrics.waiting + metrics.sync + metrics.asynchronous;
                let snapshot = Snapshot { id, begin: now.saturating_sub(took), end: now, metrics };
                self.snapshots.entry(task).or_default().push(snapshot);
            }
            (Event::TaskRunning { attempt }, Some(task)) => {
                self.end_life(task, now);
                self.lives.insert(task, (now, attempt));
            }
            (Event::TaskFinished, Some(task)) | (Event::TaskCrashed { task }, _) => {
                self.end_life(task, now);
                self.instant(stamped);
            }
            (Event::FaultWindow { fault, begins: true }, _) => {
                self.windows.insert(fault, now);
            }
            (Event::FaultWindow { fault, begins: false }, _) => self.end_window(fault, now),
            (Event::FailureNoticed { .. }, _) => {
                // A failure during a recovery begins another one.
                self.end_phase("interrupted", now);
                self.end_recovery(now);
                self.recovery = Some((now, Vec::new()));
            }
            (Event::JobCancelled, _) => {
                self.end_phase("cancel", now);
                self.end_lives(now);
            }
            (Event::Restoring { .. }, _) => {
                self.end_phase("wait", now);
                self.end_lives(now);
            }
            (Event::JobRunning { .. }, _) => {
                self.end_phase("restore", now);
                self.end_recovery(now);
            }
            // Said by the spans.
            (
                Event::Record { .. }
                | Event::MarkReached { .. }
                | Event::AlignmentStarted { .. }
                | Event::SnapshotTaken { .. }
                | Event::AckSent { .. },
                _,
            ) => {}
            _ => self.instant(stamped),
        }
    }

    fn end_checkpoint(&mut self, id: CheckpointId, now: Time, how: &str, args: Value) {
        if let Some(Open { lane, triggered }) = self.checkpoints.remove(&id) {
            self.lanes.end(lane, now);
            let name = format!("checkpoint {id}{how}");
            self.events.push(span(CONTROL, CHECKPOINTS + lane as u64, &name, (triggered, now), args));
        }
    }

    fn end_life(&mut self, task: TaskId, now: Time) {
        if let Some((begin, attempt)) = self.lives.remove(&task) {
            let name = format!("runs, attempt {attempt}");
            self.events.push(span(TASKS, track(task), &name, (begin, now), json!({})));
        }
    }

    fn end_lives(&mut self, now: Time) {
        let tasks: Vec<TaskId> = self.lives.keys().copied().collect();
        tasks.into_iter().for_each(|task| self.end_life(task, now));
    }

    fn end_window(&mut self, fault: u32, now: Time) {
        if let Some(begin) = self.windows.remove(&fault) {
            // Windows overlap; an asynchronous pair may.
            for (phase, time) in [("b", begin), ("e", now)] {
                self.events.push(json!({"ph": phase, "cat": "fault", "id": fault, "pid": CONTROL, "tid": FAULTS, "name": format!("fault {fault}"), "ts": micros(time)}));
            }
        }
    }

    fn end_phase(&mut self, name: &'static str, now: Time) {
        if let Some((_, phases)) = &mut self.recovery {
            phases.push((name, now));
        }
    }

    fn end_recovery(&mut self, now: Time) {
        let Some((noticed, phases)) = self.recovery.take() else { return };
        self.events.push(span(CONTROL, RECOVERIES, "recovery", (noticed, now), json!({})));
        let mut begin = noticed;
        for (name, end) in phases {
            self.events.push(span(CONTROL, RECOVERIES, name, (begin, end), json!({})));
            begin = end;
        }
    }

    /// Something that takes no time.
    fn instant(&mut self, stamped: &Stamped) {
        let (process, number) = match (stamped.event, stamped.origin.as_task(), stamped.origin) {
            (Event::TaskCrashed { task }, ..) | (_, Some(task), _) => (TASKS, track(task)),
            (.., Origin::FAULTS) => (CONTROL, FAULTS),
            _ => (CONTROL, OTHERS),
        };
        let name = match stamped.origin.as_task() {
            Some(_) => words(&stamped.event),
            None => format!("{}: {}", self.story.who(stamped.origin), words(&stamped.event)),
        };
        self.events.push(json!({"ph": "i", "s": "t", "pid": process, "tid": number, "name": name, "ts": micros(stamped.time)}));
    }

    /// An arrow from a span to another.
    fn arrow(&mut self, name: &str, from: (u64, u64, Time), to: (u64, u64, Time)) {
        self.arrows += 1;
        for (phase, (process, number, time)) in [("s", from), ("f", to)] {
            let mut end = json!({"ph": phase, "cat": name, "id": self.arrows, "pid": process, "tid": number, "name": name, "ts": micros(time)});
            if phase == "f" {
                // It ends in the span that it hits, and not in the next one.
                end["bp"] = json!("e");
            }
            self.events.push(end);
        }
    }

    /// The snapshots of a task, on as many tracks as they overlap.
    fn draw_snapshots(&mut self, task: TaskId, mut snapshots: Vec<Snapshot>) -> usize {
        snapshots.sort_by_key(|snapshot| (snapshot.begin, snapshot.end));
        let mut lanes = Lanes::default();
        for Snapshot { id, begin, end, metrics } in snapshots {
            let number = track(task) + 1 + lanes.add(begin, end) as u64;
            let args = json!({
                "bytes written": metrics.bytes,
                "bytes referred to": metrics.full_bytes,
                "bytes in flight, persisted": metrics.persisted_in_flight,
                "bytes in flight, processed": metrics.processed_in_flight,
            });
            self.events.push(span(TASKS, number, &format!("checkpoint {id}"), (begin, end), args));
            let cut = begin + metrics.waiting;
            let synced = cut + metrics.sync;
            for (name, from, to) in [("alignment", begin, cut), ("sync", cut, synced), ("async", synced, end)]
            {
                if from < to {
                    self.events.push(span(TASKS, number, name, (from, to), json!({})));
                }
            }
            if let Some(&(triggered, lane)) = self.triggered.get(&id).filter(|&&(at, _)| at <= begin) {
                let control = (CONTROL, CHECKPOINTS + lane as u64, triggered);
                self.arrow("trigger", control, (TASKS, number, begin));
            }
            if let Some(&(time, lane)) = self.acknowledged.get(&(task, id)).filter(|&&(at, _)| at >= end) {
                let control = (CONTROL, CHECKPOINTS + lane as u64, time);
                self.arrow("acknowledgement", (TASKS, number, end), control);
            }
        }
        lanes.count()
    }

    /// Ends what is still open, and names the tracks.
    fn finish(mut self) -> String {
        let end = self.story.end;
        let open: Vec<CheckpointId> = self.checkpoints.keys().copied().collect();
        open.into_iter().for_each(|id| self.end_checkpoint(id, end, ", under way", json!({})));
        self.end_lives(end);
        let windows: Vec<u32> = self.windows.keys().copied().collect();
        windows.into_iter().for_each(|fault| self.end_window(fault, end));
        if self.recovery.is_some() {
            self.end_recovery(end);
        }
        let mut tracks = vec![
            (CONTROL, RECOVERIES, "recoveries".to_owned()),
            (CONTROL, FAULTS, "faults".to_owned()),
            (CONTROL, OTHERS, "coordinator, nodes, external system".to_owned()),
        ];
        let lanes = 0..self.lanes.count() as u64;
        tracks.extend(lanes.map(|lane| (CONTROL, CHECKPOINTS + lane, "checkpoints".to_owned())));
        for (task, name) in (0..).map(TaskId).zip(&self.story.tasks) {
            tracks.push((TASKS, track(task), name.clone()));
            let snapshots = self.snapshots.remove(&task).unwrap_or_default();
            let lanes = 1..=self.draw_snapshots(task, snapshots) as u64;
            tracks.extend(lanes.map(|lane| (TASKS, track(task) + lane, format!("{name} snapshots"))));
        }
        let mut events: Vec<Value> = Vec::new();
        for (process, name) in [(CONTROL, "control"), (TASKS, "tasks")] {
            events.push(json!({"ph": "M", "pid": process, "name": "process_name", "args": {"name": name}}));
            let order = json!({"sort_index": process});
            events.push(json!({"ph": "M", "pid": process, "name": "process_sort_index", "args": order}));
        }
        for (process, number, name) in tracks {
            events.push(json!({"ph": "M", "pid": process, "tid": number, "name": "thread_name", "args": {"name": name}}));
            let order = json!({"sort_index": number});
            events.push(
                json!({"ph": "M", "pid": process, "tid": number, "name": "thread_sort_index", "args": order}),
            );
        }
        events.append(&mut self.events);
        let other = json!({"run": self.story.title, "cut short": self.story.is_cut_short});
        json!({"displayTimeUnit": "ns", "otherData": other, "traceEvents": events}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cutline_sim::ids::Attempt;

    use super::super::tests::story;
    use super::*;

    #[test]
    fn a_failure_during_a_recovery_is_a_recovery_of_its_own() {
        let attempt = Attempt(1);
        let told = [
            Event::FailureNoticed { attempt },
            Event::JobCancelled,
            Event::Restoring { attempt, checkpoint: None },
            Event::FailureNoticed { attempt },
            Event::JobCancelled,
            Event::Restoring { attempt, checkpoint: None },
            Event::JobRunning { attempt },
        ];
        let stamped = |(time, event)| Stamped { time, origin: Origin::COORDINATOR, event };
        let events = (1..).map(|number| number * 1000).zip(told).map(stamped).collect();
        let trace = perfetto(&Story { events, end: 8000, ..Story::default() });
        let trace: Value = serde_json::from_str(&trace).expect("JSON");
        let spans = |name: &str| -> Vec<(f64, f64)> {
            let all = trace["traceEvents"].as_array().expect("an array").iter();
            let named = all.filter(|event| event["name"] == name && event["ph"] == "X");
            named.map(|it| (it["ts"].as_f64().expect("ts"), it["dur"].as_f64().expect("dur"))).collect()
        };
        assert_eq!(spans("recovery"), [(1.0, 3.0), (4.0, 3.0)]);
        assert_eq!(spans("interrupted"), [(3.0, 1.0)]);
        assert_eq!(spans("restore"), [(6.0, 1.0)]);
    }

    /// What the format asks of each kind of event, and of them together.
    #[test]
    fn the_trace_is_what_the_format_says() {
        let story = story();
        let trace: Value = serde_json::from_str(&perfetto(&story)).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("an array");
        let text = |event: &Value, key: &str| event[key].as_str().expect(key).to_owned();
        let number =
            |event: &Value, key: &str| event[key].as_f64().unwrap_or_else(|| panic!("{key}: {event}"));
        let (mut spans, mut arrows, mut named) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut kinds, mut pairs) = (BTreeMap::new(), BTreeMap::new());
        for event in events {
            let phase = text(event, "ph");
            *kinds.entry(phase.clone()).or_insert(0) += 1;
            let (process, name) = (number(event, "pid") as u64, text(event, "name"));
            if phase == "M" {
                let known = ["process_name", "process_sort_index", "thread_name", "thread_sort_index"];
                assert!(known.contains(&name.as_str()), "{event}");
                if name == "thread_name" {
                    named.insert((process, number(event, "tid") as u64), text(&event["args"], "name"));
                }
                continue;
            }
            let (track, time) = ((process, number(event, "tid") as u64), number(event, "ts"));
            assert!(time >= 0.0);
            match phase.as_str() {
                "X" => spans.entry(track).or_insert_with(Vec::new).push((time, time + number(event, "dur"))),
                "i" => assert_eq!(text(event, "s"), "t"),
                "C" => assert!(event["args"]["value"].is_u64()),
                "s" | "f" => arrows
                    .entry(number(event, "id") as u64)
                    .or_insert_with(Vec::new)
                    .push((phase, track, time)),
                "b" | "e" => *pairs.entry((text(event, "cat"), number(event, "id") as u64)).or_insert(0) += 1,
                _ => panic!("no such phase: {event}"),
            }
        }
        for kind in ["M", "X", "i", "C", "s", "f"] {
            assert!(kinds.get(kind).is_some_and(|&count| count > 3), "{kind}: {kinds:?}");
        }
        assert!(pairs.values().all(|&count| count == 2));
        // Spans of one track lie beside or within each other.
        for (track, spans) in &mut spans {
            assert!(named.contains_key(track), "{track:?} has no name");
            spans.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
            let mut open: Vec<(f64, f64)> = Vec::new();
            for &(begin, end) in &*spans {
                open.retain(|outer| outer.1 > begin);
                assert!(open.iter().all(|outer| outer.1 >= end), "{track:?}: {begin}..{end} in {open:?}");
                open.push((begin, end));
            }
        }
        // Arrows go forward in time, from a span to a span.
        for ends in arrows.values() {
            let [(from, at, begun), (to, other, ended)] = &ends[..] else { panic!("an arrow with {ends:?}") };
            assert_eq!((from.as_str(), to.as_str()), ("s", "f"));
            assert!(begun <= ended, "{ends:?}");
            for (track, time) in [(at, begun), (other, ended)] {
                let hit = spans[track].iter().any(|(begin, end)| begin <= time && time <= end);
                assert!(hit, "an arrow at {time} on {track:?} hits nothing");
            }
        }
    }

    #[test]
    fn a_run_in_which_nothing_happened_is_a_trace_with_named_tracks() {
        let empty = Story { tasks: vec!["<b>\"x\"".to_owned()], ..Story::default() };
        let trace: Value = serde_json::from_str(&perfetto(&empty)).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("an array");
        assert!(events.iter().all(|event| event["ph"] == "M"));
        assert!(events.iter().any(|event| event["args"]["name"] == "<b>\"x\""));
    }
}
