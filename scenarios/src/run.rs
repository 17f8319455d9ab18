//! The runner: one scenario, one strategy, one fault plan, one seed, all oracles.

use std::borrow::Cow;
use std::sync::Arc;

use cutline_algorithms::bugs::{self, Bug};
use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_sim::config::CheckpointMode;
use cutline_sim::erased::Protocol;
use cutline_sim::event::{Detail, Event, Stamped};
use cutline_sim::faults::FaultPlan;
use cutline_sim::graph::Role;
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::oracles::cut::Tear;
use cutline_sim::oracles::ledger::{Ledger, visible_records};
use cutline_sim::oracles::liveness::Liveness;
use cutline_sim::oracles::reference::Reference;
use cutline_sim::oracles::state::State;
use cutline_sim::oracles::{Oracle, Verdict, determinism, ledger, liveness, restore, state};
use cutline_sim::protocol::{JobCtx, SnapshotMethod};
use cutline_sim::savepoint::Savepoint;
use cutline_sim::time::{SECOND, Time};
use cutline_sim::world::{Outcome, World};

use crate::course::Course;
use crate::jury::Jury;
use crate::life::{Again, Life, Opinion, no_result, reference_of};
use crate::metrics::Metrics;
use crate::prepare::Prepared;
use crate::record::{CountedAgain, LifeRecord, OracleVerdict, RECORD_VERSION, RunRecord, StartedFrom};

/// A job with more steps in its failure-free run than this is not forked at every checkpoint unless asked.
const SMALL_STEPS: u64 = 300_000;
/// Unless asked, forks stop after so many steps together: with very frequent checkpoints they would take for ever.
const FORK_STEPS: u64 = 20_000_000;

/// A strategy or a planted bug, as the runner takes it.
#[derive(Clone, Copy)]
pub struct Contender {
    /// Its name.
    pub name: &'static str,
    /// Makes the machines of its cut protocol.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
    /// How its snapshots reach the store, unless the scenario says otherwise.
    pub snapshot: SnapshotMethod,
    /// What a job that says nothing else promises under it.
    pub guarantee: CheckpointMode,
    /// True if it can checkpoint a job with a cycle.
    pub cycles: bool,
}

impl Contender {
    /// The strategy or the planted bug of this name.
    pub fn named(name: &str) -> Option<Contender> {
        let strategy = cutline_algorithms::find(name).map(Contender::from);
        strategy.or_else(|| bugs::find(name).map(Contender::from))
    }
}

/// The place of a strategy or a planted bug among all of them, by which pictures know it: strategies come first, in the order of their
/// registry; what is in none comes last.
pub fn place_of(name: &str) -> usize {
    let names = STRATEGIES.iter().map(|strategy| strategy.name).chain(bugs::all().map(|bug| bug.name));
    names.take_while(|&known| known != name).count()
}

impl From<&Strategy> for Contender {
    fn from(strategy: &Strategy) -> Contender {
        let &Strategy { name, cut, snapshot, guarantee, cycles, .. } = strategy;
        Contender { name, cut, snapshot, guarantee, cycles }
    }
}

impl From<&Bug> for Contender {
    fn from(bug: &Bug) -> Contender {
        let &Bug { name, of, cut, .. } = bug;
        let of = cutline_algorithms::find(of);
        let snapshot = of.map_or(SnapshotMethod::FullAsync, |of| of.snapshot);
        let guarantee = of.map_or_else(CheckpointMode::default, |of| of.guarantee);
        let cycles = of.is_some_and(|of| of.cycles);
        Contender { name, cut, snapshot, guarantee, cycles }
    }
}

/// What a run is to do beyond running.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Fork the world at every completed checkpoint and restore it; `None`: for small runs only, up to a number of steps.
    pub forks: Option<bool>,
    /// Run twice and compare event for event.
    pub check_determinism: bool,
    /// Let tasks run ahead as far as nothing can reach them. Off, the run is slower and the same.
    pub lookahead: bool,
    /// Collect latencies, checkpoints, restores.
    pub metrics: bool,
    /// Take down the [`Course`] of the run, for pictures; only together with `metrics`.
    pub course: bool,
    /// Emit an event for every record and mark (only of use with a trace).
    pub detail: bool,
    /// Note what goes from whom to whom, in [`World::passages`]; only without lookahead.
    pub passages: bool,
    /// From some moment on chance goes another way. (A repetition does not turn, so it is of no use together with this.)
    pub turn: Option<Turn>,
}

