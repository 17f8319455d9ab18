//! Records for the tests of this crate.

use cutline_scenarios::course::{Course, OperatorCourse, QUANTILES, Slice, SlowestSubtask};
use cutline_scenarios::record::Attempt;
use cutline_scenarios::record::{
    AbortReason, CheckpointEnd, CheckpointId, CheckpointMode, CheckpointRecord, CountedAgain,
    ExpiredTransactions, Latency, LifeRecord, LocalCheckpoints, OracleVerdict, Outcome, RECORD_VERSION,
    RestoreRecord, Rollback, RunRecord, SnapshotMethod, Verdict,
};
use cutline_scenarios::situations::Seen;
use cutline_scenarios::sweep::failure::Failure;
use cutline_scenarios::sweep::row::{Row, SeenRow};
use cutline_scenarios::sweep::tally::Tally;

use crate::comparison::{Comparison, Contestant, Ran};

const MS: u64 = 1_000_000;

/// A run in which nothing happened.
pub fn empty() -> RunRecord {
    RunRecord {
        version: RECORD_VERSION,
        scenario: "wordcount".to_owned(),
        strategy: "aligned".to_owned(),
        snapshot: SnapshotMethod::FullAsync,
        faults: "none".to_owned(),
        seed: 7,
        plan: Vec::new(),
        outcome: Outcome::Finished,
        verdicts: Vec::new(),
        digest: "0123456789abcdef0123456789abcdef".to_owned(),
        duration: 0,
        steps: 0,
        source_records: 0,
        sink_records: 0,
        replayed_records: 0,
        arrivals: 0,
        throughput: 0.0,
        latency: Latency::default(),
        checkpoints: Vec::new(),
        task_crashes: 0,
        node_crashes: 0,
        restores: Vec::new(),
        messages_disturbed: 0,
        writes_failed: 0,
        commits_failed: 0,
        transactions_expired: ExpiredTransactions::default(),
        mode: CheckpointMode::ExactlyOnce,
        started_from: None,
        counted_again: Vec::new(),
        local: None,
        life: LifeRecord::default(),
    }
}

/// A run with a crash, a restore, two checkpoints and an aborted one.
pub fn run(strategy: &str) -> RunRecord {
    let checkpoint = |id, triggered, duration, end| CheckpointRecord {
        id: CheckpointId(id),
        path: format!("checkpoints/chk-{id}"),
        triggered: triggered * MS,
        end,
        duration: duration * MS,
        checkpointed_data_size: 4096 * id,
        full_checkpoint_data_size: 8192 * id,
        persisted_in_flight_data: 1536 * id,
        processed_in_flight_data: 512 * id,
        start_delay: MS,
        alignment: 2 * MS,
        sync: MS,
        asynchronous: 3 * MS,
    };
    let oracles = ["state", "ledger", "liveness"];
    RunRecord {
        strategy: strategy.to_owned(),
        faults: "crashes".to_owned(),
        plan: vec!["at 900.000 ms: count[1] crashes".to_owned()],
        verdicts: oracles
            .map(|oracle| OracleVerdict { oracle: oracle.to_owned(), verdict: Verdict::Pass })
            .to_vec(),
        duration: 2412 * MS,
        steps: 12_345,
        source_records: 40_000,
        sink_records: 39_999,
        replayed_records: 812,
        counted_again: [("count", 3), ("sink", 1200)]
            .map(|(operator, records)| CountedAgain { operator: operator.to_owned(), records })
            .to_vec(),
        arrivals: 40_811,
        throughput: 16_920.4,
        latency: Latency { p50: 52 * MS, p99: 140 * MS, max: 900 * MS },
        checkpoints: vec![
            checkpoint(1, 500, 12, CheckpointEnd::Completed),
            checkpoint(2, 1000, 80, CheckpointEnd::Aborted(AbortReason::MetadataNotStored)),
            checkpoint(3, 1900, 30, CheckpointEnd::Completed),
        ],
        task_crashes: 1,
        restores: vec![RestoreRecord {
            attempt: Attempt(1),
            checkpoint: Some(CheckpointId(1)),
            path: Some("checkpoints/chk-1".to_owned()),
            crashed: 900 * MS,
            noticed: 950 * MS,
            cancelled: 1010 * MS,
            began: 1300 * MS,
            running: Some(1420 * MS),
            replayed: 812,
            rollback: None,
        }],
        ..empty()
    }
}

