//! `cutline explore`: a run is forked after every event, and every fault strikes there.

pub mod arguments;
mod interleavings;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use cutline::reports;
use cutline::reports::units::count;
use cutline::scenarios::capsule::CapsuleOptions;
use cutline::scenarios::explore::{Explorer, Findings, Fork, Memory, Pass, Row, Watch};
use cutline::scenarios::record::Class;
use cutline::scenarios::{faults, library_files};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use arguments::{Budget, ExploreArguments};

use crate::execute::{Order, Watchers, announce_plan, announce_seed, execute, exit_code};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::setup::Setup;
use crate::{capsules, interrupts, registry, threads};

/// The name of the faults of a fork, in its capsule.
const FAULTS: &str = "explored";
/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Explored<'a> {
    scenario: &'a str,
    strategy: &'a str,
    seed: u64,
    /// Events of the run; there are as many points at which faults strike.
    events: u64,
    /// Points at which everything was tried, with one fault and with a second.
    points: u64,
    points_of_pairs: u64,
    /// True if everything was tried that was asked for.
    complete: bool,
    rows: &'a [Row],
    forks: u64,
    /// How many of them were restored, and in how many states; those that met have one end.
    restored: u64,
    states: u64,
    /// With `--check-states`, states of forks that met and had not one end.
    at_odds: u64,
    seconds: f64,
    forks_per_second: f64,
    threads: usize,
    violations: &'a [Told],
}

/// A violation, for people and programs.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    /// The faults, a line each.
    faults: Vec<String>,
    /// Who objects.
    oracles: Vec<&'static str>,
    /// How a run with these faults is judged.
    class: Class,
    /// Where its capsule is.
    capsule: String,
    /// The command that replays it.
    #[serde(skip)]
    command: String,
}

/// Explores.
pub fn explore(arguments: &ExploreArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.json);
    let seed = arguments.seed.number();
    announce_seed(screen, seed)?;
    let contender = registry::strategy(&arguments.strategy)?;
    let profile = faults::resolve(&arguments.faults)?;
    let source = library_files::resolve(&arguments.scenario)?;
    let setup = Setup::new(source, &arguments.overrides(), arguments.input.as_deref(), seed)?;
    let prepared = &setup.prepared;
    registry::check_cycles(&contender, prepared)?;
    let threads = threads::pool(arguments.threads, "--threads")?;
    if arguments.interleavings {
        return interleavings::explore(arguments, &setup, contender, seed, &threads, screen);
    }
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    announce_plan(screen, &setup, &arguments.faults, &plan)?;
    let mut guard = Guard::new(arguments.budget);
    let memory = if arguments.check_states { Memory::Checked } else { Memory::Used };
    let explorer = Explorer::new(prepared, contender, seed, Arc::clone(&plan), &arguments.victims);
    let explorer = explorer.with_memory(memory);
    guard.expect(explorer.events() * if arguments.pairs { 2 } else { 1 }, "events");
    let start = Instant::now();
    let single = threads.install(|| explorer.explore(Pass::Single, guard.forks, &guard));
    let mut done = Done { single, pairs: None, seconds: 0.0, threads: threads.current_num_threads() };
    if arguments.pairs {
        let left = guard.forks.saturating_sub(done.single.forks());
        done.pairs = Some(threads.install(|| explorer.explore(Pass::Pairs, left, &guard)));
    }
    done.seconds = start.elapsed().as_secs_f64();
    drop(guard);

    let order = Order {
        contender,
        faults: FAULTS.to_owned(),
        plan,
        seed,
        options: CapsuleOptions { forks: Some(false), check_determinism: false, lookahead: true },
    };
    let mut told = Vec::new();
    let mut class = if done.at_odds() > 0 { Class::NonDeterminism } else { Class::Pass };
    for violation in explorer.objection().into_iter().chain(done.violations()) {
        let violation = tell(arguments, &setup, &order, violation)?;
        class = worse(class, violation.class);
        told.push(violation);
    }
    show(screen, (&setup, &order, &explorer), &done, &told)?;
    Ok(exit_code(class))
}

/// What was done.
struct Done {
    single: Findings,
    pairs: Option<Findings>,
    seconds: f64,
    threads: usize,
}

impl Done {
    fn passes(&self) -> impl Iterator<Item = &Findings> {
        std::iter::once(&self.single).chain(&self.pairs)
    }

    fn violations(&self) -> impl Iterator<Item = &Fork> {
        self.passes().flat_map(|found| found.violations.values())
    }

    fn rows(&self) -> Vec<Row> {
        self.passes().flat_map(Findings::rows).collect()
    }

    fn forks(&self) -> u64 {
        self.passes().map(Findings::forks).sum()
    }

    fn at_odds(&self) -> u64 {
        self.passes().map(|found| found.at_odds).sum()
    }

    fn is_complete(&self, events: u64) -> bool {
        self.passes().all(|found| found.points == events)
    }
}

/// The worse of two classes.
fn worse(one: Class, other: Class) -> Class {
    let gravity = |class: Class| match class {
        Class::Pass => 0,
        Class::Stall => 1,
        Class::Safety => 2,
        Class::NonDeterminism => 3,
    };
    if gravity(other) > gravity(one) { other } else { one }
}

