//! The zoo: for every planted bug how many seeds it takes to catch it, whether trying every single fault finds it, and how small a
//! run shows it.
//!
//! **Seeds.** A bug is hunted where its [`Hunt`] says, from several *starts*: the first with the seeds 0, 1, 2, ..., the next with
//! 1000, 1001, ..., and so on. Each start counts the runs until the oracle that must catch the bug objects, up to the budget of the hunt.
//! The correct strategy runs under the very same seeds, and no oracle may object to it.
//!
//! **Explore.** Every single fault is tried on the scenario `tiny`, until an oracle objects: any of them, for whoever looks at
//! a failure does not know yet what is wrong; and also if it objects to the run itself. That nothing was found says that one fault on that
//! run does not show the bug; it may need a loop, a savepoint, a setting or a second fault. A bug that makes runs differ
//! is not asked for: a fork is run once, and is no run that could be done again.
//!
//! **Smallest run.** The first failing run is shrunk, with a budget of steps that is the same on every machine. For that the input comes from
//! the seed of the run, as in every capsule; so it need not be the run in which the bug was caught above. A bug that makes runs
//! differ has none: a run that is not the same again cannot be made smaller.
//!
//! Nothing of an [`Exhibit`] depends on the number of threads.

use std::sync::Arc;

use cutline_algorithms::bugs::WANTING;
use cutline_sim::oracles::{ROWS, determinism};
use serde::Serialize;

use crate::capsule::{Capsule, CapsuleOptions, CapsuleResult, CapsuleScenario, Program};
use crate::explore::{self, Explorer, Pass, Victims};
use crate::hunts::Hunt;
use crate::inputs::Texts;
use crate::library_files::resolve;
use crate::prepare::Prepared;
use crate::record::RunRecord;
use crate::run::{Contender, Options, Runner};
use crate::shrink::{self, Budget, End, Given, Shrunk, Size, Watch};
use crate::spec::ScenarioError;

/// From the first seed of a start to that of the next. No hunt has a larger budget, so no seed counts twice.
pub const STRIDE: u64 = 1000;
/// The scenario that is explored, and its seed.
const EXPLORED: (&str, u64) = ("tiny", 1);
/// After so many events more it is looked whether something was found.
const EVENTS_AT_ONCE: u64 = 32;
/// How much a run is shrunk: some seconds.
const SHRINK_BUDGET: Budget = Budget { steps: 20_000_000, runs: 3_000 };

/// What is asked of each bug.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// From so many starts it is hunted.
    pub starts: u64,
    /// Whether exploration is tried.
    pub explore: bool,
    /// Whether the smallest run is looked for.
    pub shrink: bool,
}

/// What is known of a bug.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exhibit {
    /// Its name.
    pub bug: &'static str,
    /// The mutation.
    pub about: &'static str,
    /// The issue in which it was found in a real system, or `invented`.
    pub source: &'static str,
    /// Its number in the zoo.
    pub zoo: Option<&'static str>,
    /// The strategy that it is a mutation of.
    pub of: &'static str,
    /// The oracle that must catch it.
    pub oracle: &'static str,
    /// Where it is hunted: the scenario,
    pub scenario: String,
    /// and the faults.
    pub faults: &'static str,
    /// Within so many seeds it must be caught.
    pub budget: u64,
    /// What each start took.
    pub starts: Vec<Start>,
    /// See [`median`].
    pub seeds: Option<u64>,
    /// What exploration has found; absent where it was not asked.
    pub explored: Option<Explored>,
    /// The smallest run that shows it; absent where it was not looked for.
    pub smallest: Option<Smallest>,
    /// The same with its capsule; absent if it starts from a savepoint, for that is in no file.
    #[serde(skip)]
    pub shrunk: Option<Shrunk>,
}

/// A hunt from one seed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Start {
    /// The first seed.
    pub first: u64,
    /// So many runs it took, the last one included; absent if the bug was not caught within the budget.
    pub seeds: Option<u64>,
    /// Objections to the correct strategy under the same seeds: there should be none.
    pub false_alarms: Vec<FalseAlarm>,
}

/// Oracles object to a correct strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FalseAlarm {
    /// The seed.
    pub seed: u64,
    /// The oracles.
    pub oracles: Vec<String>,
}

/// What trying every single fault has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explored {
    /// Who objects to the first violation; nobody, if there is none.
    pub oracles: Vec<&'static str>,
    /// Faults of the first violation: 0 if it is the run itself.
    pub faults: u64,
    /// Forks that ran until then.
    pub forks: u64,
}

impl Explored {
    /// True if an oracle objects.
    pub fn found(&self) -> bool {
        !self.oracles.is_empty()
    }
}

/// The smallest run that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Smallest {
    /// The oracle that objects, of several the one nearest to the cause.
    pub oracle: String,
    /// The seed of the run.
    pub seed: u64,
    /// How large it was.
    pub before: Size,
    /// How large it is.
    pub after: Size,
    /// Why the search came to its end.
    pub end: End,
}

