//! Files that are no savepoints, and savepoints that have lost something.

use cutline_scenarios::savepoint_file::SavepointFileError;
use cutline_sim::config::CheckpointMode;
use cutline_sim::oracles::Oracle;
use cutline_sim::oracles::ledger::Ledger;
use cutline_sim::oracles::state::State;
use cutline_sim::world::World;
use xxhash_rust::xxh3::xxh3_128;

use super::*;

/// A small job, and a savepoint of it.
fn small() -> (Prepared, String) {
    let job = inline(
        "name = \"small\"\nabout = \"A small job.\"\n\
         [input.in]\nkind = { events = { count = 12, keys = 3, rate = \"200/s\", splits = 1 } }\n\
         [[job.operator]]\nuid = \"source\"\ndoes = { source = \"in\" }\n\
         [[job.operator]]\nuid = \"window\"\ndoes = { tumbling-window = { size = \"1s\" } }\n\
         [[job.operator]]\nuid = \"sink\"\ndoes = { sink = \"transactional\" }\n\
         [[job.edge]]\nfrom = \"source\"\nto = \"window\"\nship = \"hash\"\n\
         [[job.edge]]\nfrom = \"window\"\nto = \"sink\"\nship = \"hash\"\n\
         [execution]\ncheckpointing.interval = \"20ms\"\n",
        &[],
    );
    let savepoint = Runner::new(&job, strategy("aligned")).savepoint(1, &Arc::default(), 2);
    let text = text(&savepoint.expect("a second checkpoint"));
    (job, text)
}

fn read(text: &[u8]) -> Result<SavepointFile, SavepointFileError> {
    SavepointFile::from_json(text)
}

/// The file with another content, and the checksum of that.
fn sealed_again(text: &str, edit: impl FnOnce(&str) -> String) -> String {
    let begin = text.find("\"content\":").expect("a content") + 10;
    let content = edit(&text[begin..text.len() - 2]);
    let checksum = format!("{:032x}", xxh3_128(content.as_bytes()));
    format!("{{\"cutline-savepoint\":2,\"checksum\":\"{checksum}\",\"content\":{content}}}\n")
}

#[test]
fn a_savepoint_cut_off_anywhere_is_an_error() {
    let (_, text) = small();
    assert!(read(text.as_bytes()).is_ok() && text.len() > 1000, "{text}");
    for end in 0..text.trim_end().len() {
        let error = read(&text.as_bytes()[..end]).expect_err("cut off").to_string();
        assert!(error.contains("cut off"), "{end}: {error}");
    }
}

#[test]
fn a_savepoint_with_any_byte_changed_is_an_error() {
    let (_, text) = small();
    for at in 0..text.trim_end().len() {
        for new in [b'0', b'7', b'x', b'"', b'}', b'-', 0xff] {
            let mut bytes = text.clone().into_bytes();
            if bytes[at] != new {
                bytes[at] = new;
                assert!(read(&bytes).is_err(), "byte {at} changed to {}", char::from(new));
            }
        }
    }
}

#[test]
fn what_is_no_savepoint_says_so() {
    let says = |bytes: &[u8]| read(bytes).expect_err("no savepoint").to_string();
    assert!(says(b"").contains("cut off"));
    for other in
        [&b"{}"[..], b"[1, 2]", b"\xff\xfe\x00", b"{\"cutline-capsule\":2,\"content\":{}}", b"null", b"7"]
    {
        let error = says(other);
        assert!(error.contains("no savepoint"), "{error}");
    }
    let (_, text) = small();
    let other = text.replacen("\"cutline-savepoint\":2", "\"cutline-savepoint\":1", 1);
    assert!(says(other.as_bytes()).contains("version 1"), "{other}");
    let deep = "[".repeat(100_000);
    assert!(says(deep.as_bytes()).contains("no savepoint"));
    let edited = text.replacen("\"records\":", "\"records\":1", 1);
    assert!(says(edited.as_bytes()).contains("was changed after it was written"));
}

/// Where the numbers of a text stand.
fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut quoted) = (Vec::new(), 0, false);
    while at < bytes.len() {
        quoted ^= bytes[at] == b'"';
        let start = at;
        while !quoted && at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'-') {
            at += 1;
        }
        if at > start {
            found.push(start..at);
        } else {
            at += 1;
        }
    }
    found
}

