//! A sweep as a page: how it ended, which cells failed, what it covered, its extremes, and each kind of failure with a witness.

mod failures;

use std::collections::BTreeMap;

use cutline_scenarios::sweep::tally::{CellCounts, Counts, Tally};
use maud::{Markup, html};

use super::shell::Shell;
use crate::extremes::{Extremes, MEASURES};
use crate::sweep_summary::ways;
use crate::units;
pub use failures::{Group, Witness};

/// What the page of a sweep is made of.
#[derive(Clone, Copy, Debug)]
pub struct SweepPage<'a> {
    /// The folder, as it was named.
    pub folder: &'a str,
    /// The seeds.
    pub seeds: &'a str,
    /// How it ended, in words.
    pub end: &'a str,
    /// What is to be done if it has not come to its end.
    pub to_go_on: Option<&'a str>,
    /// How many runs it has, done or not; nothing if nobody knows.
    pub asked: Option<u64>,
    /// The command that does all of it again.
    pub command: &'a str,
    /// The program that did it, and the one that makes the page.
    pub swept_by: &'a str,
    /// See `swept_by`.
    pub version: &'a str,
    /// The sums.
    pub tally: &'a Tally,
    /// The slowest and the largest.
    pub extremes: &'a Extremes,
    /// The failures, by what they have in common.
    pub groups: &'a [Group],
    /// How many groups more there are.
    pub groups_left_out: usize,
}

const SECTIONS: [(&str, &str); 6] = [
    ("summary", "Summary"),
    ("cells", "Pass and fail"),
    ("coverage", "Situations"),
    ("extremes", "Slowest and largest"),
    ("failures", "Failures"),
    ("again", "Once more"),
];

/// The page.
pub fn page(page: &SweepPage<'_>) -> String {
    let total = page.tally.total();
    let contents = [
        summary(page, &total),
        cells(&page.tally.cells()),
        coverage(page.tally, total.runs),
        extremes(page.extremes),
        failures::failures(page.groups, page.groups_left_out),
        again(page),
    ];
    Shell {
        kind: "sweep",
        title: &format!("Sweep of {} runs: {}", units::count(total.runs), verdict(&total, page)),
        heading: &verdict(&total, page),
        about: &format!("{}, seeds {}: {}", page.folder, page.seeds, page.end),
        version: page.version,
        has_diagrams: page.groups.iter().any(|group| matches!(group.witness.diagram, Some(Ok(_)))),
    }
    .around(SECTIONS.into_iter().zip(&contents))
}

/// The whole of it in a sentence.
fn verdict(total: &Counts, page: &SweepPage<'_>) -> String {
    // Those that are still to come may fail.
    let far = if page.to_go_on.is_some() { " so far" } else { "" };
    match (total.runs, total.failed()) {
        (0, _) => format!("No run was done{far}"),
        (1, 0) => format!("The only run{far} passed"),
        (1, _) => format!("The only run{far} failed"),
        (runs, 0) => format!("All {} runs{far} passed", units::count(runs)),
        (runs, failed) => format!("{} of {} runs{far} failed", units::count(failed), units::count(runs)),
    }
}

fn summary(page: &SweepPage<'_>, total: &Counts) -> Markup {
    let done = match page.asked {
        Some(asked) => format!("{} of {}", units::count(total.runs), units::count(asked)),
        None => units::count(total.runs),
    };
    let rows = [
        ("runs done", done),
        ("passed", units::count(total.passed)),
        ("safety violations", units::count(total.safety)),
        ("stalls", units::count(total.stall)),
        ("not deterministic", units::count(total.non_determinism)),
        ("went back to a checkpoint", units::count(total.restored)),
        ("checkpoints completed", units::count(total.checkpoints)),
        ("swept by", format!("cutline {}", page.swept_by)),
    ];
    html! {
        p.fails[total.failed() > 0] { (verdict(total, page)) (ways(total)) "." }
        p { "The sweep is " (page.end) "." }
        @if let Some(command) = page.to_go_on {
            p { "So this page is of a part of it. To go on:" }
            pre tabindex="0" { code { (command) } }
        }
        div.scroll tabindex="0" role="region" aria-label="The sums" {
            table {
                caption.hidden { "The sums" }
                tbody { @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } } }
            }
        }
        (oracles(page.tally))
        p.soft {
            "Every run is a row of " code { (if page.to_go_on.is_some() { "runs.part.csv" } else { "runs.csv" }) } " in the folder, every failure a line of "
            code { (if page.to_go_on.is_some() { "failures.part.ndjson" } else { "failures.ndjson" }) } "."
        }
    }
}

/// What each oracle has said: a pass is worth only as much as there was to judge.
fn oracles(tally: &Tally) -> Markup {
    let cell = |count: u64| html! { td { (units::count(count)) } };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Verdicts by oracle" {
            table {
                caption { "Verdicts by oracle; one that had nothing to judge says \"unknown\"" }
                thead { tr { @for title in ["oracle", "passed", "failed", "unknown"] { th scope="col" { (title) } } } }
                tbody { @for it in tally.oracles() { tr {
                    th scope="row" { (it.oracle) }
                    (cell(it.passed))
                    @if it.failed > 0 { td.fails { (units::count(it.failed)) } } @else { (cell(0)) }
                    (cell(it.unknown))
                } } }
            }
        }
    }
}