/// Chance goes another way: see [`World::turn_after`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// After so many events.
    pub after: u64,
    /// As under this seed.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let (forks, turn) = (None, None);
        let (metrics, course, detail, passages) = (true, false, false, false);
        Options { forks, check_determinism: false, lookahead: true, metrics, course, detail, passages, turn }
    }
}

/// Something that wants to see every event: (the world, the events of one step).
pub type Watcher<'a> = &'a mut dyn FnMut(&World, &[Stamped]);

/// The worlds of a runner, to be used again.
pub struct Worlds {
    contender: Contender,
    pristine: World,
    world: World,
    fork: Option<World>,
}

/// The worlds of one prepared scenario under one strategy, used again from run to run.
pub struct Runner<'a> {
    prepared: &'a Prepared,
    contender: Contender,
    pristine: World,
    world: World,
    fork: Option<World>,
    taken: Option<Savepoint>,
    course: Option<Course>,
    tear: Option<Tear>,
}

impl<'a> Runner<'a> {
    /// Builds the worlds.
    pub fn new(prepared: &'a Prepared, contender: Contender) -> Runner<'a> {
        let topology = prepared.topology_under(contender.guarantee);
        let snapshot = topology.config.checkpointing.snapshot.unwrap_or(contender.snapshot);
        let contender = Contender { snapshot, ..contender };
        let mut pristine = World::new(topology, &contender.cut, snapshot);
        if let Some(start) = prepared.start() {
            pristine.start_at(start);
        }
        let world = pristine.clone();
        Runner { prepared, contender, pristine, world, fork: None, taken: None, course: None, tear: None }
    }

    /// The same with worlds that were used for the same scenario, prepared with another seed ([`Prepared::with_seed`]).
    pub fn with_worlds(prepared: &'a Prepared, worlds: Worlds) -> Runner<'a> {
        let Worlds { contender, mut pristine, world, fork } = worlds;
        pristine.take_operators(prepared.topology_under(contender.guarantee));
        Runner { prepared, contender, pristine, world, fork, taken: None, course: None, tear: None }
    }

    /// Its worlds, for [`Runner::with_worlds`].
    pub fn into_worlds(self) -> Worlds {
        let Runner { contender, pristine, world, fork, .. } = self;
        Worlds { contender, pristine, world, fork }
    }

    /// The savepoint of the `nth` checkpoint to complete (the first is 1), at that instant of a run; `None` if there are fewer.
    /// Lookahead is off, so that sinks have written what they write up to that instant and nothing more.
    pub fn savepoint(&mut self, seed: u64, plan: &Arc<FaultPlan>, nth: u64) -> Option<Savepoint> {
        let options = Options { lookahead: false, metrics: false, ..Options::default() };
        self.begin(seed, plan, &options);
        let (mut completed, mut savepoint) = (0, None);
        self.world.run(&mut |world, events| {
            for event in events {
                if let Event::CheckpointCompleted { id, .. } = event.event {
                    completed += 1;
                    if completed == nth {
                        savepoint = world.savepoint(id);
                    }
                }
            }
        });
        savepoint
    }

    /// The world in which nothing has happened.
    pub(crate) fn into_pristine(self) -> World {
        self.pristine
    }

    /// Makes the world as new, with a seed and faults.
    fn begin(&mut self, seed: u64, plan: &Arc<FaultPlan>, options: &Options) {
        self.world.clone_from(&self.pristine);
        self.world.set_detail(Detail {
            records: options.detail,
            marks: options.detail,
            latencies: options.metrics,
            course: options.course,
            passages: options.passages,
            ..Detail::default()
        });
        self.world.set_lookahead(options.lookahead);
        self.world.set_deadline(self.deadline(plan.heal));
        self.world.begin(seed, Arc::clone(plan));
        if let Some(Turn { after, seed }) = options.turn {
            self.world.turn_after(after, seed);
        }
    }

    /// When a run whose faults end at `heal` is given up.
    fn deadline(&self, heal: Time) -> Time {
        self.prepared.deadline(heal)
    }

    /// Runs, and asks every oracle.
    pub fn run(
        &mut self,
        seed: u64,
        plan: &Arc<FaultPlan>,
        options: &Options,
        watch: Option<Watcher<'_>>,
    ) -> RunRecord {
        let mut metrics = Metrics::default();
        if options.course {
            metrics = metrics.with_course(self.prepared.topology());
        }
        let Judged { outcome, mut verdicts, tear, life, reference } =
            self.judge(seed, plan, options, &mut metrics, watch);
        self.tear = tear;
        if let Some(tear) = tear {
            let name = self.name_record(seed, plan, options, tear);
            for verdict in &mut verdicts {
                if let ("cut", Verdict::Fail(proof)) = (verdict.oracle.as_str(), &mut verdict.verdict) {
                    *proof += &name;
                }
            }
        }
        self.course = metrics.take_course(&self.world);
        let digest = self.world.digest();
        let mut record = self.record(seed, plan, outcome, verdicts, &metrics);
        record.counted_again = self.counted_again(outcome, &reference);
        record.life = life;
        record.digest = format!("{digest:032x}");
        let verdict = if options.check_determinism {
            self.repeat(seed, plan, options)
        } else {
            Verdict::Unknown("not asked: it takes a second run".to_owned())
        };
        record.verdicts.push(OracleVerdict { oracle: determinism::NAME.to_owned(), verdict });
        record
    }

    /// The savepoint that the last run took because its scenario asks for one; or the newest checkpoint of a job that was cancelled,
    /// if it is retained.
    pub fn taken(&self) -> Option<&Savepoint> {
        self.taken.as_ref()
    }

    /// The first channel at which a cut of the last run was torn.
    pub fn tear(&self) -> Option<Tear> {
        self.tear
    }

    /// The course of the last run, if it was asked for.
    pub fn course(&self) -> Option<&Course> {
        self.course.as_ref()
    }

    /// The world at the end of the last run.
    pub fn world(&self) -> &World {
        &self.world
    }

    fn judge(
        &mut self,
        seed: u64,
        plan: &Arc<FaultPlan>,
        options: &Options,
        metrics: &mut Metrics,
        mut watch: Option<Watcher<'_>>,
    ) -> Judged<'a> {
        let prepared = self.prepared;
        self.begin(seed, plan, options);
        let (mut jury, mut life) = (Jury::default(), Life::default());
        let small = prepared.reference().steps <= SMALL_STEPS;
        let steps_left = if options.forks == Some(true) { u64::MAX } else { FORK_STEPS };
        let mut forks = Forks { fork: self.fork.take(), steps_left, ..Forks::default() };
        let forking = options.forks.unwrap_or(small);
        let heal = self.deadline(0);
        let outcome = self.world.run(&mut |world, events| {
            if options.metrics {
                metrics.observe(world, events);
                metrics.arrive(world.latencies());
            }
            for event in events {
                jury.observe(world, event);
                life.observe(world, event);
                if let (Event::CheckpointCompleted { id, .. }, true) = (event.event, forking) {
                    forks.try_restore(prepared, (world, &life), id, heal);
                }
            }
            if let Some(watch) = &mut watch {
                watch(world, events);
            }
        });
        self.fork = forks.fork.take();
        let world = &self.world;
        let again = Again { prepared, pristine: &self.pristine, spare: &mut self.fork, seed, deadline: heal };
        let (opinion, reference) = match reference_of(prepared, world) {
            Ok(reference) => (life.judge(world, outcome, &reference, again), reference),
            Err(error) => (Opinion::unknown(no_result(&error)), Cow::Borrowed(prepared.reference())),
        };
        self.taken = life.savepoint(world);
        let mut verdicts = Vec::new();
        let tear = jury.tear();
        let mut say = |oracle: &'static str, verdict| {
            verdicts.push(OracleVerdict { oracle: oracle.to_owned(), verdict })
        };
        let stalled = forks.stalled.as_ref().map(|(_, proof)| proof.clone());
        jury.speak((world, outcome), opinion, (forks.verdict(forking), stalled), &mut say);
        Judged { outcome, verdicts, tear, life: life.record(world), reference }
    }

