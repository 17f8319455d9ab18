//! `cutline explore --interleavings`: every order of what happens in a tiny job.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cutline::reports;
use cutline::reports::units::count;
use cutline::scenarios::explore::interleavings::{Interleavings, Orders};
use cutline::scenarios::explore::{Objections, Watch};
use cutline::scenarios::record::Class;
use cutline::scenarios::run::Contender;
use cutline::sim::faults::{Fault, TaskCrash};
use cutline::sim::ids::TaskId;
use rayon::prelude::*;
use serde::Serialize;

use super::Guard;
use super::arguments::{Budget, ExploreArguments};
use crate::execute::exit_code;
use crate::failure::Failure;
use crate::files::Output;
use crate::screen::Screen;
use crate::setup::Setup;

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    scenario: &'a str,
    strategy: &'a str,
    seed: u64,
    /// True if no order was left out.
    complete: bool,
    rows: Vec<Row>,
    states: u64,
    steps: u64,
    seconds: f64,
    states_per_second: f64,
    threads: usize,
    violations: Vec<Violation>,
}

/// One crash, or none.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    /// The task that crashes.
    crash: Option<String>,
    states: u64,
    steps: u64,
    ends: u64,
    outcomes: u64,
    longest: u64,
    complete: bool,
}

/// An order to which somebody objects.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Violation {
    crash: Option<String>,
    oracles: Vec<&'static str>,
    /// What happens, in this order.
    order: Vec<String>,
    /// The file that says the same.
    file: String,
}

/// Goes through all orders without a crash, and with a crash of each task.
pub fn explore(
    arguments: &ExploreArguments,
    setup: &Setup,
    contender: Contender,
    seed: u64,
    threads: &rayon::ThreadPool,
    screen: &mut Screen,
) -> Result<u8, Failure> {
    let name = setup.prepared.name();
    let all = Interleavings::new(&setup.prepared, contender, seed).map_err(|error| {
        Failure::new(format!("the failure-free result of `{name}` cannot be computed: {error}"))
    })?;
    let tasks = (0..all.topology().tasks.len() as u32).map(TaskId);
    let crash = |task| Fault::TaskCrash(TaskCrash { task: Some(task) });
    let crashes: Vec<Option<TaskId>> = std::iter::once(None).chain(tasks.map(Some)).collect();
    let mut guard = Guard::new(arguments.budget);
    guard.expect(crashes.len() as u64, "crashes");
    // The budget is shared out: in states, so that what is found does not depend on the threads; or in time, so that all have some.
    let share = (guard.forks / crashes.len() as u64).max(1);
    let time = match arguments.budget {
        Budget::Forks(_) => Duration::MAX,
        Budget::Time(time) => {
            time.mul_f64(threads.current_num_threads().min(crashes.len()) as f64 / crashes.len() as f64)
        }
    };
    let reached = AtomicU64::new(0);
    let start = Instant::now();
    let explore = |&task: &Option<TaskId>| {
        let crash = task.map(crash);
        let (began, mut last) = (Instant::now(), 0);
        let found = all.explore(crash.as_ref(), share, &mut |states| {
            if states >= last + 1000 {
                guard.say(reached.fetch_add(states - last, Ordering::Relaxed) + states - last, "states");
                last = states;
            }
            guard.stops() || began.elapsed() >= time
        });
        guard.tried(1, 0);
        found
    };
    let found: Vec<Orders> = threads.install(|| crashes.par_iter().map(explore).collect());
    let seconds = start.elapsed().as_secs_f64();
    drop(guard);

    let named = |task: Option<TaskId>| task.map(|task| all.topology().task_name(task));
    let mut violations = Vec::new();
    let mut class = Class::Pass;
    for (&task, orders) in crashes.iter().zip(&found) {
        for (objections, order) in &orders.violations {
            let lines = all.tell(task.map(crash).as_ref(), order);
            let violation = Violation {
                crash: named(task),
                oracles: objections.names(),
                file: save(arguments, name, contender.name, named(task), objections, &lines)?,
                order: lines,
            };
            class = super::worse(class, objections.class());
            violations.push(violation);
        }
    }
    let rows = crashes.iter().zip(&found).map(|(&task, orders)| Row {
        crash: named(task),
        states: orders.states,
        steps: orders.steps,
        ends: orders.ends,
        outcomes: orders.outcomes.len() as u64,
        longest: orders.longest,
        complete: orders.complete,
    });
    let states: u64 = found.iter().map(|orders| orders.states).sum();
    let told = Told {
        scenario: name,
        strategy: contender.name,
        seed,
        complete: found.iter().all(|orders| orders.complete),
        rows: rows.collect(),
        states,
        steps: found.iter().map(|orders| orders.steps).sum(),
        seconds,
        states_per_second: if seconds > 0.0 { states as f64 / seconds } else { 0.0 },
        threads: threads.current_num_threads(),
        violations,
    };
    if screen.is_json() {
        screen.json(&told)?;
    } else {
        screen.result(&text(&told))?;
    }
    Ok(exit_code(class))
}

/// Leaves an order as a text file.
fn save(
    arguments: &ExploreArguments,
    scenario: &str,
    strategy: &str,
    crash: Option<String>,
    objections: &Objections,
    lines: &[String],
) -> Result<String, Failure> {
    let folder = &arguments.capsule_dir;
    let crash = crash.map_or("no-crash".to_owned(), |task| task.replace('[', "-").replace(']', ""));
    let name = format!("{scenario}-{strategy}-{crash}-{}.order.txt", objections.names().join("-"));
    let path = folder.join(name);
    fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    let mut text = lines.join("\n");
    text.push('\n');
    Output::write_whole(&path, &text)?;
    Ok(path.display().to_string())
}

fn text(told: &Told<'_>) -> String {
    let mut lines =
        vec![["crash", "states", "steps", "ends", "outcomes", "longest"].map(str::to_owned).to_vec()];
    for row in &told.rows {
        let figures = [row.states, row.steps, row.ends, row.outcomes, row.longest].map(count);
        let crash = row.crash.clone().unwrap_or("none".to_owned());
        lines.push(std::iter::once(crash).chain(figures).collect());
    }
    let mut text = format!(
        "{} under {}, seed {}: every order\n\n{}",
        told.scenario,
        told.strategy,
        told.seed,
        reports::figures(lines)
    );
    for violation in &told.violations {
        text += &format!(
            "\n{} objects{}: the order of {} things is in\n  {}\n",
            violation.oracles.join(", "),
            violation.crash.as_ref().map_or(String::new(), |task| format!(" where {task} crashes")),
            violation.order.len(),
            violation.file
        );
    }
    text += match told.complete {
        true => "\ncomplete: every order that the channels allow was tried\n",
        false => "\nnot complete: give it a larger `--budget`, or fewer records\n",
    };
    let threads = if told.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", told.threads) };
    text += &format!(
        "{} states in {:.1} s: {} states/s on {threads}\n",
        count(told.states),
        told.seconds,
        count(told.states_per_second as u64)
    );
    text
}
