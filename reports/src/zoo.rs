//! The zoo as tables: for people, and in Markdown for documents.

use std::collections::BTreeSet;

use comfy_table::ContentArrangement;
use cutline_scenarios::zoo::{Exhibit, Wanting};

use crate::{plain_table, text, wrap};

/// What stands in the source of a bug that happened nowhere.
const INVENTED: &str = "invented";

/// What the columns of the table mean.
pub const LEGEND: &str = "seeds: within so many half of the starts or more catch it; 17 of 20: from so \
    many starts on it is caught within its budget, where that is not all of them. explore: whether an oracle objects when every single \
    fault is tried on `tiny`. smallest: records / operators / faults of the smallest run that was found. A dash: not asked.";

/// A row for each bug.
pub fn exhibits(all: &[Exhibit]) -> String {
    wide(exhibit_rows(all))
}

/// A row for each oracle that has caught something.
pub fn oracles(all: &[Exhibit]) -> String {
    wide(oracle_rows(all))
}

/// What cannot be planted, and why.
pub fn wanting(all: &[Wanting]) -> String {
    text(&plain_table(wanting_rows(all)))
}

/// What must not be: bugs that were not caught, and objections to correct strategies. Empty if all is well.
pub fn troubles(all: &[Exhibit]) -> String {
    let mut told = String::new();
    for exhibit in all {
        if !exhibit.is_caught() {
            told += &wrap(
                &format!(
                    "NOT CAUGHT: {} by the oracle {}, within {} seeds from {} of {} starts on",
                    exhibit.bug,
                    exhibit.oracle,
                    exhibit.budget,
                    exhibit.starts.len() - exhibit.caught(),
                    exhibit.starts.len()
                ),
                "",
            );
        }
        for alarm in exhibit.starts.iter().flat_map(|start| &start.false_alarms) {
            told += &wrap(
                &format!(
                    "FALSE ALARM: to the correct strategy {}, beside {}, seed {}: {}",
                    exhibit.of,
                    exhibit.bug,
                    alarm.seed,
                    alarm.oracles.join(", ")
                ),
                "",
            );
        }
    }
    told
}

/// All tables in Markdown, each between two comments, by which a document says where it wants it.
pub fn markdown(all: &[Exhibit], lacking: &[Wanting]) -> String {
    let part = |name: &str, rows: Vec<Vec<String>>| {
        format!("<!-- zoo: {name} -->\n{}<!-- zoo: end -->\n", marked(&rows))
    };
    [
        part("oracles", oracle_rows(all)),
        part("bugs", exhibit_rows(all)),
        part("wanting", wanting_rows(lacking)),
    ]
    .concat()
}

