//! End-to-end latency over time: a strip for each strategy, with the checkpoints, crashes and recoveries of the first seed.

use cutline_scenarios::course::Course;

use super::Plot;
use super::data::{Data, cells};
use super::frame::{Head, Strips, happenings, happenings_entries, shades};
use crate::comparison::Comparison;
use crate::drawing::PictureError;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::{Sign, entry};
use crate::drawing::palette::INK;

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let end = comparison.first_duration() as f64;
    let slices =
        || comparison.firsts().flat_map(|(_, ran)| &ran.course.slices).filter(|slice| slice.arrivals > 0);
    let latencies = slices().flat_map(|slice| [slice.latency_p50 as f64, slice.latency_p99 as f64]);
    let mut entries = vec![
        entry(Sign::Line(INK, 2.4, false), "half of the records are below"),
        entry(Sign::Line(INK, 1.2, false), "99 of 100 are below"),
    ];
    entries.extend(happenings_entries());
    let lane = 18.0;
    let strips = Strips {
        head: Head { title: plot.title, about: comparison.first_title(), entries },
        alt: plot.about,
        x: (Scale::span(Unit::Time, 0.0, end), "virtual time"),
        y: (Scale::log(Unit::Time, latencies), "latency"),
        height: 130.0,
        lane,
    };
    strips.draw(comparison, |panel, contestant, ran| {
        shades(panel, &ran.record)?;
        let colour = contestant.look().colour;
        for piece in pieces(&ran.course, ran.record.duration) {
            panel.band(&piece, colour, 0.25)?;
            let line = |of: fn(&(f64, f64, f64)) -> f64| -> Vec<_> {
                piece.iter().map(|point| panel.at((point.0, of(point)))).collect()
            };
            panel.canvas().line(&line(|point| point.1), colour, 2.4)?;
            panel.canvas().line(&line(|point| point.2), colour, 1.2)?;
        }
        if ran.record.arrivals == 0 {
            panel.nothing("nothing to show: no record arrived")?;
        }
        happenings(panel, &ran.record, lane)
    })
}

/// Time, half and 99 of 100, in pieces: where nothing arrives for long there is no line.
fn pieces(course: &Course, duration: u64) -> Vec<Vec<(f64, f64, f64)>> {
    let most = (course.slices.len() / 20).max(2);
    let (mut pieces, mut last): (Vec<Vec<_>>, usize) = (Vec::new(), 0);
    for (place, slice) in course.slices.iter().enumerate().filter(|(_, slice)| slice.arrivals > 0) {
        let from = place as u64 * course.width;
        let middle = (from as f64 + from.saturating_add(course.width).min(duration.max(from)) as f64) / 2.0;
        let point = (middle, slice.latency_p50 as f64, slice.latency_p99 as f64);
        match pieces.last_mut() {
            Some(piece) if place - last <= most => piece.push(point),
            _ => pieces.push(vec![point]),
        }
        last = place;
    }
    // A single point is a short line.
    for piece in pieces.iter_mut().filter(|piece| piece.len() == 1) {
        let (at, half, most) = piece[0];
        let aside = course.width as f64 / 2.0;
        *piece = vec![(at - aside, half, most), (at + aside, half, most)];
    }
    pieces
}

/// A row for each slice in which something arrived.
pub fn data(comparison: &Comparison) -> Data {
    let columns = ["time_ns", "arrivals", "latency_p50_ns", "latency_p99_ns", "latency_max_ns"];
    Data::of_runs(comparison, &columns, |_, ran| {
        let slices = ran.course.slices.iter().enumerate().filter(|(_, slice)| slice.arrivals > 0);
        let row = |(place, slice): (usize, &cutline_scenarios::course::Slice)| {
            let at = place as u64 * ran.course.width;
            cells([at, slice.arrivals, slice.latency_p50, slice.latency_p99, slice.latency_max])
        };
        slices.map(row).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_pause_leaves_a_gap() {
        let ran = samples::ran("aligned");
        let pieces = pieces(&ran.course, ran.record.duration);
        assert_eq!(pieces.len(), 2);
        let (before, after) = (pieces[0][pieces[0].len() - 1].0, pieces[1][0].0);
        assert!(before < 900e6 && after > 1420e6, "{before} {after}");
    }
}
