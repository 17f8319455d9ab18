//! Savepoints: a run that starts from a file, its capsule, and files that are no good.

use std::path::PathBuf;
use std::sync::Arc;

use cutline::algorithms;
use cutline::scenarios::capsule::Program;
use cutline::scenarios::library_files;
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::run::{Contender, Runner};
use cutline::scenarios::savepoint_file::{Provenance, SavepointFile};

use crate::{Gave, Place};

/// Writes the savepoint of a checkpoint in the middle of a run.
fn savepoint(place: &Place, name: &str, scenario: &str, strategy: &str, seed: u64, set: &[&str]) -> PathBuf {
    let source = library_files::resolve(scenario).expect("a scenario");
    let prepared = Prepared::load(&source, set, seed).expect("a job");
    let contender = Contender::from(algorithms::find(strategy).expect("a strategy"));
    let savepoint = Runner::new(&prepared, contender).savepoint(seed, &Arc::default(), 3);
    let file = SavepointFile {
        provenance: Provenance {
            program: Program { version: "0.1.0".to_owned(), commit: None },
            scenario: scenario.to_owned(),
            strategy: strategy.to_owned(),
            seed,
        },
        savepoint: savepoint.expect("a third checkpoint"),
    };
    place.file(name, file.to_json().expect("a text"))
}

fn words(place: &Place) {
    savepoint(place, "words.json", "wordcount", "aligned", 1, &[]);
}

fn started(gave: &Gave) -> serde_json::Value {
    gave.json()["started-from"].clone()
}

#[test]
fn a_job_goes_on_from_a_file_under_any_strategy_at_any_size() {
    let place = Place::new();
    words(&place);
    place.cutline("run wordcount --counts whole.csv").exits(0);
    for more in [
        "",
        "--strategy unaligned",
        "--strategy stop-the-world --faults crashes --seed 3",
        "--strategy uncoordinated --faults everything --seed 4",
        "--snapshot changelog",
        "--set job.operator.count.parallelism=1 --set job.operator.sink.parallelism=1",
    ] {
        let run = format!("run wordcount --from-savepoint words.json --counts out.csv --json {more}");
        let gave = place.cutline(&run).exits(0);
        assert_eq!(started(&gave)["path"], "words.json");
        assert_eq!(started(&gave)["checkpoint"], 3);
        assert_eq!(started(&gave)["judged-whole"], true, "{more}");
        assert_eq!(place.read("out.csv"), place.read("whole.csv"), "{more}");
    }
    let told = place.cutline("run wordcount --from-savepoint words.json").exits(0);
    for row in ["started from", "words.json, checkpoint 3", "held to", "the whole failure-free run"] {
        assert!(told.out.contains(row), "{}", told.out);
    }
    let compared =
        place.cutline("compare wordcount --strategies aligned,unaligned --from-savepoint words.json");
    assert!(compared.exits(0).out.contains("words.json, checkpoint 3"));
}

#[test]
fn a_changed_job_goes_on_and_is_held_to_the_savepoint() {
    let place = Place::new();
    words(&place);
    let text = include_str!("../../scenarios/library/wordcount.toml");
    let sum = text.replace("does = \"keyed-count\"", "does = \"keyed-sum\"");
    place.file("sum.toml", &sum);
    let gave = place.cutline("run sum.toml --from-savepoint words.json --json --faults crashes").exits(0);
    assert_eq!(started(&gave)["judged-whole"], false);
    place.file("renamed.toml", text.replace("\"count\"", "\"tally\""));
    let run = "run renamed.toml --from-savepoint words.json";
    place.cutline(run).refuses(&["words.json", "operator `count`", "--allow-non-restored-state"]);
    let gave = place.cutline(&format!("{run} --allow-non-restored-state --json")).exits(0);
    assert_eq!(started(&gave)["judged-whole"], false);
    place.cutline("run wordcount --allow-non-restored-state").refuses(&["--from-savepoint"]);
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let place = Place::new();
    words(&place);
    let from = "--from-savepoint words.json";
    let refuses = |run: &str, words: &[&str]| place.cutline(&format!("run {run} {from}")).refuses(words);
    refuses(
        "wordcount --set pipeline.max-parallelism=64",
        &["words.json", "`pipeline.max-parallelism` to 128"],
    );
    refuses("wordcount --set input.text.kind.text.splits=1", &["split 1", "not lose any", "its input"]);
    refuses("wordcount --set input.text.kind.text.rate=10/s", &["source `source`", "what was read of it"]);
    refuses("wordcount --set job.operator.sink.does.sink=plain", &["`sink` was a transactional sink"]);
    place.file("other.txt", "four score and one\n".repeat(3_000));
    refuses("wordcount --input other.txt", &["source `source`", "what was read of it"]);
    refuses("nexmark-q1", &["words.json", "source `source`", "is one of `wordcount`"]);
    savepoint(&place, "visits.json", "visits", "aligned", 5, &[]);
    place
        .cutline("run visits --from-savepoint visits.json")
        .refuses(&["with seed 5, and this is seed 1", "--seed 5"]);
    place.cutline("run visits --from-savepoint visits.json --seed 5").exits(0);
    savepoint(&place, "flight.json", "wordcount", "unaligned", 1, &["taskmanager.memory.segment-size=64 B"]);
    let set = "--set taskmanager.memory.segment-size=64B --set job.operator.tokenizer.parallelism=1";
    place.cutline(&format!("run wordcount --from-savepoint flight.json {set}")).exits(0);
    let text = include_str!("../../scenarios/library/wordcount.toml");
    place.file("other.toml", text.replacen("ship = \"rebalance\"", "ship = \"hash\"", 1));
    place
        .cutline("run other.toml --from-savepoint flight.json")
        .refuses(&["flight.json", "what was in flight"]);
}

