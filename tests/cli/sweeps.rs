//! Sweeps: the same runs however they are done, and what is left of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::{Gave, Place};

/// A sweep that takes a second or two.
const SMALL: &str = "sweep wordcount collatz --strategy aligned,unaligned,chandy-lamport --faults crashes,messages \
    --set execution.checkpointing.interval=100ms --no-regressions";
/// The same with planted bugs that are caught.
pub const BROKEN: &str = "sweep sum-even-odd --strategy aligned,first-barrier --faults crashes,none --seeds 0..6 \
    --set input.numbers.kind.numbers.count=2000 --no-shrink";

/// The newest sweep in a folder.
pub fn newest(place: &Place, out: &str) -> PathBuf {
    fs::canonicalize(place.path(out).join("latest")).expect("a sweep")
}

/// What a sweep has kept: its rows and its failures.
pub fn kept(folder: &Path) -> (String, String) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
    (read("runs.csv"), read("failures.ndjson"))
}

pub fn sweep(place: &Place, arguments: &str, out: &str, code: i32) -> (String, String) {
    place.cutline(&format!("{arguments} --out {out}")).exits(code);
    kept(&newest(place, out))
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let place = Place::new();
    let one = sweep(&place, &format!("{SMALL} --seeds 0..5 --jobs 1"), "a", 0);
    let four = sweep(&place, &format!("{SMALL} --seeds 0..5 --jobs 4"), "b", 0);
    assert!(one == four, "{}\n{}", one.0, four.0);
    // Without the one strategy that takes no cycle, collatz has fewer rows.
    assert_eq!(one.0.lines().count(), 1 + 5 * (3 + 1) * 2);
}