/// How much of a cell failed: 0 nothing, 4 more than half.
fn heat(counts: &Counts) -> u8 {
    let share = counts.failed() as f64 / counts.runs.max(1) as f64;
    match counts.failed() {
        0 => 0,
        _ if share <= 0.01 => 1,
        _ if share <= 0.1 => 2,
        _ if share <= 0.5 => 3,
        _ => 4,
    }
}

fn cells(cells: &[CellCounts]) -> Markup {
    let mut profiles: Vec<&str> = cells.iter().map(|cell| cell.faults.as_str()).collect();
    profiles.sort_unstable();
    profiles.dedup();
    let mut rows: BTreeMap<(&str, &str, &str), BTreeMap<&str, Counts>> = BTreeMap::new();
    for cell in cells {
        let row = (cell.scenario.as_str(), cell.overrides.as_str(), cell.strategy.as_str());
        rows.entry(row).or_default().insert(&cell.faults, cell.counts);
    }
    if rows.is_empty() {
        return html! { p { "There is no cell: no run was done." } };
    }
    // What is laid over all of them says nothing about any.
    let one = cells.windows(2).all(|pair| pair[0].overrides == pair[1].overrides);
    html! {
        p.soft {
            "How many runs of each scenario under each strategy and fault profile passed or failed. The darker, the larger the share that failed."
        }
        @if one && !cells[0].overrides.is_empty() {
            p { "Over every scenario was laid " code { (cells[0].overrides) } "." }
        }
        div.scroll tabindex="0" role="region" aria-label="Pass and fail by scenario, strategy and fault profile" {
            table.heat {
                caption.hidden { "Pass and fail by scenario, strategy and fault profile" }
                thead { tr {
                    th scope="col" { "scenario" } th scope="col" { "strategy" }
                    @for profile in &profiles { th scope="col" { (profile) } }
                } }
                tbody { @for ((scenario, overrides, strategy), of) in &rows { tr {
                    th scope="row" { (scenario) @if !one && !overrides.is_empty() { small { (overrides) } } }
                    th scope="row" { (strategy) }
                    @for profile in &profiles { (cell(of.get(profile))) }
                } } }
            }
        }
    }
}

fn cell(counts: Option<&Counts>) -> Markup {
    let Some(counts) = counts else { return html! { td { "not run" } } };
    let runs = units::count(counts.runs);
    let said = match counts.failed() {
        0 => format!("{runs} pass"),
        failed => format!("{} of {runs} fail", units::count(failed)),
    };
    html! {
        td class={ "heat-" (heat(counts)) } {
            (said)
            @if counts.failed() > 0 { small { (ways(counts).trim_start_matches(", ")) } }
        }
    }
}

fn coverage(tally: &Tally, runs: u64) -> Markup {
    let covered = tally.coverage();
    let unmet = covered.iter().filter(|it| it.runs == 0).count();
    html! {
        p { @match unmet {
            0 => { "Every situation was met by some run." },
            1 => { strong { "One situation was met by no run" } ": of it the sweep says nothing." },
            unmet => { strong { (unmet) " situations were met by no run" } ": of these the sweep says nothing." },
        } }
        div.scroll tabindex="0" role="region" aria-label="Situations" {
            table.sortable {
                caption.hidden { "Situations, and how many runs met each" }
                thead { tr {
                    th scope="col" { button type="button" { "Situation" } }
                    th scope="col" { button type="button" { "Runs" } }
                    th scope="col" { button type="button" { "Share" } }
                    th.words scope="col" { button type="button" { "What happened" } }
                } }
                tbody { @for it in &covered {
                    @let share = it.runs as f64 * 100.0 / runs.max(1) as f64;
                    tr {
                        td { (it.situation) }
                        td.fails[it.runs == 0] data-value=(it.runs) { @if it.runs == 0 { "NOT MET" } @else { (units::count(it.runs)) } }
                        td data-value=(format!("{share:.4}")) { (format!("{share:.1} %")) }
                        td.words.wide { (it.about) }
                    }
                } }
            }
        }
    }
}

fn extremes(extremes: &Extremes) -> Markup {
    let rows = extremes.rows();
    if rows.is_empty() {
        return html! { p { "No run was done." } };
    }
    let one = rows.windows(2).all(|pair| pair[0].overrides == pair[1].overrides);
    html! {
        p.soft { "The runs that are among the first by one of these measures; the first is marked. Press a title to sort." }
        div.scroll tabindex="0" role="region" aria-label="The slowest and the largest runs" {
            table.sortable {
                caption.hidden { "The slowest and the largest runs" }
                thead { tr {
                    @for title in ["Run", "Scenario", "Strategy", "Faults", "Seed", "Class"] {
                        th.words scope="col" { button type="button" { (title) } }
                    }
                    @for (title, ..) in MEASURES { th scope="col" { button type="button" { (title) } } }
                } }
                tbody { @for row in rows { tr {
                    td data-value=(row.run) { (row.run) }
                    td.words { (row.scenario) @if !one && !row.overrides.is_empty() { small { (row.overrides) } } }
                    td.words { (row.strategy) }
                    td.words { (row.faults) }
                    td.words { (row.seed) }
                    td.words { (failures::class(row.class)) }
                    @for (at, (_, value, show)) in MEASURES.iter().enumerate() {
                        td.best[extremes.is_first(at, row)] data-value=(value(row)) { (show(value(row))) }
                    }
                } } }
            }
        }
    }
}

fn again(page: &SweepPage<'_>) -> Markup {
    html! {
        p { "This command does all of it again:" }
        pre tabindex="0" { code { (page.command) } }
    }
}

#[cfg(test)]
mod tests;
