//! Sweeps in CI: JUnit files, GitHub Actions, parts that a scheduler starts.

use std::fs;

use quick_junit::{Report, TestCaseStatus, TestSuite};

use crate::sweeps::{BROKEN, kept, newest, sweep};
use crate::{Gave, Place};

/// A sweep without failures that takes no time.
const CALM: &str = "sweep sum-even-odd --strategy aligned --faults none --seeds 0..6 --no-regressions \
    --set input.numbers.kind.numbers.count=500";
/// A sweep of which every run stalls.
const STALLS: &str = "sweep wordcount --strategy aligned --faults none --seeds 0..4 --set bounds.time=40ms";

/// Runs with arguments that stand between blanks, and variables.
fn with(place: &Place, arguments: &str, variables: &[(&str, &str)]) -> Gave {
    let mut command = place.command();
    command.envs(variables.iter().copied()).args(arguments.split_whitespace());
    Gave::new(command.output().expect("the binary"))
}

fn junit(place: &Place, name: &str) -> Report {
    let text = place.read(name);
    Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

#[test]
fn the_junit_file_has_a_case_for_each_cell_and_the_proof_of_its_first_failure() {
    let place = Place::new();
    place.cutline(&format!("{BROKEN} --junit whole.xml --json")).exits(1);
    let report = junit(&place, "whole.xml");
    let [suite]: [TestSuite; 1] = report.test_suites.clone().try_into().expect("one suite");
    let names: Vec<String> = suite.test_cases.iter().map(|case| case.name.as_str().to_owned()).collect();
    let set = "input.numbers.kind.numbers.count=2000";
    assert_eq!(
        names,
        [
            "aligned, faults crashes",
            "aligned, faults none",
            "first-barrier, faults crashes",
            "first-barrier, faults none"
        ]
        .map(|name| format!("{name}, {set}"))
    );
    let (_, failures) = kept(&newest(&place, "cutline-out/sweeps"));
    let mut failed = 0;
    for case in &suite.test_cases {
        let TestCaseStatus::NonSuccess { ty, description, .. } = &case.status else { continue };
        failed += 1;
        assert_eq!(ty.as_deref(), Some("safety"));
        let text = description.as_deref().expect("a proof");
        let faults = case.name.as_str().split(['=', ',', ' ']).nth(3).expect("the profile");
        let first = failures.lines().find(|line| line.contains(&format!("\"faults\":\"{faults}\"")));
        let first: serde_json::Value = serde_json::from_str(first.expect("a failure")).expect("JSON");
        assert!(text.contains(first["command"].as_str().expect("a command")), "{text}");
        assert!(text.contains(first["objections"][0]["proof"].as_str().expect("a proof")), "{text}");
    }
    assert!(failed > 0 && failed < 4, "{failed} cases failed");

    for part in 1..=2 {
        place.cutline(&format!("{BROKEN} --partition {part}/2 --out part{part}"));
    }
    place.cutline("merge part1 part2 --junit merged.xml").exits(1);
    assert_eq!(place.read("merged.xml"), place.read("whole.xml"));
}

#[test]
fn a_junit_file_that_cannot_be_written_is_known_before_the_sweep() {
    let place = Place::new();
    place.cutline(&format!("{CALM} --junit no/such/folder.xml")).refuses(&["no/such/folder.xml", "mkdir"]);
    place.file("known.toml", "");
    let both = CALM.replace("--no-regressions", "--regressions known.toml --junit known.toml");
    place.cutline(&both).refuses(&["known.toml", "name a file for each output"]);
    assert_eq!(place.names(), ["known.toml"]);
}

#[test]
fn a_situation_that_had_to_be_met_is_a_case_of_the_junit_file() {
    let place = Place::new();
    place.cutline(&format!("{CALM} --junit a.xml --require-coverage=lost-completion")).exits(1);
    let report = junit(&place, "a.xml");
    assert_eq!(report.test_suites[1].test_cases[0].name.as_str(), "lost-completion");
    assert_eq!((report.tests, report.failures), (2, 1));
}

#[test]
fn github_is_told_of_failures_and_only_github() {
    let place = Place::new();
    let summary = place.file("summary.md", "what another step has said\n");
    let summary = summary.to_str().expect("UTF-8").to_owned();
    let there = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", &*summary)];
    let gave = with(&place, BROKEN, &there).exits(1);
    let errors: Vec<&str> = gave.out.lines().filter(|line| line.starts_with("::error ")).collect();
    let kinds = gave.out.lines().filter(|line| line.starts_with("run ")).count();
    assert_eq!(errors.len(), kinds, "{}", gave.out);
    assert!(errors[0].starts_with("::error title=cutline%3A sum-even-odd under first-barrier%2C faults"));
    assert!(errors[0].contains("%0Acutline run sum-even-odd --strategy first-barrier"), "{}", errors[0]);
    let text = place.read("summary.md");
    assert!(
        text.starts_with("what another step has said\n### cutline sweep, seeds 0..6: complete\n"),
        "{text}"
    );
    assert!(text.contains("| sum-even-odd | aligned | 6 | 6 |"), "{text}");
    assert!(text.contains("cut FAIL: Let c be checkpoint"), "{text}");

    // Standard output is for JSON alone; the runner reads commands from both streams.
    let gave = with(&place, &format!("{BROKEN} --json"), &there).exits(1);
    gave.json();
    assert!(gave.err.contains("::error title="), "{}", gave.err);
    // Without GitHub there is nothing of it.
    let before = place.read("summary.md");
    for elsewhere in [&there[1..], &[("GITHUB_ACTIONS", "false"), there[1]]] {
        let gave = with(&place, BROKEN, elsewhere).exits(1);
        assert!(!gave.out.contains("::error"), "{}", gave.out);
    }
    assert_eq!(place.read("summary.md"), before);
    // A summary that cannot be written is no reason not to sweep.
    let gave = with(&place, CALM, &[there[0], ("GITHUB_STEP_SUMMARY", "no/such/folder.md")]).exits(0);
    assert!(gave.err.contains("no summary of the job: cannot write `no/such/folder.md`"), "{}", gave.err);
}

#[test]
fn the_part_that_a_scheduler_asks_for_is_done() {
    let place = Place::new();
    let whole = sweep(&place, CALM, "whole", 0);
    let part = |at: u64, variables: &[(&str, &str)]| {
        let gave = with(&place, &format!("{CALM} --partition auto --out part{at}"), variables).exits(0);
        assert!(gave.out.contains(&format!("part {at}/3 of a sweep")), "{}", gave.out);
    };
    part(1, &[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")]);
    part(2, &[("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETIONS", "3")]);
    let slurm = [("ID", "14"), ("MIN", "10"), ("MAX", "14"), ("STEP", "2"), ("COUNT", "3")];
    let slurm = slurm.map(|(name, value)| (format!("SLURM_ARRAY_TASK_{name}"), value));
    part(3, &slurm.each_ref().map(|(name, value)| (name.as_str(), *value)));
    place.cutline("merge part1 part2 part3 --out merged").exits(0);
    assert!(kept(&newest(&place, "merged")) == whole, "not the same rows");

    let auto = format!("{CALM} --partition auto --out no");
    with(&place, &auto, &[]).refuses(&["finds no scheduler", "--partition 3/16"]);
    with(&place, &auto, &[("CI_NODE_TOTAL", "1")]).refuses(&["`CI_NODE_INDEX` is not set", "parallel"]);
    assert!(!place.path("no").exists());
}

#[test]
fn parts_leave_it_to_merge_to_remember_failures() {
    let place = Place::new();
    for part in 1..=2 {
        place.cutline(&format!("{STALLS} --partition {part}/2 --out part{part}")).exits(3);
    }
    assert!(!place.path("cutline-regressions.toml").exists());
    place.cutline("merge part1 part2 --no-regressions").exits(3);
    assert!(!place.path("cutline-regressions.toml").exists());
    place.cutline("merge part1 part2 --regressions joined.toml").exits(3);
    place.cutline(STALLS).exits(3);
    assert_eq!(place.read("joined.toml"), place.read("cutline-regressions.toml"));
}

#[test]
fn a_part_that_was_stopped_makes_a_whole_that_was() {
    let place = Place::new();
    let whole = sweep(&place, &format!("{STALLS} --no-regressions"), "whole", 3);
    place
        .cutline(&format!("{STALLS} --partition 1/2 --out part1 --max-failures 1 --no-regressions"))
        .exits(3);
    place.cutline(&format!("{STALLS} --partition 2/2 --out part2 --no-regressions")).exits(3);
    let gave = place.cutline("merge part1 part2 --out merged --json --no-regressions").exits(3);
    assert_eq!(gave.json()["end"], "max-failures");
    assert_eq!(gave.json()["asked"], 4);
    assert_eq!(gave.json()["total"]["runs"], 3);
    // It goes on like any sweep.
    place.cutline("sweep --resume merged --no-regressions").exits(3);
    assert!(kept(&newest(&place, "merged")) == whole, "not the same rows");

    fs::remove_file(newest(&place, "part2").join("summary.json")).expect("removed");
    place.cutline("merge part1 part2 --out no").refuses(&["summary.json", "cutline sweep --resume"]);
    assert!(!place.path("no").exists());
}
