//! Planted bugs under madsim: which are caught, where, and by which oracle; and why the others are not. `make madsim` hunts them;
//! `TABLE=1 make madsim` prints the tables of docs/madsim.md anew, from what the hunts find.
#![cfg(madsim)]

use std::collections::BTreeSet;

use cutline_algorithms::bugs::{self, Bug};
use cutline_cluster::job::Job;
use cutline_cluster::simulated::{Plan, Report, run};
use cutline_cluster::store::Trouble;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;

const PAGE: &str = include_str!("../../docs/madsim.md");

/// A job and faults under which bugs are hunted.
struct Ground {
    name: &'static str,
    scenario: &'static str,
    overrides: &'static [&'static str],
    /// For seeds with an even number, and for the others.
    plans: [Plan; 2],
}

/// A bug that is caught.
struct Caught {
    bug: &'static str,
    ground: &'static Ground,
    /// The oracle that objects first, and after how many seeds.
    oracle: &'static str,
    seeds: u64,
}

const fn caught(bug: &'static str, ground: &'static Ground, oracle: &'static str, seeds: u64) -> Caught {
    Caught { bug, ground, oracle, seeds }
}

/// So many seeds of each bug, at most.
const HUNTED: u64 = 24;
/// So many seeds, on every ground, of what must be clean there.
const CLEAN: u64 = 4;

/// A store that fails often; and one that does so while everybody is killed.
const FAILING: Plan = Plan { trouble: Trouble { failed_writes: 50, failed_commits: 300 }, ..Plan::ROUGH };
const RAGING: Plan =
    Plan { kills: 10, trouble: Trouble { failed_writes: 100, failed_commits: 300 }, ..Plan::ROUGH };

const CLOGS: Plan = Plan { kills: 6, clogs: 6, ..Plan::ROUGH };

/// A checkpoint that fails is no reason to fail over: strategies may lose some without being restarted for it.
const PATIENT: &str = "execution.checkpointing.tolerable-failed-checkpoints=1000";
const SOON: &str = "restart-strategy.fixed-delay.delay=20ms";
const SLOWLY: &str = "input.text.kind.text.rate=100/s";
const FEWER: &[&str; 2] = &["input.numbers.kind.numbers.count=4000", "input.numbers.kind.numbers.rate=400/s"];

const WORDS: Ground = Ground {
    name: "words",
    scenario: "wordcount",
    overrides: &[SLOWLY, PATIENT],
    plans: [Plan::ROUGH, FAILING],
};

/// Many checkpoints to choose from.
const RETAINED: Ground = Ground {
    name: "words, retained",
    overrides: &[SLOWLY, PATIENT, SOON, "execution.checkpointing.num-retained=10"],
    plans: [Plan::ROUGH, FAILING],
    ..WORDS
};

/// A checkpoint is never given up for its age.
const LASTING: Ground = Ground {
    name: "words, lasting",
    overrides: &[SLOWLY, PATIENT, "execution.checkpointing.timeout=1h"],
    plans: [FAILING, FAILING],
    ..WORDS
};

/// One restart follows the other, and checkpoints fail between.
const RAGED: Ground =
    Ground { name: "words, raged", overrides: &[SLOWLY, PATIENT, SOON], plans: [RAGING, RAGING], ..WORDS };

/// One source ends long before the other.
const SUMS: Ground = Ground {
    name: "sums",
    scenario: "sum-even-odd",
    overrides: &[FEWER[0], FEWER[1], PATIENT, "execution.checkpointing.interval=200ms"],
    plans: [Plan::ROUGH, Plan::ROUGH],
};

/// The same with several checkpoints in flight at any time, of which one is retained.
const CROWDED: Ground = Ground {
    name: "sums, crowded",
    overrides: &[
        FEWER[0],
        FEWER[1],
        PATIENT,
        "execution.checkpointing.interval=20ms",
        "execution.checkpointing.max-concurrent-checkpoints=5",
        "execution.checkpointing.num-retained=1",
    ],
    ..SUMS
};

