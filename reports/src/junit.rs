//! What a sweep gave as JUnit XML, the form that CI systems show: a test suite for each scenario, and in it a test case for each
//! strategy and fault profile. A case in which runs failed says how many, and of the first one the proof and the command that does
//! it again. Wall-clock times are left out: so the parts of a sweep, joined, give the same file as one sweep.

use std::collections::BTreeMap;

use cutline_scenarios::sweep::failure::Failure;
use cutline_scenarios::sweep::tally::{Cell, CellCounts, Counts, Covered, Tally};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::sweep_summary::ways;

/// The suite of what was asked of all runs together.
const COVERAGE: &str = "coverage";

/// The file: of what is in the sums, with the first failure of each cell; and a case for each situation that had to be met.
///
/// # Errors
/// None is known; the XML library reserves the right.
pub fn junit(
    tally: &Tally,
    first_of_cell: &[Failure],
    required: &[Covered],
) -> Result<String, SerializeError> {
    let firsts: BTreeMap<Cell, &Failure> =
        first_of_cell.iter().map(|failure| (failure.cell(), failure)).collect();
    let mut report = Report::new("cutline");
    let cells = tally.cells();
    for of_scenario in cells.chunk_by(|a, b| (&a.scenario, &a.overrides) == (&b.scenario, &b.overrides)) {
        let CellCounts { scenario, overrides, .. } = &of_scenario[0];
        let mut suite = TestSuite::new(name(format!("{scenario} {overrides}").trim_end()));
        for cell in of_scenario {
            suite.add_test_case(case(cell, firsts.get(&cell.cell()).copied()));
        }
        report.add_test_suite(suite);
    }
    if !required.is_empty() {
        let mut suite = TestSuite::new(COVERAGE);
        suite.add_test_cases(required.iter().map(situation));
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(cell: &CellCounts, first: Option<&Failure>) -> TestCase {
    let CellCounts { scenario, overrides, strategy, faults, counts } = cell;
    let mut status = TestCaseStatus::success();
    if counts.failed() > 0 {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(counts.class().name()).set_message(name(&message(counts, first)));
        if let Some(first) = first {
            status.set_description(clean(&text(first)));
        }
    }
    let comma = if overrides.is_empty() { "" } else { ", " };
    let mut case = TestCase::new(name(&format!("{strategy}, faults {faults}{comma}{overrides}")), status);
    case.set_classname(name(&format!("cutline.{scenario}")));
    let Counts { runs, passed, restored, checkpoints, .. } = counts;
    case.set_system_out(format!(
        "{runs} runs: {passed} passed{}; {restored} went back to a checkpoint, {checkpoints} checkpoints completed",
        ways(counts)
    ));
    case
}

fn message(counts: &Counts, first: Option<&Failure>) -> String {
    let all = format!("{} of {} runs failed{}", counts.failed(), counts.runs, ways(counts));
    match first {
        Some(first) if first.objections.is_empty() => {
            format!("{all}; the first with seed {}: the job did not come to its end", first.seed)
        }
        Some(first) => format!("{all}; the first with seed {}: {} FAIL", first.seed, first.oracles()),
        None => all,
    }
}

/// The proof of every oracle that objects, the faults, and how to do the run again.
fn text(first: &Failure) -> String {
    let mut text = format!("run {}, seed {}\n", first.run, first.seed);
    for objection in &first.objections {
        text.push_str(&format!("\n{} FAIL: {}\n", objection.oracle, objection.proof));
    }
    if first.objections.is_empty() {
        text.push_str("\nthe job did not come to its end\n");
    }
    if !first.plan.is_empty() {
        text.push_str(&format!("\nfaults:\n  {}\n", first.plan.join("\n  ")));
    }
    text.push_str(&format!("\nto do it again:\n  {}\n", first.command));
    text
}

fn situation(required: &Covered) -> TestCase {
    let mut status = TestCaseStatus::success();
    if required.runs == 0 {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("not-met").set_message(format!("no run met {}", required.situation));
        status
            .set_description(format!("The sweep says nothing of what may go wrong when {}.", required.about));
    }
    let mut case = TestCase::new(required.situation.as_str(), status);
    case.set_classname("cutline.coverage").set_system_out(format!("{} runs", required.runs));
    case
}

/// A text without what XML cannot hold: control characters as Rust writes them.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => clean.push(char),
            '\u{fffe}' | '\u{ffff}' => clean.extend(char.escape_unicode()),
            char if char.is_control() => clean.extend(char.escape_unicode()),
            char => clean.push(char),
        }
    }
    clean
}

