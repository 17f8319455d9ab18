//! The jobs of the library that go by event time or have a special shape: each under both strategies, without faults and with
//! many, all oracles listening. And what readers of the sink see must be what the raw input gives when it is worked out here
//! in another way, with loops over all records instead of operators.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::{ScenarioText, resolve};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointMode, Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::faults::FaultPlan;
use cutline_sim::graph::Role;
use cutline_sim::ids::TaskId;
use cutline_sim::record::Record;
use cutline_sim::time::{MILLISECOND, Time};
use cutline_sim::world::World;

/// Key, value and event time.
type Row = (u64, i64, Time);

fn row(record: &Record) -> Row {
    (record.key, record.value, record.event_time)
}

fn prepare(text: &ScenarioText) -> Prepared {
    Prepared::load::<&str>(text, &[], 7).unwrap_or_else(|error| panic!("{error}"))
}

/// Everything that the source of this uid reads.
fn raw(prepared: &Prepared, uid: &str) -> Vec<Row> {
    let graph = &prepared.topology().graph;
    let source = graph.node_weights().find(|operator| operator.uid == uid).expect("a source");
    let Role::Source(input) = &source.role else { panic!("{uid} is no source") };
    let mut rows = Vec::new();
    for split in 0..input.splits() {
        let mut offset = input.start(split);
        while let Some(entry) = input.read(split, offset) {
            rows.push(row(&entry.record));
            offset = entry.next;
        }
    }
    rows
}

/// What readers of the sinks see, sorted.
fn visible(world: &World) -> Vec<Row> {
    let tasks = (0..world.topology().tasks.len() as u32).map(TaskId);
    let committed = tasks.flat_map(|task| world.external().committed(task));
    let mut rows: Vec<Row> = committed.flat_map(|(_, records)| records).map(row).collect();
    rows.sort_unstable();
    rows
}

/// Runs a job under every strategy and many plans of faults; `expected` makes its results of the raw input, of which there
/// must be at least `least`.
fn check(prepared: &Prepared, least: usize, expected: impl Fn(&Prepared) -> Vec<Row>) {
    let name = prepared.name();
    let mut expected = expected(prepared);
    expected.sort_unstable();
    assert!(expected.len() >= least, "{name}: only {} results", expected.len());
    // What goes by event time leaves nothing behind; only the sums of `deep` stay.
    let left: usize = prepared.reference().operators.iter().map(|operator| operator.state.keyed_len()).sum();
    assert_eq!(left, if name == "deep" { 16 } else { 0 }, "{name}");
    for strategy in STRATEGIES {
        let (mut runner, mut restores) = (Runner::new(prepared, Contender::from(strategy)), 0);
        for (profile, seeds) in
            [("none", 0..1), ("everything", 1..7), ("crashes", 7..10), ("network", 10..11)]
        {
            let profile = faults::resolve(profile).expect("a profile");
            for seed in seeds {
                let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
                let record = runner.run(seed, &plan, &Options::default(), None);
                let of = format!("{name} under {} with seed {seed}", strategy.name);
                assert_eq!(record.class(), Class::Pass, "{of}: {:#?}", record.verdicts);
                // At least once something may be there twice; then the record says so.
                let exact =
                    strategy.guarantee == CheckpointMode::ExactlyOnce || record.counted_again.is_empty();
                assert!(!exact || visible(runner.world()) == expected, "{of}");
                restores += record.restores.len();
            }
        }
        assert!(restores > 3, "{name} under {}: only {restores} restores", strategy.name);
    }
}

/// A job that is not in the library: operators in a row, the first over one or two inputs of this kind, each on a port of its
/// own; edges into operators are of these kinds.
fn small_job(operators: &[&str], inputs: &[&str]) -> Prepared {
    let mut text = "name = \"small\"\nabout = \"An operator between its sources and a sink.\"\n".to_owned();
    let mut add = |uid: &str, does: &str, edges: &[(String, &str, u32)]| {
        text += &format!(
            "[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nparallelism = 2\nservice = \"30us\"\n"
        );
        for (from, ship, port) in edges {
            text += &format!(
                "[[job.edge]]\nfrom = \"{from}\"\nto = \"{uid}\"\nship = \"{ship}\"\nport = {port}\n"
            );
        }
    };
    let sources: Vec<String> = (0..inputs.len()).map(|port| format!("source-{port}")).collect();
    sources.iter().for_each(|source| add(source, &format!("{{ source = \"{source}\" }}"), &[]));
    let mut before: Vec<(String, &str, u32)> =
        sources.iter().zip(0..).map(|(source, port)| (source.clone(), inputs[port as usize], port)).collect();
    for (at, operator) in operators.iter().enumerate() {
        let uid = format!("operator-{at}");
        add(&uid, operator, &before);
        before = vec![(uid, "hash", 0)];
    }
    before[0].1 = "forward";
    add("sink", "{ sink = \"transactional\" }", &before);
    for (port, source) in sources.iter().enumerate() {
        text += &format!(
            "[input.{source}]\nkind = {{ events = {{ count = 800, keys = 12, values = 50, rate = \"200/s\", splits = 2, \
             disorder = \"30ms\", series = {port} }} }}\n"
        );
    }
    text += "[cluster]\nnodes = 3\n[taskmanager]\nnumberOfTaskSlots = 1\n[heartbeat]\ninterval = \"200ms\"\n\
             timeout = \"1s\"\n[execution]\ncheckpointing.interval = \"200ms\"\ncheckpointing.timeout = \"5s\"\n";
    prepare(&ScenarioText::new("small.toml", text))
}

