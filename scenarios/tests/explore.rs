//! Exploration: every single fault on a small run.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cutline_algorithms::aligned::{Aligned, Coordinator};
use cutline_algorithms::{STRATEGIES, bugs};
use cutline_scenarios::explore::{Explorer, Findings, Memory, Pass, Struck, Unwatched, Victims};
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;
use cutline_sim::erased::machines;
use cutline_sim::event::Detail;
use cutline_sim::faults::{Fault, FaultPlan, NodeCrash, TaskCrash};
use cutline_sim::ids::{NodeId, TaskId};
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx,
};
use cutline_sim::time::Time;
use cutline_sim::world::World;

const SEED: u64 = 1;

fn tiny() -> Prepared {
    tiny_with(&[])
}

fn tiny_with(overrides: &[&str]) -> Prepared {
    let overrides: Vec<String> = overrides.iter().map(|&it| it.to_owned()).collect();
    let scenario = load(&resolve("tiny").expect("a scenario"), &overrides);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    Prepared::new(&scenario, SEED, &mut Texts::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn explorer(prepared: &Prepared, contender: Contender) -> Explorer<'_> {
    Explorer::new(prepared, contender, SEED, Arc::default(), &Victims::ALL)
}

fn strategy(name: &str) -> Contender {
    cutline_algorithms::find(name).expect("a strategy").into()
}

fn single(explorer: &Explorer<'_>) -> Findings {
    explorer.explore(Pass::Single, u64::MAX, &Unwatched)
}

/// The run without faults, event by event: when each was, and the writes and messages that began in the next one.
fn original(prepared: &Prepared, contender: Contender) -> Vec<(Time, Vec<Fault>)> {
    let topology = prepared.topology_under(contender.guarantee);
    let mut world = World::new(topology, &contender.cut, contender.snapshot);
    world.set_detail(Detail { targets: true, ..Detail::default() });
    world.set_lookahead(false);
    world.begin(SEED, Arc::default());
    let mut events = Vec::new();
    loop {
        let time = world.now();
        world.targets().for_each(drop);
        let ended = world.advance(&mut |_, _| {}).is_some();
        events.push((time, world.targets().collect()));
        if ended {
            return events;
        }
    }
}

/// The fork of a strategy with one fault, as an ordinary run from the start.
fn run(prepared: &Prepared, contender: Contender, plan: &Arc<FaultPlan>) -> RunRecord {
    // As a capsule keeps it.
    let text = serde_json::to_string(&**plan).expect("JSON");
    let plan = Arc::new(serde_json::from_str::<FaultPlan>(&text).expect("a plan"));
    let options = Options { forks: Some(false), metrics: false, ..Options::default() };
    Runner::new(prepared, contender).run(SEED, &plan, &options, None)
}

fn crash(task: u32) -> Fault {
    Fault::TaskCrash(TaskCrash { task: Some(TaskId(task)) })
}

/// Every strategy is explored completely, and every oracle is content with every fork.
#[test]
fn no_single_fault_on_a_small_run_does_harm() {
    let prepared = tiny();
    for contender in STRATEGIES.iter().map(Contender::from) {
        let name = contender.name;
        let explorer = explorer(&prepared, contender);
        let found = single(&explorer);
        assert_eq!(explorer.objection(), None, "{name}");
        assert!(
            found.violations.is_empty() && found.class() == Class::Pass,
            "{name}: {:?}",
            found.violations
        );
        assert_eq!(found.points, explorer.events(), "{name}");
        let events = original(&prepared, contender);
        assert_eq!(events.len() as u64, explorer.events(), "{name}");
        let targets = || events.iter().flat_map(|(_, targets)| targets);
        let writes = targets().filter(|target| matches!(target, Fault::FailedWrite(_))).count() as u64;
        let messages = targets().count() as u64 - writes;
        for (victims, tally) in &found.single {
            let all = match victims {
                Victims::Tasks | Victims::Nodes => victims.per_event(prepared.topology()) * found.points,
                Victims::Store => writes,
                Victims::Messages => messages,
            };
            assert_eq!(tally.forks + tally.idle, all, "{name}, {victims}");
            assert_eq!((tally.seen, tally.undecided), (0, 0), "{name}, {victims}");
            // Something came of them.
            assert!(tally.forks > 10 && tally.outcomes.len() > 2, "{name}, {victims}: {tally:?}");
        }
        assert_eq!(found.single.len(), Victims::ALL.len(), "{name}");
    }
}

/// A fork, taken in the middle and run with lookahead, is the run from the start whose plan names the event.
#[test]
fn a_fork_is_the_run_with_its_plan() {
    let prepared = tiny();
    for contender in STRATEGIES.iter().map(Contender::from) {
        let explorer = explorer(&prepared, contender);
        let mut tried = 0;
        for (event, (_, targets)) in (0..).zip(original(&prepared, contender)) {
            let mut faults = targets;
            faults.truncate(if event % 5 == 0 { 2 } else { 0 });
            if event % 23 == 0 {
                faults.push(crash(event as u32 / 23 % 5));
                faults.push(Fault::NodeCrash(NodeCrash { node: NodeId(event as u32 / 23 % 3) }));
            }
            for fault in faults {
                let fork = explorer.fork(&Struck { event, fault });
                let record = run(&prepared, contender, &fork.plan(&FaultPlan::default()));
                assert_eq!(record.digest, format!("{:032x}", fork.digest), "{}: {fork:?}", contender.name);
                assert_eq!(record.class(), Class::Pass, "{}: {fork:?}", contender.name);
                tried += 1;
            }
        }
        assert!(tried > 30, "{}: {tried}", contender.name);
    }
}

/// Events of one instant have places between them, and plans can name these.
#[test]
fn a_fault_between_two_events_of_one_instant_is_one_of_its_own() {
    let (prepared, contender) = (tiny(), strategy("aligned"));
    let explorer = explorer(&prepared, contender);
    let events = original(&prepared, contender);
    let mut different = 0;
    for event in (1..events.len() - 1).filter(|&event| events[event].0 == events[event + 1].0) {
        for task in 0..5 {
            let fork = |event: usize| explorer.fork(&Struck { event: event as u64, fault: crash(task) });
            let (between, behind) = (fork(event), fork(event + 1));
            if between.digest != behind.digest {
                different += 1;
                let record = run(&prepared, contender, &between.plan(&FaultPlan::default()));
                assert_eq!(record.digest, format!("{:032x}", between.digest), "{between:?}");
            }
        }
    }
    assert!(different > 3, "{different}");
}

/// What is found, and where a budget of forks ends it, does not depend on how many threads there are.
#[test]
fn threads_do_not_matter() {
    let prepared = tiny();
    for name in ["unaligned", "uncoordinated"] {
        let explorer = explorer(&prepared, strategy(name));
        let with = |threads, forks| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| explorer.explore(Pass::Single, forks, &Unwatched))
        };
        let part = with(1, 500);
        assert!((500..600).contains(&part.forks()) && part.points < explorer.events(), "{part:?}");
        assert_eq!(part, with(3, 500), "{name}");
        assert_eq!(with(1, u64::MAX), with(3, u64::MAX), "{name}");
    }
}

