//! Backpressure: for each operator, the share of time in which full buffers kept it from working, a bar for each strategy.

use super::Plot;
use super::data::{Data, cells};
use super::frame::{Head, Rows, quartiles_entry, strategies};
use crate::comparison::{Comparison, Contestant, Quartiles};
use crate::drawing::PictureError;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::{Sign, error, stripes};

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let contestants = &comparison.contestants;
    let names = comparison.firsts().map(|(_, ran)| &ran.course.operators).max_by_key(|all| all.len());
    let names: Vec<String> = names.into_iter().flatten().map(|operator| operator.operator.clone()).collect();
    let shares: Vec<Vec<Option<Quartiles>>> = (0..names.len())
        .map(|operator| contestants.iter().map(|one| share(one, operator)).collect())
        .collect();
    let most = shares.iter().flatten().flatten().map(|share| share.high).fold(0.0, f64::max);
    let mut entries = strategies(comparison, |one| Sign::Bar(one.look()));
    entries.extend(quartiles_entry(comparison, Sign::Error));
    let height = 15.0 * contestants.len() as f64 + 14.0;
    let rows = Rows { heights: vec![height.max(34.0); names.len()], names };
    let about = format!(
        "{}.{} Operators stand in the order of the job.",
        comparison.title(),
        if comparison.repetitions() > 1 { " Bars are medians over the seeds." } else { "" }
    );
    let head = Head { title: plot.title, about, entries };
    let nothing = (most == 0.0).then_some("nothing to show: no operator was ever kept from working");
    let x = (Scale::linear(Unit::Share, most), "share of time");
    rows.draw((&head, plot.about), x, nothing, |panel, operator, (top, bottom)| {
        let step = (bottom - top - 14.0) / contestants.len() as f64;
        for (number, (one, share)) in contestants.iter().zip(&shares[operator]).enumerate() {
            let Some(share) = share.filter(|share| share.high > 0.0) else { continue };
            let from = top + 7.0 + step * number as f64;
            let (left, right) = (panel.across(0.0), panel.across(share.median));
            let (upper, lower) = ((left, from + 1.0), (right.max(left + 1.0), from + step - 1.0));
            panel.canvas().fill(upper, lower, one.look().colour, 1.0)?;
            stripes(panel.canvas(), one.look(), upper, lower)?;
            if one.runs.len() > 1 && share.high > share.low {
                let y = from + step / 2.0;
                error(panel.canvas(), (panel.across(share.low), y), (panel.across(share.high), y))?;
            }
        }
        Ok(())
    })
}

/// The share of an operator over all seeds.
fn share(contestant: &Contestant, operator: usize) -> Option<Quartiles> {
    let of = contestant.runs.iter().filter_map(|ran| {
        let operator = ran.course.operators.get(operator)?;
        Some(ran.course.backpressure(operator, ran.record.duration))
    });
    Quartiles::of(of)
}

/// A row for each operator of each run.
pub fn data(comparison: &Comparison) -> Data {
    let columns = ["operator", "subtasks", "backpressured_ns", "duration_ns", "share"];
    Data::of_runs(comparison, &columns, |_, ran| {
        let row = |one: &cutline_scenarios::course::OperatorCourse| {
            let stalled = one.backpressured.iter().sum();
            let mut row = vec![one.operator.clone()];
            row.extend(cells([one.subtasks.into(), stalled, ran.record.duration]));
            row.push(format!("{:.6}", ran.course.backpressure(one, ran.record.duration)));
            row
        };
        ran.course.operators.iter().map(row).collect::<Vec<_>>()
    })
}