/// The same, and links are clogged again and again: barriers of several checkpoints come on one input before one comes on another.
const CLOGGED: Ground = Ground {
    name: "sums, clogged",
    overrides: &[
        FEWER[0],
        FEWER[1],
        PATIENT,
        SOON,
        "execution.checkpointing.interval=20ms",
        "execution.checkpointing.max-concurrent-checkpoints=5",
        "execution.checkpointing.num-retained=1",
    ],
    plans: [CLOGS, CLOGS],
    ..SUMS
};

/// State that is removed again, and timers; who keeps a log writes all of it down all the time.
const SESSIONS: Ground = Ground {
    name: "sessions",
    scenario: "visits",
    overrides: &[
        PATIENT,
        "execution.checkpointing.interval=150ms",
        "state.changelog.periodic-materialize.interval=100ms",
    ],
    plans: [Plan::ROUGH, Plan::ROUGH],
};

/// A loop.
const WALKS: Ground = Ground {
    name: "walks",
    scenario: "collatz",
    overrides: &[
        "input.numbers.kind.numbers.count=120",
        "input.numbers.kind.numbers.rate=40/s",
        PATIENT,
        "execution.checkpointing.interval=200ms",
    ],
    plans: [Plan::ROUGH, Plan::ROUGH],
};

/// The bugs that are caught, in the order of their registry.
const CAUGHT: &[Caught] = &[
    caught("no-block", &WORDS, "state", 1),
    caught("late-snapshot", &WORDS, "state", 1),
    caught("no-drain", &WORDS, "state", 1),
    caught("first-barrier", &WORDS, "state", 1),
    caught("early-forward", &WORDS, "state", 1),
    caught("count-barriers", &CLOGGED, "state", 8),
    caught("flushed-behind", &WORDS, "state", 1),
    caught("early-resume", &WORDS, "cut", 4),
    caught("ended-inputs-count", &SUMS, "liveness", 1),
    caught("awaits-back-edges", &WALKS, "liveness", 1),
    caught("all-inputs-ended", &WORDS, "liveness", 1),
    caught("timeout-reads-on", &WORDS, "state", 2),
    caught("timeout-uncaptured", &WORDS, "cut", 1),
    caught("still-world", &WORDS, "state", 1),
    caught("first-input", &WORDS, "state", 1),
    caught("unsaved-output", &WORDS, "state", 1),
    caught("read-on", &WORDS, "state", 1),
    caught("late-barrier", &SUMS, "cut", 17),
    caught("restored-uncaptured", &WORDS, "cut", 1),
    caught("unrecorded-input", &WORDS, "state", 1),
    caught("last-marker", &WORDS, "state", 1),
    caught("unlogged-back-edge", &WALKS, "cut", 1),
    caught("ack-before-captured", &WORDS, "ledger", 1),
    caught("capture-again", &WORDS, "cut", 1),
    caught("writer-ends", &WORDS, "liveness", 1),
    caught("told-unwritten", &RAGED, "cut", 10),
    caught("ack-before-durable", &WORDS, "ledger", 1),
    caught("mixed-line", &RETAINED, "state", 1),
    caught("string-order", &RETAINED, "ledger", 11),
    caught("subsume-early", &WORDS, "store", 1),
    caught("stale-standing", &CROWDED, "store", 1),
    caught("deleted-by-age", &WORDS, "cluster", 1),
    caught("forget-trigger", &WORDS, "liveness", 1),
    caught("newest-of-all", &WORDS, "cluster", 1),
    caught("forced-unwritten", &RAGED, "cluster", 1),
    caught("hoard", &WORDS, "store", 4),
    caught("undead", &WORDS, "cluster", 1),
    caught("deaf-clocks", &WALKS, "zigzag", 2),
    caught("adopted-index", &WALKS, "zigzag", 1),
    caught("delivered-meanwhile", &WALKS, "zigzag", 1),
    caught("equal-index", &WORDS, "cluster", 1),
    caught("lost-tombstone", &SESSIONS, "state", 1),
    caught("inclusive-boundary", &SESSIONS, "state", 5),
    caught("unflushed-rows", &WORDS, "state", 1),
    caught("headless-timers", &SESSIONS, "state", 2),
    caught("ignored-tail", &WORDS, "state", 1),
    caught("saved-while-loading", &WORDS, "state", 1),
    caught("aborted-share", &WORDS, "cluster", 2),
    caught("stale-copy", &CROWDED, "store", 13),
    caught("early-truncation", &SESSIONS, "cluster", 4),
    caught("unresolved-placeholder", &WORDS, "cluster", 1),
    caught("hung-upload", &LASTING, "liveness", 1),
    caught("commit-on-snapshot", &WORDS, "ledger", 2),
    caught("forget-last-commit", &WORDS, "ledger", 1),
    caught("commit-alone", &WORDS, "ledger", 1),
    caught("taken-for-done", &WORDS, "ledger", 2),
    caught("written-again", &WORDS, "ledger", 2),
    caught("forgotten-commit", &WORDS, "ledger", 8),
    caught("pooled-names", &WORDS, "ledger", 2),
    caught("stops-at-closed", &SUMS, "liveness", 1),
];

