//! What a checkpoint costs, task by task: the durations of its parts add up to the instant of the acknowledgement, as Flink's
//! "Monitoring Checkpointing" defines them; and the record of a run sums up what its tasks say.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointId, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;
use cutline_sim::event::{Event, Origin, SnapshotMetrics};
use cutline_sim::time::Time;

/// The sums and the word count with buffers of a few records, so that barriers find queues; and records that take so long that
/// some barriers arrive while one is handled.
const JOBS: [(&str, &[&str]); 4] = [
    ("sum-even-odd", &["taskmanager.memory.segment-size=\"64 B\"", JITTER]),
    ("sum-even-odd", &["execution.checkpointing.mode=\"AT_LEAST_ONCE\"", JITTER]),
    ("sum-even-odd", &["input.numbers.kind.numbers.splits=3", "job.operator.source.service=\"1500us\""]),
    ("wordcount", &["input.text.kind.text.rate=\"250/s\"", "job.operator.count.service=\"3ms\""]),
];

/// Barriers arrive apart.
const JITTER: &str = "cluster.network.latency-jitter=\"5ms\"";

/// What the events of a run say.
#[derive(Default)]
struct Costs {
    triggered: BTreeMap<CheckpointId, Time>,
    /// By checkpoint and task.
    persisted: BTreeMap<(CheckpointId, Origin), SnapshotMetrics>,
    acknowledged: BTreeMap<(CheckpointId, Origin), Time>,
    /// The last acknowledgement to arrive, and when the coordinator had all it needs (as long as no task has finished).
    received: BTreeMap<CheckpointId, Time>,
    whole: BTreeMap<CheckpointId, Time>,
}

fn run(prepared: &Prepared, contender: Contender, profile: &str, seed: u64) -> (RunRecord, Costs) {
    let profile = faults::resolve(profile).expect("a profile");
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    let (mut costs, mut finished) = (Costs::default(), false);
    let options = Options { forks: Some(false), ..Options::default() };
    let record = Runner::new(prepared, contender).run(
        seed,
        &plan,
        &options,
        Some(&mut |_, events| {
            for event in events {
                let (time, origin) = (event.time, event.origin);
                match event.event {
                    Event::CheckpointTriggered { id } => drop(costs.triggered.insert(id, time)),
                    Event::Persisted { id, metrics } => drop(costs.persisted.insert((id, origin), metrics)),
                    Event::AckSent { id } => drop(costs.acknowledged.insert((id, origin), time)),
                    Event::AckReceived { id, .. } => drop(costs.received.insert(id, time)),
                    Event::MetadataSent { id } if !finished => drop(costs.whole.insert(id, time)),
                    Event::TaskFinished => finished = true,
                    _ => {}
                }
            }
        }),
    );
    (record, costs)
}

/// The identities: aligned, the acknowledgement is sent at start delay + alignment + sync + async after the trigger; unaligned,
/// at start delay + sync + async, and the alignment goes on beside that.
#[test]
fn the_parts_of_a_checkpoint_add_up() {
    for (name, overrides) in JOBS {
        let overrides: Vec<String> = overrides
            .iter()
            .chain(&["execution.checkpointing.interval=\"40ms\""])
            .map(|&text| text.to_owned())
            .collect();
        let text = resolve(name).unwrap_or_else(|error| panic!("{error}"));
        let scenario = load(&text, &overrides).unwrap_or_else(|error| panic!("{error}"));
        let prepared = Prepared::new(&scenario, 1, &mut Texts::default()).expect("a job");
        for strategy in STRATEGIES {
            let is_unaligned = strategy.name == "unaligned";
            let (mut aligned_for, mut in_flight, mut processed) = (0, 0, 0);
            for (profile, seed) in [("none", 0), ("all", 2), ("network", 4)] {
                let (record, costs) = run(&prepared, Contender::from(strategy), profile, seed);
                assert!(
                    costs.acknowledged.len() > 20,
                    "{name}: {} acknowledgements",
                    costs.acknowledged.len()
                );
                for (&(id, task), &at) in &costs.acknowledged {
                    let metrics = costs.persisted[&(id, task)];
                    let SnapshotMetrics { start_delay, alignment, sync, asynchronous, .. } = metrics;
                    let beside = if is_unaligned { 0 } else { alignment };
                    let of = format!(
                        "{name} under {}, {profile} {seed}: {task}, {id}: {metrics:?}",
                        strategy.name
                    );
                    assert_eq!(at - costs.triggered[&id], start_delay + beside + sync + asynchronous, "{of}");
                    assert!(!is_unaligned || alignment <= sync + asynchronous, "{of}");
                    aligned_for = alignment.max(aligned_for);
                }
                for checkpoint in &record.checkpoints {
                    let tasks = costs.persisted.iter().filter(|((id, _), _)| *id == checkpoint.id);
                    let sum = |part: fn(&SnapshotMetrics) -> u64| {
                        tasks.clone().map(|(_, metrics)| part(metrics)).sum()
                    };
                    let persisted: u64 = sum(|metrics| metrics.persisted_in_flight);
                    assert_eq!(checkpoint.persisted_in_flight_data, persisted);
                    assert_eq!(
                        checkpoint.processed_in_flight_data,
                        sum(|metrics| metrics.processed_in_flight)
                    );
                    in_flight += persisted;
                    processed += checkpoint.processed_in_flight_data;
                }
                for checkpoint in
                    record.completed().filter(|checkpoint| checkpoint.persisted_in_flight_data > 0)
                {
                    assert!(checkpoint.checkpointed_data_size > checkpoint.persisted_in_flight_data);
                }
            }
            let seen = format!("{name} under {}: {aligned_for}, {in_flight}, {processed}", strategy.name);
            assert!(aligned_for > 0 && processed > 0, "{seen}");
            assert_eq!(in_flight > 0, is_unaligned, "{seen}");
        }
    }
}
