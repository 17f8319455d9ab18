//! The plan of the house: who may know whom, what must be absent, and that nothing lies about.

use crate::code::{self, has_word, words};
use crate::{File, Violation};

/// The crates of the house by folder, and the crates of the house that each may depend on. Benches, and the root package,
/// may depend on all.
const ARROWS: &[(&str, &[&str])] = &[
    ("sim", &[]),
    ("algorithms", &["sim"]),
    ("scenarios", &["sim", "algorithms"]),
    ("reports", &["scenarios", "sim"]),
    ("cluster", &["sim", "algorithms", "scenarios"]),
];

/// Files of `algorithms/src` that are no strategies but serve several.
const HELPERS: &[&str] = &[
    "lib",
    "mod",
    "tests",
    "hand",
    "mutants",
    "mutant_backend",
    "mutant_committer",
    "rounds",
    "recovery_line",
    "registry",
];

/// Names of strategies that mean something else besides, and so may stand in the machine.
const AMBIGUOUS: &[(&str, &str)] =
    &[("changelog", "also a state backend"), ("at-least-once", "also what a sink or a run guarantees")];

/// Names of strategies that have no file yet, or not one of that name.
const STRATEGIES: &[&str] = &[
    "aligned",
    "unaligned",
    "stop-the-world",
    "chandy",
    "chandy-lamport",
    "uncoordinated",
    "communication-induced",
    "async-incremental",
    "aligned-timeout",
    "hmnr",
];

/// Longest file in lines.
const LINES_MAX: usize = 600;

/// Longer files, each with the reason why it is not cut in two.
const LONG: &[(&str, &str)] = &[];

/// Folders in which every file is a variant of something and has a row in a table.
const REGISTRIES: &[&str] = &[
    "sim/src/oracles",
    "sim/src/faults",
    "algorithms/src",
    "algorithms/src/bugs/backends",
    "algorithms/src/bugs/barriers",
    "algorithms/src/bugs/coordination",
    "algorithms/src/bugs/in_flight",
    "algorithms/src/bugs/lines",
    "algorithms/src/bugs/sinks",
    "scenarios/src/operators",
    "scenarios/src/inputs",
    "scenarios/src/faults",
    "scenarios/src/shrink/passes",
    "reports/src/plots",
];

/// Files in those folders that are no variant: each serves the others.
const SERVANTS: &[&str] = &[
    "sim/src/oracles/reference.rs",
    "algorithms/src/rounds.rs",
    "algorithms/src/recovery_line.rs",
    "algorithms/src/mutants.rs",
    "algorithms/src/hand.rs",
    "algorithms/src/mutant_backend.rs",
    "algorithms/src/mutant_committer.rs",
    "scenarios/src/faults/tests.rs",
    "reports/src/plots/data.rs",
    "reports/src/plots/frame.rs",
    "reports/src/plots/sensitivity.rs",
];

/// What only the crate `cluster` may name.
const RUNTIMES: &[&str] = &["madsim", "tokio"];

/// The live world, as code names it; the machine's plain types (ids, events, times) are free to reports.
const WORLDS: &[&str] = &["World", "world::", "::world"];

/// Marks of unfinished work, put together here so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[", "ignore"),
];

fn violation(file: &File, line: usize, rule: &'static str, advice: String) -> Violation {
    Violation { path: file.path.clone(), line, rule, advice }
}

/// The crates that a manifest depends on, for whatever purpose, with their lines. The workspace's own table is not one.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (at, line) in manifest.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_matches(['[', ']']);
            let parts: Vec<&str> = table.split('.').collect();
            let at_dependencies = parts.iter().position(|part| part.ends_with("dependencies"));
            inside = at_dependencies.is_some_and(|place| place + 1 == parts.len()) && parts[0] != "workspace";
            // A table of its own: [dependencies.name].
            if let Some(place) = at_dependencies
                && parts[0] != "workspace"
                && let Some(name) = parts.get(place + 1)
            {
                found.push((at + 1, name.trim_matches('"').to_owned()));
            }
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let name = name.split('.').next().unwrap_or("").trim().trim_matches('"');
            found.push((at + 1, name.to_owned()));
            // Renamed: other = { package = "name" }.
            if let Some((_, package)) = value.split_once("package") {
                found.extend(package.split('"').nth(1).map(|name| (at + 1, name.to_owned())));
            }
        }
    }
    found
}