/// A text for an attribute: one line.
fn name(text: &str) -> String {
    clean(&text.replace(['\n', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    const PROOF: &str = "Let c be <1> & \"2\", ]]> and '3'.\r\n\u{1b}[31mred\u{1b}[0m\u{0}\u{fffe}";

    fn parsed(text: &str) -> Report {
        Report::deserialize_from_str(text).expect("what was written is XML")
    }

    #[test]
    fn a_case_for_each_cell_and_in_it_the_first_failure() {
        let (tally, failures) = samples::sweep(PROOF);
        let text = junit(&tally, &failures, &[]).expect("XML");
        let report = parsed(&text);
        let suites: Vec<&str> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(suites, ["a<b> x=\"1\"", "wordcount"]);
        let wordcount = &report.test_suites[1];
        assert_eq!((wordcount.tests, wordcount.failures), (2, 1));
        assert_eq!(wordcount.test_cases[0].name.as_str(), "aligned, faults crashes");
        assert_eq!(
            wordcount.test_cases[0].classname.as_ref().map(|name| name.as_str()),
            Some("cutline.wordcount")
        );
        assert!(matches!(wordcount.test_cases[0].status, TestCaseStatus::Success { .. }));
        let TestCaseStatus::NonSuccess { message, ty, description, .. } = &wordcount.test_cases[1].status
        else {
            panic!("{text}");
        };
        assert_eq!(ty.as_deref(), Some("safety"));
        assert_eq!(
            message.as_deref(),
            Some("2 of 2 runs failed, 2 safety violations; the first with seed 3: cut FAIL")
        );
        let description = description.as_deref().expect("a proof");
        assert!(description.contains("cutline run wordcount --seed 3"), "{description}");
        assert!(!description.contains("--seed 4"), "{description}");
    }

    #[test]
    fn markup_and_control_characters_are_escaped_and_nothing_vanishes() {
        let (tally, failures) = samples::sweep(PROOF);
        let text = junit(&tally, &failures, &[]).expect("XML");
        assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
        let report = parsed(&text);
        let TestCaseStatus::NonSuccess { description, .. } = &report.test_suites[1].test_cases[1].status
        else {
            panic!("{text}");
        };
        let shown = r#"cut FAIL: Let c be <1> & "2", ]]> and '3'.\u{d}
\u{1b}[31mred\u{1b}[0m\u{0}\u{fffe}
"#;
        assert!(description.as_deref().is_some_and(|text| text.contains(shown)), "{description:?}");
        let odd = &report.test_suites[0].test_cases[0];
        assert_eq!(odd.name.as_str(), "aligned, faults none, x=\"1\"");
        assert_eq!(odd.classname.as_ref().map(|name| name.as_str()), Some("cutline.a<b>"));
    }

    #[test]
    fn a_situation_that_had_to_be_met_is_a_case() {
        let (tally, _) = samples::sweep("");
        let situation = |situation: &str, runs| Covered {
            situation: situation.to_owned(),
            about: "it happens".to_owned(),
            runs,
        };
        let text = junit(&tally, &[], &[situation("one", 7), situation("other", 0)]).expect("XML");
        let report = parsed(&text);
        let coverage = &report.test_suites[2];
        assert_eq!((coverage.name.as_str(), coverage.tests, coverage.failures), (COVERAGE, 2, 1));
        assert!(text.contains("no run met other"), "{text}");
    }
}
