//! A failing run as shrinking sees it: what may be changed, and how it is run.

use std::collections::BTreeSet;
use std::sync::Arc;

use cutline_sim::faults::{FaultPlan, Planned};
use cutline_sim::ids::{NodeId, TaskId};
use cutline_sim::oracles::{
    cut, determinism, fencing, ledger, liveness, order, restore, state, store, zigzag,
};
use cutline_sim::topology::Topology;
use xxhash_rust::xxh3::xxh3_128;

use super::Given;
use super::sheet::Sheet;
use crate::capsule::{CapsuleOptions, CapsuleResult};
use crate::inputs::text::TextFile;
use crate::inputs::{InputKind, Texts};
use crate::library_files::ScenarioText;
use crate::prepare::Prepared;
use crate::record::{Bound, Class, Outcome, RunRecord};
use crate::run::{Options, Runner};
use crate::spec::build::Hollow;
use crate::spec::{Scenario, load};

/// What may be changed of a run.
#[derive(Clone)]
pub(super) struct Case {
    /// The scenario's text.
    pub sheet: Sheet,
    /// What it says.
    pub scenario: Scenario,
    /// Its job, with hollow inputs and operators: enough to know which task is which.
    pub topology: Arc<Topology>,
    /// The faults.
    pub plan: FaultPlan,
    /// What the run does beyond running.
    pub options: CapsuleOptions,
    /// True if texts are read from a file that was named instead of the scenario's own.
    pub instead: bool,
}

impl Case {
    /// The case of a scenario's text and a plan that fits it; `None` if the text is no scenario.
    pub fn new(
        source: &ScenarioText,
        sheet: Sheet,
        plan: FaultPlan,
        options: CapsuleOptions,
        instead: bool,
    ) -> Option<Case> {
        let text = ScenarioText { text: sheet.text(), ..source.clone() };
        let scenario = load(&text, &[]).ok()?;
        let (graph, config) = scenario.build(&mut Hollow).ok()?;
        let topology = Arc::new(Topology::new(graph, config).ok()?);
        Some(Case { sheet, scenario, topology, plan, options, instead })
    }

    /// The same with another text; faults strike the same subtasks, by the names of their operators. `None` if the edit cannot be
    /// made or gives no scenario.
    pub fn edited(&self, given: &Given<'_>, edit: impl FnOnce(&mut Sheet) -> Option<()>) -> Option<Case> {
        let mut sheet = self.sheet.clone();
        edit(&mut sheet)?;
        let mut case = Case::new(&given.source(), sheet, self.plan.clone(), self.options, self.instead)?;
        case.plan.faults.retain_mut(|planned| match moved(planned, &self.topology, &case.topology) {
            Some(moved) => {
                *planned = moved;
                true
            }
            None => false,
        });
        Some(case)
    }

    /// Where the scenario names the files of its texts, and what they are from anywhere.
    pub fn texts_of(&self, given: &Given<'_>) -> Vec<([&str; 5], String)> {
        let Some(folder) = given.source().folder else { return Vec::new() };
        let named = self.scenario.spec.input.iter().filter_map(|(name, entry)| match &entry.kind {
            InputKind::Text(TextFile { path: Some(path), .. }) => {
                let way = ["input", name.as_str(), "kind", entry.kind.name(), "path"];
                Some((way, folder.join(path).display().to_string()))
            }
            _ => None,
        });
        named.collect()
    }

    /// The same with another plan.
    pub fn with_plan(&self, plan: FaultPlan) -> Case {
        Case { plan, ..self.clone() }
    }

    /// What tells it from every other case of the same run.
    pub fn key(&self) -> u128 {
        let run = (self.sheet.text(), &self.plan, self.options, self.instead);
        xxh3_128(format!("{run:?}").as_bytes())
    }

    /// The job with its inputs, and what was read for them; `None` if it cannot be prepared.
    pub fn prepare(&self, given: &Given<'_>, mut texts: Texts) -> Option<(Prepared, Texts)> {
        if !self.instead {
            texts = texts.without_instead();
        }
        let prepared = Prepared::new(&self.scenario, given.capsule.seed, &mut texts).ok()?;
        let prepared = match &given.savepoint {
            Some(savepoint) => prepared.start_from(savepoint).ok()?,
            None => prepared,
        };
        self.plan.check(prepared.topology()).ok()?;
        Some((prepared, texts))
    }

