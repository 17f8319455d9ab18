//! The table of profiles, the errors of their files, and the distribution of what is drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cutline_sim::faults::{Fault, FaultPlan, Planned, Point, When};
use cutline_sim::time::{MILLISECOND, SECOND, Time};
use cutline_sim::topology::Topology;

use super::*;
use crate::library_files;
use crate::spec::build::Hollow;

const SEEDS: u64 = 2_000;
const DURATION: Time = 5 * SECOND;
/// The window of `everything`: 10 to 90 % of the duration.
const WINDOW: (Time, Time) = (500 * MILLISECOND, 4_500 * MILLISECOND);

/// A scenario of the library with overrides, as a topology.
fn topology(name: &str, sets: &[&str]) -> Topology {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let source = library_files::resolve(name).expect("a scenario");
    let scenario = crate::spec::load(&source, &sets).unwrap_or_else(|error| panic!("{error}"));
    let (graph, config) = scenario.build(&mut Hollow).unwrap_or_else(|error| panic!("{error}"));
    Topology::new(graph, config).expect("a job that fits")
}

/// Two nodes, tasks on both.
fn spread() -> Topology {
    topology("sum-even-odd", &["taskmanager.numberOfTaskSlots=1"])
}

fn profile(name: &str) -> Profile {
    resolve(name).unwrap_or_else(|error| panic!("{error}"))
}

fn parse(text: &str) -> Result<Profile, ScenarioError> {
    load(&ScenarioText::new("folder/mine.toml", text))
}

fn only(profile: &Profile, family: Family) -> Profile {
    let others = Family::ALL.iter().filter(|&&other| other != family);
    let spec = others.fold(profile.spec.clone(), |spec, &other| spec.without(other));
    Profile { spec, ..profile.clone() }
}

fn strikes(planned: &Planned) -> Option<Time> {
    match planned.when {
        When::At(time) | When::Between(time, _) => Some(time),
        When::Point(..) | When::Event(_) => None,
    }
}

#[test]
fn every_file_has_a_row_with_its_name_and_its_about() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder of the profiles")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    files.sort();
    let rows: Vec<&str> = PROFILES.iter().map(|row| row.name).collect();
    assert_eq!(files, rows, "files of scenarios/faults against the rows of PROFILES (sorted by name)");
    for row in PROFILES {
        let profile = profile(row.name);
        assert_eq!((profile.name.as_str(), profile.spec.about.as_str()), (row.name, row.about));
    }
}

#[test]
fn all_is_the_sum_of_the_others() {
    assert_eq!(profile("everything").spec.families(), Family::ALL);
    assert_eq!(profile("none").spec.families(), []);
    let all = profile("everything").spec;
    for (name, count) in [("crashes", 4), ("messages", 4), ("network", 2), ("sinks", 2), ("storage", 2)] {
        let part = profile(name).spec;
        assert_eq!(part.families().len(), count);
        let others = Family::ALL.iter().filter(|family| !part.families().contains(family));
        let rest = others.fold(all.clone(), |spec, &family| spec.without(family));
        assert_eq!(ProfileSpec { about: part.about.clone(), ..rest }, part, "{name}");
    }
}

#[test]
fn names_numbers_and_tables_agree() {
    let numbers: Vec<u64> = Family::ALL.iter().map(|&family| family as u64).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<u64>>(), "never change or reuse a number");
    for &family in Family::ALL {
        let found = parse(&format!("about = \"a\"\n[{}]", family.name())).expect_err("no count").to_string();
        assert!(found.contains(&format!("[{}]", family.name())), "{found}");
        assert!(found.contains("the key `"), "{found}");
    }
}

