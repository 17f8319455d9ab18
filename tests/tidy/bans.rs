//! Words that must not stand in a crate, and what to use in their place.
//!
//! Comments, strings and tests may say what they like. A line that must break a ban says so and why, in a comment at its
//! end: `tidy-allow: <ban> <reason>`, or, for floating point, `float: <reason>`. An excuse that excuses nothing is a
//! violation too, so that none outlives its cause.

use crate::code::{self, Line, has_word};
use crate::{File, Violation};

/// Words, where they are banned, and what to use in their place.
struct Ban {
    name: &'static str,
    words: &'static [&'static str],
    folders: &'static [&'static str],
    instead: &'static str,
}

const SIM: &str = "sim/src";
const ALGORITHMS: &str = "algorithms/src";
const SCENARIOS: &str = "scenarios/src";
const REPORTS: &str = "reports/src";
const CLUSTER: &str = "cluster/src";

/// What a simulated run goes through.
const SIMULATED: &[&str] = &[SIM, ALGORITHMS, SCENARIOS];
/// What no runtime drives.
const WITHOUT_RUNTIME: &[&str] = &[SIM, ALGORITHMS, SCENARIOS, REPORTS];
/// What must not touch the outside world.
const PURE: &[&str] = &[SIM, ALGORITHMS];

/// The ban on shared hidden state; it looks at whole items, not at words.
const STATICS: &str = "statics";
/// The ban on floating point, which has an excuse of its own; literals count as well as types.
const FLOATS: &str = "floats";

const BANS: &[Ban] = &[
    Ban {
        name: "hash-maps",
        words: &["HashMap", "HashSet", "RandomState", "hash_map", "hash_set"],
        folders: SIMULATED,
        instead: "their order differs from run to run; take BTreeMap, BTreeSet, or a vector by index",
    },
    Ban {
        name: "clocks",
        words: &["SystemTime", "Instant", "UNIX_EPOCH", "Timestamp::now", "Zoned::now"],
        folders: SIMULATED,
        instead: "a run knows virtual time only; take cutline_sim::time::Time, or let the caller measure",
    },
    Ban {
        name: "entropy",
        words: &[
            "thread_rng",
            "rand::rng",
            "rand::random",
            "from_entropy",
            "from_os_rng",
            "OsRng",
            "getrandom",
        ],
        folders: SIMULATED,
        instead: "draw from a named stream of the seed; see cutline_sim::random",
    },
    Ban {
        name: "thread-locals",
        words: &["thread_local!"],
        folders: SIMULATED,
        instead: "the whole world is one value that can be cloned; put it into the world or pass it on",
    },
    Ban {
        name: "static-mut",
        words: &["static mut"],
        folders: SIMULATED,
        instead: "the whole world is one value that can be cloned; put it into the world or pass it on",
    },
    Ban {
        name: STATICS,
        words: &[
            "OnceLock",
            "OnceCell",
            "LazyLock",
            "LazyCell",
            "Mutex",
            "RwLock",
            "Cell",
            "RefCell",
            "UnsafeCell",
            "AtomicBool",
            "AtomicU8",
            "AtomicU16",
            "AtomicU32",
            "AtomicU64",
            "AtomicUsize",
            "AtomicI8",
            "AtomicI16",
            "AtomicI32",
            "AtomicI64",
            "AtomicIsize",
            "AtomicPtr",
        ],
        folders: SIMULATED,
        instead: "a static that changes is shared by all runs; put it into the world or pass it on",
    },
    Ban {
        name: FLOATS,
        words: &["f32", "f64"],
        folders: PURE,
        instead: "use integers (nanoseconds, parts per mille), or excuse the line: `// float: <reason>`",
    },
    Ban {
        name: "environment",
        words: &["std::env"],
        folders: SIMULATED,
        instead: "take what you need as an argument: a run is a function of scenario, strategy, faults and seed",
    },
    Ban {
        name: "io",
        words: &["std::fs", "std::io", "std::net", "std::process"],
        folders: PURE,
        instead: "return the data; whoever calls writes it. Durable storage is the simulated store",
    },
    Ban {
        name: "threads",
        words: &["std::thread"],
        folders: SIMULATED,
        instead: "one run is one thread; whoever wants many runs at once starts them from outside",
    },
    Ban {
        name: "thread-pools",
        words: &["rayon"],
        folders: PURE,
        instead: "one run is one thread; whoever wants many runs at once starts them from outside",
    },
    Ban {
        name: "async",
        words: &["async", "await"],
        folders: WITHOUT_RUNTIME,
        instead: "a protocol is a state machine: take an event, push effects, and let the driver wait",
    },
    Ban {
        name: "printing",
        words: &["print!", "println!", "eprint!", "eprintln!", "dbg!"],
        folders: &[SIM, ALGORITHMS, SCENARIOS, REPORTS, CLUSTER],
        instead: "only the command line prints; return a value that it can show",
    },
];