    /// Runs it, for so many steps at most; how much work that was. `None` if it cannot be run.
    pub fn run(&self, given: &Given<'_>, steps: u64) -> Option<(RunRecord, u64)> {
        let (prepared, _) = self.prepare(given, given.texts.clone())?;
        let prepared = prepared.within(steps);
        let options = Options { metrics: false, ..self.options.options() };
        let mut runner = Runner::new(&prepared, given.contender);
        let record = runner.run(given.capsule.seed, &Arc::new(self.plan.clone()), &options, None);
        let forks = match options.forks {
            Some(false) => 0,
            _ => runner.world().store().completed().count() as u64 + record.restores.len() as u64,
        };
        let again = if options.check_determinism { 2 } else { 0 };
        let work = record.steps.saturating_mul(1 + forks + again).saturating_add(prepared.reference().steps);
        Some((record, work))
    }
}

/// The same fault in another job; `None` if what it strikes is not there any more.
fn moved(planned: &Planned, from: &Topology, to: &Topology) -> Option<Planned> {
    let mut aims = planned.fault.aims();
    if let Some(task) = aims.task {
        let info = from.tasks.get(task.index())?;
        let uid = &from.operators[info.operator.index()].uid;
        let operator = to.operators.iter().position(|operator| operator.uid == *uid)?;
        let mut here = to.tasks.iter().enumerate().filter(|(_, info)| info.operator.index() == operator);
        let first = here.next()?.0;
        let parallelism = 1 + here.count() as u32;
        aims.task = Some(TaskId(first as u32 + info.subtask % parallelism));
    }
    let nodes = to.config.cluster.nodes.max(1);
    aims.nodes = aims.nodes.map(|node| node.map(|node| NodeId(node.0 % nodes)));
    Some(Planned { when: planned.when, fault: planned.fault.with(&aims) })
}

/// Oracles, those nearest to the cause first: what one of them proves is often why those behind it object.
const CAUSES: &[&str] = &[
    determinism::NAME,
    order::NAME,
    cut::NAME,
    fencing::NAME,
    store::NAME,
    zigzag::NAME,
    restore::NAME,
    ledger::NAME,
    state::NAME,
    liveness::NAME,
];

/// Of the oracles that object the one nearest to the cause.
pub fn nearest_cause(among: &[&str]) -> Option<&'static str> {
    CAUSES.iter().find(|oracle| among.contains(oracle)).copied()
}

/// What every smaller run must share with the first.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The class.
    pub class: Class,
    /// The objecting oracle that is nearest to the cause.
    pub oracle: String,
    /// All that object; no other may.
    among: BTreeSet<String>,
    /// How the run ended.
    outcome: Outcome,
}

/// True if a run was given up because it took too many steps: those of a candidate are bounded.
fn is_cut_short(outcome: Outcome) -> bool {
    outcome == Outcome::Exceeded(Bound::Steps)
}

impl Failing {
    /// What is wrong with a run; `None` if nothing is.
    pub fn of(result: &CapsuleResult) -> Option<Failing> {
        let objects = result.verdicts.iter().filter(|it| it.verdict.is_fail());
        let among: BTreeSet<String> = objects.map(|it| it.oracle.clone()).collect();
        let nearest = CAUSES.iter().find(|&&oracle| among.contains(oracle));
        (result.class != Class::Pass).then(|| Failing {
            class: result.class,
            oracle: (*nearest.unwrap_or(&liveness::NAME)).to_owned(),
            among,
            outcome: result.outcome,
        })
    }

    /// True if a run fails in the same way.
    pub fn is(&self, record: &RunRecord) -> bool {
        record.class() == self.class
            && (record.outcome == self.outcome || self.class != Class::Stall && !is_cut_short(record.outcome))
            && record.objections().any(|oracle| oracle == self.oracle)
            && record.objections().all(|oracle| self.among.contains(oracle))
    }
}
