//! Reports: pure functions from the records of runs to tables, files and pictures.
//!
//! Nothing here prints, reads a clock or sees the live world: the same records give the same bytes.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cutline_reports::comparison::{Comparison, Contestant, Ran};
//! use cutline_reports::page::{Page, page};
//! use cutline_scenarios::library_files::resolve;
//! use cutline_scenarios::prepare::Prepared;
//! use cutline_scenarios::run::{Contender, Options, Runner, place_of};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = resolve("tiny")?;
//! let prepared = Prepared::load(&source, &[""; 0], 1)?;
//! let options = Options { course: true, ..Options::default() };
//! let contestants = ["aligned", "unaligned"].map(|name| {
//!     let mut runner = Runner::new(&prepared, Contender::named(name).expect("a strategy"));
//!     let record = runner.run(1, &Arc::default(), &options, None);
//!     let course = runner.course().cloned().unwrap_or_default();
//!     Contestant { name: name.to_owned(), place: place_of(name), runs: vec![Ran { record, course }] }
//! });
//! assert!(cutline_reports::table(&contestants[0].runs[0].record).contains("tiny"));
//!
//! let comparison = Comparison {
//!     scenario: prepared.name().to_owned(),
//!     setting: None,
//!     faults: "none".to_owned(),
//!     seeds: "1".to_owned(),
//!     contestants: contestants.into(),
//! };
//! let html = page(&Page {
//!     comparison: &comparison,
//!     pictures: &[],
//!     scenes: &[],
//!     vary: None,
//!     overrides: &[],
//!     scenario_text: &source.text,
//!     command: "cutline compare tiny --strategies aligned,unaligned",
//!     failures: &[],
//!     version: "0.1.0",
//! });
//! assert!(html.starts_with("<!DOCTYPE html>") && html.contains("unaligned"));
//! # Ok(())
//! # }
//! ```

pub mod comparison;
pub mod counts;
pub mod drawing;
pub mod explored;
pub mod extremes;
pub mod github;
pub mod guarantees;
pub mod junit;
pub mod page;
pub mod plots;
pub mod png;
pub mod run_diff;
pub mod run_table;
pub mod shrink_table;
pub mod side_by_side;
pub mod space_time;
pub mod sparks;
pub mod stats;
pub mod sweep_summary;
pub mod timeline;
pub mod units;
pub mod verdicts;
pub mod viewers;
pub mod zoo;

#[cfg(test)]
mod samples;

pub use counts::{counts_csv, frequent};
pub use explored::{explored, figures};
pub use guarantees::guarantees;
pub use run_table::table;
pub use side_by_side::side_by_side;
pub use sparks::sparks;
pub use timeline::timeline;

use comfy_table::{ContentArrangement, Row, Table, presets};

/// The width of tables and prose, in characters.
pub const WIDTH: usize = 100;

/// A table without borders: columns stand two spaces apart, long cells are wrapped.
fn plain_table<R: Into<Row>>(rows: impl IntoIterator<Item = R>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH as u16).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A table as text: no blanks at the ends of lines, and a line feed after each.
fn text(table: &Table) -> String {
    let lines = table.lines();
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Breaks prose into lines of at most [`WIDTH`] characters (unless a word is longer), each after the same indent. Line
/// feeds in the prose stay.
pub fn wrap(prose: &str, indent: &str) -> String {
    let mut wrapped = String::new();
    for paragraph in prose.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let full = indent.chars().count() + line.chars().count() + 1 + word.chars().count() > WIDTH;
            if full && !line.is_empty() {
                wrapped.push_str(&format!("{indent}{line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        wrapped.push_str(&format!("{indent}{line}\n"));
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words_and_indented() {
        let prose = "word ".repeat(60);
        let wrapped = wrap(&prose, "    ");
        assert!(wrapped.lines().all(|line| line.starts_with("    word") && line.len() <= WIDTH));
        assert_eq!(wrapped.split_whitespace().count(), 60);
        assert_eq!(wrap("a\nb", "> "), "> a\n> b\n");
        assert_eq!(wrap("", " "), "");
        let long = "x".repeat(300);
        assert_eq!(wrap(&long, ""), format!("{long}\n"));
    }
}
