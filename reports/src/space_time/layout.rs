//! Where everything is: rows from top to bottom, time from left to right. Lengths are pixels.

use cutline_scenarios::scene::{Cast, Scene};
use cutline_sim::ids::TaskId;
use cutline_sim::time::Time;

use super::thinning::Plan;
use crate::drawing::{SMALL, shortened, width};

/// The width of a picture.
pub const WIDTH: f64 = 1400.0;
/// The right margin.
const RIGHT: f64 = 24.0;
/// Where rows begin, below the titles.
const TOP: f64 = 124.0;
/// The least and the greatest distance of two rows, and how high all rows would like to be at the most.
const CLOSE: f64 = 22.0;
const APART: f64 = 46.0;
const TALL: f64 = 900.0;
/// The distance of two operators, beyond that of two rows, as a share of it.
const GAP: f64 = 0.35;
/// No more tasks are drawn than this.
const ROWS_MOST: usize = 40;
/// A name is no wider than this.
const NAME_MOST: f64 = 190.0;

/// Who has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The coordinator.
    Coordinator,
    /// A task.
    Task(TaskId),
    /// The durable store.
    Store,
    /// The external system of the sinks.
    External,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose.
    pub who: Who,
    /// What stands before it.
    pub name: String,
    /// The height of its line.
    pub y: f64,
}

/// Where everything is.
pub struct Layout<'a> {
    /// The scene.
    pub scene: &'a Scene,
    /// What of it is drawn.
    pub plan: &'a Plan<'a>,
    /// The rows, from top to bottom.
    pub rows: Vec<Row>,
    /// The left and the right edge of what has a time.
    pub left: f64,
    /// The right one.
    pub right: f64,
    /// The distance of two rows.
    pub step: f64,
    /// The upper edge of what has a time, and the lower one.
    pub top: f64,
    /// The lower one.
    pub bottom: f64,
    /// How many tasks have no row.
    pub hidden: usize,
    /// Groups of rows of one operator: their upper and lower edges.
    pub groups: Vec<(f64, f64)>,
}

impl<'a> Layout<'a> {
    /// Lays out a scene.
    pub fn of(scene: &'a Scene, plan: &'a Plan<'a>) -> Layout<'a> {
        let shown = shown(&scene.cast, &important(scene, plan));
        let hidden = scene.cast.tasks.len() - shown.len();
        let has_external = !scene.commits.is_empty();
        let lines = shown.len() + 2 + usize::from(has_external);
        let step = (TALL / lines.max(1) as f64).clamp(CLOSE, APART);
        let mut rows = Vec::new();
        let mut groups: Vec<(f64, f64)> = Vec::new();
        let mut y = TOP + step * 0.6;
        let mut row = |who: Who, name: &str, y: f64| {
            rows.push(Row { who, name: shortened(&printable(name), SMALL, NAME_MOST), y });
        };
        row(Who::Coordinator, "coordinator", y);
        y += step * (1.0 + GAP);
        let mut operator = None;
        for &task in &shown {
            let of = scene.cast.tasks[task.index()].operator;
            if operator.replace(of).is_some_and(|before| before != of) {
                y += step * GAP;
            }
            let edge = (y - step / 2.0, y + step / 2.0);
            match groups.last_mut() {
                Some(last) if (last.1 - edge.0).abs() < 0.5 => last.1 = edge.1,
                _ => groups.push(edge),
            }
            row(Who::Task(task), scene.cast.name(task), y);
            y += step;
        }
        y += step * GAP;
        row(Who::Store, "store", y);
        if has_external {
            y += step;
            row(Who::External, "external system", y);
        }
        let widest = rows.iter().map(|row| width(&row.name, SMALL) * 1.06).fold(60.0, f64::max);
        Layout {
            scene,
            plan,
            left: (widest + 34.0).ceil(),
            right: WIDTH - RIGHT,
            step,
            top: TOP,
            bottom: (y + step * 0.6).ceil(),
            rows,
            hidden,
            groups,
        }
    }

    /// Where an instant is; outside of the edges if it is outside of the window.
    pub fn x(&self, time: Time) -> f64 {
        let window = &self.scene.window.time;
        let span = (window.end - window.start).max(1) as f64;
        let away =
            if time >= window.start { (time - window.start) as f64 } else { -((window.start - time) as f64) };
        // What lies far outside is as good as just outside.
        let share = (away / span).clamp(-20.0, 21.0);
        self.left + share * (self.right - self.left)
    }

    /// The height of somebody's line, if it is drawn.
    pub fn y(&self, who: Who) -> Option<f64> {
        self.rows.iter().find(|row| row.who == who).map(|row| row.y)
    }

    /// The height of a task's line, if it is drawn.
    pub fn task(&self, task: TaskId) -> Option<f64> {
        self.y(Who::Task(task))
    }

    /// The tasks that are drawn, and the heights of their lines.
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, f64)> + '_ {
        self.rows.iter().filter_map(|row| match row.who {
            Who::Task(task) => Some((task, row.y)),
            _ => None,
        })
    }
}

fn printable(name: &str) -> String {
    crate::drawing::printable(name)
}

/// The tasks that must be seen: both ends of what is to blame.
fn important(scene: &Scene, plan: &Plan<'_>) -> Vec<TaskId> {
    let guilty = plan.flights.iter().filter(|(kind, _)| *kind == super::thinning::Kind::Guilty);
    guilty
        .filter_map(|(_, flight)| scene.cast.ends(flight.channel))
        .flat_map(|ends| [ends.from, ends.to])
        .collect()
}

/// The tasks that are drawn: if there are too many, the first ones of each operator, and those that must be seen.
fn shown(cast: &Cast, important: &[TaskId]) -> Vec<TaskId> {
    let all = (0..cast.tasks.len() as u32).map(TaskId);
    if cast.tasks.len() <= ROWS_MOST {
        return all.collect();
    }
    let each = (ROWS_MOST / cast.operators.len().max(1)).max(1);
    let mut of_operator = vec![0; cast.operators.len()];
    let first = all.filter(|task| {
        let seen = &mut of_operator[cast.tasks[task.index()].operator];
        *seen += 1;
        *seen <= each || important.contains(task)
    });
    // Of a job with very many operators the first ones.
    let mut shown: Vec<TaskId> = first.collect();
    while shown.len() > ROWS_MOST {
        match shown.iter().rposition(|task| !important.contains(task)) {
            Some(last) => drop(shown.remove(last)),
            None => break,
        }
    }
    shown
}
