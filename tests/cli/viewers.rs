//! What existing viewers open.

use serde_json::Value;

use crate::Place;

#[test]
fn a_run_is_written_for_viewers_and_stays_the_same() {
    let place = Place::new();
    let run = "run tiny --faults crashes --seed 3 --json";
    let alone = place.cutline(run).exits(0).json();
    let told = place.cutline(&format!("{run} --perfetto out.json --shiviz out.log")).exits(0).json();
    assert_eq!(alone["digest"], told["digest"]);
    let trace: Value = serde_json::from_str(&place.read("out.json")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let names = |name: &str| events.iter().any(|event| event["name"] == name);
    for name in
        ["checkpoint 2", "recovery", "faults: node crashed (node 1)", "count[0] items waiting", "async"]
    {
        assert!(names(name), "no {name}");
    }
    let log = place.read("out.log");
    assert!(log.starts_with("coordinator {\"coordinator\":1}\n"), "{log}");
    assert!(log.lines().count().is_multiple_of(2) && log.contains("checkpoint completed"), "{log}");
    assert!(
        log.contains("barrier 1 sent to count[0]") && log.contains("barrier 1 received from source["),
        "{log}"
    );
    place.cutline("run tiny --perfetto same --shiviz same").refuses(&["`same`"]);
    place.cutline("run tiny --perfetto no/such/folder").refuses(&["`no/such/folder`"]);
}

#[test]
fn a_job_is_printed_as_a_graph() {
    let place = Place::new();
    let gave = place.cutline("graph collatz").exits(0);
    assert!(
        gave.out.starts_with("digraph \"collatz\" {\n") && gave.out.contains("style=dashed"),
        "{}",
        gave.out
    );
    place.cutline("graph collatzz").refuses(&["collatzz"]);
}
