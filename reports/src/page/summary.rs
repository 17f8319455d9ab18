//! The summary of the page: how the runs ended, strategies by measures, what was run.

use cutline_scenarios::record::Class;
use maud::{Markup, html};

use super::{FailedRun, Page, swatch};
use crate::comparison::measures::MEASURES;
use crate::comparison::table::{between, passed};
use crate::comparison::{Comparison, Quartiles};
use crate::drawing::axis::Unit;

pub(super) fn summary(page: &Page<'_>) -> Markup {
    html! {
        (verdicts(page.comparison, page.failures))
        (measures(page.comparison))
        (configuration(page))
    }
}

fn verdicts(comparison: &Comparison, failures: &[FailedRun]) -> Markup {
    let runs = || comparison.contestants.iter().flat_map(|one| &one.runs);
    let all = runs().count();
    let passed_all = runs().filter(|ran| ran.record.class() == Class::Pass).count();
    html! {
        @if all > passed_all {
            p.fails { (all - passed_all) " of " (all) " runs failed." }
        } @else if failures.is_empty() {
            p { "All " (all) " runs passed: no oracle objects." }
        } @else {
            p.fails { "All " (all) " runs of the table passed, and of those with other values " (failures.len()) " failed." }
        }
        @for failure in failures {
            details {
                summary { span.fails { "FAIL" } " " (failure.strategy) ", seed " (failure.seed) }
                @for (oracle, proof) in &failure.objections { p { strong { (oracle) ": " } (proof) } }
                @if failure.objections.is_empty() { p { "The job did not come to its end." } }
            }
        }
    }
}

fn measures(comparison: &Comparison) -> Markup {
    let contestants = &comparison.contestants;
    let rows = MEASURES.iter().map(|measure| (measure, measure.of_all(contestants)));
    let rows: Vec<_> = rows.filter(|(_, cells)| cells.iter().any(|(value, _)| value.is_some())).collect();
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
                        @for (value, best) in cells {
                            td.best[*best] {
                                @match value {
                                    Some(value) => {
                                        (measure.unit.show(value.median))
                                        @if *best { span.hidden { " (best)" } }
                                        @if let Some(range) = range(measure.unit, *value) { br; small { (range) } }
                                    }
                                    None => { span aria-label="none" { "-" } },
                                }
                            }
                        }
                    } }
                }
            }
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
