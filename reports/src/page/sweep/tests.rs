//! The page of a sweep: everything on it, nothing loaded, nothing unescaped, never empty.

use cutline_scenarios::record::Class;
use cutline_scenarios::situations::{ROWS, Seen, Situation};
use cutline_scenarios::sweep::failure::{Failure, Objection};
use cutline_scenarios::sweep::row::{Row, SeenRow};

use super::*;
use crate::samples;

fn row(run: u64, scenario: &str, strategy: &str, faults: &str, class: Class) -> SeenRow {
    let mut row = Row::new(run, false, &[], &samples::run(strategy));
    (row.scenario, row.faults, row.class) = (scenario.to_owned(), faults.to_owned(), class);
    let mut seen = Seen::default();
    seen.note(Situation::ALL[0]);
    SeenRow { row, seen }
}

fn group(row: &SeenRow, proof: &str) -> Group {
    let mut first = Failure::new(&row.row, &[], "cutline run x".to_owned(), &samples::run("aligned"));
    first.objections = vec![Objection { oracle: "cut".to_owned(), proof: proof.to_owned() }];
    let witness = Witness {
        capsule: Some("dir/shrunk/x.min.json".to_owned()),
        is_shrunk: true,
        objections: vec![("cut".to_owned(), proof.to_owned())],
        scenario: Some("name = \"<i>\"".to_owned()),
        plan: vec!["at 1 ms: <b> crashes".to_owned()],
        diagram: Some(Ok(Box::default())),
        command: "cutline replay 'dir/<s>'".to_owned(),
    };
    Group { runs: 2, cells: [(first.cell(), 2)].into(), first, witness }
}

fn made(rows: &[SeenRow], groups: &[Group], end: &str, to_go_on: Option<&str>) -> String {
    let (mut tally, mut extremes) = (Tally::default(), Extremes::default());
    for row in rows {
        tally.add(row);
        extremes.add(&row.row);
    }
    page(&SweepPage {
        folder: "sweeps/latest",
        seeds: "0..4",
        end,
        to_go_on,
        asked: Some(9),
        command: "cutline sweep 'a&b'",
        swept_by: "0.1.0 (abc)",
        version: "0",
        tally: &tally,
        extremes: &extremes,
        groups,
        groups_left_out: 0,
    })
}

#[test]
fn the_page_says_what_was_swept_and_what_came_of_it() {
    let rows = [
        row(0, "pipe", "aligned", "none", Class::Pass),
        row(1, "pipe", "first-barrier", "none", Class::Safety),
        row(2, "pipe", "first-barrier", "none", Class::Stall),
        row(3, "pipe", "aligned", "crashes", Class::Pass),
    ];
    let html = made(&rows, &[group(&rows[1], "Let c be checkpoint 1.\nIt is torn.")], "complete", None);
    for words in [
        "2 of 4 runs failed",
        "4 of 9",
        "1 safety violations, 1 stalled",
        "<td class=\"heat-0\">1 pass</td>",
        "heat-4\">2 of 2 fail",
        "<td>not run</td>",
        "NOT MET",
        "safety violation: cut (2 runs)",
        "Let c be checkpoint 1.</p><p>It is torn.",
        "dir/shrunk/x.min.json",
        "cutline sweep 'a&amp;b'",
        "cutline 0.1.0 (abc)",
    ] {
        assert!(html.contains(words), "no {words} in\n{html}");
    }
    for (id, _) in SECTIONS {
        assert!(html.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert_eq!(html.matches("NOT MET").count(), ROWS.len() - 1);
    assert!(html.contains("100.0 %"), "all runs met the first");
    // Namespaces are names, not places.
    let places = html.replace("http://www.w3.org/2000/svg", "").replace("url(data:", "").replace("url(#", "");
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!places.contains(outside), "{outside}");
    }
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let rows = [row(0, "<script>alert(1)</script>", "\"><img src=x>", "<u>", Class::Safety)];
    let html = made(&rows, &[group(&rows[0], "item <em>")], "complete", None);
    for markup in ["<script>alert", "<img", "<b>", "<i>", "<u>", "<em>", "<s>"] {
        assert!(!html.contains(markup), "{markup}");
    }
    assert!(html.contains("item &lt;em&gt;"));
}

#[test]
fn a_page_of_nothing_or_of_a_part_says_so() {
    let empty = made(&[], &[], "unfinished", Some("cutline sweep --resume x"));
    for words in [
        "No run was done",
        "0 of 9",
        "The sweep is unfinished",
        "--resume x",
        "No run failed.",
        "There is no cell",
    ] {
        assert!(empty.contains(words), "no {words} in\n{empty}");
    }
    let passed = made(&[row(0, "pipe", "aligned", "none", Class::Pass)], &[], "complete", None);
    assert!(passed.contains("The only run passed") && passed.contains("No run failed."), "{passed}");
}

#[test]
fn a_failure_without_a_capsule_or_a_picture_is_told_all_the_same() {
    let rows = [row(0, "pipe", "aligned", "none", Class::Stall)];
    let mut bare = group(&rows[0], "");
    bare.first.objections.clear();
    bare.witness = Witness {
        diagram: Some(Err("its input is gone".to_owned())),
        command: "cutline run pipe".to_owned(),
        ..Witness::default()
    };
    let html = made(&rows, &[bare], "complete", None);
    for words in
        ["<h3>stall (2 runs)</h3>", "No capsule of it was kept", "its input is gone", "cutline run pipe"]
    {
        assert!(html.contains(words), "no {words} in\n{html}");
    }
}