/// Bugs that only some instants show: the run itself is right, and forks of it are not.
#[test]
fn planted_bugs_are_found_and_their_forks_run_again() {
    let prepared = tiny();
    for name in ["restored-uncaptured", "unrecorded-input", "stale-ack", "forget-trigger", "hoard", "undead"]
    {
        let bug = bugs::find(name).expect("a bug");
        let explorer = explorer(&prepared, bug.into());
        assert_eq!(explorer.objection(), None, "{name}");
        let found = single(&explorer);
        let by_its_oracle =
            found.violations.keys().any(|(_, _, objections)| objections.names().contains(&bug.caught_by));
        assert!(by_its_oracle, "{name} is to be caught by {}: {:?}", bug.caught_by, found.violations);
        assert_ne!(found.class(), Class::Pass, "{name}");
        for fork in found.violations.values() {
            let record = run(&prepared, bug.into(), &fork.plan(&FaultPlan::default()));
            assert_eq!(record.digest, format!("{:032x}", fork.digest), "{name}: {fork:?}");
            let fails =
                |oracle: &str| record.verdicts.iter().any(|it| it.oracle == oracle && it.verdict.is_fail());
            assert!(
                fork.objections.names().into_iter().all(fails),
                "{name}: {fork:?}, {:?}",
                record.verdicts
            );
        }
    }
}

