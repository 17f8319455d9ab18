//! A job that starts from a savepoint of another one, at any parallelism, ends as if nothing had ever happened: every oracle holds
//! for the second job, and the reference is the whole failure-free run.

mod loops;
mod random;

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::capsule::Program;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::{ScenarioText, resolve};
use cutline_scenarios::prepare::{Prepared, StartError};
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::savepoint_file::{Provenance, SavepointFile};
use cutline_sim::Status;
use cutline_sim::config::CheckpointMode;
use cutline_sim::event::{Event, Stamped};
use cutline_sim::faults::FaultPlan;
use cutline_sim::ids::TaskId;
use cutline_sim::oracles::reference::OperatorReference;
use cutline_sim::protocol::SnapshotMethod;
use cutline_sim::random::{below, draw};
use cutline_sim::savepoint::{RestoreError, Savepoint};
use cutline_sim::state::{group_owner, key_group};
use cutline_sim::store::Store;
use cutline_sim::world::World;

/// The largest parallelism.
const MOST: u32 = 5;

/// The largest parallelism of random jobs that are wide.
const WIDEST: u32 = 8;

/// Draws from one sequence.
struct Draws {
    key: u64,
    n: u64,
}

impl Draws {
    fn new(seed: u64) -> Draws {
        Draws { key: draw(0x7265_7363, seed), n: 0 }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.n += 1;
        below(draw(self.key, self.n), n)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A savepoint, and how many tasks had consumed all their input.
struct Taken {
    savepoint: Savepoint,
    ended: usize,
    tasks: usize,
}

/// What the second jobs went through.
#[derive(Debug, Default)]
struct Seen {
    moves: u32,
    /// Restores of a checkpoint of the job itself, and of the savepoint, behind a failure.
    own: usize,
    base: usize,
    /// Savepoints with tasks that had ended, some or all.
    partly_ended: u32,
    ended: u32,
    up: u32,
    down: u32,
    /// Savepoints with something in flight, and those among them that another parallelism could not take.
    dealt: u32,
    refused: u32,
}

impl Seen {
    fn note(&mut self, taken: &Taken, record: &RunRecord) {
        self.moves += 1;
        let own = record.restores.iter().filter(|restore| restore.checkpoint.is_some()).count();
        self.own += own;
        self.base += record.restores.len() - own;
        self.partly_ended += u32::from(taken.ended > 0 && taken.ended < taken.tasks);
        self.ended += u32::from(taken.ended == taken.tasks);
        self.dealt += u32::from(taken.savepoint.in_flight() > 0);
    }
}

/// Nothing is wrong, and the job has finished.
fn check(record: &RunRecord, what: &str) {
    let wrong: Vec<_> = record.verdicts.iter().filter(|it| it.verdict.is_fail()).collect();
    assert!(record.class() == Class::Pass, "{what}: {wrong:#?}\n{:#?}", record.plan);
}

fn plan(prepared: &Prepared, profile: &str, seed: u64) -> Arc<FaultPlan> {
    let profile = faults::resolve(profile).expect("a profile");
    Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed))
}

fn ended(world: &World) -> usize {
    let tasks = (0..world.topology().tasks.len() as u32).map(TaskId);
    tasks.filter(|&task| matches!(world.status(task), Status::Ended | Status::Finished)).count()
}

/// Runs a job and takes a savepoint of every checkpoint that completes (and is the newest then).
fn savepoints(runner: &mut Runner<'_>, seed: u64, plan: &Arc<FaultPlan>, what: &str) -> Vec<Taken> {
    let mut taken = Vec::new();
    let options = Options { forks: Some(false), lookahead: false, metrics: false, ..Options::default() };
    let record = runner.run(
        seed,
        plan,
        &options,
        Some(&mut |world, events| {
            for event in events {
                if let Event::CheckpointCompleted { id, .. } = event.event
                    && world.store().completed().next_back() == Some(id)
                {
                    let (ended, tasks) = (ended(world), world.topology().tasks.len());
                    taken.extend(world.savepoint(id).map(|savepoint| Taken { savepoint, ended, tasks }));
                }
            }
        }),
    );
    check(&record, what);
    taken
}

