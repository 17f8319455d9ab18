//! Every order of what happens in a tiny job: `cutline explore --interleavings`.

use cutline_algorithms::{STRATEGIES, bugs};
use cutline_scenarios::explore::interleavings::{Interleavings, Orders};
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;
use cutline_sim::faults::{Fault, TaskCrash};
use cutline_sim::ids::TaskId;

/// One source and one record: few enough orders to try them all.
const ONE: &[&str] = &[
    "input.keys.kind.keys.splits=1",
    "input.keys.kind.keys.count=1",
    "job.operator.source.parallelism=1",
    "job.operator.sink.does={sink=\"plain\"}",
];
const COUNTER: Fault = Fault::TaskCrash(TaskCrash { task: Some(TaskId(2)) });

fn orders(contender: Contender, overrides: &[&str]) -> Interleavings {
    let scenario = resolve("dozen").expect("a scenario");
    let prepared = Prepared::load(&scenario, overrides, 1).unwrap_or_else(|error| panic!("{error}"));
    Interleavings::new(&prepared, contender, 1).expect("a result without failures")
}

fn strategy(name: &str) -> Contender {
    cutline_algorithms::find(name).expect("a strategy").into()
}

fn explore(all: &Interleavings, crash: Option<&Fault>, states: u64) -> Orders {
    all.explore(crash, states, &mut |_| false)
}

#[test]
fn all_orders_of_one_record_are_tried_and_right() {
    let found = explore(&orders(strategy("aligned"), ONE), None, u64::MAX);
    assert!(found.complete && found.violations.is_empty(), "{found:?}");
    assert!(found.steps > 2 * found.states, "orders meet again and again: {found:?}");
    // The checkpoint may come behind the end, or before it: then there is another one.
    assert_eq!(found.outcomes.len(), 2, "{found:?}");
}

#[test]
fn all_orders_of_one_record_and_a_crash_are_tried_and_right() {
    let counter = Fault::TaskCrash(TaskCrash { task: Some(TaskId(1)) });
    for name in ["stop-the-world", "aligned"] {
        let found = explore(&orders(strategy(name), ONE), Some(&counter), u64::MAX);
        assert!(found.complete && found.violations.is_empty(), "{name}: {found:?}");
        assert!(
            found.outcomes.len() > 4,
            "the crash comes before and behind everything else, {name}: {found:?}"
        );
        // What is over is forgotten, and nothing that a world which keeps it could come to is lost by that.
        let kept = explore(&orders(strategy(name), ONE).keeping_all(), Some(&counter), 20_000);
        assert!(kept.states == 20_000 && kept.violations.is_empty(), "{name}: {kept:?}");
        assert!(kept.outcomes.len() > 3, "{name}: {kept:?}");
        assert!(kept.outcomes.is_subset(&found.outcomes), "{name}: {kept:?} {found:?}");
    }
}

/// What need not be tried again leads nowhere else.
#[test]
fn a_choice_that_concerns_nobody_else_is_tried_once() {
    let bug = |name| Contender::from(bugs::find(name).expect("a bug"));
    let sound = ["stop-the-world", "chandy-lamport"].map(strategy);
    for contender in sound.into_iter().chain(["read-on", "subsume-early"].map(bug)) {
        let new = || orders(contender, ONE);
        let (some, all) = (explore(&new(), None, u64::MAX), explore(&new().sleepless(), None, u64::MAX));
        assert!(some.complete && all.complete && some.steps < all.steps, "{}", contender.name);
        assert_eq!((some.states, some.ends, &some.outcomes), (all.states, all.ends, &all.outcomes));
        assert!(some.violations.keys().eq(all.violations.keys()), "{some:?} {all:?}");
        let is_sound = sound.iter().any(|other| other.name == contender.name);
        assert_eq!(some.violations.is_empty(), is_sound, "{}", contender.name);
    }
}

/// States that are taken for one come to the same.
#[test]
fn counts_are_only_names() {
    for name in ["stop-the-world", "aligned", "changelog"] {
        let new = || orders(strategy(name), ONE);
        let (some, all) = (explore(&new(), None, u64::MAX), explore(&new().exact(), None, u64::MAX));
        assert!(some.complete && all.complete && some.states < all.states, "{name}: {some:?} {all:?}");
        assert_eq!((some.outcomes, some.violations), (all.outcomes, all.violations), "{name}");
    }
}

#[test]
fn a_crash_in_between_does_no_harm() {
    for strategy in STRATEGIES {
        let found = explore(&orders(strategy.into(), &[]), Some(&COUNTER), 1_000);
        assert!(found.violations.is_empty(), "{}: {found:?}", strategy.name);
        assert!(found.ends > 0 && !found.complete, "{}: {found:?}", strategy.name);
    }
}

#[test]
fn an_order_that_a_planted_bug_does_not_survive_is_found_and_told() {
    for name in ["read-on", "subsume-early", "forget-last-commit"] {
        let bug = bugs::find(name).expect("a bug");
        let all = orders(bug.into(), &ONE[..3]);
        let found = explore(&all, None, 300);
        let caught = found.violations.iter().find(|(by, _)| by.names().contains(&bug.caught_by));
        let (_, order) = caught.unwrap_or_else(|| panic!("{name} is not caught: {found:?}"));
        let lines = all.tell(None, order);
        for line in
            ["count[0] takes a mark from source[0] -> count[0]", "the metadata of checkpoint 1 is written"]
        {
            assert!(lines.iter().any(|told| told == line), "{name} without `{line}`: {lines:#?}");
        }
    }
}

/// What is not computed anew has not changed.
#[test]
fn the_digest_of_a_state_is_that_of_all_its_parts() {
    for name in ["unaligned", "chandy-lamport", "changelog"] {
        let new = || orders(strategy(name), &["input.keys.kind.keys.count=4"]);
        let (some, all) =
            (explore(&new(), Some(&COUNTER), 1_500), explore(&new().thorough(), Some(&COUNTER), 1_500));
        assert_eq!(some, all, "{name}");
    }
}
