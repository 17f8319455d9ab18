//! The zoo: what it finds out about a bug, and that the tables in the documents are about the bugs that there are.

use cutline::algorithms::bugs;
use cutline::scenarios::hunts::HUNTS;
use cutline::scenarios::zoo::oracles;

use crate::Place;

const PAGE: &str = include_str!("../../docs/zoo.md");
const README: &str = include_str!("../../README.md");

/// The rows of a table in a document, without its head.
fn table(document: &str, name: &str) -> Vec<String> {
    let begin = format!("<!-- zoo: {name} -->\n");
    let (_, behind) = document.split_once(&begin).unwrap_or_else(|| panic!("no table `{name}`"));
    let (table, _) = behind.split_once("<!-- zoo: end -->").expect("the end of the table");
    table.lines().skip(2).map(str::to_owned).collect()
}

/// The cells of a row.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn everything_is_found_out_whatever_the_number_of_threads() {
    let place = Place::new();
    let zoo = |jobs: u32| {
        let asked = "zoo --only forget-trigger,first-barrier,global-counter --starts 2 --json";
        place.cutline(&format!("{asked} --jobs {jobs} --out small{jobs}")).exits(0)
    };
    let (one, two) = (zoo(1), zoo(2));
    assert_eq!(one.out, two.out);
    let told = one.json();
    assert_eq!(told["complete"], true);
    let rows = told["bugs"].as_array().expect("bugs");
    let names: Vec<_> = rows.iter().map(|row| row["bug"].as_str().expect("a name")).collect();
    assert_eq!(names, ["first-barrier", "forget-trigger", "global-counter"], "in the order of `list bugs`");
    for row in rows {
        let starts = row["starts"].as_array().expect("starts");
        let firsts: Vec<_> = starts.iter().map(|start| start["first"].as_u64()).collect();
        assert_eq!(firsts, [Some(0), Some(1000)], "{row}");
        assert!(starts.iter().all(|start| start["false-alarms"] == serde_json::json!([])), "{row}");
        assert!((1..=20).contains(&row["seeds"].as_u64().expect("caught")), "{row}");
    }
    // One is wrong without any fault, one shows after a fault, and one is no run that can be done again.
    assert_eq!((&rows[0]["oracle"], &rows[0]["explored"]["faults"]), (&"cut".into(), &0.into()));
    assert_eq!((&rows[1]["oracle"], &rows[1]["explored"]["faults"]), (&"liveness".into(), &1.into()));
    assert_eq!(rows[1]["explored"]["oracles"], serde_json::json!(["liveness"]));
    assert!(rows[2]["explored"].is_null() && rows[2]["smallest"].is_null(), "{}", rows[2]);
    for (row, faults) in [(&rows[0], 0), (&rows[1], 1)] {
        let after = &row["smallest"]["after"];
        assert_eq!(after["faults"], faults, "{row}");
        assert!(after["records"].as_u64() < Some(10) && after["operators"].as_u64() < Some(5), "{row}");
    }
    let again = place.cutline("replay small1/forget-trigger.min.json").exits(3);
    assert!(again.out.contains("the same run again"), "{}", again.out);
    assert_eq!(place.read("small1/first-barrier.toml"), place.read("small2/first-barrier.toml"));
}

#[test]
fn people_get_a_table_and_are_told_of_a_slip_of_the_pen() {
    let place = Place::new();
    let gave = place.cutline("zoo --only no-drain --starts 1 --no-explore --no-shrink").exits(0);
    let lines: Vec<Vec<&str>> = gave.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["bug", "of", "source", "oracle", "seeds", "explore", "smallest"]);
    assert_eq!(lines[1][..2], ["no-drain", "stop-the-world"]);
    assert_eq!(lines[1][lines[1].len() - 2..], ["-", "-"], "not asked");
    assert!(gave.err.contains("1 of 1 bugs in "), "{}", gave.err);
    place.cutline("zoo --only frist-barrier").refuses(&[
        "there is no planted bug `frist-barrier`",
        "did you mean `first-barrier`?",
        "cutline list bugs",
    ]);
    place.cutline("zoo --starts 0").refuses(&["--starts"]);
}

/// `make zoo` has been run since the last bug was planted or changed.
#[test]
fn the_tables_of_the_documents_are_about_the_bugs_that_there_are() {
    let rows = table(PAGE, "bugs");
    let shown: Vec<Vec<&str>> = rows.iter().map(|row| cells(row)[..4].to_vec()).collect();
    let source = |bug: &bugs::Bug| {
        bug.zoo.map_or_else(|| bug.source.to_owned(), |zoo| format!("{} ({zoo})", bug.source))
    };
    let sources: Vec<String> = bugs::all().map(source).collect();
    let expected: Vec<Vec<&str>> = HUNTS
        .iter()
        .zip(&sources)
        .map(|(hunt, source)| vec![hunt.bug, hunt.bug().of, source.as_str(), hunt.oracle()])
        .collect();
    assert_eq!(shown, expected, "run `make zoo`");
    let count = |oracle: &str| HUNTS.iter().filter(|hunt| hunt.oracle() == oracle).count();
    let sums: Vec<Vec<String>> = oracles()
        .filter(|oracle| count(oracle) > 0)
        .map(|oracle| vec![oracle.to_owned(), count(oracle).to_string()])
        .collect();
    let rows = table(README, "oracles");
    let shown: Vec<Vec<&str>> = rows.iter().map(|row| cells(row)[..2].to_vec()).collect();
    assert_eq!(shown, sums, "run `make zoo`");
    let rows = table(PAGE, "wanting");
    let shown: Vec<&str> = rows.iter().map(|row| cells(row)[0]).collect();
    let wanting: Vec<&str> = bugs::WANTING.iter().map(|row| row.zoo).collect();
    assert_eq!(shown, wanting, "run `make zoo`");
}

/// One row of the page, found out anew.
#[test]
fn a_row_of_the_page_is_what_the_command_prints() {
    let gave = Place::new().cutline("zoo --only subsume-early --markdown").exits(0);
    let printed = table(&gave.out, "bugs");
    let row = printed.first().expect("a row");
    assert!(table(PAGE, "bugs").contains(row), "run `make zoo`: the page has not\n{row}");
}
