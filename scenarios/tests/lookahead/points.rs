//! Crashes at points of the protocol on random jobs without loops: one nanosecond after the n-th event of a kind, as profiles draw
//! them; and one nanosecond after the n-th mark has reached a subtask ("after the second barrier reaches join[1]"), which a run
//! without that crash finds. Every oracle is asked, and every checkpoint that completes is restored in a fork.

use std::collections::BTreeMap;

use cutline_sim::event::Event::{MarkReached, NodeCrashed, TaskCrashed};
use cutline_sim::faults::{Fault, NodeCrash, Planned, Point, TaskCrash};
use cutline_sim::ids::{NodeId, TaskId};
use cutline_sim::oracles::{OracleRow, ROWS, Verdict, zigzag};
use cutline_sim::time::{SECOND, Time};

use super::*;

/// What the runs went through.
#[derive(Debug, Default)]
struct Met {
    /// How often something crashed one nanosecond after each point, by its place in [`Point::ALL`].
    crashes: BTreeMap<usize, u32>,
    /// How often each oracle had no objection.
    passed: BTreeMap<String, u32>,
    /// Checkpoints that completed, and so were restored in a fork.
    forks: usize,
    failed: u32,
}

impl Met {
    /// Every oracle has spoken, and has known what to say of most runs.
    fn note(&mut self, record: &RunRecord) {
        check(record);
        let names: Vec<&str> = record.verdicts.iter().map(|it| it.oracle.as_str()).collect();
        assert_eq!(names, ROWS.iter().map(|row| row.name).collect::<Vec<_>>());
        for it in record.verdicts.iter().filter(|it| it.verdict == Verdict::Pass) {
            *self.passed.entry(it.oracle.clone()).or_default() += 1;
        }
        self.forks += record.completed().count();
        self.failed += u32::from(record.outcome == Outcome::Failed);
        // No checkpoint of a job without a cycle is useless, whoever takes it.
        if record.local.is_some() && record.completed().count() > 0 {
            let of_zigzags = record.verdicts.iter().find(|it| it.oracle == zigzag::NAME);
            assert_eq!(of_zigzags.map(|it| &it.verdict), Some(&Verdict::Pass), "{}", record.scenario);
        }
    }

    fn enough(&self, runs: u32, forks: usize) {
        let few = |row: &&OracleRow| {
            let least = if row.name == zigzag::NAME { runs / 8 } else { runs / 2 };
            self.passed.get(row.name).is_none_or(|&passed| passed < least)
        };
        let few: Vec<&str> = ROWS.iter().filter(few).map(|row| row.name).collect();
        assert!(few.is_empty() && self.forks > forks, "{few:?} of {runs} runs, {self:#?}");
    }
}

/// Looks for crashes one nanosecond after a point.
#[derive(Default)]
struct Crashes {
    last: [Option<Time>; Point::ALL.len()],
}

impl Crashes {
    fn read(&mut self, events: &[Stamped], met: &mut Met) {
        for stamped in events {
            for (at, _) in Point::ALL.iter().enumerate().filter(|(_, point)| point.is(&stamped.event)) {
                self.last[at] = Some(stamped.time);
            }
            if matches!(stamped.event, TaskCrashed { .. } | NodeCrashed { .. }) {
                let before = |&at: &usize| self.last[at].is_some_and(|last| last + 1 == stamped.time);
                (0..Point::ALL.len()).filter(before).for_each(|at| *met.crashes.entry(at).or_default() += 1);
            }
        }
    }
}

/// Checkpoints so far apart that each of them can be restored in a fork.
const APART: [&str; 1] = ["execution.checkpointing.interval=60ms"];

/// The first so many jobs that take less than a second: of the others every checkpoint is soon as much as a run of a minute.
fn short(first: u64, kinds: Kinds, jobs: usize) -> impl Iterator<Item = u64> {
    let is_short = move |&seed: &u64| {
        let prepared = prepare_with(seed, kinds, &APART);
        let mut runner = Runner::new(&prepared, Contender::from(&STRATEGIES[0]));
        let options = Options { forks: Some(false), ..Options::default() };
        runner.run(seed, &Arc::default(), &options, None).duration < SECOND
    };
    (first..).filter(is_short).take(jobs)
}

/// Runs a job in which faults wait for points, under every strategy, and asks all oracles.
fn at_points(seed: u64, kinds: Kinds, met: &mut Met) -> u32 {
    let (prepared, mut runs) = (prepare_with(seed, kinds, &APART), 0);
    let profile =
        faults::resolve(if seed.is_multiple_of(2) { "crashes" } else { "everything" }).expect("a profile");
    for (nth, strategy) in (0..).zip(STRATEGIES) {
        // The first of a few seeds at which the families that wait for points are not off.
        let drawn = (0..).map(|more| {
            let seed = seed + 1_000 * (13 * more + nth);
            faults::draw(&profile, prepared.topology(), prepared.duration(), seed)
        });
        let waits = |plan: &FaultPlan| plan.faults.iter().any(|fault| matches!(fault.when, When::Point(..)));
        let plan = Arc::new(drawn.into_iter().find(waits).expect("crashes at points"));
        let options = Options { forks: Some(true), check_determinism: true, ..Options::default() };
        let (mut ended, mut books, mut crashes) = (BTreeSet::new(), Books::default(), Crashes::default());
        let mut watch = |_: &World, events: &[Stamped]| {
            check_ends(&mut ended, events);
            books.read(events);
            crashes.read(events, met);
        };
        let record =
            Runner::new(&prepared, Contender::from(strategy)).run(seed, &plan, &options, Some(&mut watch));
        met.note(&record);
        add_up(&books, &record, strategy, false, &format!("random job {seed} under {}", strategy.name));
        runs += 1;
    }
    runs
}

