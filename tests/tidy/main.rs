//! What the house does not allow, checked on every file of the repository: nobody has to remember it.
//!
//! - [`bans`]: words that bring chance, a clock, the outside world or hidden state into a crate that must not have them.
//! - [`house`]: which crate may know which, what each must not know, how long a file may be, and that nothing lies
//!   about that nobody names.
//!
//! Every rule is a pure function of paths and texts, so a planted violation proves that it catches what it is there for.

mod bans;
mod code;
mod house;

use std::fmt;
use std::path::Path;

/// A file of the repository: its path, with slashes, from the root of the repository; and its text.
#[derive(Clone, Debug)]
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// True for files that hold nothing but tests.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }

    /// True for a file in this folder or below it.
    fn is_in(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The folder and the name without `.rs`.
    fn folder_and_stem(&self) -> (&str, &str) {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        (folder, name.strip_suffix(".rs").unwrap_or(name))
    }
}

/// What is wrong, where, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    /// Counted from 1; 0 for the file as a whole.
    line: usize,
    /// The rule that is broken.
    rule: &'static str,
    advice: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}: {}", self.path, self.rule, self.advice),
            line => write!(f, "{}:{line}: {}: {}", self.path, self.rule, self.advice),
        }
    }
}

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &["target", ".git", "cutline-out"];

/// All files of the repository that are text, in the order of their paths.
fn repository() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, root, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.iter().any(|file| file.path == "sim/src/lib.rs"), "this is not the repository: {root:?}");
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let entry = entry.expect("an entry of a folder");
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("the type of an entry");
        if kind.is_dir() {
            if !NOT_OURS.iter().any(|not| name == *not) {
                collect(root, &path, files);
            }
        } else if kind.is_file()
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let parts = path.strip_prefix(root).expect("a path below the root").iter();
            let parts: Vec<&str> = parts.map(|part| part.to_str().expect("a UTF-8 path")).collect();
            files.push(File { path: parts.join("/"), text });
        }
    }
}

fn hold(violations: Vec<Violation>) {
    let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(lines.is_empty(), "{} violations:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn no_banned_words() {
    hold(repository().iter().flat_map(bans::check).collect());
}

#[test]
fn crates_depend_one_way() {
    hold(house::arrows(&repository()));
}

#[test]
fn every_crate_is_in_the_plan() {
    hold(house::members(&repository()));
}

#[test]
fn crates_apart_can_be_built() {
    hold(house::crates_apart(&repository()));
}

#[test]
fn only_the_cluster_knows_madsim_and_tokio() {
    hold(house::runtimes(&repository()));
}

#[test]
fn the_machine_names_no_strategy() {
    hold(house::strategies_in_sim(&repository()));
}

#[test]
fn reports_do_not_know_the_live_world() {
    hold(house::world_in_reports(&repository()));
}

#[test]
fn files_are_short() {
    hold(house::lengths(&repository()));
}

#[test]
fn nothing_is_left_unfinished() {
    hold(house::unfinished(&repository()));
}

#[test]
fn every_file_of_a_registry_is_named() {
    hold(house::unnamed(&repository()));
}
