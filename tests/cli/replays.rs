//! Capsules: what a failing run leaves, replayed in a fresh process; and capsules that are no good.

use std::path::PathBuf;

use serde_json::Value;

use crate::{Gave, Place};

const STALL: &str = "run wordcount --faults crashes --seed 7 --set bounds.time=40ms --input in.txt --json";
const CAPSULES: &str = "cutline-out/capsules";

/// A failing run over a file, and its capsule.
fn failed() -> (Place, Gave, PathBuf) {
    let place = Place::new();
    place.file("in.txt", "one two two\n".repeat(5_000));
    let gave = place.cutline(STALL).exits(3);
    let [capsule] = &capsules(&place)[..] else { panic!("one capsule") };
    let capsule = capsule.clone();
    (place, gave, capsule)
}

fn capsules(place: &Place) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path(CAPSULES)).expect("the folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn another_run_has_another_capsule_and_the_same_run_the_same() {
    let (place, _, capsule) = failed();
    let name = capsule.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with("wordcount-aligned-7-") && name.ends_with(".json"), "{name}");
    let text = std::fs::read_to_string(&capsule).expect("the capsule");
    place.cutline(STALL).exits(3);
    assert_eq!(capsules(&place), std::slice::from_ref(&capsule), "the same run again");
    place.cutline(&STALL.replace("40ms", "41ms")).exits(3);
    place.cutline(&STALL.replace("crashes", "none")).exits(3);
    place.cutline(&format!("{STALL} --no-forks")).exits(3);
    place.file("in.txt", "one two\n".repeat(5_000));
    place.cutline(STALL).exits(3);
    assert_eq!(capsules(&place).len(), 5);
    assert_eq!(std::fs::read_to_string(&capsule).expect("the capsule"), text);
}

#[test]
fn a_replay_gives_the_same_run_with_the_command_that_was_printed() {
    let (place, gave, capsule) = failed();
    let command = gave.err.lines().find(|line| line.contains(" replay ")).expect("a command");
    let replayed = place.shell(&format!("{command} --json")).exits(3);
    let (first, again) = (gave.json(), replayed.json());
    assert_eq!(again["same"], true);
    assert_eq!(again["record"], first);
    let told = place.shell(command).exits(3);
    assert!(told.out.contains("the same run again"), "{}", told.out);
    // From anywhere else too.
    let other = Place::new();
    other.run(["replay".as_ref(), capsule.as_os_str()]).exits(3);
}

#[test]
fn a_scenario_of_the_users_own_is_in_the_capsule() {
    let place = Place::new();
    let text = include_str!("../../scenarios/library/sum-even-odd.toml");
    place.file("mine.toml", format!("{text}\n[bounds]\ntime = \"40ms\"\n"));
    place.cutline("run mine.toml").exits(3);
    std::fs::remove_file(place.path("mine.toml")).expect("removed");
    let [capsule] = &capsules(&place)[..] else { panic!("one capsule") };
    place.run(["replay".as_ref(), capsule.as_os_str()]).exits(3);
}

/// One that was edited and sealed again is as good as any, but for what is impossible.
#[test]
fn a_plan_that_does_not_fit_the_job_is_refused() {
    use cutline::scenarios::capsule::Capsule;
    use cutline::sim::faults::{DelayedMessages, Fault, NodeCrash, Planned, SlowTask, When};
    use cutline::sim::ids::{NodeId, TaskId};

    let (place, _, capsule) = failed();
    let bytes = std::fs::read(&capsule).expect("the capsule");
    for (fault, says) in [
        (Fault::SlowTask(SlowTask { task: TaskId(8), factor: 2 }), "task 8, and the job has 8 tasks"),
        (Fault::NodeCrash(NodeCrash { node: NodeId(3) }), "node 3, and the cluster has 3 nodes"),
        (Fault::DelayedMessages(DelayedMessages { per_mille: 1, by: u64::MAX }), "24 hours"),
    ] {
        let mut edited = Capsule::from_json(&bytes).expect("a capsule");
        edited.plan.faults = vec![Planned { when: When::At(1), fault }];
        place.file("edited.json", edited.to_json().expect("json"));
        place.cutline("replay edited.json").refuses(&["edited.json", "fault 1 of the plan", says]);
    }
}

