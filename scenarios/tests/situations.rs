//! Situations: each can be met, and none is where nothing happens.

use cutline_scenarios::capsule::CapsuleOptions;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::run::Contender;
use cutline_scenarios::situations::{ROWS, Situation};
use cutline_scenarios::sweep::manifest::{Asked, AskedScenario, AskedText};
use cutline_scenarios::sweep::partition::Partition;
use cutline_scenarios::sweep::{Control, work};

/// Much happens at once: checkpoints beside each other, nodes that are soon taken for dead, transactions that expire.
const BUSY: [&str; 11] = [
    "input.numbers.kind.numbers.count=1500",
    "input.numbers.kind.numbers.rate=500/s",
    "execution.checkpointing.interval=100ms",
    "execution.checkpointing.max-concurrent-checkpoints=2",
    "execution.checkpointing.timeout=1s",
    "execution.checkpointing.tolerable-failed-checkpoints=100",
    "cluster.external.transaction-timeout=600ms",
    "heartbeat.interval=50ms",
    "heartbeat.timeout=200ms",
    "cluster.network.control-jitter=5ms",
    "cluster.network.latency-jitter=5ms",
];

/// How many runs met each situation.
fn met(profiles: &[&str]) -> Vec<u64> {
    let profile = |name: &&str| AskedText::new(&faults::text(name).expect("a profile"));
    let mut asked = Asked {
        scenarios: vec![AskedScenario {
            asked: "sum-even-odd".to_owned(),
            text: AskedText::new(&resolve("sum-even-odd").expect("a scenario")),
            overrides: BUSY.map(str::to_owned).to_vec(),
        }],
        input: None,
        files: Vec::new(),
        strategies: ["aligned", "unaligned"].map(str::to_owned).to_vec(),
        faults: profiles.iter().map(profile).collect(),
        seeds: "0..40".parse().expect("seeds"),
        options: CapsuleOptions { forks: Some(false), check_determinism: false, lookahead: true },
        regressions: Vec::new(),
    };
    let sweep = asked.sweep(&Contender::named).expect("a sweep");
    let mut met = vec![0; ROWS.len()];
    let worked = work(&sweep, Partition::WHOLE, 2, &Control::default(), &|_| true, |done| {
        for (&situation, count) in Situation::ALL.iter().zip(&mut met) {
            *count += u64::from(done.row.seen.has(situation));
        }
    });
    worked.expect("runs");
    met
}

#[test]
fn every_situation_can_be_met() {
    let met = met(&["everything", "sinks", "messages"]);
    let unmet: Vec<&str> =
        ROWS.iter().zip(&met).filter(|(_, runs)| **runs == 0).map(|(row, _)| row.name).collect();
    assert_eq!(unmet, [""; 0], "{met:?}");
}

#[test]
fn where_nothing_happens_none_is_met() {
    let met = met(&["none"]);
    let seen: Vec<&str> =
        ROWS.iter().zip(&met).filter(|(_, runs)| **runs > 0).map(|(row, _)| row.name).collect();
    assert_eq!(seen, [""; 0], "{met:?}");
}
