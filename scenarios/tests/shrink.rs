//! Shrinking: planted bugs become small runs that fail in the same way, the same whatever the number of threads.

use std::collections::BTreeSet;
use std::sync::Arc;

use cutline_scenarios::capsule::{
    Capsule, CapsuleOptions, CapsuleResult, CapsuleScenario, FileSeal, Program,
};
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::Class;
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::shrink::{
    Budget, Critical, End, Given, ShrinkError, Shrunk, Watch, critical, passes, shrink,
};
use cutline_scenarios::spec::load;

/// A failing run, and how small it must become.
struct Trial {
    bug: &'static str,
    scenario: &'static [&'static str],
    profile: &'static str,
    /// The first seed; the first from there on that fails is taken.
    seed: u64,
    class: Class,
    oracle: &'static str,
    /// At most so many faults, records, operators and subtasks.
    most: (u64, u64, u64, u64),
    /// Passes that make it smaller.
    by: &'static [&'static str],
}

fn program() -> Program {
    Program { version: "0".to_owned(), commit: None }
}

fn capsule(trial: &Trial) -> Capsule {
    let fails = |capsule: &Capsule| {
        capsule.result.verdicts.iter().any(|it| it.oracle == trial.oracle && it.verdict.is_fail())
    };
    (trial.seed..trial.seed + 30).map(|seed| capsule_of(trial, seed)).find(fails).expect("a failing run")
}

fn capsule_of(trial: &Trial, seed: u64) -> Capsule {
    let (name, overrides) = trial.scenario.split_first().expect("a name");
    let source = resolve(name).expect("a scenario");
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let prepared = Prepared::load(&source, &overrides, seed).expect("a job");
    let profile = faults::resolve(trial.profile).expect("a profile");
    let plan = faults::draw(&profile, prepared.topology(), prepared.duration(), seed);
    // A fork that restores a checkpoint would object before the ledger does.
    let forks = (trial.oracle == "ledger").then_some(false);
    let options = CapsuleOptions { forks, check_determinism: false, lookahead: true };
    let contender = Contender::named(trial.bug).expect("a bug");
    let record =
        Runner::new(&prepared, contender).run(seed, &Arc::new(plan.clone()), &options.options(), None);
    Capsule {
        program: program(),
        scenario: CapsuleScenario {
            name: (*name).to_owned(),
            file: source.file,
            folder: None,
            text: source.text,
            overrides,
        },
        input: None,
        files: Vec::new(),
        savepoint: None,
        strategy: trial.bug.to_owned(),
        faults: trial.profile.to_owned(),
        plan,
        seed,
        options,
        result: CapsuleResult::of(&record),
    }
}

fn given(capsule: &Capsule) -> Given<'_> {
    let contender = Contender::named(&capsule.strategy).expect("a bug");
    Given { capsule, contender, texts: Texts::default(), savepoint: None }
}

fn shrunk(capsule: &Capsule, runs: u64) -> Result<Shrunk, ShrinkError> {
    let mut watch = Watch { stop: &|| false, tell: &mut |_| {} };
    shrink(&given(capsule), &program(), Budget { steps: 30_000_000, runs }, &mut watch)
}

