//! Every number of a scenario at its least and at its greatest, alone and with others: whatever a file may say, a run ends
//! with a verdict, within its steps, and in a debug build, so that no sum and no product can overflow unseen.

use std::path::Path;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, ExpiredTransactions, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;
use cutline_sim::protocol::SnapshotMethod;

/// Each number, with its least and greatest values.
const EXTREMES: &[(&str, &[&str])] = &[
    ("bounds.heal", &["1ns", "876000h"]),
    ("bounds.queue", &["1", "1000000000"]),
    ("bounds.time", &["1ns", "876000h"]),
    ("cluster.costs.deploy", &["0s", "24h"]),
    ("cluster.costs.node-downtime", &["0s", "24h"]),
    ("cluster.costs.snapshot-copy-per-mib", &["0s", "1h"]),
    ("cluster.costs.snapshot-sync", &["0s", "1h"]),
    ("cluster.external.transaction-timeout", &["1ns", "876000h"]),
    ("cluster.network.bandwidth", &["1KiB/s", "1PiB/s", "unlimited"]),
    ("cluster.network.control-jitter", &["0s", "1h"]),
    ("cluster.network.control-latency", &["1ns", "1h"]),
    ("cluster.network.latency", &["1ns", "1h"]),
    ("cluster.network.latency-jitter", &["0s", "1h"]),
    ("cluster.network.local-latency", &["1ns", "1h"]),
    ("cluster.nodes", &["2", "1000"]),
    ("cluster.store.latency", &["1ns", "1h"]),
    ("cluster.store.read-bandwidth", &["1KiB/s", "1PiB/s", "unlimited"]),
    ("cluster.store.write-bandwidth", &["1KiB/s", "1PiB/s", "unlimited"]),
    ("execution.buffer-timeout.interval", &["0s", "1ns", "876000h"]),
    ("execution.checkpointing.interval", &["0s", "1ns", "876000h"]),
    ("execution.checkpointing.max-concurrent-checkpoints", &["1", "65536"]),
    ("execution.checkpointing.min-pause", &["0s", "1ns", "24h"]),
    ("execution.checkpointing.num-retained", &["1", "65536"]),
    ("execution.checkpointing.timeout", &["1ms", "876000h"]),
    ("execution.checkpointing.tolerable-failed-checkpoints", &["0", "4294967295"]),
    ("heartbeat.interval", &["1ms", "1h"]),
    ("heartbeat.timeout", &["3601s", "876000h"]),
    ("input.text.kind.text.rate", &["1/h", "1000000000/s"]),
    ("input.text.kind.text.splits", &["1", "1000"]),
    ("job.operator.count.service", &["0s", "1h"]),
    ("job.operator.count.service-jitter", &["0s", "1h"]),
    ("job.operator.count.service-per-kib", &["0s", "1h"]),
    ("job.operator.count.state-bytes", &["0B", "1TiB"]),
    ("job.operator.sink.service-per-kib", &["1h"]),
    ("job.operator.source.service-per-kib", &["1h"]),
    ("job.operator.source.state-bytes", &["1TiB"]),
    ("job.operator.tokenizer.service-jitter", &["1h"]),
    ("job.operator.tokenizer.service-per-kib", &["1h"]),
    ("pipeline.max-parallelism", &["2", "32768"]),
    ("restart-strategy.fixed-delay.attempts", &["0", "4294967295"]),
    ("restart-strategy.fixed-delay.delay", &["0s", "24h"]),
    ("taskmanager.memory.segment-size", &["64B", "1GiB"]),
    ("taskmanager.network.memory.buffers-per-channel", &["1", "65536"]),
    ("taskmanager.network.memory.floating-buffers-per-gate", &["0", "65536"]),
    ("taskmanager.numberOfTaskSlots", &["1", "65536"]),
    ("trigger.at", &["[\"0s\"]", "[\"0s\", \"876000h\"]"]),
    ("trigger.every-records", &["0", "1", "1000000000000"]),
];

/// The same of what concerns state backends: these go with the snapshot methods, and not with everything else.
const BACKENDS: &[(&str, &[&str])] = &[
    ("cluster.costs.compaction-bandwidth", &["1KiB/s", "1PiB/s", "unlimited"]),
    ("cluster.costs.log-replay-per-mib", &["0s", "1h"]),
    ("job.operator.count.state-entry-bytes", &["1B", "1GiB"]),
    ("state.backend.rocksdb.compaction.level.level0-file-num-trigger", &["1", "65536"]),
    ("state.backend.rocksdb.compaction.level.max-size-level-base", &["1B", "1TiB"]),
    ("state.changelog.periodic-materialize.interval", &["1ns", "876000h"]),
    ("job.operator.count.state-bytes", &["1TiB"]),
    ("execution.checkpointing.interval", &["1ns"]),
    ("execution.checkpointing.num-retained", &["65536"]),
];

/// A run is given up after so many steps.
const STEPS: u64 = 100_000;