/// A crate depends on those below it only. What tests depend on counts too.
pub fn arrows(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (folder, allowed) in ARROWS {
        let manifest = format!("{folder}/Cargo.toml");
        for file in files.iter().filter(|file| file.path == manifest) {
            for (line, name) in dependencies(&file.text) {
                let Some(other) = name.strip_prefix("cutline").map(|rest| rest.trim_start_matches('-'))
                else {
                    continue;
                };
                if !allowed.contains(&other) {
                    let advice = format!("{folder} may depend on {allowed:?} of the house, not on {name}");
                    violations.push(violation(file, line, "arrows", advice));
                }
            }
        }
    }
    violations
}

/// The manifests of crates that are workspaces of their own: nothing of the house depends on them, or builds them.
fn apart(files: &[File]) -> impl Iterator<Item = &File> {
    let is_apart = |file: &&File| {
        file.path.ends_with("/Cargo.toml") && file.text.lines().any(|line| line.trim() == "[workspace]")
    };
    files.iter().filter(is_apart)
}

/// What no build of the workspace looks at: a crate apart has a lock file, and what it needs of the house is where it looks for it.
pub fn crates_apart(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let there = |path: &str| files.iter().any(|file| file.path == path);
    for file in apart(files) {
        let (folder, _) = file.folder_and_stem();
        if !there(&format!("{folder}/Cargo.lock")) {
            let advice = "no Cargo.lock beside it: what is compared has versions".to_owned();
            violations.push(violation(file, 0, "apart", advice));
        }
        for (at, line) in file.text.lines().enumerate() {
            let Some(path) = line.split_once("path = \"").and_then(|(_, rest)| rest.split('"').next()) else {
                continue;
            };
            let mut parts: Vec<&str> = folder.split('/').collect();
            for part in path.split('/') {
                match part {
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            if !there(&format!("{}/Cargo.toml", parts.join("/"))) {
                let advice = format!("there is no crate at `{path}`: it was moved, or its name is wrong");
                violations.push(violation(file, at + 1, "apart", advice));
            }
        }
    }
    violations
}

/// Every crate of the workspace has its arrows, or no rule would look at it. Benches and examples may depend on all.
pub fn members(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let (folder, _) = file.folder_and_stem();
        let is_apart = apart(files).any(|apart| apart.path == file.path);
        let is_outside = is_apart || folder == "benches" || folder.starts_with("examples/");
        if !is_outside && !ARROWS.iter().any(|(known, _)| *known == folder) {
            let advice = "a crate that the plan of the house does not know: give it its arrows in ARROWS";
            violations.push(violation(file, 0, "members", advice.to_owned()));
        }
    }
    violations
}

/// Nothing but `cluster` names the runtimes: neither in a manifest nor in code. The workspace's table may, and crates apart.
pub fn runtimes(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let is_apart = |file: &File| apart(files).any(|apart| file.is_in(apart.folder_and_stem().0));
    let advice =
        "only the crate `cluster` knows a runtime; a strategy is a state machine that any of them drives";
    for file in files.iter().filter(|file| !file.is_in("cluster") && !is_apart(file)) {
        if file.path.ends_with("Cargo.toml") {
            for (line, name) in dependencies(&file.text) {
                if RUNTIMES.iter().any(|runtime| name.starts_with(runtime)) {
                    violations.push(violation(file, line, "runtimes", advice.to_owned()));
                }
            }
        } else if file.is_rust() {
            for (at, line) in code::lines(&file.text).iter().enumerate() {
                if RUNTIMES.iter().any(|runtime| has_word(&line.code, runtime)) {
                    violations.push(violation(file, at + 1, "runtimes", advice.to_owned()));
                }
            }
        }
    }
    violations
}

/// The machine never names a strategy, in whatever spelling, strings included; its comments may.
pub fn strategies_in_sim(files: &[File]) -> Vec<Violation> {
    let files_of_strategies = files.iter().filter(|file| file.is_rust()).filter_map(|file| {
        let (folder, stem) = file.folder_and_stem();
        (folder == "algorithms/src" && !HELPERS.contains(&stem)).then_some(stem)
    });
    let mut names: Vec<Vec<String>> =
        STRATEGIES.iter().copied().chain(files_of_strategies).map(words).collect();
    names.retain(|name| !AMBIGUOUS.iter().any(|(ambiguous, _)| words(ambiguous) == *name));
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.is_in("sim/src") && file.is_rust() && !file.is_test()) {
        for (at, line) in code::lines(&file.text).iter().enumerate().filter(|(_, line)| !line.test) {
            let here = words(&line.code_and_strings);
            if let Some(name) = names.iter().find(|name| here.windows(name.len()).any(|found| found == *name))
            {
                let advice = format!("the machine names no strategy, and this is `{}`", name.join("-"));
                violations.push(violation(file, at + 1, "strategies", advice));
            }
        }
    }
    violations
}