/// The bugs that are not, and why.
const NOT_CAUGHT: &[(&str, &str)] = &[
    (
        "start-after-newer",
        "not by 40 seeds: it takes a cancellation at one task, a snapshot at the next, and a crash between two commits",
    ),
    (
        "abort-not-forwarded",
        "no message to or from the coordinator is lost: a stream delivers or breaks, and then the job restarts",
    ),
    ("frozen-for-ever", "no message to or from the coordinator is lost"),
    ("old-source", "savepoints are refused"),
    ("savepoint-passed-over", "savepoints are refused"),
    ("count-acks", "no message comes twice"),
    ("stale-ack", "what an older attempt says comes before its end is confirmed: a stream keeps the order"),
    ("gives-all-back", "cancellations are refused"),
    ("keeps-the-newest", "cancellations are refused"),
    (
        "ignore-late-ack",
        "the word that a checkpoint was given up reaches every task, which then gives its snapshot back itself",
    ),
    ("lost-start", "no message to or from the coordinator is lost, so nothing has to expire"),
    (
        "global-counter",
        "a sleep lasts a millisecond at least, and the counter moves acknowledgements by less",
    ),
    ("hash-order", "madsim decides the order of the hash maps of the standard library, too, by the seed"),
    ("lost-timers", "savepoints are refused"),
    ("rootless-log", "savepoints are refused"),
    (
        "uncounted-files",
        "the coordinator counts references by itself, and does not ask a backend what may go",
    ),
];

fn prepared(ground: &Ground) -> Prepared {
    let source = resolve(ground.scenario).expect("a scenario");
    Prepared::load(&source, ground.overrides, 1).expect("a job")
}

fn job(prepared: &Prepared, name: &str) -> Job {
    let contender = Contender::named(name).expect("a strategy");
    let topology = prepared.topology_under(contender.guarantee);
    Job { topology, cut: contender.cut, snapshot: contender.snapshot }
}

fn run_once(prepared: &Prepared, ground: &Ground, name: &str, seed: u64) -> Report {
    run(prepared, &job(prepared, name), ground.plans[seed as usize % 2], seed)
}

/// The first objection over some seeds.
fn hunt(prepared: &Prepared, ground: &Ground, name: &str, seeds: u64) -> Option<(u64, &'static str, String)> {
    (0..seeds).find_map(|seed| {
        let (oracle, proof) = run_once(prepared, ground, name, seed).objection()?;
        Some((seed + 1, oracle, proof))
    })
}

/// The grounds, each once.
fn grounds() -> Vec<&'static Ground> {
    let mut seen = BTreeSet::new();
    CAUGHT.iter().map(|it| it.ground).filter(|ground| seen.insert(ground.name)).collect()
}

/// The bugs that can be driven at all.
fn driven() -> impl Iterator<Item = &'static Bug> {
    let words = prepared(&WORDS);
    bugs::all().filter(move |bug| job(&words, bug.name).check().is_ok())
}

