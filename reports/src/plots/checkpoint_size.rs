//! The size of each checkpoint over time: full, written for it, and in flight; a panel each, with the checkpoints of the first seed.

use cutline_scenarios::record::CheckpointRecord;

use super::Plot;
use super::data::{Data, cells};
use super::frame::{EDGE, Head, LEFT, UNDER, WIDTH, strategies};
use crate::comparison::Comparison;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::Sign;
use crate::drawing::palette::INK;
use crate::drawing::panel::{Panel, Place};
use crate::drawing::{PictureError, picture};

type Size = fn(&CheckpointRecord) -> u64;

const PANELS: [(&str, Size); 3] = [
    ("full checkpoint data size", |one| one.full_checkpoint_data_size),
    ("checkpointed data size: what was written for it", |one| one.checkpointed_data_size),
    ("persisted in-flight data", |one| one.persisted_in_flight_data),
];
const HEIGHT: f64 = 150.0;
const NAME: f64 = 46.0;
/// More points do not fit side by side.
const POINTS_MAX: usize = 300;

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let entries = strategies(comparison, |one| Sign::Strategy(one.look()));
    let crowded = comparison.firsts().any(|(_, ran)| ran.record.completed().count() > POINTS_MAX);
    let thinned = if crowded { ". Of checkpoints side by side the largest is shown." } else { "" };
    let about = format!("{}{thinned}", comparison.first_title());
    let head = Head { title: plot.title, about, entries };
    let top = head.height();
    let bottom = top + (HEIGHT + NAME) * PANELS.len() as f64;
    picture((WIDTH, bottom + UNDER), plot.title, plot.about, |canvas| {
        head.draw(canvas)?;
        let x = Scale::span(Unit::Time, 0.0, comparison.first_duration() as f64);
        for (number, (name, size)) in PANELS.iter().enumerate() {
            let top = top + NAME + (HEIGHT + NAME) * number as f64;
            let all = comparison.firsts().flat_map(|(_, ran)| ran.record.completed()).map(size);
            let (most, count) = all.fold((0, 0), |(most, count), bytes| (bytes.max(most), count + 1));
            let place = Place { left: LEFT, top, width: WIDTH - LEFT - EDGE - 8.0, height: HEIGHT };
            let panel = Panel::new(canvas, place, x.clone(), Scale::linear(Unit::Bytes, most as f64));
            panel.vertical("size")?;
            panel.name(name, INK)?;
            let of = comparison.firsts().count();
            for (nth, (contestant, ran)) in comparison.firsts().enumerate() {
                let all: Vec<&CheckpointRecord> = ran.record.completed().collect();
                let at_once = all.len().div_ceil(POINTS_MAX).max(1);
                let largest = |some: &[&CheckpointRecord]| {
                    let one = some.iter().max_by_key(|one| size(one))?;
                    Some((one.triggered as f64, size(one) as f64))
                };
                let points: Vec<(f64, f64)> = all.chunks(at_once).filter_map(largest).collect();
                panel.curve(&points, contestant.look(), (nth, of))?;
            }
            if count == 0 {
                panel.nothing("nothing to show: no checkpoint completed")?;
            }
            panel.axes()?;
            if number + 1 == PANELS.len() {
                panel.horizontal("virtual time of the trigger", panel.bottom())?;
            }
        }
        Ok(())
    })
}

/// A row for each completed checkpoint of each run.
pub fn data(comparison: &Comparison) -> Data {
    let columns = [
        "checkpoint",
        "triggered_ns",
        "full_bytes",
        "checkpointed_bytes",
        "persisted_in_flight_bytes",
        "processed_in_flight_bytes",
    ];
    Data::of_runs(comparison, &columns, |_, ran| {
        let row = |one: &CheckpointRecord| {
            cells([
                one.id.0,
                one.triggered,
                one.full_checkpoint_data_size,
                one.checkpointed_data_size,
                one.persisted_in_flight_data,
                one.processed_in_flight_data,
            ])
        };
        ran.record.completed().map(row).collect::<Vec<_>>()
    })
}