/// What breaks a ban in a file.
pub fn check(file: &File) -> Vec<Violation> {
    if !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    let lines = code::lines(&file.text);
    let mut violations = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.test) {
        let mut complain = |rule: &'static str, advice: String| {
            violations.push(Violation { path: file.path.clone(), line: at + 1, rule, advice });
        };
        let excuse = excuse(line);
        let mut needed = false;
        for ban in BANS.iter().filter(|ban| ban.folders.iter().any(|folder| file.is_in(folder))) {
            let Some(word) = breaks(ban, &lines, at) else { continue };
            match &excuse {
                Excuse::Of(name) if *name == ban.name => needed = true,
                _ => complain(ban.name, format!("`{word}`: {}", ban.instead)),
            }
        }
        match excuse {
            Excuse::Malformed => {
                complain(
                    "excuses",
                    "an excuse names a ban and a reason: `tidy-allow: <ban> <reason>`".to_owned(),
                );
            }
            Excuse::Of(name) if !needed => {
                complain("excuses", format!("nothing here breaks the ban on {name}: remove the excuse"));
            }
            _ => {}
        }
    }
    violations
}

/// The word on this line that breaks a ban.
fn breaks(ban: &Ban, lines: &[Line], at: usize) -> Option<&'static str> {
    let code = match ban.name {
        STATICS => static_item(lines, at)?,
        _ => spelled_out(lines, at),
    };
    let word = ban.words.iter().find(|word| has_word(&code, word)).copied();
    word.or_else(|| (ban.name == FLOATS && has_float_literal(&code)).then_some("a decimal point"))
}

/// The type of the static that begins on this line.
fn static_item(lines: &[Line], at: usize) -> Option<String> {
    let words: Vec<&str> = lines[at].code.split_whitespace().collect();
    let begins = words.iter().position(|&word| word == "static")?;
    let visibility = |word: &&str| word.starts_with("pub") || word.ends_with(')') || *word == "in";
    if !words[..begins].iter().all(visibility) {
        return None;
    }
    Some(up_to(lines, at, &['=', ';']))
}

/// The code from a line on, up to one of these characters.
fn up_to(lines: &[Line], at: usize, ends: &[char]) -> String {
    let mut item = String::new();
    for line in &lines[at..] {
        match line.code.find(ends) {
            Some(end) => return item + &line.code[..end],
            None => item += &line.code,
        }
        item.push(' ');
    }
    item
}

/// The code of a line; if a grouped import of `std` begins there, with the names it brings, as `std::name`.
fn spelled_out(lines: &[Line], at: usize) -> String {
    let mut code = lines[at].code.clone();
    if let Some(group) = code.find("std::{") {
        let item = up_to(lines, at, &[';']);
        let mut depth = 0;
        let mut names = String::from(" std::");
        for c in item[group + "std::{".len()..].chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => names += " std::",
                c if depth == 0 && !c.is_whitespace() => names.push(c),
                _ => {}
            }
        }
        code += &names;
    }
    code
}

/// True for `1.5`; not for `x.0.1`, `0..1` or `1.max(2)`.
fn has_float_literal(code: &str) -> bool {
    let chars: Vec<char> = code.chars().collect();
    (1..chars.len().saturating_sub(1)).any(|at| {
        let digits = chars[..at].iter().rev().take_while(|&&c| c.is_ascii_digit() || c == '_').count();
        let before = chars[..at - digits].last();
        chars[at] == '.'
            && digits > 0
            && chars[at + 1].is_ascii_digit()
            && !before.is_some_and(|&c| code::is_word(c) || c == '.')
    })
}

