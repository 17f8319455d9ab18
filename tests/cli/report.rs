//! The page of a sweep: of one that is done, stopped, killed, joined, empty; and of what is none.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Place;
use crate::sweeps::{BROKEN, newest};

/// A sweep with planted bugs, and its folder.
fn swept(place: &Place) -> PathBuf {
    place.cutline(&format!("{BROKEN} --no-regressions --out s")).exits(1);
    newest(place, "s")
}

fn page(place: &Place, folder: &Path, more: &str) -> String {
    let gave = place.cutline(&format!("report {} {more}", folder.display())).exits(0);
    let line = gave.out.lines().find(|line| line.starts_with("the page is ")).expect("where it is");
    let path = line.trim_start_matches("the page is ").split(": open it").next().expect("a path");
    fs::read_to_string(place.path("").join(path)).expect("the page")
}

fn has(html: &str, all: &[&str]) {
    for words in all {
        assert!(html.contains(words), "no `{words}` in\n{}", &html[html.find("<body").unwrap_or(0)..]);
    }
}

#[test]
fn a_sweep_becomes_a_page_with_its_failures_and_what_shows_them() {
    let place = Place::new();
    let folder = swept(&place);
    let html = page(&place, &folder, "");
    assert!(folder.join("report.html").exists());
    has(
        &html,
        &[
            "24 of 24",
            "The sweep is complete.",
            "heat-0\">6 pass",
            " of 6 fail",
            "NOT MET",
            "safety violation: ",
            "Let c be checkpoint",
            "<svg ",
            "cutline sweep sum-even-odd --strategy aligned,first-barrier --faults crashes,none --seeds 0..6",
            "--no-regressions",
            "cutline replay ",
        ],
    );
    assert!(html.matches("<svg ").count() == html.matches("<article>").count(), "a picture of each kind");
    assert!(!html.contains("There is no picture"), "{html}");
    // The same folder gives the same page, by the name of the folder above it, too.
    assert_eq!(page(&place, &folder, "--out again.html"), html);
    // The command that replays the witness does.
    let command = html.split("<code>cutline replay ").nth(1).and_then(|rest| rest.split("</code>").next());
    place.cutline(&format!("replay {}", command.expect("a command"))).exits(1);
    let named = place.cutline("report s --out by-name.html").exits(0);
    assert!(named.out.contains("by-name.html"), "{}", named.out);
    // Nothing that it reads is written over.
    place
        .run(["report".as_ref(), folder.as_os_str(), "--out".as_ref(), folder.join("runs.csv").as_os_str()])
        .refuses(&["runs.csv"]);
    place
        .run(["report".as_ref(), folder.as_os_str(), "--out".as_ref(), "no/such/page.html".as_ref()])
        .refuses(&["no/such/page.html", "mkdir"]);
}

#[test]
fn a_failure_that_was_shrunk_is_shown_as_small_as_it_is() {
    let place = Place::new();
    let sweep = "sweep sum-even-odd --strategy first-barrier --faults none --seeds 4 --no-regressions --out s \
        --set input.numbers.kind.numbers.count=200";
    place.cutline(sweep).exits(1);
    let html = page(&place, &newest(&place, "s"), "");
    has(
        &html,
        &[
            "The only run failed",
            "made by shrinking",
            "/shrunk/",
            ".min.json",
            "It needs no fault.",
            "Its scenario",
            "<svg ",
        ],
    );
}

