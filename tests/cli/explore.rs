//! `cutline explore`: what it prints, what it leaves, and what it refuses.

use crate::Place;

#[test]
fn a_small_run_is_explored_completely() {
    let place = Place::new();
    let gave = place.cutline("explore tiny").exits(0);
    for words in [
        "tiny under aligned, seed 1: ",
        "victims",
        "tasks",
        "nodes",
        "store",
        "messages",
        "complete: every single fault",
    ] {
        assert!(gave.out.contains(words), "no `{words}` in\n{}", gave.out);
    }
    assert!(place.names().is_empty(), "nothing is left of what passes: {:?}", place.names());
}

#[test]
fn json_says_how_complete_it_is() {
    let place = Place::new();
    let whole = place.cutline("explore --victims store,messages --threads 1 --json").exits(0).json();
    assert_eq!((&whole["complete"], &whole["threads"]), (&true.into(), &1.into()));
    assert_eq!(whole["points"], whole["events"]);
    let rows = whole["rows"].as_array().expect("rows");
    let names: Vec<_> = rows.iter().map(|row| row["victims"].as_str().expect("a name")).collect();
    assert_eq!(names, ["store", "messages"]);
    let forks: u64 = rows.iter().map(|row| row["forks"].as_u64().expect("a number")).sum();
    assert_eq!(whole["forks"], forks);
    let part = place.cutline("explore --victims tasks --budget 100 --json").exits(0).json();
    assert_eq!(part["complete"], false);
    assert!(
        part["forks"].as_u64() >= Some(100) && part["points"].as_u64() < part["events"].as_u64(),
        "{part}"
    );
}

#[test]
fn states_are_checked_if_asked() {
    let place = Place::new();
    let used = place.cutline("explore tiny --json").exits(0).json();
    let checked = place.cutline("explore tiny --check-states --json").exits(0).json();
    for key in ["rows", "restored", "states", "at-odds"] {
        assert_eq!(used[key], checked[key], "{key}");
    }
    assert!(
        used["states"].as_u64() > Some(100) && used["states"].as_u64() < used["restored"].as_u64(),
        "{used}"
    );
    assert_eq!(used["at-odds"], 0);
    let text = place.cutline("explore tiny").exits(0).out;
    let said = format!("in {} states; forks that meet have one end", used["states"]);
    assert!(text.contains(&said), "no `{said}` in\n{text}");
    place.cutline("explore --check-states --interleavings").refuses(&["--check-states", "--interleavings"]);
}

#[test]
fn second_faults_are_tried_until_the_budget_is_spent() {
    let gave = Place::new().cutline("explore --victims tasks --pairs --budget 3000 --json").exits(0).json();
    let rows = gave["rows"].as_array().expect("rows");
    let pairs = rows.iter().find(|row| row["faults"] == 2).expect("a row for pairs");
    assert!(pairs["forks"].as_u64() > Some(1000), "{gave}");
    assert_eq!((&gave["complete"], &gave["violations"]), (&false.into(), &serde_json::json!([])));
}

#[test]
fn a_violation_leaves_a_capsule_that_replays() {
    let place = Place::new();
    let gave = place.cutline("explore tiny --strategy restored-uncaptured").exits(1);
    let commands: Vec<&str> = gave.out.lines().filter(|line| line.contains(" replay ")).collect();
    assert!(!commands.is_empty(), "{}", gave.out);
    let mut ordinals = 0;
    for command in commands {
        let again = place.shell(command).exits(1);
        assert!(again.out.contains("the same run again"), "{}", again.out);
        ordinals += usize::from(again.out.contains("right after event "));
    }
    assert!(ordinals > 0, "no capsule names the event");
}

#[test]
fn what_cannot_be_struck_is_refused_by_name() {
    let place = Place::new();
    place.cutline("explore tiny --victims coordinator").refuses(&["coordinator", "does not fail"]);
    place.cutline("explore tiny --victims tasks,sinks").refuses(&["sinks", "tasks, nodes, store, messages"]);
    place.cutline("explore tiny --budget never").refuses(&["a number of forks"]);
    place.cutline("explore nowhere").refuses(&["neither a scenario of the library nor a file"]);
    place.cutline("explore collatz --strategy aligned").refuses(&["cycle"]);
}

#[test]
fn every_order_of_a_tiny_job_is_tried() {
    let place = Place::new();
    let job = "--set input.keys.kind.keys.count=1 --set input.keys.kind.keys.splits=1 --set job.operator.source.parallelism=1";
    let explore = |more: &str| place.cutline(&format!("explore --interleavings {job} {more}"));
    let gave = explore("--budget 2000 --threads 1").exits(0);
    for shows in
        ["dozen under aligned, seed 1: every order", "not complete", "count[0]", "states/s on 1 thread"]
    {
        assert!(gave.out.contains(shows), "{shows}: {}", gave.out);
    }
    let json: serde_json::Value =
        serde_json::from_str(&explore("--budget 2000 --threads 2 --json").exits(0).out).expect("JSON");
    assert_eq!((json["complete"].as_bool(), json["states"].as_u64()), (Some(false), Some(2000)), "{json}");

    let gave = explore("--budget 2000 --strategy read-on").exits(1);
    let file = gave.out.lines().find(|line| line.trim_end().ends_with(".order.txt")).expect("a file").trim();
    let order = std::fs::read_to_string(place.path(file)).expect("an order");
    assert!(order.contains("count[0] takes a mark from source[0] -> count[0]\n"), "{order}");
    explore("--pairs").refuses(&["--pairs", "cannot be used with"]);
}
