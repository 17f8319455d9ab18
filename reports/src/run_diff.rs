//! Two runs side by side, and the first event that differs.

use std::collections::BTreeMap;

use cutline_scenarios::record::RunRecord;
use cutline_scenarios::story::words;
use cutline_sim::event::Event;
use cutline_sim::oracles::show_time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{plain_table, run_table, text, units};

/// A figure or a verdict of both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Of the first run; nothing if it has none.
    pub a: Option<String>,
    /// Of the second.
    pub b: Option<String>,
}

impl Row {
    /// A row of what both have.
    pub fn new(name: &str, a: impl ToString, b: impl ToString) -> Row {
        Row { name: name.to_owned(), a: Some(a.to_string()), b: Some(b.to_string()) }
    }

    /// True if both runs say the same.
    pub fn is_same(&self) -> bool {
        self.a == self.b
    }
}

/// What a line of a trace says: an event, a passage, or the end. Those of another version of the program may have another form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// When, in nanoseconds.
    pub time: u64,
    /// By whom.
    pub origin: String,
    /// What.
    #[serde(alias = "passage", alias = "end")]
    pub event: Value,
}

impl TraceEvent {
    /// Its name.
    pub fn name(&self) -> &str {
        match &self.event {
            Value::Object(object) => object.keys().next().map_or("", String::as_str),
            Value::String(name) => name,
            _ => "",
        }
    }

    fn sentence(&self) -> String {
        let known = Event::deserialize(&self.event);
        let what = known.map_or_else(|_| self.event.to_string(), |event| words(&event));
        format!("{:>16}  {}: {what}", show_time(self.time), self.origin)
    }
}

/// The first event that differs, and what stands around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct First {
    /// Its number in both runs; the first is 1.
    pub number: u64,
    /// The last that are the same.
    pub before: Vec<TraceEvent>,
    /// It, in the first run, and what follows it there; nothing if that run ends before.
    pub a: Vec<TraceEvent>,
    /// The same of the second run.
    pub b: Vec<TraceEvent>,
}

/// What is the same and what differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Figures and verdicts.
    pub rows: Vec<Row>,
    /// How many events were compared, if both runs have any; and the first that differs.
    pub events: Option<u64>,
    /// See `events`.
    pub first: Option<First>,
}

impl Difference {
    /// True if something differs.
    pub fn is_some(&self) -> bool {
        self.first.is_some() || self.rows.iter().any(|row| !row.is_same())
    }
}

/// The rows of two records: what was run, how it ended, figures, verdicts.
pub fn of_records(a: &RunRecord, b: &RunRecord) -> Vec<Row> {
    let mut rows = vec![
        Row::new("scenario", &a.scenario, &b.scenario),
        Row::new("strategy", &a.strategy, &b.strategy),
        Row::new("faults", &a.faults, &b.faults),
        Row::new("seed", a.seed, b.seed),
        Row::new("outcome", run_table::outcome(a), run_table::outcome(b)),
    ];
    let (of_a, of_b) = (run_table::rows(a), run_table::rows(b));
    for ((name, a), (_, b)) in of_a.into_iter().zip(of_b) {
        if a.is_some() || b.is_some() {
            rows.push(Row { name: name.to_owned(), a, b });
        }
    }
    let of = |record: &RunRecord, oracle: &str| {
        let verdict = record.verdicts.iter().find(|verdict| verdict.oracle == oracle);
        verdict.map(|verdict| verdict.verdict.to_string())
    };
    let new = b.verdicts.iter().filter(|new| a.verdicts.iter().all(|old| old.oracle != new.oracle));
    for verdict in a.verdicts.iter().chain(new) {
        let oracle = verdict.oracle.as_str();
        rows.push(Row { name: format!("oracle {oracle}"), a: of(a, oracle), b: of(b, oracle) });
    }
    rows
}

/// The rows of two traces: how many events there are of each name.
pub fn of_counts(a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>) -> Vec<Row> {
    let all: BTreeMap<&String, ()> = a.keys().chain(b.keys()).map(|name| (name, ())).collect();
    let shown = |counts: &BTreeMap<String, u64>, name: &String| {
        units::count(counts.get(name).copied().unwrap_or_default())
    };
    all.into_keys().map(|name| Row::new(&name.replace('-', " "), shown(a, name), shown(b, name))).collect()
}