/// Reports read traces and records, never the live world.
pub fn world_in_reports(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.is_in("reports/src") && file.is_rust()) {
        for (at, line) in code::lines(&file.text).iter().enumerate() {
            // A grouped import of the machine may name the module by a bare word.
            let import = has_word(&line.code, "cutline_sim") && has_word(&line.code, "world");
            let word = WORLDS.iter().find(|word| has_word(&line.code, word)).or(import.then_some(&"world"));
            if let Some(word) = word {
                let advice = format!(
                    "`{word}`: a report is a function of traces and records; put what it needs there"
                );
                violations.push(violation(file, at + 1, "world", advice));
            }
        }
    }
    violations
}

/// Files that fit in a head.
pub fn lengths(files: &[File]) -> Vec<Violation> {
    lengths_but(files, LONG)
}

fn lengths_but(files: &[File], long: &[(&str, &str)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        let excused = long.iter().any(|(path, _)| *path == file.path);
        if lines > LINES_MAX && !excused {
            let advice = format!("{lines} lines, and {LINES_MAX} are the most: find the two things it does");
            violations.push(violation(file, 0, "length", advice));
        } else if lines <= LINES_MAX && excused {
            violations.push(violation(
                file,
                0,
                "length",
                "short enough now: remove its exception".to_owned(),
            ));
        }
    }
    violations
}

/// What git leaves where it could not merge.
const MERGE_MARKS: &[&str] = &["<<<<<<< ", ">>>>>>> "];

/// What is in the repository is finished.
pub fn unfinished(files: &[File]) -> Vec<Violation> {
    let is_source = |file: &&File| {
        let name = file.path.rsplit('/').next().unwrap_or("");
        [".rs", ".toml", ".md", ".sh", ".yml", ".yaml"].iter().any(|end| name.ends_with(end))
            || ["Makefile", ".ci/run"].contains(&file.path.as_str())
    };
    let mut violations = Vec::new();
    for file in files.iter().filter(is_source) {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(word) = UNFINISHED.iter().find(|word| has_word(line, word)) {
                let advice = format!("`{word}`: finish it, or write down in prose why it is as it is");
                violations.push(violation(file, at + 1, "unfinished", advice));
            }
            if MERGE_MARKS.iter().any(|mark| line.starts_with(mark)) {
                let advice = "two versions stand side by side: choose what is true".to_owned();
                violations.push(violation(file, at + 1, "unfinished", advice));
            }
        }
    }
    violations
}

/// `mod x;` and `pub mod x;` bring a file in, and are no row.
fn declares_a_module(code: &str) -> bool {
    let code = code.trim();
    code.strip_prefix("pub ").unwrap_or(code).starts_with("mod ") && code.ends_with(';')
}

