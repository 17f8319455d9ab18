//! `cutline list` against the registries.

use serde_json::Value;

use crate::Place;

fn names(what: &str) -> Vec<String> {
    let list = Place::new().cutline(&format!("list {what} --json")).exits(0).json();
    let name = |row: &Value| {
        assert!(row["about"].as_str().is_some_and(|about| !about.is_empty()), "{row}");
        row["name"].as_str().expect("a name").to_owned()
    };
    list.as_array().expect("an array").iter().map(name).collect()
}

#[test]
fn lists_are_those_of_the_registries() {
    let strategies: Vec<&str> = cutline::algorithms::STRATEGIES.iter().map(|row| row.name).collect();
    assert_eq!(names("strategies"), strategies);
    let bugs: Vec<&str> = cutline::algorithms::bugs::all().map(|row| row.name).collect();
    assert_eq!(names("bugs"), bugs);
    let scenarios: Vec<&str> = cutline::scenarios::library_files::LIBRARY.iter().map(|row| row.0).collect();
    assert_eq!(names("scenarios"), scenarios);
    let operators: Vec<&str> = cutline::scenarios::operators::ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names("operators"), operators);
    let oracles: Vec<&str> = cutline::sim::oracles::ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names("oracles"), oracles);
    let profiles = cutline::scenarios::faults::PROFILES.iter().map(|row| row.name);
    let faults: Vec<&str> = profiles.chain(cutline::sim::faults::ROWS.iter().map(|row| row.name)).collect();
    assert_eq!(names("faults"), faults);
}

#[test]
fn lists_for_people_name_everything_that_those_for_programs_do() {
    for what in ["strategies", "scenarios", "faults", "operators", "oracles", "bugs"] {
        let text = Place::new().cutline(&format!("list {what}")).exits(0).out;
        for name in names(what) {
            let line = text.lines().find(|line| line.split_whitespace().next() == Some(&name));
            assert!(line.is_some_and(|line| line.split_whitespace().count() > 1), "{name} in\n{text}");
        }
        assert!(!text.contains('\x1b'), "no colours outside a terminal");
    }
}

#[test]
fn every_oracle_gives_a_verdict() {
    let record = Place::new().cutline("run wordcount --json").exits(0).json();
    let verdicts = record["verdicts"].as_array().expect("verdicts").iter();
    let verdicts: Vec<&str> = verdicts.map(|verdict| verdict["oracle"].as_str().expect("a name")).collect();
    assert_eq!(verdicts, names("oracles"));
}

/// What readers get is seen in runs: no strategy loses anything, transactional sinks under one that promises exactly once give that,
/// plain ones repeat, and a planted bug shows.
#[test]
fn guarantees_are_what_is_seen_in_runs() {
    let place = Place::new();
    let often =
        "--runs 12 --set input.text.kind.text.rate=250/s --set execution.checkpointing.interval=200ms";
    let seen = place
        .cutline(&format!("guarantees wordcount --strategies aligned,unaligned --json {often}"))
        .exits(0)
        .json();
    let rows = seen.as_array().expect("an array");
    let pairs: Vec<(&str, &str)> =
        rows.iter().map(|row| (row["strategy"].as_str().unwrap(), row["sink"].as_str().unwrap())).collect();
    let sinks = ["transactional", "idempotent", "plain"];
    let expected = ["aligned", "unaligned"].map(|strategy| sinks.map(|sink| (strategy, sink))).concat();
    assert_eq!(pairs, expected);
    assert!(rows.iter().all(|row| row["runs"] == 12 && row["broken"] == 0), "{seen}");
    assert!(rows.iter().all(|row| row["restored"].as_u64() > Some(2)), "{seen}");
    let repeats = |row: &Value| row["repeated"].as_u64() > Some(0);
    assert_eq!(
        rows.iter().map(repeats).collect::<Vec<_>>(),
        [false, false, true, false, false, true],
        "{seen}"
    );
    let text = place.cutline(&format!("guarantees wordcount --strategies aligned {often}")).exits(0).out;
    for line in ["transactional exactly once", "idempotent right last values", "plain at least once"] {
        let found = text.lines().any(|it| it.split_whitespace().collect::<Vec<_>>().join(" ").contains(line));
        assert!(found, "{line} in\n{text}");
    }
    let text = place.cutline(&format!("guarantees wordcount --strategies no-drain {often}")).exits(1).out;
    assert!(text.contains("BROKEN"), "{text}");
    place.cutline("guarantees pipe --runs 0").refuses(&["--runs"]);
}
