//! The duration of each checkpoint, and its parts: a strip for each strategy, with the checkpoints of the first seed.

use cutline_scenarios::record::{AbortReason, CheckpointEnd, CheckpointRecord};

use super::Plot;
use super::data::{Data, cells};
use super::frame::{Head, Strips};
use crate::comparison::{Comparison, Ran};
use crate::drawing::PictureError;
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::{Sign, entry};
use crate::drawing::palette::{CRASH, INK, PARTS};

/// More bars do not fit side by side.
const BARS_MAX: usize = 120;
const NAMES: [&str; 4] = ["start delay", "alignment", "sync", "async"];

/// The parts of the subtask that was the last. Where that is not known, as where tasks take checkpoints on their own, there are none.
fn parts(ran: &Ran, checkpoint: &CheckpointRecord) -> [u64; 4] {
    let slowest = &ran.course.slowest;
    let place = slowest.binary_search_by_key(&checkpoint.id, |slowest| slowest.checkpoint);
    place.map_or([0; 4], |place| slowest[place].parts())
}

/// Draws it.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(plot: &Plot, comparison: &Comparison) -> Result<String, PictureError> {
    let ids =
        || comparison.firsts().flat_map(|(_, ran)| &ran.record.checkpoints).map(|checkpoint| checkpoint.id.0);
    let (first, last) = (ids().min().unwrap_or(0), ids().max().unwrap_or(0));
    let completed = || comparison.firsts().map(|(_, ran)| ran.record.completed());
    let most = completed().flatten().map(|checkpoint| checkpoint.duration).max().unwrap_or(0);
    let crowded = completed().any(|all| all.count() > BARS_MAX);
    let mut entries: Vec<_> =
        NAMES.iter().zip(PARTS).map(|(name, colour)| entry(Sign::Area(colour, 1.0), *name)).collect();
    entries.push(entry(Sign::Line(INK, 3.0, false), "from the trigger to its completion"));
    entries.push(entry(Sign::Line(CRASH, 3.0, false), "given up"));
    let thinned = if crowded { " Of checkpoints side by side the longest is shown." } else { "" };
    let about = format!(
        "{}. Parts of the subtask that was the last to have everything stored; then the metadata are written.{thinned}",
        comparison.first_title()
    );
    let strips = Strips {
        head: Head { title: plot.title, about, entries },
        alt: plot.about,
        x: (Scale::span(Unit::Count, first as f64 - 0.5, last as f64 + 0.5), "checkpoint"),
        y: (Scale::linear(Unit::Time, most as f64), "duration"),
        height: 140.0,
        lane: 6.0,
    };
    strips.draw(comparison, |panel, _, ran| {
        let ids = (last - first + 1) as f64;
        let between = (panel.across(last as f64) - panel.across(first as f64)) / (ids - 1.0).max(8.0);
        let (at_once, shown) = shown(ran);
        let wide = (between * at_once as f64 * 0.36).clamp(1.0, 15.0);
        for (middle, checkpoint) in shown {
            let x = panel.across(middle);
            let mut below = 0_u64;
            for (part, colour) in parts(ran, checkpoint).into_iter().zip(PARTS) {
                let above = below.saturating_add(part);
                let (from, to) = (panel.up(below as f64), panel.up(above as f64));
                panel.canvas().fill((x - wide, to), (x + wide, from), colour, 1.0)?;
                below = above;
            }
            let y = panel.up(checkpoint.duration as f64);
            panel.canvas().line(
                &[(x - wide - 2.0, y), (x + wide + 2.0, y)],
                INK,
                if wide < 3.0 { 1.5 } else { 2.6 },
            )?;
        }
        let given_up =
            ran.record.checkpoints.iter().filter(|one| matches!(one.end, CheckpointEnd::Aborted(_)));
        let mut drawn = f64::NEG_INFINITY;
        for checkpoint in given_up {
            let x = panel.across(checkpoint.id.0 as f64);
            if x > drawn + 1.0 {
                panel.canvas().line(
                    &[(x, panel.bottom() - 14.0), (x, panel.bottom())],
                    CRASH,
                    wide.clamp(1.5, 3.0),
                )?;
                drawn = x;
            }
        }
        match ran.record.completed().count() {
            0 => panel.nothing("nothing to show: no checkpoint completed"),
            _ => Ok(()),
        }
    })
}

/// The completed checkpoints, or of each few that lie side by side the longest; how many these are, and where their middle is.
fn shown(ran: &Ran) -> (usize, Vec<(f64, &CheckpointRecord)>) {
    let all: Vec<&CheckpointRecord> = ran.record.completed().collect();
    let at_once = all.len().div_ceil(BARS_MAX).max(1);
    let bars = all.chunks(at_once).filter_map(|some| {
        let (first, last) = (some.first()?, some.last()?);
        let longest = some.iter().copied().max_by_key(|one| one.duration)?;
        Some(((first.id.0 as f64 + last.id.0 as f64) / 2.0, longest))
    });
    (at_once, bars.collect())
}

/// A row for each checkpoint of each run.
pub fn data(comparison: &Comparison) -> Data {
    let columns = [
        "checkpoint",
        "end",
        "triggered_ns",
        "duration_ns",
        "last_start_delay_ns",
        "last_alignment_ns",
        "last_sync_ns",
        "last_async_ns",
        "longest_start_delay_ns",
        "longest_alignment_ns",
        "longest_sync_ns",
        "longest_async_ns",
    ];
    Data::of_runs(comparison, &columns, |_, ran| {
        let row = |checkpoint: &CheckpointRecord| {
            let mut row = vec![checkpoint.id.to_string(), ended(checkpoint.end)];
            row.extend(cells([checkpoint.triggered, checkpoint.duration]));
            row.extend(cells(parts(ran, checkpoint)));
            let CheckpointRecord { start_delay, alignment, sync, asynchronous, .. } = *checkpoint;
            row.extend(cells([start_delay, alignment, sync, asynchronous]));
            row
        };
        ran.record.checkpoints.iter().map(row).collect::<Vec<_>>()
    })
}

/// How a checkpoint ended, in a word or three.
pub fn ended(end: CheckpointEnd) -> String {
    match end {
        CheckpointEnd::Completed => "completed".to_owned(),
        CheckpointEnd::InProgress => "unfinished".to_owned(),
        CheckpointEnd::Aborted(AbortReason::Unavailable) => "void: a task had just finished".to_owned(),
        CheckpointEnd::Aborted(reason) => {
            format!("given up: {}", crate::run_table::spaced(&format!("{reason:?}")))
        }
    }
}
