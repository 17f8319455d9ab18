//! What a screen shows of a walk: a pure function of where the walk stands. It stands beside the keys and not among the reports, because it
//! draws into a frame of the terminal library, which nothing else of the project knows.

use cutline::reports::units;
use cutline::scenarios::record::{Bound, Outcome};
use cutline::scenarios::stepping::{EventLine, Look, TaskLine};
use cutline::sim::Status;
use cutline::sim::channel::Item;
use cutline::sim::oracles::show_time;
use cutline::sim::record::Mark;
use cutline::sim::time::{NEVER, Time};
use cutline::sim::view::{Flow, Held, QueueView, Queued};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use super::keys::HELP;

/// Below this the parts are shown one above the other, and the list of tasks is left out.
const WIDE: u16 = 72;
const HIGH: u16 = 18;
/// The width of the list of tasks, and the height of what is at the bottom.
const LIST: u16 = 36;
const BOTTOM: u16 = 9;
/// So many letters of a mailbox are named.
const LETTERS: usize = 6;

/// What the person at the keys has chosen.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The task that is looked at.
    pub task: u32,
    /// How many lines of what is said about it are above the screen.
    pub scroll: u16,
    /// What there is to say about the last key.
    pub message: String,
}

/// Draws.
pub fn draw(frame: &mut Frame<'_>, look: &Look, shown: &Shown) {
    let whole = frame.area();
    if whole.height < 6 || whole.width < 20 {
        let few = format!("event {}: enlarge the terminal; q quits", look.event);
        return frame.render_widget(Paragraph::new(few).wrap(Wrap { trim: true }), whole);
    }
    let roomy = whole.width >= WIDE && whole.height >= HIGH;
    let bottom = if roomy { BOTTOM } else { whole.height / 3 };
    let [head, middle, low, help] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(1),
        Constraint::Length(bottom),
        Constraint::Length(1),
    ])
    .areas(whole);
    frame.render_widget(Paragraph::new(header(look)), head);
    frame.render_widget(Paragraph::new(footer(shown, whole.width)), help);
    let task = look.tasks.get(look.chosen.index()).map_or("", |task| task.name.as_str());
    if roomy {
        let [left, right] = Layout::horizontal([Constraint::Length(LIST), Constraint::Min(1)]).areas(middle);
        tasks(frame, left, look);
        pane(frame, right, task, about(look), shown.scroll);
        let [left, right] = Layout::horizontal([Constraint::Percentage(42), Constraint::Min(1)]).areas(low);
        pane(frame, left, "checkpoints", checkpoints(look), 0);
        events(frame, right, &look.events);
    } else {
        pane(frame, middle, task, about(look), shown.scroll);
        events(frame, low, &look.events);
    }
}

fn header(look: &Look) -> Vec<Line<'static>> {
    let mut first = vec![Span::from(look.title.clone()).bold()];
    if let Some(outcome) = look.outcome {
        first.push(Span::from(format!("  {}", ended(outcome))).bold());
    }
    let of = match look.total {
        Some(total) => format!(" of {}", units::count(total)),
        None => format!(" (seen so far: {})", units::count(look.known)),
    };
    let at = format!(
        "{}   event {}{of}   attempt {}",
        show_time(look.time),
        units::count(look.event),
        look.attempt.0
    );
    let acted =
        look.acted.as_ref().map_or_else(|| "nothing has happened".to_owned(), |who| format!("{who} acted"));
    let next = match &look.next {
        Some((who, time)) => format!("; next: {who} at {}", show_time(*time)),
        None => String::new(),
    };
    let mut last = vec![Span::from(acted + &next)];
    if !look.objecting.is_empty() {
        let objects = format!("   OBJECTS: {}", look.objecting.join(", "));
        last.insert(0, Span::from(objects.trim_start().to_owned() + "   ").red().bold());
    }
    vec![Line::from(first), Line::from(at), Line::from(last)]
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Finished => "finished",
        Outcome::Drained => "drained",
        Outcome::Suspended => "suspended",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed => "failed: all restarts used up",
        Outcome::Exceeded(Bound::Steps) => "given up (bounds.steps)",
        Outcome::Exceeded(Bound::Time) => "given up (bounds.time)",
        Outcome::Exceeded(Bound::Queue) => "given up (bounds.queue)",
        Outcome::Exceeded(Bound::Quiet) => "stuck: nothing is left to happen",
    }
}

