//! The jobs of the library that go by event time or have a special shape: each under both strategies, without faults and with
//! many, all oracles listening. And what readers of the sink see must be what the raw input gives when it is worked out here
//! in another way, with loops over all records instead of operators.

use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::Class;
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;
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

fn prepare(name: &str) -> Prepared {
    let text = resolve(name).unwrap_or_else(|error| panic!("{error}"));
    let scenario = load(&text, &[]).unwrap_or_else(|error| panic!("{error}"));
    Prepared::new(&scenario, 7, &mut Texts::default()).unwrap_or_else(|error| panic!("{error}"))
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

/// Runs a job of the library under every strategy and many plans of faults; `expected` makes its results of the raw input,
/// of which there must be at least `least`.
fn check(name: &str, least: usize, expected: impl Fn(&Prepared) -> Vec<Row>) {
    let prepared = prepare(name);
    let mut expected = expected(&prepared);
    expected.sort_unstable();
    assert!(expected.len() >= least, "{name}: only {} results", expected.len());
    for strategy in STRATEGIES {
        let (mut runner, mut restores) = (Runner::new(&prepared, Contender::from(strategy)), 0);
        for (profile, seeds) in [("none", 0..1), ("all", 1..7), ("crashes", 7..10), ("network", 10..11)] {
            let profile = faults::resolve(profile).expect("a profile");
            for seed in seeds {
                let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
                let record = runner.run(seed, &plan, &Options::default(), None);
                let of = format!("{name} under {} with seed {seed}", strategy.name);
                assert_eq!(record.class(), Class::Pass, "{of}: {:#?}", record.verdicts);
                assert_eq!(visible(runner.world()), expected, "{of}");
                restores += record.restores.len();
            }
        }
        assert!(restores > 3, "{name} under {}: only {restores} restores", strategy.name);
    }
}

#[test]
fn visits_are_counted_in_sessions() {
    const GAP: Time = 300 * MILLISECOND;
    check("visits", 300, |prepared| {
        let mut visits = raw(prepared, "source");
        visits.sort_unstable_by_key(|&(user, _, time)| (user, time));
        let together = |a: &Row, b: &Row| a.0 == b.0 && b.2 - a.2 < GAP;
        let sessions = visits.chunk_by(together);
        sessions
            .map(|visits| (visits[0].0, visits.len() as i64, visits[visits.len() - 1].2 + GAP - 1))
            .collect()
    });
}
