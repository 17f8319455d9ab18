//! Throughput over time, with the pause and the catch-up of each crash: a strip for each strategy, of the first seed.

use super::Plot;
use super::data::{Data, cells};
use super::frame::{Head, Strips, happenings, happenings_entries, shades};
use crate::comparison::catch_up::recoveries;
use crate::comparison::{Comparison, Ran};
use crate::drawing::PictureError;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::{Sign, entry};
use crate::drawing::palette::CATCH_UP;

/// Slices are put together until there are no more than this: few records in narrow slices make a comb.
const COLUMNS_MAX: usize = 80;

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let end = comparison.first_duration();
    let width = width(comparison);
    let most = comparison
        .firsts()
        .flat_map(|(_, ran)| columns(ran, width))
        .map(|column| column.2)
        .fold(0.0, f64::max);
    let about = format!(
        "{}. Records that arrive in {}, as a rate.",
        comparison.first_title(),
        crate::units::time(width)
    );
    let lane = 18.0;
    let mut entries = happenings_entries();
    entries.insert(2, entry(Sign::Area(CATCH_UP, 1.0), "until it has caught up"));
    let strips = Strips {
        head: Head { title: plot.title, about, entries },
        alt: plot.about,
        x: (Scale::span(Unit::Time, 0.0, end as f64), "virtual time"),
        y: (Scale::linear(Unit::Rate, most), ""),
        height: 120.0,
        lane,
    };
    let strips = Strips {
        y: (strips.y.0.clone(), if strips.y.0.unit() == "records/s" { "throughput" } else { "rate" }),
        ..strips
    };
    strips.draw(comparison, |panel, contestant, ran| {
        shades(panel, &ran.record)?;
        for recovery in recoveries(ran) {
            let until = recovery.crashed.saturating_add(recovery.whole());
            let (from, to) =
                (panel.across(until.saturating_sub(recovery.replay) as f64), panel.across(until as f64));
            panel.canvas().fill((from, panel.top()), (to, panel.bottom()), CATCH_UP, 1.0)?;
        }
        let colour = contestant.look().colour;
        let mut top = Vec::new();
        for (from, to, rate) in columns(ran, width) {
            top.extend([panel.at((from, rate)), panel.at((to, rate))]);
        }
        if let (Some(first), Some(last)) = (top.first().copied(), top.last().copied()) {
            let mut shape = top.clone();
            shape.extend([(last.0, panel.bottom()), (first.0, panel.bottom())]);
            panel.canvas().shape(&shape, colour, 0.3)?;
            panel.canvas().line(&top, colour, 1.8)?;
        }
        if ran.record.arrivals == 0 {
            panel.nothing("nothing to show: no record arrived")?;
        }
        happenings(panel, &ran.record, lane)
    })
}

/// The width of a column in nanoseconds: the same for all strategies, a multiple of every one's slices.
fn width(comparison: &Comparison) -> u64 {
    // Slices are the narrowest times a power of two.
    let widest = comparison.firsts().map(|(_, ran)| ran.course.width).max().unwrap_or(1).max(1);
    let slices = comparison.first_duration().div_ceil(widest).max(1);
    widest.saturating_mul(slices.div_ceil(COLUMNS_MAX as u64))
}

/// From when to when, and how many records arrived in a second.
fn columns(ran: &Ran, width: u64) -> Vec<(f64, f64, f64)> {
    let at_once = (width / ran.course.width.max(1)).max(1) as usize;
    let chunks = ran.course.slices.chunks(at_once).enumerate();
    let column = |(number, slices): (usize, &[cutline_scenarios::course::Slice])| {
        let from = number as u64 * width;
        let to = from.saturating_add(width).min(ran.record.duration.max(from + 1));
        let arrivals: u64 = slices.iter().map(|slice| slice.arrivals).sum();
        (from as f64, to as f64, arrivals as f64 * 1e9 / (to - from) as f64)
    };
    // What is left at the end may be too short to say anything about a rate.
    let mut columns: Vec<_> = chunks.map(column).collect();
    if columns.len() > 1 && columns.last().is_some_and(|last| last.1 - last.0 < width as f64 / 4.0) {
        columns.pop();
    }
    columns
}

/// A row for each slice of time.
pub fn data(comparison: &Comparison) -> Data {
    Data::of_runs(comparison, &["time_ns", "width_ns", "arrivals"], |_, ran| {
        let width = ran.course.width;
        let slices = ran.course.slices.iter().enumerate();
        slices.map(|(place, slice)| cells([place as u64 * width, width, slice.arrivals])).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn rates_are_those_of_the_records() {
        let comparison = samples::comparison();
        let width = width(&comparison);
        assert_eq!(width, 40_000_000);
        let columns = columns(&comparison.contestants[0].runs[0], width);
        assert_eq!(columns[0], (0.0, 40e6, 17_000.0));
        assert!(
            columns.iter().any(|column| column.2 == 0.0) && columns.iter().any(|column| column.2 == 40_000.0)
        );
        assert!(columns.len() <= COLUMNS_MAX);
    }
}
