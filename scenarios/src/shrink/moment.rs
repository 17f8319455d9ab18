//! The critical moment of a failing run: the last moment before which some random continuation still passes.
//!
//! A continuation has the past of the run up to a moment, and from then on another future: the latencies of buffers and control
//! messages, service times, late timers, and what becomes of single messages, writes and commits under a fault are drawn anew, and
//! buffers and control messages take up to twice their least time even where the scenario has no jitter (see
//! `sim/src/chance.rs`). The input and the fault plan stay. Of each moment a fixed number of continuations is tried. If one of them
//! passes, the failure was not decided yet; if none does, it was.
//!
//! A moment is all that one party does at one instant. It is looked for by halving, which would be right if a run that is
//! decided stayed decided under every continuation; it need not, for so few continuations are a sample, so the moments behind the one
//! found are tried as well, and if one of them is not decided the search goes on behind it.

use std::sync::Arc;

use cutline_sim::event::Stamped;
use cutline_sim::random::mix;
use rayon::prelude::*;
use serde::Serialize;

use super::{Given, ShrinkError, first};
use crate::prepare::Prepared;
use crate::record::Class;
use crate::run::{Options, Runner, Turn};
use crate::story::{sentence, task_names};

/// How many continuations of a moment are tried.
pub const CONTINUATIONS: u64 = 32;
/// How many moments behind the one that was found are tried.
const BEHIND: usize = 24;
/// A run with more moments, or more steps, is not searched.
const MOMENTS_MAX: usize = 1 << 18;
const STEPS_MAX: u64 = 200_000;

/// When a failure is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Critical {
    /// At this moment.
    At(Moment),
    /// Before anything has happened: no continuation passes, not even from the beginning.
    FromTheBeginning,
    /// It cannot be said: it is no matter of chance after the beginning of a run, or the run is too long.
    Unknown,
}

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moment {
    /// When, in nanoseconds of virtual time.
    pub time: u64,
    /// How many events, records and marks included, had happened before.
    pub events_before: u64,
    /// What happens, a line for each event.
    pub events: Vec<String>,
    /// How many of [`CONTINUATIONS`] pass from just before it.
    pub passing_before: u64,
}

/// Finds the critical moment of a capsule's run.
///
/// # Errors
/// If the capsule's scenario cannot be prepared.
pub fn critical(given: &Given<'_>, stop: &(dyn Fn() -> bool + Sync)) -> Result<Critical, ShrinkError> {
    let case = first(given)?;
    let (prepared, _) = case.prepare(given, given.texts.clone()).ok_or(ShrinkError::Scenario)?;
    if given.capsule.result.class == Class::NonDeterminism {
        return Ok(Critical::Unknown);
    }
    let plan = Arc::new(case.plan.clone());
    let options = Options {
        check_determinism: false,
        lookahead: false,
        metrics: false,
        detail: true,
        ..case.options.options()
    };
    let mut moments: Vec<(u64, Vec<Stamped>)> = Vec::new();
    let mut count = 0;
    let record = Runner::new(&prepared, given.contender).run(
        given.capsule.seed,
        &plan,
        &options,
        Some(&mut |_, events| {
            if !events.is_empty() && moments.len() <= MOMENTS_MAX {
                moments.push((count, events.to_vec()));
                count += events.len() as u64;
            }
        }),
    );
    if moments.len() > MOMENTS_MAX || record.steps > STEPS_MAX {
        return Ok(Critical::Unknown);
    }
    let prepared = prepared.within(record.steps.saturating_mul(4).saturating_add(10_000));
    let search = Search { given, prepared: &prepared, plan, options };
    // How many continuations pass from just before a moment.
    let passing = |at: usize| moments.get(at).map_or(0, |&(before, _)| search.passing(before));
    if passing(0) == 0 {
        return Ok(Critical::FromTheBeginning);
    }
    // Before `open` it is not decided; from `decided` on it is, as far as we know.
    let mut open = 0;
    loop {
        let mut decided = moments.len();
        while decided - open > 1 {
            if stop() {
                return Ok(Critical::Unknown);
            }
            let middle = open + (decided - open) / 2;
            if passing(middle) > 0 {
                open = middle;
            } else {
                decided = middle;
            }
        }
        let behind = decided..moments.len().min(decided + BEHIND);
        match behind.into_iter().rev().find(|&at| passing(at) > 0) {
            Some(at) => open = at,
            None => break,
        }
    }
    let (events_before, events) = &moments[open];
    let names = task_names(prepared.topology());
    let say = |event: &Stamped| sentence(&names, event);
    Ok(Critical::At(Moment {
        time: events.first().map_or(0, |event| event.time),
        events_before: *events_before,
        events: events.iter().map(say).collect(),
        passing_before: passing(open),
    }))
}

struct Search<'a> {
    given: &'a Given<'a>,
    prepared: &'a Prepared,
    plan: Arc<cutline_sim::faults::FaultPlan>,
    options: Options,
}

impl Search<'_> {
    /// How many continuations pass that begin after so many events.
    fn passing(&self, after: u64) -> u64 {
        let passes = |runner: &mut Runner<'_>, number: u64| {
            let seed = mix(self.given.capsule.seed ^ mix(number + 1));
            let options = Options { turn: Some(Turn { after, seed }), ..self.options };
            runner.run(self.given.capsule.seed, &self.plan, &options, None).class() == Class::Pass
        };
        let runner = || Runner::new(self.prepared, self.given.contender);
        let passing = (0..CONTINUATIONS).into_par_iter().map_init(runner, passes);
        passing.filter(|&passes| passes).count() as u64
    }
}
