//! Jobs with cycles: what comes out of a loop is what a loop over the raw input gives, under every strategy that can checkpoint a
//! cycle, with and without faults; and a loop ends whatever the network, the triggers and the placement are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_scenarios::faults;
use cutline_scenarios::library_files::{ScenarioText, resolve};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, OracleVerdict, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::faults::FaultPlan;
use cutline_sim::graph::Role;
use cutline_sim::ids::TaskId;
use cutline_sim::oracles::Verdict;
use cutline_sim::world::World;

fn prepare(name: &str, overrides: &[&str]) -> Prepared {
    Prepared::load(&resolve(name).expect("a scenario"), overrides, 7)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn able() -> impl Iterator<Item = &'static Strategy> {
    STRATEGIES.iter().filter(|strategy| strategy.cycles)
}

/// Key and value of everything that the source reads.
fn raw(prepared: &Prepared) -> Vec<(u64, i64)> {
    let graph = &prepared.topology().graph;
    let source = graph.node_weights().find(|operator| operator.uid == "source").expect("a source");
    let Role::Source(input) = &source.role else { panic!("no source") };
    let mut rows = Vec::new();
    for split in 0..input.splits() {
        let mut offset = input.start(split);
        while let Some(entry) = input.read(split, offset) {
            rows.push((entry.record.key, entry.record.value));
            offset = entry.next;
        }
    }
    rows
}

/// Keys and values that readers of the sink see, sorted.
fn visible(world: &World) -> Vec<(u64, i64)> {
    let tasks = (0..world.topology().tasks.len() as u32).map(TaskId);
    let committed = tasks.flat_map(|task| world.external().committed(task));
    let records = committed.flat_map(|(_, records)| records);
    let mut rows: Vec<(u64, i64)> = records.map(|record| (record.key, record.value)).collect();
    rows.sort_unstable();
    rows
}

/// The values of an operator's subtasks, by key.
fn values(world: &World, uid: &str) -> BTreeMap<u64, i64> {
    let topology = world.topology();
    let mine = |at: &usize| topology.operators[topology.tasks[*at].operator.index()].uid == uid;
    let tasks = (0..topology.tasks.len()).filter(mine).map(|at| TaskId(at as u32));
    tasks.flat_map(|task| world.state(task).values()).collect()
}

fn run(runner: &mut Runner<'_>, prepared: &Prepared, profile: &str, seed: u64) -> RunRecord {
    run_with(runner, prepared, profile, seed, &Options::default())
}

fn run_with(
    runner: &mut Runner<'_>,
    prepared: &Prepared,
    profile: &str,
    seed: u64,
    options: &Options,
) -> RunRecord {
    let profile = faults::resolve(profile).expect("a profile");
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    let record = runner.run(seed, &plan, options, None);
    assert_eq!(record.class(), Class::Pass, "{} {}: {:#?}", record.strategy, seed, record.verdicts);
    record
}

/// Runs a job under every strategy that can, with many faults; the end of each run is looked at.
fn check(prepared: &Prepared, is_right: impl Fn(&World)) {
    for strategy in able() {
        let (mut runner, mut restores) = (Runner::new(prepared, Contender::from(strategy)), 0);
        for (profile, seeds) in
            [("none", 0..1), ("everything", 1..9), ("crashes", 13..17), ("messages", 19..21)]
        {
            for seed in seeds {
                restores += run(&mut runner, prepared, profile, seed).restores.len();
                is_right(runner.world());
            }
        }
        assert!(restores > 5, "{}: only {restores} restores", strategy.name);
    }
}

#[test]
fn walks_go_down_to_1() {
    let prepared = prepare("collatz", &[]);
    let (mut visits, mut ends) = (BTreeMap::new(), Vec::new());
    for (_, first) in raw(&prepared) {
        let mut at = first;
        *visits.entry(at as u64).or_insert(0) += 1;
        while at > 1 {
            at = if at % 2 == 0 { at / 2 } else { 3 * at + 1 };
            if at > 1 {
                *visits.entry(at as u64).or_insert(0) += 1; // who has come to 1 goes no further round
            }
        }
        ends.extend((first > 1).then_some((1, 1)));
    }
    assert!(visits.len() > 500 && ends.len() == 298, "{} values, {} walks", visits.len(), ends.len());
    check(&prepared, |world| {
        assert_eq!(visible(world), ends);
        assert!(values(world, "step") == visits);
    });
}

