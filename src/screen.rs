//! The one place that prints. Whoever reads may go away (`| head`): then the program finishes its work in silence, and its
//! exit code still tells how the run went.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::AutoStream;
use cutline::reports::WIDTH;
use owo_colors::OwoColorize;
use ratatui::crossterm::terminal;

use crate::failure::Failure;

/// Standard output, and standard error for what would disturb a program that reads the output.
pub struct Screen {
    out: AutoStream<io::Stdout>,
    closed: bool,
    json: bool,
}

impl Screen {
    /// The screen. Colours are for terminals only.
    pub fn new() -> Screen {
        Screen { out: anstream::stdout(), closed: false, json: false }
    }

    /// From now on standard output is for JSON alone.
    pub fn set_json(&mut self, json: bool) {
        self.json = json;
    }

    /// True if standard output is for JSON alone.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// How many characters a line may have: those of the terminal, if standard output is one.
    pub fn width(&self) -> usize {
        let terminal = io::stdout().is_terminal().then(terminal::size).and_then(Result::ok);
        terminal.map_or(WIDTH, |(width, _)| usize::from(width))
    }

    /// Prints what a person wants to know and a program does not: on stdout, or on stderr if stdout is for JSON. It is out
    /// before this returns.
    pub fn say(&mut self, text: &str) -> Result<(), Failure> {
        if self.json {
            let mut err = anstream::stderr();
            let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
            return Ok(());
        }
        self.result(text)
    }

    /// Prints a sign of life on stderr.
    pub fn note(&mut self, text: &str) -> Result<(), Failure> {
        let mut err = anstream::stderr();
        // If even that fails there is nobody left to tell.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
        Ok(())
    }

    /// Prints what was asked for on stdout. It is out before this returns.
    pub fn result(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            done => done.map_err(|error| Failure::stdout(&error)),
        }
    }

    /// Prints a value as one line of JSON on stdout.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value);
        let text = text.map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
        self.result(&(text + "\n"))
    }
}

/// Colours the verdicts in the lines that `is_verdict` picks.
pub fn paint(table: &str, is_verdict: impl Fn(&str) -> bool) -> String {
    let word = |word: &str| match word {
        "pass" => word.green().to_string(),
        "FAIL" => word.bright_red().bold().to_string(),
        "unknown" => word.yellow().to_string(),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        if !is_verdict(line) {
            return format!("{line}\n");
        }
        let words: Vec<String> = line.split(' ').map(word).collect();
        format!("{}\n", words.join(" "))
    };
    table.lines().map(line).collect()
}
