//! A test in Rust of a few lines that does a failing run again: for the repository of whoever repairs it.

use cutline_sim::faults::{Planned, When};

use super::Failing;
use crate::capsule::Capsule;

/// The test, for a crate that depends on `cutline`; the scenario is a file of this name beside it. `None` for a run that needs more
/// than a scenario: a file that was named instead of the scenario's own, or a savepoint.
pub fn rust_test(capsule: &Capsule, failing: &Failing, scenario: &str) -> Option<String> {
    if capsule.input.is_some() || capsule.savepoint.is_some() {
        return None;
    }
    let Capsule { strategy, seed, plan, options, .. } = capsule;
    let (name, oracle) = (&capsule.scenario.name, &failing.oracle);
    let function = format!("{name}_under_{strategy}_with_seed_{seed}")
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let function = function.to_lowercase();
    // A name may begin with a digit, and a function's may not.
    let function =
        if function.starts_with(|c: char| c.is_ascii_digit()) { format!("run_{function}") } else { function };
    let faults: String =
        plan.faults.iter().map(|planned| format!("        {},\n", literal(planned))).collect();
    let faults = if faults.is_empty() { "vec![]".to_owned() } else { format!("vec![\n{faults}    ]") };
    let ids = if faults.contains("Id(") { "use cutline::sim::ids::*;\n" } else { "" };
    let kinds = if plan.faults.is_empty() { "FaultPlan" } else { "*" };
    let settings = [
        options.forks.map(|forks| format!("forks: Some({forks}), ")),
        options.check_determinism.then(|| "check_determinism: true, ".to_owned()),
        (!options.lookahead).then(|| "lookahead: false, ".to_owned()),
    ];
    let settings: String = settings.into_iter().flatten().collect();
    let options = match settings.as_str() {
        "" => "Options::default()".to_owned(),
        _ => format!("Options {{ {settings}..Options::default() }}"),
    };
    let source = match &capsule.scenario.folder {
        Some(folder) if !capsule.files.is_empty() => format!(
            "ScenarioText {{\n        file: {scenario:?}.into(),\n        folder: Some({folder:?}.into()),\n        \
             text: include_str!({scenario:?}).into(),\n    }}"
        ),
        _ => format!("ScenarioText::new({scenario:?}, include_str!({scenario:?}))"),
    };
    Some(format!(
        "//! Made by `cutline shrink`: `{name}` under `{strategy}` with seed {seed}.

use std::sync::Arc;

use cutline::scenarios::library_files::ScenarioText;
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::run::{{Contender, Options, Runner}};
use cutline::sim::faults::{kinds};
{ids}
/// It passes as long as the run fails. Once that is repaired, take the line `should_panic` out.
#[test]
#[should_panic = \"the oracle {oracle} objects\"]
fn {function}() {{
    let scenario = {source};
    let prepared = Prepared::load(&scenario, &[\"\"; 0], {seed}).expect(\"a scenario\");
    let contender = Contender::named({strategy:?}).expect(\"a strategy or a planted bug\");
    let faults = {faults};
    let plan = Arc::new(FaultPlan {{ faults, heal: {heal} }});
    let options = {options};
    let run = Runner::new(&prepared, contender).run({seed}, &plan, &options, None);
    let objects = run.objections().any(|oracle| oracle == {oracle:?});
    assert!(!objects, \"the oracle {oracle} objects: {{:#?}}\", run.verdicts);
}}
",
        heal = number(plan.heal)
    ))
}

/// A fault as Rust writes it.
fn literal(planned: &Planned) -> String {
    let when = match planned.when {
        When::At(time) => format!("At({})", number(time)),
        When::Between(from, until) => format!("Between({}, {})", number(from), number(until)),
        When::Event(nth) => format!("Event({})", number(nth)),
        When::Point(point, nth) => format!("Point(Point::{point:?}, {nth})"),
    };
    format!("Planned {{ when: When::{when}, fault: Fault::{} }}", planned.fault)
}

/// A number with a mark at every third digit.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut marked = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            marked.push('_');
        }
        marked.push(digit);
    }
    marked
}