    /// Finds the record at which a cut is torn, in a second run that looks out for it.
    fn name_record(&self, seed: u64, plan: &Arc<FaultPlan>, options: &Options, tear: Tear) -> String {
        let mut world = self.pristine.clone();
        world.set_lookahead(options.lookahead);
        world.set_deadline(self.deadline(plan.heal));
        world.begin(seed, Arc::clone(plan));
        let count = tear.sent.count.min(tear.received.count) + 1;
        world.watch(tear.channel, count);
        let mut found = None;
        let mut done = false;
        world.run(&mut |world, events| {
            let completes = |event: &Stamped| matches!(event.event, Event::CheckpointCompleted { id, .. } if id == tear.id);
            if !done && events.iter().any(completes) {
                done = true;
                found = world.watched();
            }
        });
        match found {
            Some(record) => format!(
                " Item {count} is the record with key {}, value {} and lineage {:#018x}.",
                record.key, record.value, record.lineage
            ),
            None => format!(" Item {count} is a watermark or the end of the channel."),
        }
    }

    /// Runs twice more and compares event for event.
    fn repeat(&self, seed: u64, plan: &Arc<FaultPlan>, options: &Options) -> Verdict {
        let once = || {
            let mut world = self.pristine.clone();
            let records = self.prepared.reference().steps <= 10 * SMALL_STEPS;
            world.set_detail(Detail { records, marks: true, ..Detail::default() });
            world.set_lookahead(options.lookahead);
            world.set_deadline(self.deadline(plan.heal));
            world.begin(seed, Arc::clone(plan));
            let mut all = Vec::new();
            world.run(&mut |_, events| all.extend_from_slice(events));
            all.sort_by_key(|event| (event.time, event.origin));
            (world.digest(), all)
        };
        let (first, second) = (once(), once());
        determinism::compare(self.prepared.topology(), (first.0, second.0), &first.1, &second.1)
    }