/// Text for a terminal: what a file says must not steer it.
pub fn harmless(text: &str) -> String {
    let is_fine = |c: &char| !c.is_control() || *c == '\n';
    text.chars().map(|c| if is_fine(&c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Both runs for people: what differs is marked with `!=`.
pub fn table(difference: &Difference) -> String {
    let head = ["", "", "a", "b"].map(str::to_owned).to_vec();
    let row = |row: &Row| {
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
        let mark = if row.is_same() { "" } else { "!=" };
        vec![mark.to_owned(), row.name.clone(), cell(&row.a), cell(&row.b)]
    };
    let mut table = plain_table(std::iter::once(head).chain(difference.rows.iter().map(row)));
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    let mut whole = text(&table);
    let compared = |events: u64| match events {
        0 => "there is no event in either\n".to_owned(),
        1 => "the only event is the same\n".to_owned(),
        events => format!("all {} events are the same\n", units::count(events)),
    };
    match (&difference.first, difference.events) {
        (Some(first), _) => whole.push_str(&format!("\n{}", around(first))),
        (None, Some(events)) => whole.push_str(&format!("\n{}", compared(events))),
        (None, None) => {}
    }
    harmless(&whole)
}

fn around(first: &First) -> String {
    let same = match first.number {
        1 => "the very first event differs".to_owned(),
        number => format!(
            "{} events are the same; event {} differs",
            units::count(number - 1),
            units::count(number)
        ),
    };
    let mut lines = format!("{same}:\n\n");
    for event in &first.before {
        lines.push_str(&format!("   {}\n", event.sentence()));
    }
    for (name, side) in [("a", &first.a), ("b", &first.b)] {
        if side.is_empty() {
            lines.push_str(&format!("{name}> {:>16}  it ends here\n", ""));
        }
        for (at, event) in side.iter().enumerate() {
            let mark = if at == 0 { '>' } else { ' ' };
            lines.push_str(&format!("{name}{mark} {}\n", event.sentence()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples;

    fn event(time: u64, origin: &str, event: Value) -> TraceEvent {
        TraceEvent { time, origin: origin.to_owned(), event }
    }

    #[test]
    fn records_are_laid_side_by_side_and_what_differs_is_marked() {
        let (a, mut b) = (samples::run("aligned"), samples::run("aligned"));
        let same = Difference { rows: of_records(&a, &b), ..Difference::default() };
        assert!(!same.is_some() && !table(&same).contains("!="), "{}", table(&same));
        b.replayed_records += 1;
        b.verdicts.remove(0);
        let other = Difference { rows: of_records(&a, &b), ..Difference::default() };
        let shown = table(&other);
        let marked: Vec<&str> = shown.lines().filter(|line| line.starts_with("!=")).collect();
        assert!(other.is_some() && marked.len() == 2, "{shown}");
        assert!(marked[0].contains("replayed records") && marked[1].trim_end().ends_with('-'), "{shown}");
        let new = Difference { rows: of_records(&b, &a), ..Difference::default() };
        assert_eq!(new.rows.len(), other.rows.len(), "an oracle that only the second has");
    }

    #[test]
    fn the_first_event_that_differs_stands_between_what_is_around_it() {
        let same = event(1_000_000, "coordinator", json!({ "checkpoint-triggered": { "id": 1 } }));
        let a = event(2_000_000, "source[0]", json!({ "snapshot-taken": { "id": 1 } }));
        let unknown = event(2_000_000, "source[0]", json!({ "of-another-version": { "x": 1 } }));
        let first = First { number: 2, before: vec![same], a: vec![a.clone(), a], b: vec![unknown] };
        let shown = table(&Difference { first: Some(first), events: Some(2), ..Difference::default() });
        let lines: Vec<&str> = shown.lines().skip_while(|line| !line.contains("the same")).collect();
        assert_eq!(
            lines,
            [
                "1 events are the same; event 2 differs:",
                "",
                "        1.000000 ms  coordinator: checkpoint triggered (id 1)",
                "a>      2.000000 ms  source[0]: snapshot taken (id 1)",
                "a       2.000000 ms  source[0]: snapshot taken (id 1)",
                "b>      2.000000 ms  source[0]: {\"of-another-version\":{\"x\":1}}",
            ]
        );
        let ends = First { number: 1, ..First::default() };
        let shown = table(&Difference { first: Some(ends), ..Difference::default() });
        assert!(shown.contains("the very first event differs") && shown.contains("it ends here"), "{shown}");
    }

    #[test]
    fn what_a_file_says_does_not_steer_the_terminal() {
        let first = First { number: 1, a: vec![event(0, "\x1b[2J", json!({ "x": {} }))], ..First::default() };
        let rows = vec![Row::new("scenario", "a\x07", "b")];
        let shown = table(&Difference { rows, events: Some(0), first: Some(first) });
        assert!(!shown.contains(['\x1b', '\x07']) && shown.contains("\u{fffd}[2J"), "{shown}");
    }

    #[test]
    fn events_are_counted_by_name() {
        let a = BTreeMap::from([("ack-sent".to_owned(), 1200)]);
        let b = BTreeMap::from([("job-over".to_owned(), 1)]);
        let rows = of_counts(&a, &b);
        assert_eq!(rows, [Row::new("ack sent", "1,200", "0"), Row::new("job over", "0", "1")]);
        let none = Difference { events: Some(0), ..Difference::default() };
        assert!(table(&none).contains("there is no event in either"));
    }
}
