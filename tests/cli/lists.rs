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
    let bugs: Vec<&str> = cutline::algorithms::bugs::BUGS.iter().map(|row| row.name).collect();
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
