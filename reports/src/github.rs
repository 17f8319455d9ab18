//! What a sweep gave for GitHub Actions: workflow commands, which become annotations of the run, and a summary of the job in Markdown.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use cutline_scenarios::sweep::failure::Failure;
use cutline_scenarios::sweep::tally::{Covered, Tally};

use crate::sweep_summary::{rows, total};

/// GitHub shows no more annotations of one kind for a step.
const ANNOTATIONS_MAX: usize = 10;
/// A step may have a summary of 1 MiB, or it has none; what is said here leaves room for other calls in the same step.
const SUMMARY_BYTES_MAX: usize = 250_000;
/// Of that so much is for the table.
const TABLE_BYTES_MAX: usize = 100_000;

/// An error for each of these failures, the first of each kind: a line each.
pub fn annotations(first_of_kind: &[Failure]) -> String {
    let mut all = String::new();
    let (shown, others) = first_of_kind.split_at(first_of_kind.len().min(ANNOTATIONS_MAX));
    for failure in shown {
        let title = property(&format!("cutline: {}", title(failure)));
        all.push_str(&format!("::error title={title}::{}\n", data(&proofs(failure))));
    }
    if !others.is_empty() {
        all.push_str(&format!("{} more kinds of failures: see the summary of the job\n", others.len()));
    }
    all
}

/// The summary of the job: a table of all runs, and the first failure of each kind.
pub fn job_summary(
    title_of_sweep: &str,
    tally: &Tally,
    first_of_kind: &[Failure],
    unmet: &[Covered],
) -> String {
    let mut all = format!("### {}\n\n{}\n", plain(title_of_sweep), total(&tally.total()));
    let mut table = rows(tally).into_iter().enumerate();
    let bar = |cells: &[String]| format!("|{}\n", " --- |".repeat(cells.len()));
    for (at, cells) in table.by_ref() {
        let line: String = cells.iter().map(|cell| format!(" {} |", plain(cell))).collect();
        all.push_str(&format!("|{line}\n{}", if at == 0 { bar(&cells) } else { String::new() }));
        if all.len() > TABLE_BYTES_MAX {
            break;
        }
    }
    let left_out = table.count();
    if left_out > 0 {
        all.push_str(&format!("\n{left_out} more rows are in `summary.json`.\n"));
    }
    if !unmet.is_empty() {
        let names: Vec<String> = unmet.iter().map(|covered| format!("`{}`", covered.situation)).collect();
        all.push_str(&format!("\nRequired, and met by no run: {}.\n", names.join(", ")));
    }
    for (at, failure) in first_of_kind.iter().enumerate() {
        let text = proofs(failure);
        let fence = fence(&text);
        let shown = format!("\n#### {}\n\n{fence}text\n{text}\n{fence}\n", plain(&title(failure)));
        if all.len() + shown.len() > SUMMARY_BYTES_MAX {
            let left_out = first_of_kind.len() - at;
            all.push_str(&format!("\n{left_out} more kinds of failures are in `failures.ndjson`.\n"));
            break;
        }
        all.push_str(&shown);
    }
    all
}

fn title(failure: &Failure) -> String {
    let Failure { scenario, strategy, faults, seed, .. } = failure;
    format!("{scenario} under {strategy}, faults {faults}, seed {seed}")
}

/// The proofs, and the command that does the run again.
fn proofs(failure: &Failure) -> String {
    let objections = failure.objections.iter();
    let mut lines: Vec<String> =
        objections.map(|objection| format!("{} FAIL: {}", objection.oracle, objection.proof)).collect();
    if lines.is_empty() {
        lines.push("the job did not come to its end".to_owned());
    }
    lines.push(failure.command.clone());
    lines.join("\n")
}

/// Text behind the second `::` of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text in Markdown that means nothing but itself, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => plain.extend(['\\', char]),
            char if char.is_control() => plain.push(' '),
            char => plain.push(char),
        }
    }
    plain
}

/// What fences a text in: longer than anything like it inside.
fn fence(text: &str) -> String {
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn an_annotation_is_one_line_whatever_the_proof_says() {
        let (_, mut failures) = samples::sweep("100% of\r\n::error::these\nare lost, or so: it seems");
        failures[0].scenario = "a:b,c%\n".to_owned();
        let text = annotations(&failures);
        assert_eq!(
            text,
            "::error title=cutline%3A a%3Ab%2Cc%25%0A under unaligned%2C faults crashes%2C seed 3::\
             cut FAIL: 100%25 of%0D%0A::error::these%0Aare lost, or so: it seems%0Acutline run wordcount --seed 3\n"
        );
        let many: Vec<Failure> = (0..12).map(|_| failures[0].clone()).collect();
        assert_eq!(annotations(&many).matches("::error title").count(), 10);
        assert!(annotations(&many).ends_with("\n2 more kinds of failures: see the summary of the job\n"));
        assert_eq!(annotations(&[]), "");
    }

    #[test]
    fn the_summary_has_a_table_and_the_proofs() {
        let (tally, failures) = samples::sweep("a ``` fence, and <b>");
        let unmet = Covered { situation: "lost-completion".to_owned(), about: String::new(), runs: 0 };
        let text = job_summary("part 1/2 | complete", &tally, &failures, &[unmet]);
        assert_eq!(
            text,
            "### part 1/2 \\| complete\n\n\
             5 runs: 3 passed, 2 safety violations; 5 went back to a checkpoint, 10 checkpoints completed\n\n\
             | scenario | strategy | crashes | none |\n\
             | --- | --- | --- | --- |\n\
             | a&lt;b&gt; x=\"1\" | aligned |  | 1 |\n\
             | wordcount | aligned | 2 |  |\n\
             | wordcount | unaligned | 2 of 2 FAIL |  |\n\n\
             Required, and met by no run: `lost-completion`.\n\n\
             #### wordcount under unaligned, faults crashes, seed 3\n\n\
             ````text\ncut FAIL: a ``` fence, and <b>\ncutline run wordcount --seed 3\n````\n"
        );
    }

    #[test]
    fn the_summary_is_never_too_long() {
        let (tally, failures) = samples::sweep(&"x".repeat(100_000));
        let many: Vec<Failure> = (0..12).map(|_| failures[0].clone()).collect();
        let text = job_summary("t", &tally, &many, &[]);
        assert!(text.len() < 1 << 20);
        assert!(text.ends_with("\n10 more kinds of failures are in `failures.ndjson`.\n"));
    }
}
