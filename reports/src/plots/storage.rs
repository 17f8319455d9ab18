//! What is in the durable store over time: a strip for each strategy, with the checkpoints, crashes and recoveries of the first seed.

use cutline_scenarios::course::Slice;

use super::Plot;
use super::data::{Data, cells};
use super::frame::{Head, Strips, happenings, happenings_entries, shades};
use crate::comparison::{Comparison, Ran};
use crate::drawing::PictureError;
use crate::drawing::axis::{Scale, Unit};

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let most = comparison.firsts().map(|(_, ran)| ran.course.stored_max()).max().unwrap_or(0);
    let lane = 18.0;
    let strips = Strips {
        head: Head { title: plot.title, about: comparison.first_title(), entries: happenings_entries() },
        alt: plot.about,
        x: (Scale::span(Unit::Time, 0.0, comparison.first_duration() as f64), "virtual time"),
        y: (Scale::linear(Unit::Bytes, most as f64), "stored"),
        height: 100.0,
        lane,
    };
    strips.draw(comparison, |panel, contestant, ran| {
        shades(panel, &ran.record)?;
        let colour = contestant.look().colour;
        let top: Vec<_> = levels(ran).into_iter().map(|point| panel.at(point)).collect();
        if let (Some(first), Some(last)) = (top.first().copied(), top.last().copied()) {
            let mut shape = top.clone();
            shape.extend([(last.0, panel.bottom()), (first.0, panel.bottom())]);
            panel.canvas().shape(&shape, colour, 0.3)?;
            panel.canvas().line(&top, colour, 1.8)?;
        }
        if ran.course.stored_max() == 0 {
            panel.nothing("nothing to show: nothing was stored")?;
        }
        happenings(panel, &ran.record, lane)
    })
}

/// The corners of the line: of a level only its ends.
fn levels(ran: &Ran) -> Vec<(f64, f64)> {
    let width = ran.course.width;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (place, slice) in ran.course.slices.iter().enumerate() {
        let (from, stored) = (place as u64 * width, slice.stored as f64);
        let to = from.saturating_add(width).min(ran.record.duration.max(from));
        match points.last_mut() {
            Some(last) if last.1 == stored => last.0 = to as f64,
            _ => points.extend([(from as f64, stored), (to as f64, stored)]),
        }
    }
    points
}

/// A row for each slice of time.
pub fn data(comparison: &Comparison) -> Data {
    Data::of_runs(comparison, &["time_ns", "width_ns", "stored_max_bytes"], |_, ran| {
        let width = ran.course.width;
        let row = |(place, slice): (usize, &Slice)| cells([place as u64 * width, width, slice.stored]);
        ran.course.slices.iter().enumerate().map(row).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_level_has_two_ends() {
        let levels = levels(&samples::ran("aligned"));
        assert_eq!(levels[..3], [(0.0, 4096.0), (500e6, 4096.0), (500e6, 8192.0)]);
        assert_eq!(levels.len(), 2 * 5);
    }
}
