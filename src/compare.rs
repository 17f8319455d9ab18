//! `cutline compare`: the same scenario, input and faults under several strategies.

use std::sync::Arc;

use cutline::reports;
use cutline::scenarios::record::{Class, RunRecord};

use crate::arguments::CompareArguments;
use crate::execute::{Order, Watchers, announce_seed, execute, exit_code};
use crate::failure::Failure;
use crate::files::Output;
use crate::registry::Choice;
use crate::screen::{Screen, paint};
use crate::{files, run};

/// Runs the scenario once per strategy, and shows the runs side by side.
pub fn compare(arguments: &CompareArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let subject = &arguments.subject;
    screen.set_json(subject.json);
    let seed = subject.seed.number();
    announce_seed(screen, seed)?;
    files::check_apart(&[subject.svg.as_deref()], &subject.files())?;
    let mut choice = Choice::of(&arguments.strategies)?;
    let ready = run::ready(subject, seed, &mut choice, screen)?;
    let svg = subject.svg.as_deref().map(Output::create).transpose()?;
    let mut orders = Vec::new();
    let mut records = Vec::new();
    for contender in choice.contenders() {
        let (faults, plan) = (subject.faults.clone(), Arc::clone(&ready.plan));
        let order = Order { contender, faults, plan, seed: ready.seed, options: ready.options };
        records.push(execute(&ready.setup, &order, Watchers::default()).record);
        orders.push(order);
    }
    if screen.is_json() {
        screen.json(&records)?;
    } else {
        screen.result(&paint(&reports::side_by_side(&records), |line| line.starts_with("oracle ")))?;
    }
    let mut problem = svg.map_or(Ok(()), |output| run::picture(output, &records)).err();
    for (order, record) in orders.iter().zip(&records) {
        let left = run::leave_capsule(screen, subject, &ready.setup, order, record);
        problem = problem.or(left.err());
    }
    problem.map_or(Ok(worst(&records)), Err)
}

/// The exit code of the worst run: non-determinism, then safety, then stalls.
fn worst(records: &[RunRecord]) -> u8 {
    let gravity = |class: &Class| match class {
        Class::Pass => 0,
        Class::Stall => 1,
        Class::Safety => 2,
        Class::NonDeterminism => 3,
    };
    let worst = records.iter().map(RunRecord::class).max_by_key(gravity);
    exit_code(worst.unwrap_or(Class::Pass))
}