#[test]
fn an_input_that_is_not_the_same_is_noticed() {
    let (place, _, capsule) = failed();
    let replay = format!("replay {}", capsule.display());
    place.file("in.txt", "one two\n".repeat(5_000));
    place.cutline(&replay).refuses(&["in.txt", "is not the one of the capsule", "60000 bytes"]);
    std::fs::remove_file(place.path("in.txt")).expect("removed");
    place.cutline(&replay).refuses(&["in.txt", "--input"]);
    place.file("moved.txt", "one two two\n".repeat(5_000));
    place.cutline(&format!("{replay} --input moved.txt")).exits(3);
}

#[test]
fn a_capsule_that_is_no_good_is_refused() {
    let (place, _, capsule) = failed();
    let text = std::fs::read_to_string(&capsule).expect("the capsule");
    let try_with = |bytes: &[u8]| {
        place.file("bad.json", bytes);
        place.cutline("replay bad.json")
    };
    for cut in [0, 1, text.len() / 2, text.len() - 3] {
        try_with(&text.as_bytes()[..cut]).refuses(&["bad.json", "cut off"]);
    }
    for (from, to) in
        [("\"seed\": 7", "\"seed\": 8"), ("bounds.time=40ms", "bounds.time=41ms"), ("\"stall\"", "\"pass\"")]
    {
        assert!(text.contains(from), "{text}");
        try_with(text.replace(from, to).as_bytes()).refuses(&["was changed after it was written"]);
    }
    let version = r#""cutline-capsule": 2"#;
    assert!(text.contains(version), "{text}");
    try_with(text.replace(version, r#""cutline-capsule": 1"#).as_bytes())
        .refuses(&["version 1", "version 2"]);
    try_with(b"\xff\xfe").refuses(&["no capsule"]);
    try_with(b"[1, 2]").refuses(&["no capsule"]);
    try_with("[".repeat(100_000).as_bytes()).refuses(&["bad.json"]);
    place.cutline("replay .").refuses(&["cannot read `.`"]);
    place.cutline("replay /dev/zero").refuses(&["too long"]);
}

#[test]
fn another_run_than_the_capsules_exits_with_4() {
    use cutline::scenarios::capsule::Capsule;
    let (place, _, path) = failed();
    let mut capsule = Capsule::from_json(&std::fs::read(&path).expect("the capsule")).expect("a capsule");
    capsule.result.digest = "0".repeat(32);
    place.file("other.json", capsule.to_json().expect("text"));
    let gave = place.cutline("replay other.json").exits(4);
    assert!(gave.out.contains("the digest was 0000"), "{}", gave.out);
    let json: Value = place.cutline("replay other.json --json").exits(4).json();
    assert_eq!(json["same"], false);
    capsule.program.version = "0.0.1".to_owned();
    place.file("other.json", capsule.to_json().expect("text"));
    place.cutline("replay other.json").refuses(&["written by cutline 0.0.1"]);
}

#[test]
fn a_planted_bug_is_found_and_replayed() {
    let place = Place::new();
    let run = "run wordcount --strategy first-barrier --set bounds.heal=2s";
    let gave = place.cutline(run).exits(1);
    assert!(gave.out.contains("cut          FAIL"), "{}", gave.out);
    assert!(gave.out.contains("cut fails:\n  Let c be checkpoint"), "{}", gave.out);
    let command = gave.out.lines().find(|line| line.contains(" replay ")).expect("a command");
    let again = place.shell(command).exits(1);
    assert!(again.out.contains("the same run again"), "{}", again.out);
    let digest = |out: &str| out.lines().find(|line| line.starts_with("digest ")).map(str::to_owned);
    assert_eq!(digest(&gave.out), digest(&again.out));
}
