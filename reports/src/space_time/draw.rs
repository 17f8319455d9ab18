//! The picture: one layer on the other, what matters on top.

use std::collections::BTreeSet;

use cutline_scenarios::scene::{Fate, Flight, State};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::protocol::READING;
use cutline_sim::time::Time;
use plotters::style::RGBColor;

use super::ink::{Ink, Stands, Stroke, hex, stroke};
use super::layout::{Layout, WIDTH, Who};
use super::legend::{Sign, below, blocked, cross};
use super::thinning::{Kind, Plan};
use super::{cuts, labels, violation};
use crate::drawing::palette::{ALARM, BLUE, GRID, INK, ORANGE, PURPLE, SKY, SOFT, VERMILLION};
use crate::drawing::{LABEL, Point, SMALL, TITLE, escaped, shortened, width};

/// The heads of arrows: their names, colours and sizes.
const HEADS: [(&str, RGBColor, f64); 8] = [
    ("record", SOFT, 6.0),
    ("flight", ORANGE, 8.0),
    ("mark", BLUE, 10.0),
    ("order", BLUE, 7.0),
    ("ack", PURPLE, 8.0),
    ("store", SKY, 7.0),
    ("commit", INK, 7.0),
    ("guilty", VERMILLION, 12.0),
];

/// Draws all of it.
pub fn svg(layout: &Layout<'_>, plan: &Plan<'_>, id: &str, about: &str) -> String {
    let scene = layout.scene;
    let mut used = BTreeSet::new();
    let mut time = Ink::default();
    lives(&mut time, layout, id, &mut used);
    cuts::snapshots(&mut time, layout, id, &mut used);
    flights(&mut time, layout, plan, id, &mut used);
    cuts::bars(&mut time, layout);
    cuts::messages(&mut time, layout, id, &mut used);
    commits(&mut time, layout, id, &mut used);
    cuts::cuts(&mut time, layout, plan, &mut used);
    violation::violation(&mut time, layout, plan, id, &mut used);
    events(&mut time, layout, &mut used);

    let mut ink = Ink::default();
    let heading = shortened(&scene.cast.title, TITLE, WIDTH - 48.0);
    ink.text(&heading, (24.0, 28.0), TITLE, INK, Stands::Start);
    ink.text(&labels::window(scene), (24.0, 54.0), LABEL, SOFT, Stands::Start);
    for &(top, bottom) in &layout.groups {
        ink.rectangle((14.0, top), (layout.right, bottom), "fill=\"#F6F7F8\"", "");
    }
    for row in &layout.rows {
        ink.text(&row.name, (layout.left - 14.0, row.y), SMALL, INK, Stands::End);
    }
    axis(&mut ink, layout);
    ink.group(&format!("clip-path=\"url(#{id}-clip)\""));
    ink.group("class=\"st-time\"");
    ink.raw(&time.finish());
    ink.end();
    ink.end();
    let height = below(&mut ink, plan, &used, id, layout.hidden, layout.bottom + 76.0).ceil();
    let (title, about) = (escaped(&scene.cast.title), escaped(about));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{about}\">\n<title>{title}</title>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n{}{}</svg>\n",
        definitions(layout, id),
        ink.finish()
    )
}

/// Heads of arrows, the hatch of what is blocked, and the edges of what has a time.
fn definitions(layout: &Layout<'_>, id: &str) -> String {
    let heads = HEADS.map(|(name, colour, size)| {
        format!(
            "<marker id=\"{id}-{name}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"{size}\" markerHeight=\"{size}\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 1L10 5L0 9z\" fill=\"{}\" stroke=\"none\"/></marker>\n",
            hex(colour)
        )
    });
    let hatch = format!(
        "<pattern id=\"{id}-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"6\" height=\"6\" fill=\"#F0E442\" fill-opacity=\"0.4\"/><rect width=\"2\" height=\"6\" fill=\"#E69F00\" \
         fill-opacity=\"0.75\"/></pattern>\n"
    );
    let (wide, high) = (layout.right - layout.left, layout.bottom - 64.0);
    let clip = format!(
        "<clipPath id=\"{id}-clip\"><rect x=\"{}\" y=\"64\" width=\"{wide}\" height=\"{high}\"/></clipPath>\n",
        layout.left
    );
    format!("<defs>{}{hatch}{clip}</defs>\n", heads.concat())
}

