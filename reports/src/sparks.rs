//! The course of a run in a few lines of text: what happened over virtual time, a character for each part of it.

use cutline_scenarios::course::Course;
use cutline_scenarios::record::{CheckpointRecord, RunRecord};

use crate::units;

/// From little to much.
const LEVELS: [char; 8] =
    ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
/// The least and the most characters that a line of time has.
const COLUMNS: (usize, usize) = (10, 120);
/// The characters of a name, with the blanks behind it; and of what stands behind a line of time.
const NAME: usize = 21;
const MOST: usize = 14;

/// A line: its name, a value for each column or nothing, and how the largest is shown.
struct Line {
    name: String,
    values: Vec<Option<f64>>,
    show: fn(u64) -> String,
}

/// The course of a run in lines of at most so many characters (but for very narrow ones): throughput, latency, checkpoints, storage,
/// backpressure, and when the job was down. Nothing if nothing happened.
pub fn sparks(record: &RunRecord, course: &Course, width: usize) -> String {
    let span = course.width * course.slices.len() as u64;
    if span == 0 {
        return String::new();
    }
    let columns = width.saturating_sub(NAME + MOST).clamp(COLUMNS.0, COLUMNS.1);
    let axis = Axis { course, columns, span };
    let per_second = 1e9 / course.width as f64;
    let mut lines = vec![
        axis.line("records/s", units::count, |at| {
            Some(course.slices[at].arrivals as f64 * per_second).filter(|rate| *rate > 0.0)
        }),
        axis.line("latency, p99", units::time, |at| some(course.slices[at].latency_p99)),
        axis.checkpoints(record, "checkpoint duration", units::time, |checkpoint| checkpoint.duration),
        axis.checkpoints(record, "state in checkpoint", units::bytes, |checkpoint| {
            checkpoint.full_checkpoint_data_size
        }),
        axis.line("in the store", units::bytes, |at| some(course.slices[at].stored)),
    ];
    let pressed = |at: usize| {
        let shares = course.operators.iter().map(|operator| {
            let stalled = operator.backpressured.get(at).copied().unwrap_or(0) as f64;
            100.0 * stalled / (course.width as f64 * f64::from(operator.subtasks.max(1)))
        });
        Some(shares.fold(0.0, f64::max).min(100.0)).filter(|share| *share >= 1.0)
    };
    lines.push(axis.line("backpressure", |percent| format!("{percent} %"), pressed));
    let mut text = String::new();
    for Line { name, values, show } in lines {
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        if most > 0.0 {
            let bars: String =
                values.iter().map(|value| value.map_or(' ', |value| bar(value, most))).collect();
            text.push_str(&format!("{name:<NAME$}{bars}  {}\n", show(most.round() as u64)));
        }
    }
    if !record.restores.is_empty() {
        text.push_str(format!("{:<NAME$}{}", "x crash, - down", axis.down(record)).trim_end());
        text.push('\n');
    }
    if text.is_empty() {
        return text;
    }
    let each = units::time(span / columns as u64);
    format!(
        "over {} of virtual time, {each} in a column; the most at the end\n{text}",
        units::time(record.duration)
    )
}

fn some(value: u64) -> Option<f64> {
    (value > 0).then_some(value as f64)
}

fn bar(value: f64, most: f64) -> char {
    let level = (value / most * LEVELS.len() as f64).ceil() as usize;
    LEVELS[level.clamp(1, LEVELS.len()) - 1]
}

/// Virtual time, in columns.
struct Axis<'a> {
    course: &'a Course,
    columns: usize,
    span: u64,
}