/// One word that is longer than a service time can be multiplied with in 64 bits, and a few lines.
fn texts() -> Texts {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("extremes.txt");
    let text = "x".repeat(6 << 20) + &"\nto be or not to be".repeat(40);
    std::fs::write(&path, text).expect("a file");
    let mut texts = Texts::new(".").instead(path);
    texts.get(None).expect("a text");
    texts
}

/// Runs a word count with these settings, without faults and with all of them, under one of so many parts of the strategies: with
/// many settings each strategy gets its share.
fn survives_in_part(settings: &[(&str, &str)], texts: &Texts, seed: u64, (part, parts): (usize, usize)) {
    let all = settings.iter().map(|(key, value)| format!("{key}={value}"));
    let overrides: Vec<String> = std::iter::once(format!("bounds.steps={STEPS}")).chain(all).collect();
    let source = resolve("wordcount").expect("a scenario");
    let scenario = load(&source, &overrides).unwrap_or_else(|error| panic!("{overrides:?}: {error}"));
    // Some go together with none of the others: more subtasks than key groups, say. That must be said, and is no run.
    let Ok(prepared) = Prepared::new(&scenario, seed, &mut texts.clone()) else { return };
    for profile in ["none", "everything"] {
        let profile = faults::resolve(profile).expect("a profile");
        let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
        let options = Options { forks: Some(false), ..Options::default() };
        for strategy in STRATEGIES.iter().skip(part % parts).step_by(parts) {
            let record = Runner::new(&prepared, Contender::from(strategy)).run(seed, &plan, &options, None);
            let what = format!("{} under seed {seed} with {settings:?}", strategy.name);
            let fine = matches!(record.class(), Class::Pass | Class::Stall) || has_lost_transactions(&record);
            assert!(fine, "{what}: {:?}", record.verdicts);
            assert!(record.steps < 2 * STEPS, "{what}: {} steps", record.steps);
        }
    }
}

/// True if a transaction expired before its commit, and that is all that there is to object to: a restart that takes a day is
/// longer than a time-out of an hour.
fn has_lost_transactions(record: &RunRecord) -> bool {
    let ExpiredTransactions { prepared, .. } = record.transactions_expired;
    let mut objections = record.verdicts.iter().filter(|verdict| verdict.verdict.is_fail());
    prepared > 0 && objections.all(|verdict| ["ledger", "liveness"].contains(&verdict.oracle.as_str()))
}

/// The same under every strategy.
fn survives(settings: &[(&str, &str)], texts: &Texts, seed: u64) {
    survives_in_part(settings, texts, seed, (0, 1));
}

#[test]
fn every_number_alone() {
    let texts = texts();
    for (at, (key, values)) in EXTREMES.iter().enumerate() {
        for value in *values {
            survives_in_part(&[(key, value)], &texts, 4, (at, 4));
        }
    }
    // Every snapshot has a position for each split: too slow to go with everything else.
    survives(&[("input.text.kind.text.splits", "65536")], &texts, 4);
}

#[test]
fn every_number_with_every_snapshot_method() {
    let texts = texts();
    let mut at = 0;
    for method in SnapshotMethod::ALL.map(SnapshotMethod::name) {
        for (key, values) in BACKENDS {
            for value in *values {
                let settings = [("execution.checkpointing.snapshot", method), (key, value)];
                survives_in_part(&settings, &texts, 4, (at, 2));
                at += 1;
            }
        }
        at += 1; // the other half for each value of the next
    }
}

/// What the user asks of the job, at the first instant and after the last, with short and long messages.
#[test]
fn every_order_at_its_extremes() {
    let texts = texts();
    let mut at = 0;
    for time in ["0s", "1ns", "40ms", "876000h"] {
        for latency in ["1ns", "1ms", "1h"] {
            let latency = ("cluster.network.control-latency", latency);
            for then in ["run", "suspend", "drain"] {
                let savepoint = [latency, ("savepoint.at", time), ("savepoint.then", then)];
                survives_in_part(&savepoint, &texts, 4, (at, 4));
                let both = [&savepoint[..], &[("cancel.at", "41ms")]].concat();
                survives_in_part(&both, &texts, 4, (at + 1, 4));
                at += 1;
            }
            survives_in_part(&[latency, ("cancel.at", time)], &texts, 4, (at, 4));
        }
    }
}

/// Combinations of 2 to 9, drawn from fixed seeds.
fn combinations(seeds: std::ops::Range<u64>) {
    use cutline_sim::random::{Stream, pick, stream};
    let texts = texts();
    for seed in seeds {
        let mut rng = stream(seed, Stream::Input);
        let count = 2 + pick(&mut rng, 8);
        let mut settings: Vec<(&str, &str)> = Vec::new();
        while (settings.len() as u64) < count {
            let (key, values) = EXTREMES[pick(&mut rng, EXTREMES.len() as u64) as usize];
            let value = values[pick(&mut rng, values.len() as u64) as usize];
            if settings.iter().all(|&(other, _)| other != key) {
                settings.push((key, value));
            }
        }
        survives_in_part(&settings, &texts, seed, (seed as usize, 4));
    }
}

#[test]
fn combinations_of_numbers() {
    combinations(0..40);
}

#[test]
fn more_combinations_of_numbers() {
    combinations(40..80);
}