#[test]
fn a_file_that_is_no_savepoint_is_refused() {
    let place = Place::new();
    words(&place);
    let text = place.read("words.json");
    let try_with = |bytes: &[u8]| {
        place.file("bad.json", bytes);
        place.cutline("run wordcount --from-savepoint bad.json")
    };
    for cut in [0, 1, text.len() / 2, text.len() - 3] {
        try_with(&text.as_bytes()[..cut]).refuses(&["bad.json", "cut off"]);
    }
    try_with(text.replacen("\"records\":", "\"records\":1", 1).as_bytes()).refuses(&["was changed after"]);
    try_with(text.replacen("savepoint\":2", "savepoint\":9", 1).as_bytes())
        .refuses(&["version 9", "version 2"]);
    try_with(b"\x7fELF\0\0").refuses(&["bad.json", "no savepoint"]);
    try_with(b"{\"cutline-capsule\": 2}").refuses(&["no savepoint"]);
    place.cutline("run wordcount --from-savepoint /dev/zero").refuses(&["/dev/zero", "no savepoint"]);
    place.cutline("run wordcount --from-savepoint nowhere.json").refuses(&["cannot read `nowhere.json`"]);
    place.cutline("run wordcount --from-savepoint .").refuses(&["cannot read `.`"]);
    place
        .cutline("run wordcount --from-savepoint words.json --counts words.json")
        .refuses(&["the run reads it"]);
    assert_eq!(place.read("words.json"), text);
}

#[test]
fn nothing_is_written_over_what_a_scenario_reads() {
    let place = Place::new();
    let scenario = library_files::resolve("wordcount").expect("a scenario").text;
    let scenario = scenario.replace("text = {", "text = { path = \"words.txt\",");
    assert!(scenario.contains("words.txt"), "{scenario}");
    place.file("own.toml", scenario);
    place.file("words.txt", "to be or not to be\n".repeat(400));
    for output in ["--counts words.txt", "--trace words.txt", "--stop-at 10ms --savepoint words.txt"] {
        place.cutline(&format!("run own.toml {output}")).refuses(&["words.txt", "the run reads it"]);
    }
    place.cutline("run own.toml --stop-at 100ms --savepoint saved.json").exits(0);
    assert!(place.read("words.txt").starts_with("to be"));
}

#[test]
fn a_capsule_knows_the_savepoint_that_its_run_started_from() {
    let place = Place::new();
    words(&place);
    let run = "run wordcount --from-savepoint words.json --faults crashes --seed 7 --set bounds.time=40ms";
    let gave = place.cutline(run).exits(3);
    let command = gave.out.lines().find(|line| line.contains(" replay ")).expect("a command").to_owned();
    assert!(place.shell(&command).exits(3).out.contains("the same run again"));
    place.shell(&format!("{command} --trace words.json")).refuses(&["words.json", "the run reads it"]);
    std::fs::rename(place.path("words.json"), place.path("moved.json")).expect("moved");
    place.shell(&command).refuses(&["words.json", "if the savepoint has moved", "--from-savepoint"]);
    place.shell(&format!("{command} --from-savepoint moved.json")).exits(3);
    // One that was taken of another run, and one that nobody can read any more: they are where they were.
    let bytes = format!("it had {} bytes and the digest ", place.read("moved.json").len());
    let says = ["words.json", "is not the one of the capsule", bytes.as_str(), "put the old file back"];
    savepoint(&place, "words.json", "wordcount", "unaligned", 1, &[]);
    place.shell(&command).refuses(&says);
    place.file("words.json", "no savepoint");
    place.shell(&command).refuses(&says);
    place.cutline("run wordcount --set bounds.time=40ms --capsule-dir plain").exits(3);
    let plain = std::fs::read_dir(place.path("plain")).expect("a folder").next().expect("one").expect("one");
    let replay = format!("replay {} --from-savepoint moved.json", plain.path().display());
    place.cutline(&replay).refuses(&["did not start from a savepoint"]);
}

/// Whichever of the two files has changed or moved is named, and not the other.
#[test]
fn a_replay_tells_a_changed_input_from_a_changed_savepoint() {
    let place = Place::new();
    words(&place);
    place.file("in.txt", "to be or not to be\n".repeat(3_000));
    let stop = "run wordcount --input in.txt --stop-at 300ms --savepoint half.json";
    place.cutline(stop).exits(0);
    let run = "run wordcount --input in.txt --from-savepoint half.json --set bounds.time=40ms";
    let gave = place.cutline(run).exits(3);
    let command = gave.out.lines().find(|line| line.contains(" replay ")).expect("a command").to_owned();
    place.shell(&command).exits(3);
    place.file("in.txt", "not to be\n".repeat(3_000));
    place.shell(&command).refuses(&[
        "the input `",
        "in.txt",
        "is not the one of the capsule",
        "--input FILE",
    ]);
    std::fs::remove_file(place.path("in.txt")).expect("removed");
    place.shell(&command).refuses(&["in.txt", "if the input file has moved, name it with `--input FILE`"]);
    place.file("in.txt", "to be or not to be\n".repeat(3_000));
    std::fs::remove_file(place.path("half.json")).expect("removed");
    place.shell(&command).refuses(&["half.json", "if the savepoint has moved, name it with"]);
}