/// A fork that comes to the state of another one is not gone through again, and all that is said is the same: how many forks there were, what
/// they came to, and of what is wrong the first one, up to its digest. So it is of bugs, too, of which some are seen in some forks only. And
/// what forks that meet say from there on is the same to the last event, and so is what they leave.
#[test]
fn forks_that_meet_have_one_end() {
    let prepared = tiny();
    let strategies = STRATEGIES.iter().map(Contender::from);
    let bugs = ["stale-ack", "forget-trigger", "hoard", "undead", "restored-uncaptured", "unrecorded-input"];
    let bugs = bugs.map(|name| Contender::from(bugs::find(name).expect("a bug")));
    for (at, contender) in strategies.chain(bugs).enumerate() {
        let with = |memory| single(&explorer(&prepared, contender).with_memory(memory));
        let used = with(Memory::Used);
        assert!(used.restored > 3 * used.states.len() as u64, "{}: {used:?}", contender.name);
        assert!(used.states.len() > 100, "{}: {used:?}", contender.name);
        // Only who goes through all forks can see that.
        assert_eq!(with(Memory::Checked), used, "{}", contender.name);
        if at % 4 == 0 {
            let Findings { restored, states, .. } = used.clone();
            assert_eq!(Findings { restored, states, ..with(Memory::Unused) }, used, "{}", contender.name);
        }
    }
}

/// The same of jobs that ask for more: marks that trigger, a restore from the beginning, an end that the user asks for, bounds that forks come
/// to, control messages that take now this long and now that, faults in the original, and a second fault.
#[test]
fn forks_that_meet_have_one_end_whatever_the_job() {
    let marks = &[
        "input.keys.kind.keys.rate=100/s",
        "trigger.at=[\"10ms\", \"100ms\"]",
        "execution.checkpointing.interval=10s",
        "execution.checkpointing.timeout=5s",
        "cluster.store.latency=1s",
    ];
    let jobs: [(&[&str], &str, &str, u64); 8] = [
        (marks, "aligned", "none", 1000),
        (&["cancel.at=44ms"], "unaligned", "none", 800),
        (&["bounds.steps=330"], "aligned", "none", 800),
        (&["bounds.queue=22"], "unaligned", "none", 800),
        (&["bounds.heal=5ms"], "uncoordinated", "none", 800),
        (&["cluster.network.control-jitter=300us"], "communication-induced", "none", 800),
        (&[], "aligned", "everything", 300),
        (&["job.operator.sink.does={ sink = \"plain\" }"], "at-least-once", "crashes", 800),
    ];
    for (overrides, name, profile, forks) in jobs {
        let prepared = tiny_with(overrides);
        let profile = faults::resolve(profile).expect("a profile");
        let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), 3));
        let with = |memory, pass, forks| {
            let explorer = Explorer::new(&prepared, strategy(name), SEED, Arc::clone(&plan), &Victims::ALL);
            // Where it is cancelled, what is cut off by that.
            let first =
                if overrides.iter().any(|it| it.starts_with("cancel")) { explorer.events() / 2 } else { 0 };
            let explorer = explorer.with_memory(memory);
            explorer.explore_after(first..explorer.events(), pass, forks, &Unwatched)
        };
        let what = format!("{name}, {overrides:?}");
        let used = with(Memory::Used, Pass::Single, forks);
        let met = used.restored - used.states.len() as u64;
        assert!(met > 50 && used.at_odds == 0, "{what}: {met} met, {used:?}");
        assert_eq!(with(Memory::Checked, Pass::Single, forks), used, "{what}");
        let Findings { restored, states, .. } = used.clone();
        let unused = with(Memory::Unused, Pass::Single, forks);
        assert_eq!(Findings { restored, states, ..unused }, used, "{what}");
        let pairs = with(Memory::Used, Pass::Pairs, 200);
        assert_eq!(with(Memory::Checked, Pass::Pairs, 200), pairs, "{what}, pairs");
    }
}