impl Exhibit {
    /// True if half of the starts or more caught it within the budget: one that is seldom met is missed by some.
    pub fn is_caught(&self) -> bool {
        self.seeds.is_some()
    }

    /// How many starts caught it within the budget.
    pub fn caught(&self) -> usize {
        self.starts.iter().filter(|start| start.seeds.is_some()).count()
    }

    /// True if no oracle objected to the correct strategy.
    pub fn is_clean(&self) -> bool {
        self.starts.iter().all(|start| start.false_alarms.is_empty())
    }
}

/// A bug of the zoo that cannot be planted yet. (The crate of the algorithms depends on the simulator and nothing else, so its own row cannot
/// be serialised.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wanting {
    /// Its number in the zoo.
    pub zoo: &'static str,
    /// The issue in which it was found.
    pub source: &'static str,
    /// What went wrong.
    pub about: &'static str,
    /// What the model lacks for it.
    pub lacks: &'static str,
}

/// All of them.
pub fn wanting() -> Vec<Wanting> {
    let row = |row: &cutline_algorithms::bugs::Wanting| {
        let &cutline_algorithms::bugs::Wanting { zoo, source, about, lacks } = row;
        Wanting { zoo, source, about, lacks }
    };
    WANTING.iter().map(row).collect()
}

/// The names of all oracles, in the order of `cutline list oracles`.
pub fn oracles() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// A bug and the strategy that it was made of, under the same faults and seeds.
pub struct Chase<'a> {
    hunt: &'a Hunt,
    prepared: &'a Prepared,
    options: Options,
    correct: Runner<'a>,
    mutant: Runner<'a>,
}

/// What both gave.
pub struct Pair {
    /// The correct strategy.
    pub correct: RunRecord,
    /// The bug.
    pub mutant: RunRecord,
}

impl<'a> Chase<'a> {
    /// The hunt in this job: its own, or another one like it.
    ///
    /// # Errors
    /// If the strategy of the bug does not exist.
    pub fn new(hunt: &'a Hunt, prepared: &'a Prepared) -> Result<Chase<'a>, ScenarioError> {
        let bug = hunt.bug();
        let of = cutline_algorithms::find(bug.of);
        let of = of.ok_or_else(|| ScenarioError::new(format!("there is no strategy `{}`", bug.of)))?;
        let (correct, mutant) = (Runner::new(prepared, of.into()), Runner::new(prepared, bug.into()));
        Ok(Chase { hunt, prepared, options: hunt.options(), correct, mutant })
    }

    /// Runs both.
    ///
    /// # Errors
    /// If the fault profile of the hunt is wrong.
    pub fn run(&mut self, seed: u64) -> Result<Pair, ScenarioError> {
        let plan = self.hunt.plan(self.prepared, seed)?;
        let correct = self.correct.run(seed, &plan, &self.options, None);
        let mutant = self.mutant.run(seed, &plan, &self.options, None);
        Ok(Pair { correct, mutant })
    }

    /// One start; `None` if it was stopped.
    fn start(&mut self, first: u64, stop: Stop<'_>) -> Result<Option<Start>, ScenarioError> {
        let mut start = Start { first, seeds: None, false_alarms: Vec::new() };
        for runs in 0..self.hunt.budget {
            if stop() {
                return Ok(None);
            }
            let seed = first + runs;
            let pair = self.run(seed)?;
            let oracles: Vec<String> = pair.correct.objections().map(str::to_owned).collect();
            if !oracles.is_empty() {
                start.false_alarms.push(FalseAlarm { seed, oracles });
            }
            if objects(&pair.mutant, self.hunt) {
                start.seeds = Some(runs + 1);
                break;
            }
        }
        Ok(Some(start))
    }
}

/// Says when it is enough.
type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// True if the oracle that must catch the bug objects.
fn objects(record: &RunRecord, hunt: &Hunt) -> bool {
    record.objections().any(|oracle| oracle == hunt.oracle())
}

/// The least number of seeds within which half of the starts or more catch it; `None` if fewer than half do at all.
pub fn median(starts: &[Start]) -> Option<u64> {
    let mut seeds: Vec<u64> = starts.iter().filter_map(|start| start.seeds).collect();
    seeds.sort_unstable();
    seeds.get(starts.len().div_ceil(2).checked_sub(1)?).copied()
}

