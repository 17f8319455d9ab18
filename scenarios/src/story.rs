//! The story of a run, for viewers: who took part, what happened in the order of time, and what stood in front of each task.

use cutline_sim::event::{Event, Origin, Stamped};
use cutline_sim::ids::TaskId;
use cutline_sim::time::Time;
use cutline_sim::topology::Topology;
use cutline_sim::waiting::InFlight;
use cutline_sim::world::World;
use serde_json::Value;

/// A story has at most so many events: no viewer opens more.
pub const EVENTS_MAX: usize = 1 << 20;
/// And so many samples.
const SAMPLES_MAX: usize = 1 << 20;

/// The story of a run. The run must have no lookahead, so that its events come in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What run it is.
    pub title: String,
    /// The tasks, by number.
    pub tasks: Vec<String>,
    /// How many nodes there are.
    pub nodes: u32,
    /// What happened.
    pub events: Vec<Stamped>,
    /// What stood in front of tasks, whenever something happened and it had changed.
    pub samples: Vec<Sample>,
    /// The end of the run, in nanoseconds.
    pub end: Time,
    /// True if there was more than a story can hold.
    pub is_cut_short: bool,
    /// What stands in front of each task at last, by number.
    pub newest: Vec<InFlight>,
}

/// What stood in front of a task from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub time: Time,
    /// Whom it waited for.
    pub task: TaskId,
    /// What it was.
    pub in_flight: InFlight,
}

impl Story {
    /// A story in which nothing has happened.
    pub fn new(topology: &Topology, title: String) -> Story {
        let tasks = task_names(topology);
        let newest = vec![InFlight::default(); tasks.len()];
        Story { title, tasks, nodes: topology.config.cluster.nodes, newest, ..Story::default() }
    }

    /// Something happened.
    pub fn observe(&mut self, world: &World, events: &[Stamped]) {
        self.end = self.end.max(world.now());
        if events.is_empty() {
            return;
        }
        self.is_cut_short |=
            self.events.len() + events.len() > EVENTS_MAX || self.samples.len() > SAMPLES_MAX;
        if self.is_cut_short {
            return;
        }
        self.events.extend_from_slice(events);
        for (task, newest) in (0..).map(TaskId).zip(&mut self.newest) {
            let in_flight = world.in_flight(task);
            if std::mem::replace(newest, in_flight) != in_flight {
                self.samples.push(Sample { time: world.now(), task, in_flight });
            }
        }
    }

    /// Who has caused an event, by name.
    pub fn who(&self, origin: Origin) -> String {
        who(&self.tasks, origin)
    }
}

/// The names of all tasks, by number.
pub fn task_names(topology: &Topology) -> Vec<String> {
    (0..topology.tasks.len() as u32).map(|task| topology.task_name(TaskId(task))).collect()
}

fn who(tasks: &[String], origin: Origin) -> String {
    let task = origin.as_task().and_then(|task| tasks.get(task.index()));
    task.cloned().unwrap_or_else(|| origin.to_string())
}

/// An event in words, with who has caused it.
pub fn sentence(tasks: &[String], event: &Stamped) -> String {
    format!("{}: {}", who(tasks, event.origin), words(&event.event))
}

/// An event in words: its name, and its numbers.
pub fn words(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    let (name, fields) = match &value {
        Value::Object(object) => {
            object.iter().next().map_or(("", None), |(name, fields)| (name.as_str(), Some(fields)))
        }
        Value::String(name) => (name.as_str(), None),
        _ => ("", None),
    };
    let name = name.replace('-', " ");
    let fields: Vec<String> = fields
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_number() || value.is_boolean() || value.is_string())
        .map(|(field, value)| {
            format!("{} {}", field.replace(['-', '_'], " "), value.to_string().trim_matches('"'))
        })
        .collect();
    if fields.is_empty() { name } else { format!("{name} ({})", fields.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cutline_sim::ids::CheckpointId;

    use super::*;
    use crate::library_files::resolve;
    use crate::prepare::Prepared;
    use crate::run::{Contender, Options, Runner};

    #[test]
    fn events_are_told_in_words() {
        let prepared = Prepared::load(&resolve("pipe").expect("a scenario"), &[""; 0], 1).expect("a job");
        let names = task_names(prepared.topology());
        let say = |origin, event| sentence(&names, &Stamped { time: 1, origin, event });
        let id = CheckpointId(3);
        let task = Origin::task(TaskId(0));
        assert_eq!(say(task, Event::SnapshotTaken { id }), "source[0]: snapshot taken (id 3)");
        assert_eq!(say(Origin::COORDINATOR, Event::JobCancelled), "coordinator: job cancelled");
    }

    #[test]
    fn a_story_is_in_the_order_of_time_and_ends_with_nothing_in_flight() {
        let prepared = Prepared::load(&resolve("tiny").expect("a scenario"), &[""; 0], 1).expect("a job");
        let contender = Contender::named("aligned").expect("a strategy");
        let mut story = Story::new(prepared.topology(), "tiny".to_owned());
        let options = Options { lookahead: false, metrics: false, ..Options::default() };
        let observe = &mut |world: &World, events: &[Stamped]| story.observe(world, events);
        Runner::new(&prepared, contender).run(1, &Arc::default(), &options, Some(observe));
        assert!(story.events.is_sorted_by_key(|event| event.time) && story.events.len() > 50);
        assert!(story.samples.iter().any(|sample| sample.in_flight.items > 1));
        assert!(story.newest.iter().all(|left| *left == InFlight::default()), "{:?}", story.newest);
        assert!(story.events.last().is_some_and(|last| last.time <= story.end));
    }
}