fn try_it(trial: &Trial) {
    let capsule = capsule(trial);
    let shrunk = shrunk(&capsule, 3_000).expect("a failing run");
    let Shrunk { before, after, record, .. } = &shrunk;
    println!("{}: {} runs, {:?}\n{before:?}\n{after:?}", trial.bug, shrunk.runs, shrunk.end);
    println!("{}\n{:?}", shrunk.capsule.scenario.text, shrunk.capsule.plan);
    for pass in trial.by {
        assert!(shrunk.kept.iter().any(|kept| kept.pass == *pass), "nothing by {pass}: {:?}", shrunk.kept);
    }
    assert_eq!((shrunk.failing.class, shrunk.failing.oracle.as_str()), (trial.class, trial.oracle));
    assert_eq!(record.class(), trial.class);
    assert!(record.objections().any(|oracle| oracle == trial.oracle));
    let size = (after.faults, after.records, after.operators, after.subtasks);
    let (faults, records, operators, subtasks) = trial.most;
    assert!(
        size.0 <= faults && size.1 <= records && size.2 <= operators && size.3 <= subtasks,
        "{size:?} of {before:?}:\n{}\n{:?}",
        shrunk.capsule.scenario.text,
        shrunk.kept
    );
    // A person can read it, and whoever runs it from its capsule gets the same.
    let capsule = &shrunk.capsule;
    assert!(!capsule.scenario.text.contains('#'), "{}", capsule.scenario.text);
    load(&capsule.scenario.source(), &[]).expect("a scenario");
    let read = Capsule::from_json(capsule.to_json().expect("JSON").as_bytes()).expect("a capsule");
    let prepared =
        Prepared::load(&read.scenario.source(), &read.scenario.overrides, read.seed).expect("a job");
    let contender = Contender::named(&read.strategy).expect("a bug");
    let again = Runner::new(&prepared, contender).run(
        read.seed,
        &Arc::new(read.plan.clone()),
        &Options { ..read.options.options() },
        None,
    );
    assert_eq!(read.result.differences(&again), [""; 0]);
}

const TORN_CUT: Trial = Trial {
    bug: "first-barrier",
    scenario: &["sum-even-odd", "input.numbers.kind.numbers.count=4000"],
    profile: "everything",
    seed: 4,
    class: Class::Safety,
    oracle: "cut",
    most: (0, 12, 4, 6),
    by: &["cluster", "records"],
};

#[test]
fn a_torn_cut_needs_no_fault_and_few_records() {
    try_it(&TORN_CUT);
}

const TEXT: Trial = Trial {
    bug: "no-block",
    scenario: &[
        "wordcount",
        "cluster.network.latency-jitter=\"5ms\"",
        "execution.buffer-timeout.interval=\"5ms\"",
        "execution.checkpointing.interval=\"100ms\"",
    ],
    profile: "crashes",
    seed: 1,
    class: Class::Safety,
    oracle: "order",
    // What is out of order shows only after a crash.
    most: (1, 64, 4, 6),
    by: &["faults", "operators", "settings"],
};

#[test]
fn a_text_becomes_a_part_of_the_scenario() {
    try_it(&TEXT);
}

const LOST_TRANSACTION: Trial = Trial {
    bug: "commit-on-snapshot",
    scenario: &[
        "nexmark-q1",
        "input.events.kind.nexmark.events=2000",
        "input.events.kind.nexmark.rate=\"500/s\"",
        "execution.checkpointing.interval=\"150ms\"",
    ],
    profile: "crashes",
    seed: 1,
    class: Class::Safety,
    oracle: "ledger",
    most: (1, 100, 3, 4),
    by: &["instants", "parallelism"],
};

#[test]
fn a_lost_transaction_keeps_its_crash() {
    try_it(&LOST_TRANSACTION);
}

const STALL: Trial = Trial {
    bug: "awaits-back-edges",
    scenario: &["collatz"],
    profile: "crashes",
    seed: 1,
    class: Class::Stall,
    oracle: "liveness",
    most: (0, 2, 4, 4),
    by: &["checkpoints", "extras", "splits"],
};

#[test]
fn a_stall_stays_a_stall() {
    try_it(&STALL);
}

/// A pass that finds nothing any more is one that no trial is made smaller by.
#[test]
fn every_pass_makes_a_trial_smaller() {
    let tried: BTreeSet<&str> =
        [TORN_CUT, TEXT, LOST_TRANSACTION, STALL].iter().flat_map(|trial| trial.by).copied().collect();
    assert_eq!(tried, passes().collect());
}