#[test]
fn parts_join_to_the_whole() {
    let place = Place::new();
    let whole = sweep(&place, BROKEN, "whole", 1);
    assert!(!whole.1.is_empty());
    for part in 1..=3 {
        let gave = place.cutline(&format!("{BROKEN} --partition {part}/3 --out part{part}"));
        assert!(gave.code < Some(2), "{}", gave.err);
    }
    place.cutline("merge part1 part2 part3 --out merged").exits(1);
    let merged = newest(&place, "merged");
    assert!(kept(&merged) == whole, "not the same rows");
    let names = |folder: PathBuf| {
        let mut names: Vec<_> = fs::read_dir(folder.join("capsules"))
            .expect("capsules")
            .map(|it| it.expect("one").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(merged), names(newest(&place, "whole")));

    place.cutline("merge part1 part3 --out no").refuses(&["part 2/3", "missing"]);
    place.cutline("merge part1 part2 part2 --out no").refuses(&["both part 2/3"]);
    place.cutline("merge part1 part2 whole --out no").refuses(&["part 1/3", "part 1/1"]);
    place.cutline(&format!("{} --partition 1/3 --out other", BROKEN.replace("0..6", "0..7"))).exits(1);
    place.cutline("merge other part2 part3 --out no").refuses(&["different sweeps"]);
    place.cutline("merge nothing --out no").refuses(&["not the folder of a sweep"]);
    assert!(!place.path("no").exists(), "{:?}", place.names());
}

#[test]
fn a_sweep_that_is_killed_goes_on_and_gives_the_same() {
    let place = Place::new();
    let arguments = format!("{SMALL} --seeds 0..12 --jobs 2");
    let whole = sweep(&place, &arguments, "whole", 0);
    let mut killed = 0;
    let mut command = place.command();
    let mut child = command
        .args(format!("{arguments} --out cut").split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary");
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(150));
        child.kill().expect("killed");
        killed += usize::from(!child.wait().expect("an end").success());
        let mut command = place.command();
        child = command
            .args(["sweep", "--resume", "cut", "--no-regressions"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary");
    }
    // A machine so slow that not even the folder was made has nothing to resume.
    child.wait().expect("an end");
    assert!(killed > 0, "the sweep is too short to be killed");
    place.cutline("sweep --resume cut --no-regressions").exits(0);
    assert!(kept(&newest(&place, "cut")) == whole, "not the same rows");
    // Nor does a line that was cut short do harm.
    let folder = newest(&place, "cut");
    let rows = fs::read(folder.join("runs.csv")).expect("rows");
    fs::remove_file(folder.join("runs.csv")).expect("removed");
    fs::write(folder.join("runs.part.csv"), &rows[..rows.len() / 2]).expect("written");
    place.cutline("sweep --resume cut --no-regressions").exits(0);
    assert!(kept(&folder) == whole, "not the same rows");
}

#[test]
fn as_many_may_fail_as_are_allowed_whoever_is_faster() {
    let place = Place::new();
    let arguments = format!("{BROKEN} --no-regressions --max-failures 2");
    let one = sweep(&place, &format!("{arguments} --jobs 1"), "a", 1);
    let four = sweep(&place, &format!("{arguments} --jobs 4"), "b", 1);
    assert!(one == four, "{}\n{}", one.0, four.0);
    assert_eq!(one.1.lines().count(), 2);
    // And goes on when more are allowed.
    let whole = sweep(&place, &format!("{BROKEN} --no-regressions"), "whole", 1);
    place.cutline("sweep --resume a").exits(1);
    assert!(kept(&newest(&place, "a")) == whole, "not the same rows");
}

#[test]
fn a_failure_leaves_a_capsule_and_a_command_and_is_run_first_ever_after() {
    let place = Place::new();
    let gave = place.cutline(&format!("{BROKEN} --json")).exits(1);
    let summary = gave.json();
    assert_eq!(summary["end"], "complete");
    let failure = &summary["failures"][0];
    let folder = newest(&place, "cutline-out/sweeps");
    let capsule = folder.join(failure["capsule"].as_str().expect("a capsule"));
    place.run(["replay".as_ref(), capsule.as_os_str()]).exits(1);
    let command = failure["command"].as_str().expect("a command");
    let again =
        place.cutline(&format!("{} --json", command.strip_prefix("cutline ").expect("cutline"))).exits(1);
    assert_eq!(again.json()["digest"], failure["digest"]);
    // Planted bugs fail for ever: they are no regressions.
    assert!(!place.path("cutline-regressions.toml").exists());

    // A time that is too short makes any strategy stall.
    let stalls =
        "sweep wordcount --strategy aligned --faults none --seeds 3..5 --set bounds.time=40ms --no-shrink";
    place.cutline(stalls).exits(3);
    let file = place.read("cutline-regressions.toml");
    assert!(file.contains("seed = 3") && file.contains("strategy = \"aligned\""), "{file}");
    let (rows, _) = sweep(&place, &stalls.replace("3..5", "8"), "again", 3);
    let first: Vec<&str> = rows.lines().nth(1).expect("a row").split(',').collect();
    assert_eq!((first[6], first[7]), ("3", "true"), "{rows}");
    assert_eq!(place.read("cutline-regressions.toml").matches("[[run]]").count(), 1, "the kind is known");
}

#[test]
fn what_no_run_met_can_be_asked_for() {
    let place = Place::new();
    let calm = format!("{SMALL} --seeds 0..1");
    let calm = calm.replace("crashes,messages", "none");
    let gave =
        place.cutline(&format!("{calm} --require-coverage=lost-completion,crash-while-aligning")).exits(1);
    assert!(gave.out.contains("no run met crash-while-aligning, lost-completion"), "{}", gave.out);
    place.cutline(&calm).exits(0);
    place
        .cutline(&format!("{calm} --require-coverage=nonsense"))
        .refuses(&["nonsense", "crash-while-aligning"]);
}

#[test]
fn bad_input_is_refused_and_nothing_is_written() {
    let place = Place::new();
    place.file("broken.toml", "[[run]]\nscenario = 7\n");
    place.file("no.json", "{}");
    let refused: &[(&str, &[&str])] = &[
        ("sweep wordcount --seeds 5..5", &["empty range of seeds", "0..1000"]),
        ("sweep wordcount --seeds x", &["no number"]),
        ("sweep wordcount --seeds 1,1", &["seed 1 is named twice"]),
        ("sweep wordcount --seeds fresh:0", &["fresh:N"]),
        ("sweep wordcount --partition 5/4", &["no part 5 of 4"]),
        ("sweep wordcount --partition x", &["third of sixteen"]),
        ("sweep wordcount --jobs 0", &["jobs"]),
        ("sweep wordcount --time-budget 10", &["unit"]),
        ("sweep wordcount --regressions broken.toml", &["broken.toml:2", "scenario"]),
        ("sweep wordcount --strategy nonsense", &["nonsense", "aligned"]),
        ("sweep wordcount --strategy aligned,all", &["`aligned` is named twice"]),
        ("sweep wordcount --faults nonsense", &["nonsense", "crashes"]),
        ("sweep wordcount wordcount", &["`wordcount` is named twice"]),
        ("sweep collatz --strategy aligned", &["nothing to run", "cycle"]),
        ("sweep sum-even-odd --input no.json", &["no scenario reads a text file"]),
        ("sweep nonsense", &["nonsense", "wordcount"]),
        ("sweep --resume .", &["not the folder of a sweep"]),
        ("sweep --resume x --seeds 1..2", &["--resume", "--seeds"]),
        ("sweep", &["SCENARIOS"]),
        ("sweep wordcount --seeds 0..1 --faults none --out no.json", &["no.json"]),
    ];
    for (arguments, words) in refused {
        place.cutline(arguments).refuses(words);
    }
    assert_eq!(place.names(), ["broken.toml", "no.json"]);
}

#[test]
fn a_sweep_of_another_program_or_a_damaged_one_does_not_go_on() {
    let place = Place::new();
    sweep(&place, &format!("{SMALL} --seeds 0..1"), "a", 0);
    let folder = newest(&place, "a");
    let manifest = fs::read_to_string(folder.join("sweep.json")).expect("the manifest");
    let with = |text: String| fs::write(folder.join("sweep.json"), text).expect("written");
    let resume = || -> Gave { place.cutline("sweep --resume a") };
    with(manifest.replacen("\"version\": \"", "\"version\": \"9", 1));
    resume().refuses(&["was swept by cutline 9", "another one may run differently"]);
    with(manifest.replacen("\"cutline-sweep\": 2", "\"cutline-sweep\": 3", 1));
    resume().refuses(&["version 3"]);
    with(manifest[..100].to_owned());
    resume().refuses(&["no manifest of a sweep"]);
    with(manifest);
    let rows = fs::read_to_string(folder.join("runs.csv")).expect("rows");
    fs::write(folder.join("runs.csv"), rows.replacen("aligned", "ali,gned", 1)).expect("written");
    resume().refuses(&["runs.part.csv", "damaged", "line 2"]);
}
