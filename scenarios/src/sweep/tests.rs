//! Which runs a sweep has.

use super::manifest::{Asked, AskedScenario, AskedText};
use super::*;
use crate::library_files::resolve;

fn asked(scenarios: &[&str], seeds: &str, regressions: Vec<Regression>) -> Asked {
    let scenario = |name: &&str| AskedScenario {
        asked: (*name).to_owned(),
        text: AskedText::new(&resolve(name).expect("a scenario")),
        overrides: Vec::new(),
    };
    let profile = |name| AskedText::new(&faults::text(name).expect("a profile"));
    Asked {
        scenarios: scenarios.iter().map(scenario).collect(),
        input: None,
        files: Vec::new(),
        strategies: ["aligned", "chandy-lamport", "first-barrier"].map(str::to_owned).to_vec(),
        faults: ["none", "crashes"].map(profile).to_vec(),
        seeds: seeds.parse().expect("seeds"),
        options: CapsuleOptions { forks: Some(false), check_determinism: false, lookahead: true },
        regressions,
    }
}

fn known(scenario: &str, strategy: &str, faults: &str, seed: u64) -> Regression {
    let [scenario, strategy, faults] = [scenario, strategy, faults].map(str::to_owned);
    Regression { scenario, overrides: Vec::new(), strategy, faults, seed, failed: String::new() }
}

#[test]
fn runs_are_numbered_without_gaps_and_regressions_come_first() {
    let regressions = vec![
        known("wordcount", "aligned", "crashes", 9),
        known("wordcount", "aligned", "crashes", 9),
        known("collatz", "aligned", "crashes", 9),
        known("wordcount", "unaligned", "crashes", 9),
        known("collatz", "chandy-lamport", "none", 3),
    ];
    let sweep =
        asked(&["wordcount", "collatz"], "0..5", regressions).sweep(&Contender::named).expect("a sweep");
    // One is named twice, one does not fit its job, and one is of a strategy that is not swept.
    assert_eq!(sweep.regressions(), 2);
    assert_eq!(sweep.left_out(0), [""; 0]);
    assert_eq!(sweep.left_out(1), ["aligned", "first-barrier"]);
    let mut next = 0;
    for number in 0..sweep.units() {
        let unit = sweep.unit(number).expect("a unit");
        assert_eq!((unit.number, unit.first, unit.regression), (number, next, number < 2));
        next = unit.runs().end;
    }
    assert_eq!((sweep.runs(), next), (2 + 5 * (3 + 1) * 2, sweep.runs()));
    assert_eq!(sweep.unit(sweep.units()), None);
}

#[test]
fn parts_have_all_runs_together() {
    let regressions = vec![known("wordcount", "aligned", "crashes", 9)];
    for seeds in ["0..1", "0..7", "3,5..20"] {
        let sweep = asked(&["wordcount", "collatz"], seeds, regressions.clone())
            .sweep(&Contender::named)
            .expect("a sweep");
        for of in [1, 2, 3, 4, 5, 16, 100] {
            let part = |number| Partition::new(number, of).expect("a part");
            let counted = |part: Partition| -> u64 {
                let mine = (0..sweep.units()).filter(|&unit| part.has(unit));
                mine.map(|unit| sweep.unit(unit).map_or(0, |unit| unit.runs().count() as u64)).sum()
            };
            for number in 1..=of {
                assert_eq!(sweep.runs_of(part(number)), counted(part(number)), "{seeds}, {number}/{of}");
            }
        }
    }
}

#[test]
fn a_sweep_of_more_runs_than_can_be_counted_is_refused() {
    let error = asked(&["wordcount"], "0..18446744073709551615", Vec::new())
        .sweep(&Contender::named)
        .err()
        .expect("refused");
    assert!(error.to_string().contains("at most"), "{error}");
    let sweep =
        asked(&["wordcount"], "0..1000000000000", Vec::new()).sweep(&Contender::named).expect("a sweep");
    assert_eq!(sweep.runs_of(Partition::new(3, 16).expect("a part")), 6 * 1_000_000_000_000 / 16);
}

#[test]
fn a_row_is_read_as_it_was_written() {
    let sweep = asked(&["wordcount"], "4", Vec::new()).sweep(&Contender::named).expect("a sweep");
    let unit = sweep.unit(0).expect("a unit");
    let mut rows = Vec::new();
    sweep.run(&unit, &mut Workbench::default(), &|_| true, &mut |done| rows.push(done.row)).expect("runs");
    assert_eq!(rows.len(), 6);
    for mut row in rows {
        row.row.overrides = "a=\"x, y\" b".to_owned();
        let line = row.to_csv().expect("a line");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
        let record = reader.records().next().expect("a record").expect("CSV");
        assert_eq!(record.len(), row::header().count());
        assert_eq!(row::SeenRow::from_csv(&record).expect("a row"), row);
    }
}

/// What is used again from unit to unit changes nothing.
#[test]
fn a_used_workbench_gives_the_same_rows() {
    let sweep =
        asked(&["wordcount", "collatz"], "0..6", Vec::new()).sweep(&Contender::named).expect("a sweep");
    let rows = |bench: &mut dyn FnMut() -> Option<Workbench>| {
        let (mut rows, mut used) = (Vec::new(), Workbench::default());
        for number in 0..sweep.units() {
            let unit = sweep.unit(number).expect("a unit");
            let mut new = bench();
            let bench = new.as_mut().unwrap_or(&mut used);
            sweep.run(&unit, bench, &|_| true, &mut |done| rows.push(done.row)).expect("runs");
        }
        rows
    };
    assert_eq!(rows(&mut || None), rows(&mut || Some(Workbench::default())));
}

#[test]
fn a_run_that_panics_is_named() {
    let mut sweep = asked(&["wordcount"], "7", Vec::new()).sweep(&Contender::named).expect("a sweep");
    sweep.contenders[0].cut = |_| panic!("no machine");
    let unit = sweep.unit(0).expect("a unit");
    let error = sweep.run(&unit, &mut Workbench::default(), &|_| true, &mut drop).expect_err("a panic");
    let error = error.to_string();
    assert!(error.contains("run 0, seed 7 of `wordcount` under the strategy `aligned`"), "{error}");
    assert!(error.contains("no machine"), "{error}");
}
