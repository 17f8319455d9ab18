//! What an oracle objects to: the guilty arrows, and at a torn cut the two sides that contradict each other.

use std::collections::BTreeSet;

use cutline_scenarios::scene::{Flight, Guilt, Moment, State};
use cutline_sim::ids::Attempt;

use super::draw::ends;
use super::ink::{Ink, Stands, Stroke, stroke};
use super::labels;
use super::layout::{Layout, Who};
use super::legend::Sign;
use super::thinning::{Kind, Plan};
use crate::drawing::palette::{GREEN, INK, PAPER, PURPLE, VERMILLION};
use crate::drawing::{Point, SMALL, width};

/// Draws it.
pub fn violation(ink: &mut Ink, layout: &Layout<'_>, plan: &Plan<'_>, id: &str, used: &mut BTreeSet<Sign>) {
    let Some(witness) = &layout.scene.witness else { return };
    let guilty: Vec<&Flight> =
        plan.flights.iter().filter(|(kind, _)| *kind == Kind::Guilty).map(|(_, flight)| *flight).collect();
    sides(ink, layout, plan, guilty.first().copied(), used);
    let span = layout.scene.window.time.end - layout.scene.window.time.start;
    let head = format!("{id}-guilty");
    for flight in &guilty {
        let Some((from, to)) = ends(layout, flight) else { continue };
        used.insert(Sign::Guilty);
        ink.strokes("st-halo", stroke(PAPER, 7.0));
        ink.line(from, to, "");
        ink.end();
        let head = if flight.taken.is_some() { head.as_str() } else { "" };
        ink.strokes("st-guilty", Stroke { head, ..stroke(VERMILLION, 3.4) });
        ink.line(from, to, &labels::flight(flight, &layout.scene.cast, span));
        ink.end();
    }
    // Several arrows of one record: a label for each of the first few, and the others say it when they are pointed at.
    for flight in guilty.iter().take(4) {
        if let Some((from, to)) = ends(layout, flight) {
            // Nearer to the end that is seen.
            let at = middle(layout, from, to);
            let attempt =
                attempt(layout, flight).map_or(String::new(), |attempt| format!(", attempt {attempt}"));
            note(ink, layout, at, &format!("{}{attempt}", labels::thing(&flight.thing)));
        }
    }
    if let (Guilt::Message { task, time }, Some(y)) = (witness.guilt, layout.y(Who::Coordinator)) {
        used.insert(Sign::Guilty);
        let sent = layout.scene.checkpoints.iter().flat_map(|checkpoint| &checkpoint.acks);
        let ack =
            sent.filter(|ack| ack.task == task && ack.received == Some(time)).min_by_key(|ack| ack.sent);
        let to = (layout.x(time), y);
        let name = layout.scene.cast.name(task);
        if let (Some(ack), Some(row)) = (ack, layout.task(task)) {
            ink.strokes("st-guilty", Stroke { head: &head, ..stroke(VERMILLION, 3.4) });
            ink.line((layout.x(ack.sent), row), to, &format!("what {name} had said in an older attempt"));
            ink.end();
        } else {
            super::legend::cross(ink, to);
        }
        let above = (to.0, to.1 - layout.step * 0.4);
        note(ink, layout, above, &format!("said by {name} in an older attempt"));
    }
}

/// The two sides of a torn cut: at the sender from its snapshot to the sending, at the receiver from its snapshot to the taking.
fn sides(
    ink: &mut Ink,
    layout: &Layout<'_>,
    plan: &Plan<'_>,
    guilty: Option<&Flight>,
    used: &mut BTreeSet<Sign>,
) {
    let Some(witness) = &layout.scene.witness else { return };
    let Guilt::Torn { channel, sent, received, captured } = witness.guilt else { return };
    let cut = plan.cuts.iter().find(|cut| Some(cut.id) == witness.checkpoint);
    let (Some(cut), Some(between)) = (cut, layout.scene.cast.ends(channel)) else { return };
    let captured = match captured {
        0 => String::new(),
        some => format!(", {some} of them captured"),
    };
    let told = [
        (between.from, guilty.map(|it| it.sent), GREEN, Sign::Sender, format!("{sent} sent by its snapshot")),
        (
            between.to,
            guilty.and_then(|it| it.taken),
            PURPLE,
            Sign::Receiver,
            format!("{received} received by its snapshot{captured}"),
        ),
    ];
    for (task, other, colour, sign, words) in told {
        let (Some(y), Some(Moment { time, .. })) = (layout.task(task), cut.point(task)) else { continue };
        let x = layout.x(time);
        if let Some(other) = other {
            used.insert(sign);
            ink.strokes("st-side", stroke(colour, 8.0));
            ink.line((x, y), (layout.x(other.time), y), "");
            ink.end();
        }
        note(ink, layout, (x, y - layout.step * 0.36), &words);
    }
}

/// The attempt in which the receiver took it, or else in which it was sent.
fn attempt(layout: &Layout<'_>, flight: &Flight) -> Option<Attempt> {
    let ends = layout.scene.cast.ends(flight.channel)?;
    let (task, at) = flight.taken.map_or((ends.from, flight.sent), |taken| (ends.to, taken));
    layout.scene.spans.iter().find_map(|span| match span.state {
        State::Running(attempt) if span.task == task && span.time.contains(&at.time) => Some(attempt),
        _ => None,
    })
}

/// A text beside a point, on the side where there is room.
fn note(ink: &mut Ink, layout: &Layout<'_>, (x, y): Point, words: &str) {
    let wide = width(words, SMALL) * 1.1 + 12.0;
    let x = x.clamp(layout.left + 2.0, layout.right - 2.0);
    let (dx, stands) = if x + wide > layout.right { (-9.0, Stands::End) } else { (9.0, Stands::Start) };
    ink.at((x, y), |ink| ink.label(words, (dx, 0.0), SMALL, INK, stands));
}

/// The middle of what is seen of a line.
fn middle(layout: &Layout<'_>, from: Point, to: Point) -> Point {
    let (left, right) = (layout.left, layout.right);
    let share = |x: f64| if (to.0 - from.0).abs() < 1e-9 { 0.5 } else { (x - from.0) / (to.0 - from.0) };
    let seen = [share(left), share(right)].map(|share| share.clamp(0.0, 1.0));
    let share = if from.0 >= left && to.0 <= right { 0.5 } else { f64::midpoint(seen[0], seen[1]) };
    (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
}