#[test]
fn where_bugs_are_hunted_the_strategies_themselves_are_clean() {
    for ground in grounds() {
        let prepared = prepared(ground);
        let mine = CAUGHT.iter().filter(|it| it.ground.name == ground.name);
        let of: BTreeSet<&str> = mine.map(|it| bugs::find(it.bug).expect("a bug").of).collect();
        for strategy in of {
            assert_eq!(hunt(&prepared, ground, strategy, CLEAN), None, "{strategy} on {}", ground.name);
        }
    }
}

#[test]
fn planted_bugs_are_caught() {
    for ground in grounds() {
        let prepared = prepared(ground);
        for it in CAUGHT.iter().filter(|it| it.ground.name == ground.name) {
            let found = hunt(&prepared, ground, it.bug, HUNTED).map(|(seeds, oracle, _)| (oracle, seeds));
            assert_eq!(found, Some((it.oracle, it.seeds)), "{} on {}", it.bug, ground.name);
        }
    }
}

#[test]
fn what_is_not_caught_is_clean_and_the_same_when_it_is_done_again() {
    let words = prepared(&WORDS);
    for (bug, _) in NOT_CAUGHT {
        for seed in 0..2 {
            let [first, again] = [(); 2].map(|()| run_once(&words, &WORDS, bug, seed));
            assert_eq!(first.objection(), None, "{bug}: move it to those that are caught");
            assert_eq!(first.outcome, again.outcome, "{bug}: a seed gives one run");
        }
    }
}

#[test]
fn every_bug_that_can_be_driven_is_caught_or_says_why_not() {
    let known: Vec<&str> = CAUGHT.iter().map(|it| it.bug).chain(NOT_CAUGHT.iter().map(|it| it.0)).collect();
    let of_registry: BTreeSet<&str> = driven().map(|bug| bug.name).collect();
    assert_eq!(known.iter().copied().collect::<BTreeSet<&str>>(), of_registry);
    assert_eq!(known.len(), of_registry.len(), "each once");
}

/// The tables of the page, from their rows.
fn tables(caught: impl Iterator<Item = Caught>) -> [String; 2] {
    let head = "| bug | of | caught by | job | on madsim | seeds |\n|---|---|---|---|---|---|\n".to_owned();
    let found = caught.fold(head, |text, it| {
        let bug = bugs::find(it.bug).expect("a bug");
        let Caught { bug: name, ground, oracle, seeds } = it;
        format!(
            "{text}| `{name}` | {} | {} | {} | {oracle} | {seeds} |\n",
            bug.of, bug.caught_by, ground.name
        )
    });
    let head = "| bug | of | caught by | why not on madsim |\n|---|---|---|---|\n".to_owned();
    let missed = NOT_CAUGHT.iter().fold(head, |text, (name, why)| {
        let bug = bugs::find(name).expect("a bug");
        format!("{text}| `{name}` | {} | {} | {why} |\n", bug.of, bug.caught_by)
    });
    [found, missed]
}

#[test]
fn the_page_shows_the_tables() {
    let rows = CAUGHT.iter().map(|it| caught(it.bug, it.ground, it.oracle, it.seeds));
    for table in tables(rows) {
        assert!(PAGE.contains(&table), "docs/madsim.md is to show\n{table}");
    }
    let counts = format!("{} of {} bugs", CAUGHT.len(), CAUGHT.len() + NOT_CAUGHT.len());
    assert!(PAGE.contains(&counts), "docs/madsim.md is to say `{counts}`");
}

/// With `TABLE=1`: prints the tables of docs/madsim.md, of what is found now.
#[test]
fn the_tables_can_be_printed() {
    let all = std::env::var_os("TABLE").is_some();
    let rows = CAUGHT.iter().take(if all { usize::MAX } else { 1 }).filter_map(|it| {
        let (seeds, oracle, _) = hunt(&prepared(it.ground), it.ground, it.bug, HUNTED)?;
        Some(caught(it.bug, it.ground, oracle, seeds))
    });
    let [found, missed] = tables(rows);
    assert!(found.lines().count() > 2, "nothing was found");
    println!("{found}\n{missed}");
}
