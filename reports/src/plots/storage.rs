//! What is in the durable store over time: a line for each strategy, of the first seed.

use super::Plot;
use super::data::{Data, cells};
use super::frame::{EDGE, Head, LEFT, UNDER, WIDTH, strategies};
use crate::comparison::Comparison;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::Sign;
use crate::drawing::panel::{Panel, Place};
use crate::drawing::{PictureError, picture};

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let entries = strategies(comparison, |one| Sign::Strategy(one.look()));
    let head = Head { title: plot.title, about: comparison.first_title(), entries };
    let (top, height) = (head.height(), 330.0);
    let most = comparison.firsts().map(|(_, ran)| ran.course.stored_max()).max().unwrap_or(0);
    picture((WIDTH, top + height + UNDER), plot.title, plot.about, |canvas| {
        head.draw(canvas)?;
        let place = Place { left: LEFT, top, width: WIDTH - LEFT - EDGE - 8.0, height };
        let x = Scale::span(Unit::Time, 0.0, comparison.first_duration() as f64);
        let panel = Panel::new(canvas, place, x, Scale::linear(Unit::Bytes, most as f64));
        panel.vertical("in the store")?;
        for (number, (contestant, ran)) in comparison.firsts().enumerate() {
            let width = ran.course.width;
            let step = |(place, slice): (usize, &cutline_scenarios::course::Slice)| {
                let (from, stored) = (place as u64 * width, slice.stored as f64);
                let to = from.saturating_add(width).min(ran.record.duration.max(from));
                [(from as f64, stored), (to as f64, stored)]
            };
            let mut points: Vec<(f64, f64)> = ran.course.slices.iter().enumerate().flat_map(step).collect();
            // On a level only its ends matter.
            let level = |points: &[(f64, f64)], at: usize| points[at - 1].1 == points[at].1 && points[at].1 == points[at + 1].1;
            let kept: Vec<bool> =
                (0..points.len()).map(|at| at == 0 || at + 1 == points.len() || !level(&points, at)).collect();
            let mut kept = kept.into_iter();
            points.retain(|_| kept.next().unwrap_or(true));
            panel.steps(&points, contestant.look(), number)?;
        }
        if most == 0 {
            panel.nothing("nothing to show: nothing was stored")?;
        }
        panel.axes()?;
        panel.horizontal("virtual time", panel.bottom())
    })
}

/// A row for each slice of time.
pub fn data(comparison: &Comparison) -> Data {
    Data::of_runs(comparison, &["time_ns", "width_ns", "stored_max_bytes"], |_, ran| {
        let width = ran.course.width;
        let slices = ran.course.slices.iter().enumerate();
        slices.map(|(place, slice)| cells([place as u64 * width, width, slice.stored])).collect::<Vec<_>>()
    })
}