/// As many keys as there is room for, or what there is to say.
fn footer(shown: &Shown, width: u16) -> Line<'static> {
    if !shown.message.is_empty() {
        return Line::from(shown.message.clone()).reversed();
    }
    let (mut spans, mut used) = (Vec::new(), 0);
    for (key, what) in HELP {
        used += key.chars().count() + what.chars().count() + 3;
        if used <= usize::from(width) + 2 {
            spans.push(Span::from(*key).bold());
            spans.push(Span::from(format!(" {what}  ")));
        }
    }
    Line::from(spans)
}

fn pane(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'static>>, scroll: u16) {
    let block = Block::bordered().title(title.to_owned());
    let room = block.inner(area);
    let lines: Vec<Line<'static>> =
        lines.into_iter().flat_map(|line| wrapped(line, usize::from(room.width))).collect();
    // Not beyond the last line.
    let first = usize::from(scroll).min(lines.len().saturating_sub(usize::from(room.height)));
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(lines.into_iter().skip(first).collect::<Vec<_>>()), room);
}

/// Breaks a line between words, and inside of those that are longer than a line; what follows is indented.
fn wrapped(line: Line<'static>, width: usize) -> Vec<Line<'static>> {
    const INDENT: &str = "    ";
    let (mut lines, mut now, mut used) = (Vec::new(), Vec::new(), 0);
    for span in line.spans {
        for word in span.content.split_inclusive(' ') {
            let mut letters: Vec<char> = word.chars().collect();
            while !letters.is_empty() {
                let long = word.trim_end().chars().count();
                if used > 0 && used + long > width && used > INDENT.len() {
                    lines.push(Line::from(std::mem::take(&mut now)));
                    now.push(Span::from(INDENT));
                    used = INDENT.len();
                }
                let room = width.saturating_sub(used).max(1).min(letters.len());
                let rest = letters.split_off(room);
                used += letters.len();
                now.push(Span::styled(letters.iter().collect::<String>(), span.style));
                letters = rest;
            }
        }
    }
    lines.push(Line::from(now));
    lines
}

fn tasks(frame: &mut Frame<'_>, area: Rect, look: &Look) {
    let line = |(at, task): (usize, &TaskLine)| {
        let marks = format!(
            "{}{}",
            if at == look.chosen.index() { '>' } else { ' ' },
            if task.acted { '*' } else { ' ' }
        );
        let blocked = match task.blocked {
            0 => String::new(),
            blocked => format!(" blocked {blocked}/{}", task.inputs),
        };
        let waiting = if task.waiting > 0 { format!(" {}", task.waiting) } else { String::new() };
        let text = format!("{marks}{} {}{blocked}{waiting}", task.name, status(task.status));
        let style = match (task.status, at == look.chosen.index()) {
            (Status::Failed, _) => Style::new().red(),
            (_, true) => Style::new().bold(),
            _ => Style::new(),
        };
        Line::from(text).style(style)
    };
    let block = Block::bordered().title("tasks: what waits for them");
    let room = block.inner(area);
    // The chosen one is always to be seen.
    let first = (look.chosen.index() + 1).saturating_sub(usize::from(room.height));
    let lines: Vec<Line<'_>> = look.tasks.iter().enumerate().map(line).skip(first).collect();
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(lines), room);
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Idle => "idle",
        Status::Restoring => "restoring",
        Status::Running => "running",
        Status::Ended => "ended",
        Status::Finished => "finished",
        Status::Failed => "CRASHED",
    }
}

/// The chosen task: how it fares, its inputs with what is in them, its outputs, its state.
fn about(look: &Look) -> Vec<Line<'static>> {
    let view = &look.view;
    let node = view.node.map_or_else(String::new, |node| format!("node {}: ", node.0));
    let watermark = match view.watermark {
        None => "no watermark".to_owned(),
        Some(NEVER) => "the last watermark".to_owned(),
        Some(time) => format!("watermark {}", show_time(time)),
    };
    let mut lines = vec![
        Line::from(format!("{node}{}", view.doing)),
        Line::from(format!("{} records, {watermark}", units::count(view.records))),
        Line::from(format!(
            "{} of {} output buffers in use, {} items wait for one",
            view.buffers.0, view.buffers.1, view.pending
        )),
    ];
    if !view.letters.is_empty() {
        let named =
            view.letters.iter().take(LETTERS).map(|(time, what)| format!("{what} at {}", show_time(*time)));
        let more = if view.letters.len() > LETTERS { ", ..." } else { "" };
        lines.push(Line::from(format!("mail: {}{more}", named.collect::<Vec<_>>().join(", "))));
    }
    for input in &view.inputs {
        let from = look.tasks.get(input.from.index()).map_or("", |task| task.name.as_str());
        queue(&mut lines, &format!("from {from}"), input, look.time);
    }
    for output in &view.outputs {
        let to = look.tasks.get(output.to.index()).map_or("", |task| task.name.as_str());
        queue(&mut lines, &format!("to {to}"), output, look.time);
    }
    let values =
        view.values.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    let more = if view.values.len() < view.entries { " ..." } else { "" };
    lines.push(Line::from(format!("state: {} entries  {values}{more}", units::count(view.entries as u64))));
    lines
}

