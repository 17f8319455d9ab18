//! A run as a scene.

use std::sync::Arc;

use cutline_sim::event::Stamped;
use cutline_sim::faults::FaultPlan;
use cutline_sim::world::World;

use super::witness::Suspects;
use super::{Cast, Entry, Recorder, Scene, View, ViewError, Witness, entries, survey};
use crate::prepare::Prepared;
use crate::record::{Class, RunRecord};
use crate::run::{Contender, Options, Runner};

/// A run, to be gone through again and again.
#[derive(Clone)]
pub struct Live<'a> {
    /// The scenario.
    pub prepared: &'a Prepared,
    /// The strategy, or the bug.
    pub contender: Contender,
    /// The seed.
    pub seed: u64,
    /// The faults.
    pub plan: Arc<FaultPlan>,
    /// What the run does beyond running: it decides which oracles are asked.
    pub options: Options,
}

impl Live<'_> {
    /// Runs, and hands over everything that happens. No oracle that takes runs of its own is asked.
    fn play(&self, see: &mut dyn FnMut(Entry)) {
        let options = Options {
            forks: Some(false),
            check_determinism: false,
            lookahead: false,
            metrics: false,
            passages: true,
            ..self.options
        };
        let watch = &mut |world: &World, events: &[Stamped]| entries(world, events, see);
        Runner::new(self.prepared, self.contender).run(self.seed, &self.plan, &options, Some(watch));
    }

    /// Runs and asks the oracles.
    fn judge(&self) -> (RunRecord, Option<Witness>) {
        let mut suspects = Suspects::default();
        let watch = &mut |_: &World, events: &[Stamped]| {
            events.iter().for_each(|&event| suspects.see(&Entry::Event(event)));
        };
        let mut runner = Runner::new(self.prepared, self.contender);
        let record = runner.run(self.seed, &self.plan, &self.options, Some(watch));
        let witness = Witness::of(&record.verdicts, runner.tear(), &suspects);
        (record, witness)
    }
}

/// The scene of a run; and its record, unless it was given because it is known and no oracle objects: then one run less is needed.
///
/// # Errors
/// If the view shows nothing of the run.
pub fn scene_of_run(
    live: &Live<'_>,
    view: &View,
    known: Option<&RunRecord>,
) -> Result<(Scene, RunRecord), ViewError> {
    let (record, witness) = match known {
        Some(record) if record.class() == Class::Pass => (record.clone(), None),
        _ => live.judge(),
    };
    let own_snapshots = record.local.is_some();
    let title = format!("{} under {}, seed {}", record.scenario, record.strategy, record.seed);
    let cast = Cast::new(live.prepared.topology(), title, own_snapshots);
    let survey = survey(&cast, view.around, witness.as_ref(), |see| live.play(see));
    let window = view.window(&survey)?;
    let mut recorder = Recorder::new(cast, window);
    live.play(&mut |entry| recorder.see(entry));
    let scene = Scene { witness, ..recorder.finish() };
    Ok((scene, record))
}
