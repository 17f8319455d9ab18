//! `cutline guarantees`: what readers get, for every strategy and every kind of sink, from runs.

use std::sync::Arc;

use cutline::reports;
use cutline::scenarios::guarantee::{EndToEnd, Observed, results};
use cutline::scenarios::run::{Options, Runner};
use cutline::scenarios::spec::{Does, load};
use cutline::scenarios::{faults, library_files};
use cutline::sim::graph::SinkMode;

use crate::arguments::GuaranteesArguments;
use crate::failure::Failure;
use crate::registry::Choice;
use crate::screen::Screen;
use crate::setup::{Setup, Waiting};

const SINKS: [(SinkMode, &str); 3] = [
    (SinkMode::Transactional, "transactional"),
    (SinkMode::Idempotent, "idempotent"),
    (SinkMode::Plain, "plain"),
];

/// Runs the scenario with every kind of sink under every strategy, and prints what was seen. The exit code is 1 if something
/// went wrong anywhere.
pub fn guarantees(arguments: &GuaranteesArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.json);
    let mut choice = Choice::of(&arguments.strategies)?;
    let profile = faults::resolve(&arguments.faults)?;
    let source = library_files::resolve(&arguments.scenario)?;
    let operators = load(&source, &arguments.overrides)?.spec.job.operator;
    let sinks: Vec<String> = operators
        .iter()
        .filter(|operator| matches!(operator.does, Does::Sink(_)))
        .map(|operator| operator.uid.to_string())
        .collect();
    if sinks.is_empty() {
        let message = format!("the job of `{}` has no sink, so nobody reads its results", arguments.scenario);
        return Err(
            Failure::new(message).with_help("choose a scenario with a sink: `cutline list scenarios`")
        );
    }
    let mut observed = Vec::new();
    for (mode, name) in SINKS {
        let kinds = sinks.iter().map(|uid| format!("job.operator.{uid}.does.sink={name}"));
        let overrides: Vec<String> = arguments.overrides.iter().cloned().chain(kinds).collect();
        let setup = Setup::new(source.clone(), &overrides, arguments.input.as_deref(), arguments.seed)?;
        let prepared = &setup.prepared;
        choice.fit(prepared, screen)?;
        let results = results(prepared);
        for contender in choice.contenders() {
            let _waiting = Waiting::new(format!("{} with {name} sinks", contender.name));
            let mut runner = Runner::new(prepared, contender);
            let mut seen = Observed::new(contender.name, contender.guarantee, mode);
            let options = Options { forks: Some(false), ..Options::default() };
            for seed in (0..arguments.runs).map(|n| arguments.seed.wrapping_add(n)) {
                let plan = faults::draw(&profile, prepared.topology(), prepared.duration(), seed);
                seen.observe(&runner.run(seed, &Arc::new(plan), &options, None), results);
            }
            observed.push(seen);
        }
    }
    let place = |name: &str| choice.contenders().position(|contender| contender.name == name);
    observed.sort_by_key(|seen| place(&seen.strategy)); // strategy by strategy; sinks keep their order
    if screen.is_json() {
        screen.json(&observed)?;
    } else {
        screen.result(&reports::guarantees(&observed))?;
    }
    Ok(u8::from(observed.iter().any(|seen| seen.end_to_end() == EndToEnd::Broken)))
}