/// A file beside a registry that does not name it would be dead.
pub fn unnamed(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for folder in REGISTRIES {
        let here = || files.iter().filter(|file| file.is_rust() && file.folder_and_stem().0 == *folder);
        let is_registry = |file: &&File| matches!(file.folder_and_stem().1, "mod" | "lib");
        let named: Vec<String> = here()
            .filter(is_registry)
            .flat_map(|file| code::lines(&file.text))
            .map(|line| line.code)
            .filter(|code| !declares_a_module(code))
            .collect();
        for file in here().filter(|file| !is_registry(file) && !SERVANTS.contains(&file.path.as_str())) {
            let stem = file.folder_and_stem().1;
            if !named.iter().any(|line| has_word(line, stem)) {
                let advice = format!("no line of {folder}'s mod.rs or lib.rs names `{stem}`: add its row");
                violations.push(violation(file, 0, "registry", advice));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: fn(&[File]) -> Vec<Violation>, files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        check(&files).into_iter().map(|violation| (violation.path, violation.line)).collect()
    }

    fn at(path: &str, line: usize) -> Vec<(String, usize)> {
        vec![(path.to_owned(), line)]
    }

    #[test]
    fn dependencies_are_read_in_every_form() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\nb = \"1\" # c = 1\nd.workspace = true\n\
            [dev-dependencies.e]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\nf = { package = \"g\" }\n\
            [features]\nh = []\n[workspace.dependencies]\ni = \"1\"\n";
        let names: Vec<String> = dependencies(manifest).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["b", "d", "e", "f", "g"]);
    }

    #[test]
    fn an_arrow_the_wrong_way_is_caught() {
        let up = "[dependencies]\ncutline-reports.workspace = true\n";
        for folder in ["sim", "algorithms", "scenarios", "cluster"] {
            let path = format!("{folder}/Cargo.toml");
            assert_eq!(found(arrows, &[(path.as_str(), up)]), at(&path, 2));
        }
        for (path, line) in [
            ("reports/Cargo.toml", "cutline-algorithms = { path = \"../algorithms\" }"),
            ("sim/Cargo.toml", "cutline = { path = \"..\" }"),
            ("sim/Cargo.toml", "other = { package = \"cutline-algorithms\" }"),
        ] {
            assert_eq!(found(arrows, &[(path, &format!("[dev-dependencies]\n{line}\n"))]), at(path, 2));
        }
        assert_eq!(
            found(arrows, &[("algorithms/Cargo.toml", "[dependencies]\ncutline-sim.workspace = true")]),
            []
        );
        assert_eq!(found(arrows, &[("benches/Cargo.toml", up), ("Cargo.toml", up)]), []);
    }

    #[test]
    fn a_crate_without_arrows_is_caught() {
        assert_eq!(found(members, &[("attic/Cargo.toml", "")]), at("attic/Cargo.toml", 0));
        assert_eq!(
            found(members, &[("Cargo.toml", ""), ("benches/Cargo.toml", ""), ("sim/Cargo.toml", "")]),
            []
        );
    }

    /// The manifest of a crate that is a workspace of its own.
    const APART: &str =
        "[workspace]\n[dependencies]\ncutline-sim = { path = \"../../sim\" }\ntokio = \"1\"\n";

    #[test]
    fn a_crate_apart_that_could_not_be_built_is_caught() {
        let (manifest, lock, sim) =
            (("benches/peers/Cargo.toml", APART), ("benches/peers/Cargo.lock", ""), ("sim/Cargo.toml", ""));
        assert_eq!(found(crates_apart, &[manifest, lock, sim]), []);
        assert_eq!(found(crates_apart, &[manifest, lock]), at("benches/peers/Cargo.toml", 3));
        assert_eq!(found(crates_apart, &[manifest, sim]), at("benches/peers/Cargo.toml", 0));
        assert_eq!(found(crates_apart, &[("Cargo.toml", APART), ("sim/Cargo.toml", "path = \"x\"")]), []);
        assert_eq!(found(members, &[manifest]), []);
        assert_eq!(found(runtimes, &[manifest, ("benches/peers/src/main.rs", "use tokio::net;")]), []);
        assert_eq!(
            found(runtimes, &[manifest, ("benches/pipe.rs", "use tokio::net;")]),
            at("benches/pipe.rs", 1)
        );
    }

    #[test]
    fn a_runtime_outside_the_cluster_is_caught() {
        let manifest = "[dependencies]\nmadsim-tokio = \"1\"\n";
        assert_eq!(found(runtimes, &[("sim/Cargo.toml", manifest)]), at("sim/Cargo.toml", 2));
        assert_eq!(found(runtimes, &[("src/main.rs", "\nuse tokio::net;")]), at("src/main.rs", 2));
        assert_eq!(
            found(runtimes, &[("cluster/Cargo.toml", manifest), ("cluster/src/lib.rs", "use tokio::net;")]),
            []
        );
        assert_eq!(found(runtimes, &[("Cargo.toml", "[workspace.dependencies]\ntokio = \"1\"\n")]), []);
        assert_eq!(found(runtimes, &[("src/main.rs", "// like tokio")]), []);
    }

    #[test]
    fn a_strategy_in_the_machine_is_caught_in_every_spelling() {
        for line in [
            "if name == \"stop-the-world\" {}",
            "StopTheWorld",
            "is_aligned()",
            "Unaligned => {}",
            "fresh_cut",
        ] {
            let files = [("sim/src/world.rs", line), ("algorithms/src/fresh_cut.rs", "")];
            assert_eq!(found(strategies_in_sim, &files), at("sim/src/world.rs", 1), "{line}");
        }
        for line in ["alignment_ns", "// aligned", "stop(the, world)", "changelog", "rounds", "AtLeastOnce"] {
            let files = [
                ("sim/src/world.rs", line),
                ("algorithms/src/rounds.rs", ""),
                ("algorithms/src/changelog.rs", ""),
            ];
            assert_eq!(found(strategies_in_sim, &files), [], "{line}");
        }
        assert_eq!(found(strategies_in_sim, &[("algorithms/src/aligned.rs", "struct Aligned;")]), []);
    }

    #[test]
    fn the_world_in_reports_is_caught() {
        assert_eq!(
            found(world_in_reports, &[("reports/src/a.rs", "fn f(w: &World) {}")]),
            at("reports/src/a.rs", 1)
        );
        for through in [
            "use cutline_sim::world::Outcome;",
            "use cutline_sim::{\n    world::Outcome};",
            "use cutline_sim::world;",
            "use cutline_sim::{event, world};",
        ] {
            assert_eq!(found(world_in_reports, &[("reports/src/a.rs", through)]).len(), 1, "{through}");
        }
        for free in ["use cutline_sim::event::Event;", "// the World", "Worlds", "let world = 1;"] {
            assert_eq!(found(world_in_reports, &[("reports/src/a.rs", free)]), [], "{free}");
        }
    }

    #[test]
    fn a_long_file_is_caught_and_a_stale_exception_too() {
        let (long, short) = ("\n".repeat(LINES_MAX + 1), "\n".repeat(LINES_MAX));
        assert_eq!(found(lengths, &[("sim/src/a.rs", &long)]), at("sim/src/a.rs", 0));
        assert_eq!(found(lengths, &[("tests/a.rs", &long), ("examples/a.rs", &long)]).len(), 2);
        assert_eq!(found(lengths, &[("sim/src/a.rs", &short), ("README.md", &long)]), []);
        let excused = [("sim/src/a.rs", "a table")];
        assert_eq!(lengths_but(&[File::new("sim/src/a.rs", &long)], &excused), []);
        assert_eq!(lengths_but(&[File::new("sim/src/a.rs", &short)], &excused).len(), 1);
    }

    #[test]
    fn unfinished_work_is_caught() {
        for word in UNFINISHED {
            for path in ["src/main.rs", "Cargo.toml", "README.md", "tests/a.sh", "Makefile", ".ci/run"] {
                assert_eq!(found(unfinished, &[(path, &format!("\n// {word} ("))]), at(path, 2), "{word}");
            }
        }
        assert_eq!(found(unfinished, &[("src/main.rs", "the ignored to-do list")]), []);
        for mark in MERGE_MARKS {
            assert_eq!(found(unfinished, &[("README.md", &format!("a\n{mark}main"))]), at("README.md", 2));
        }
    }

    #[test]
    fn a_file_that_no_row_names_is_caught() {
        for folder in REGISTRIES {
            let (registry, lost) = (format!("{folder}/mod.rs"), format!("{folder}/lost.rs"));
            for no_row in ["mod other; // lost", "mod lost;", "pub mod lost;"] {
                let files = [(registry.as_str(), no_row), (lost.as_str(), "")];
                assert_eq!(found(unnamed, &files), at(&lost, 0), "{no_row}");
            }
            let files =
                [(registry.as_str(), "mod lost;\nconst ROWS: &[&str] = &[lost::NAME];"), (lost.as_str(), "")];
            assert_eq!(found(unnamed, &files), []);
        }
    }
}