/// Whoever edits a number and knows how to seal the file gets an error, or a run with a verdict; never a panic, nor more memory
/// than the file is long.
#[test]
fn no_number_of_a_sealed_file_does_harm() {
    let (job, text) = small();
    let huge =
        ["0", "1", "2", "63", "4294967295", "281474976710656", "9223372036854775807", "18446744073709551615"];
    let (mut refused, mut started) = (0, 0);
    let begin = text.find("\"content\":").expect("a content") + 10;
    for range in numbers(&text[begin..text.len() - 2]) {
        for number in huge {
            let edited = sealed_again(&text, |content| {
                format!("{}{number}{}", &content[..range.start], &content[range.end..])
            });
            let Ok(SavepointFile { savepoint, .. }) = read(edited.as_bytes()) else {
                refused += 1;
                continue;
            };
            match job.start_from(&savepoint) {
                Ok(job) => {
                    let options = Options { forks: Some(false), ..Options::default() };
                    Runner::new(&job, strategy("aligned")).run(1, &Arc::default(), &options, None);
                    started += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100 && started > 100, "{refused} {started}");
}

#[test]
fn what_cannot_be_is_named() {
    let (_, text) = small();
    for (from, to, says) in [
        ("\"attempt\":1", "\"attempt\":0", "attempt: no attempt has this number"),
        ("\"uid\":\"window\"", "\"uid\":\"source\"", "operator `source`: another one has the same uid"),
        ("\"key-groups\":128", "\"key-groups\":0", "more subtasks than there are key groups"),
        ("[0,1,\"hash\"", "[0,9,\"hash\"", "edge 0: there is no operator of this number"),
        ("\"pending\":[]", "\"pending\":[[0,1,1]]", "a transaction that is not its own"),
        ("\"ended-inputs\":[]", "\"ended-inputs\":[4000000000]", "an input that it does not have"),
        ("\"unsent\":[]", "\"unsent\":[[5,[\"end\"]]]", "an output that it does not have"),
        ("\"logs\":[]", "\"logs\":[[77,[]]]", "external: there is no task of this number"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let edited = sealed_again(&text, |content| content.replacen(from, to, 1));
        let error = read(edited.as_bytes()).expect_err(to).to_string();
        assert!(error.contains(says) && error.contains("no job can have made"), "{error}");
    }
}

/// The same with nothing in the lists of this name.
fn emptied(content: &str, key: &str) -> String {
    let name = format!("\"{key}\":[");
    let (mut out, mut rest) = (String::new(), content);
    while let Some(at) = rest.find(&name) {
        let (before, list) = rest.split_at(at + name.len());
        out += before;
        let mut depth = 1;
        let end = list.bytes().position(|byte| {
            depth += i32::from(byte == b'[') - i32::from(byte == b']');
            depth == 0
        });
        rest = &list[end.expect("an end")..];
    }
    out + rest
}

/// A restore that loses anything is noticed, whether it is the whole run that the job is held to, or a run from the savepoint
/// on. (For a job that has changed the savepoint is all there is to go by, so what is expected comes from the whole one.)
#[test]
fn what_a_restore_loses_is_missed() {
    let slow = &["taskmanager.memory.segment-size=64 B", "job.operator.count.service=1ms"][..];
    let words = library("wordcount", &[WORDS, slow].concat());
    let plain = library("wordcount", &[WORDS, &["job.operator.sink.does.sink=plain"]].concat());
    let visits = library("visits", VISITS);
    let broadcast = inline(HELD_AND_RULED, &[]);
    let jobs: &[(&Prepared, &str, &[&str])] = &[
        (&words, "unaligned", &["values", "splits", "pending", "prepared", "committed", "captured"]),
        (&plain, "aligned", &["logs"]),
        (&visits, "aligned", &["maps", "timers", "splits"]),
        (&broadcast, "aligned", &["list", "broadcast"]),
    ];
    for &(job, name, keys) in jobs {
        for key in keys {
            let has_it = |savepoint: &Savepoint| {
                text(savepoint) != sealed_again(&text(savepoint), |it| emptied(it, key))
            };
            let mut all =
                (2..9).filter_map(|nth| Runner::new(job, strategy(name)).savepoint(1, &Arc::default(), nth));
            let savepoint = all.find(has_it).unwrap_or_else(|| panic!("no {key} in {}", job.name()));
            let lost = sealed_again(&text(&savepoint), |content| emptied(content, key));
            let lost = read(lost.as_bytes()).unwrap_or_else(|error| panic!("{key}: {error}")).savepoint;
            let other =
                sealed_again(&text(&savepoint), |it| it.replace("\"is-whole\":true", "\"is-whole\":false"));
            let other = read(other.as_bytes()).expect("a savepoint").savepoint;
            for (told, whole) in [(&savepoint, true), (&other, false)] {
                let started = job.start_from(told).expect("a start");
                assert_eq!(started.start().map(|start| start.is_whole()), Some(whole));
                let run = |from: &Savepoint| {
                    let Contender { cut, snapshot, .. } = strategy("aligned");
                    let mut world = World::new(Arc::clone(job.topology()), &cut, snapshot);
                    world.start_from(from).expect("a start");
                    world.begin(2, Arc::default());
                    let outcome = world.run(&mut |_, _| {});
                    let state = State::new(started.reference()).verdict(&world, outcome);
                    let ledger = Ledger::new(started.reference()).verdict(&world, outcome);
                    assert_eq!(world.topology().config.checkpointing.mode, CheckpointMode::ExactlyOnce);
                    (state == Verdict::Pass && ledger == Verdict::Pass, state.is_fail() || ledger.is_fail())
                };
                let what = format!("{key} of {}, whole: {whole}", job.name());
                assert_eq!(run(told), (true, false), "{what}");
                assert_eq!(run(&lost), (false, true), "{what}");
            }
        }
    }
}

/// Records held back in a list, and rules that are broadcast.
pub const HELD_AND_RULED: &str = r#"name = "held-and-ruled"
about = "A list and broadcast state."
[input.in]
kind = { events = { count = 600, keys = 20, values = 100, rate = "1000/s", splits = 2 } }
[input.rules]
kind = { events = { count = 300, keys = 4, values = 50, rate = "500/s", splits = 1, series = 1 } }
[[job.operator]]
uid = "source"
does = { source = "in" }
parallelism = 2
[[job.operator]]
uid = "rules"
does = { source = "rules" }
[[job.operator]]
uid = "held"
does = "hold-back"
parallelism = 2
[[job.operator]]
uid = "ruled"
does = { broadcast-state = { initial = 5 } }
parallelism = 2
[[job.operator]]
uid = "sink"
does = { sink = "transactional" }
[[job.edge]]
from = "source"
to = "held"
ship = "rebalance"
[[job.edge]]
from = "source"
to = "ruled"
ship = "hash"
[[job.edge]]
from = "rules"
to = "ruled"
ship = "broadcast"
port = 1
[[job.edge]]
from = "held"
to = "sink"
ship = "rebalance"
[[job.edge]]
from = "ruled"
to = "sink"
ship = "rebalance"
[execution]
checkpointing.interval = "60ms"
"#;