/// A run that is cheap to shrink.
const CHEAP: Trial = Trial {
    scenario: &["sum-even-odd", "input.numbers.kind.numbers.count=1000"],
    profile: "crashes",
    by: &[],
    ..TORN_CUT
};

#[test]
fn the_number_of_threads_changes_nothing() {
    let capsule = capsule(&CHEAP);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        // The budget is used up on the way, which must not depend on the threads either.
        let shrunk = pool.install(|| shrunk(&capsule, 40)).expect("a failing run");
        assert_eq!((shrunk.end, shrunk.runs), (End::Budget, 40));
        (shrunk.capsule.to_json().expect("JSON"), shrunk.kept)
    };
    let one = with(1);
    assert!(!one.1.is_empty());
    assert_eq!(one, with(3));
}

#[test]
fn a_critical_moment_is_the_last_before_which_some_continuations_pass() {
    let capsule = capsule(&CHEAP);
    let shrunk = shrunk(&capsule, 1_000).expect("a failing run");
    let found = critical(&given(&shrunk.capsule), &|| false).expect("a scenario");
    let Critical::At(moment) = found else { panic!("{found:?} of\n{}", shrunk.capsule.scenario.text) };
    println!("{moment:?}");
    assert!(moment.passing_before > 0 && moment.time < shrunk.after.duration, "{moment:?}");
    assert_eq!(critical(&given(&shrunk.capsule), &|| false).expect("a scenario"), Critical::At(moment));
}

#[test]
fn what_is_no_failure_or_another_run_is_refused() {
    let mut capsule = capsule(&CHEAP);
    let digest = std::mem::replace(&mut capsule.result.digest, "0".repeat(32));
    let Err(ShrinkError::Different(lines)) = shrunk(&capsule, 1) else { panic!("it is another run") };
    assert!(lines[0].contains(&digest), "{lines:?}");
    capsule.result.class = Class::Pass;
    assert!(matches!(shrunk(&capsule, 1), Err(ShrinkError::Passed)));
    let mut capsule = self::capsule(&CHEAP);
    capsule.scenario.overrides.push("no.such.key=1".to_owned());
    assert!(matches!(shrunk(&capsule, 1), Err(ShrinkError::Scenario)));
}

#[test]
fn a_file_that_was_named_instead_is_taken_in() {
    let folder = std::env::temp_dir().join(format!("cutline-shrink-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("words.txt");
    std::fs::write(&path, "one two three\nfour five\n".repeat(200)).expect("a file");
    let trial = Trial {
        bug: "first-barrier",
        scenario: &["wordcount", "input.text.kind.text.rate=\"200/s\""],
        profile: "none",
        seed: 3,
        ..CHEAP
    };
    let mut capsule = capsule(&trial);
    let mut texts = Texts::default().instead(&path);
    let source = capsule.scenario.source();
    let scenario = load(&source, &capsule.scenario.overrides).expect("a scenario");
    let prepared = Prepared::new(&scenario, 3, &mut texts).expect("a job");
    let contender = Contender::named(trial.bug).expect("a bug");
    let options = capsule.options.options();
    let record = Runner::new(&prepared, contender).run(3, &Arc::new(capsule.plan.clone()), &options, None);
    capsule.input = Some(path.display().to_string());
    capsule.files = FileSeal::of(&texts);
    capsule.result = CapsuleResult::of(&record);
    let given = Given { texts, ..given(&capsule) };
    let mut watch = Watch { stop: &|| false, tell: &mut |_| {} };
    let budget = Budget { steps: u64::MAX, runs: 40 };
    let shrunk = shrink(&given, &program(), budget, &mut watch).expect("a failing run");
    let _ = std::fs::remove_dir_all(&folder);
    assert!(shrunk.capsule.input.is_none() && shrunk.capsule.files.is_empty(), "{:?}", shrunk.kept);
    assert!(shrunk.capsule.scenario.text.contains("one two three"), "{}", shrunk.capsule.scenario.text);
}