fn axis(ink: &mut Ink, layout: &Layout<'_>) {
    let window = &layout.scene.window.time;
    let (ticks, unit) = labels::ticks(window.start, window.end);
    ink.group("class=\"st-ticks\"");
    for (at, label) in ticks {
        let x = layout.x(at);
        ink.strokes("", stroke(GRID, 1.0));
        ink.line((x, layout.top - 6.0), (x, layout.bottom), "");
        ink.end();
        ink.text(&label, (x, layout.bottom + 16.0), SMALL, INK, Stands::Middle);
    }
    ink.end();
    let middle = f64::midpoint(layout.left, layout.right);
    ink.group("class=\"st-unit\"");
    ink.text(&format!("virtual time in {unit}"), (middle, layout.bottom + 40.0), SMALL, SOFT, Stands::Middle);
    ink.end();
    ink.strokes("", stroke(SOFT, 1.0));
    ink.line((layout.left, layout.bottom), (layout.right, layout.bottom), "");
    ink.end();
}

/// Lines of tasks, what is blocked, and the times in which not all run.
fn lives(ink: &mut Ink, layout: &Layout<'_>, id: &str, used: &mut BTreeSet<Sign>) {
    let scene = layout.scene;
    ink.group("class=\"st-down\" fill-opacity=\"0.45\"");
    for (from, to) in downtimes(&scene.events, scene.window.end) {
        let corners = ((layout.x(from), layout.top), (layout.x(to), layout.bottom));
        ink.rectangle(corners.0, corners.1, "fill=\"#D4D4D4\"", "not all tasks run");
        used.insert(Sign::Down);
    }
    ink.end();
    ink.group("class=\"st-blocked\"");
    for span in &layout.plan.spans {
        let (State::Blocked(inputs), Some(y)) = (&span.state, layout.task(span.task)) else { continue };
        let all = scene.cast.inputs(span.task).max(1);
        let (share, what) = match inputs.contains(&READING) {
            true => (1.0, "reads nothing".to_owned()),
            false => {
                let share = inputs.len() as f64 / all as f64;
                (share, format!("{} of {all} inputs blocked", inputs.len()))
            }
        };
        let half = layout.step * (0.12 + 0.28 * share.min(1.0));
        let (left, right) = (layout.x(span.time.start), layout.x(span.time.end));
        let what = format!("{}: {what}", scene.cast.name(span.task));
        ink.rectangle((left, y - half), (right, y + half), &blocked(id), &what);
        used.insert(Sign::Blocked);
    }
    ink.end();
    // Where nobody is there is a faint line.
    ink.strokes("st-rows", Stroke { dashes: "2 5", ..stroke(SOFT, 0.7) });
    for (_, y) in layout.tasks() {
        ink.line((layout.left, y), (layout.right, y), "");
    }
    ink.end();
    ink.strokes("st-rows", stroke(SOFT, 1.2));
    for row in layout.rows.iter().filter(|row| !matches!(row.who, Who::Task(_))) {
        ink.line((layout.left, row.y), (layout.right, row.y), "");
    }
    ink.end();
    ink.strokes("st-lives", stroke(INK, 1.8));
    for span in &layout.plan.spans {
        if let (State::Running(attempt), Some(y)) = (&span.state, layout.task(span.task)) {
            let what = format!("{} runs, attempt {attempt}", scene.cast.name(span.task));
            ink.line((layout.x(span.time.start), y), (layout.x(span.time.end), y), &what);
        }
    }
    ink.end();
    let store = layout.y(Who::Store).unwrap_or(layout.bottom);
    ink.strokes("st-restores", Stroke { dashes: "7 4", head: &format!("{id}-store"), ..stroke(SKY, 1.6) });
    for span in &layout.plan.spans {
        // What a job begins with is not read from anywhere.
        if let (State::Restoring, Some(y), true) =
            (&span.state, layout.task(span.task), restores(scene, span.time.start))
        {
            let what = format!("{} reads its state", scene.cast.name(span.task));
            ink.line((layout.x(span.time.start), store), (layout.x(span.time.end), y), &what);
            used.insert(Sign::Restore);
        }
    }
    ink.end();
}