/// Every key is with the subtask that owns its key group.
fn check_owners(world: &World) {
    let topology = world.topology();
    let groups = topology.config.cluster.max_parallelism;
    for (at, info) in topology.tasks.iter().enumerate() {
        let state = world.state(TaskId(at as u32));
        let keys = state.values().map(|(key, _)| key);
        let keys = keys.chain(state.all_entries().map(|(slot, _)| slot.key));
        let keys = keys.chain(state.timers().map(|timer| timer.key));
        let parallelism = topology.operators[info.operator.index()].parallelism;
        for key in keys {
            let owner = group_owner(key_group(key, groups), groups, parallelism);
            assert_eq!(owner, info.subtask, "key {key} is with {}", topology.task_name(TaskId(at as u32)));
        }
    }
}

/// What a file has of a savepoint.
fn text_of(savepoint: &Savepoint) -> String {
    let program = Program { version: String::new(), commit: None };
    let provenance = Provenance { program, scenario: String::new(), strategy: String::new(), seed: 0 };
    SavepointFile { provenance, savepoint: savepoint.clone() }.to_json().expect("a text")
}

/// The savepoint as a file gives it back.
fn through_a_file(savepoint: &Savepoint) -> Savepoint {
    let file = SavepointFile::from_json(text_of(savepoint).as_bytes());
    file.unwrap_or_else(|error| panic!("{error}")).savepoint
}

/// A job that starts from a savepoint in a file.
fn start(job: &Prepared, taken: &Taken) -> Result<Prepared, StartError> {
    let started = job.start_from(&through_a_file(&taken.savepoint))?;
    held_to_the_whole_run(&started, job);
    Ok(started)
}

/// What the former job had done counts: the second is held to the whole failure-free run, or to what is no less.
fn held_to_the_whole_run(started: &Prepared, job: &Prepared) {
    let both = started.reference().operators.iter().zip(&job.reference().operators);
    if job.topology().config.checkpointing.mode == CheckpointMode::ExactlyOnce {
        let all = |of: &OperatorReference| {
            (of.received, of.lineages, of.fingerprint, of.visible, of.records_fingerprint, of.records.clone())
        };
        both.for_each(|(from_here, whole)| assert_eq!(all(from_here), all(whole), "{}", whole.uid));
        return;
    }
    // Some may have been counted twice, but none is missing.
    let lineages = |of: &OperatorReference| {
        let mut all: Vec<u64> = of.records.iter().map(|record| record.lineage).collect();
        all.sort_unstable();
        all
    };
    for (from_here, whole) in both {
        assert!(from_here.received >= whole.received, "{}", whole.uid);
        let (mut visible, must) = (lineages(from_here).into_iter(), lineages(whole));
        assert!(must.iter().all(|lineage| visible.any(|other| other == *lineage)), "{}", whole.uid);
    }
}

/// Runs a job that starts from a savepoint.
fn go_on(runner: &mut Runner<'_>, taken: &Taken, seed: u64, plan: &Arc<FaultPlan>, what: &str) -> RunRecord {
    let options = Options { forks: Some(seed.is_multiple_of(8)), ..Options::default() };
    let record = runner.run(seed, plan, &options, None);
    check(&record, what);
    check_owners(runner.world());
    let world = runner.world();
    assert!(world.first_attempt() > taken.savepoint.attempt() && world.attempt() >= world.first_attempt());
    assert!(record.checkpoints.iter().all(|it| it.id > taken.savepoint.id()), "an id was given out again");
    record
}

/// A job of the library at every parallelism from 1 to [`MOST`].
fn prepare(name: &str, operators: &[&str], overrides: &[&str]) -> Vec<Prepared> {
    let at = |parallelism: u32| {
        let mut overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        overrides.push(format!("cluster.nodes={}", parallelism + 1));
        overrides.extend(operators.iter().map(|uid| format!("job.operator.{uid}.parallelism={parallelism}")));
        Prepared::load(&resolve(name).expect("a scenario"), &overrides, 7)
            .unwrap_or_else(|error| panic!("{error}"))
    };
    (1..=MOST).map(at).collect()
}

