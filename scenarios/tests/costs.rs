//! What a checkpoint costs, task by task: the durations of its parts add up to the instant of the acknowledgement, as Flink's
//! "Monitoring Checkpointing" defines them; and the record of a run sums up what its tasks say.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointEnd, CheckpointId, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;
use cutline_sim::event::{Event, Origin, SnapshotMetrics};
use cutline_sim::time::Time;

/// Barriers arrive apart.
const JITTER: &str = "cluster.network.latency-jitter=\"5ms\"";

/// Checkpoints follow one another.
const OFTEN: &str = "execution.checkpointing.interval=\"40ms\"";

/// Barriers are waited for, but not for long.
const SOON: &str = "execution.checkpointing.aligned-checkpoint-timeout=\"7ms\"";

/// What the events of a run say.
#[derive(Default)]
struct Costs {
    triggered: BTreeMap<CheckpointId, Time>,
    /// By checkpoint and task, when the snapshot was taken.
    taken: BTreeMap<(CheckpointId, Origin), Time>,
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
                    Event::SnapshotTaken { id } => drop(costs.taken.insert((id, origin), time)),
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

/// The identities: an acknowledgement is sent at start delay + waiting + sync + async after the trigger. Where the cut waits for
/// the data, the waiting is the alignment; where the data in flight is captured at once, it is nothing, and the alignment goes on
/// beside the rest. Returns the longest alignment.
fn add_up(costs: &Costs, captures: bool, turns: bool, of: &str) -> Time {
    assert!(costs.acknowledged.len() > 20, "{of}: {} acknowledgements", costs.acknowledged.len());
    let mut longest = 0;
    for (&(id, task), &at) in &costs.acknowledged {
        let metrics = costs.persisted[&(id, task)];
        let SnapshotMetrics { start_delay, alignment, waiting, sync, asynchronous, .. } = metrics;
        let took = at - costs.triggered[&id];
        assert_eq!(took, start_delay + waiting + sync + asynchronous, "{of}: {task}, {id}: {metrics:?}");
        assert!(
            alignment <= waiting + sync + asynchronous && waiting <= alignment,
            "{of}: {task}, {id}: {metrics:?}"
        );
        assert!(turns || waiting == if captures { 0 } else { alignment }, "{of}: {task}, {id}: {metrics:?}");
        longest = alignment.max(longest);
    }
    // Flink's end-to-end duration ends with the last acknowledgement; that of a record, when the metadata is durable.
    for (id, at) in &costs.whole {
        assert_eq!(costs.received[id], *at, "{of}: {id}");
    }
    longest
}

/// A checkpoint that a task has taken on its own waits for nobody: it is acknowledged when it is durable.
fn add_up_alone(costs: &Costs, of: &str) {
    assert!(costs.acknowledged.len() > 20, "{of}: {} acknowledgements", costs.acknowledged.len());
    for (which, &at) in &costs.acknowledged {
        let SnapshotMetrics { start_delay, alignment, sync, asynchronous, .. } = costs.persisted[which];
        assert_eq!((start_delay, alignment), (0, 0), "{of}: {which:?}");
        assert_eq!(at - costs.taken[which], sync + asynchronous, "{of}: {which:?}");
    }
}

/// A record sums up what the tasks say. Returns what was persisted and what was processed in flight, in bytes.
fn sum_up(record: &RunRecord, costs: &Costs, of: &str) -> (u64, u64) {
    let mut all = (0, 0);
    for checkpoint in &record.checkpoints {
        let (mut state, mut full, mut persisted, mut processed) = (0, 0, 0, 0);
        for (_, metrics) in costs.persisted.iter().filter(|((id, _), _)| *id == checkpoint.id) {
            state += metrics.bytes;
            full += metrics.full_bytes;
            persisted += metrics.persisted_in_flight;
            processed += metrics.processed_in_flight;
        }
        let of = format!("{of}: {checkpoint:?}");
        assert_eq!(checkpoint.persisted_in_flight_data, persisted, "{of}");
        assert_eq!(checkpoint.processed_in_flight_data, processed, "{of}");
        if costs.whole.contains_key(&checkpoint.id) && checkpoint.end == CheckpointEnd::Completed {
            assert_eq!(checkpoint.checkpointed_data_size, state + persisted, "{of}");
            assert_eq!(checkpoint.full_checkpoint_data_size, full + persisted, "{of}");
        }
        all = (all.0 + persisted, all.1 + processed);
    }
    all
}

/// Holds all strategies to that, with little disturbance and much.
fn check(name: &str, overrides: &[&str]) {
    let overrides: Vec<String> = overrides.iter().chain([&SOON]).map(|&text| text.to_owned()).collect();
    let text = resolve(name).unwrap_or_else(|error| panic!("{error}"));
    let scenario = load(&text, &overrides).unwrap_or_else(|error| panic!("{error}"));
    let prepared = Prepared::new(&scenario, 1, &mut Texts::default()).expect("a job");
    for strategy in STRATEGIES {
        let turns = strategy.channel_state.starts_with("none in time");
        let captures = turns || !strategy.channel_state.starts_with("none");
        let (mut alignment, mut persisted, mut processed, mut coordinated) = (0, 0, 0, false);
        for (profile, seed) in [("none", 0), ("all", 2), ("network", 4)] {
            let of = format!("{name} under {}, {profile}", strategy.name);
            let (record, costs) = run(&prepared, Contender::from(strategy), profile, seed);
            if record.local.is_some() {
                add_up_alone(&costs, &of);
                continue;
            }
            coordinated = true;
            alignment = add_up(&costs, captures, turns, &of).max(alignment);
            let in_flight = sum_up(&record, &costs, &of);
            (persisted, processed) = (persisted + in_flight.0, processed + in_flight.1);
        }
        if !coordinated {
            continue;
        }
        let seen = format!("{name} under {}: {alignment}, {persisted}, {processed}", strategy.name);
        assert!(alignment > 0, "{seen}");
        assert_eq!(persisted > 0, captures, "{seen}");
        // What stands still handles nothing.
        assert_eq!(processed > 0, strategy.name != "freeze-the-world", "{seen}");
    }
}

#[test]
fn the_parts_add_up_where_buffers_are_small() {
    check("sum-even-odd", &["taskmanager.memory.segment-size=\"64 B\"", JITTER, OFTEN]);
}

#[test]
fn the_parts_add_up_where_one_source_ends_long_before_the_other() {
    let uneven = ["input.numbers.kind.numbers.splits=3", "job.operator.source.service=\"1500us\"", OFTEN];
    check("sum-even-odd", &uneven);
}

#[test]
fn the_parts_add_up_where_records_take_long() {
    check("wordcount", &["input.text.kind.text.rate=\"250/s\"", "job.operator.count.service=\"3ms\""]);
}

/// The marks that were reached on channels and the acknowledgements that were sent for each checkpoint that completed before
/// any task had finished.
fn messages(prepared: &Prepared, contender: Contender) -> Vec<(usize, usize)> {
    let mut counted = BTreeMap::<CheckpointId, (usize, usize)>::new();
    let (mut whole, mut finished) = (Vec::new(), false);
    let options = Options { forks: Some(false), detail: true, ..Options::default() };
    Runner::new(prepared, contender).run(
        1,
        &Arc::default(),
        &options,
        Some(&mut |_, events| {
            for event in events {
                match event.event {
                    Event::MarkReached { id, cancel: false, .. } => counted.entry(id).or_default().0 += 1,
                    Event::AckSent { id } => counted.entry(id).or_default().1 += 1,
                    Event::CheckpointCompleted { id, .. } if !finished => whole.push(id),
                    Event::TaskFinished => finished = true,
                    _ => {}
                }
            }
        }),
    );
    // A mark may be reached after the completion; by the end of the run all have been.
    whole.iter().map(|id| counted[id]).collect()
}

/// For S all-to-all and F forward edges at parallelism W: S*W^2 + F*W marks, and an acknowledgement of every task.
#[test]
fn a_checkpoint_sends_a_mark_on_every_channel_and_an_acknowledgement_for_every_task() {
    let jobs = [("deep", 13, 1, 15), ("diamond", 4, 2, 6), ("nexmark-q12", 1, 2, 4)];
    for (name, shuffles, forwards, operators) in jobs {
        let width = 2;
        let scenario = load(&resolve(name).expect("a scenario"), &[OFTEN.to_owned()]).expect("a job");
        let prepared = Prepared::new(&scenario, 1, &mut Texts::default()).expect("a job");
        for strategy in STRATEGIES.iter().filter(|strategy| strategy.messages.contains("a mark per channel"))
        {
            let counted = messages(&prepared, Contender::from(strategy));
            assert!(counted.len() > 3, "{name} under {}: {} checkpoints", strategy.name, counted.len());
            let expected = (shuffles * width * width + forwards * width, operators * width);
            assert!(counted.iter().all(|&it| it == expected), "{name}, {}: {counted:?}", strategy.name);
        }
    }
}
