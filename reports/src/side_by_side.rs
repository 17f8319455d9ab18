//! Several runs, one column each.

use cutline_scenarios::record::RunRecord;

use crate::{plain_table, run_table, text};

/// The runs side by side: a column for each strategy; first the figures, then the verdicts. The proofs of what failed
/// follow below.
pub fn side_by_side(records: &[RunRecord]) -> String {
    let Some(first) = records.first() else { return String::new() };
    let head = |name: &str, cell: fn(&RunRecord) -> String| {
        let cells = records.iter().map(cell);
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<String>>()
    };
    let mut rows = vec![head("", |record| record.strategy.clone()), head("outcome", run_table::outcome)];
    let figures: Vec<_> = records.iter().map(run_table::rows).collect();
    for (at, (name, _)) in run_table::rows(first).iter().enumerate() {
        let cells = || figures.iter().map(|figures| figures[at].1.clone());
        if cells().any(|cell| cell.is_some()) {
            let cells = cells().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            rows.push(std::iter::once((*name).to_owned()).chain(cells).collect());
        }
    }
    for verdict in &first.verdicts {
        let of = |record: &RunRecord| {
            let same = record.verdicts.iter().find(|other| other.oracle == verdict.oracle);
            same.map_or_else(|| "-".to_owned(), |other| other.verdict.to_string())
        };
        rows.push(
            std::iter::once(format!("oracle {}", verdict.oracle)).chain(records.iter().map(of)).collect(),
        );
    }
    let mut table = plain_table(rows);
    // Each column as wide as what it holds: a table of many strategies is wide, but its cells stay whole.
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    let title = format!("{}, faults {}, seed {}\n\n", first.scenario, first.faults, first.seed);
    let mut whole = title + &text(&table);
    for record in records {
        let proofs = run_table::proofs(&record.verdicts);
        if !proofs.is_empty() {
            whole.push_str(&format!("\n{}{proofs}", record.strategy));
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn strategies_are_columns() {
        let table = side_by_side(&[samples::run("stop-the-world"), samples::run("aligned")]);
        let line = |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        let (left, right) = (table.find("stop-the-world"), table.find("aligned"));
        assert!(left < right, "{table}");
        assert_eq!(line("restores").split_whitespace().collect::<Vec<_>>(), ["restores", "1", "1"]);
        assert!(line("oracle state").ends_with("pass"), "{table}");
        assert_eq!(side_by_side(&[]), "");
    }

    #[test]
    fn what_only_some_have_is_missing_in_the_others() {
        let table = side_by_side(&[samples::run("aligned"), samples::local("uncoordinated")]);
        let line = table.lines().find(|line| line.starts_with("log written")).unwrap_or_default();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["log", "written", "-", "64.0", "KiB"]);
        assert!(!side_by_side(&[samples::run("aligned")]).contains("log written"));
    }
}