/// Runs a job with faults, starts it again from a checkpoint somewhere in the middle and from one near the end, at another
/// parallelism and perhaps under another strategy, with other faults.
fn rescale(jobs: &[Prepared], seeds: Range<u64>, seen: &mut Seen) {
    for seed in seeds {
        let mut draws = Draws::new(seed);
        let (p, q) = (draws.below(u64::from(MOST)) as usize, draws.below(u64::from(MOST)) as usize);
        let (first, second) = (&jobs[p], &jobs[q]);
        let strategies = [draws.one_of(&[0, 1]), draws.one_of(&[0, 1])].map(|at| &STRATEGIES[at]);
        let what = format!(
            "{} with seed {seed}, {} to {} subtasks, under {} and {}",
            first.name(),
            p + 1,
            q + 1,
            strategies[0].name,
            strategies[1].name
        );
        let profiles = ["crashes", "everything"];
        let plans = [(first, seed), (second, seed + 1_000_000)]
            .map(|(job, seed)| plan(job, draws.one_of(&profiles), seed));
        let mut runner = Runner::new(first, Contender::from(strategies[0]));
        let taken = savepoints(&mut runner, seed, &plans[0], &what);
        if taken.is_empty() {
            continue;
        }
        let middle = draws.below(taken.len() as u64) as usize;
        let late = taken.len() - 1 - draws.below(taken.len().min(3) as u64) as usize;
        for at in [middle, late] {
            let what = format!("{what}, from savepoint {} of {}", at + 1, taken.len());
            let started = start(second, &taken[at]).unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut runner = Runner::new(&started, Contender::from(strategies[1]));
            seen.note(&taken[at], &go_on(&mut runner, &taken[at], seed, &plans[1], &what));
            seen.up += u32::from(q > p);
            seen.down += u32::from(q < p);
        }
    }
}

/// What must have been met for the test to mean anything.
fn enough(seen: &Seen) {
    let Seen { moves, own, base, partly_ended, up, down, .. } = *seen;
    let enough = own as u32 * 4 > moves && base > 1 && partly_ended > 1 && up > 4 && down > 4;
    assert!(enough, "too little was met: {seen:?}");
}

const WORDS: &[&str] = &["source", "tokenizer", "count", "sink"];

#[test]
fn a_word_count_ends_right_with_every_kind_of_sink() {
    let mut seen = Seen::default();
    for (sink, seeds) in [("transactional", 0..9), ("idempotent", 100..109), ("plain", 200..209)] {
        let sink = format!("job.operator.sink.does.sink={sink}");
        let short = ["input.text.kind.text.splits=3", "execution.checkpointing.interval=100ms"];
        rescale(&prepare("wordcount", WORDS, &[&sink, short[0], short[1]]), seeds, &mut seen);
    }
    enough(&seen);
}

#[test]
fn nothing_is_lost_at_least_once() {
    let short = [
        "input.text.kind.text.splits=3",
        "execution.checkpointing.interval=100ms",
        "execution.checkpointing.mode=AT_LEAST_ONCE",
    ];
    let mut seen = Seen::default();
    rescale(&prepare("wordcount", WORDS, &short), 1000..1020, &mut seen);
    enough(&seen);
}

#[test]
fn sums_of_two_branches_end_right() {
    let operators = ["source", "even", "odd", "sum-even", "sum-odd", "sink-even", "sink-odd"];
    let short = [
        "input.numbers.kind.numbers.count=3000",
        "job.operator.source.service=700us",
        "execution.checkpointing.interval=100ms",
    ];
    let mut seen = Seen::default();
    rescale(&prepare("sum-even-odd", &operators, &short), 0..20, &mut seen);
    enough(&seen);
}

#[test]
fn windows_and_joins_end_right() {
    let windows = ["source", "bids", "count", "sink"];
    let short = [
        "input.events.kind.nexmark.events=3000",
        "input.events.kind.nexmark.rate=2000/s",
        "execution.checkpointing.interval=100ms",
    ];
    let mut seen = Seen::default();
    let window = [&short[..], &["job.operator.count.does.tumbling-window.size=150ms"]].concat();
    rescale(&prepare("nexmark-q12", &windows, &window), 0..20, &mut seen);
    let joins = ["source", "auctions", "persons", "join", "sink"];
    let window = [&short[..], &["job.operator.join.does.window-join.size=150ms"]].concat();
    rescale(&prepare("nexmark-q8", &joins, &window), 20..40, &mut seen);
    rescale(&prepare("nexmark-q3", &joins, &short), 40..60, &mut seen);
    enough(&seen);
}

