//! Two runs side by side: what is the same, what differs first, and what cannot be compared.

use cutline::sim::event::TRACE_VERSION;
use std::path::PathBuf;

use serde_json::Value;

use crate::Place;

const RUN: &str = "run sum-even-odd --seed 4 --set input.numbers.kind.numbers.count=1000";

/// The only capsule of a failing run.
fn capsule(place: &Place, strategy: &str, folder: &str) -> PathBuf {
    let run = format!("{RUN} --strategy {strategy} --set bounds.time=180ms --capsule-dir {folder}");
    let gave = place.cutline(&run);
    assert!(matches!(gave.code, Some(1 | 3)), "{}", gave.err);
    let mut entries = std::fs::read_dir(place.path(folder)).expect("the folder");
    entries.next().expect("a capsule").expect("an entry").path()
}

#[test]
fn two_capsules_are_replayed_and_compared_event_by_event() {
    let place = Place::new();
    let a = capsule(&place, "aligned", "a");
    let b = capsule(&place, "first-barrier", "b");
    let (a, b) = (a.display(), b.display());
    let same = place.cutline(&format!("diff {a} {a}")).exits(0);
    assert!(
        same.out.ends_with("\nthe runs are the same\n") && same.out.contains(" events are the same\n"),
        "{}",
        same.out
    );
    assert!(!same.out.contains("!="), "{}", same.out);

    let other = place.cutline(&format!("diff {a} {b} --context 2")).exits(1);
    assert!(other.out.ends_with("\nthe runs differ\n"), "{}", other.out);
    for words in ["!=  strategy", "aligned", "first-barrier", "!=  digest", " events are the same; event "] {
        assert!(other.out.contains(words), "no {words} in\n{}", other.out);
    }
    let shown: Vec<&str> = other.out.lines().skip_while(|line| !line.ends_with("differs:")).skip(2).collect();
    let marks: Vec<&str> = shown[..8].iter().map(|line| line[..2].trim_end()).collect();
    assert_eq!(marks, ["", "", "a>", "a", "a", "b>", "b", "b"], "{}", other.out);
    // The first barrier is where they part: one waits for the others, the other takes its snapshot.
    assert!(shown[5].contains("snapshot taken (id 1)"), "{}", other.out);

    let json = place.cutline(&format!("diff {a} {b} --json")).exits(1).json();
    assert_eq!(json["differ"], true);
    assert_eq!(json["first"]["before"].as_array().map(Vec::len), Some(5));
    assert!(json["rows"].as_array().is_some_and(|rows| rows.iter().any(|row| row["name"] == "oracle cut")));
    // Every record is an event, if that is asked for.
    let records = place.cutline(&format!("diff {a} {a} --records --json")).exits(0).json();
    assert!(records["events"].as_u64() > same_events(&same.out), "{records}");
}

/// How many events were the same.
fn same_events(out: &str) -> Option<u64> {
    let line = out.lines().find(|line| line.ends_with(" events are the same"))?;
    line.split(' ').nth(1)?.replace(',', "").parse().ok()
}

/// A trace that another version has written: the same but for one event, and for what stands at its top.
#[test]
fn traces_of_two_versions_are_compared_as_they_are() {
    let place = Place::new();
    place.cutline(&format!("{RUN} --trace a.ndjson")).exits(0);
    let text = place.read("a.ndjson");
    let lines: Vec<&str> = text.lines().collect();
    place.cutline("diff a.ndjson a.ndjson").exits(0);

    let at = lines.iter().position(|line| line.contains("snapshot-taken")).expect("a snapshot");
    let mut edited: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    edited[at] = edited[at].replace("\"snapshot-taken\"", "\"snapshot-begun\"");
    let version = format!("\"trace-version\":{TRACE_VERSION}");
    assert!(edited[0].contains(&version), "{}", edited[0]);
    edited[0] = edited[0]
        .replace(&version, "\"trace-version\":5")
        .replace("\"program-version\":\"0", "\"program-version\":\"0.0.1-");
    place.file("b.ndjson", edited.join("\n") + "\n");
    let gave = place.cutline("diff a.ndjson b.ndjson --context 1").exits(1);
    for words in [
        format!("its events have form 5, and this program knows {TRACE_VERSION}"),
        "by cutline 0.0.1-".to_owned(),
        format!("{} events are the same; event {at} differs:", at - 1),
        "snapshot taken (id 1)".to_owned(),
        "{\"snapshot-begun\":{\"id\":1}}".to_owned(),
        "!=  snapshot begun".to_owned(),
    ] {
        assert!(gave.out.contains(&words), "no {words} in\n{}", gave.out);
    }
    // What is written in another order, or with blanks, is the same.
    let spaced: Vec<String> = lines.iter().map(|line| line.replace("\":", "\" : ")).collect();
    place.file("c.ndjson", spaced.join("\n") + "\n");
    place.cutline("diff a.ndjson c.ndjson").exits(0);
    // One that ends before.
    place.file("d.ndjson", lines[..lines.len() - 3].join("\n") + "\n");
    let gave = place.cutline("diff a.ndjson d.ndjson").exits(1);
    assert!(gave.out.contains("b>") && gave.out.contains("it ends here"), "{}", gave.out);
    // None at all, and only one.
    place.file("none.ndjson", format!("{}\n", lines[0]));
    place.file("one.ndjson", format!("{}\n{}\n", lines[0], lines[1]));
    let gave = place.cutline("diff none.ndjson none.ndjson").exits(0);
    assert!(gave.out.contains("there is no event in either"), "{}", gave.out);
    let gave = place.cutline("diff none.ndjson one.ndjson").exits(1);
    assert!(gave.out.contains("the very first event differs"), "{}", gave.out);
}

