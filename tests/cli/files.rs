//! What is written, and what happens when it cannot be.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::Place;

#[test]
fn a_closed_pipe_ends_quietly_and_loses_nothing() {
    let place = Place::new();
    let run = "run wordcount --faults crashes --seed 7 --counts out.csv";
    // The reader is gone before the first byte is written; the exit code is still that of the run.
    let gave = place.shell(&format!("{{ sleep 0.2; $CUTLINE {run}; echo $? > code; }} | true")).exits(0);
    assert_eq!((place.read("code").trim(), gave.err.as_str()), ("0", ""));
    assert!(place.read("out.csv").contains("\nthe,704\n"));
    for command in
        ["run wordcount", "run wordcount --json", "list scenarios", "--help", "--version", "completions bash"]
    {
        let gave = place.shell(&format!("{{ sleep 0.1; $CUTLINE {command}; echo $? > code; }} | true"));
        assert!(!gave.err.contains("panicked") && !gave.err.contains("error"), "{command}: {}", gave.err);
        assert_eq!(place.read("code").trim(), "0", "{command}");
    }
    let gave =
        place.shell("{ sleep 0.1; $CUTLINE run wordcount --set bounds.time=40ms; echo $? > code; } | true");
    assert_eq!((place.read("code").trim(), gave.err.as_str()), ("3", ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let place = Place::new();
    for command in ["run wordcount", "run wordcount --json", "list scenarios", "--help", "completions bash"] {
        place
            .shell(&format!("$CUTLINE {command} > /dev/full"))
            .refuses(&["standard output", "No space left"]);
    }
    for option in ["--counts", "--trace", "--svg"] {
        let gave = place.cutline(&format!("run wordcount {option} /dev/full"));
        gave.refuses(&["`/dev/full`", "No space left", "make room"]);
    }
    assert_eq!(place.names(), Vec::<String>::new(), "nothing was left");
}

/// A limit on the size of files stands in for a full disk: the first kibibyte can be written, the rest cannot.
#[cfg(target_os = "linux")]
#[test]
fn no_half_file_is_left() {
    let place = Place::new();
    place.file("out.csv", "old");
    let limited = |command: &str| place.shell(&format!("trap '' XFSZ; ulimit -f 1; $CUTLINE {command}"));
    limited("run wordcount --seed 7 --trace t.ndjson").refuses(&["`t.ndjson`", "too large", "make room"]);
    limited("run wordcount --seed 7 --counts out.csv").refuses(&["`out.csv`"]);
    let gave = limited("run wordcount --set bounds.time=40ms").refuses(&["wordcount-aligned-1-"]);
    assert!(gave.out.contains("liveness     FAIL"), "what was found out is still said:\n{}", gave.out);
    assert_eq!(place.names(), ["cutline-out", "out.csv"]);
    assert_eq!(place.read("out.csv"), "old");
    let capsules = std::fs::read_dir(place.path("cutline-out/capsules")).expect("the folder");
    assert_eq!(capsules.count(), 0);
}

#[test]
fn a_place_that_cannot_be_written_is_known_before_the_run() {
    let place = Place::new();
    for option in ["--counts", "--trace", "--svg"] {
        let gave = place.cutline(&format!("run wordcount {option} no/such/folder/x"));
        let gave = gave.refuses(&["`no/such/folder/x`", "mkdir -p"]);
        assert!(!gave.out.contains("verdict") && !gave.out.contains("digest"), "{}", gave.out);
    }
    place.cutline("run wordcount --counts .").refuses(&["`.`", "name a file inside it"]);
    place.file("file", "");
    place.cutline("run wordcount --set bounds.time=40ms --capsule-dir file/x").refuses(&["`file/x`"]);
}

#[test]
fn nothing_is_written_over_what_is_read_or_written() {
    let place = Place::new();
    place.file("in.txt", "a b a\n");
    std::fs::create_dir(place.path("folder")).expect("a folder");
    for (outputs, named) in [
        ("--counts x --trace x", "`x`"),
        ("--trace x --svg ./x", "`./x`"),
        ("--counts x --svg folder/../x", "`folder/../x`"),
        ("--counts in.txt", "`in.txt`"),
        ("--svg ./in.txt", "`./in.txt`"),
    ] {
        let gave = place.cutline(&format!("run wordcount --input in.txt {outputs}"));
        let gave = gave.refuses(&[named, "name a file for each output"]);
        assert!(!gave.out.contains("digest"), "{}", gave.out);
    }
    place.cutline("compare wordcount --input in.txt --svg in.txt").refuses(&["the run reads it"]);
    place.cutline("replay in.txt --trace in.txt").refuses(&["the run reads it"]);
    assert_eq!(place.names(), ["folder", "in.txt"]);
    assert_eq!(place.read("in.txt"), "a b a\n");
    // Nothing is lost on a device, nor where the shell has put the output already.
    place.cutline("run wordcount --input in.txt --counts /dev/null --svg /dev/null").exits(0);
    #[cfg(target_os = "linux")]
    place
        .shell("$CUTLINE run wordcount --counts /dev/stdout > out.txt")
        .refuses(&["`/dev/stdout`", "already"]);
}

/// Killed in the middle of a run, nothing is left of the files that were being written.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_leaves_nothing() {
    let place = Place::new();
    place.file("out.csv", "old");
    for signal in ["INT", "TERM", "KILL"] {
        let run = "run sum-even-odd --counts out.csv --trace t.ndjson --trace-records --svg s.svg \
                   --set input.numbers.kind.numbers.count=1000000";
        let mut child =
            place.command().args(run.split_whitespace()).stdout(Stdio::null()).spawn().expect("the binary");
        // Long enough to have begun its files, and far too short for the run.
        std::thread::sleep(Duration::from_millis(1500));
        place.shell(&format!("kill -{signal} {}", child.id())).exits(0);
        assert!(child.wait().expect("an end").code().is_none(), "it was killed before its end");
        assert_eq!(place.names(), ["out.csv"], "after {signal}");
        assert_eq!(place.read("out.csv"), "old");
    }
}

#[test]
fn a_trace_is_a_header_and_events_in_order() {
    let place = Place::new();
    let record =
        place.cutline("run wordcount --faults crashes --seed 7 --trace t.ndjson --json").exits(0).json();
    let text = place.read("t.ndjson");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let header = lines.next().expect("a header");
    assert_eq!(header["trace-version"], cutline::sim::event::TRACE_VERSION);
    assert_eq!((&header["scenario"], &header["seed"]), (&"wordcount".into(), &7.into()));
    assert!(header["tasks"].as_array().expect("tasks").contains(&"count[1]".into()), "{header}");
    let events: Vec<Value> = lines.collect();
    let times: Vec<u64> = events.iter().map(|event| event["time"].as_u64().expect("a time")).collect();
    assert!(times.is_sorted() && !times.is_empty(), "{times:?}");
    let completed = events.iter().filter(|event| !event["event"]["checkpoint-completed"].is_null()).count();
    let checkpoints = record["checkpoints"].as_array().expect("checkpoints").iter();
    assert_eq!(completed, checkpoints.filter(|checkpoint| checkpoint["end"] == "completed").count());
    assert!(events.iter().any(|event| event["origin"] == "coordinator"));
    assert!(events.iter().any(|event| event["origin"] == "tokenizer[0]"));
    // Watching changes nothing.
    let blind = place.cutline("run wordcount --faults crashes --seed 7 --json").exits(0).json();
    assert_eq!(blind, record);
    let run = "run wordcount --faults crashes --seed 7 --trace r.ndjson --trace-records --json";
    assert_eq!(place.cutline(run).exits(0).json(), record, "nor does it to look at every record");
    assert!(place.read("r.ndjson").contains(r#""event":{"record":{"#));
}

#[test]
fn checkpoints_are_where_the_scenario_puts_them() {
    let place = Place::new();
    let run = "run wordcount --faults crashes --seed 7 --set execution.checkpointing.dir=s3://bucket/jobs/";
    let record = place.cutline(&format!("{run} --json")).exits(0).json();
    let list = |key: &str| record[key].as_array().expect("a list").clone();
    for checkpoint in list("checkpoints") {
        assert_eq!(checkpoint["path"], format!("s3://bucket/jobs/chk-{}", checkpoint["id"]));
    }
    let restores = list("restores");
    assert!(!restores.is_empty() && !restores[0]["checkpoint"].is_null(), "{restores:?}");
    assert_eq!(restores[0]["path"], format!("s3://bucket/jobs/chk-{}", restores[0]["checkpoint"]));
    let newest =
        list("checkpoints").iter().rfind(|it| it["end"] == "completed").expect("one")["path"].clone();
    let table = place.cutline(run).exits(0).out;
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("newest checkpoint")
                && line.ends_with(newest.as_str().unwrap_or("-"))),
        "{table}"
    );
    place
        .cutline("run wordcount --set execution.checkpointing.dir=")
        .refuses(&["the name of a folder is empty"]);
}

#[test]
fn a_picture_is_drawn() {
    let place = Place::new();
    place.cutline("run wordcount --faults crashes --seed 7 --svg a.svg").exits(0);
    place.cutline("run wordcount --faults crashes --seed 7 --svg b.svg").exits(0);
    assert!(place.read("a.svg").starts_with("<svg "));
    assert_eq!(place.read("a.svg"), place.read("b.svg"));
}