fn library(name: &str) -> Prepared {
    prepare(&resolve(name).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn visits_are_counted_in_sessions() {
    const GAP: Time = 300 * MILLISECOND;
    check(&library("visits"), 300, |prepared| {
        let mut visits = raw(prepared, "source");
        visits.sort_unstable_by_key(|&(user, _, time)| (user, time));
        let together = |a: &Row, b: &Row| a.0 == b.0 && b.2 - a.2 < GAP;
        let sessions = visits.chunk_by(together);
        sessions
            .map(|visits| (visits[0].0, visits.len() as i64, visits[visits.len() - 1].2 + GAP - 1))
            .collect()
    });
}

#[test]
fn small_payments_before_large_ones_raise_an_alert() {
    check(&library("fraud"), 20, |prepared| {
        let payments = raw(prepared, "source");
        let tries = |large: &Row| {
            payments.iter().any(|&(account, amount, time)| {
                account == large.0 && amount < 100 && time < large.2 && large.2 - time <= 50 * MILLISECOND
            })
        };
        payments.iter().filter(|large| large.1 >= 900 && tries(large)).copied().collect()
    });
}

#[test]
fn windows_add_up_what_lies_in_them() {
    for (size, slide, operator) in [
        (100, 100, "{ tumbling-window = { size = \"100ms\", aggregate = \"sum\" } }"),
        (300, 100, "{ sliding-window = { size = \"300ms\", slide = \"100ms\", aggregate = \"sum\" } }"),
    ] {
        check(&small_job(&[operator], &["hash"]), 200, |prepared| {
            let mut sums = BTreeMap::new();
            for (key, value, time) in raw(prepared, "source-0") {
                // Windows end at multiples of 100 ms: one instant after the other is asked.
                for end in (1..=50).map(|n| n * slide * MILLISECOND) {
                    if time < end && time + size * MILLISECOND >= end {
                        *sums.entry((key, end - 1)).or_insert(0) += value;
                    }
                }
            }
            sums.into_iter().map(|((key, last), sum)| (key, sum, last)).collect()
        });
    }
}

#[test]
fn the_first_of_a_key_passes_and_the_others_only_after_a_while() {
    check(&small_job(&["{ deduplication = { time-to-live = \"150ms\" } }"], &["hash"]), 100, |prepared| {
        let mut records = raw(prepared, "source-0");
        records.sort_unstable_by_key(|&(key, _, time)| (key, time));
        let mut last: Option<Row> = None;
        records.retain(|&record| {
            let passes = last.is_none_or(|last| last.0 != record.0 || record.2 - last.2 >= 150 * MILLISECOND);
            last = if passes { Some(record) } else { last };
            passes
        });
        records
    });
}

#[test]
fn the_largest_of_each_window_are_found() {
    check(&small_job(&["{ top-n = { n = 2, size = \"200ms\" } }"], &["hash"]), 200, |prepared| {
        let window = |time: Time| (time / (200 * MILLISECOND) + 1) * 200 * MILLISECOND - 1;
        let mut records: Vec<Row> = raw(prepared, "source-0")
            .into_iter()
            .map(|(key, value, time)| (key, value, window(time)))
            .collect();
        records.sort_unstable_by_key(|&(key, value, last)| (key, last, -value));
        let windows = records.chunk_by(|a, b| (a.0, a.2) == (b.0, b.2));
        windows.flat_map(|window| window.iter().take(2)).copied().collect()
    });
}

#[test]
fn records_close_to_each_other_are_joined() {
    let job = small_job(&["{ interval-join = { before = \"10ms\", after = \"40ms\" } }"], &["hash", "hash"]);
    check(&job, 200, |prepared| {
        let (left, right) = (raw(prepared, "source-0"), raw(prepared, "source-1"));
        let mut pairs = Vec::new();
        for &(key, value, time) in &left {
            let from = time.saturating_sub(10 * MILLISECOND);
            let partners = right.iter().filter(|other| other.0 == key);
            let near = partners.filter(|other| (from..=time + 40 * MILLISECOND).contains(&other.2));
            pairs.extend(near.map(|other| (key, value, time.max(other.2))));
        }
        pairs
    });
}

#[test]
fn rules_find_records_from_their_instant_on() {
    let job = small_job(&["{ broadcast-state = { initial = 30 } }"], &["hash", "broadcast"]);
    check(&job, 500, |prepared| {
        let mut rules = raw(prepared, "source-1");
        rules.push((0, 30, 0));
        let mut found = Vec::new();
        for record in raw(prepared, "source-0") {
            for number in 0..12 {
                let begun = rules.iter().filter(|rule| rule.0 == number && rule.2 <= record.2);
                let newest = begun.max_by_key(|rule| (rule.2, rule.1));
                found.extend(newest.filter(|rule| record.1 >= rule.1).map(|_| record));
            }
        }
        found
    });
}

#[test]
fn what_was_held_back_is_not_late_for_the_windows_behind_it() {
    let windows = "{ tumbling-window = { size = \"1s\", aggregate = \"sum\" } }";
    check(&small_job(&["\"hold-back\"", windows], &["rebalance"]), 12, |prepared| {
        let mut sums = BTreeMap::new();
        raw(prepared, "source-0").iter().for_each(|&(key, value, _)| *sums.entry(key).or_insert(0) += value);
        sums.into_iter().map(|(key, sum)| (key, sum, Time::MAX)).collect()
    });
}

/// The sums per key and window of these rows.
fn sums(rows: impl IntoIterator<Item = Row>, size: Time) -> Vec<Row> {
    let mut sums = BTreeMap::new();
    for (key, value, time) in rows {
        *sums.entry((key, time - time % size + size - 1)).or_insert(0) += value;
    }
    sums.into_iter().map(|((key, last), sum)| (key, sum, last)).collect()
}

/// The failure-free run of a job under aligned checkpoints, and how many records each subtask of an operator has handled.
fn quiet(prepared: &Prepared, uid: &str) -> (RunRecord, Vec<u64>) {
    let aligned = cutline_algorithms::find("aligned").expect("aligned");
    let mut runner = Runner::new(prepared, Contender::from(aligned));
    let record = runner.run(1, &Arc::new(FaultPlan::default()), &Options::default(), None);
    let tasks = (0..prepared.topology().tasks.len() as u32).map(TaskId);
    let named = |task: &TaskId| prepared.topology().task_name(*task).starts_with(&format!("{uid}["));
    let handled = tasks.filter(named).map(|task| runner.world().handled(task).0).collect();
    (record, handled)
}

#[test]
fn two_branches_of_one_stream_meet_again() {
    check(&library("diamond"), 200, |prepared| {
        let scaled = raw(prepared, "source").into_iter().map(|(key, value, time)| (key, value * 3 + 1, time));
        let both = scaled.flat_map(|(key, value, time)| {
            let small = (value <= 149).then_some((key, value, time));
            small.into_iter().chain([(key, value * 2 + 5, time)])
        });
        sums(both, 200 * MILLISECOND)
    });
}

#[test]
fn everything_is_joined_with_everything() {
    let prepared = library("wide");
    assert_eq!(prepared.topology().channels.len(), 192);
    check(&prepared, 500, |prepared| {
        let (orders, payments) = (raw(prepared, "orders"), raw(prepared, "payments"));
        let mut pairs = Vec::new();
        for &(key, value, time) in &orders {
            for other in payments.iter().filter(|other| other.0 == key) {
                if other.2 + 10 * MILLISECOND >= time && other.2 <= time + 40 * MILLISECOND {
                    pairs.push((key, value, time.max(other.2)));
                }
            }
        }
        pairs
    });
}

#[test]
fn every_step_of_a_long_chain_counts() {
    check(&library("deep"), 16, |prepared| {
        let last = raw(prepared, "source").into_iter().map(|(_, value, _)| value + 12);
        let mut sums = BTreeMap::new();
        last.for_each(|value| *sums.entry(value as u64 % 16).or_insert(0) += value);
        sums.into_iter().map(|(key, sum)| (key, sum, Time::MAX)).collect()
    });
}

#[test]
fn a_slow_task_holds_up_what_is_before_it() {
    let prepared = library("slow-task");
    check(&prepared, 150, |prepared| {
        let added = raw(prepared, "source").into_iter().map(|(key, value, time)| (key, value + 1, time));
        sums(added, 100 * MILLISECOND)
    });
    let (record, handled) = quiet(&prepared, "slow");
    assert_eq!(handled, [1500]);
    assert!(record.duration > 1500 * MILLISECOND, "{}", record.duration);
    // A barrier that starts in the middle waits behind what is queued.
    let slowest = record.checkpoints.iter().map(|checkpoint| checkpoint.duration).max().unwrap_or(0);
    assert!(slowest > 150 * MILLISECOND, "{slowest}");
}

#[test]
fn a_hot_key_keeps_one_subtask_busy() {
    let prepared = library("skewed");
    check(&prepared, 400, |prepared| {
        let ones = raw(prepared, "source").into_iter().map(|(key, _, time)| (key, 1, time));
        sums(ones, 100 * MILLISECOND)
    });
    let (_, mut handled) = quiet(&prepared, "count");
    handled.sort_unstable();
    assert!(handled.len() == 4 && handled[3] > 5 * handled[2], "{handled:?}");
}
