//! `cutline compare` with several seeds, with values of a key, and with a folder for what it finds.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::{Gave, Place};

const PLOTS: [&str; 8] = [
    "backpressure",
    "checkpoint-duration",
    "checkpoint-size",
    "latency-distribution",
    "latency-over-time",
    "recovery",
    "storage",
    "throughput",
];

/// The names of the files in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_comparison_leaves_a_page_and_every_plot_whatever_the_number_of_threads() {
    let place = Place::new();
    let common =
        "compare tiny --strategies stop-the-world,aligned --faults crashes --seeds 1..4 --no-forks --out";
    let gave = place.cutline(&format!("{common} one --jobs 1")).exits(0);
    assert!(gave.out.starts_with("seeds 1..4\n"), "{}", gave.out);
    for line in ["runs that passed", "checkpoint duration, median", "the page is one/index.html"] {
        assert!(gave.out.contains(line), "no `{line}` in\n{}", gave.out);
    }
    assert!(gave.out.contains("3 of 3"), "{}", gave.out);
    place.cutline(&format!("{common} two --jobs 2")).exits(0);
    let mut expected: Vec<String> =
        PLOTS.iter().flat_map(|name| ["csv", "png", "svg"].map(|end| format!("{name}.{end}"))).collect();
    expected.extend(["index.html", "runs.csv"].map(str::to_owned));
    let strategies = ["aligned", "stop-the-world"];
    expected.extend(
        strategies.iter().flat_map(|name| ["png", "svg"].map(|end| format!("space-time-{name}.{end}"))),
    );
    expected.sort();
    assert_eq!(names(&place.path("one")), expected);
    for name in &expected {
        let [one, two] =
            ["one", "two"].map(|folder| std::fs::read(place.path(folder).join(name)).expect("a file"));
        if name.ends_with(".png") {
            assert!(two.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        }
        if name == "index.html" {
            // It says by which command it was made.
            let text =
                |bytes| String::from_utf8(bytes).expect("UTF-8").replace("one --jobs 1", "two --jobs 2");
            assert!(text(one) == text(two), "{name}");
        } else {
            assert!(one == two, "{name}");
        }
    }
    let runs = place.read("one/runs.csv");
    assert_eq!(runs.lines().count(), 1 + 2 * 3, "{runs}");
    assert!(runs.starts_with("strategy,seed,class,latency_p50_ns,"), "{runs}");
    let page = place.read("one/index.html");
    assert_eq!(page.matches("<svg ").count(), PLOTS.len() + strategies.len());
    assert!(page.contains("around checkpoint 1, the first to complete"), "the window is said");
    assert!(page.contains("cutline compare tiny --strategies stop-the-world,aligned"), "the command");
}

#[test]
fn the_runs_of_a_comparison_are_those_of_run() {
    let place = Place::new();
    let compared =
        place.cutline("compare tiny --strategies aligned,unaligned --seeds 3..5 --json --out d").exits(0);
    let compared = compared.json();
    let runs = compared.as_array().expect("records");
    assert_eq!(runs.len(), 4);
    let mut at = runs.iter();
    for seed in [3, 4] {
        for strategy in ["aligned", "unaligned"] {
            let alone = place
                .cutline(&format!("run tiny --strategy {strategy} --seed {seed} --json"))
                .exits(0)
                .json();
            assert_eq!(at.next(), Some(&alone), "{strategy} {seed}");
        }
    }
}

