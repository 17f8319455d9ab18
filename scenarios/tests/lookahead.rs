//! Batching is an optimisation with a proof: a task that runs ahead does nothing that it would not have done in order. Here
//! over random jobs on random networks, with faults, zombies, and restarts that run out. What the parts of a checkpoint take adds up
//! in each of these runs. A crash at a point of the protocol forbids tasks to run ahead: the module `points` has those.

mod cyclic;
mod points;
mod straight;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use crate::books::{Books, Waits};
use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_scenarios::faults;
use cutline_scenarios::library_files::ScenarioText;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, Outcome, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::event::{Detail, Event, Origin, Stamped};
use cutline_sim::faults::{FaultPlan, When};
use cutline_sim::oracles::determinism;
use cutline_sim::protocol::SnapshotMethod;
use cutline_sim::random::{below, draw};
use cutline_sim::world::World;

/// Jobs that once went wrong, each for a reason of its own: zombies at a restart, a letter after the end, a restart without
/// delay, a task that finished while what its cut had overtaken was still to become part of a checkpoint.
const SHOWED: [u64; 4] = [175, 440, 816, 100_947];

/// Jobs from this seed on are wide: up to 8 subtasks of an operator.
const WIDE: u64 = 1_000_000;

/// Draws from one sequence.
struct Draws {
    key: u64,
    n: u64,
    is_wide: bool,
}

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.n += 1;
        below(draw(self.key, self.n), n)
    }

    /// How many subtasks an operator has, or splits a source: up to so many, if the job is not wide.
    fn subtasks(&mut self, narrow: u64) -> u64 {
        1 + self.below(if self.is_wide { 8 } else { narrow })
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Which operators and sinks a job may have.
#[derive(Clone, Copy, PartialEq)]
enum Kinds {
    /// A few operators, transactional sinks.
    Few,
    /// More operators, windows and joins among them, every kind of sink.
    All,
    /// Those, and all that wait for the watermark, over inputs out of order.
    Timed,
    /// Jobs with loops, of their own kind.
    Cyclic,
    /// Jobs that are mostly straight, of their own kind.
    Straight,
}

/// What an operator reads: one or two others, the same on two ports, a source, two sources, a source and rules of another.
#[derive(Clone, Copy)]
enum Reads {
    Any,
    Two,
    Source,
    TwoSources,
    Rules,
}

/// What an operator does, whether it must be reached by the key, and what it reads.
fn does(draws: &mut Draws, kinds: Kinds) -> (&'static str, bool, Reads) {
    if kinds == Kinds::Timed && draws.below(3) > 0 {
        return match draws.below(9) {
            0 => ("{ session-window = { gap = \"2ms\" } }", true, Reads::Source),
            1 => ("{ tumbling-window = { size = \"9ms\", aggregate = \"sum\" } }", true, Reads::Source),
            2 => ("{ sliding-window = { size = \"50ms\", slide = \"20ms\" } }", true, Reads::Source),
            3 => ("{ deduplication = { time-to-live = \"15ms\" } }", true, Reads::Source),
            4 => ("{ top-n = { n = 2, size = \"30ms\" } }", true, Reads::Source),
            5 => ("{ pattern = { small = 9, large = 20, within = \"10ms\" } }", true, Reads::Source),
            6 => ("{ interval-join = { before = \"1ms\", after = \"5ms\" } }", true, Reads::TwoSources),
            7 => ("{ broadcast-state = { initial = 15 } }", true, Reads::Rules),
            _ => ("\"hold-back\"", false, Reads::Any),
        };
    }
    match draws.below(if kinds == Kinds::Few { 4 } else { 8 }) {
        0 => ("{ counter = { keys = 16 } }", true, Reads::Any),
        1 => ("\"keyed-count\"", true, Reads::Any),
        2 => ("{ key-by-value = { modulus = 7 } }", false, Reads::Any),
        3 => ("\"keep-even\"", false, Reads::Any),
        4 => ("{ flat-map = { copies = 2 } }", false, Reads::Any),
        5 => ("\"join\"", true, Reads::Two),
        6 => ("{ tumbling-window = { size = \"20ms\" } }", true, Reads::Source),
        _ => ("{ map = { multiply = 3, key-modulus = 5 } }", false, Reads::Any),
    }
}

/// A job of one or two sources, up to four operators behind them and each other, and a sink behind everything that nobody else
/// reads.
fn job(draws: &mut Draws, kinds: Kinds) -> String {
    match kinds {
        Kinds::Cyclic => return cyclic::job(draws),
        Kinds::Straight => return straight::job(draws),
        Kinds::Few | Kinds::All | Kinds::Timed => {}
    }
    let mut text = String::new();
    let sources = 1 + draws.below(2);
    // What may be read from: its uid and parallelism, whether somebody does already.
    let mut outputs: Vec<(String, u64, bool)> = Vec::new();
    for source in 0..sources {
        let (splits, count) = (draws.subtasks(3), 200 + draws.below(400));
        let rate = draws.one_of(&["500/s", "2000/s", "20000/s"]);
        let kind = draws.one_of(if kinds == Kinds::Timed { &["events"] } else { &["keys", "numbers"] });
        let more = match kind {
            "keys" => "keys = 40, ",
            "events" => "keys = 10, values = 30, disorder = \"4ms\", hot-per-mille = 200, ",
            _ => "",
        };
        let _ = writeln!(
            text,
            "[input.in-{source}]\nkind = {{ {kind} = {{ count = {count}, {more}rate = \"{rate}\", splits = {splits} }} }}"
        );
        let parallelism = 1 + draws.below(splits);
        operator(
            &mut text,
            draws,
            &format!("source-{source}"),
            &format!("{{ source = \"in-{source}\" }}"),
            parallelism,
        );
        outputs.push((format!("source-{source}"), parallelism, false));
    }
    for at in 0..1 + draws.below(4) {
        let (does, keyed, reads) = does(draws, kinds);
        let (uid, parallelism) = (format!("operator-{at}"), draws.subtasks(3));
        operator(&mut text, draws, &uid, does, parallelism);
        let first = draws.below(outputs.len() as u64) as usize;
        let second = draws.below(outputs.len() as u64) as usize;
        // A join has a port for each of two inputs, which may be one; what goes by event time stands behind a source.
        let source = |at: usize| at % sources as usize;
        let from = match reads {
            Reads::Two => vec![(first, 0), (second, 1)],
            Reads::TwoSources | Reads::Rules => vec![(source(first), 0), (source(second), 1)],
            Reads::Source => vec![(source(first), 0)],
            Reads::Any if first == second => vec![(first, 0)],
            Reads::Any => vec![(first, 0), (second, 0)],
        };
        for (from, port) in from {
            let rules = matches!(reads, Reads::Rules) && port == 1;
            let ship = if rules { Some("broadcast") } else { keyed.then_some("hash") };
            edge(&mut text, draws, &outputs[from], &uid, parallelism, ship);
            let _ = writeln!(text, "port = {port}");
            outputs[from].2 = true;
        }
        outputs.push((uid, parallelism, false));
    }
    for (at, output) in outputs.iter().enumerate() {
        if !output.2 {
            let (uid, parallelism) = (format!("sink-{at}"), draws.subtasks(2));
            let sink = match kinds {
                Kinds::Few => "transactional",
                Kinds::All | Kinds::Timed | Kinds::Cyclic | Kinds::Straight => {
                    draws.one_of(&["transactional", "idempotent", "plain"])
                }
            };
            operator(&mut text, draws, &uid, &format!("{{ sink = \"{sink}\" }}"), parallelism);
            edge(&mut text, draws, output, &uid, parallelism, None);
        }
    }
    text
}

fn operator(text: &mut String, draws: &mut Draws, uid: &str, does: &str, parallelism: u64) {
    let service = draws.one_of(&["0s", "1us", "50us", "700us"]);
    let jitter = draws.one_of(&["0s", "20us"]);
    let _ = writeln!(
        text,
        "[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nparallelism = {parallelism}\nservice = \"{service}\"\n\
         service-jitter = \"{jitter}\""
    );
}

fn edge(
    text: &mut String,
    draws: &mut Draws,
    from: &(String, u64, bool),
    to: &str,
    parallelism: u64,
    ship: Option<&str>,
) {
    let ship = match ship {
        Some(ship) => ship,
        None if from.1 == parallelism => draws.one_of(&["forward", "hash", "rebalance", "broadcast"]),
        None => draws.one_of(&["hash", "rebalance", "broadcast"]),
    };
    let _ = writeln!(text, "[[job.edge]]\nfrom = \"{}\"\nto = \"{to}\"\nship = \"{ship}\"", from.0);
}

/// The cluster: scarce or plentiful buffers, short or long ways, silent nodes that are soon declared dead.
fn cluster(draws: &mut Draws) -> Vec<String> {
    let mut set = vec![
        "execution.checkpointing.tolerable-failed-checkpoints=1000".to_owned(),
        "heartbeat.interval=50ms".to_owned(),
        "taskmanager.numberOfTaskSlots=2".to_owned(),
        "bounds.heal=60s".to_owned(),
    ];
    let mut choose = |key: &str, choices: &[&str]| set.push(format!("{key}={}", draws.one_of(choices)));
    choose("cluster.nodes", &["2", "3", "5"]);
    choose("heartbeat.timeout", &["100ms", "300ms"]);
    choose("restart-strategy.fixed-delay.delay", &["1ms", "50ms", "0s"]);
    choose("restart-strategy.fixed-delay.attempts", &["1", "3", "1000", "1000"]);
    choose("cluster.costs.node-downtime", &["1ms", "100ms", "1s"]);
    choose("cluster.network.latency", &["50us", "1ms", "10ms"]);
    choose("cluster.network.latency-jitter", &["0s", "2ms"]);
    choose("cluster.network.local-latency", &["1us", "3ms"]);
    choose("cluster.network.control-latency", &["100us", "2ms"]);
    choose("cluster.network.control-jitter", &["0s", "1ms"]);
    choose("cluster.network.bandwidth", &["unlimited", "200 KiB/s"]);
    choose("taskmanager.memory.segment-size", &["64 B", "100 B", "32 KiB"]);
    choose("taskmanager.network.memory.buffers-per-channel", &["1", "2", "8"]);
    choose("taskmanager.network.memory.floating-buffers-per-gate", &["0", "1", "3"]);
    choose("execution.buffer-timeout.interval", &["0s", "1ms", "7ms"]);
    choose("execution.checkpointing.interval", &["5ms", "20ms", "60ms"]);
    choose("execution.checkpointing.max-concurrent-checkpoints", &["1", "3"]);
    choose("execution.checkpointing.num-retained", &["1", "3"]);
    choose("cluster.store.latency", &["100us", "15ms"]);
    choose("execution.checkpointing.aligned-checkpoint-timeout", &["0s", "2ms", "9ms"]);
    if draws.is_wide {
        set.push("cluster.nodes=6".to_owned());
    }
    set
}

/// More ways to run: other triggers, other promises, a slot for every task.
fn modes(draws: &mut Draws) -> Vec<String> {
    let mut set = Vec::new();
    if draws.below(3) == 0 {
        set.push("execution.checkpointing.mode=AT_LEAST_ONCE".to_owned());
    }
    match draws.below(3) {
        0 => set.push("trigger.every-records=70".to_owned()),
        1 => set.push("trigger.at=[\"10ms\", \"90ms\"]".to_owned()),
        _ => {}
    }
    if draws.below(3) == 0 {
        set.push("execution.checkpointing.interval=0s".to_owned());
    }
    if draws.below(2) == 0 {
        let nodes = if draws.is_wide { 60 } else { 20 };
        set.extend(["cluster.slot-sharing=false".to_owned(), format!("cluster.nodes={nodes}")]);
    }
    if draws.below(2) == 0 {
        let method = draws.one_of(&SnapshotMethod::ALL.map(SnapshotMethod::name));
        set.push(format!("execution.checkpointing.snapshot={method}"));
        set.push("state.changelog.periodic-materialize.interval=50ms".to_owned());
    }
    set
}

fn prepare(seed: u64, kinds: Kinds) -> Prepared {
    prepare_with(seed, kinds, &[])
}

/// The same with overrides of its own.
fn prepare_with(seed: u64, kinds: Kinds, more: &[&str]) -> Prepared {
    let mut draws = Draws { key: draw(0x6c6f_6f6b, seed), n: 0, is_wide: seed >= WIDE };
    let text = format!("name = \"random-{seed}\"\nabout = \"A random job.\"\n{}", job(&mut draws, kinds));
    let source = ScenarioText::new(format!("random-{seed}.toml"), text);
    let mut overrides = cluster(&mut draws);
    if kinds != Kinds::Few {
        overrides.extend(modes(&mut draws));
    }
    overrides.extend(more.iter().map(|&text| text.to_owned()));
    Prepared::load(&source, &overrides, 7).unwrap_or_else(|error| panic!("{error}\n{}", source.text))
}

/// Right, or out of restarts (then nothing else can be asked of it).
fn check(record: &RunRecord) {
    let wrong: Vec<_> = record.verdicts.iter().filter(|it| it.verdict.is_fail()).collect();
    let excused = record.outcome == Outcome::Failed && record.class() == Class::Stall;
    assert!(
        wrong.is_empty() || excused,
        "{} {} {:#?} {wrong:#?}",
        record.scenario,
        record.strategy,
        record.plan
    );
}

/// Whoever has ended handles no record any more: a loop may have ended too soon, although all that was left in it is handled.
fn check_ends(ended: &mut BTreeSet<Origin>, events: &[Stamped]) {
    for stamped in events {
        match stamped.event {
            Event::TaskEnded => assert!(ended.insert(stamped.origin), "{stamped:?}: twice"),
            Event::TaskRunning { .. } => {
                ended.remove(&stamped.origin);
            }
            Event::Record { .. } => assert!(!ended.contains(&stamped.origin), "{stamped:?}: after the end"),
            _ => {}
        }
    }
}

/// What the parts of checkpoints take adds up, at every subtask.
fn add_up(books: &Books, record: &RunRecord, strategy: &Strategy, is_cyclic: bool, of: &str) {
    if record.local.is_some() {
        books.add_up_alone(of);
    } else {
        books.add_up(Waits::of(strategy, is_cyclic), of);
        books.sum_up(record, of);
    }
}

/// Where the two runs part, event for event.
fn parting(prepared: &Prepared, strategy: &Strategy, plan: &Arc<FaultPlan>, seed: u64) -> String {
    let run = |lookahead| {
        let mut world = World::new(Arc::clone(prepared.topology()), &strategy.cut, strategy.snapshot);
        world.set_detail(Detail { records: true, marks: true, ..Detail::default() });
        world.set_lookahead(lookahead);
        world.begin(seed, Arc::clone(plan));
        let mut all = Vec::new();
        world.run(&mut |_, events| all.extend_from_slice(events));
        all.sort_by_key(|event| (event.time, event.origin));
        (world.digest(), all)
    };
    let (ahead, in_order) = (run(true), run(false));
    let verdict = determinism::compare(prepared.topology(), (ahead.0, in_order.0), &ahead.1, &in_order.1);
    format!("random job {seed} under {}, ahead and in order: {verdict:?}", strategy.name)
}

/// The faults of a run. Those that wait for a point forbid tasks to run ahead, so there is nothing to compare with them.
fn plan(prepared: &Prepared, profile: &str, seed: u64) -> Arc<FaultPlan> {
    let profile = faults::resolve(profile).expect("a profile");
    let mut plan = faults::draw(&profile, prepared.topology(), prepared.duration(), seed);
    plan.faults.retain(|planned| !matches!(planned.when, When::Point(..)));
    Arc::new(plan)
}

/// Compares a job's runs under every strategy, without faults and with all of them; how many failed, and the restores.
fn compare(seed: u64, kinds: Kinds, more: &[&str]) -> (usize, usize) {
    let (mut failed, mut restored) = (0, 0);
    let prepared = prepare_with(seed, kinds, more);
    for strategy in STRATEGIES.iter().filter(|strategy| strategy.cycles || !prepared.is_cyclic()) {
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        for profile in ["none", "everything"] {
            let plan = plan(&prepared, profile, seed);
            let detail = prepared.is_cyclic();
            let options = Options { forks: Some(false), detail, ..Options::default() };
            let (mut ended, mut books) = (BTreeSet::new(), Books::default());
            let mut watch = |_: &World, events: &[Stamped]| {
                check_ends(&mut ended, events);
                books.read(events);
            };
            let ahead = runner.run(seed, &plan, &options, Some(&mut watch));
            check(&ahead);
            let of = format!("random job {seed} under {}, {profile}", strategy.name);
            add_up(&books, &ahead, strategy, prepared.is_cyclic(), &of);
            let in_order = runner.run(seed, &plan, &Options { lookahead: false, ..options }, None);
            assert!(ahead == in_order, "{}", parting(&prepared, strategy, &plan, seed));
            failed += usize::from(ahead.outcome == Outcome::Failed);
            restored += ahead.restores.len();
        }
    }
    (failed, restored)
}

fn compare_all(seeds: impl Iterator<Item = u64>, kinds: Kinds) {
    compare_all_with(seeds, kinds, &[], 100);
}

/// The same with overrides, and how many restores are too few.
fn compare_all_with(seeds: impl Iterator<Item = u64>, kinds: Kinds, more: &[&str], few: usize) {
    let counts = seeds.map(|seed| compare(seed, kinds, more));
    let (failed, restored) = counts.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
    assert!(failed > 0 && restored > few, "{failed} failed, {restored} restores: too few to mean anything");
}

#[test]
fn lookahead_changes_nothing_on_random_networks() {
    compare_all((0..28).chain(WIDE + 1..WIDE + 4).chain(SHOWED), Kinds::Few);
}

#[test]
fn lookahead_changes_nothing_with_every_kind_of_operator_sink_and_trigger() {
    // The last three: copies in a join, sums of records that counted twice, a task that finished too soon.
    let wide = WIDE + 10_000..WIDE + 10_004;
    compare_all((10_000..10_028).chain(wide).chain([10_126, 10_207, 201_075]), Kinds::All);
}

#[test]
fn lookahead_changes_nothing_with_operators_that_wait_for_the_watermark() {
    compare_all((20_000..20_028).chain(WIDE + 20_000..WIDE + 20_004).chain([303_573]), Kinds::Timed);
}

/// Jobs with loops that take seconds, and so at an interval of 5 ms checkpoints by the ten thousand where each task takes its own.
const LONG: [u64; 7] = [30_007, 30_009, 30_015, 30_016, 30_017, 30_021, 30_029];

#[test]
fn lookahead_changes_nothing_on_jobs_with_loops() {
    let narrow = (30_000..30_030).filter(|seed| !LONG.contains(seed));
    // The last: a flush that was asked for one buffer closed the next one.
    compare_all(narrow.chain(WIDE + 30_000..WIDE + 30_003).chain([31_101]), Kinds::Cyclic);
}

#[test]
fn lookahead_changes_nothing_on_long_jobs_with_loops() {
    compare_all_with(LONG.into_iter(), Kinds::Cyclic, &["execution.checkpointing.interval=60ms"], 30);
}

/// Every checkpoint of a job with loops can be restored, whatever went around when it was taken.
#[test]
fn checkpoints_of_jobs_with_loops_can_be_restored() {
    let mut restored = 0;
    for seed in 40_001..40_006 {
        let prepared = prepare(seed, Kinds::Cyclic);
        for strategy in STRATEGIES.iter().filter(|strategy| strategy.cycles) {
            for profile in ["none", "everything"] {
                let profile = faults::resolve(profile).expect("a profile");
                let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
                let options = Options { forks: Some(true), ..Options::default() };
                let record =
                    Runner::new(&prepared, Contender::from(strategy)).run(seed, &plan, &options, None);
                check(&record);
                restored += record.completed().filter(|it| it.persisted_in_flight_data > 0).count();
            }
        }
    }
    assert!(restored > 300, "{restored} checkpoints with something in flight: too few to mean anything");
}

#[test]
fn nobody_restores_a_checkpoint_that_completes_when_the_job_has_failed_for_good() {
    let seed = 400_902; // its last restart was used up 1 ms before
    let prepared = prepare(seed, Kinds::Few);
    let profile = faults::resolve("everything").expect("a profile");
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    let aligned = STRATEGIES.iter().find(|strategy| strategy.name == "aligned").expect("a strategy");
    let options = Options { forks: Some(true), ..Options::default() };
    let record = Runner::new(&prepared, Contender::from(aligned)).run(seed, &plan, &options, None);
    assert_eq!(record.outcome, Outcome::Failed);
    check(&record);
}
