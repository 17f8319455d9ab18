//! Every order of what happens in a tiny job: `cutline explore --interleavings`.

use cutline_algorithms::bugs;
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
    for name in ["aligned", "unaligned", "stop-the-world"] {
        let start = std::time::Instant::now();
        let found = explore(&orders(strategy(name), ONE), None, 100_000);
        println!("LOOK {name} {found:?} {:?}", start.elapsed());
        assert!(found.complete && found.violations.is_empty(), "{name}: {found:?}");
        assert!(found.steps > 2 * found.states, "{name}: orders meet again and again: {found:?}");
    }
}

#[test]
fn a_crash_in_between_does_no_harm() {
    for name in ["aligned", "unaligned", "stop-the-world"] {
        let start = std::time::Instant::now();
        let found = explore(&orders(strategy(name), &[]), Some(&COUNTER), 5_000);
        println!("LOOK {name} {found:?} {:?}", start.elapsed());
        assert!(found.violations.is_empty(), "{name}: {found:?}");
        assert!(found.ends > 10 && !found.complete, "{name}: {found:?}");
    }
}

#[test]
fn an_order_that_a_planted_bug_does_not_survive_is_found_and_told() {
    let bug = bugs::find("first-barrier").expect("a bug");
    let all = orders(bug.into(), &["input.keys.kind.keys.count=2"]);
    let found = explore(&all, Some(&COUNTER), 20_000);
    println!("LOOK {:?}", found.violations.keys().map(|it| it.names()).collect::<Vec<_>>());
    let (_, order) =
        found.violations.iter().find(|(by, _)| by.names().contains(&bug.caught_by)).expect("an order");
    let lines = all.tell(Some(&COUNTER), order);
    for line in &lines {
        println!("LOOK {line}");
    }
    assert!(
        lines.iter().any(|line| line == "count[0] takes a mark from source[0] -> count[0]"),
        "{lines:#?}"
    );
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