// What a savepoint is.

/// A word count with many checkpoints.
fn words(overrides: &[&str]) -> Vec<Prepared> {
    prepare("wordcount", WORDS, &[&["execution.checkpointing.interval=50ms"], overrides].concat())
}

fn world(prepared: &Prepared, from: Option<&Savepoint>, seed: u64) -> World {
    let strategy = &STRATEGIES[0];
    let mut world = World::new(Arc::clone(prepared.topology()), &strategy.cut, strategy.snapshot);
    if let Some(savepoint) = from {
        world.start_from(savepoint).unwrap_or_else(|error| panic!("{error}"));
    }
    world.begin(seed, plan(prepared, "crashes", seed));
    world
}

fn digest(mut world: World) -> u128 {
    world.run(&mut |_, _| {});
    world.digest()
}

#[test]
fn a_world_that_started_from_a_savepoint_can_be_reset() {
    let jobs = words(&[]);
    let mut runner = Runner::new(&jobs[1], Contender::from(&STRATEGIES[0]));
    let savepoint = runner.savepoint(1, &plan(&jobs[1], "crashes", 1), 3).expect("a third checkpoint");
    let pristine = World::new(Arc::clone(jobs[2].topology()), &STRATEGIES[0].cut, STRATEGIES[0].snapshot);
    let begin = |mut world: World| {
        world.begin(5, plan(&jobs[2], "crashes", 5));
        world
    };
    let mut used = world(&jobs[2], Some(&savepoint), 4);
    used.run(&mut |_, _| {});
    used.clone_from(&pristine);
    assert_eq!(
        digest(begin(used.clone())),
        digest(world(&jobs[2], None, 5)),
        "nothing is left of the savepoint"
    );
    used.start_from(&savepoint).expect("a start");
    let expected = digest(world(&jobs[2], Some(&savepoint), 5));
    assert_eq!(digest(begin(used)), expected);
    let mut in_order = world(&jobs[2], Some(&savepoint), 5);
    in_order.set_lookahead(false);
    assert_eq!(digest(in_order), expected, "with lookahead or without");
    assert_ne!(digest(world(&jobs[2], None, 5)), expected);
}

#[test]
fn the_savepoint_of_a_runner_is_that_of_its_run() {
    let jobs = words(&["job.operator.sink.does.sink=plain"]);
    let mut runner = Runner::new(&jobs[1], Contender::from(&STRATEGIES[1]));
    let drawn = Arc::default();
    let taken = savepoints(&mut runner, 2, &drawn, "the first job");
    let third = runner.savepoint(2, &drawn, 3).expect("a third checkpoint");
    assert_eq!(third.id(), taken[2].savepoint.id());
    assert!(third.operators().eq([("source", 2), ("tokenizer", 2), ("count", 2), ("sink", 2)]));
    assert!(runner.savepoint(2, &drawn, taken.len() as u64 + 1).is_none(), "there are no more");
    let expected = digest(world(&jobs[3], Some(&taken[2].savepoint), 9));
    assert_eq!(digest(world(&jobs[3], Some(&third), 9)), expected);
    assert_ne!(digest(world(&jobs[3], Some(&taken[3].savepoint), 9)), expected);
}

/// Sinks have committed since what the savepoint does not know of: the user's choice, as in Flink, and the ledger shows it.
#[test]
fn an_older_checkpoint_makes_visible_again_what_newer_ones_committed() {
    let jobs = words(&["execution.checkpointing.num-retained=3"]);
    let mut taken = None;
    let mut completed = Vec::new();
    let mut first = world(&jobs[1], None, 1);
    first.run(&mut |world, events| {
        for event in events {
            if let Event::CheckpointCompleted { id, .. } = event.event {
                completed.push(id);
                if completed.len() == 4 {
                    assert!(world.savepoint(completed[0]).is_none(), "that one is not retained");
                    taken = world.savepoint(completed[1]);
                }
            }
        }
    });
    let started = jobs[2].start_from(&taken.expect("a savepoint")).expect("a start");
    let mut runner = Runner::new(&started, Contender::from(&STRATEGIES[0]));
    let record = runner.run(1, &Arc::default(), &Options { forks: Some(false), ..Options::default() }, None);
    let objects: Vec<&str> =
        record.verdicts.iter().filter(|it| it.verdict.is_fail()).map(|it| it.oracle.as_str()).collect();
    assert_eq!(objects, ["ledger"]);
}

