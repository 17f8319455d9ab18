//! Fewer settings: latencies, jitters, costs and everything else that may be absent goes back to its default. All at once, by table,
//! one by one. What other passes change stays.

use super::Candidates;
use crate::shrink::Given;
use crate::shrink::case::Case;

/// Tables that may be absent.
const TABLES: &[&str] = &[
    "cluster",
    "taskmanager",
    "pipeline",
    "execution",
    "state",
    "heartbeat",
    "restart-strategy",
    "trigger",
    "savepoint",
    "cancel",
    "bounds",
];

/// What an operator may leave out.
const OF_OPERATORS: &[&str] =
    &["service", "service-per-kib", "service-jitter", "state-bytes", "state-entry-bytes"];

/// What other passes change.
const OF_OTHERS: &[&[&str]] = &[
    &["cluster", "nodes"],
    &["taskmanager", "numberOfTaskSlots"],
    &["execution", "checkpointing", "interval"],
    &["trigger", "every-records"],
];

/// Scenarios that say less.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let mut groups: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    for table in TABLES {
        let mut leaves = case.sheet.leaves(table);
        leaves.retain(|leaf| OF_OTHERS.iter().all(|other| leaf != other));
        if !leaves.is_empty() {
            groups.push(((*table).to_owned(), leaves));
        }
    }
    for operator in &case.scenario.spec.job.operator {
        let way = |key: &str| ["job", "operator", operator.uid.as_str(), key].map(str::to_owned).to_vec();
        let is_there = |way: &Vec<String>| case.sheet.get(&steps(way)).is_some();
        let ways: Vec<_> = OF_OPERATORS.iter().map(|key| way(key)).filter(is_there).collect();
        if !ways.is_empty() {
            groups.push((format!("the costs of {}", operator.uid), ways));
        }
    }
    let all: Vec<Vec<String>> = groups.iter().flat_map(|(_, ways)| ways.clone()).collect();
    let single: Vec<_> = groups
        .iter()
        .filter(|(_, ways)| ways.len() > 1)
        .flat_map(|(_, ways)| ways.iter().map(|way| (way.join("."), vec![way.clone()])))
        .collect();
    let everything = ("all settings".to_owned(), all);
    let without = |(what, ways): (String, Vec<Vec<String>>)| {
        let edited = case.edited(given, |sheet| ways.iter().try_for_each(|way| sheet.remove(&steps(way))));
        edited.map(|case| (format!("without {what}"), case))
    };
    std::iter::once(everything).chain(groups).chain(single).filter_map(without).collect()
}

fn steps(way: &[String]) -> Vec<&str> {
    way.iter().map(String::as_str).collect()
}
