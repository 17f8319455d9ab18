//! What a checkpoint is made of: its bar at the coordinator, orders and acknowledgements, snapshots and uploads, and its cut: one line
//! through all tasks, each at the instant of its snapshot.

use std::collections::BTreeSet;

use cutline_scenarios::scene::{Checkpoint, Outcome};
use plotters::style::RGBColor;

use super::ink::{Ink, Stands, Stroke, hex, stroke};
use super::labels::instant;
use super::layout::{Layout, Who};
use super::legend::Sign;
use super::thinning::Plan;
use crate::drawing::palette::{BLUE, GREEN, INK, PAPER, PURPLE, SKY, VERMILLION};
use crate::drawing::{Point, SMALL, width};

/// Draws the snapshots.
pub fn snapshots(ink: &mut Ink, layout: &Layout<'_>, id: &str, used: &mut BTreeSet<Sign>) {
    let scene = layout.scene;
    let span = scene.window.time.end - scene.window.time.start;
    let (high, low) = (layout.step * 0.19, layout.step * 0.11);
    let head = format!("{id}-store");
    let store = layout.y(Who::Store).unwrap_or(layout.bottom);
    ink.strokes("st-uploads", Stroke { dashes: "2 3", head: &head, ..stroke(SKY, 1.4) });
    for snapshot in &layout.plan.snapshots {
        if let (Some(y), Some(stored), Some(synced)) =
            (layout.task(snapshot.task), snapshot.stored, snapshot.synced)
        {
            let what = format!(
                "upload of {}'s snapshot for checkpoint {}: durable at {}",
                scene.cast.name(snapshot.task),
                snapshot.id,
                instant(stored, span)
            );
            ink.line((layout.x(synced.min(stored)), y), (layout.x(stored), store), &what);
            used.insert(Sign::Async);
        }
    }
    ink.end();
    ink.group("class=\"st-snapshots\"");
    for snapshot in &layout.plan.snapshots {
        let Some(y) = layout.task(snapshot.task) else { continue };
        let name = scene.cast.name(snapshot.task);
        let from = layout.x(snapshot.at.time);
        if let (Some(synced), Some(stored)) = (snapshot.synced, snapshot.stored) {
            let what = format!("{name}, checkpoint {}: asynchronous part", snapshot.id);
            let (left, right) = (layout.x(synced.min(stored)), layout.x(stored));
            ink.rectangle((left, y - low), (right, y + low), "fill=\"#56B4E9\"", &what);
        }
        let to = snapshot.synced.map_or(from, |synced| layout.x(synced)).max(from + 2.4);
        let what = format!(
            "{name}, checkpoint {}: snapshot taken at {}, synchronous part",
            snapshot.id,
            instant(snapshot.at.time, span)
        );
        ink.rectangle((from, y - high), (to, y + high), "fill=\"#6B6B6B\"", &what);
        used.insert(Sign::Sync);
    }
    ink.end();
}

/// Draws orders and acknowledgements.
pub fn messages(ink: &mut Ink, layout: &Layout<'_>, id: &str, used: &mut BTreeSet<Sign>) {
    let Some(coordinator) = layout.y(Who::Coordinator) else { return };
    let scene = layout.scene;
    ink.strokes("st-orders", Stroke { dashes: "2 3", head: &format!("{id}-order"), ..stroke(BLUE, 1.2) });
    for checkpoint in &layout.plan.checkpoints {
        let Some(triggered) = checkpoint.triggered else { continue };
        for &(task, at) in &checkpoint.orders {
            if let Some(y) = layout.task(task) {
                let what =
                    format!("order to {} to begin checkpoint {}", scene.cast.name(task), checkpoint.id);
                ink.line((layout.x(triggered), coordinator), (layout.x(at), y), &what);
                used.insert(Sign::Order);
            }
        }
    }
    ink.end();
    ink.strokes("st-acks", Stroke { dashes: "5 3", head: &format!("{id}-ack"), ..stroke(PURPLE, 1.4) });
    for checkpoint in &layout.plan.checkpoints {
        for ack in &checkpoint.acks {
            if let (Some(y), Some(received)) = (layout.task(ack.task), ack.received) {
                let what = format!("{} acknowledges checkpoint {}", scene.cast.name(ack.task), checkpoint.id);
                ink.line((layout.x(ack.sent), y), (layout.x(received), coordinator), &what);
                used.insert(Sign::Ack);
            }
        }
    }
    ink.end();
}