fn owned(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

fn exhibit_rows(all: &[Exhibit]) -> Vec<Vec<String>> {
    let mut rows = vec![owned(&["bug", "of", "source", "oracle", "seeds", "explore", "smallest"])];
    rows.extend(all.iter().map(|exhibit| {
        let dash = || "-".to_owned();
        let explored = exhibit.explored.as_ref().map(|explored| if explored.found() { "yes" } else { "no" });
        let smallest = exhibit.smallest.as_ref().map(|smallest| {
            let size = &smallest.after;
            format!("{} / {} / {}", size.records, size.operators, size.faults)
        });
        let source = match exhibit.zoo {
            Some(zoo) => format!("{} ({zoo})", exhibit.source),
            None => exhibit.source.to_owned(),
        };
        vec![
            exhibit.bug.to_owned(),
            exhibit.of.to_owned(),
            source,
            exhibit.oracle.to_owned(),
            seeds(exhibit),
            explored.map_or_else(dash, str::to_owned),
            smallest.unwrap_or_else(dash),
        ]
    }));
    rows
}

fn seeds(exhibit: &Exhibit) -> String {
    let (caught, starts) = (exhibit.caught(), exhibit.starts.len());
    match exhibit.seeds {
        Some(seeds) if caught == starts => seeds.to_string(),
        Some(seeds) => format!("{seeds} ({caught} of {starts})"),
        None => format!("over {}", exhibit.budget),
    }
}

fn oracle_rows(all: &[Exhibit]) -> Vec<Vec<String>> {
    let mut rows = vec![owned(&["oracle", "bugs", "real ones", "seeds", "explore finds"])];
    for name in cutline_scenarios::zoo::oracles() {
        let here: Vec<&Exhibit> = all.iter().filter(|exhibit| exhibit.oracle == name).collect();
        if here.is_empty() {
            continue;
        }
        let real = here.iter().filter(|exhibit| exhibit.source != INVENTED).count();
        let seeds: BTreeSet<u64> = here.iter().filter_map(|exhibit| exhibit.seeds).collect();
        let seeds = match (seeds.first(), seeds.last()) {
            (Some(least), Some(most)) if least == most => least.to_string(),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => "-".to_owned(),
        };
        let asked: Vec<_> = here.iter().filter_map(|exhibit| exhibit.explored.as_ref()).collect();
        let found = asked.iter().filter(|explored| explored.found()).count();
        let found = if asked.is_empty() { "-".to_owned() } else { format!("{found} of {}", asked.len()) };
        rows.push(vec![name.to_owned(), here.len().to_string(), real.to_string(), seeds, found]);
    }
    rows
}

fn wanting_rows(all: &[Wanting]) -> Vec<Vec<String>> {
    let mut rows = vec![owned(&["zoo", "source", "what went wrong", "what the model lacks"])];
    rows.extend(all.iter().map(|row| owned(&[row.zoo, row.source, row.about, row.lacks])));
    rows
}

/// Each column as wide as what it holds.
fn wide(rows: Vec<Vec<String>>) -> String {
    let mut table = plain_table(rows);
    table.set_content_arrangement(ContentArrangement::Disabled);
    text(&table)
}

/// A table in Markdown, its head first.
fn marked(rows: &[Vec<String>]) -> String {
    let line = |cells: &Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!(" {} |", cell.replace('|', "\\|"))).collect();
        format!("|{cells}\n")
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if let Some(head) = rows.first() {
        lines.insert(1, format!("|{}\n", "---|".repeat(head.len())));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::zoo::{Explored, FalseAlarm, Start};

    use super::*;

    fn exhibit(bug: &'static str, source: &'static str, oracle: &'static str, seeds: Option<u64>) -> Exhibit {
        let explored = Explored { oracles: vec![oracle], faults: 1, forks: 20 };
        Exhibit {
            bug,
            about: "a mutation",
            source,
            zoo: None,
            of: "a-strategy",
            oracle,
            scenario: "a-scenario".to_owned(),
            faults: "crashes",
            budget: 20,
            starts: vec![Start { first: 0, seeds, false_alarms: Vec::new() }],
            seeds,
            explored: seeds.map(|_| explored),
            smallest: None,
            shrunk: None,
        }
    }

    fn words(table: &str) -> Vec<String> {
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_bug_is_a_row_and_an_oracle_has_the_sums() {
        let all = [
            exhibit("a", "invented", "state", Some(3)),
            exhibit("b", "REAL-1", "state", Some(11)),
            exhibit("c", "invented", "cut", None),
        ];
        let rows = words(&exhibits(&all));
        assert_eq!(rows[1], "a a-strategy invented state 3 yes -");
        assert_eq!(rows[3], "c a-strategy invented cut over 20 - -");
        assert_eq!(words(&oracles(&all))[1..], ["state 2 1 3 to 11 2 of 2", "cut 1 0 - -"]);
        let mut seldom = exhibit("d", "invented", "state", Some(3));
        seldom.starts.push(Start { first: 1000, seeds: None, false_alarms: Vec::new() });
        assert_eq!(words(&exhibits(&[seldom]))[1], "d a-strategy invented state 3 (1 of 2) yes -");
    }

    #[test]
    fn what_must_not_be_is_told() {
        assert_eq!(troubles(&[exhibit("a", "invented", "state", Some(3))]), "");
        let mut missed = exhibit("a", "invented", "state", None);
        missed.starts[0].false_alarms = vec![FalseAlarm { seed: 7, oracles: vec!["cut".to_owned()] }];
        let told = troubles(&[missed]);
        assert!(
            told.contains("NOT CAUGHT: a by the oracle state, within 20 seeds from 1 of 1 starts on\n"),
            "{told}"
        );
        assert!(told.contains("the correct strategy a-strategy, beside a, seed 7: cut\n"), "{told}");
    }

    #[test]
    fn documents_find_each_table_by_its_name() {
        let lacking = Wanting { zoo: "Z9", source: "REAL-2", about: "a | b", lacks: "time" };
        let all = markdown(&[exhibit("a", "invented", "state", Some(3))], &[lacking]);
        assert!(all.contains("<!-- zoo: bugs -->\n| bug | of | source |"), "{all}");
        assert!(
            all.contains("|\n|---|---|---|---|\n| Z9 | REAL-2 | a \\| b | time |\n<!-- zoo: end -->\n"),
            "{all}"
        );
        assert_eq!(all.matches("<!-- zoo: end -->").count(), 3, "{all}");
    }
}
