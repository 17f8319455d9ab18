//! The distribution of the end-to-end latency: by percentile, up to 99.99.

use cutline_scenarios::course::QUANTILES;

use super::Plot;
use super::data::{Data, cells};
use super::frame::{EDGE, Head, LEFT, UNDER, WIDTH, quartiles_entry, strategies};
use crate::comparison::measures::has_beyond;
use crate::comparison::{Comparison, Contestant, Quartiles, Ran};
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::Sign;
use crate::drawing::palette::SHADE;
use crate::drawing::panel::{Panel, Place};
use crate::drawing::{PictureError, picture};

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let lines: Vec<(&Contestant, Vec<(f64, Quartiles)>)> =
        comparison.contestants.iter().map(|one| (one, line(one))).collect();
    let all = || lines.iter().flat_map(|(_, line)| line);
    let mut entries = strategies(comparison, |one| Sign::Strategy(one.look()));
    entries.extend(quartiles_entry(comparison, Sign::Area(SHADE, 1.0)));
    let about = format!(
        "{}. A line ends where fewer than one record of a run is beyond.{}",
        comparison.title(),
        if comparison.repetitions() > 1 { " Lines are medians over the seeds." } else { "" }
    );
    let head = Head { title: plot.title, about, entries };
    let (top, height) = (head.height(), 400.0);
    picture((WIDTH, top + height + UNDER), plot.title, plot.about, |canvas| {
        head.draw(canvas)?;
        let place = Place { left: LEFT, top, width: WIDTH - LEFT - EDGE - 24.0, height };
        let y = Scale::log(Unit::Time, all().flat_map(|(_, quartiles)| [quartiles.low, quartiles.high]));
        // As far as the next nine behind the last point.
        let last = all().map(|point| point.0).fold(0.9, f64::max);
        let end = [0.99, 0.999, 0.9999].into_iter().find(|end| *end >= last).unwrap_or(0.9999);
        let panel = Panel::new(canvas, place, Scale::nines(0.0, end), y);
        panel.vertical("latency")?;
        panel.horizontal_grid()?;
        for (one, line) in &lines {
            let band: Vec<_> = line.iter().map(|(quantile, all)| (*quantile, all.low, all.high)).collect();
            if one.runs.len() > 1 {
                panel.band(&band, one.look().colour, 0.12)?;
                for of in [|all: &Quartiles| all.low, |all: &Quartiles| all.high] {
                    let edge: Vec<_> =
                        line.iter().map(|(quantile, all)| panel.at((*quantile, of(all)))).collect();
                    canvas.line(&edge, one.look().colour, 0.8)?;
                }
            }
        }
        for (number, (one, line)) in lines.iter().enumerate() {
            let curve: Vec<_> = line.iter().map(|(quantile, all)| (*quantile, all.median)).collect();
            panel.curve(&curve, one.look(), (number, lines.len()))?;
        }
        if all().next().is_none() {
            panel.nothing("nothing to show: no record arrived")?;
        }
        panel.axes()?;
        panel.horizontal("percentile of the records", panel.bottom())
    })
}

/// The quantiles of a run, as far as there are records beyond them.
fn quantiles(ran: &Ran) -> impl Iterator<Item = (u32, u64)> + '_ {
    let known = QUANTILES.into_iter().zip(ran.course.quantiles.iter().copied());
    known.filter(|&(parts, _)| has_beyond(ran, parts))
}

/// The latency at each quantile that all runs have, over all seeds.
fn line(contestant: &Contestant) -> Vec<(f64, Quartiles)> {
    let of = |parts: u32| {
        let all: Vec<f64> = contestant
            .runs
            .iter()
            .filter_map(|ran| quantiles(ran).find(|known| known.0 == parts))
            .map(|known| known.1 as f64)
            .collect();
        let whole = !all.is_empty()
            && all.len() == contestant.runs.iter().filter(|ran| ran.record.arrivals > 0).count();
        Quartiles::of(all).filter(|_| whole).map(|quartiles| (f64::from(parts) / 1e6, quartiles))
    };
    QUANTILES.into_iter().filter_map(of).collect()
}

/// A row for each quantile of each run.
pub fn data(comparison: &Comparison) -> Data {
    Data::of_runs(comparison, &["quantile_ppm", "latency_ns"], |_, ran| {
        let known = QUANTILES.into_iter().zip(ran.course.quantiles.iter().copied());
        known.map(|(parts, latency)| cells([parts.into(), latency])).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_line_ends_where_there_are_no_records() {
        let mut comparison = samples::comparison();
        let contestant = &mut comparison.contestants[0];
        assert_eq!(line(contestant).last().map(|point| point.0), Some(0.9999));
        contestant.runs[1].record.arrivals = 150;
        assert_eq!(line(contestant).last().map(|point| point.0), Some(0.99));
        contestant.runs[1].record.arrivals = 0;
        assert_eq!(
            line(contestant).last().map(|point| point.0),
            Some(0.9999),
            "a run without any has no say"
        );
    }
}