    /// What operators have handled beyond the reference, if the job came to its end.
    fn counted_again(&self, outcome: Outcome, reference: &Reference) -> Vec<CountedAgain> {
        let (world, topology) = (&self.world, self.prepared.topology());
        let operators = reference.operators.iter().enumerate();
        let more = operators.filter(|_| outcome.is_finished()).filter_map(|(at, expected)| {
            let tasks = topology.tasks.iter().enumerate().filter(|(_, task)| task.operator.index() == at);
            let handled: u64 = tasks.map(|(task, _)| world.handled(TaskId(task as u32)).0).sum();
            let records = handled.checked_sub(expected.received).filter(|&more| more > 0)?;
            Some(CountedAgain { operator: expected.uid.clone(), records })
        });
        more.collect()
    }

    fn record(
        &self,
        seed: u64,
        plan: &FaultPlan,
        outcome: Outcome,
        verdicts: Vec<OracleVerdict>,
        metrics: &Metrics,
    ) -> RunRecord {
        let (world, topology) = (&self.world, self.prepared.topology());
        let tasks = (0..topology.tasks.len() as u32).map(TaskId);
        let sources = tasks.filter(|&task| matches!(topology.role(task), Role::Source(_)));
        let duration = world.ended();
        let per_second = metrics.arrivals as f64 * SECOND as f64;
        RunRecord {
            version: RECORD_VERSION,
            scenario: self.prepared.name().to_owned(),
            strategy: self.contender.name.to_owned(),
            snapshot: self.contender.snapshot,
            faults: String::new(),
            seed,
            plan: plan.describe(topology),
            outcome,
            verdicts,
            digest: String::new(),
            duration,
            steps: world.steps(),
            source_records: sources.map(|task| world.handled(task).0).sum(),
            sink_records: visible_records(world),
            replayed_records: metrics.restores.iter().map(|restore| restore.replayed).sum(),
            arrivals: metrics.arrivals,
            throughput: if duration == 0 { 0.0 } else { per_second / duration as f64 },
            latency: metrics.latency(),
            checkpoints: metrics.checkpoints.values().cloned().collect(),
            task_crashes: metrics.task_crashes,
            node_crashes: metrics.node_crashes,
            restores: metrics.restores.clone(),
            messages_disturbed: metrics.messages_disturbed,
            writes_failed: metrics.writes_failed,
            commits_failed: metrics.commits_failed,
            transactions_expired: metrics.transactions_expired,
            mode: world.topology().config.checkpointing.mode,
            started_from: self.prepared.start().map(|start| StartedFrom {
                path: None,
                checkpoint: start.id(),
                judged_whole: start.is_whole(),
            }),
            counted_again: Vec::new(),
            local: world.logs_sent().then(|| metrics.local.counts(world)),
            life: LifeRecord::default(),
        }
    }
}

/// What a run gave.
struct Judged<'a> {
    outcome: Outcome,
    verdicts: Vec<OracleVerdict>,
    tear: Option<Tear>,
    life: LifeRecord,
    /// What it was held against.
    reference: Cow<'a, Reference>,
}

/// The forks of a run: one world, used again and again.
#[derive(Default)]
struct Forks {
    fork: Option<World>,
    verdict: Option<Verdict>,
    /// The first that did not come to its end, and the proof. Those after it may still come to a wrong one, which is worse.
    stalled: Option<(CheckpointId, String)>,
    done: u64,
    skipped: u64,
    steps_left: u64,
}

