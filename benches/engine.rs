//! The simulator on the workload of the bench: the scenario `pipe` of the library, with aligned checkpoints and oracles.

use std::sync::Arc;

use cutline_scenarios::library_files::{ScenarioText, resolve};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::faults::{Fault, FaultPlan, Planned, TaskCrash, When};
use cutline_sim::ids::TaskId;
use cutline_sim::time::Time;
use cutline_sim::world::World;

use crate::limit::{KEYS, Outcome, STAGES, TASKS};

/// What is left out of a measured run: figures for people (latencies, the list of checkpoints) and the forks that restore
/// every checkpoint. All oracles over the run itself are on.
pub const OPTIONS: Options = Options {
    forks: Some(false),
    check_determinism: false,
    lookahead: true,
    metrics: false,
    course: false,
    passages: false,
    detail: false,
    turn: None,
};

/// A prepared scenario under the strategy `aligned`, to run again and again in the same worlds.
pub struct Engine {
    prepared: &'static Prepared,
    runner: Runner<'static>,
}

impl Engine {
    /// Prepares a scenario of the library with overrides.
    ///
    /// # Panics
    ///
    /// If the scenario cannot be built: the bench itself is wrong then.
    pub fn new(scenario: &str, overrides: &[&str], seed: u64) -> Engine {
        Engine::of_prepared(prepare(scenario, overrides, seed))
    }

    /// Prepares the text of a scenario.
    ///
    /// # Panics
    ///
    /// If the scenario cannot be built: the bench itself is wrong then.
    pub fn of(name: &str, text: String, seed: u64) -> Engine {
        Engine::of_prepared(prepare_text(&ScenarioText::new(name, text), &[], seed))
    }

    fn of_prepared(prepared: Prepared) -> Engine {
        // A bench lives as long as its process.
        let prepared: &'static Prepared = Box::leak(Box::new(prepared));
        Engine { prepared, runner: Runner::new(prepared, aligned()) }
    }

    /// One run with a plan of faults, judged by all oracles.
    pub fn run(&mut self, seed: u64, plan: &Arc<FaultPlan>, options: &Options) -> RunRecord {
        self.runner.run(seed, plan, options, None)
    }

    /// One run without faults, as the limit counts it.
    ///
    /// # Panics
    ///
    /// If an oracle objects: the speed of a wrong run means nothing.
    pub fn pipe(&mut self, seed: u64) -> Outcome {
        let record = self.run(seed, &Arc::new(FaultPlan::default()), &OPTIONS);
        assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
        let mut outcome = Outcome { counters: vec![0; STAGES * TASKS * KEYS], hops: 0 };
        for counter in 0..STAGES * TASKS {
            // The tasks of the sources come first.
            let task = TaskId((TASKS + counter) as u32);
            outcome.hops += self.runner.world().handled(task).0;
            for (key, value) in self.runner.world().state(task).values() {
                outcome.counters[counter * KEYS + key as usize] = value;
            }
        }
        outcome
    }

    /// How many records the tasks have handled in the history that counts of the last run.
    pub fn hops(&self) -> u64 {
        (0..self.tasks()).map(|task| self.runner.world().handled(TaskId(task)).0).sum()
    }

    /// The number of tasks.
    pub fn tasks(&self) -> u32 {
        self.prepared.topology().tasks.len() as u32
    }
}

/// One world of a scenario's text and nothing beside it: no oracles, no second world to begin from.
///
/// # Panics
///
/// If the scenario cannot be built.
pub fn bare_world(name: &str, text: String, seed: u64) -> World {
    let prepared = prepare_text(&ScenarioText::new(name, text), &[], seed);
    let contender = aligned();
    World::new(Arc::clone(prepared.topology()), &contender.cut, contender.snapshot)
}

/// Prepares a scenario of the library with overrides.
///
/// # Panics
///
/// If the scenario cannot be built.
pub fn prepare(scenario: &str, overrides: &[&str], seed: u64) -> Prepared {
    prepare_text(&resolve(scenario).unwrap_or_else(|error| panic!("{error}")), overrides, seed)
}

fn prepare_text(text: &ScenarioText, overrides: &[&str], seed: u64) -> Prepared {
    Prepared::load(text, overrides, seed).unwrap_or_else(|error| panic!("{error}"))
}

fn aligned() -> Contender {
    Contender::from(cutline_algorithms::find("aligned").expect("the strategy `aligned` is in the table"))
}

/// Crashes of tasks at these instants.
pub fn crashes(at: &[(Time, u32)]) -> Arc<FaultPlan> {
    let crash = |&(time, task): &(Time, u32)| Planned {
        when: When::At(time),
        fault: Fault::TaskCrash(TaskCrash { task: Some(TaskId(task)) }),
    };
    let heal = at.iter().map(|&(time, _)| time + 1).max().unwrap_or(0);
    Arc::new(FaultPlan { faults: at.iter().map(crash).collect(), heal })
}