#[test]
fn a_key_is_varied() {
    let place = Place::new();
    let vary = "--vary execution.checkpointing.interval=50ms,100ms --strategies aligned --no-forks";
    let gave = place.cutline(&format!("compare tiny {vary} --seeds 0..2 --out d")).exits(0);
    assert!(gave.out.contains("tiny, execution.checkpointing.interval=100ms"), "{}", gave.out);
    for name in ["sensitivity.png", "sensitivity-others.png"] {
        assert!(names(&place.path("d")).contains(&name.to_owned()), "{name}");
    }
    assert_eq!(place.read("d/sensitivity.csv").lines().count(), 1 + 2 * 2);
    let page = place.read("d/index.html");
    for words in [
        "<summary>execution.checkpointing.interval=50ms</summary>",
        "<summary>execution.checkpointing.interval=100ms</summary>",
        "tiny, execution.checkpointing.interval=50ms,100ms, faults",
        "Verdicts by oracle, over all values",
        "All 4 runs passed",
        "determinism, in 4 of 4 runs: not asked",
    ] {
        assert!(page.contains(words), "no `{words}`");
    }
    let gave = place.cutline(&format!("compare tiny {vary} --json")).exits(0).json();
    assert_eq!(gave[1]["value"], "100ms");
    assert_eq!(gave[1]["runs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_failed_run_is_told_and_leaves_what_replays_it() {
    let place = Place::new();
    let gave = place.cutline(
        "compare sum-even-odd --strategies aligned,first-barrier --seeds 4..5 --faults crashes --no-forks --out d",
    );
    let gave = gave.exits(1);
    assert_eq!(gave.out.matches(" replay ").count(), 1, "{}", gave.out);
    let page = place.read("d/index.html");
    assert!(
        page.contains("1 of 2 runs failed") && page.contains(" replay cutline-out/capsules/"),
        "verdicts"
    );
}

#[test]
fn a_run_that_fails_with_some_value_is_named_with_it() {
    let place = Place::new();
    let gave = place.cutline(
        "compare sum-even-odd --strategies first-barrier --seed 4 --faults crashes --no-forks --out d \
         --vary input.numbers.kind.numbers.count=200,2000",
    );
    let gave = gave.exits(1);
    assert_eq!(gave.out.matches(" replay ").count(), 2, "{}", gave.out);
    let page = place.read("d/index.html");
    let setting = |count: u64| format!("first-barrier, seed 4, input.numbers.kind.numbers.count={count}<");
    for words in ["2 of 2 runs failed", "2 of 2 FAIL", &setting(200), &setting(2000)] {
        assert!(page.contains(words), "no `{words}`");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::new();
    place.file("a.txt", "words");
    for (arguments, words) in [
        ("--seeds 5..5", &["empty range"][..]),
        ("--seeds 0..3 --seed 1", &["cannot be used with"]),
        ("--seeds 0..1000000", &["too many to compare", "cutline sweep"]),
        ("--vary execution.checkpointing.interval=1s", &["two values or more"]),
        ("--vary execution.checkpointing.intervall=1s,2s", &["intervall", "did you mean `interval`?"]),
        ("--vary execution.checkpointing.interval=1s,soon", &["soon"]),
        ("--vary job.nowhere=1,2", &["nowhere", "`--vary` lays"]),
        ("--strategies aligned,aligned", &["the strategy `aligned` is named twice"]),
        ("--out a.txt", &["a.txt"]),
    ] {
        place.cutline(&format!("compare tiny {arguments}")).refuses(words);
    }
    let place = Place::new();
    std::fs::create_dir(place.path("d")).expect("a folder");
    place.file("d/runs.csv", "some words");
    place.cutline("compare wordcount --input d/runs.csv --out d").refuses(&["the run reads it"]);
    assert_eq!(place.read("d/runs.csv"), "some words");
}

#[test]
fn a_run_in_which_nothing_happens_gives_a_page_that_says_so() {
    let place = Place::new();
    place.cutline("compare tiny --strategies aligned --set bounds.time=1ms --out d --no-forks").exits(3);
    let page = place.read("d/index.html");
    assert!(page.contains("nothing to show: no record arrived"), "plots");
    assert!(page.contains("1 of 1 runs failed"), "verdicts");
}

#[cfg(unix)]
#[test]
fn an_interrupted_comparison_shows_the_seeds_that_were_run() {
    let place = Place::new();
    let arguments = "compare tiny --strategies aligned,unaligned --seeds 0..5000 --no-forks --jobs 1 --out d \
                     --vary execution.checkpointing.interval=50ms,100ms";
    let mut command = place.command();
    let child = command
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    std::thread::sleep(Duration::from_secs(3));
    place.shell(&format!("kill -INT {}", child.id())).exits(0);
    let gave = Gave::new(child.wait_with_output().expect("an end")).exits(130);
    assert!(gave.err.contains("of 5000 seeds were run, and only those are shown"), "{}", gave.err);
    assert!(gave.out.contains(" of 0..5000\n"), "{}", gave.out);
    let page = place.read("d/index.html");
    assert!(page.contains("</html>") && page.contains(" of 0..5000"), "the page");
}