impl Axis<'_> {
    fn column(&self, time: u64) -> usize {
        let column = u128::from(time) * self.columns as u128 / u128::from(self.span);
        usize::try_from(column).unwrap_or(usize::MAX).min(self.columns - 1)
    }

    /// The largest of the slices in each column.
    fn line(&self, name: &str, show: fn(u64) -> String, of: impl Fn(usize) -> Option<f64>) -> Line {
        let slices = self.course.slices.len();
        let value = |column: usize| {
            let first = column * slices / self.columns;
            let end = ((column + 1) * slices / self.columns).clamp(first + 1, slices);
            (first..end).filter_map(&of).reduce(f64::max)
        };
        Line { name: name.to_owned(), values: (0..self.columns).map(value).collect(), show }
    }

    /// The largest of the checkpoints that completed in each column.
    fn checkpoints(
        &self,
        record: &RunRecord,
        name: &str,
        show: fn(u64) -> String,
        of: fn(&CheckpointRecord) -> u64,
    ) -> Line {
        let mut values = vec![None; self.columns];
        for checkpoint in record.completed() {
            let place = &mut values[self.column(checkpoint.triggered.saturating_add(checkpoint.duration))];
            *place = Some(f64::max(place.unwrap_or(0.0), of(checkpoint) as f64));
        }
        Line { name: name.to_owned(), values, show }
    }

    /// When it crashed, and until when not all tasks ran.
    fn down(&self, record: &RunRecord) -> String {
        let mut marks = vec![' '; self.columns];
        for restore in &record.restores {
            let (from, to) = (self.column(restore.crashed), self.column(restore.running.unwrap_or(u64::MAX)));
            marks[from..=to.max(from)].iter_mut().for_each(|mark| *mark = '-');
        }
        record.restores.iter().for_each(|restore| marks[self.column(restore.crashed)] = 'x');
        marks.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::course::Slice;

    use super::*;
    use crate::samples;

    /// Ten slices of 100 ms: records come, stop, and come back twice as fast.
    fn course() -> Course {
        let slice = |arrivals, latency_p99| Slice { arrivals, latency_p99, ..Slice::default() };
        let slices = [4, 4, 4, 0, 0, 0, 8, 8, 4, 4].map(|arrivals| slice(arrivals, arrivals * 1_000_000));
        Course { width: 100_000_000, slices: slices.to_vec(), ..Course::default() }
    }

    #[test]
    fn a_course_has_a_line_for_each_thing_that_was_not_nothing() {
        let mut record = samples::run("aligned");
        record.duration = 1_000_000_000;
        record.restores[0].crashed = 300_000_000;
        record.restores[0].running = Some(590_000_000);
        let text = sparks(&record, &course(), NAME + MOST + 10);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        assert!(text.starts_with("over 1.00 s of virtual time, 100 ms in a column"), "{text}");
        let half = "\u{2584}\u{2584}\u{2584}   \u{2588}\u{2588}\u{2584}\u{2584}";
        assert_eq!(line("records/s"), format!("{:<NAME$}{half}  80", "records/s"));
        assert_eq!(line("latency"), format!("{:<NAME$}{half}  8.00 ms", "latency, p99"));
        assert_eq!(line("x crash"), format!("{:<NAME$}   x--", "x crash, - down"));
        assert!(line("checkpoint duration").len() > NAME && line("in the store").is_empty(), "{text}");
    }

    #[test]
    fn a_width_is_kept_and_nothing_gives_nothing() {
        let record = samples::run("aligned");
        for width in [50, 60, 80, 100, 200] {
            let text = sparks(&record, &course(), width);
            assert!(text.lines().skip(1).all(|line| line.chars().count() <= width), "{width}:\n{text}");
        }
        assert!(!sparks(&record, &course(), 0).is_empty(), "as narrow as it can be");
        assert_eq!(sparks(&record, &Course::default(), 80), "");
        let idle = Course { width: 1, slices: vec![Slice::default(); 3], ..Course::default() };
        assert_eq!(sparks(&samples::empty(), &idle, 80), "");
        let one = Course { slices: vec![Slice { arrivals: 1, ..Slice::default() }], ..idle };
        assert_eq!(sparks(&samples::empty(), &one, 80).lines().count(), 2, "one record, and no checkpoint");
    }

    #[test]
    fn very_many_checkpoints_take_no_more_room() {
        let mut record = samples::run("aligned");
        let one = record.checkpoints[0].clone();
        record.checkpoints = vec![one; 1_000_000];
        record.restores[0].running = None;
        let text = sparks(&record, &course(), 80);
        assert!(text.len() < 4_000 && text.contains("x crash, - down"), "{text}");
    }
}
