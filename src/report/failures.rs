//! The failures of a sweep, by class and oracles, each kind with the smallest run that shows it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use cutline::reports::page::sweep::{Group, Witness};
use cutline::scenarios::capsule::Capsule;
use cutline::scenarios::record::{Class, Verdict};
use cutline::scenarios::scene::View;
use cutline::scenarios::sweep::failure::Failure as FailedRun;
use cutline::scenarios::sweep::row::Row;
use cutline::scenarios::sweep::tally::Cell;

use crate::capsules::{self, quoted};
use crate::draw;
use crate::failure::Failure;
use crate::replay::Again;
use crate::screen::Screen;
use crate::shrink::Written;
use crate::sweep::shrunk::SHRUNK;

/// So many groups are on the page: for each a run is replayed.
const GROUPS_MAX: usize = 40;
/// A run with more steps is not replayed for a picture.
const STEPS_MAX: u64 = 5_000_000;

/// The groups, as they are gathered.
#[derive(Default)]
pub struct Groups {
    /// The steps of each run that failed.
    steps: BTreeMap<u64, u64>,
    all: BTreeMap<(Class, String), Gathered>,
}

/// One group.
struct Gathered {
    runs: u64,
    cells: BTreeMap<Cell, u64>,
    first: FailedRun,
    /// Those of which a capsule was kept, with their steps.
    kept: Vec<(u64, FailedRun)>,
}

impl Groups {
    /// A run.
    pub fn run(&mut self, row: &Row) {
        if row.class != Class::Pass {
            self.steps.insert(row.run, row.steps);
        }
    }

    /// What is said of one that failed.
    pub fn failure(&mut self, failure: FailedRun) {
        let new = || Gathered { runs: 0, cells: BTreeMap::new(), first: failure.clone(), kept: Vec::new() };
        let group = self.all.entry((failure.class, failure.oracles())).or_insert_with(new);
        group.runs += 1;
        *group.cells.entry(failure.cell()).or_insert(0) += 1;
        if failure.run < group.first.run {
            group.first = failure.clone();
        }
        if failure.capsule.is_some() {
            let steps = self.steps.get(&failure.run).copied().unwrap_or(u64::MAX);
            group.kept.push((steps, failure));
        }
    }

    /// The groups of a page, the gravest and most frequent first; and how many more there are.
    pub fn shown(self, folder: &Path, screen: &mut Screen) -> Result<(Vec<Group>, usize), Failure> {
        let mut all: Vec<_> = self.all.into_iter().collect();
        let gravity = |class: Class| match class {
            Class::NonDeterminism => 0,
            Class::Safety => 1,
            Class::Stall => 2,
            Class::Pass => 3,
        };
        all.sort_by_key(|((class, oracles), group)| (gravity(*class), Reverse(group.runs), oracles.clone()));
        let left_out = all.len().saturating_sub(GROUPS_MAX);
        all.truncate(GROUPS_MAX);
        let mut groups = Vec::new();
        for ((_, oracles), Gathered { runs, cells, first, kept }) in all {
            screen.note(&format!("replaying a failure: {} {oracles}\n", first.strategy))?;
            let witness = witness(folder, &first, &kept);
            groups.push(Group { runs, cells, first, witness });
        }
        Ok((groups, left_out))
    }
}

/// The smallest run that shows a failure: one that was shrunk, if there is any.
fn witness(folder: &Path, first: &FailedRun, kept: &[(u64, FailedRun)]) -> Witness {
    let capsule_of = |failure: &FailedRun| folder.join(failure.capsule.as_deref().unwrap_or_default());
    let shrunk = kept.iter().filter_map(|(_, failure)| {
        let path = Written::of(&capsule_of(failure), Some(&folder.join(SHRUNK))).capsule;
        let capsule = capsules::read(&path).ok()?;
        Some(((capsule.plan.faults.len(), capsule.scenario.text.len(), failure.run), path, capsule))
    });
    if let Some((_, path, capsule)) = shrunk.min_by_key(|(size, ..)| *size) {
        return Witness { is_shrunk: true, ..of_capsule(&path, capsule, &[]) };
    }
    let smallest = kept.iter().min_by_key(|(steps, failure)| (*steps, failure.run));
    let (steps, failure) = smallest.map_or((0, first), |(steps, failure)| (*steps, failure));
    let told = Witness {
        objections: failure.objections.iter().map(|it| (it.oracle.clone(), it.proof.clone())).collect(),
        plan: failure.plan.clone(),
        command: failure.command.clone(),
        ..Witness::default()
    };
    let path = capsule_of(failure);
    match (failure.capsule.is_some(), capsules::read(&path)) {
        (false, _) => told,
        (true, Err(error)) => Witness { diagram: Some(Err(error.to_string())), ..told },
        (true, Ok(capsule)) if steps > STEPS_MAX => Witness {
            capsule: Some(path.display().to_string()),
            diagram: Some(Err("the run is too large to be replayed for one".to_owned())),
            scenario: Some(text(&capsule)),
            command: command(&path),
            ..told
        },
        (true, Ok(capsule)) => of_capsule(&path, capsule, &failure.plan),
    }
}

/// What a capsule holds, and what its run looks like.
fn of_capsule(path: &Path, capsule: Capsule, plan: &[String]) -> Witness {
    let objections = capsule.result.verdicts.iter().filter_map(|verdict| match &verdict.verdict {
        Verdict::Fail(proof) => Some((verdict.oracle.clone(), proof.clone())),
        Verdict::Pass | Verdict::Unknown(_) => None,
    });
    let mut witness = Witness {
        capsule: Some(path.display().to_string()),
        objections: objections.collect(),
        scenario: Some(text(&capsule)),
        plan: plan.to_vec(),
        command: command(path),
        ..Witness::default()
    };
    let scene = Again::open(capsule, path, (None, None)).and_then(|again| {
        witness.plan = again.order.plan.describe(again.setup.prepared.topology());
        draw::scene_of_capsule(&again, &View::default())
    });
    witness.diagram = Some(scene.map(Box::new).map_err(|failure| failure.to_string()));
    witness
}

/// The scenario, with what was laid over it.
fn text(capsule: &Capsule) -> String {
    let overrides = &capsule.scenario.overrides;
    let over: String = overrides.iter().map(|set| format!("# --set {set}\n")).collect();
    format!("{}{over}", capsule.scenario.text)
}

fn command(path: &Path) -> String {
    format!("cutline replay {}", quoted(&path.display().to_string()))
}
