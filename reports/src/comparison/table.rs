//! A comparison as a table for the screen: strategies are columns.

use super::measures::{Cell, MEASURES};
use super::{Comparison, Contestant, Quartiles};
use crate::drawing::axis::Unit;
use crate::verdicts::{self, by_oracle};
use crate::{plain_table, text, wrap};

/// What stands behind the best value of a row.
const BEST: &str = " *";

/// The middle of each measure over all seeds, with the quartiles behind it, the best of each row with a star; and how the runs ended.
pub fn table(comparison: &Comparison) -> String {
    let contestants = &comparison.contestants;
    if contestants.is_empty() {
        return String::new();
    }
    let row = |name: &str, cells: Vec<String>| {
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<String>>()
    };
    let mut rows = vec![row("", contestants.iter().map(|one| one.name.clone()).collect())];
    rows.push(row("runs that passed", contestants.iter().map(passed).collect()));
    for measure in MEASURES {
        let values = measure.of_all(contestants);
        if values.iter().all(Option::is_none) {
            continue;
        }
        let cell = |cell: Option<Cell>| {
            let Some(Cell { value, best, some }) = cell else { return "-".to_owned() };
            let of = some.map_or_else(String::new, |(known, runs)| format!(" in {known} of {runs}"));
            format!("{}{of}{}", spread(measure.unit, value), if best { BEST } else { "" })
        };
        rows.push(row(measure.name, values.into_iter().map(cell).collect()));
    }
    let mut table = plain_table(rows);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    let legend = match comparison.repetitions() {
        1 => "* the best of its row\n",
        _ => {
            "the median over the seeds, in brackets the quartiles (`in 3 of 20`: only so many runs have it); * the best of its row\n"
        }
    };
    format!("{}\n\n{}\n{legend}", comparison.title(), text(&table))
}

/// What is unknown of all these runs, a sentence for each oracle.
pub fn unknown(comparisons: &[Comparison]) -> String {
    let runs = comparisons.iter().flat_map(|comparison| &comparison.contestants).flat_map(|one| &one.runs);
    let sentences = verdicts::unknown(&by_oracle(runs.map(|ran| &ran.record)));
    sentences.iter().map(|sentence| wrap(&format!("unknown: {sentence}"), "")).collect()
}

/// `20 of 20`.
pub fn passed(contestant: &Contestant) -> String {
    use cutline_scenarios::record::Class;
    let passed = contestant.runs.iter().filter(|ran| ran.record.class() == Class::Pass).count();
    format!("{passed} of {}", contestant.runs.len())
}

/// The median, and the quartiles if they differ from it.
pub fn spread(unit: Unit, Quartiles { low, median, high }: Quartiles) -> String {
    let [low, median, high] = [low, median, high].map(|value| unit.show(value));
    if low == median && high == median { median } else { format!("{median} ({})", between(&low, &high)) }
}

/// `61 to 67 records/s`, `209 ms to 3.17 s`.
pub fn between(low: &str, high: &str) -> String {
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn strategies_are_columns_and_the_best_has_a_star() {
        let comparison = samples::comparison();
        let table = table(&comparison);
        let line =
            |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
        assert!(table.starts_with("wordcount, faults crashes, seeds 0..3\n"), "{table}");
        assert!(line("runs that passed").ends_with("3 of 3"), "{table}");
        assert!(line("latency, p99 ").contains("170 ms (155 to 185 ms) *"), "{table}");
        assert!(line("latency, p99 ").contains('('), "{table}");
        assert_eq!(between("61 records/s", "67 records/s"), "61 to 67 records/s");
        assert_eq!(
            (between("209 ms", "3.17 s"), between("1", "2")),
            ("209 ms to 3.17 s".into(), "1 to 2".into())
        );
        assert_eq!(super::table(&Comparison::default()), "");
    }

    #[test]
    fn a_strategy_that_fails_is_never_the_best() {
        let mut comparison = samples::comparison();
        let line = |comparison: &Comparison| {
            let table = table(comparison);
            table.lines().find(|line| line.starts_with("latency, p99 ")).unwrap_or_default().to_owned()
        };
        let before = line(&comparison);
        assert!(before.contains(BEST), "{before}");
        for one in &mut comparison.contestants {
            one.runs[0].record.outcome = cutline_scenarios::record::Outcome::Failed;
        }
        assert!(comparison.contestants.iter().all(|one| !one.passes()), "{before}");
        assert_eq!(line(&comparison).matches(BEST).count(), 0, "{before}");
    }
}
