//! The runs of a comparison: for each value of the key that is varied and each seed the same input and the same faults, under each
//! strategy, on several threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cutline::reports::comparison::Ran;
use cutline::scenarios::capsule::CapsuleOptions;
use cutline::scenarios::faults::{self, Profile};
use cutline::scenarios::library_files::ScenarioText;
use cutline::scenarios::record::Class;
use cutline::scenarios::run::{Contender, Options, Runner};
use cutline::scenarios::scene::{Around, Live, Scene, View, scene_of_run};
use cutline::sim::faults::FaultPlan;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::arguments::Subject;
use crate::execute::{Order, complete};
use crate::failure::Failure;
use crate::setup::Setup;

/// What all runs have in common.
pub struct Common<'a> {
    /// What was asked for.
    pub subject: &'a Subject,
    /// The scenario's text.
    pub source: &'a ScenarioText,
    /// The fault profile.
    pub profile: &'a Profile,
    /// The strategies.
    pub contenders: &'a [Contender],
    /// What the runs do beyond running.
    pub options: CapsuleOptions,
    /// True if their course is taken down.
    pub course: bool,
    /// True if the first run of each is drawn in space and time.
    pub draws: bool,
}

/// The runs of one value and one seed.
pub struct Done {
    /// The seed.
    pub seed: u64,
    /// What was laid over the scenario.
    pub overrides: Vec<String>,
    /// The faults.
    pub plan: Arc<FaultPlan>,
    /// A run for each strategy.
    pub runs: Vec<Ran>,
    /// What was run, if one of them failed: it leaves a capsule.
    pub setup: Option<Setup>,
    /// Of the first job: each run in space and time.
    pub scenes: Vec<Scene>,
}

impl Done {
    /// The run of this strategy as it was ordered.
    pub fn order(&self, common: &Common<'_>, contender: Contender) -> Order {
        let (faults, plan) = (common.subject.faults.clone(), Arc::clone(&self.plan));
        Order { contender, faults, plan, seed: self.seed, options: common.options }
    }
}

/// Prepares the scenario with what is laid over it, for a seed, and draws its faults. Nothing is printed.
pub fn prepare(
    common: &Common<'_>,
    overrides: &[String],
    seed: u64,
) -> Result<(Setup, Arc<FaultPlan>), Failure> {
    let subject = common.subject;
    let setup = Setup::quiet(common.source.clone(), overrides, subject.input.as_deref(), seed)?;
    let setup = setup.start_from_quietly(subject.origin(), seed)?;
    let prepared = &setup.prepared;
    let plan = faults::draw(common.profile, prepared.topology(), prepared.duration(), seed);
    Ok((setup, Arc::new(plan)))
}

/// Does all jobs, each of which is what is laid over the scenario, and a seed; without those that were not done when it was
/// interrupted. They come in the order in which they were asked for, whatever the number of threads. The first is prepared already.
pub fn work(
    common: &Common<'_>,
    jobs: &[(Vec<String>, u64)],
    first: (Setup, Arc<FaultPlan>),
    interrupted: &AtomicBool,
) -> Result<Vec<Option<Done>>, Failure> {
    let first = Mutex::new(Some(first));
    let bar = ProgressBar::new((jobs.len() * common.contenders.len()) as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} runs, {elapsed}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let one = |(at, (overrides, seed)): (usize, &(Vec<String>, u64))| -> Result<Option<Done>, Failure> {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let prepared = if at == 0 { first.lock().ok().and_then(|mut first| first.take()) } else { None };
        let (setup, plan) = prepared.map_or_else(|| prepare(common, overrides, *seed), Ok)?;
        let run = |contender: &Contender| {
            if interrupted.load(Ordering::Relaxed) {
                return None;
            }
            let ran = run(common, &setup, &plan, *seed, *contender);
            bar.inc(1);
            Some(ran)
        };
        let runs: Option<Vec<Ran>> = common.contenders.par_iter().map(run).collect();
        let done = runs.map(|runs| {
            let failed = runs.iter().any(|ran| ran.record.class() != Class::Pass);
            let scenes = if at == 0 && common.draws {
                scenes(common, &setup, &plan, *seed, &runs)
            } else {
                Vec::new()
            };
            let setup = failed.then_some(setup);
            Done { seed: *seed, overrides: overrides.clone(), plan, runs, setup, scenes }
        });
        Ok(done)
    };
    let done = jobs.par_iter().enumerate().map(one).collect();
    bar.finish_and_clear();
    done
}

/// The runs of all strategies in space and time, around a checkpoint: there they differ.
fn scenes(common: &Common<'_>, setup: &Setup, plan: &Arc<FaultPlan>, seed: u64, runs: &[Ran]) -> Vec<Scene> {
    let scene = |(contender, ran): (&Contender, &Ran)| {
        let options = common.options.options();
        let prepared = &setup.prepared;
        let live = Live { prepared, contender: *contender, seed, plan: Arc::clone(plan), options };
        let failed = ran.record.class() != Class::Pass;
        let around = if failed { Around::Best } else { Around::FirstCheckpoint };
        let view = View { around, ..View::default() };
        // A window that depends on nothing but the run is never outside of it.
        scene_of_run(&live, &view, Some(&ran.record)).map(|(scene, _)| scene).unwrap_or_default()
    };
    common.contenders.par_iter().zip(runs).map(scene).collect()
}

fn run(common: &Common<'_>, setup: &Setup, plan: &Arc<FaultPlan>, seed: u64, contender: Contender) -> Ran {
    let options = Options { course: common.course, ..common.options.options() };
    let mut runner = Runner::new(&setup.prepared, contender);
    let mut record = runner.run(seed, plan, &options, None);
    complete(&mut record, setup, &common.subject.faults);
    Ran { record, course: runner.course().cloned().unwrap_or_default() }
}
