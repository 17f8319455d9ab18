//! The course of a run: it changes nothing, and its sums are those of the record.

use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::course::Course;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::RunRecord;
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::world::World;

fn prepared(name: &str, overrides: &[&str]) -> Prepared {
    let source = resolve(name).expect("a scenario");
    Prepared::load(&source, overrides, 1).unwrap_or_else(|error| panic!("{error}"))
}

fn run(prepared: &Prepared, strategy: &str, profile: &str, options: Options) -> (RunRecord, Option<Course>) {
    let profile = faults::resolve(profile).expect("a profile");
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), 4));
    let contender = Contender::named(strategy).expect("a strategy");
    let mut runner = Runner::new(prepared, contender);
    let record = runner.run(4, &plan, &Options { forks: Some(false), ..options }, None);
    (record, runner.course().cloned())
}

const WITH: fn() -> Options = || Options { course: true, ..Options::default() };

#[test]
fn a_course_changes_nothing_and_sums_up() {
    for (name, overrides) in [("wordcount", &[][..]), ("slow-task", &[]), ("sum-even-odd", &[])] {
        let prepared = prepared(name, overrides);
        for strategy in STRATEGIES {
            let of = format!("{name} under {}", strategy.name);
            let without = run(&prepared, strategy.name, "crashes", Options::default());
            let (record, course) = run(&prepared, strategy.name, "crashes", WITH());
            assert_eq!(without, (record.clone(), None), "{of}");
            let course = course.expect("a course");
            let arrivals: u64 = course.slices.iter().map(|slice| slice.arrivals).sum();
            assert_eq!(arrivals, record.arrivals, "{of}");
            let longest = course.slices.iter().map(|slice| slice.latency_max).max();
            // The record knows two digits.
            let known = record.latency.max;
            assert!(
                longest.is_some_and(|longest| longest <= known && known - longest <= known / 50),
                "{of}: {longest:?} {known}"
            );
            let quantile = |parts| course.quantile(parts).unwrap_or_default();
            let known = (record.latency.p50, record.latency.p99);
            assert_eq!((quantile(500_000), quantile(990_000)), known, "{of}");
            let ends = course.slices.len() as u64 * course.width;
            assert!(
                ends > record.duration && ends - record.duration <= course.width,
                "{of}: {ends} {}",
                record.duration
            );
            assert_eq!(course.operators.len(), prepared.topology().operators.len(), "{of}");
            // What is retained is there at the end, and while it is written so is what it replaces.
            let newest = record.completed().last().map_or(0, |newest| newest.full_checkpoint_data_size);
            assert!(course.stored_max() >= newest, "{of}: {} {newest}", course.stored_max());
            for checkpoint in record.completed() {
                let slowest = course.slowest.iter().find(|slowest| slowest.checkpoint == checkpoint.id);
                assert_eq!(slowest.is_some(), record.local.is_none(), "{of}");
                // Then the acknowledgement is under way, and the metadata are written.
                let whole = slowest.map_or(0, |slowest| slowest.whole());
                assert!(whole < checkpoint.duration, "{of}: {whole} of {}", checkpoint.duration);
                let most = slowest.is_none() || whole > checkpoint.duration / 4;
                assert!(most, "{of}: {whole} of {}", checkpoint.duration);
            }
            assert_eq!(
                run(&prepared, strategy.name, "crashes", WITH()).1,
                Some(course),
                "{of}: twice the same"
            );
        }
    }
}

#[test]
fn the_course_is_the_same_with_and_without_lookahead_but_for_when_the_store_was_looked_at() {
    let prepared = prepared("wordcount", &[]);
    let (_, ahead) = run(&prepared, "aligned", "crashes", WITH());
    let (_, ordered) = run(&prepared, "aligned", "crashes", Options { lookahead: false, ..WITH() });
    let seen = |course: Option<Course>| {
        let mut course = course.expect("a course");
        course.slices.iter_mut().for_each(|slice| slice.stored = 0);
        course
    };
    assert_eq!(seen(ahead), seen(ordered));
}

#[test]
fn a_slow_operator_presses_back_on_those_before_it_and_on_no_other() {
    let prepared = prepared("slow-task", &[]);
    let uids: Vec<String> =
        prepared.topology().operators.iter().map(|operator| operator.uid.clone()).collect();
    let (record, course) = run(&prepared, "aligned", "none", WITH());
    let course = course.expect("a course");
    let shares: Vec<f64> =
        course.operators.iter().map(|operator| course.backpressure(operator, record.duration)).collect();
    assert_eq!(uids[..2], ["source", "slow"]);
    assert!((0.3..1.0).contains(&shares[0]), "{uids:?} {shares:?}");
    assert_eq!(shares[1..], [0.0; 3], "{uids:?} {shares:?}");
    for operator in &course.operators {
        let most = course.width * u64::from(operator.subtasks);
        assert!(operator.backpressured.iter().all(|stalled| *stalled <= most), "{}", operator.operator);
    }
    let free = self::prepared("wordcount", &[]);
    let (record, course) = run(&free, "aligned", "none", WITH());
    let course = course.expect("a course");
    let all = course.operators.iter().map(|operator| course.backpressure(operator, record.duration));
    assert_eq!(all.fold(0.0, f64::max), 0.0, "a job that has time is never kept from working");
}

/// A node that is lost while the job recovers is missed later; the second restore repairs that crash, and nothing else.
#[test]
fn a_crash_during_a_recovery_is_that_of_the_next_restore() {
    let source = resolve("wordcount").expect("a scenario");
    let profile = faults::resolve("crashes").expect("a profile");
    let (mut interrupted, mut lost) = (0, 0);
    for seed in 0..40 {
        let prepared = Prepared::load(&source, &[""; 0], seed).unwrap_or_else(|error| panic!("{error}"));
        let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
        let mut crashes = Vec::new();
        let mut note = |_: &World, events: &[Stamped]| {
            let is_crash =
                |event: &Event| matches!(event, Event::TaskCrashed { .. } | Event::NodeCrashed { .. });
            crashes.extend(events.iter().filter(|it| is_crash(&it.event)).map(|it| it.time));
        };
        let contender = Contender::named("unaligned").expect("a strategy");
        let options = Options { forks: Some(false), ..Options::default() };
        let record = Runner::new(&prepared, contender).run(seed, &plan, &options, Some(&mut note));
        for restore in &record.restores {
            assert!(crashes.contains(&restore.crashed), "seed {seed}: {restore:?}, crashes at {crashes:?}");
            lost += 1;
        }
        interrupted += record.restores.iter().filter(|restore| restore.running.is_none()).count();
        let down: u64 = record.times_to_running().sum();
        assert!(down <= record.duration, "seed {seed}: down for {down} of {}", record.duration);
    }
    assert!(
        interrupted > 3 && lost > 20,
        "{interrupted} of {lost} recoveries were interrupted: this proves nothing"
    );
}