/// What the comment at the end of a line excuses.
enum Excuse {
    Nothing,
    Of(&'static str),
    Malformed,
}

fn excuse(line: &Line) -> Excuse {
    let comment = line.comment.trim();
    if let Some(reason) = comment.strip_prefix("float:") {
        return if reason.trim().is_empty() { Excuse::Malformed } else { Excuse::Of(FLOATS) };
    }
    let Some(excuse) = comment.strip_prefix("tidy-allow:") else { return Excuse::Nothing };
    let (name, reason) = excuse.trim().split_once(' ').unwrap_or((excuse.trim(), ""));
    match BANS.iter().find(|ban| ban.name == name) {
        Some(ban) if !reason.trim().is_empty() => Excuse::Of(ban.name),
        _ => Excuse::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that a text breaks, with their lines.
    fn broken(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(&File::new(path, text)).into_iter().map(|violation| (violation.rule, violation.line)).collect()
    }

    /// A line that uses a banned word.
    fn planted(ban: &Ban, word: &str) -> String {
        match ban.name {
            STATICS => format!("static SHARED: {word}<u8> = make();"),
            _ => format!("    let planted = {word}(1);"),
        }
    }

    #[test]
    fn every_word_of_every_ban_is_caught_in_every_folder() {
        for ban in BANS {
            for word in ban.words {
                let line = planted(ban, word);
                for folder in ban.folders {
                    let found = broken(&format!("{folder}/deep/er.rs"), &format!("fn f() {{\n{line}\n}}\n"));
                    assert!(found.contains(&(ban.name, 2)), "{folder}: `{line}` was not caught: {found:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_banned_here_is_free_elsewhere() {
        for ban in BANS {
            let line = planted(ban, ban.words[0]);
            for path in [
                "src/main.rs",
                "tests/run.rs",
                "benches/pipe.rs",
                "sim/tests/run.rs",
                "sim/src/world/tests.rs",
            ] {
                assert_eq!(broken(path, &line), [], "{path}: {line}");
            }
            assert_eq!(broken("README.md", &line), []);
        }
        assert_eq!(broken("scenarios/src/lib.rs", "use std::fs;"), [], "scenarios read files");
        assert_eq!(
            broken("sim/src/lib.rs", "fn f(asynchronous: u8) {}"),
            [],
            "a part of a word is another word"
        );
    }

    #[test]
    fn comments_strings_and_tests_may_say_what_they_like() {
        for ban in BANS {
            let (folder, line) = (ban.folders[0], planted(ban, ban.words[0]));
            let path = format!("{folder}/lib.rs");
            assert_eq!(broken(&path, &format!("// {line}\n/* {line} */\n/// {line}\n")), []);
            assert_eq!(broken(&path, &format!("const A: &str = \"{line}\";")), []);
            assert_eq!(broken(&path, &format!("#[cfg(test)]\nmod tests {{\n{line}\n}}\n")), []);
            let after = format!("#[cfg(test)]\nmod tests {{\n}}\n{line}\n");
            assert!(broken(&path, &after).contains(&(ban.name, 4)), "{after}");
        }
    }

    #[test]
    fn an_excuse_needs_a_ban_a_reason_and_a_cause() {
        for ban in BANS {
            let (folder, line) = (ban.folders[0], planted(ban, ban.words[0]));
            let path = format!("{folder}/lib.rs");
            let with = |excuse: &str| broken(&path, &format!("{line} // {excuse}"));
            let name = ban.name;
            assert!(
                !with(&format!("tidy-allow: {name} for a good reason")).iter().any(|&(rule, _)| rule == name)
            );
            assert!(with(&format!("tidy-allow: {name}")).contains(&("excuses", 1)), "no reason");
            assert!(with("tidy-allow: nonsense for a good reason").contains(&("excuses", 1)), "no such ban");
            assert!(
                with(&format!("tidy-allow: {name}")).contains(&(name, 1)),
                "a bad excuse excuses nothing"
            );
        }
        assert_eq!(broken("sim/src/a.rs", "let a = 1; // tidy-allow: io because"), [("excuses", 1)]);
        assert_eq!(broken("sim/src/a.rs", "let a: f64 = b; // float: for the screen only"), []);
        assert_eq!(broken("sim/src/a.rs", "let a: f64 = b; // float:"), [(FLOATS, 1), ("excuses", 1)]);
        assert_eq!(broken("sim/src/a.rs", "let a = b; // float: once"), [("excuses", 1)]);
    }

    #[test]
    fn imports_in_groups_are_seen_through() {
        assert_eq!(broken("sim/src/a.rs", "use std::{fmt, fs};"), [("io", 1)]);
        assert_eq!(
            broken("sim/src/a.rs", "use std::{\n    fmt::{self},\n    thread::spawn,\n};"),
            [("threads", 1)]
        );
        assert_eq!(broken("sim/src/a.rs", "use std::{fmt, sync::Arc};"), []);
    }

    #[test]
    fn statics_that_cannot_change_are_free() {
        let shared = "pub(crate) static COUNT:\n    std::sync::Mutex<u8>\n    = make();";
        assert_eq!(broken("sim/src/a.rs", shared), [(STATICS, 1)]);
        assert_eq!(broken("sim/src/a.rs", "static NAMES: &[&str] = &[];"), []);
        assert_eq!(broken("sim/src/a.rs", "fn f(a: &'static str, b: Cell<u8>) {}"), []);
        assert_eq!(broken("sim/src/a.rs", "struct A { cell: Cell<u8> }"), [], "a value that can be cloned");
    }

    #[test]
    fn decimal_points_are_floats() {
        assert_eq!(broken("sim/src/a.rs", "let a = 1.5;"), [(FLOATS, 1)]);
        for line in ["a.0.1", "for i in 0..1 {}", "1.max(2)", "\"1.5\"", "v2.5", "// 1.5"] {
            assert_eq!(broken("sim/src/a.rs", line), [], "{line}");
        }
    }
}