/// The same, of tasks that take checkpoints on their own.
pub fn local(strategy: &str) -> RunRecord {
    let mut record = run(strategy);
    record.local = Some(LocalCheckpoints {
        taken: 40,
        useless: 7,
        forced: 12,
        log_bytes: 64 << 10,
        piggybacked_bytes: 9000,
    });
    record.restores[0].rollback = Some(Rollback { deepest: 3, total: 9, age: 700 * MS });
    record
}

/// The sums of a sweep, and the first failures of its cells: five runs in three cells, one of which fails with this proof.
pub fn sweep(proof: &str) -> (Tally, Vec<Failure>) {
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    let verdict = |fails: bool| match fails {
        true => Verdict::Fail(proof.to_owned()),
        false => Verdict::Pass,
    };
    for (number, scenario, set, strategy, faults, seed, fails) in [
        (0, "a<b>", "x=\"1\"", "aligned", "none", 3, false),
        (1, "wordcount", "", "aligned", "crashes", 3, false),
        (2, "wordcount", "", "unaligned", "crashes", 3, true),
        (3, "wordcount", "", "aligned", "crashes", 4, false),
        (4, "wordcount", "", "unaligned", "crashes", 4, true),
    ] {
        let verdicts = vec![OracleVerdict { oracle: "cut".to_owned(), verdict: verdict(fails) }];
        let (scenario, faults) = (scenario.to_owned(), faults.to_owned());
        let record = RunRecord { scenario, faults, seed, verdicts, ..run(strategy) };
        let overrides: Vec<String> = set.split_whitespace().map(str::to_owned).collect();
        let row = Row::new(number, false, &overrides, &record);
        let failure = Failure::new(&row, &overrides, format!("cutline run wordcount --seed {seed}"), &record);
        tally.add(&SeenRow { row, seen: Seen::default() });
        let first = !failures.iter().any(|known: &Failure| known.cell() == failure.cell());
        if fails && first {
            failures.push(failure);
        }
    }
    (tally, failures)
}

/// A run with its course: latencies of 50 ms, nothing for 520 ms from the crash on, then late records for 280 ms.
pub fn ran(strategy: &str) -> Ran {
    let record = run(strategy);
    let slice = |number: u64| {
        let at = number * 10;
        let (arrivals, late) = match at {
            900..1420 => (0, 0),
            1420..1700 => (400, 600),
            _ => (170, 50),
        };
        let latency = |part: u64| late * MS * part / 10;
        Slice {
            arrivals,
            latency_p50: latency(10),
            latency_p99: latency(14),
            latency_max: latency(15),
            stored: 4096 * (1 + at / 500),
        }
    };
    let operator = |name: &str, share: u64| OperatorCourse {
        operator: name.to_owned(),
        subtasks: 2,
        backpressured: (0..242).map(|number| if number % 3 == 0 { share * MS } else { 0 }).collect(),
    };
    let course = Course {
        width: 10 * MS,
        slices: (0..242).map(slice).collect(),
        quantiles: QUANTILES.iter().map(|&parts| (40 + u64::from(parts / 20_000)) * MS).collect(),
        operators: vec![operator("source", 6), operator("count", 2), operator("sink", 0)],
        slowest: vec![SlowestSubtask {
            checkpoint: CheckpointId(1),
            start_delay: MS,
            alignment: 2 * MS,
            sync: MS,
            asynchronous: 3 * MS,
        }],
    };
    Ran { record, course }
}

/// Three strategies, three seeds.
pub fn comparison() -> Comparison {
    let contestant = |(place, name): (usize, &str)| Contestant {
        name: name.to_owned(),
        place,
        runs: (0..3)
            .map(|seed| {
                let mut ran = ran(name);
                ran.record.seed = seed;
                ran.record.latency.p99 += (seed + place as u64) * 30 * MS;
                for latency in &mut ran.course.quantiles {
                    *latency += (seed + place as u64 * 5) * 2 * MS;
                }
                ran
            })
            .collect(),
    };
    Comparison {
        scenario: "wordcount".to_owned(),
        setting: None,
        faults: "crashes".to_owned(),
        seeds: "0..3".to_owned(),
        contestants: ["stop-the-world", "aligned", "unaligned"]
            .into_iter()
            .enumerate()
            .map(contestant)
            .collect(),
    }
}