#[test]
fn one_that_was_killed_is_a_page_of_what_was_done() {
    let place = Place::new();
    let folder = swept(&place);
    // As a kill leaves it: parts in any order, the last line cut short, a failure whose row was not written.
    let rows = fs::read_to_string(folder.join("runs.csv")).expect("the rows");
    let mut lines: Vec<&str> = rows.lines().collect();
    let last = lines.pop().expect("a row");
    lines[1..].reverse();
    fs::write(folder.join("runs.part.csv"), format!("{}\n{}", lines.join("\n"), &last[..20]))
        .expect("written");
    fs::rename(folder.join("failures.ndjson"), folder.join("failures.part.ndjson")).expect("renamed");
    fs::remove_file(folder.join("runs.csv")).expect("removed");
    fs::remove_file(folder.join("summary.json")).expect("removed");
    let html = page(&place, &folder, "");
    has(
        &html,
        &[
            "23 of 24",
            "unfinished: it was killed, or it is still running",
            "cutline sweep --resume ",
            "safety violation",
        ],
    );
    assert!(folder.join("runs.part.csv").exists(), "nothing is changed");
    // Killed before its first run.
    for name in ["runs.part.csv", "failures.part.ndjson"] {
        fs::remove_file(folder.join(name)).expect("removed");
    }
    let html = page(&place, &folder, "");
    has(&html, &["No run was done", "0 of 24", "There is no cell", "No run failed.", "--resume"]);
}

#[test]
fn one_that_was_stopped_or_joined_and_one_that_passed_say_so() {
    let place = Place::new();
    place.cutline(&format!("{BROKEN} --no-regressions --max-failures 1 --out stopped")).exits(1);
    has(
        &page(&place, &newest(&place, "stopped"), ""),
        &["stopped: as many runs have failed", "--resume", "1 of "],
    );
    for part in 1..=2 {
        place.cutline(&format!("{BROKEN} --no-regressions --partition {part}/2 --out part{part}"));
    }
    has(&page(&place, &newest(&place, "part1"), ""), &["part 1/2 of a sweep", "--partition 1/2", "12 of 12"]);
    place.cutline("merge part1 part2 --no-regressions --out merged").exits(1);
    has(&page(&place, &newest(&place, "merged"), ""), &["24 of 24", "The sweep is complete.", "<svg "]);
    place
        .cutline("sweep tiny --strategy aligned --faults none --seeds 0..2 --no-regressions --out fine")
        .exits(0);
    let html = page(&place, &newest(&place, "fine"), "");
    has(&html, &["All 2 runs passed", "No run failed.", "heat-0\">2 pass"]);
}

#[test]
fn what_is_lost_or_damaged_is_told() {
    let place = Place::new();
    let folder = swept(&place);
    fs::remove_dir_all(folder.join("capsules")).expect("removed");
    has(
        &page(&place, &folder, ""),
        &["There is no picture of it: cannot read", "Let c be checkpoint", "cutline run sum-even-odd"],
    );
    let rows = fs::read_to_string(folder.join("runs.csv")).expect("the rows");
    fs::write(folder.join("runs.csv"), rows.replacen("first-barrier", "first,barrier", 1)).expect("written");
    place.cutline(&format!("report {}", folder.display())).refuses(&["runs.csv", "is damaged: line "]);
    fs::write(folder.join("runs.csv"), "a,b\n").expect("written");
    place.cutline(&format!("report {}", folder.display())).refuses(&["runs.csv", "columns are not those"]);
    fs::write(folder.join("sweep.json"), "{\"cutline-sweep\": 0}").expect("written");
    place
        .cutline(&format!("report {}", folder.display()))
        .refuses(&["version 0", "use the program that did it"]);
    place.file("file", "");
    for none in ["gone", "file", "."] {
        place.cutline(&format!("report {none}")).refuses(&["is not the folder of a sweep", "cutline sweep"]);
    }
}

#[test]
fn a_sweep_that_has_lost_rows_is_not_complete() {
    let place = Place::new();
    let folder = swept(&place);
    let rows = fs::read_to_string(folder.join("runs.csv")).expect("rows");
    let kept: String = rows.lines().take(11).map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("runs.csv"), kept).expect("written");
    let html = page(&place, &folder, "");
    has(&html, &["10 of 24", "damaged: it was complete, and rows of it are gone", "--resume"]);
    assert!(!html.contains("The sweep is complete."), "{html}");
}