/// Draws the bars of checkpoints at the coordinator: from the trigger to the end.
pub fn bars(ink: &mut Ink, layout: &Layout<'_>) {
    let Some(coordinator) = layout.y(Who::Coordinator) else { return };
    let scene = layout.scene;
    let high = (layout.step * 0.3).min(12.0);
    ink.group("class=\"st-bars\"");
    for checkpoint in &layout.plan.checkpoints {
        let Some(triggered) = checkpoint.triggered else { continue };
        let end = checkpoint.ended.map_or(scene.window.end, |(end, _)| end);
        let (left, right) = (layout.x(triggered), layout.x(end).max(layout.x(triggered) + 2.0));
        let how = match checkpoint.ended {
            Some((_, Outcome::Completed)) => "completed",
            Some((_, Outcome::Aborted)) => "given up",
            None => "under way at the end",
        };
        let colour = colour(layout, checkpoint);
        let attributes =
            format!("fill=\"{0}\" fill-opacity=\"0.2\" stroke=\"{0}\" stroke-width=\"1.2\"", hex(colour));
        let took = crate::units::time(end.saturating_sub(triggered));
        let what = format!("checkpoint {}: {how} after {took}", checkpoint.id);
        ink.rectangle((left, coordinator - high), (right, coordinator + high), "fill=\"#FFFFFF\"", "");
        ink.rectangle((left, coordinator - high), (right, coordinator + high), &attributes, &what);
        if matches!(checkpoint.ended, Some((_, Outcome::Completed))) {
            let attributes = format!("fill=\"{}\"", hex(colour));
            ink.rectangle((right - 3.0, coordinator - high), (right, coordinator + high), &attributes, "");
        }
        let (seen_left, seen_right) = (left.max(layout.left), right.min(layout.right));
        let name = format!("checkpoint {}, {how} after {took}", checkpoint.id);
        let names = [name, format!("checkpoint {}", checkpoint.id), checkpoint.id.to_string()];
        let fits = |name: &&String| width(name, SMALL) * 1.1 + 12.0 < seen_right - seen_left;
        if let Some(name) = names.iter().find(fits) {
            ink.at((seen_left, coordinator), |ink| ink.text(name, (6.0, 0.0), SMALL, INK, Stands::Start));
        }
    }
    ink.end();
}

/// Draws the cuts.
pub fn cuts(ink: &mut Ink, layout: &Layout<'_>, plan: &Plan<'_>, used: &mut BTreeSet<Sign>) {
    for checkpoint in &plan.cuts {
        let points = points(layout, checkpoint);
        let (Some(&first), Some(&last)) = (points.first(), points.last()) else { continue };
        let beyond = layout.step * 0.46;
        let mut line = vec![(first.0, first.1 - beyond)];
        line.extend(&points);
        line.push((last.0, last.1 + beyond));
        let complete = matches!(checkpoint.ended, Some((_, Outcome::Completed)));
        let colour = colour(layout, checkpoint);
        let dashes = if complete { "" } else { "8 5" };
        used.insert(match complete {
            _ if colour == VERMILLION => Sign::BlamedCut,
            true => Sign::Cut,
            false => Sign::OpenCut,
        });
        ink.strokes("st-halo", stroke(PAPER, 6.4));
        ink.polyline(&line, "");
        ink.end();
        ink.strokes("st-cut", Stroke { dashes, ..stroke(colour, 3.2) });
        ink.polyline(&line, &format!("the cut of checkpoint {}", checkpoint.id));
        ink.end();
        let attributes = format!("fill=\"{}\" stroke=\"#FFFFFF\" stroke-width=\"1.6\"", hex(colour));
        for &point in &points {
            ink.disc(point, 5.2, &attributes, "");
        }
        let name = checkpoint.id.to_string();
        let half = width(&name, SMALL) * 0.55 + 6.0;
        ink.at((line[0].0, line[0].1 - 8.0), |ink| {
            let attributes =
                format!("rx=\"9\" fill=\"#FFFFFF\" stroke=\"{}\" stroke-width=\"1.6\"", hex(colour));
            ink.rectangle((-half, -10.0), (half, 10.0), &attributes, &format!("checkpoint {name}"));
            ink.text(&name, (0.0, 0.0), SMALL, INK, Stands::Middle);
        });
    }
}

/// The points of a cut that have a row, from top to bottom.
pub fn points(layout: &Layout<'_>, checkpoint: &Checkpoint) -> Vec<Point> {
    let points = layout.tasks().filter_map(|(task, y)| Some((layout.x(checkpoint.point(task)?.time), y)));
    points.collect()
}

/// Green, unless an oracle objects to this one.
fn colour(layout: &Layout<'_>, checkpoint: &Checkpoint) -> RGBColor {
    let blamed = layout.scene.witness.as_ref().and_then(|witness| witness.checkpoint);
    if blamed == Some(checkpoint.id) { VERMILLION } else { GREEN }
}