/// Waits a moment with its timers behind a restore, the longer the more it had heard; and hides that from whoever hashes it.
#[derive(Clone, Debug)]
struct Secretive {
    of: Coordinator,
    heard: u64,
}

impl Hash for Secretive {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.of.hash(into);
    }
}

impl CoordinatorCut for Secretive {
    fn new(job: &JobCtx<'_>) -> Secretive {
        Secretive { of: Coordinator::new(job), heard: 0 }
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        let is_first = job.attempt.0 == 1;
        self.heard += u64::from(is_first && matches!(event, CoordinatorEvent::FromTask { .. }));
        self.of.on(job, event, fx);
        for effect in &mut fx.0 {
            if let (false, CoordinatorEffect::Timer(after, _)) = (is_first, effect) {
                *after += self.heard;
            }
        }
    }
}

/// Who takes two states for one that are not is seen when every fork is gone through. The verdicts do not show it: all are right.
#[test]
fn a_state_that_leaves_something_out_is_seen() {
    let prepared = tiny();
    let secretive = Contender { cut: machines::<Aligned, Secretive>, ..strategy("aligned") };
    let with = |memory| single(&explorer(&prepared, secretive).with_memory(memory));
    let checked = with(Memory::Checked);
    assert!(checked.at_odds > 10 && checked.violations.is_empty(), "{checked:?}");
    assert_eq!(with(Memory::Used), Findings { at_odds: 0, ..checked.clone() });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().expect("threads");
    assert_eq!(pool.install(|| with(Memory::Checked)), checked);
}

/// Where second faults are not tried because a state was seen before, nothing is missed: what they lead to has been found, by two
/// faults or by one.
#[test]
fn leaving_out_what_was_seen_before_misses_no_outcome() {
    let prepared = tiny();
    for name in ["aligned", "unaligned"] {
        let of = Victims::Messages;
        let new = || Explorer::new(&prepared, strategy(name), SEED, Arc::default(), &[of]);
        let pairs =
            |explorer: Explorer<'_>| explorer.explore_after(0..150, Pass::Pairs, u64::MAX, &Unwatched);
        let (with, without) = (pairs(new()), pairs(new().with_memory(Memory::Unused)));
        let (with, without) = (&with.pairs[&of], &without.pairs[&of]);
        let single = single(&new());
        let known =
            |outcome: &u64| with.outcomes.contains(outcome) || single.single[&of].outcomes.contains(outcome);
        assert!(without.outcomes.iter().all(known), "{name}: {with:?} {without:?}");
        assert_eq!((with.violations, without.violations, without.seen), (0, 0, 0), "{name}");
        assert_eq!(with.forks + with.seen, without.forks, "{name}");
        assert!(with.outcomes.len() > 3, "{name}: {with:?}");
        // Here a heartbeat that was lost is not missed once the next one has come. An unaligned checkpoint is complete before that,
        // and there a pair ends.
        assert_eq!(with.seen > 0, name == "aligned", "{name}: {with:?}");
    }
}
