//! `cutline completions`: completions for a shell, from the same definition as the help.

use clap::CommandFactory;

use crate::arguments::{Cli, CompletionsArguments};
use crate::failure::Failure;
use crate::screen::Screen;

/// Prints the completions.
pub fn completions(arguments: &CompletionsArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "cutline", &mut script);
    screen.result(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