#[test]
fn errors_point_at_the_line_and_say_what_is_allowed() {
    let table = |rest: &str| format!("about = \"a\"\n{rest}");
    let slow = |rest: &str| table(&format!("[slow-task]\n{rest}"));
    let cases: &[(String, &[&str])] = &[
        (String::new(), &["folder/mine.toml:1:1", "the file is empty: a profile needs at least `about`"]),
        ("window = [1, 2]".to_owned(), &["the key `about` is missing", "one line that says what strikes"]),
        ("about = \"\"".to_owned(), &["folder/mine.toml:1:9", "say what strikes, and why"]),
        (table("[task-crsh]\ncount = [1, 2]"), &["mine.toml:2:2", "did you mean `task-crash`?"]),
        (table("[task-crash]\ncuont = [1, 2]"), &["mine.toml:3:1", "did you mean `count`?"]),
        (
            slow("count = [1, 1]\nlasts = [\"1s\", \"2s\"]"),
            &["mine.toml:2:", "`factor` is missing", "[2, 50]"],
        ),
        (table("[task-crash]\ncount = 3"), &["mine.toml:3:9", "found integer `3`: write a range"]),
        (table("[task-crash]\ncount = [3]"), &["mine.toml:3:9", "has two values", "task-crash.count"]),
        (table("[task-crash]\ncount = [1, 2, 3]"), &["mine.toml:3:9", "has two values"]),
        (table("[task-crash]\ncount = [3, 1]"), &["mine.toml:3:9", "write the lowest value first"]),
        (table("[task-crash]\ncount = [0, 1]"), &["mine.toml:3:10", "0 is out of range", "1 to 1000"]),
        (table("[task-crash]\ncount = [1, \"2\"]"), &["mine.toml:3:13", "without quotes"]),
        (slow("factor = [1, 2]"), &["mine.toml:3:11", "from 2 to 10000"]),
        (slow("lasts = [1, \"2s\"]"), &["mine.toml:3:10", "`1` has no unit"]),
        (slow("lasts = [\"0s\", \"2s\"]"), &["mine.toml:3:10", "too short", "from 1ns to 1h"]),
        (table("window = [10, 101]"), &["mine.toml:2:15", "from 0 to 100", "window.1"]),
        (table("[point-crash]\ncount = [1, 1]\npoints = []"), &["mine.toml:4:10", "name at least one"]),
        (
            table("[point-crash]\ncount = [1, 1]\npoints = [\"ack-snt\"]"),
            &["mine.toml:4:11", "unknown value `ack-snt`", "did you mean `ack-sent`?", "`job-running`"],
        ),
        (
            table("[point-crash]\ncount = [1, 1]\nvictims = [\"everyone\"]"),
            &["mine.toml:4:12", "allowed: `here`, `task`, `node`"],
        ),
    ];
    for (text, words) in cases {
        let rendered = parse(text).expect_err(text).to_string();
        for word in *words {
            assert!(rendered.contains(word), "`{word}` is not in\n{rendered}");
        }
    }
    let unknown = resolve("crahses").expect_err("no such profile").to_string();
    assert!(unknown.contains("`crahses` is neither a profile of the library nor a file"), "{unknown}");
    assert!(unknown.contains("did you mean `crashes`?"), "{unknown}");
    assert!(unknown.contains("profiles of the library: `crashes`, `everything`"), "{unknown}");
}

#[test]
fn a_file_of_ones_own_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/storage.toml");
    let found = resolve(&path.to_string_lossy()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((found.name.as_str(), &found.spec), ("storage", &profile("storage").spec));
}

#[test]
fn damaged_profiles_never_panic() {
    const DAMAGE: &[u8] = b"\"=[]{}.-0z\n\\\x00\xff";
    let topology = spread();
    for (_, whole) in TEXTS {
        for at in 0..whole.len() {
            let mut bytes = whole.as_bytes().to_vec();
            bytes[at] = DAMAGE[at % DAMAGE.len()];
            let cut = String::from_utf8_lossy(&whole.as_bytes()[..at]).into_owned();
            for text in [cut, String::from_utf8_lossy(&bytes).into_owned()] {
                match parse(&text) {
                    Ok(profile) => drop(draw(&profile, &topology, DURATION, at as u64)),
                    Err(error) => drop(error.to_string()),
                }
            }
        }
    }
}

#[test]
fn each_family_is_off_in_half_of_the_seeds() {
    let (all, topology) = (profile("everything"), spread());
    for &family in Family::ALL {
        let alone = only(&all, family);
        assert_eq!(alone.spec.families(), [family]);
        let off = (0..SEEDS).filter(|&seed| draw(&alone, &topology, DURATION, seed).faults.is_empty());
        let off = off.count() as u64 * 100 / SEEDS;
        assert!((45..=55).contains(&off), "{} is off in {off} % of the seeds", family.name());
    }
}

#[test]
fn the_documented_share_of_seeds_has_no_fault() {
    let topology = spread();
    let shares = [("crashes", 625), ("messages", 625), ("network", 2500), ("sinks", 2500), ("storage", 2500)];
    for (name, in_ten_thousand) in shares {
        let profile = profile(name);
        let empty = (0..SEEDS).filter(|&seed| draw(&profile, &topology, DURATION, seed).faults.is_empty());
        let share = empty.count() as u64 * 10_000 / SEEDS;
        assert!(share.abs_diff(in_ten_thousand) < 250, "{name}: {share} of 10000 seeds have no fault");
    }
    let none = (0..SEEDS).map(|seed| draw(&profile("none"), &topology, DURATION, seed));
    let healed = FaultPlan { faults: Vec::new(), heal: WINDOW.1 };
    assert!(none.into_iter().all(|plan| plan == healed));
}