#[test]
fn a_capsule_goes_with_its_trace_and_with_its_record() {
    let place = Place::new();
    let capsule = capsule(&place, "aligned", "a");
    let capsule = capsule.display();
    let replay = format!("replay {capsule}");
    place.cutline(&format!("{replay} --trace t.ndjson")).exits(3);
    place.cutline(&format!("{replay} --trace r.ndjson --trace-records")).exits(3);
    place.cutline(&format!("diff {capsule} t.ndjson")).exits(0);
    place.cutline(&format!("diff r.ndjson {capsule}")).exits(0);
    let told = place.cutline(&format!("{replay} --json")).exits(3);
    place.file("told.json", &told.out);
    place.file("record.json", told.json()["record"].to_string());
    let gave = place.cutline(&format!("diff {capsule} record.json")).exits(0);
    assert!(
        gave.out.contains("oracle liveness") && !gave.out.contains(" events are the same"),
        "{}",
        gave.out
    );
    place.cutline("diff told.json record.json").exits(0);
    let mut record: Value = told.json()["record"].clone();
    record["replayed-records"] = 12_345.into();
    place.file("other.json", record.to_string());
    let gave = place.cutline("diff record.json other.json").exits(1);
    let marked: Vec<&str> = gave.out.lines().filter(|line| line.starts_with("!=")).collect();
    assert!(matches!(marked[..], [line] if line.contains("12,345")), "{}", gave.out);
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_to_do() {
    use cutline::scenarios::capsule::Capsule;

    let place = Place::new();
    let path = capsule(&place, "aligned", "a");
    std::fs::copy(&path, place.path("c.json")).expect("copied");
    place.cutline("replay c.json --trace t.ndjson").exits(3);
    place.cutline("replay c.json --trace r.ndjson --trace-records").exits(3);
    place.cutline("diff t.ndjson r.ndjson").refuses(&["an event for every record", "--trace-records"]);

    let mut other = Capsule::from_json(&std::fs::read(&path).expect("the capsule")).expect("a capsule");
    other.program.version = "0.0.1".to_owned();
    place.file("old.json", other.to_json().expect("text"));
    place.cutline("diff c.json old.json").refuses(&[
        "old.json",
        "cutline 0.0.1",
        "--trace FILE",
        "each write a trace",
    ]);

    let text = place.read("t.ndjson");
    place.file("cut.ndjson", &text[..text.len() - 2]);
    let lines = text.lines().count().to_string();
    place.cutline("diff t.ndjson cut.ndjson").refuses(&[
        "cut.ndjson",
        &format!("line {lines}"),
        "cut off",
        "write it again",
    ]);
    place.file("odd.ndjson", text.replacen("{\"time\"", "{\"tome\"", 1));
    place.cutline("diff odd.ndjson t.ndjson").refuses(&["odd.ndjson", "line 2", "time"]);
    place.file("empty", "");
    place.cutline("diff empty t.ndjson").refuses(&["`empty`", "it is empty"]);
    place.cutline("diff t.ndjson empty").refuses(&["`empty`", "it is empty"]);
    place.cutline("diff empty c.json").refuses(&["`empty`", "it is empty"]);
    place.file("text", "no run at all\n");
    place.cutline("diff text c.json").refuses(&["`text`", "no capsule, no trace and no record"]);
    let record = place.cutline("replay c.json --json").exits(3).json()["record"].clone();
    let mut old = record.clone();
    old["version"] = 1.into();
    place.file("record.json", record.to_string());
    place.file("old-record.json", old.to_string());
    place.cutline("diff record.json old-record.json").refuses(&[
        "old-record.json",
        "version 1",
        "--trace FILE",
    ]);
    place.cutline("diff record.json t.ndjson").refuses(&["no figures", "a capsule goes with either"]);
    place.cutline("diff gone.json c.json").refuses(&["gone.json"]);
    place.cutline("diff . c.json").refuses(&["cannot read `.`"]);
}
