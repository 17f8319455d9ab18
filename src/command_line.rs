//! The command line as a function: that of `cutline`, and of any program that brings strategies of its own.

use std::process::ExitCode;

use clap::Parser;

use crate::algorithms::Strategy;
use crate::arguments::{Cli, Command};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::{
    compare, completions, diff, draw, explore, guarantees, list, processes, registry, replay, report, run,
    shrink, sweep, viewers, zoo,
};

/// The exit code of usage errors and bad input.
const BAD_INPUT: u8 = 2;

/// The whole program: reads the arguments of the process, does what they ask, prints, and gives the exit code of the process.
///
/// Beside the strategies of [`algorithms`](crate::algorithms) it knows those that are `added`, under their names, in every command
/// that takes a strategy. None may have the name of another. It is called once in a process.
///
/// ```no_run
/// use cutline::algorithms::{STRATEGIES, Strategy};
///
/// // A strategy of your own has a type of its own in the place of this `cut`: see examples/own-strategy.
/// const MINE: Strategy = Strategy { name: "mine", about: "As the first one.", ..STRATEGIES[0] };
///
/// fn main() -> std::process::ExitCode {
///     cutline::command_line::main(&[MINE])
/// }
/// ```
pub fn main(added: &'static [Strategy]) -> ExitCode {
    if let Err(failure) = registry::add(added) {
        failure.print();
        return ExitCode::from(BAD_INPUT);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let mut screen = Screen::new();
    let done = match cli.command {
        Command::Run(arguments) => run::run(&arguments, &mut screen),
        Command::Compare(arguments) => compare::compare(&arguments, &mut screen),
        Command::Guarantees(arguments) => guarantees::guarantees(&arguments, &mut screen),
        Command::Explore(arguments) => explore::explore(&arguments, &mut screen),
        Command::Sweep(arguments) => sweep::sweep(&arguments, &mut screen),
        Command::Merge(arguments) => sweep::merge::merge(&arguments, &mut screen),
        Command::Replay(arguments) => replay::replay(&arguments, &mut screen),
        Command::Report(arguments) => report::report(&arguments, &mut screen),
        Command::Diff(arguments) => diff::diff(&arguments, &mut screen),
        Command::Shrink(arguments) => shrink::shrink(&arguments, &mut screen),
        Command::Zoo(arguments) => zoo::zoo(&arguments, &mut screen),
        Command::Draw(arguments) => draw::draw(&arguments, &mut screen),
        Command::Cluster(arguments) => processes::cluster(&arguments, &mut screen),
        Command::TaskManager(arguments) => processes::task_manager(&arguments),
        Command::Graph(arguments) => viewers::graph(&arguments, &mut screen),
        Command::List(arguments) => list::list(&arguments, &mut screen),
        Command::Completions(arguments) => completions::completions(&arguments, &mut screen),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Prints what clap has to say: help and version on stdout, usage errors on stderr.
fn explain(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(BAD_INPUT);
    match error.print() {
        Err(problem) if !error.use_stderr() && problem.kind() != std::io::ErrorKind::BrokenPipe => {
            Failure::stdout(&problem).print();
            ExitCode::from(BAD_INPUT)
        }
        _ => ExitCode::from(code),
    }
}