/// Counts what occurs, under names.
fn census(plans: &[FaultPlan], topology: &Topology) -> BTreeMap<String, u32> {
    let mut seen = BTreeMap::new();
    let mut saw = |what: String| *seen.entry(what).or_insert(0) += 1;
    for planned in plans.iter().flat_map(|plan| &plan.faults) {
        let at_point = matches!(planned.when, When::Point(..));
        if let When::Point(point, _) = planned.when {
            saw(format!("{point:?}"));
        }
        match &planned.fault {
            Fault::TaskCrash(crash) => match crash.task {
                Some(task) => saw(format!("{} at a point: {at_point}", topology.task_name(task))),
                None => saw("here".to_owned()),
            },
            Fault::NodeCrash(crash) => saw(format!("node {} at a point: {at_point}", crash.node)),
            Fault::SlowLink(link) => saw(format!("link {} {}", link.from, link.to)),
            Fault::SlowTask(slow) => saw(format!("slow {}", topology.task_name(slow.task))),
            Fault::LostMessages(_) => saw("lost".to_owned()),
            Fault::DelayedMessages(_) => saw("delayed".to_owned()),
            Fault::DoubledMessages(_) => saw("doubled".to_owned()),
            Fault::ReorderedMessages(_) => saw("reordered".to_owned()),
            Fault::FailedWrites(_) => saw("failed".to_owned()),
            Fault::SlowWrites(_) => saw("slow writes".to_owned()),
            Fault::FailedCommits(_) => saw("failed commits".to_owned()),
            // No profile draws them: they name one thing of one run.
            Fault::LostMessage(_) | Fault::FailedWrite(_) => saw("one by name".to_owned()),
        }
    }
    seen
}

#[test]
fn everything_occurs() {
    let (all, topology) = (profile("everything"), spread());
    let plans: Vec<FaultPlan> = (0..SEEDS).map(|seed| draw(&all, &topology, DURATION, seed)).collect();
    let seen = census(&plans, &topology);
    let points = Point::ALL.iter().map(|point| format!("{point:?}"));
    let words =
        ["here", "lost", "delayed", "doubled", "reordered", "failed", "slow writes", "failed commits"];
    let links = ["link 0 1", "link 1 0"];
    let names: Vec<String> =
        topology.operators.iter().map(|operator| format!("{}[0]", operator.uid)).collect();
    let crash = |at: bool| names.iter().map(move |name| format!("{name} at a point: {at}"));
    let slow = names.iter().map(|name| format!("slow {name}"));
    let node = |at: bool| (0..2).map(move |node| format!("node {node} at a point: {at}"));
    let plain = words.iter().chain(&links).map(|word| (*word).to_owned());
    let wanted = points.chain(plain).chain(crash(true)).chain(crash(false)).chain(slow);
    for what in wanted.chain(node(true)).chain(node(false)) {
        assert!(seen.get(&what).is_some_and(|&count| count >= 20), "{what} hardly ever occurs: {seen:#?}");
    }
    assert!(!seen.keys().any(|what| what == "link 0 0" || what == "link 1 1"), "{seen:#?}");
}

#[test]
fn times_lie_in_the_window_and_nothing_outlasts_the_healing() {
    let (all, topology) = (profile("everything"), spread());
    let (mut first, mut last) = (Time::MAX, 0);
    for seed in 0..SEEDS {
        let plan = draw(&all, &topology, DURATION, seed);
        assert!(plan.heal >= WINDOW.1);
        for time in plan.faults.iter().filter_map(strikes) {
            assert!((WINDOW.0..WINDOW.1).contains(&time), "{time}");
            (first, last) = (first.min(time), last.max(time));
        }
        let mut lasting: BTreeMap<_, Vec<(Time, Time)>> = BTreeMap::new();
        for planned in &plan.faults {
            if let When::Between(from, until) = planned.when {
                assert!(from < until && until <= plan.heal, "{planned:?}");
                assert!(until - from <= 2 * SECOND, "{planned:?}");
                let kind = planned.fault.to_string().split('(').next().map(str::to_owned);
                lasting.entry(kind).or_default().push((from, until));
            }
        }
        for windows in lasting.values() {
            assert!(
                windows.is_sorted() && windows.windows(2).all(|pair| pair[0].1 < pair[1].0),
                "{windows:?}"
            );
        }
    }
    // Every part of the window is used.
    assert!(first < WINDOW.0 + 10 * MILLISECOND && last > WINDOW.1 - 10 * MILLISECOND, "{first} {last}");
}

