//! The four main strategies under madsim, with faults, judged by the oracles of the simulator: `make madsim`.
#![cfg(madsim)]

use std::sync::Arc;

use cutline_cluster::job::Job;
use cutline_cluster::simulated::{Plan, Report, run};
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;

const MAIN: [&str; 4] = ["stop-the-world", "aligned", "unaligned", "async-incremental"];

fn prepared(scenario: &str, overrides: &[&str], seed: u64) -> Prepared {
    let source = resolve(scenario).expect("a scenario");
    Prepared::load(&source, overrides, seed).expect("a job")
}

fn job(prepared: &Prepared, strategy: &str) -> Job {
    let contender = Contender::named(strategy).expect("a strategy");
    let topology = prepared.topology_under(contender.guarantee);
    Job { topology, cut: contender.cut, snapshot: contender.snapshot }
}

#[track_caller]
fn passes(report: &Report, about: &str) {
    assert_eq!(report.objection(), None, "{about}: {report:?}");
}

#[test]
fn nothing_goes_wrong_where_nothing_goes_wrong() {
    let prepared = prepared("wordcount", &[], 1);
    for strategy in MAIN {
        let report = run(&prepared, &job(&prepared, strategy), Plan::QUIET, 1);
        passes(&report, strategy);
        let outcome = report.outcome.expect("an outcome");
        assert!(outcome.completed >= 2 && outcome.attempts == 1, "{strategy}: {outcome:?}");
    }
}