#[test]
fn components_are_those_of_merged_sets() {
    let prepared = prepare("components", &[]);
    let edges = raw(&prepared);
    // Every vertex points at a smaller one, or at itself; an edge makes the larger of two roots point at the smaller.
    let mut parents: BTreeMap<u64, u64> = BTreeMap::new();
    let root = |parents: &BTreeMap<u64, u64>, mut vertex: u64| {
        while parents[&vertex] != vertex {
            vertex = parents[&vertex];
        }
        vertex
    };
    for &(one, other) in &edges {
        let other = other as u64;
        for vertex in [one, other] {
            parents.entry(vertex).or_insert(vertex);
        }
        let (one, other) = (root(&parents, one), root(&parents, other));
        parents.insert(one.max(other), one.min(other));
    }
    let labels: BTreeMap<u64, i64> =
        parents.keys().map(|&vertex| (vertex, root(&parents, vertex) as i64)).collect();
    let components: BTreeSet<i64> = labels.values().copied().collect();
    assert!(components.len() > 20 && labels.len() > 300, "{} of {}", components.len(), labels.len());
    let rows: Vec<(u64, i64)> = labels.clone().into_iter().collect();
    check(&prepared, |world| {
        assert!(visible(world) == rows);
        assert!(values(world, "labels") == labels);
    });
}

/// How many offers there are depends on the order; that is why they are not judged, and why what can be is.
#[test]
fn which_offers_are_made_depends_on_the_order() {
    let prepared = prepare("components", &[]);
    let mut offers = BTreeSet::new();
    for strategy in able() {
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        for seed in 0..5 {
            run(&mut runner, &prepared, "crashes", seed);
            let tasks = (0..prepared.topology().tasks.len() as u32).map(TaskId);
            offers.insert(tasks.map(|task| runner.world().handled(task).0).sum::<u64>());
        }
    }
    assert!(offers.len() > 5, "{offers:?}");
}

/// What is behind a loop whose records depend on the order is not judged, and the verdicts say so.
#[test]
fn what_depends_on_the_order_is_not_judged() {
    let text = resolve("components").expect("a scenario").text;
    let without = text.replace("does = \"keyed-min\"", "does = \"keyed-count\"");
    let source = ScenarioText::new("counted.toml", without);
    let prepared = Prepared::load::<&str>(&source, &[], 7).unwrap_or_else(|error| panic!("{error}"));
    for strategy in able() {
        let record = run(&mut Runner::new(&prepared, Contender::from(strategy)), &prepared, "none", 1);
        let reason = |oracle: &str| {
            let of = |it: &&OracleVerdict| it.oracle == oracle;
            match &record.verdicts.iter().find(of).expect("a verdict").verdict {
                Verdict::Unknown(reason) => reason.clone(),
                other => panic!("{oracle}: {other:?}"),
            }
        };
        assert!(reason("state").contains("the final state of least depends on how inputs interleave"));
        assert!(
            reason("ledger").contains("sink sink: which records reach it depends on how inputs interleave")
        );
    }
}

/// A full loop does not stand still, and one without periodic checkpoints ends, too.
#[test]
fn a_loop_ends_whatever_is_configured() {
    let settings: &[&[&str]] = &[
        // Buffers of a few records, and all numbers at once.
        &[
            "input.numbers.kind.numbers.rate=100000/s",
            "taskmanager.memory.segment-size=64 B",
            "taskmanager.network.memory.buffers-per-channel=1",
            "taskmanager.network.memory.floating-buffers-per-gate=0",
        ],
        &["execution.buffer-timeout.interval=3ms", "cluster.network.bandwidth=100 KiB/s"],
        &["execution.checkpointing.interval=0s"],
        &["execution.checkpointing.interval=0s", "trigger.every-records=50"],
        &["execution.checkpointing.interval=5ms", "execution.checkpointing.max-concurrent-checkpoints=4"],
        // Everything on one node, in one subtask, in many.
        &["cluster.nodes=1", "taskmanager.numberOfTaskSlots=2"],
        &["job.operator.step.parallelism=1", "job.operator.on.parallelism=1"],
        &["job.operator.step.parallelism=7", "job.operator.on.parallelism=5", "cluster.nodes=8"],
        // One walk, and none.
        &["input.numbers.kind.numbers.count=3"],
        &["input.numbers.kind.numbers.count=0"],
    ];
    for overrides in settings {
        let prepared = prepare("collatz", overrides);
        for strategy in able() {
            let mut runner = Runner::new(&prepared, Contender::from(strategy));
            for (profile, seed) in [("none", 0), ("crashes", 1), ("everything", 2), ("everything", 3)] {
                let options = Options { forks: Some(false), ..Options::default() };
                run_with(&mut runner, &prepared, profile, seed, &options);
            }
        }
    }
}

