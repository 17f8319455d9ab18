//! What a checkpoint costs, task by task: the durations of its parts add up to the instant of the acknowledgement, as Flink's
//! "Monitoring Checkpointing" defines them; and the record of a run sums up what its tasks say. `lookahead.rs` holds random jobs to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::books::{Books, Waits};
use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointId, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::world::World;

/// Barriers arrive apart.
const JITTER: &str = "cluster.network.latency-jitter=\"5ms\"";

/// Checkpoints follow one another.
const OFTEN: &str = "execution.checkpointing.interval=\"40ms\"";

/// Barriers are waited for, but not for long.
const SOON: &str = "execution.checkpointing.aligned-checkpoint-timeout=\"7ms\"";

fn run(prepared: &Prepared, contender: Contender, profile: &str, seed: u64) -> (RunRecord, Books) {
    let profile = faults::resolve(profile).expect("a profile");
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    let mut books = Books::default();
    let options = Options { forks: Some(false), ..Options::default() };
    let mut watch = |_: &World, events: &[Stamped]| books.read(events);
    let record = Runner::new(prepared, contender).run(seed, &plan, &options, Some(&mut watch));
    (record, books)
}

/// Holds all strategies to that, with little disturbance and much.
fn check(name: &str, overrides: &[&str]) {
    let source = resolve(name).expect("a scenario");
    let overrides = [overrides, &[SOON]].concat();
    let prepared = Prepared::load(&source, &overrides, 1).unwrap_or_else(|error| panic!("{error}"));
    for strategy in STRATEGIES {
        let waits = Waits::of(strategy, false);
        let (mut alignment, mut persisted, mut processed, mut coordinated) = (0, 0, 0, false);
        for (profile, seed) in [("none", 0), ("everything", 2), ("network", 4)] {
            let of = format!("{name} under {}, {profile}", strategy.name);
            let (record, books) = run(&prepared, Contender::from(strategy), profile, seed);
            assert!(books.acks.len() > 20, "{of}: {} acknowledgements", books.acks.len());
            if record.local.is_some() {
                books.add_up_alone(&of);
                continue;
            }
            coordinated = true;
            alignment = books.add_up(waits, &of).max(alignment);
            let in_flight = books.sum_up(&record, &of);
            (persisted, processed) = (persisted + in_flight.0, processed + in_flight.1);
        }
        if !coordinated {
            continue;
        }
        let seen = format!("{name} under {}: {alignment}, {persisted}, {processed}", strategy.name);
        assert!(alignment > 0, "{seen}");
        assert_eq!(persisted > 0, waits != Waits::Always, "{seen}");
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
        let prepared = Prepared::load(&resolve(name).expect("a scenario"), &[OFTEN], 1).expect("a job");
        for strategy in STRATEGIES.iter().filter(|strategy| strategy.messages.contains("a mark per channel"))
        {
            let counted = messages(&prepared, Contender::from(strategy));
            assert!(counted.len() > 3, "{name} under {}: {} checkpoints", strategy.name, counted.len());
            let expected = (shuffles * width * width + forwards * width, operators * width);
            assert!(counted.iter().all(|&it| it == expected), "{name}, {}: {counted:?}", strategy.name);
        }
    }
}