#[test]
fn points_are_awaited_as_often_as_they_come() {
    let (crashes, topology) = (profile("crashes"), spread());
    let mut most: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for seed in 0..SEEDS {
        for planned in draw(&crashes, &topology, DURATION, seed).faults {
            if let When::Point(point, nth) = planned.when {
                let (low, high) = most.entry(format!("{point:?}")).or_insert((nth, nth));
                (*low, *high) = ((*low).min(nth), (*high).max(nth));
            }
        }
    }
    // Ten tasks; eight of them have two inputs and two are sinks. A checkpoint every 500 ms.
    let aligned = topology.tasks.iter().filter(|task| task.inputs.len() > 1).count() as u32;
    assert_eq!(topology.tasks.len(), 10);
    for (point, turns) in [
        ("Triggered", (1, 8)),
        ("AlignmentStarted", (1, 3 * aligned)),
        ("AckSent", (1, 30)),
        ("Committed", (1, 6)),
        ("Cancelled", (1, 3)),
        ("Restoring", (2, 4)),
        ("TaskRunning", (11, 40)),
    ] {
        assert_eq!(most.get(point), Some(&turns), "{point}");
    }
}

#[test]
fn a_seed_means_one_plan_and_families_do_not_disturb_one_another() {
    let (all, topology) = (profile("everything"), spread());
    let mut different = BTreeSet::new();
    for seed in 0..200 {
        let plan = draw(&all, &topology, DURATION, seed);
        assert_eq!(plan, draw(&all, &topology, DURATION, seed));
        different.insert(format!("{plan:?}"));
        for &family in Family::ALL {
            let less = Profile { spec: all.spec.clone().without(family), ..all.clone() };
            let alone = draw(&only(&all, family), &topology, DURATION, seed);
            let mut rest = draw(&less, &topology, DURATION, seed).faults;
            assert_eq!(rest.len() + alone.faults.len(), plan.faults.len());
            rest.retain(|planned| !plan.faults.contains(planned));
            assert_eq!(rest, [], "seed {seed}: {} disturbs others", family.name());
        }
    }
    assert!(different.len() >= 199, "{} different plans", different.len());
}

#[test]
fn jobs_in_which_little_can_happen() {
    let all = profile("everything");
    // No transactional sink, and a run that is over at once; then a job whose tasks are all on one node.
    let pipe = topology("pipe", &[]);
    let one_node = topology("wordcount", &["taskmanager.numberOfTaskSlots=4"]);
    for seed in 0..SEEDS {
        let plan = draw(&all, &pipe, 0, seed);
        assert!(plan.faults.iter().filter_map(strikes).all(|time| time == 0), "{plan:?}");
        let commits = [Point::CommitSent, Point::Committed];
        let waits =
            |planned: &Planned| matches!(planned.when, When::Point(point, _) if commits.contains(&point));
        assert!(!plan.faults.iter().any(waits), "{plan:?}");
        let fails = |planned: &Planned| matches!(planned.fault, Fault::FailedCommits(_));
        assert!(!plan.faults.iter().any(fails), "{plan:?}");
        for planned in draw(&all, &one_node, DURATION, seed).faults {
            if let Fault::SlowLink(link) = planned.fault {
                assert_eq!((link.from.0, link.to.0), (0, 0), "all tasks are on node 0");
            }
        }
        drop(draw(&all, &pipe, Time::MAX, seed));
    }
}

#[test]
fn a_crash_during_recovery_has_a_recovery_to_strike() {
    let alone = only(&profile("everything"), Family::RecoveryCrash);
    let topology = spread();
    let plans = (0..SEEDS).map(|seed| draw(&alone, &topology, DURATION, seed));
    for plan in plans.filter(|plan| !plan.faults.is_empty()) {
        let at = plan.faults.iter().filter(|planned| strikes(planned).is_some()).count();
        assert_eq!(at, 1, "{plan:?}");
        assert!((2..=3).contains(&plan.faults.len()), "{plan:?}");
        assert!(plan.heal > WINDOW.1 + topology.config.recovery.heartbeat_timeout, "{plan:?}");
    }
}

#[test]
fn a_plan_reads_well() {
    let plan = draw(&profile("everything"), &spread(), DURATION, 7);
    let lines = plan.describe(&spread());
    let wanted = [
        "from 727.269 ms to 1420.147 ms: even[1] takes 26 times as long",
        "at 855.563 ms: node 2 crashes",
        "from 1543.624 ms to 2565.773 ms: even[0] takes 39 times as long",
        "from 1950.616 ms to 3134.531 ms: 197 of 1000 commits of sinks fail",
        "from 2236.877 ms to 2384.657 ms: 70 of 1000 control messages are overtaken for up to 44992 us",
        "from 2446.497 ms to 4327.537 ms: 28 of 1000 control messages are overtaken for up to 93396 us",
        "from 2517.130 ms to 3345.742 ms: 247 of 1000 control messages arrive twice",
        "at 2978.258 ms: sum-odd[0] crashes",
        "from 3677.086 ms to 5361.784 ms: 883 of 1000 commits of sinks fail",
        "from 4201.004 ms to 5804.563 ms: 271 of 1000 control messages arrive twice",
        "after the 1st FailureNoticed: node 2 crashes",
    ];
    assert_eq!(
        lines, wanted,
        "the same seed means this plan for ever, as long as `everything` says the same"
    );
}
