//! The command line of Cutline.

mod arguments;
mod capsules;
mod compare;
mod completions;
mod execute;
mod explore;
mod failure;
mod files;
mod guarantees;
mod interrupts;
mod list;
mod registry;
mod replay;
mod run;
mod savepoints;
mod screen;
mod setup;
mod shrink;
mod sweep;
mod threads;
mod trace;
mod viewers;
mod zoo;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Cli, Command};
use crate::failure::Failure;
use crate::screen::Screen;

/// The exit code of usage errors and bad input.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
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
        Command::Shrink(arguments) => shrink::shrink(&arguments, &mut screen),
        Command::Zoo(arguments) => zoo::zoo(&arguments, &mut screen),
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
