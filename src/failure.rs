//! What ends the program with exit code 2: what is wrong, and what to do.

use std::fmt;
use std::io::Write;
use std::path::Path;

use cutline::scenarios::spec::{Rendering, ScenarioError};
use owo_colors::OwoColorize;

/// Bad input, bad usage, or a file that cannot be written.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong with a scenario.
    Scenario(ScenarioError),
    /// Anything else.
    Plain {
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
    },
}

impl Failure {
    /// A failure that says what is wrong.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Plain { message: message.into(), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(self, text: impl Into<String>) -> Failure {
        match self {
            Failure::Plain { message, .. } => Failure::Plain { message, help: Some(text.into()) },
            Failure::Scenario(error) => Failure::Scenario(error.with_help(text)),
        }
    }

    /// Adds something more to do.
    #[must_use]
    pub fn with_more_help(self, text: &str) -> Failure {
        match self {
            Failure::Plain { message, help: Some(help) } => {
                Failure::Plain { message, help: Some(format!("{help}; {text}")) }
            }
            other => other.with_help(text),
        }
    }

    /// Standard output cannot be written.
    pub fn stdout(error: &std::io::Error) -> Failure {
        Failure::new(format!("cannot write to standard output: {error}"))
            .with_help("send the output to a file or a disk with room for it")
    }

    /// A file cannot be written.
    pub fn writing(path: &Path, error: &std::io::Error) -> Failure {
        use std::io::ErrorKind;
        let help = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "make room, or name a file on another disk; nothing was left half written"
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "name a file in a folder that you may write to"
            }
            ErrorKind::NotFound if path.parent().is_some_and(Path::is_dir) => {
                "no file can be made in that folder: name another"
            }
            ErrorKind::NotFound | ErrorKind::NotADirectory => "make its folder first (mkdir -p)",
            ErrorKind::BrokenPipe => "whoever was reading it has gone away: let it read to the end",
            ErrorKind::IsADirectory => "name a file inside it",
            _ => "name another file",
        };
        Failure::new(format!("cannot write `{}`: {error}", path.display())).with_help(help)
    }

    /// Prints it on stderr. If even that fails there is nobody left to tell.
    pub fn print(&self) {
        let mut err = anstream::stderr();
        let _ = match self {
            Failure::Scenario(error) => writeln!(err, "{}", error.render(Rendering::Coloured)),
            Failure::Plain { message, help } => {
                let help =
                    help.as_ref().map(|help| format!("\n  {} {help}", "help:".bold())).unwrap_or_default();
                writeln!(err, "{} {message}{help}", "error:".bright_red().bold())
            }
        };
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Scenario(error) => error.fmt(f),
            Failure::Plain { message, .. } => f.write_str(message),
        }
    }
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Failure {
        Failure::Scenario(error)
    }
}
