//! What recoveries are made of: a bar for each strategy, over all recoveries of all seeds.

use super::Plot;
use super::data::{Data, cells};
use super::frame::{Head, Rows};
use crate::comparison::catch_up::{PARTS as NAMES, Recovery, recoveries};
use crate::comparison::{Comparison, Contestant, Quartiles};
use crate::drawing::PictureError;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::{Sign, entry, error};
use crate::drawing::palette::{INK, PARTS};

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let all: Vec<Vec<Recovery>> = comparison.contestants.iter().map(of).collect();
    let whole = |all: &[Recovery]| Quartiles::of(all.iter().map(|one| one.whole() as f64));
    let most = all.iter().filter(|all| !all.is_empty()).map(|all| {
        let mean = means(all).iter().sum::<f64>();
        whole(all).map_or(mean, |quartiles| mean.max(quartiles.high))
    });
    let most = most.fold(0.0, f64::max);
    let mut entries: Vec<_> =
        NAMES.iter().zip(PARTS).map(|(name, colour)| entry(Sign::Area(colour, 1.0), *name)).collect();
    entries.push(entry(Sign::Error, "quartiles of the whole"));
    entries.push(entry(Sign::Notch, "its median"));
    let names = comparison.contestants.iter().zip(&all);
    let rows = Rows {
        names: names.map(|(one, all)| format!("{} ({})", one.name, all.len())).collect(),
        heights: vec![46.0; comparison.contestants.len()],
    };
    let cut_short = all.iter().flatten().filter(|one| !one.is_caught_up).count();
    let cut_short = match cut_short {
        0 => String::new(),
        some => format!(
            " {some} of {} had not caught up when they failed again or ended: theirs is counted until then.",
            all.iter().flatten().count()
        ),
    };
    let about = format!(
        "{}. Means over all recoveries of all seeds; their number stands in brackets. A job has caught up when half of what arrives \
         could not be read before all tasks ran again.{cut_short}",
        comparison.title()
    );
    let head = Head { title: plot.title, about, entries };
    let nothing = all.iter().all(Vec::is_empty).then_some("nothing to show: no recovery");
    let x = (Scale::linear(Unit::Time, most), "time since the crash");
    rows.draw((&head, plot.about), x, nothing, |panel, number, (top, bottom)| {
        let mut from = 0.0;
        for (mean, colour) in means(&all[number]).into_iter().zip(PARTS) {
            let (left, right) = (panel.across(from), panel.across(from + mean));
            panel.canvas().fill((left, top + 8.0), (right, bottom - 8.0), colour, 1.0)?;
            from += mean;
        }
        if let Some(quartiles) = whole(&all[number]).filter(|_| all[number].len() > 1) {
            let y = bottom - 4.0;
            let [low, median, high] =
                [quartiles.low, quartiles.median, quartiles.high].map(|value| panel.across(value));
            error(panel.canvas(), (low, y), (high, y))?;
            panel.canvas().line(&[(median, y - 5.0), (median, y + 5.0)], INK, 3.0)?;
        }
        Ok(())
    })
}

fn of(contestant: &Contestant) -> Vec<Recovery> {
    contestant.runs.iter().flat_map(recoveries).collect()
}

/// The mean of each part.
fn means(all: &[Recovery]) -> [f64; 4] {
    let count = all.len().max(1) as f64;
    [0, 1, 2, 3].map(|part| all.iter().map(|one| one.parts()[part] as f64).sum::<f64>() / count)
}

/// A row for each recovery of each run.
pub fn data(comparison: &Comparison) -> Data {
    let columns = ["crashed_ns", "detection_ns", "cancel_ns", "restore_ns", "replay_ns", "caught_up"];
    Data::of_runs(comparison, &columns, |_, ran| {
        let row = |one: Recovery| {
            let [detection, cancel, restore, replay] = one.parts();
            cells([one.crashed, detection, cancel, restore, replay, u64::from(one.is_caught_up)])
        };
        recoveries(ran).into_iter().map(row).collect::<Vec<_>>()
    })
}