/// True if the job had been restored by then.
fn restores(scene: &cutline_scenarios::scene::Scene, time: Time) -> bool {
    scene
        .events
        .iter()
        .any(|it| it.time <= time && matches!(it.event, Event::Restoring { checkpoint: Some(_), .. }))
}

/// From each crash until all tasks run again, as far as the events of a window tell.
pub fn downtimes(events: &[Stamped], end: Time) -> Vec<(Time, Time)> {
    let (mut all, mut since) = (Vec::new(), None);
    for event in events {
        match event.event {
            Event::TaskCrashed { .. }
            | Event::NodeCrashed { .. }
            | Event::FailureNoticed { .. }
            | Event::SinkFailed
            | Event::JobCancelled => {
                since.get_or_insert(event.time);
            }
            Event::Restoring { attempt, .. } if attempt.0 > 1 => {
                since.get_or_insert(event.time);
            }
            Event::JobRunning { attempt } if attempt.0 > 1 => {
                all.push((since.take().unwrap_or(0), event.time));
            }
            _ => {}
        }
    }
    all.extend(since.map(|since| (since, end)));
    all
}

/// Where the arrow of a flight begins and ends; `None` if one of its ends has no row.
pub fn ends(layout: &Layout<'_>, flight: &Flight) -> Option<(Point, Point)> {
    let between = layout.scene.cast.ends(flight.channel)?;
    let from = if flight.put_back { layout.y(Who::Store)? } else { layout.task(between.from)? };
    let to = layout.task(between.to)?;
    let sent = layout.x(flight.sent.time);
    Some(match flight.taken {
        Some(taken) => ((sent, from), (layout.x(taken.time), to)),
        // It never comes: a stump.
        None => ((sent, from), (sent + 18.0, from + (to - from).clamp(-1.0, 1.0) * layout.step * 0.42)),
    })
}

fn flights(ink: &mut Ink, layout: &Layout<'_>, plan: &Plan<'_>, id: &str, used: &mut BTreeSet<Sign>) {
    let cast = &layout.scene.cast;
    let span = layout.scene.window.time.end - layout.scene.window.time.start;
    let looks = [
        (Kind::Record, true, "st-records", stroke(SOFT, 1.0), "record", Sign::Record),
        (Kind::Record, false, "st-lost", Stroke { dashes: "2 3", ..stroke(SOFT, 1.2) }, "", Sign::Lost),
        (Kind::InFlight, true, "st-in-flight", stroke(ORANGE, 1.5), "flight", Sign::InFlight),
        (Kind::Orphan, true, "st-orphans", stroke(PURPLE, 1.8), "ack", Sign::Orphan),
        (Kind::InFlight, false, "st-lost", Stroke { dashes: "2 3", ..stroke(SOFT, 1.2) }, "", Sign::Lost),
        (Kind::Mark, true, "st-marks", stroke(BLUE, 2.4), "mark", Sign::Mark),
        (Kind::Mark, false, "st-lost", Stroke { dashes: "2 3", ..stroke(BLUE, 1.6) }, "", Sign::Lost),
        (
            Kind::Cancel,
            true,
            "st-cancels",
            Stroke { dashes: "7 4", ..stroke(BLUE, 1.6) },
            "mark",
            Sign::Cancel,
        ),
    ];
    for (kind, taken, class, look, head, sign) in looks {
        let head = if head.is_empty() { String::new() } else { format!("{id}-{head}") };
        let is_so = |flight: &Flight| flight.taken.is_some() == taken;
        let mine = plan.flights.iter().filter(|(of, flight)| *of == kind && is_so(flight));
        let mut mine = mine.filter_map(|(_, flight)| Some((ends(layout, flight)?, flight))).peekable();
        if mine.peek().is_none() {
            continue;
        }
        used.insert(sign);
        let faint = match kind {
            Kind::Record => "opacity=\"0.55\"",
            Kind::InFlight => "opacity=\"0.85\"",
            _ => "",
        };
        ink.group(faint);
        ink.strokes(class, Stroke { head: &head, ..look });
        for ((from, to), flight) in mine {
            debug_assert!(flight.taken.is_some() || flight.fate != Fate::Taken);
            ink.line(from, to, &labels::flight(flight, cast, span));
        }
        ink.end();
        ink.end();
    }
}