fn queue(lines: &mut Vec<Line<'static>>, name: &str, queue: &QueueView, now: Time) {
    let flow = match queue.flow {
        Flow::Credits(credits) => format!("{credits} credits"),
        Flow::Local => "on one node".to_owned(),
        Flow::Feedback => "without bound".to_owned(),
    };
    let mut head = vec![Span::from(name.to_owned()).bold()];
    if queue.blocked {
        head.push(Span::from(" BLOCKED").yellow().bold());
    }
    head.push(Span::from(format!(
        "  {} in it, {flow}; {} sent, {} received",
        queue.length,
        units::count(queue.sent),
        units::count(queue.received)
    )));
    lines.push(Line::from(head));
    if !queue.front.is_empty() {
        let items = queue.front.iter().map(|queued| held(queued, now)).collect::<Vec<_>>().join(" ");
        let more = if (queue.front.len() as u32) < queue.length { " ..." } else { "" };
        lines.push(Line::from(format!("  {items}{more}")));
    }
}

/// An item: in brackets while it is on the wire, with a question mark while it has not departed.
fn held(queued: &Queued, now: Time) -> String {
    let what = match queued.what {
        Held::Item(Item::Record(record)) => format!("{}:{}", record.key, record.value),
        Held::Item(Item::Watermark(NEVER)) => "last-watermark".to_owned(),
        Held::Item(Item::Watermark(time)) => format!("watermark@{}", units::time(time).replace(' ', "")),
        Held::Item(Item::End) => "end".to_owned(),
        Held::Item(Item::Probe(count)) => format!("probe-{count}"),
        Held::Mark(Mark::Cut(id)) => format!("|cut-{id}|"),
        Held::Mark(Mark::Cancel(id)) => format!("|cancel-{id}|"),
        Held::Close => "close".to_owned(),
    };
    match queued.arrives {
        None => format!("{what}?"),
        Some(time) if time > now => format!("({what})"),
        Some(_) => what,
    }
}

fn checkpoints(look: &Look) -> Vec<Line<'static>> {
    let newest = look.newest.map_or_else(|| "none".to_owned(), |id| id.to_string());
    let mut lines = vec![Line::from(format!("newest completed: {newest}"))];
    if look.own {
        lines.push(Line::from("tasks take checkpoints on their own; these are lines of them"));
    }
    if look.pending.is_empty() {
        lines.push(Line::from("none pending"));
    }
    for (id, pending) in &look.pending {
        let missing = look.tasks.iter().enumerate();
        let missing = missing.filter(|(at, _)| pending.acknowledged.iter().all(|task| task.index() != *at));
        let missing: Vec<&str> = missing.map(|(_, task)| task.name.as_str()).collect();
        let said = match (pending.is_written, look.own) {
            (true, _) => "its metadata are being written".to_owned(),
            (false, true) => "under way".to_owned(),
            (false, false) => format!(
                "{} of {} acknowledged, missing {}",
                pending.acknowledged.len(),
                look.tasks.len(),
                missing.join(" ")
            ),
        };
        lines.push(Line::from(vec![
            Span::from(format!("{id} since {}: ", show_time(pending.since))).bold(),
            Span::from(said),
        ]));
    }
    lines
}

/// As many of the last events as there is room for, those of the last step in bold.
fn events(frame: &mut Frame<'_>, area: Rect, events: &[EventLine]) {
    let block = Block::bordered().title("events");
    let room = block.inner(area);
    let first = events.len().saturating_sub(usize::from(room.height));
    let line = |event: &EventLine| {
        let text = format!("{} {}", event.at(), event.text);
        Line::from(text).style(if event.is_new { Style::new().bold() } else { Style::new().dim() })
    };
    let lines: Vec<Line<'_>> = events[first..].iter().map(line).collect();
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(lines), room);
}

#[cfg(test)]
mod tests;
