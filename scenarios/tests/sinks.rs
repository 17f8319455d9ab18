//! What readers see of each kind of sink, under crashes with every strategy.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointMode, Class, RunRecord, Verdict};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::graph::Role;
use cutline_sim::ids::TaskId;
use cutline_sim::record::Record;
use cutline_sim::world::World;

/// The words of the text that is built in.
const WORDS: u64 = 17_408;

fn prepare(name: &str, overrides: &[&str]) -> Prepared {
    Prepared::load(&resolve(name).expect("a scenario"), overrides, 7)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn ledger(record: &RunRecord) -> &Verdict {
    let ledger = record.verdicts.iter().find(|verdict| verdict.oracle == "ledger");
    &ledger.expect("the verdict of the ledger").verdict
}

/// What was written to the log, in the order of each sink task.
fn log(world: &World) -> impl Iterator<Item = &Record> {
    let topology = world.topology();
    let tasks = (0..topology.tasks.len() as u32).map(TaskId);
    let sinks = tasks.filter(|&task| matches!(topology.role(task), Role::Sink(_)));
    sinks.flat_map(|task| world.external().log(task))
}

/// Runs a word count with a sink, under every strategy, over ten seeds of crashes; every oracle must be content.
fn under_crashes(sink: &str, mut check: impl FnMut(&Prepared, &World, &RunRecord)) {
    let kind = format!("job.operator.sink.does.sink={sink}");
    let prepared = prepare("wordcount", &[&kind, "input.text.kind.text.rate=250/s"]);
    let profile = faults::resolve("crashes").expect("a profile");
    let mut restores = 0;
    for strategy in STRATEGIES {
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        for seed in 0..10 {
            let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
            let record = runner.run(seed, &plan, &Options::default(), None);
            let what = format!("{sink} under {} with seed {seed}: {:?}", strategy.name, record.verdicts);
            assert_eq!((record.class(), ledger(&record)), (Class::Pass, &Verdict::Pass), "{what}");
            check(&prepared, runner.world(), &record);
            restores += record.restores.len();
        }
    }
    assert!(restores > 10, "only {restores} restores: the crashes hardly struck");
}

#[test]
fn a_transactional_sink_shows_every_count_once() {
    under_crashes("transactional", |_, _, record| assert_eq!(record.sink_records, WORDS));
}

#[test]
fn an_idempotent_sink_ends_with_the_final_counts() {
    under_crashes("idempotent", |prepared, world, _| {
        let last: BTreeMap<u64, i64> = log(world).map(|record| (record.key, record.value)).collect();
        let mut last: Vec<i64> = last.into_values().collect();
        last.sort_by(|a, b| b.cmp(a));
        let counts = prepared.values(world);
        assert!(counts.iter().map(|&(_, count)| count).eq(last));
    });
}

#[test]
fn a_plain_sink_shows_every_count_and_some_of_them_again() {
    let mut repeated = 0;
    under_crashes("plain", |_, _, record| {
        assert!(record.sink_records >= WORDS);
        repeated += u32::from(record.sink_records > WORDS);
    });
    assert!(repeated > 5, "{repeated} of 20 runs repeat anything");
}

/// Where the order of a key's values depends on the run, the ledger says what it has not judged.
#[test]
fn what_comes_last_is_not_judged_where_it_cannot_be_told() {
    // Bids of one auction come from two sources, so any of them may be the last.
    let bids = ["job.operator.sink.does.sink=idempotent", "input.events.kind.nexmark.events=2000"];
    let prepared = prepare("nexmark-q1", &bids);
    for strategy in STRATEGIES.iter().filter(|strategy| strategy.guarantee == CheckpointMode::ExactlyOnce) {
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        let record = runner.run(1, &Arc::default(), &Options::default(), None);
        assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
        let Verdict::Unknown(reason) = ledger(&record) else { panic!("{:?}", record.verdicts) };
        assert!(reason.contains("depends on how inputs interleave, and is not judged"), "{reason}");
    }
}
