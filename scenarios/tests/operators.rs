//! A job as a user would write it, out of the general operators: digits, counted. Both strategies under
//! crashes, against numbers worked out by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::ScenarioText;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::Class;
use cutline_scenarios::run::{Contender, Options, Runner};

/// The digits d of the odd numbers below 500, each three times, counted by 2 d + 1 modulo 8.
const DIGITS: &str = r#"
name = "digits"
about = "Digits of odd numbers, counted."

[input.numbers]
kind = { numbers = { count = 600, rate = "200/s", splits = 2 } }

[[job.operator]]
uid = "source"
does = { source = "numbers" }
parallelism = 2

[[job.operator]]
uid = "odd"
does = { filter = { modulus = 2, remainder = 1, max = 499 } }
parallelism = 2

[[job.operator]]
uid = "digits"
does = { flat-map = "digits" }
parallelism = 2

[[job.operator]]
uid = "thrice"
does = { flat-map = { copies = 3 } }

[[job.operator]]
uid = "key"
does = { map = { multiply = 2, add = 1, key-modulus = 8 } }

[[job.operator]]
uid = "count"
does = "keyed-count"
parallelism = 2

[[job.operator]]
uid = "sink"
does = { sink = "transactional" }
parallelism = 2

[[job.edge]]
from = "source"
to = "odd"
ship = "rebalance"

[[job.edge]]
from = "odd"
to = "digits"
ship = "forward"

[[job.edge]]
from = "digits"
to = "thrice"
ship = "rebalance"

[[job.edge]]
from = "thrice"
to = "key"
ship = "forward"

[[job.edge]]
from = "key"
to = "count"
ship = "hash"

[[job.edge]]
from = "count"
to = "sink"
ship = "forward"

[cluster]
nodes = 4

[taskmanager]
numberOfTaskSlots = 1

[execution]
checkpointing.interval = "100ms"
checkpointing.timeout = "2s"

[heartbeat]
interval = "100ms"
timeout = "500ms"
"#;

#[test]
fn general_operators_survive_crashes() {
    let text = ScenarioText::new("digits.toml", DIGITS);
    let prepared = Prepared::load::<&str>(&text, &[], 1).unwrap_or_else(|error| panic!("{error}"));
    let mut expected = BTreeMap::<String, i64>::new();
    for number in (1..500).step_by(2) {
        for digit in format!("{number}").bytes() {
            *expected.entry(((u32::from(digit - b'0') * 2 + 1) % 8).to_string()).or_default() += 3;
        }
    }
    let profile = faults::resolve("crashes").expect("a profile");
    let mut restores = 0;
    for strategy in STRATEGIES {
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        for seed in 0..10 {
            let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
            let record = runner.run(seed, &plan, &Options::default(), None);
            assert_eq!(record.class(), Class::Pass, "{} {seed} {:?}", strategy.name, record.verdicts);
            let counts: BTreeMap<String, i64> = prepared.values(runner.world()).into_iter().collect();
            assert_eq!(counts, expected, "{} {seed}", strategy.name);
            restores += record.restores.len();
        }
    }
    assert!(restores > 10, "only {restores} restores: the crashes hardly struck");
}