/// Who has to read the whole files of several former subtasks starts later.
#[test]
fn a_restore_takes_as_long_as_the_files_are_large() {
    let large = ["job.operator.count.state-bytes=16MiB", "cluster.store.read-bandwidth=64MiB/s"];
    let jobs = words(&large);
    let mut runner = Runner::new(&jobs[1], Contender::from(&STRATEGIES[0]));
    let savepoint = runner.savepoint(1, &Arc::default(), 2).expect("a second checkpoint");
    for (at, files) in [(0, 2), (1, 1), (2, 2), (3, 1)] {
        let started = jobs[at].start_from(&savepoint).expect("a start");
        let mut runner = Runner::new(&started, Contender::from(&STRATEGIES[0]));
        let config = &jobs[at].topology().config;
        let (mut checked, mut largest) = (0, 0);
        let mut watch = |world: &World, events: &[Stamped]| {
            for event in events {
                if let (Event::TaskRunning { .. }, Some(task)) = (event.event, event.origin.as_task()) {
                    let bytes = world.base(task).expect("a base").bytes;
                    let read = Store::read_time(&config.store, bytes);
                    assert_eq!(event.time, config.network.control_latency + config.recovery.deploy + read);
                    checked += 1;
                    largest = bytes.max(largest);
                }
            }
        };
        runner.run(1, &Arc::default(), &Options::default(), Some(&mut watch));
        assert_eq!((checked, largest >> 24), (jobs[at].topology().tasks.len(), files), "at {}", at + 1);
    }
}

/// The end of a shorter input was on its way: it is not the end of the longer one.
#[test]
fn an_input_that_has_grown_goes_on_behind_what_was_in_flight() {
    let job = |count: u32| {
        let text = format!(
            "name = \"grown\"\nabout = \"A slow count.\"\n\
             [input.in]\nkind = {{ numbers = {{ count = {count}, rate = \"20000/s\", splits = 2 }} }}\n\
             [[job.operator]]\nuid = \"source\"\ndoes = {{ source = \"in\" }}\nparallelism = 2\n\
             [[job.operator]]\nuid = \"key\"\ndoes = {{ key-by-value = {{ modulus = 7 }} }}\nparallelism = 2\n\
             service = \"300us\"\n\
             [[job.operator]]\nuid = \"count\"\ndoes = \"keyed-count\"\nparallelism = 2\nservice = \"1ms\"\n\
             [[job.operator]]\nuid = \"sink\"\ndoes = {{ sink = \"transactional\" }}\n\
             [[job.edge]]\nfrom = \"source\"\nto = \"key\"\nship = \"rebalance\"\n\
             [[job.edge]]\nfrom = \"key\"\nto = \"count\"\nship = \"hash\"\n\
             [[job.edge]]\nfrom = \"count\"\nto = \"sink\"\nship = \"rebalance\"\n"
        );
        let source = ScenarioText::new("grown.toml", text);
        let set = ["execution.checkpointing.interval=5ms", "taskmanager.memory.segment-size=64 B"];
        Prepared::load(&source, &set, 7).unwrap_or_else(|error| panic!("{error}"))
    };
    let jobs = [job(200), job(300)];
    let captures = STRATEGIES.iter().find(|strategy| strategy.name == "unaligned").expect("a strategy");
    let captures = Contender::from(captures);
    let taken = savepoints(&mut Runner::new(&jobs[0], captures), 1, &Arc::default(), "the shorter job");
    let partly = taken.iter().filter(|taken| (1..taken.tasks).contains(&taken.ended));
    let go_on = |taken| {
        let started = start(&jobs[1], taken).unwrap_or_else(|error| panic!("{error}"));
        go_on(&mut Runner::new(&started, captures), taken, 1, &Arc::default(), "the longer job")
    };
    let went_on = partly.map(go_on).count();
    assert!(went_on > 4, "{went_on} savepoints while something had ended and something had not");
}
