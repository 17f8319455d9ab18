//! A picture of runs over virtual time: one band for each strategy, with its checkpoints, crashes and recoveries.
//!
//! Checkpoints have no strategy's colour; shapes differ too (solid, hollow, triangle, shade), so the picture survives a
//! black-and-white printer. All coordinates are whole pixels
//! made with integer arithmetic: the same records give the same bytes.

use cutline_scenarios::record::{AbortReason, CheckpointEnd, CheckpointRecord, RunRecord};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::drawing::PictureError;
use crate::drawing::palette::{CHECKPOINT, VERMILLION};
use crate::{run_table, units};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const SOFT: RGBColor = RGBColor(0x66, 0x66, 0x66);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const SHADE: RGBColor = RGBColor(0xd0, 0xd0, 0xd0);

const WIDTH: i32 = 1100;
const LEFT: i32 = 210;
const RIGHT: i32 = 30;
const TOP: i32 = 92;
const BOTTOM: i32 = 52;
const BAND: i32 = 84;
/// Side by side in a band: checkpoints that overlap in time.
const LANES: usize = 3;
/// More bands do not fit on a page.
const BANDS_MAX: usize = 40;

/// Draws the runs as SVG, at most 40 of them.
///
/// # Errors
/// If the drawing library refuses, which it has no reason to.
pub fn timeline(records: &[RunRecord]) -> Result<String, PictureError> {
    let records = &records[..records.len().min(BANDS_MAX)];
    let height = TOP + BAND * records.len().max(1) as i32 + BOTTOM;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        let scale = Scale { end: records.iter().map(|record| record.duration).max().unwrap_or(0).max(1) };
        head(&area, records)?;
        axis(&area, &scale, height - BOTTOM)?;
        for (number, record) in records.iter().enumerate() {
            band(&area, &scale, record, TOP + BAND * number as i32)?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// From virtual time to pixels.
struct Scale {
    end: u64,
}

impl Scale {
    fn x(&self, time: u64) -> i32 {
        let width = (WIDTH - LEFT - RIGHT) as u128;
        LEFT + (u128::from(time.min(self.end)) * width / u128::from(self.end)) as i32
    }

    /// The distance of ticks: 1, 2 or 5 times a power of ten, so that there are 4 to 10 of them.
    fn step(&self) -> u64 {
        let mut power = 1;
        while self.end / power >= 10 {
            power = power.saturating_mul(10);
        }
        match self.end / power {
            0..=1 => (power / 5).max(1),
            2..=4 => (power / 2).max(1),
            _ => power,
        }
    }
}

fn style(size: i32, colour: &'static RGBColor, across: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size).into_font());
    style.color(colour).pos(Pos::new(across, VPos::Center))
}

fn write(area: &Area, text: String, at: (i32, i32), style: TextStyle<'static>) -> Result<(), PictureError> {
    Ok(area.draw(&Text::new(text, at, style))?)
}

fn fill(area: &Area, from: (i32, i32), to: (i32, i32), style: ShapeStyle) -> Result<(), PictureError> {
    Ok(area.draw(&Rectangle::new([from, to], style))?)
}

fn line(area: &Area, from: (i32, i32), to: (i32, i32), style: ShapeStyle) -> Result<(), PictureError> {
    Ok(area.draw(&PathElement::new([from, to], style))?)
}

/// A triangle that points down to where it happened.
fn crash(area: &Area, x: i32, y: i32) -> Result<(), PictureError> {
    Ok(area.draw(&Polygon::new([(x - 6, y - 11), (x + 6, y - 11), (x, y)], VERMILLION.filled()))?)
}

/// A bar of a checkpoint: solid, or hollow.
fn bar(area: &Area, from: (i32, i32), to: (i32, i32), end: CheckpointEnd) -> Result<(), PictureError> {
    match end {
        CheckpointEnd::Completed => fill(area, from, to, CHECKPOINT.filled()),
        CheckpointEnd::InProgress | CheckpointEnd::Aborted(AbortReason::Unavailable) => {
            fill(area, from, to, WHITE.filled())?;
            fill(area, from, to, SOFT.stroke_width(1))
        }
        CheckpointEnd::Aborted(_) => {
            fill(area, from, to, WHITE.filled())?;
            fill(area, from, to, VERMILLION.stroke_width(1))?;
            // A second frame inside the first: the library draws frames one pixel wide.
            fill(area, (from.0 + 1, from.1 + 1), (to.0 - 1, to.1 - 1), VERMILLION.stroke_width(1))
        }
    }
}

/// The title, and what the shapes mean: above the data, never on it.
fn head(area: &Area, records: &[RunRecord]) -> Result<(), PictureError> {
    let title = records.first().map_or_else(
        || "no runs".to_owned(),
        |record| format!("{}, faults {}, seed {}", record.scenario, record.faults, record.seed),
    );
    write(area, title, (LEFT, 24), style(22, &INK, HPos::Left))?;
    let aborted = CheckpointEnd::Aborted(AbortReason::Expired);
    let (y, label) = (58, style(15, &INK, HPos::Left));
    let mut x = LEFT;
    for (name, end) in [
        ("checkpoint completed", CheckpointEnd::Completed),
        ("aborted", aborted),
        ("void, or unfinished", CheckpointEnd::InProgress),
    ] {
        bar(area, (x, y - 6), (x + 26, y + 6), end)?;
        write(area, name.to_owned(), (x + 34, y), label.clone())?;
        x += 34 + 8 * name.len() as i32 + 12;
    }
    crash(area, x + 6, y + 6)?;
    write(area, "crash".to_owned(), (x + 20, y), label.clone())?;
    x += 86;
    fill(area, (x, y - 9), (x + 26, y + 9), SHADE.filled())?;
    write(area, "from the crash until all tasks run again".to_owned(), (x + 34, y), label)
}

fn axis(area: &Area, scale: &Scale, y: i32) -> Result<(), PictureError> {
    let step = scale.step();
    let (unit, name) = match step {
        100_000_000.. => (1_000_000_000, "s"),
        100_000.. => (1_000_000, "ms"),
        100.. => (1_000, "us"),
        _ => (1, "ns"),
    };
    for time in (0..=scale.end / step).map(|number| number * step) {
        let x = scale.x(time);
        line(area, (x, TOP), (x, y), GRID.stroke_width(1))?;
        // Steps of a tenth at most: one decimal says it all.
        let tenths = time / (unit / 10).max(1);
        let label = match unit {
            1 => time.to_string(),
            _ if step.is_multiple_of(unit) => (time / unit).to_string(),
            _ => format!("{}.{}", tenths / 10, tenths % 10),
        };
        write(area, label, (x, y + 14), style(14, &SOFT, HPos::Center))?;
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2;
    write(area, format!("virtual time in {name}"), (middle, y + 36), style(15, &INK, HPos::Center))
}

fn band(area: &Area, scale: &Scale, record: &RunRecord, top: i32) -> Result<(), PictureError> {
    let (first, base) = (top + 22, top + BAND - 10);
    write(area, record.strategy.clone(), (LEFT - 16, top + 32), style(18, &INK, HPos::Right))?;
    let completed = record.completed().count();
    let summary = format!("{completed} completed, {} aborted", record.aborted());
    write(area, summary, (LEFT - 16, top + 50), style(13, &SOFT, HPos::Right))?;
    let ended = format!("{} after {}", run_table::outcome(record), units::time(record.duration));
    write(area, ended, (LEFT - 16, top + 65), style(13, &SOFT, HPos::Right))?;
    for (number, restore) in record.restores.iter().enumerate() {
        let next = record.restores.get(number + 1).map(|next| next.crashed);
        let until = restore.running.or(next).unwrap_or(record.duration);
        let (from, to) = (scale.x(restore.crashed), scale.x(until));
        fill(area, (from, top + 14), (to.max(from + 2), base), SHADE.filled())?;
    }
    let lanes = lanes(&record.checkpoints);
    let height = (base - first) / (1 + lanes.iter().map(|(_, lane)| *lane).max().unwrap_or(0)) as i32;
    for (checkpoint, lane) in lanes {
        let y = first + height * lane as i32;
        let from = scale.x(checkpoint.triggered);
        // A checkpoint is never so short that nobody sees it.
        let to = scale.x(checkpoint.triggered.saturating_add(checkpoint.duration)).max(from + 3);
        bar(area, (from, y), (to, y + height - 3), checkpoint.end)?;
    }
    for restore in &record.restores {
        crash(area, scale.x(restore.crashed), top + 14)?;
    }
    let end = scale.x(record.duration);
    line(area, (LEFT, base), (end, base), INK.stroke_width(1))?;
    line(area, (end, base - 6), (end, base + 6), INK.stroke_width(2))
}

/// Checkpoints with the first lane that is free when they begin; the last lane if none is.
fn lanes(checkpoints: &[CheckpointRecord]) -> Vec<(&CheckpointRecord, usize)> {
    let mut sorted: Vec<&CheckpointRecord> = checkpoints.iter().collect();
    sorted.sort_by_key(|checkpoint| (checkpoint.triggered, checkpoint.id));
    let mut free = [0u64; LANES];
    let place = |checkpoint: &CheckpointRecord| {
        let lane = free.iter().position(|&from| from <= checkpoint.triggered).unwrap_or(LANES - 1);
        free[lane] = checkpoint.triggered.saturating_add(checkpoint.duration);
        lane
    };
    let chosen: Vec<usize> = sorted.iter().copied().map(place).collect();
    sorted.into_iter().zip(chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_same_records_give_the_same_bytes() {
        let records = [samples::run("stop-the-world"), samples::run("aligned")];
        let draw = || timeline(&records).expect("a picture");
        let svg = draw();
        assert_eq!(svg, draw());
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        for text in ["stop-the-world", "aligned", "virtual time in s", "2 completed, 1 aborted"] {
            assert!(svg.contains(text), "no `{text}`");
        }
    }

    #[test]
    fn strange_records_are_drawn_too() {
        let mut record = samples::run("aligned");
        record.duration = 0;
        record.checkpoints[0].triggered = u64::MAX;
        record.restores[0].running = None;
        assert!(timeline(&[record]).is_ok());
        assert!(timeline(&[samples::empty()]).is_ok());
        assert!(timeline(&[]).is_ok());
        let mut long = samples::run("aligned");
        long.duration = u64::MAX;
        assert!(timeline(&[long]).is_ok());
    }

    #[test]
    fn ticks_are_few_and_round() {
        let mut end: u64 = 1;
        while end < u64::MAX / 3 {
            let step = Scale { end }.step();
            assert!(end / step <= 10, "{end} {step}");
            assert!(end < 10 || end / step >= 4, "{end} {step}");
            end = end * 3 + 1;
        }
    }

    #[test]
    fn checkpoints_that_overlap_lie_in_different_lanes() {
        let mut record = samples::run("aligned");
        record.checkpoints[1].triggered = record.checkpoints[0].triggered;
        let lanes: Vec<usize> = lanes(&record.checkpoints).into_iter().map(|(_, lane)| lane).collect();
        assert_eq!(lanes, [0, 1, 0]);
    }
}