impl Forks {
    /// Fails the job over at this instant, without further faults, and asks about the end.
    fn try_restore(
        &mut self,
        prepared: &Prepared,
        (world, life): (&World, &Life),
        id: CheckpointId,
        heal: Time,
    ) {
        let newest = world.store().completed().next_back() == Some(id);
        // Nor is it restored by a job that is over: its metadata came too late.
        if self.verdict.is_some() || !newest || world.has_ended() {
            return;
        }
        if self.steps_left == 0 {
            self.skipped += 1;
            return;
        }
        let fork = match &mut self.fork {
            Some(fork) => {
                fork.clone_from(world);
                fork
            }
            None => self.fork.insert(world.clone()),
        };
        self.done += 1;
        fork.set_detail(Detail::default());
        fork.set_deadline(world.now().saturating_add(heal));
        fork.fail_over();
        let (mut restored, mut unreadable) = (None, false);
        let outcome = fork.run(&mut |_, events| {
            unreadable |= events.iter().any(|event| event.event == Event::RestoreFailed);
            let restores = events.iter().filter_map(|event| match event.event {
                Event::Restoring { checkpoint, .. } => Some(checkpoint),
                _ => None,
            });
            restored = restored.or(restores.into_iter().next());
        });
        self.steps_left = self.steps_left.saturating_sub(fork.steps());
        match judge_fork(prepared, life, (fork, outcome), id, (restored, unreadable), world.now()) {
            End::Right => {}
            End::Stalled(proof) => {
                self.stalled.get_or_insert((id, proof));
            }
            End::Judged(verdict) => self.verdict = Some(verdict),
        }
    }

    fn verdict(&self, forking: bool) -> Verdict {
        match (&self.verdict, &self.stalled) {
            (Some(verdict), _) => verdict.clone(),
            (None, Some((id, _))) => {
                Verdict::Unknown(format!("the fork that restores checkpoint {id} does not come to its end"))
            }
            _ if !forking => {
                Verdict::Unknown("not asked: forks were left out, or the run is large".to_owned())
            }
            _ if self.done == 0 => Verdict::Unknown("no checkpoint completed".to_owned()),
            _ if self.skipped > 0 => Verdict::Unknown(format!(
                "{} of {} checkpoints were restored, without objection; all would take too long unless asked for",
                self.done,
                self.done + self.skipped
            )),
            _ => Verdict::Pass,
        }
    }
}

/// What became of a fork.
enum End {
    Right,
    /// It did not come to its end; the proof.
    Stalled(String),
    /// It is wrong, or nobody knows.
    Judged(Verdict),
}

/// Judges the end of a fork that was to restore a checkpoint.
fn judge_fork(
    prepared: &Prepared,
    life: &Life,
    (fork, outcome): (&World, Outcome),
    id: CheckpointId,
    (restored, unreadable): (Option<Option<CheckpointId>>, bool),
    at: Time,
) -> End {
    if let Some(other) = restored.filter(|&restored| restored != Some(id)) {
        return End::Judged(Verdict::Fail(restore::other(id, at, other)));
    }
    let references = reference_of(prepared, fork).and_then(|reference| {
        let beside = life.beside(prepared, (fork, outcome), &reference)?;
        Ok((reference, beside))
    });
    let (reference, beside) = match &references {
        Ok((reference, beside)) => (reference, beside.iter().map(Cow::as_ref).collect()),
        Err(error) => return End::Judged(Verdict::Unknown(no_result(error))),
    };
    let ledger = Ledger::new(reference).or_shows(beside);
    let verdicts = [
        (state::NAME, State::new(reference).verdict(fork, outcome)),
        (ledger::NAME, { ledger }.verdict(fork, outcome)),
    ];
    let mut proofs = verdicts.iter().filter_map(|(oracle, verdict)| restore::proof(id, at, oracle, verdict));
    if let Some(proof) = proofs.next() {
        return End::Judged(Verdict::Fail(proof));
    }
    match Liveness::default().verdict(fork, outcome) {
        // A state that cannot be read is no mere stall: the checkpoint cannot be restored.
        stalled @ Verdict::Fail(_) if unreadable => {
            let proof = restore::proof(id, at, liveness::NAME, &stalled).unwrap_or_default();
            End::Judged(Verdict::Fail(proof))
        }
        Verdict::Fail(why) => End::Stalled(restore::stall(id, at, &why)),
        _ if !outcome.is_finished() || restored.is_none() => {
            End::Judged(Verdict::Unknown(format!("the fork that restores checkpoint {id} was given up")))
        }
        _ => End::Right,
    }
}
