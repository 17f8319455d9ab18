//! What was the case at any time, for the slider of a page.

use cutline_scenarios::scene::{Outcome, State};
use cutline_sim::event::Event;
use cutline_sim::protocol::READING;
use cutline_sim::time::Time;
use serde_json::{Value, json};

use super::labels;
use super::layout::{Layout, Who};

/// Writes it as JSON that may stand in a page.
pub fn states(layout: &Layout<'_>) -> String {
    let scene = layout.scene;
    let window = &scene.window.time;
    let until = |time: Time| time.min(window.end + 1);
    let span = |from: Time, to: Time, words: String| json!([from, until(to), words]);
    let rows = layout.rows.iter().filter_map(|row| match row.who {
        Who::Task(task) => {
            let name = scene.cast.name(task);
            let mut all: Vec<Value> = Vec::new();
            for it in layout.plan.spans.iter().filter(|it| it.task == task) {
                let words = match &it.state {
                    State::Restoring => "reads its state".to_owned(),
                    State::Running(attempt) => format!("runs, attempt {attempt}"),
                    State::Blocked(inputs) if inputs.contains(&READING) => "reads nothing".to_owned(),
                    State::Blocked(inputs) => {
                        let waits: Vec<&str> = scene
                            .cast
                            .channels
                            .iter()
                            .filter(|ends| ends.to == task && inputs.contains(&ends.input))
                            .map(|ends| scene.cast.name(ends.from))
                            .take(8)
                            .collect();
                        format!("blocked: input from {}", waits.join(", "))
                    }
                };
                all.push(span(it.time.start, it.time.end, words));
            }
            for it in layout.plan.snapshots.iter().filter(|it| it.task == task) {
                if let (Some(synced), Some(stored)) = (it.synced, it.stored) {
                    let name = |part: &str| format!("{part} of its snapshot for checkpoint {}", it.id);
                    all.push(span(it.at.time, synced, name("synchronous part")));
                    all.push(span(synced, stored, name("asynchronous part")));
                }
            }
            Some(json!({"name": name, "spans": all}))
        }
        _ => None,
    });
    let rows: Vec<Value> = rows.collect();
    let checkpoints = layout.plan.checkpoints.iter().map(|it| {
        let begin = it.triggered.or(it.points.iter().map(|(_, at)| at.time).min()).unwrap_or(window.start);
        let (end, how) = match it.ended {
            Some((end, Outcome::Completed)) => (end, "will complete"),
            Some((end, Outcome::Aborted)) => (end, "will be given up"),
            None => (window.end + 1, "does not end"),
        };
        let acks: Vec<Time> = it.acks.iter().filter_map(|ack| ack.received).collect();
        let cut: Vec<Time> = it.points.iter().map(|(_, at)| at.time).collect();
        json!({"id": it.id.0, "from": begin, "to": end, "how": how, "acks": acks, "cut": cut})
    });
    let checkpoints: Vec<Value> = checkpoints.collect();
    let events = layout.plan.events.iter().filter(|it| !matches!(it.event, Event::TaskFinished));
    let events: Vec<Value> =
        events.filter_map(|it| Some(json!([it.time, labels::heading(it, &scene.cast)?]))).collect();
    let all = json!({
        "from": window.start, "to": window.end, "left": layout.left, "right": layout.right,
        "top": layout.top, "bottom": layout.bottom, "tasks": scene.cast.tasks.len(),
        "rows": rows, "checkpoints": checkpoints, "events": events,
    });
    // Nothing in it can end the element that it stands in.
    all.to_string().replace('<', "\\u003c")
}