/// A savepoint of a job with a loop: at the same parallelism with what went around, at another one only without.
#[test]
fn a_savepoint_of_a_loop_keeps_what_went_around() {
    let (same, other) = (prepare("collatz", &[]), prepare("collatz", &["job.operator.step.parallelism=1"]));
    let none = Arc::new(FaultPlan { faults: Vec::new(), heal: 0 });
    for strategy in able() {
        let contender = Contender::from(strategy);
        let mut rescaled = 0;
        let options = Options { forks: Some(false), ..Options::default() };
        let record = Runner::new(&same, contender).run(3, &none, &options, None);
        let completed = record.completed().count();
        // All would take too long; the last ones are those behind the end of the loop.
        let looked_at = |&(nth, _): &(u64, _)| nth % 3 == 1 || nth + 3 > completed as u64;
        for (nth, checkpoint) in (1..).zip(record.completed()).filter(looked_at) {
            let Some(savepoint) = Runner::new(&same, contender).savepoint(3, &none, nth) else { break };
            let whole = |job: &Prepared| job.start().is_some_and(|start| start.is_whole());
            let started = same.start_from(&savepoint).unwrap_or_else(|error| panic!("{error}"));
            assert!(whole(&started));
            let mut runner = Runner::new(&started, contender);
            run(&mut runner, &same, "none", nth);
            run(&mut runner, &same, "crashes", nth);
            match other.start_from(&savepoint) {
                Ok(started) => {
                    assert_eq!(checkpoint.persisted_in_flight_data, 0, "walks are on their way");
                    assert!(whole(&started));
                    run(&mut Runner::new(&started, contender), &other, "crashes", nth);
                    rescaled += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains("what was in flight between its tasks"), "{error}")
                }
            }
        }
        assert!(rescaled > 0, "when the loop has ended nothing goes around");
    }
}

/// The scenario `collatz` with something replaced.
fn changed(from: &str, to: &str) -> Result<Prepared, String> {
    let mut source = resolve("collatz").expect("a scenario");
    assert_eq!(source.text.matches(from).count(), 1, "{from}");
    source.text = source.text.replace(from, to);
    Prepared::load::<&str>(&source, &[], 7).map_err(|error| error.to_string())
}

#[test]
fn what_is_no_loop_is_refused() {
    let back = "port = 1\nfeedback = true\n";
    let stray = "[[job.edge]]\nfrom = \"on\"\nto = \"done\"\nship = \"rebalance\"\n";
    let refusals = [
        (
            back,
            &format!("{back}{stray}feedback = true\n")[..],
            ["collatz.toml:", "closes no cycle", "from `done` back to `on`"],
        ),
        (back, "port = 1\n", ["collatz.toml:", "a cycle leads through", "`feedback = true`"]),
        (
            "from = \"source\"\nto = \"step\"",
            "from = \"source\"\nto = \"done\"",
            ["collatz.toml:", "`step`", "from before it"],
        ),
        (
            "does = { filter = { min = 2 } }",
            "does = \"keyed-sum\"",
            ["collatz.toml:", "`on` is part of a loop", "before the loop or behind it"],
        ),
        (
            "does = { filter = { min = 2 } }",
            "does = { session-window = { gap = \"1s\" } }",
            ["collatz.toml:", "`on` is part of a loop", "before the loop or behind it"],
        ),
        // A loop that never comes to rest is found out before the run.
        (
            "does = { filter = { min = 2 } }",
            "does = { map = { add = 2 } }",
            ["", "steps", "every cycle of the job comes to rest"],
        ),
    ];
    for (from, to, words) in refusals {
        let error = changed(from, to).expect_err(to);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    // Behind the loop, where a watermark comes when it has ended.
    changed("does = { filter = { min = 1, max = 1 } }", "does = \"hold-back\"").expect("a job");
}

/// A published fact: aligned barriers cannot checkpoint a cyclic graph; the variant with back-edges can (CheckMate, ICDE 2024; ABS 2015).
#[test]
fn aligned_barriers_wait_for_ever_around_a_cycle() {
    let prepared = prepare("collatz", &["bounds.time=10s"]);
    let aligned = cutline_algorithms::find("aligned").expect("a strategy");
    let plan = Arc::new(FaultPlan { faults: Vec::new(), heal: 0 });
    let record = Runner::new(&prepared, Contender::from(aligned)).run(1, &plan, &Options::default(), None);
    assert_eq!((record.class(), record.completed().count()), (Class::Stall, 0));
    let cyclic = cutline_algorithms::find("abs-cyclic").expect("a strategy");
    let record = run(&mut Runner::new(&prepared, Contender::from(cyclic)), &prepared, "none", 1);
    assert!(record.completed().count() > 8);
}
