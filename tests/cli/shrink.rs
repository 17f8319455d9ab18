//! Shrinking: what it writes does the failure again, by the capsule, by the scenario and by the test in Rust.

use std::path::Path;

use cutline::scenarios::capsule::Capsule;

use crate::Place;

/// A run that fails and is cheap to shrink.
const FAILS: &str = "run sum-even-odd --strategy first-barrier --faults crashes --seed 4 \
    --set input.numbers.kind.numbers.count=1000";

/// A folder with the capsule of such a run.
fn failed() -> Place {
    let place = Place::new();
    place.cutline(FAILS).exits(1);
    let folder = std::fs::read_dir(place.path("cutline-out/capsules")).expect("capsules");
    let capsule = folder.map(|entry| entry.expect("an entry").path()).next().expect("a capsule");
    std::fs::rename(capsule, place.path("first-barrier.json")).expect("renamed");
    place
}

#[test]
fn all_that_is_written_does_the_failure_again() {
    let place = failed();
    let told = place.cutline("shrink first-barrier.json --out small --runs 1000 --json").exits(0).json();
    assert_eq!((&told["class"], &told["oracle"]), (&"safety".into(), &"cut".into()));
    assert_eq!(told["after"]["faults"], 0, "{told}");
    assert!(told["after"]["records"].as_u64() < Some(20), "{told}");
    assert!(told["written"]["capsule"].as_str().is_some_and(|path| path.ends_with("first-barrier.min.json")));
    assert!(told["critical"]["at"]["passing-before"].as_u64() > Some(0), "{told}");

    let again = place.cutline("replay small/first-barrier.min.json").exits(1);
    assert!(again.out.contains("the same run again"), "{}", again.out);
    // It needs no faults, so the scenario is all there is to it.
    let run =
        place.cutline("run small/first-barrier.toml --strategy first-barrier --seed 4 --no-forks --json");
    let capsule =
        Capsule::from_json(place.read("small/first-barrier.min.json").as_bytes()).expect("a capsule");
    assert_eq!(run.exits(1).json()["digest"], capsule.result.digest);
    // The test is compiled, and run, as a part of these tests: see `shrunk`.
    assert_eq!(place.read("small/first-barrier.rs"), include_str!("shrunk/first-barrier.rs"));
    assert_eq!(place.read("small/first-barrier.toml"), include_str!("shrunk/first-barrier.toml"));

    // Shrunk again, nothing changes, and a table says so. What it reads it does not write over.
    place.cutline("shrink small/first-barrier.min.json").refuses(&["the run reads it"]);
    let gave = place.cutline("shrink small/first-barrier.min.json --runs 1000 --out again").exits(0);
    for words in
        ["the oracle cut still objects", "cut fails:", "The critical moment", "cutline replay", "0 kept"]
    {
        assert!(gave.out.contains(words), "no `{words}` in\n{}", gave.out);
    }
    assert_eq!(
        place.read("again/first-barrier.min.json"),
        capsule.to_json().expect("JSON"),
        "not the smallest at once"
    );
}

#[test]
fn what_cannot_be_shrunk_is_refused_and_nothing_is_written() {
    let place = failed();
    place.cutline("shrink nothing.json").refuses(&["cannot read `nothing.json`"]);
    place.file("bad.json", "{}");
    place.cutline("shrink bad.json").refuses(&["bad.json", "no capsule"]);
    place.cutline("shrink first-barrier.json --budget 10").refuses(&["unit"]);
    place.cutline("shrink first-barrier.json --runs 0").refuses(&["--runs"]);
    place.cutline("shrink first-barrier.json --input no.txt").refuses(&["reads no text file"]);
    place
        .cutline("shrink first-barrier.json --from-savepoint no.json")
        .refuses(&["did not start from a savepoint"]);
    let mut capsule = Capsule::from_json(place.read("first-barrier.json").as_bytes()).expect("a capsule");
    let digest = std::mem::replace(&mut capsule.result.digest, "0".repeat(32));
    place.file("other.json", capsule.to_json().expect("JSON"));
    let gave = place.cutline("shrink other.json").exits(4);
    assert!(gave.out.contains("nothing was written") && gave.out.contains(&digest), "{}", gave.out);
    assert_eq!(place.names(), ["bad.json", "cutline-out", "first-barrier.json", "other.json"]);
}

#[test]
fn a_sweep_shrinks_the_first_failure_of_each_kind() {
    let place = Place::new();
    let sweep = "sweep sum-even-odd --strategy first-barrier --faults none --seeds 0..2 --no-regressions --no-forks \
        --set input.numbers.kind.numbers.count=500";
    let told = place.cutline(&format!("{sweep} --json")).exits(1).json();
    let folder = Path::new(told["folder"].as_str().expect("a folder")).to_owned();
    let shrunk = told["shrunk"].as_array().expect("a list");
    assert_eq!(shrunk.len(), told["failures"].as_array().expect("a list").len());
    assert_eq!(shrunk[0]["run"], told["failures"][0]["run"]);
    for file in ["capsule", "scenario", "test"] {
        let path = place.path("").join(&folder).join(shrunk[0][file].as_str().expect(file));
        assert!(path.starts_with(place.path("").join(&folder).join("shrunk")) && path.exists(), "{path:?}");
    }
    let capsule = folder.join(shrunk[0]["capsule"].as_str().expect("a capsule"));
    place.run(["replay".as_ref(), capsule.as_os_str()]).exits(1);
    // A second look takes what is there.
    let again = place.cutline("sweep --resume cutline-out/sweeps/latest --json").exits(1);
    assert!(!again.err.contains("shrinking"), "{}", again.err);
    assert_eq!(again.json()["shrunk"], told["shrunk"]);
    let without = place.cutline(&format!("{sweep} --out without --no-shrink --json")).exits(1).json();
    assert_eq!(without["shrunk"], serde_json::json!([]));
}