#[test]
fn crashes_at_any_point_of_the_protocol_leave_random_jobs_right() {
    let (mut met, mut runs) = (Met::default(), 0);
    for (first, kinds) in [(50_000, Kinds::All), (51_000, Kinds::Timed)] {
        for seed in short(first, kinds, 3).chain(short(WIDE + first, kinds, 1)) {
            runs += at_points(seed, kinds, &mut met);
        }
    }
    met.enough(runs, 500);
    assert_eq!(met.crashes.len(), Point::ALL.len(), "{:?}: not after every point", met.crashes);
}

/// The marks that reach tasks in a run: when, where, and whether it is the first of its checkpoint there, or the second, and so on.
/// Of strategies that send none, the snapshots.
fn marks(runner: &mut Runner<'_>, seed: u64, plan: &Arc<FaultPlan>) -> Vec<(Time, TaskId, u32)> {
    let (mut marks, mut snapshots) = (Vec::new(), Vec::new());
    let mut counts = BTreeMap::new();
    let options = Options { forks: Some(false), detail: true, metrics: false, ..Options::default() };
    let mut watch = |_: &World, events: &[Stamped]| {
        for stamped in events {
            let Some(task) = stamped.origin.as_task() else { continue };
            match stamped.event {
                MarkReached { id, cancel: false, .. } => {
                    let count = counts.entry((task, id)).or_insert(0);
                    *count += 1;
                    marks.push((stamped.time, task, *count));
                }
                Event::SnapshotTaken { .. } => snapshots.push((stamped.time, task, 0)),
                _ => {}
            }
        }
    };
    runner.run(seed, plan, &options, Some(&mut watch));
    if marks.is_empty() { snapshots } else { marks }
}

/// Lets tasks and nodes crash one nanosecond after some mark, and once more after some mark of the run that comes of it.
fn at_marks(seed: u64, kinds: Kinds, met: &mut Met) -> (u32, u32) {
    let (prepared, mut runs, mut seconds) = (prepare_with(seed, kinds, &APART), 0, 0);
    let nodes = u64::from(prepared.topology().config.cluster.nodes);
    for (nth, strategy) in (0..).zip(STRATEGIES) {
        let mut draws = Draws { key: draw(0x6d61_726b, seed * 32 + nth), n: 0, is_wide: false };
        let mut runner = Runner::new(&prepared, Contender::from(strategy));
        let mut plan = Arc::new(FaultPlan::default());
        for _ in 0..2 {
            // Behind the crash before, if there was one; rather where marks of several inputs meet.
            let marks = marks(&mut runner, seed, &plan);
            let later = marks.iter().filter(|mark| mark.0 > plan.heal);
            let meet: Vec<_> = later.clone().filter(|mark| mark.2 > 1).collect();
            let among = if meet.is_empty() { later.collect() } else { meet };
            if among.is_empty() {
                break;
            }
            let &&(time, task, count) = &among[draws.below(among.len() as u64) as usize];
            let (at, tasks) = (time + 1, prepared.topology().tasks.len() as u64);
            let here = draws.below(2) == 0;
            let fault = match draws.below(2) {
                _ if here => Fault::TaskCrash(TaskCrash { task: Some(task) }),
                0 => Fault::TaskCrash(TaskCrash { task: Some(TaskId(draws.below(tasks) as u32)) }),
                _ => Fault::NodeCrash(NodeCrash { node: NodeId(draws.below(nodes) as u32) }),
            };
            let mut faults = plan.faults.clone();
            faults.push(Planned { when: When::At(at), fault });
            plan = Arc::new(FaultPlan { faults, heal: at + 1 });
            let (mut struck, mut books) = (false, Books::default());
            let mut watch = |_: &World, events: &[Stamped]| {
                books.read(events);
                let crash = |it: &Stamped| it.time == at && it.event == (TaskCrashed { task });
                struck |= events.iter().any(crash);
            };
            let options = Options { forks: Some(true), check_determinism: true, ..Options::default() };
            let ahead = runner.run(seed, &plan, &options, Some(&mut watch));
            let of = format!("random job {seed} under {}, at {at}", strategy.name);
            assert!(struck || !here, "{of}: nothing crashed");
            met.note(&ahead);
            add_up(&books, &ahead, strategy, false, &of);
            let alone = Options { lookahead: false, forks: Some(false), ..Options::default() };
            let in_order = runner.run(seed, &plan, &alone, None);
            assert!(ahead.digest == in_order.digest, "{}", parting(&prepared, strategy, &plan, seed));
            seconds += u32::from(count == 2);
            runs += 1;
        }
    }
    (runs, seconds)
}

#[test]
fn crashes_after_any_mark_at_any_subtask_leave_random_jobs_right() {
    let (mut met, mut runs, mut seconds) = (Met::default(), 0, 0);
    for (first, kinds) in [(52_000, Kinds::All), (53_000, Kinds::Timed)] {
        for seed in short(first, kinds, 1).chain(short(WIDE + first, kinds, 1)) {
            let more = at_marks(seed, kinds, &mut met);
            (runs, seconds) = (runs + more.0, seconds + more.1);
        }
    }
    met.enough(runs, 300);
    assert!(seconds > 20, "{seconds} crashes after a second mark: too few to mean anything");
}
