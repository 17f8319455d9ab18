//! Cutline: the scenario `pipe` with one task per stage, under aligned barriers, in three ways that differ in what is asked beside.

use std::cell::Cell;
use std::sync::Arc;

use cutline_benches::engine::OPTIONS;
use cutline_scenarios::capsule::CapsuleOptions;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::Class;
use cutline_scenarios::run::{Contender, Runner};
use cutline_scenarios::sweep::manifest::{Asked, AskedScenario, AskedText};
use cutline_scenarios::sweep::partition::Partition;
use cutline_scenarios::sweep::{Control, Sweep, work};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::faults::FaultPlan;
use cutline_sim::ids::TaskId;
use cutline_sim::world::{self, World};

use super::bare::staged;
use super::{Row, SEED, version_of};
use crate::workload::{HOPS, KEYS, Outcome, RECORDS, STAGES};

/// The strategy of all rows of Cutline.
pub const STRATEGY: &str = "aligned";
/// Runs of a sweep, each with a seed of its own.
const SWEPT: u64 = 4;

/// The rows.
pub fn rows() -> Vec<Row> {
    let row =
        |name, includes, hops, run| Row { name, version: version_of("cutline-sim"), includes, hops, run };
    vec![
        row("Cutline, the machine alone", "seed, aligned checkpoints, all faults possible", HOPS, alone()),
        row("Cutline, judged", "the same, every oracle", HOPS, judged()),
        row(
            "Cutline, in a sweep",
            "the same, crashes and recovery; inputs made and interpreted, rows written",
            SWEPT * HOPS,
            swept(),
        ),
    ]
}

/// What is laid over the scenario `pipe` of the library.
pub fn overrides() -> Vec<String> {
    let mut overrides = vec![
        format!("input.keys.kind.keys.count={RECORDS}"),
        "input.keys.kind.keys.splits=1".to_owned(),
        "job.operator.source.parallelism=1".to_owned(),
        format!("cluster.nodes={}", STAGES + 1),
        "execution.checkpointing.interval=2s".to_owned(),
    ];
    overrides.extend((1..=STAGES).map(|stage| format!("job.operator.stage-{stage}.parallelism=1")));
    overrides
}

/// The scenario, with the input of a seed.
///
/// # Panics
/// If it cannot be built: the bench itself is wrong then.
pub fn prepared(seed: u64) -> Prepared {
    let pipe = resolve("pipe").unwrap_or_else(|error| panic!("{error}"));
    Prepared::load(&pipe, &overrides(), seed).unwrap_or_else(|error| panic!("{error}"))
}

/// The strategy.
///
/// # Panics
/// If there is none of the name.
pub fn contender() -> Contender {
    Contender::named(STRATEGY).expect("the strategy is in the table")
}

/// The final state of a run, by stage and key; the source has task 0.
fn outcome(world: &World) -> Outcome {
    let mut counters = vec![0; STAGES * KEYS as usize];
    for stage in 0..STAGES {
        for (key, value) in world.state(TaskId(1 + stage as u32)).values() {
            counters[stage * KEYS as usize + key as usize] = value;
        }
    }
    Outcome { counters, snapshots: None, ended: None }
}

/// What the failure-free interpreter makes of the input: what the oracle `state` holds every run to.
pub fn reference(prepared: &Prepared) -> Outcome {
    let mut counters = vec![0; STAGES * KEYS as usize];
    for stage in 0..STAGES {
        let uid = format!("stage-{}", 1 + stage);
        let operators = &prepared.reference().operators;
        let operator =
            operators.iter().find(|operator| operator.uid == uid).expect("every stage is an operator");
        for (key, value) in operator.state.values() {
            counters[stage * KEYS as usize + key as usize] = value;
        }
    }
    Outcome { counters, snapshots: None, ended: None }
}

/// A world, of which nobody asks more than whether a checkpoint has completed.
fn alone() -> Box<dyn FnMut() -> Outcome> {
    let (prepared, contender) = (prepared(SEED), contender());
    let topology = prepared.topology_under(contender.guarantee);
    let pristine = World::new(topology, &contender.cut, contender.snapshot);
    let mut world = pristine.clone();
    Box::new(move || {
        world.clone_from(&pristine);
        world.begin(SEED, Arc::default());
        let mut completed = 0;
        let ended = world.run(&mut |_, events| {
            let complete = |event: &&Stamped| matches!(event.event, Event::CheckpointCompleted { .. });
            completed += events.iter().filter(complete).count();
        });
        assert!(ended == world::Outcome::Finished && completed > 0, "{ended:?}, {completed} checkpoints");
        outcome(&world)
    })
}

/// As `cutline run` does it, without figures for people.
fn judged() -> Box<dyn FnMut() -> Outcome> {
    // A bench lives as long as its process.
    let prepared: &'static Prepared = Box::leak(Box::new(prepared(SEED)));
    let mut runner = Runner::new(prepared, contender());
    Box::new(move || {
        let record = runner.run(SEED, &Arc::<FaultPlan>::default(), &OPTIONS, None);
        assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
        outcome(runner.world())
    })
}

/// As `cutline sweep` does it, on one thread. Every seed has an input of its own, whose result is what the interpreter says; so it is
/// the interpreter that is compared with the bare loop, seed by seed, and every run with the interpreter, by the oracle `state`.
fn swept() -> Box<dyn FnMut() -> Outcome> {
    let seeds = SEED..SEED + SWEPT;
    for seed in seeds.clone() {
        let objection = reference(&prepared(seed)).objection(&staged(seed));
        assert_eq!(objection, None, "the interpreter and the bare loop disagree under seed {seed}");
    }
    let (sweep, first) = (sweep(&format!("{}..{}", seeds.start, seeds.end)), reference(&prepared(SEED)));
    Box::new(move || {
        let (restarts, bytes) = (Cell::new(0), Cell::new(0));
        let done = work(&sweep, Partition::WHOLE, 1, &Control::default(), &|_| true, |done| {
            let row = &done.row.row;
            assert_eq!(row.class, Class::Pass, "seed {}: {}", row.seed, row.failed);
            restarts.set(restarts.get() + row.restores);
            bytes.set(bytes.get() + done.row.to_csv().unwrap_or_else(|error| panic!("{error}")).len());
        });
        done.unwrap_or_else(|error| panic!("{error}"));
        assert!(restarts.get() > 0 && bytes.get() > 0, "nothing crashes in this sweep");
        first.clone()
    })
}

fn sweep(seeds: &str) -> Sweep {
    let pipe = resolve("pipe").unwrap_or_else(|error| panic!("{error}"));
    let crashes = faults::text("crashes").unwrap_or_else(|error| panic!("{error}"));
    let mut asked = Asked {
        scenarios: vec![AskedScenario {
            asked: "pipe".to_owned(),
            text: AskedText::new(&pipe),
            overrides: overrides(),
        }],
        input: None,
        files: Vec::new(),
        strategies: vec![STRATEGY.to_owned()],
        faults: vec![AskedText::new(&crashes)],
        seeds: seeds.parse().unwrap_or_else(|error| panic!("{error}")),
        options: CapsuleOptions { forks: Some(false), check_determinism: false, lookahead: true },
        regressions: Vec::new(),
    };
    asked.sweep(&Contender::named).unwrap_or_else(|error| panic!("{error}"))
}