/// Runs what went wrong as an ordinary run, and leaves its capsule. A run that is another than the fork is non-determinism.
fn tell(
    arguments: &ExploreArguments,
    setup: &Setup,
    order: &Order,
    violation: &Fork,
) -> Result<Told, Failure> {
    let plan = violation.plan(&order.plan);
    let order = Order { plan: Arc::clone(&plan), faults: order.faults.clone(), ..*order };
    let record = execute(setup, &order, Watchers::default()).record;
    let is_same = record.digest == format!("{:032x}", violation.digest);
    let overrides = arguments.overrides();
    let given = (arguments.input.as_deref(), overrides.as_slice());
    let path = capsules::save(&arguments.capsule_dir, setup, given, &order, &record)?;
    Ok(Told {
        faults: plan.describe(setup.prepared.topology()),
        oracles: violation.objections.names(),
        class: if is_same { record.class() } else { Class::NonDeterminism },
        capsule: path.display().to_string(),
        command: capsules::command(&path),
    })
}

/// Prints what was found.
fn show(
    screen: &mut Screen,
    (setup, order, explorer): (&Setup, &Order, &Explorer<'_>),
    done: &Done,
    told: &[Told],
) -> Result<(), Failure> {
    let (events, rows, forks) = (explorer.events(), done.rows(), done.forks());
    let rate = if done.seconds > 0.0 { forks as f64 / done.seconds } else { 0.0 };
    let points_of_pairs = done.pairs.as_ref().map_or(0, |found| found.points);
    let complete = done.is_complete(events);
    let restored: u64 = done.passes().map(|found| found.restored).sum();
    let states: BTreeSet<u128> = done.passes().flat_map(|found| found.states.iter().copied()).collect();
    let states = states.len() as u64;
    if screen.is_json() {
        return screen.json(&Explored {
            scenario: setup.prepared.name(),
            strategy: order.contender.name,
            seed: order.seed,
            events,
            points: done.single.points,
            points_of_pairs,
            complete,
            rows: &rows,
            forks,
            restored,
            states,
            at_odds: done.at_odds(),
            seconds: done.seconds,
            forks_per_second: rate,
            threads: done.threads,
            violations: told,
        });
    }
    let mut text = format!(
        "{} under {}, seed {}: {} events\n\n{}",
        setup.prepared.name(),
        order.contender.name,
        order.seed,
        count(events),
        reports::explored(&rows),
    );
    for violation in told {
        text += &format!("\n{} objects:\n", violation.oracles.join(", "));
        violation.faults.iter().for_each(|fault| text += &format!("  {fault}\n"));
        text += &format!("to replay:\n  {}\n", violation.command);
    }
    let so_far = |found: &Findings| format!("{} of {} events", count(found.points), count(events));
    text += &match (complete, &done.pairs) {
        (true, None) => "\ncomplete: every single fault on this run was tried\n".to_owned(),
        (true, Some(_)) => {
            "\ncomplete: every fault on this run, and every second one during recovery, was tried\n"
                .to_owned()
        }
        (false, None) => {
            format!("\nnot complete: {} were explored; give it a larger `--budget`\n", so_far(&done.single))
        }
        (false, Some(pairs)) => format!(
            "\nnot complete: single faults at {}, pairs at {}; give it a larger `--budget`\n",
            so_far(&done.single),
            so_far(pairs)
        ),
    };
    let threads = if done.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", done.threads) };
    let seconds = done.seconds;
    text +=
        &format!("{} forks in {seconds:.2} s: {} forks/s on {threads}\n", count(forks), count(rate as u64));
    if restored > 0 {
        text += &format!(
            "{} of them were restored, in {} states; forks that meet have one end\n",
            count(restored),
            count(states)
        );
    }
    if done.at_odds() > 0 {
        text += &format!(
            "forks that met in {} of these states had not one end: the state of {} has something that its hash leaves out\n",
            count(done.at_odds()),
            order.contender.name
        );
    }
    screen.result(&text)
}

/// When it is enough; and a sign of life meanwhile.
struct Guard {
    forks: u64,
    until: Option<Instant>,
    interrupted: Arc<AtomicBool>,
    bar: ProgressBar,
    tried: AtomicU64,
}

impl Guard {
    /// Ctrl-C ends it early, but not without a result.
    fn new(budget: Budget) -> Guard {
        let (forks, until) = match budget {
            Budget::Forks(forks) => (forks, None),
            Budget::Time(time) => (u64::MAX, Instant::now().checked_add(time)),
        };
        let interrupted = interrupts::catch(|| {});
        Guard { forks, until, interrupted, bar: ProgressBar::hidden(), tried: AtomicU64::new(0) }
    }

    /// Shows a bar for so many of these.
    fn expect(&mut self, points: u64, what: &str) {
        self.bar = ProgressBar::new(points);
        let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}} of {{len}} {what}, {{msg}}"));
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }

    /// Says how many there are by now.
    fn say(&self, number: u64, what: &str) {
        self.bar.set_message(format!("{} {what}", count(number)));
    }
}

impl Watch for Guard {
    fn stops(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn tried(&self, points: u64, forks: u64) {
        let forks = self.tried.fetch_add(forks, Ordering::Relaxed) + forks;
        if forks > 0 {
            self.say(forks, "forks");
        }
        self.bar.inc(points);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
