//! Words of a diagram: its title, its window, times on the axis, what things are for those who point at them.

use cutline_scenarios::scene::{Cast, Fate, Flight, Outcome, Scene};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::passage::Thing;
use cutline_sim::time::Time;

use crate::units;

const MICRO: Time = 1_000;
const MILLI: Time = 1_000_000;
const SECOND: Time = 1_000_000_000;

/// An instant of a window of this width: as many digits as it takes to tell instants of it apart.
pub fn instant(time: Time, width: Time) -> String {
    let (unit, name) = if width < MILLI {
        (MICRO, "us")
    } else if width < SECOND {
        (MILLI, "ms")
    } else {
        (SECOND, "s")
    };
    format!("{} {name}", decimals(time, unit, width / 1_000))
}

/// A time in a unit, with the digits that a step of this size needs; noughts at the end are left out.
fn decimals(time: Time, unit: Time, step: Time) -> String {
    let (mut digits, mut power) = (0, unit);
    while power > step.max(1) && digits < 6 {
        power /= 10;
        digits += 1;
    }
    let fraction = (time % unit) * 10_u64.pow(digits) / unit;
    match digits {
        0 => (time / unit).to_string(),
        _ => {
            let text = format!("{}.{fraction:0width$}", time / unit, width = digits as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// Where ticks are, with their labels, and the unit of these.
pub fn ticks(from: Time, to: Time) -> (Vec<(Time, String)>, &'static str) {
    const MOST: u64 = 12;
    let span = to.saturating_sub(from).max(1);
    let mut step = 1_u64;
    'search: loop {
        for factor in [1, 2, 5] {
            if span / (step * factor) < MOST {
                step *= factor;
                break 'search;
            }
        }
        step *= 10;
    }
    let (unit, name) = if step >= SECOND / 10 {
        (SECOND, "s")
    } else if step >= MICRO {
        (MILLI, "ms")
    } else {
        (MICRO, "us")
    };
    let first = from.div_ceil(step) * step;
    let all = (0..=MOST).map(|nth| first + nth * step).take_while(|at| *at <= to);
    (all.map(|at| (at, decimals(at, unit, step))).collect(), name)
}

/// `window 1.2 s to 1.4 s of 60 s, around checkpoint 1`.
pub fn window(scene: &Scene) -> String {
    let window = &scene.window;
    let width = window.time.end - window.time.start;
    if window.is_whole() {
        return format!("all of the run, {} of virtual time", units::time(window.end));
    }
    let [from, to] = [window.time.start, window.time.end].map(|time| instant(time, width));
    format!("window {from} to {to} of {}, {}", units::time(window.end), window.reason)
}

/// What the diagram shows, in a sentence or two.
pub fn about(scene: &Scene) -> String {
    let completed =
        scene.checkpoints.iter().filter(|it| matches!(it.ended, Some((_, Outcome::Completed)))).count();
    let crashes = scene.events.iter().filter(|event| is_crash(event)).count();
    let objects = match &scene.witness {
        Some(witness) => format!(" The oracle {} objects: {}", witness.oracle, witness.proof),
        None => String::new(),
    };
    format!(
        "Space-time diagram of {}, {}: {} tasks, {completed} completed checkpoints, {crashes} crashes.{objects}",
        scene.cast.title,
        window(scene),
        scene.cast.tasks.len()
    )
}

/// True for a crash.
pub fn is_crash(event: &Stamped) -> bool {
    matches!(event.event, Event::TaskCrashed { .. } | Event::NodeCrashed { .. })
}

/// What something is.
pub fn thing(thing: &Thing) -> String {
    match thing {
        Thing::Record { number, key, value, .. } => {
            format!("item {number}, a record: key {key}, value {value}")
        }
        Thing::Watermark { number } => format!("item {number}, a watermark"),
        Thing::End { number } => format!("item {number}, the end of the channel"),
        Thing::Probe { number } => format!("item {number}, a probe"),
        Thing::Cut { id } => format!("barrier of checkpoint {id}"),
        Thing::Cancel { id } => format!("cancellation of checkpoint {id}"),
        Thing::Close => "the close of the channel".to_owned(),
    }
}

/// What a flight is: `item 5, a record: key 1, value 2; source[0] to count[1], sent at 1.2 ms, taken at 1.4 ms`.
pub fn flight(flight: &Flight, cast: &Cast, width: Time) -> String {
    let ends = cast.ends(flight.channel).unwrap_or_default();
    let verb = if flight.put_back { "put back by the restore" } else { "sent" };
    let taken = match (flight.taken, flight.fate) {
        (Some(taken), _) => format!("taken at {}", instant(taken.time, width)),
        (None, Fate::UnderWay) => "on its way at the end".to_owned(),
        (None, _) => "lost with the restart".to_owned(),
    };
    format!(
        "{}; {} to {}, {verb} at {}, {taken}",
        thing(&flight.thing),
        cast.name(ends.from),
        cast.name(ends.to),
        instant(flight.sent.time, width)
    )
}

/// What an event is called at the upper edge, if it is named there.
pub fn heading(event: &Stamped, cast: &Cast) -> Option<String> {
    Some(match event.event {
        Event::TaskCrashed { task } => format!("{} crashes", cast.name(task)),
        Event::NodeCrashed { node } => format!("node {node} crashes"),
        Event::FailureNoticed { .. } => "failure noticed".to_owned(),
        Event::JobCancelled => "all cancelled".to_owned(),
        Event::Restoring { checkpoint: Some(id), .. } => format!("restore from checkpoint {id}"),
        Event::Restoring { checkpoint: None, attempt } if attempt.0 > 1 => {
            "restore from the beginning".to_owned()
        }
        Event::JobRunning { attempt } if attempt.0 > 1 => "all run again".to_owned(),
        Event::CheckpointAborted { id, .. } => format!("checkpoint {id} given up"),
        Event::SavepointRequested { .. } => "savepoint asked for".to_owned(),
        Event::CancelRequested => "cancelled by the user".to_owned(),
        Event::JobFinished => "job finished".to_owned(),
        Event::JobFailed => "job failed".to_owned(),
        Event::JobSuspended => "job stopped".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_a_window_can_be_told_apart() {
        assert_eq!(instant(1_234_567_890, 50_000_000), "1234.56 ms");
        assert_eq!(instant(1_234_567_890, 5_000_000), "1234.567 ms");
        assert_eq!(instant(60_000_000_000, 5_000_000_000), "60 s");
        assert_eq!(instant(1_500, 10_000), "1.5 us");
        assert_eq!(instant(0, 0), "0 us");
    }

    #[test]
    fn ticks_are_round_and_few() {
        let (all, unit) = ticks(1_234_000_000, 1_300_000_000);
        let labels: Vec<&str> = all.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!((labels[0], labels[1], unit), ("1240", "1250", "ms"));
        for (from, to) in [(0, 1), (0, 999), (5, 1_000_000), (0, u64::MAX / 16)] {
            let (all, _) = ticks(from, to);
            assert!(!all.is_empty() && all.len() <= 13, "{from} {to}: {all:?}");
            assert!(all.iter().all(|(at, _)| (from..=to).contains(at)));
        }
    }
}
