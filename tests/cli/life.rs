//! What the user asks of a running job, on the command line: savepoints, stops, cancellations.

use crate::Place;

/// The row of a table that begins with this name; a long one has several lines.
fn row(out: &str, name: &str) -> String {
    let mut lines = out.lines().skip_while(|line| !line.starts_with(name));
    let first = lines.next().unwrap_or_else(|| panic!("no `{name}` in\n{out}"));
    let rest = lines.take_while(|line| line.starts_with("  "));
    let words = first.split_whitespace().chain(rest.flat_map(str::split_whitespace));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_savepoint_by_hand_is_told_and_the_job_goes_on() {
    let gave = Place::new().cutline("run wordcount --faults crashes --seed 7 --savepoint-at 400ms").exits(0);
    assert!(
        gave.out.contains("wordcount under aligned, faults crashes, seed 7: finished after"),
        "{}",
        gave.out
    );
    let told = row(&gave.out, "savepoint ");
    for words in ["checkpoint ", " at ", " after it was asked for, ", "; then"] {
        assert!(told.contains(words), "no `{words}` in {told}");
    }
    assert!(row(&gave.out, "retained ").contains("checkpoints/chk-"), "{}", gave.out);
}

#[test]
fn a_job_is_stopped_with_a_savepoint_or_drained() {
    let place = Place::new();
    let gave = place.cutline("run wordcount --faults crashes --seed 7 --stop-at 400ms --json").exits(0);
    let record = gave.json();
    assert_eq!(record["outcome"], "suspended");
    let savepoint = &record["life"]["savepoint"];
    assert_eq!((savepoint["at"].as_u64(), savepoint["then"].as_str()), (Some(400_000_000), Some("suspend")));
    assert!(savepoint["taken"]["size"].as_u64().is_some_and(|size| size > 0), "{savepoint}");
    assert_eq!(record["life"]["retained"][0], savepoint["taken"]["path"]);
    let gave =
        place.cutline("run nexmark-q12 --set input.events.kind.nexmark.events=4000 --stop-at 50ms --drain");
    let gave = gave.exits(0);
    assert!(gave.out.contains(": drained after "), "{}", gave.out);
    assert!(gave.out.contains("state        pass\nledger       pass"), "{}", gave.out);
    assert!(gave.out.contains("for it was drained"), "{}", gave.out);
}

#[test]
fn a_cancelled_job_says_what_is_retained() {
    let place = Place::new();
    let gave = place.cutline("run wordcount --cancel-at 500ms").exits(0);
    assert!(gave.out.contains(": cancelled after 50"), "{}", gave.out);
    assert!(row(&gave.out, "cancelled ").ends_with("at 500 ms"), "{}", gave.out);
    assert!(row(&gave.out, "retained ").ends_with("nothing"), "{}", gave.out);
    let retain = "execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION";
    let gave = place.cutline(&format!("run wordcount --cancel-at 500ms --set {retain}")).exits(0);
    assert!(row(&gave.out, "retained ").ends_with("checkpoints/chk-2"), "{}", gave.out);
    assert_eq!(place.names(), Vec::<String>::new(), "a run that passes leaves nothing");
}

#[test]
fn a_savepoint_that_was_not_taken_is_told() {
    let gave = Place::new().cutline("run wordcount --stop-at 1h").exits(0);
    assert!(gave.out.contains(": finished after "), "{}", gave.out);
    assert!(
        row(&gave.out, "savepoint ").contains("not taken: the run was over before 3600 s"),
        "{}",
        gave.out
    );
}

#[test]
fn a_job_is_stopped_into_a_file_and_goes_on_from_it() {
    let place = Place::new();
    place.cutline("run wordcount --counts whole.csv").exits(0);
    let stop = "run wordcount --faults crashes --seed 7 --stop-at 400ms --savepoint words.json";
    place.cutline(stop).exits(0);
    for strategy in ["aligned", "unaligned", "uncoordinated"] {
        let go_on = format!("run wordcount --seed 7 --strategy {strategy} --from-savepoint words.json");
        place.cutline(&format!("{go_on} --counts counts.csv --faults everything")).exits(0);
        assert_eq!(place.read("counts.csv"), place.read("whole.csv"), "under {strategy}");
        // And from there to the next stop.
        place.cutline(&format!("{go_on} --stop-at 300ms --savepoint next.json")).exits(0);
        place.cutline("run wordcount --seed 7 --from-savepoint next.json --counts counts.csv").exits(0);
        assert_eq!(place.read("counts.csv"), place.read("whole.csv"), "twice under {strategy}");
    }
}

#[test]
fn the_newest_checkpoint_of_a_cancelled_job_is_written_if_it_is_retained() {
    let place = Place::new();
    let retain = "--set execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION";
    let cancel = "run wordcount --cancel-at 500ms --savepoint words.json";
    place.cutline(cancel).refuses(&["no savepoint is asked for", "RETAIN_ON_CANCELLATION"]);
    place.cutline(&format!("{cancel} {retain}")).exits(0);
    place.cutline("run wordcount --from-savepoint words.json").exits(0);
    // What the former job has committed is no offence of a job that is cancelled before it has a checkpoint of its own.
    for at in ["1ms", "50ms"] {
        place.cutline(&format!("run wordcount --from-savepoint words.json --cancel-at {at}")).exits(0);
    }
    place.cutline("run wordcount --savepoint words.json").refuses(&["nothing to write", "--stop-at TIME"]);
    let late = "run wordcount --stop-at 1h --savepoint late.json";
    place.cutline(late).refuses(&["no savepoint was taken, so `late.json` was not written"]);
    assert_eq!(place.names(), ["words.json"]);
}

#[test]
fn a_drained_job_does_not_go_on_from_a_file() {
    let place = Place::new();
    place.cutline("run wordcount --stop-at 400ms --drain --savepoint drained.json").exits(0);
    place.cutline("run wordcount --from-savepoint drained.json").refuses(&[
        "the job was drained",
        "source `source` had more to read",
        "without draining it",
    ]);
}

#[test]
fn strategies_are_compared_up_to_a_stop() {
    let gave =
        Place::new().cutline("compare wordcount --strategies aligned,unaligned --stop-at 400ms").exits(0);
    assert_eq!(row(&gave.out, "outcome ").matches("suspended").count(), 2, "{}", gave.out);
}

#[test]
fn a_bug_that_a_cancellation_brings_out_is_replayed() {
    let place = Place::new();
    let gave = place.cutline("run wordcount --strategy keeps-the-newest --cancel-at 500ms").exits(1);
    assert!(gave.out.contains("store        FAIL"), "{}", gave.out);
    let capsule = place.run(["replay".as_ref(), capsule(&place).as_os_str()]).exits(1);
    assert!(capsule.out.contains("the same run again"), "{}", capsule.out);
}

fn capsule(place: &Place) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(place.path("cutline-out/capsules")).expect("the folder");
    entries.next().expect("a capsule").expect("an entry").path()
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let place = Place::new();
    let retention = "execution.checkpointing.externalized-checkpoint-retention";
    let unknown = format!("run wordcount --set {retention}=RETAIN");
    let cases: &[(&str, &[&str])] = &[
        ("run wordcount --drain", &["--stop-at"]),
        ("run wordcount --savepoint-at 1s --drain", &["cannot be used with"]),
        ("run wordcount --savepoint-at 1s --stop-at 2s", &["cannot be used with"]),
        ("run wordcount --stop-at=-3s", &["`-3s` is negative", "savepoint.at"]),
        ("run wordcount --savepoint-at soon", &["`soon` is not a duration"]),
        ("run wordcount --cancel-at 5", &["has no unit", "cancel.at"]),
        ("run wordcount --set savepoint.then=suspend", &["the key `at` is missing", "at = \"30s\""]),
        (
            "run wordcount --set savepoint.at=1s --set savepoint.then=stop",
            &["unknown value `stop`", "`drain`"],
        ),
        ("run wordcount --set cancel.then=run", &["unknown key `then`"]),
        (&unknown, &["unknown value `RETAIN`", "`RETAIN_ON_CANCELLATION`", "`NO_EXTERNALIZED_CHECKPOINTS`"]),
    ];
    for (arguments, words) in cases {
        place.cutline(arguments).refuses(words);
    }
}
