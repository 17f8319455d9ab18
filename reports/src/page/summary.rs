//! The summary of the page: how the runs ended, strategies by measures, what was run.

use cutline_scenarios::record::Class;
use maud::{Markup, html};

use super::{FailedRun, Page, swatch};
use crate::comparison::measures::{Cell, MEASURES};
use crate::comparison::table::{between, passed};
use crate::comparison::{Comparison, Quartiles};
use crate::drawing::axis::Unit;
use crate::verdicts::{Said, by_oracle, unknown};

pub(super) fn summary(page: &Page<'_>) -> Markup {
    let comparisons = page.comparisons();
    html! {
        (verdicts(&comparisons, page.failures))
        (oracles(&comparisons))
        @match comparisons.as_slice() {
            [only] => { (measures(only)) },
            several => {
                @for (at, comparison) in several.iter().enumerate() {
                    details open[at == 0] {
                        summary { (comparison.setting.as_deref().unwrap_or_default()) }
                        (measures(comparison))
                    }
                }
            },
        }
        (configuration(page))
    }
}

fn verdicts(comparisons: &[&Comparison], failures: &[FailedRun]) -> Markup {
    let runs = || comparisons.iter().flat_map(|comparison| &comparison.contestants).flat_map(|one| &one.runs);
    let all = runs().count();
    let passed = runs().filter(|ran| ran.record.class() == Class::Pass).count();
    html! {
        @if all > passed {
            p.fails { (all - passed) " of " (all) " runs failed." }
        } @else {
            p { "All " (all) " runs passed: no oracle objects." }
        }
        @for failure in failures {
            details {
                summary { span.fails { "FAIL" } " " (failure.name()) }
                @for (oracle, proof) in &failure.objections { p { strong { (oracle) ": " } (proof) } }
                @if failure.objections.is_empty() { p { "The job did not come to its end." } }
            }
        }
    }
}

/// What each oracle says of each strategy, over all seeds and values.
fn oracles(comparisons: &[&Comparison]) -> Markup {
    let contestants = comparisons.first().map(|first| first.contestants.as_slice()).unwrap_or_default();
    let of = |one: usize| {
        let same = comparisons.iter().filter_map(move |comparison| comparison.contestants.get(one));
        by_oracle(same.flat_map(|contestant| &contestant.runs).map(|ran| &ran.record))
    };
    let columns: Vec<Vec<(String, Said)>> = (0..contestants.len()).map(of).collect();
    let runs = comparisons.iter().flat_map(|comparison| &comparison.contestants).flat_map(|one| &one.runs);
    let all = by_oracle(runs.map(|ran| &ran.record));
    let unknown = unknown(&all);
    let cell = |column: &[(String, Said)], oracle: &str| {
        let said = column.iter().find(|(name, _)| name == oracle).map(|(_, said)| said);
        html! {
            @match said {
                Some(said) if said.failed > 0 => { td.fails { (said.shown()) } },
                Some(said) if said.passed == 0 => { td.soft { (said.shown()) } },
                Some(said) => { td { (said.shown()) } },
                None => { td { span aria-label="none" { "-" } } },
            }
        }
    };
    html! {
        @if !all.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Verdicts by oracle" {
                table {
                    caption { "Verdicts by oracle" @if comparisons.len() > 1 { ", over all values" } }
                    thead { tr {
                        th scope="col" { "oracle" }
                        @for one in contestants { th scope="col" { (swatch(one.look())) (one.name) } }
                    } }
                    tbody { @for (oracle, _) in &all { tr {
                        th scope="row" { (oracle) }
                        @for column in &columns { (cell(column, oracle)) }
                    } } }
                }
            }
        }
        @if !unknown.is_empty() {
            details {
                summary { "What is unknown, and why" }
                ul { @for sentence in &unknown { li { (sentence) } } }
            }
        }
    }
}

fn measures(comparison: &Comparison) -> Markup {
    let contestants = &comparison.contestants;
    let rows = MEASURES.iter().map(|measure| (measure, measure.of_all(contestants)));
    let rows: Vec<_> = rows.filter(|(_, cells)| cells.iter().any(Option::is_some)).collect();
    let how = match comparison.repetitions() {
        1 => "One seed. The best of each row is marked.",
        _ => "Medians over the seeds, and below them the quartiles. The best median of each row is marked.",
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Strategies by measures" {
            table.measures {
                caption { (how) }
                thead { tr {
                    th scope="col" { span.hidden { "Measure" } }
                    @for one in contestants { th scope="col" { (swatch(one.look())) (one.name) } }
                } }
                tbody {
                    tr {
                        th scope="row" { "runs that passed" }
                        @for one in contestants { td { (passed(one)) } }
                    }
                    @for (measure, cells) in &rows { tr {
                        th scope="row" { (measure.name) }
                        @for cell in cells { (measured(measure.unit, *cell)) }
                    } }
                }
            }
        }
    }
}

fn measured(unit: Unit, cell: Option<Cell>) -> Markup {
    let Some(Cell { value, best, some }) = cell else {
        return html! { td { span aria-label="none" { "-" } } };
    };
    html! {
        td.best[best] {
            (unit.show(value.median))
            @if best { span.hidden { " (best)" } }
            @if let Some(range) = range(unit, value) { br; small { (range) } }
            @if let Some((known, runs)) = some { br; small { "in " (known) " of " (runs) " runs" } }
        }
    }
}

/// Where the middle half is, if it is anywhere else than the median.
fn range(unit: Unit, Quartiles { low, median, high }: Quartiles) -> Option<String> {
    let [low, median, high] = [low, median, high].map(|value| unit.show(value));
    (low != median || high != median).then(|| between(&low, &high))
}

fn configuration(page: &Page<'_>) -> Markup {
    let comparison = page.comparison;
    html! {
        h3 { "Configuration" }
        div.scroll tabindex="0" role="region" aria-label="How each strategy was run" {
            table {
                thead { tr { th scope="col" { "strategy" } th.words scope="col" { "snapshots" } th.words scope="col" { "promised" } } }
                tbody { @for (one, ran) in comparison.firsts() { tr {
                    th scope="row" { (swatch(one.look())) (one.name) }
                    td.words { (ran.record.snapshot.name()) }
                    td.words { (ran.record.mode.to_string()) }
                } } }
            }
        }
        @if !page.overrides.is_empty() {
            p { "Laid over the scenario:" }
            pre tabindex="0" { code { (page.overrides.join("\n")) } }
        }
        details {
            summary { "The scenario " (comparison.scenario) }
            pre tabindex="0" { code { (page.scenario_text) } }
        }
    }
}
