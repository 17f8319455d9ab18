//! Transactions that time out and commits that fail: what readers of a transactional sink see then, and what they are told.

use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, find};
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, ExpiredTransactions, RunRecord, Verdict};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::faults::{FailedCommits, Fault, FaultPlan, Planned, Point, TaskCrash, When};
use cutline_sim::graph::Role;
use cutline_sim::ids::TaskId;
use cutline_sim::time::SECOND;

/// Bids that go straight to the sinks, so every transaction has records; a checkpoint every 150 ms, and 4 s of virtual time.
fn bids(more: &[&str]) -> Prepared {
    let all = [
        "input.events.kind.nexmark.events=2000",
        "input.events.kind.nexmark.rate=500/s",
        "execution.buffer-timeout.interval=5ms",
        "execution.checkpointing.interval=150ms",
        "heartbeat.interval=50ms",
        "heartbeat.timeout=200ms",
        "bounds.heal=20s",
    ];
    let overrides = [all.as_slice(), more].concat();
    Prepared::load(&resolve("nexmark-q1").expect("a scenario"), &overrides, 1)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn verdict<'a>(record: &'a RunRecord, oracle: &str) -> &'a Verdict {
    let found = record.verdicts.iter().find(|verdict| verdict.oracle == oracle);
    &found.expect("the verdict of an oracle").verdict
}

/// Runs with the lookahead on and off, which must not make a difference.
fn run(prepared: &Prepared, strategy: &str, plan: &Arc<FaultPlan>, forks: bool) -> RunRecord {
    let contender = Contender::from(find(strategy).expect("a strategy"));
    let both = [true, false].map(|lookahead| {
        let options = Options { lookahead, forks: Some(forks), ..Options::default() };
        Runner::new(prepared, contender).run(1, plan, &options, None)
    });
    assert_eq!(both[0], both[1]);
    let [record, _] = both;
    record
}

fn first_sink(prepared: &Prepared) -> TaskId {
    let topology = prepared.topology();
    let mut tasks = (0..topology.tasks.len() as u32).map(TaskId);
    tasks.find(|&task| matches!(topology.role(task), Role::Sink(_))).expect("a sink")
}

/// A sink crashes when the fifth checkpoint has completed and before it hears of it.
fn crash(prepared: &Prepared) -> Arc<FaultPlan> {
    let fault = Fault::TaskCrash(TaskCrash { task: Some(first_sink(prepared)) });
    let faults = vec![Planned { when: When::Point(Point::Completed, 5), fault }];
    Arc::new(FaultPlan { faults, heal: 4 * SECOND })
}

#[test]
fn a_time_out_shorter_than_a_restart_loses_what_a_checkpoint_had_promised() {
    let records = {
        let prepared = bids(&[]);
        let record = run(&prepared, "aligned", &crash(&prepared), false);
        assert_eq!(record.class(), Class::Pass, "{:#?}", record.verdicts);
        assert_eq!(record.restores.len(), 1);
        record.sink_records
    };
    // A restart takes a second.
    let prepared = bids(&["cluster.external.transaction-timeout=600ms"]);
    let record = run(&prepared, "aligned", &crash(&prepared), false);
    assert_eq!(record.class(), Class::Safety, "{:#?}", record.verdicts);
    assert_eq!(record.transactions_expired, ExpiredTransactions { open: 0, prepared: 1 });
    assert!(record.sink_records < records);
    let Verdict::Fail(proof) = verdict(&record, "ledger") else { panic!("{:#?}", record.verdicts) };
    let sink = prepared.topology().task_name(first_sink(&prepared));
    let lost = format!("nobody makes its {} records again", records - record.sink_records);
    let parts = [
        &sink,
        "a transaction with checkpoint 5, in attempt 1",
        "600.000000 ms (`cluster.external.transaction-timeout`)",
        &lost,
        "Set the time-out above",
    ];
    parts.iter().for_each(|part| assert!(proof.contains(part), "no `{part}` in {proof}"));
}

#[test]
fn a_time_out_shorter_than_an_interval_lets_no_checkpoint_complete() {
    // Sinks are slow: or they would do all that is left at once when the input is over, and that in time.
    let prepared = bids(&["cluster.external.transaction-timeout=50ms", "job.operator.sink.service=1ms"]);
    let record = run(&prepared, "aligned", &Arc::default(), false);
    assert_eq!(record.class(), Class::Stall, "{:#?}", record.verdicts);
    assert_eq!((record.completed().count(), record.transactions_expired.prepared), (0, 0));
    assert!(record.transactions_expired.open > 3 && record.restores.len() > 3, "{record:#?}");
    let Verdict::Fail(proof) = verdict(&record, "liveness") else { panic!("{:#?}", record.verdicts) };
    let parts =
        ["their open transaction had expired", "50.000000 ms (`cluster.external.transaction-timeout`)"];
    parts.iter().for_each(|part| assert!(proof.contains(part), "no `{part}` in {proof}"));
}

/// Whatever expires while it is open is made again: time-outs that are only just too short for some transactions cost time.
#[test]
fn an_open_transaction_that_expires_costs_a_restart_and_nothing_else() {
    let prepared = bids(&[
        "cluster.external.transaction-timeout=155ms",
        "cluster.network.control-jitter=20ms",
        "restart-strategy.fixed-delay.delay=20ms",
    ]);
    let record = run(&prepared, "aligned", &Arc::default(), false);
    assert_eq!(record.class(), Class::Pass, "{:#?}", record.verdicts);
    assert!(record.transactions_expired.open > 0, "{record:#?}");
}

/// A system that fails every commit for two seconds: all comes in the end, once, under every strategy.
#[test]
fn commits_are_asked_for_until_they_are_done() {
    let prepared = bids(&[]);
    let fault = Fault::FailedCommits(FailedCommits { per_mille: 1000 });
    let faults = vec![Planned { when: When::Between(SECOND, 3 * SECOND), fault }];
    let plan = Arc::new(FaultPlan { faults, heal: 4 * SECOND });
    for strategy in STRATEGIES {
        let record = run(&prepared, strategy.name, &plan, true);
        assert_eq!(record.class(), Class::Pass, "{}: {:#?}", strategy.name, record.verdicts);
        assert_eq!(verdict(&record, "ledger"), &Verdict::Pass, "{}", strategy.name);
        assert!(record.commits_failed > 20, "{}: {}", strategy.name, record.commits_failed);
    }
}

#[test]
fn failing_commits_and_crashes_lose_and_repeat_nothing() {
    let prepared = bids(&["restart-strategy.fixed-delay.delay=20ms", "cluster.costs.node-downtime=100ms"]);
    let profile = faults::resolve("sinks").expect("a profile");
    let (mut restored_behind, mut failed) = (0, 0);
    for strategy in STRATEGIES {
        for seed in 0..6 {
            let plan = faults::draw(&profile, prepared.topology(), prepared.duration(), seed);
            let mut runner = Runner::new(&prepared, Contender::from(strategy));
            let record = runner.run(seed, &Arc::new(plan), &Options::default(), None);
            let what = format!("{} with seed {seed}: {:#?}", strategy.name, record.verdicts);
            assert_eq!((record.class(), verdict(&record, "ledger")), (Class::Pass, &Verdict::Pass), "{what}");
            failed += record.commits_failed;
            restored_behind += u64::from(record.commits_failed > 0 && !record.restores.is_empty());
        }
    }
    assert!(failed > 100 && restored_behind > 10, "{failed} failed, {restored_behind} runs with both");
}
