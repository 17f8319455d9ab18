//! The failures of a sweep, by class and by the oracles that object, each kind with its smallest witness.

use std::collections::BTreeMap;

use cutline_scenarios::record::Class;
use cutline_scenarios::scene::Scene;
use cutline_scenarios::sweep::failure::Failure;
use cutline_scenarios::sweep::tally::Cell;
use maud::{Markup, PreEscaped, html};

use crate::{space_time, units};

/// So many cells of a group are named.
const CELLS_MAX: usize = 12;

/// Failures with the same class and the same oracles.
#[derive(Clone, Debug)]
pub struct Group {
    /// How many.
    pub runs: u64,
    /// How many in each cell.
    pub cells: BTreeMap<Cell, u64>,
    /// The one with the lowest number.
    pub first: Failure,
    /// The smallest run that shows it.
    pub witness: Witness,
}

/// A run that shows a failure.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// Its capsule, as a path from where the page was asked for; nothing if none was kept.
    pub capsule: Option<String>,
    /// True if it was shrunk.
    pub is_shrunk: bool,
    /// The oracles that object to it, and why.
    pub objections: Vec<(String, String)>,
    /// Its scenario.
    pub scenario: Option<String>,
    /// Its faults, a line each.
    pub plan: Vec<String>,
    /// It in space and time; or why there is no picture of it.
    pub diagram: Option<Result<Box<Scene>, String>>,
    /// The command that replays it.
    pub command: String,
}

/// A class, for people.
pub(super) fn class(class: Class) -> &'static str {
    match class {
        Class::Pass => "pass",
        Class::Safety => "safety violation",
        Class::Stall => "stall",
        Class::NonDeterminism => "non-determinism",
    }
}

pub(super) fn failures(groups: &[Group], left_out: usize) -> Markup {
    html! {
        @if groups.is_empty() {
            p { "No run failed." }
        }
        @for (number, group) in groups.iter().enumerate() { (shown(number, group)) }
        @if left_out > 0 {
            p { (units::count(left_out as u64)) " more kinds of failures are in " code { "failures.ndjson" } "." }
        }
    }
}

fn title(group: &Group) -> String {
    match group.first.oracles() {
        oracles if oracles.is_empty() => class(group.first.class).to_owned(),
        oracles => format!("{}: {}", class(group.first.class), oracles.replace(' ', ", ")),
    }
}

fn shown(number: usize, group: &Group) -> Markup {
    let Group { runs, cells, first, witness } = group;
    let times = if *runs == 1 { "1 run".to_owned() } else { format!("{} runs", units::count(*runs)) };
    html! {
        article {
            h3 { (title(group)) " (" (times) ")" }
            p {
                "First in run " (first.run) ": " (first.scenario) " under " (first.strategy) ", faults " (first.faults) ", seed "
                (first.seed) "."
            }
            ul {
                @for (cell, count) in cells.iter().take(CELLS_MAX) {
                    li { (units::count(*count)) " in " (cell.scenario) " " (cell.overrides) " under " (cell.strategy) ", faults " (cell.faults) }
                }
                @if cells.len() > CELLS_MAX { li { (cells.len() - CELLS_MAX) " cells more" } }
            }
            (witness_of(number, witness))
        }
    }
}

fn witness_of(number: usize, witness: &Witness) -> Markup {
    html! {
        @if let Some(capsule) = &witness.capsule {
            p { (if witness.is_shrunk { "The smallest run that shows it, made by shrinking: " } else { "The smallest that was kept: " }) code { (capsule) } }
        } @else {
            p { "No capsule of it was kept." }
        }
        @for (oracle, proof) in &witness.objections {
            div.proof {
                p { strong { (oracle) " fails:" } }
                @for paragraph in proof.lines() { p { (paragraph) } }
            }
        }
        @if witness.plan.is_empty() {
            p { "It needs no fault." }
        } @else {
            p { "Its faults:" }
            ul { @for fault in &witness.plan { li { (fault) } } }
        }
        @match &witness.diagram {
            Some(Ok(scene)) => { (PreEscaped(space_time::figure(scene, &format!("failure-{number}"), space_time::RECORDS_FEW))) },
            Some(Err(why)) => { p.soft { "There is no picture of it: " (why) } },
            None => {},
        }
        @if let Some(scenario) = &witness.scenario {
            details {
                summary { "Its scenario" }
                pre tabindex="0" { code { (scenario) } }
            }
        }
        p { "To replay it:" }
        pre tabindex="0" { code { (witness.command) } }
    }
}
