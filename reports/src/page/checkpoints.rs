//! Each checkpoint in a table that sorts, in the terms of Flink's page of checkpoints; faults and recoveries.

use cutline_scenarios::record::{CheckpointEnd, CheckpointRecord};
use maud::{Markup, html};

use super::swatch;
use crate::comparison::catch_up::{PARTS, recoveries};
use crate::comparison::{Comparison, Contestant, Ran};
use crate::plots::ended;
use crate::units;

/// Of each strategy so many are shown: those that took longest, if there are more.
const SHOWN_MAX: usize = 500;

/// A column: its title, what it means, its value, and how that is shown.
type Column = (&'static str, &'static str, fn(&CheckpointRecord) -> u64, fn(u64) -> String);

const COLUMNS: [Column; 10] = [
    ("Trigger time", "virtual time", |one| one.triggered, units::time),
    ("End to end duration", "from the trigger to its completion", |one| one.duration, units::time),
    ("Checkpointed data size", "what was written for it", |one| one.checkpointed_data_size, units::bytes),
    ("Full checkpoint data size", "all that it refers to", |one| one.full_checkpoint_data_size, units::bytes),
    (
        "Processed in-flight data",
        "handled during the alignment",
        |one| one.processed_in_flight_data,
        units::bytes,
    ),
    ("Persisted in-flight data", "part of the checkpoint", |one| one.persisted_in_flight_data, units::bytes),
    ("Start delay", "the longest of any subtask", |one| one.start_delay, units::time),
    ("Alignment duration", "the longest of any subtask", |one| one.alignment, units::time),
    ("Sync duration", "the longest of any subtask", |one| one.sync, units::time),
    ("Async duration", "the longest of any subtask", |one| one.asynchronous, units::time),
];

/// Of so many checkpoints those that are shown, in their order.
fn shown(ran: &Ran) -> Vec<&CheckpointRecord> {
    let mut all: Vec<&CheckpointRecord> = ran.record.checkpoints.iter().collect();
    if all.len() > SHOWN_MAX {
        all.sort_by_key(|one| (std::cmp::Reverse(one.duration), one.id));
        all.truncate(SHOWN_MAX);
        all.sort_by_key(|one| one.id);
    }
    all
}

pub(super) fn checkpoints(comparison: &Comparison) -> Markup {
    let all: usize = comparison.firsts().map(|(_, ran)| ran.record.checkpoints.len()).sum();
    let rows: Vec<(&Contestant, Vec<&CheckpointRecord>)> =
        comparison.firsts().map(|(one, ran)| (one, shown(ran))).collect();
    let left_out = all - rows.iter().map(|(_, shown)| shown.len()).sum::<usize>();
    if all == 0 {
        return html! { p { "No checkpoint was triggered." } };
    }
    html! {
        p.soft {
            "Of " (comparison.first_title()) ". Press a title to sort."
            @if left_out > 0 {
                " Of each strategy the " (SHOWN_MAX) " longest are shown; " (units::count(left_out as u64)) " more are in "
                a href="checkpoint-duration.csv" { "checkpoint-duration.csv" } "."
            }
        }
        p {
            label for="of" { "Strategy " }
            select id="of" data-filters="checkpoint-table" {
                option value="" { "all" }
                @for (one, _) in &rows { option value=(one.name) { (one.name) } }
            }
        }
        div.scroll tabindex="0" role="region" aria-label="Checkpoints" {
            table.sortable id="checkpoint-table" {
                caption.hidden { "Checkpoints; the titles of the columns are buttons that sort" }
                thead { tr {
                    th scope="col" { button type="button" { "Strategy" } }
                    th scope="col" { button type="button" { "ID" } }
                    th.words scope="col" { button type="button" { "Status" } }
                    @for (title, about, ..) in COLUMNS { th scope="col" title=(about) { button type="button" { (title) } } }
                } }
                tbody { @for (one, shown) in &rows { @for checkpoint in shown { (row(one, checkpoint)) } } }
            }
        }
    }
}

fn row(one: &Contestant, checkpoint: &CheckpointRecord) -> Markup {
    let completed = checkpoint.end == CheckpointEnd::Completed;
    html! {
        tr data-strategy=(one.name) {
            td { (swatch(one.look())) (one.name) }
            td data-value=(checkpoint.id.0) { (checkpoint.id.0) }
            td.words.fails[!completed] { (ended(checkpoint.end)) }
            @for (_, _, of, show) in COLUMNS { td data-value=(of(checkpoint)) { (show(of(checkpoint))) } }
        }
    }
}

pub(super) fn faults(comparison: &Comparison) -> Markup {
    let plan = comparison.firsts().next().map(|(_, ran)| ran.record.plan.as_slice()).unwrap_or_default();
    let restores = comparison.firsts().any(|(_, ran)| !ran.record.restores.is_empty());
    html! {
        @if plan.is_empty() {
            p { "No fault was drawn." }
        } @else {
            p { "The same under every strategy, of " (comparison.first_title()) ":" }
            ul { @for fault in plan { li { (fault) } } }
        }
        @if restores {
            div.scroll tabindex="0" role="region" aria-label="Recoveries" {
                table.sortable {
                    caption { "Recoveries of that seed" }
                    thead { tr {
                        th scope="col" { button type="button" { "Strategy" } }
                        @for title in ["Crash", "Restored checkpoint", "Crash to running", "Replayed records"] {
                            th scope="col" { button type="button" { (title) } }
                        }
                        @for part in PARTS { th scope="col" { button type="button" { (part) } } }
                    } }
                    tbody { @for (one, ran) in comparison.firsts() { (restores_of(one, ran)) } }
                }
            }
        }
    }
}

fn restores_of(one: &Contestant, ran: &Ran) -> Markup {
    let parts = recoveries(ran);
    html! {
        @for restore in &ran.record.restores {
            @let took = restore.running.map(|running| running.saturating_sub(restore.crashed));
            tr {
                td { (swatch(one.look())) (one.name) }
                td data-value=(restore.crashed) { (units::time(restore.crashed)) }
                td data-value=(restore.checkpoint.map_or(0, |id| id.0)) {
                    (restore.checkpoint.map_or_else(|| "initial state".to_owned(), |id| id.to_string()))
                }
                td data-value=(took.unwrap_or(u64::MAX)) { (took.map_or_else(|| "never".to_owned(), units::time)) }
                td data-value=(restore.replayed) { (units::count(restore.replayed)) }
                @match parts.iter().find(|parts| parts.crashed == restore.crashed) {
                    Some(parts) => {
                        @for (part, name) in parts.parts().into_iter().zip(PARTS) {
                            @let open = name == PARTS[3] && !parts.is_caught_up;
                            td data-value=(part) { (units::time(part)) @if open { small { " and not caught up" } } }
                        }
                    },
                    None => { @for _ in PARTS { td data-value="0" { "-" } } },
                }
            }
        }
    }
}