fn commits(ink: &mut Ink, layout: &Layout<'_>, id: &str, used: &mut BTreeSet<Sign>) {
    let Some(external) = layout.y(Who::External) else { return };
    ink.strokes("st-commits", Stroke { dashes: "1 3", head: &format!("{id}-commit"), ..stroke(INK, 1.2) });
    for commit in &layout.plan.commits {
        if let Some(y) = layout.task(commit.task) {
            let name = layout.scene.cast.name(commit.task);
            let what =
                format!("commit of the transaction that {name} prepared with checkpoint {}", commit.id);
            ink.line((layout.x(commit.sent), y), (layout.x(commit.visible), external), &what);
            used.insert(Sign::Commit);
        }
    }
    ink.end();
}

/// Crosses where something crashes, and what happened to the job at the upper edge, as far as there is room for it.
fn events(ink: &mut Ink, layout: &Layout<'_>, used: &mut BTreeSet<Sign>) {
    let scene = layout.scene;
    let mut free = [layout.left; 3];
    let lanes = [76.0, 94.0, 112.0];
    for event in &layout.plan.events {
        let x = layout.x(event.time);
        let rows: Vec<f64> = match event.event {
            Event::TaskCrashed { task } => layout.task(task).into_iter().collect(),
            // Those that end at this instant.
            Event::NodeCrashed { .. } => scene
                .spans
                .iter()
                .filter(|span| span.time.end == event.time && !matches!(span.state, State::Blocked(_)))
                .filter_map(|span| layout.task(span.task))
                .collect(),
            _ => Vec::new(),
        };
        for y in rows {
            ink.at((x, y), |ink| cross(ink, (0.0, 0.0)));
            used.insert(Sign::Crash);
        }
        let Some(words) = labels::heading(event, &scene.cast) else { continue };
        let colour = if labels::is_crash(event) { VERMILLION } else { SOFT };
        ink.strokes("st-events", Stroke { dashes: "3 4", ..stroke(colour, 1.0) });
        ink.line((x, layout.top - 8.0), (x, layout.bottom), &words);
        ink.end();
        let wide = width(&words, SMALL) * 1.08 + 14.0;
        let stands_left = x + wide > layout.right;
        let begins = if stands_left { x - wide } else { x };
        if let Some(lane) = free.iter().position(|free| *free <= begins + 6.0) {
            free[lane] = begins + wide;
            let (dx, stands) = if stands_left { (-5.0, Stands::End) } else { (5.0, Stands::Start) };
            let colour = if labels::is_crash(event) { ALARM } else { INK };
            ink.at((x, lanes[lane]), |ink| ink.label(&words, (dx, 0.0), SMALL, colour, stands));
        }
    }
}
