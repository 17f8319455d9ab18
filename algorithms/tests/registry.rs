//! One variant, one file, one row: every source file is named by a row of its registry, and every row has its file.

use std::collections::BTreeSet;
use std::path::Path;

use cutline_algorithms::{STRATEGIES, bugs, find};
use cutline_sim::oracles::ROWS;

/// Files of `src` that are no strategy.
const HELPERS: [&str; 7] =
    ["lib", "mutants", "mutant-backend", "mutant-committer", "recovery-line", "rounds", "hand"];

fn files(directory: &str, helpers: &[&str]) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(path).expect("the sources lie beside the manifest");
    let names =
        entries.map(|entry| entry.expect("a readable entry").file_name().into_string().expect("UTF-8"));
    let stems = names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned));
    stems.map(|stem| stem.replace('_', "-")).filter(|stem| !helpers.contains(&stem.as_str())).collect()
}

/// The folders in a folder.
fn folders(directory: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(path).expect("the sources lie beside the manifest");
    let entries = entries.map(|entry| entry.expect("a readable entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| format!("{directory}/{}", entry.file_name().into_string().expect("UTF-8"))).collect()
}

#[test]
fn every_file_is_named_by_a_row() {
    let strategies: BTreeSet<String> = STRATEGIES.iter().map(|strategy| strategy.name.to_owned()).collect();
    assert_eq!(files("src", &HELPERS), strategies);
    assert_eq!(strategies.len(), STRATEGIES.len(), "a name is used twice");
    let zoo: Vec<String> = bugs::all().map(|bug| bug.name.to_owned()).collect();
    let in_groups = folders("src/bugs").iter().flat_map(|group| files(group, &["mod"])).collect::<Vec<_>>();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(in_groups), sorted(zoo.clone()));
    assert_eq!(zoo.iter().collect::<BTreeSet<_>>().len(), zoo.len(), "a name is used twice");
    assert_eq!(
        files("src/bugs", &["mod", "wanting"]),
        BTreeSet::new(),
        "a bug belongs into the folder of its group"
    );
}

#[test]
fn every_row_is_whole() {
    for bug in bugs::all() {
        let of = find(bug.of).expect("a bug mutates a strategy");
        assert!(of.cut as usize != bug.cut as usize, "{} mutates nothing", bug.name);
        assert!(!bug.about.is_empty() && !bug.source.is_empty(), "{}", bug.name);
        assert!(bugs::find(bug.name).is_some() && find(bug.name).is_none());
    }
}

#[test]
fn every_oracle_and_every_strategy_has_two_bugs() {
    let of = |oracle: &str| bugs::all().filter(|bug| bug.caught_by == oracle).count();
    for row in ROWS {
        assert!(of(row.name) >= 2, "{} has {} bugs", row.name, of(row.name));
    }
    for strategy in STRATEGIES {
        let own = bugs::all().filter(|bug| bug.of == strategy.name).count();
        assert!(own >= 2, "{} has {own} bugs", strategy.name);
    }
    assert!(bugs::find("no-drain").is_some() && bugs::find("no-such-bug").is_none());
}
