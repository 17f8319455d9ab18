//! Made by `cutline shrink`: `sum-even-odd` under `first-barrier` with seed 4.

use std::sync::Arc;

use cutline::scenarios::library_files::ScenarioText;
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::run::{Contender, Options, Runner};
use cutline::sim::faults::FaultPlan;

/// It passes as long as the run fails. Once that is repaired, take the line `should_panic` out.
#[test]
#[should_panic = "the oracle cut objects"]
fn sum_even_odd_under_first_barrier_with_seed_4() {
    let scenario = ScenarioText::new("first-barrier.toml", include_str!("first-barrier.toml"));
    let prepared = Prepared::load(&scenario, &[""; 0], 4).expect("a scenario");
    let contender = Contender::named("first-barrier").expect("a strategy or a planted bug");
    let faults = vec![];
    let plan = Arc::new(FaultPlan { faults, heal: 0 });
    let options = Options { forks: Some(false), ..Options::default() };
    let run = Runner::new(&prepared, contender).run(4, &plan, &options, None);
    let objects = run.objections().any(|oracle| oracle == "cut");
    assert!(!objects, "the oracle cut objects: {:#?}", run.verdicts);
}