/// Finds out what is asked about the bug of a hunt; `None` if it was stopped before all was known.
///
/// # Errors
/// If the hunt is wrong.
pub fn exhibit(
    hunt: &Hunt,
    asked: Asked,
    program: &Program,
    stop: Stop<'_>,
) -> Result<Option<Exhibit>, ScenarioError> {
    let bug = hunt.bug();
    let prepared = hunt.prepare()?;
    let mut chase = Chase::new(hunt, &prepared)?;
    let mut starts = Vec::new();
    for start in 0..asked.starts {
        let Some(start) = chase.start(start * STRIDE, stop)? else { return Ok(None) };
        starts.push(start);
    }
    let is_repeatable = hunt.oracle() != determinism::NAME;
    let explored = if asked.explore && is_repeatable { Some(explore(bug.into(), stop)?) } else { None };
    let shrunk = if asked.shrink && is_repeatable { shrink(hunt, program, stop)? } else { None };
    if stop() {
        return Ok(None);
    }
    Ok(Some(Exhibit {
        bug: bug.name,
        about: bug.about,
        source: bug.source,
        zoo: bug.zoo,
        of: bug.of,
        oracle: hunt.oracle(),
        scenario: prepared.name().to_owned(),
        faults: hunt.faults(),
        budget: hunt.budget,
        seeds: median(&starts),
        starts,
        explored,
        smallest: shrunk.as_ref().map(|shrunk| Smallest {
            oracle: shrunk.failing.oracle.clone(),
            seed: shrunk.capsule.seed,
            before: shrunk.before,
            after: shrunk.after,
            end: shrunk.end,
        }),
        shrunk: shrunk.filter(|_| prepared.start().is_none()),
    }))
}

/// Who stops an exploration.
struct Stopped<'a>(Stop<'a>);

impl explore::Watch for Stopped<'_> {
    fn stops(&self) -> bool {
        (self.0)()
    }
}

/// Tries every single fault, until an oracle objects.
fn explore(contender: Contender, stop: Stop<'_>) -> Result<Explored, ScenarioError> {
    let (scenario, seed) = EXPLORED;
    let prepared = Prepared::load::<&str>(&resolve(scenario)?, &[], seed)?;
    let explorer = Explorer::new(&prepared, contender, seed, Arc::default(), &Victims::ALL);
    if let Some(itself) = explorer.objection() {
        return Ok(Explored { oracles: itself.objections.names(), faults: 0, forks: 0 });
    }
    let mut forks = 0;
    for first in (0..explorer.events()).step_by(EVENTS_AT_ONCE as usize) {
        let events = first..first + EVENTS_AT_ONCE;
        let found = explorer.explore_after(events, Pass::Single, u64::MAX, &Stopped(stop));
        forks += found.forks();
        if let Some((&(faults, _, objections), _)) = found.violations.first_key_value() {
            return Ok(Explored { oracles: objections.names(), faults: faults as u64, forks });
        }
        if stop() {
            break;
        }
    }
    Ok(Explored { oracles: Vec::new(), faults: 0, forks })
}

/// Shrinks the first failing run; `None` if there is none within the budget.
fn shrink(hunt: &Hunt, program: &Program, stop: Stop<'_>) -> Result<Option<Shrunk>, ScenarioError> {
    let (source, overrides) = hunt.scenario()?;
    let contender = Contender::from(hunt.bug());
    for seed in 0..hunt.budget {
        let prepared = Prepared::load(&source, &overrides, seed)?;
        let (prepared, savepoint) = hunt.start(prepared, seed)?;
        let plan = hunt.plan(&prepared, seed)?;
        let options = CapsuleOptions::of(&hunt.options());
        let record = Runner::new(&prepared, contender).run(seed, &plan, &options.options(), None);
        if stop() {
            return Ok(None);
        }
        if !objects(&record, hunt) {
            continue;
        }
        let capsule = Capsule {
            program: program.clone(),
            scenario: CapsuleScenario {
                name: prepared.name().to_owned(),
                file: source.file,
                folder: None,
                text: source.text,
                overrides,
            },
            input: None,
            files: Vec::new(),
            savepoint: None,
            strategy: contender.name.to_owned(),
            faults: hunt.faults().to_owned(),
            plan: (*plan).clone(),
            seed,
            options,
            result: CapsuleResult::of(&record),
        };
        let given = Given { capsule: &capsule, contender, texts: Texts::default(), savepoint };
        let mut watch = Watch { stop, tell: &mut |_| {} };
        let shrunk = shrink::shrink(&given, program, SHRINK_BUDGET, &mut watch);
        return shrunk.map(Some).map_err(|error| {
            ScenarioError::new(format!("the run of seed {seed} that shows `{}`: {error}", hunt.bug))
        });
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunts::HUNTS;

    #[test]
    fn the_median_is_what_half_of_the_starts_need() {
        let of = |seeds: &[Option<u64>]| {
            let start = |&seeds: &Option<u64>| Start { first: 0, seeds, false_alarms: Vec::new() };
            median(&seeds.iter().map(start).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[Some(7)]), Some(7));
        assert_eq!(of(&[Some(9), Some(2)]), Some(2));
        assert_eq!(of(&[Some(9), Some(2), Some(5)]), Some(5));
        // What is not caught counts as more than any number.
        assert_eq!(of(&[None, Some(2), Some(5)]), Some(5));
        assert_eq!(of(&[None, Some(9), None, Some(2)]), Some(9));
        assert_eq!(of(&[None, Some(2), None]), None);
    }

    #[test]
    fn no_seed_counts_for_two_starts() {
        assert!(HUNTS.iter().all(|hunt| (1..=STRIDE).contains(&hunt.budget)));
    }
}
