//! What an exploration has tried, and what came of it.

use comfy_table::CellAlignment;
use cutline_scenarios::explore::Row;

use crate::units::count;
use crate::{plain_table, text};

/// One of the figures of a row.
type Figure = fn(&Row) -> u64;

/// A line for each kind of victims. Columns in which everything is zero are left out, but for forks, outcomes and violations.
pub fn explored(rows: &[Row]) -> String {
    let columns: [(&str, bool, Figure); 6] = [
        ("forks", true, |row| row.forks),
        ("met nobody", false, |row| row.idle),
        ("seen before", false, |row| row.seen),
        ("outcomes", true, |row| row.outcomes),
        ("undecided", false, |row| row.undecided),
        ("violations", true, |row| row.violations),
    ];
    let shown = columns.iter().filter(|(_, always, of)| *always || rows.iter().any(|row| of(row) > 0));
    let shown: Vec<_> = shown.collect();
    let name = |row: &Row| match row.faults {
        1 => row.victims.to_string(),
        _ => format!("then {}", row.victims),
    };
    let head = std::iter::once("victims".to_owned()).chain(shown.iter().map(|(name, ..)| (*name).to_owned()));
    let mut lines = vec![head.collect::<Vec<String>>()];
    for row in rows {
        let cells = shown.iter().map(|(_, _, of)| count(of(row)));
        lines.push(std::iter::once(name(row)).chain(cells).collect());
    }
    figures(lines)
}

/// A table of figures: a head and rows, each with a name in front.
pub fn figures(lines: Vec<Vec<String>>) -> String {
    let mut table = plain_table(lines);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    text(&table)
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::explore::Victims;

    use super::*;

    #[test]
    fn a_column_of_zeros_is_left_out() {
        let row = |faults, victims, idle| Row {
            faults,
            victims,
            forks: 1200,
            idle,
            seen: 0,
            outcomes: 7,
            undecided: 0,
            violations: 0,
        };
        let table = explored(&[row(1, Victims::Tasks, 3), row(2, Victims::Store, 0)]);
        let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected =
            ["victims forks met nobody outcomes violations", "tasks 1,200 3 7 0", "then store 1,200 0 7 0"];
        assert_eq!(words, expected.map(|line| line.split(' ').collect::<Vec<_>>()));
    }
}
