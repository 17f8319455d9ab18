//! A survey of a run: where its first checkpoint, its crashes and its violation are.

use cutline_sim::event::Event;
use cutline_sim::ids::CheckpointId;
use cutline_sim::passage::{Passage, Passes, Thing};
use cutline_sim::time::{NEVER, Time};

use super::{Around, Cast, Checkpoint, Entry, Flight, Guilt, Recorder, Window, Witness};

/// Behind a crash so much is shown at least, and behind the restart a fifth of the recovery.
const RECOVERY_SHARE: Time = 5;

/// From when until when something was.
type Between = (Time, Time);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many things happened.
    pub entries: u64,
    /// The end of the run.
    pub end: Time,
    /// How many things went through channels, if that is told of all of them.
    pub flown: Option<u64>,
    /// True if a record is told of.
    pub has_records: bool,
    /// The first checkpoint that completed, or, if the first ones were taken before any record was sent, the first behind that.
    pub first_span: Option<(CheckpointId, Time, Time)>,
    /// The first checkpoint that began.
    pub begun_span: Option<(CheckpointId, Time, Time)>,
    /// The checkpoint that was asked for.
    pub asked_span: Option<Between>,
    /// The ids of the first and of the last checkpoint that began.
    pub range: Option<(CheckpointId, CheckpointId)>,
    /// How many crashes there were.
    pub crashes: u64,
    /// The crash that was asked for (or the first), and the recovery from it.
    pub crash_span: Option<Between>,
    /// The violation.
    pub guilty_span: Option<Between>,
}

/// Goes through the entries of a run: `play` hands each of them over.
pub fn survey(
    cast: &Cast,
    around: Around,
    witness: Option<&Witness>,
    play: impl FnOnce(&mut dyn FnMut(Entry)),
) -> Survey {
    let about = witness.and_then(|witness| witness.checkpoint);
    let asked = match around {
        Around::Checkpoint(id) => Some(id),
        _ => None,
    };
    let nth_crash = if let Around::Crash(nth) = around { nth } else { 1 };
    let everything = Window { time: 0..NEVER, end: 0, reason: String::new() };
    let keeps = |flight: &Flight| witness.is_some_and(|witness| witness.suspects(flight));
    let mut recorder = Recorder::keeping(cast.clone(), everything, Box::new(keeps));
    recorder.keep_checkpoints(about.into_iter().chain(asked));
    let mut found = Survey::default();
    let mut recovers = false;
    let mut first_record = None;
    let blamed_at = witness.and_then(|witness| match witness.guilt {
        Guilt::Message { time, .. } => Some(time),
        _ => None,
    });
    let mut failure = None;
    play(&mut |entry| {
        found.entries += 1;
        found.end = found.end.max(entry.time());
        if let Entry::Event(stamped) = &entry {
            let now = stamped.time;
            match stamped.event {
                Event::CheckpointTriggered { id } | Event::CheckpointCompleted { id, .. } => {
                    let first = found.range.map_or(id, |(first, _)| first);
                    found.range = Some((first.min(id), found.range.map_or(id, |(_, last)| last.max(id))));
                }
                Event::TaskCrashed { .. } | Event::NodeCrashed { .. } => {
                    // What an older attempt has said is to be seen with what ended that attempt.
                    if blamed_at.is_some_and(|at| now <= at) {
                        failure = Some(now);
                    }
                    found.crashes += 1;
                    if found.crashes == nth_crash {
                        found.crash_span = Some((now, now));
                        recovers = true;
                    }
                }
                Event::JobRunning { .. } | Event::JobFailed | Event::JobOver if recovers => {
                    recovers = false;
                    if let Some((from, to)) = &mut found.crash_span {
                        *to = now.saturating_add((now - *from) / RECOVERY_SHARE);
                    }
                }
                _ => {}
            }
        }
        if let Entry::Passage(Passage {
            time, what: Passes::Sent { thing: Thing::Record { .. }, .. }, ..
        }) = entry
        {
            first_record.get_or_insert(time);
        }
        recorder.see(entry);
    });
    if let (true, Some((_, to))) = (recovers, &mut found.crash_span) {
        *to = found.end;
    }
    found.flown = cast.has_records.then(|| recorder.flown());
    found.has_records = first_record.is_some();
    let scene = recorder.finish();
    let end = found.end;
    let span = |it: &Checkpoint| {
        let points = it.points.iter().filter(|(_, at)| at.place > 0).map(|(_, at)| at.time);
        let begin = it.triggered.into_iter().chain(points.clone()).min().unwrap_or(0);
        let end = it.ended.map_or(end, |(end, _)| end);
        (begin, points.chain([end]).max().unwrap_or(end))
    };
    let named = |it: &Checkpoint| {
        let (from, to) = span(it);
        (it.id, from, to)
    };
    let mut completed = scene.checkpoints.iter().filter(|it| is_completed(it));
    let has_records =
        |it: &&Checkpoint| it.points.iter().any(|(_, at)| first_record.is_some_and(|first| first < at.time));
    found.first_span = completed.clone().find(has_records).or_else(|| completed.next()).map(named);
    found.begun_span = scene.checkpoints.first().map(named);
    let with = |id: Option<CheckpointId>| scene.checkpoints.iter().find(|it| Some(it.id) == id).map(span);
    found.asked_span = with(asked);
    found.guilty_span = witness.map(|witness| {
        let guilty = witness.guilty(&scene.flights, &scene.checkpoints, cast);
        let mut times: Vec<Time> = Vec::new();
        times.extend(with(about).into_iter().flat_map(|(from, to)| [from, to]));
        for flight in guilty.into_iter().filter_map(|at| scene.flights.get(at)) {
            times.push(flight.sent.time);
            times.extend(flight.taken.map(|taken| taken.time));
        }
        if let Guilt::Message { time, .. } | Guilt::Delivery { time, .. } = witness.guilt {
            times.push(time);
        }
        times.extend(failure);
        match (times.iter().min(), times.iter().max()) {
            (Some(&from), Some(&to)) if from < to => (from, to),
            (Some(&at), _) => (at.saturating_sub(1_000_000), at.saturating_add(1_000_000)),
            // Nothing to point at: the last thing that a stalled run did, perhaps.
            _ => (end - end / 10, end),
        }
    });
    found
}

fn is_completed(checkpoint: &Checkpoint) -> bool {
    matches!(checkpoint.ended, Some((_, super::Outcome::Completed)))
}
