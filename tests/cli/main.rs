//! End-to-end tests of the binary: what a user or a script sees.

mod ci;
mod ci_files;
#[cfg(target_os = "linux")]
mod cluster;
mod compare;
mod diff;
#[cfg(target_os = "linux")]
mod differential;
mod draw;
mod explore;
mod files;
mod input;
mod life;
mod lists;
mod readme;
mod replays;
mod report;
mod savepoints;
mod shrink;
#[path = "shrunk/first-barrier.rs"]
mod shrunk;
#[cfg(target_os = "linux")]
mod step;
mod sweeps;
mod usage;
mod viewers;
mod zoo;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a run of the binary gave.
struct Gave {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Gave {
    fn new(output: Output) -> Gave {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Gave { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Checks the exit code.
    #[track_caller]
    fn exits(self, code: i32) -> Gave {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Checks that it ended as bad input does: exit code 2, nothing about a panic, and these words on stderr.
    #[track_caller]
    fn refuses(self, words: &[&str]) -> Gave {
        let gave = self.exits(2);
        assert!(!gave.err.contains("panicked"), "{}", gave.err);
        for word in words {
            assert!(gave.err.contains(word), "no `{word}` in\n{}", gave.err);
        }
        gave
    }

    /// Standard output as one JSON value.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in\n{}", self.out))
    }
}

/// The binary in a folder of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    /// The names of all files in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(self.0.path()).stdin(Stdio::null());
        without_ci(&mut command);
        command
    }

    fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Gave {
        Gave::new(self.command().args(arguments).output().expect("the binary"))
    }

    /// Runs with arguments that stand between blanks.
    fn cutline(&self, arguments: &str) -> Gave {
        self.run(arguments.split_whitespace())
    }

    /// Runs a line of the shell, in which `$CUTLINE` is the binary.
    fn shell(&self, line: &str) -> Gave {
        let mut command = Command::new("sh");
        command.current_dir(self.0.path()).env("CUTLINE", binary()).stdin(Stdio::null());
        without_ci(&mut command);
        Gave::new(command.args(["-c", line]).output().expect("a shell"))
    }
}

/// Takes away what a CI system has set: the tests may be run by one.
fn without_ci(command: &mut Command) {
    let ours =
        ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "SLURM_", "JOB_COMPLETION", "CI_NODE_", "CIRCLE_NODE_"];
    let ours = [&ours[..], &["BUILDKITE_PARALLEL_"]].concat();
    for (name, _) in std::env::vars_os() {
        if ours.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cutline"))
}
