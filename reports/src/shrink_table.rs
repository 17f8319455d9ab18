//! What shrinking has made of a failing run.

use cutline_scenarios::shrink::{CONTINUATIONS, Critical, End, Size};

use crate::{plain_table, text, units, wrap};

/// How large the run was, and is.
pub fn sizes(before: &Size, after: &Size) -> String {
    let row = |name: &str, size: fn(&Size) -> String| vec![name.to_owned(), size(before), size(after)];
    let rows = [
        vec![String::new(), "was".to_owned(), "is".to_owned()],
        row("faults", |size| size.faults.to_string()),
        row("records", |size| size.records.to_string()),
        row("operators", |size| size.operators.to_string()),
        row("subtasks", |size| size.subtasks.to_string()),
        row("nodes", |size| size.nodes.to_string()),
        row("checkpoints", |size| size.checkpoints.to_string()),
        row("lines of the scenario", |size| size.lines.to_string()),
        row("steps", |size| size.steps.to_string()),
        row("virtual time", |size| units::time(size.duration)),
    ];
    text(&plain_table(rows))
}

/// Why the search came to its end.
pub fn end(end: End) -> &'static str {
    match end {
        End::Smallest => "nothing more can be left out",
        End::Budget => "the budget is used up",
        End::Stopped => "it was stopped: there may be smaller ones",
    }
}

/// When the failure is decided.
pub fn critical(critical: &Critical) -> String {
    let moment = match critical {
        Critical::At(moment) => moment,
        Critical::FromTheBeginning => {
            return wrap(
                &format!(
                    "No moment is critical: of {CONTINUATIONS} runs with other latencies from the beginning on none passes."
                ),
                "",
            );
        }
        Critical::Unknown => return "The critical moment was not looked for.\n".to_owned(),
    };
    let mut told = format!("The critical moment, at {}:\n", units::time(moment.time));
    moment.events.iter().for_each(|event| told.push_str(&wrap(event, "  ")));
    told.push_str(&wrap(
        &format!(
            "Of {CONTINUATIONS} random continuations from just before it {} pass, and none from any moment after it.",
            moment.passing_before
        ),
        "",
    ));
    told
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::shrink::Moment;

    use super::*;

    #[test]
    fn what_was_and_what_is_stand_side_by_side() {
        let size = |faults| Size {
            faults,
            records: 10 * faults,
            operators: 4,
            subtasks: 4,
            nodes: 1,
            checkpoints: 2,
            lines: 30,
            steps: 100,
            duration: 1_000_000,
        };
        let table = sizes(&size(7), &size(1));
        let words = |start: &str| {
            let line = table.lines().find(|line| line.starts_with(start)).expect(start);
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(words("faults"), ["faults", "7", "1"]);
        assert_eq!(words("records"), ["records", "70", "10"]);
    }

    #[test]
    fn the_critical_moment_is_told() {
        let moment = Moment {
            time: 5_000_000,
            events_before: 3,
            events: vec!["a[0]: b".to_owned()],
            passing_before: 9,
        };
        let told = critical(&Critical::At(moment));
        assert!(told.contains("at 5.00 ms:\n  a[0]: b\n") && told.contains("9 pass"), "{told}");
        assert!(critical(&Critical::FromTheBeginning).contains("none passes"));
    }
}
