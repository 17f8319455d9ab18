//! Jobs whose branches end at different times: those that have finished must not stop the checkpoints of the others.

use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::faults::FaultPlan;

/// Three splits for two sources: one pipeline ends long before the other. Messages take random times, so tasks report in
/// any order that they have finished: also before their senders do.
const OVERRIDES: &[&str] = &[
    "input.events.kind.nexmark.events=3000",
    "input.events.kind.nexmark.rate=\"1000/s\"",
    "input.events.kind.nexmark.splits=3",
    "job.operator.source.service=\"800us\"",
    "cluster.network.control-jitter=\"5ms\"",
    "execution.checkpointing.interval=\"100ms\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "bounds.heal=\"20s\"",
];

#[test]
fn a_task_that_finishes_before_its_sender_is_asked_for_nothing_more() {
    let source = resolve("nexmark-q1").unwrap_or_else(|error| panic!("{error}"));
    let prepared = Prepared::load(&source, OVERRIDES, 1).unwrap_or_else(|error| panic!("{error}"));
    let plan = Arc::new(FaultPlan::default());
    let options = Options { forks: Some(false), ..Options::default() };
    for strategy in STRATEGIES {
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        for seed in 0..10 {
            let record = runner.run(seed, &plan, &options, None);
            // One whose trigger meets a task that has just finished, at each end, is nobody's fault.
            assert!(
                record.void() <= 2 && record.aborted() == 0,
                "{} under seed {seed}: {:#?}",
                strategy.name,
                record.checkpoints
            );
            let wrong: Vec<_> = record.verdicts.iter().filter(|it| it.verdict.is_fail()).collect();
            assert!(wrong.is_empty(), "{} under seed {seed}: {wrong:#?}", strategy.name);
        }
    }
}

/// Twenty checkpoints at once, one every 2 ms, on a job whose sink gets the answer to a request for commit after 20 ms: there is always
/// a commit to wait for, but soon none that holds a record.
const FAST: &[&str] = &[
    "cluster.network.control-latency=\"10ms\"",
    "execution.checkpointing.interval=\"2ms\"",
    "execution.checkpointing.max-concurrent-checkpoints=20",
    "execution.checkpointing.timeout=\"10s\"",
    "heartbeat.timeout=\"10s\"",
];

#[test]
fn a_sink_finishes_although_checkpoints_come_faster_than_commits() {
    let source = resolve("tiny").unwrap_or_else(|error| panic!("{error}"));
    let prepared = Prepared::load(&source, FAST, 1).unwrap_or_else(|error| panic!("{error}"));
    let options = Options { forks: Some(false), ..Options::default() };
    for strategy in STRATEGIES {
        let record =
            Runner::new(&prepared, Contender::from(strategy)).run(1, &Arc::default(), &options, None);
        let wrong: Vec<_> = record.verdicts.iter().filter(|it| it.verdict.is_fail()).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", strategy.name);
        assert!(record.duration < 500_000_000, "{}: {} ns", strategy.name, record.duration);
    }
}
