//! `cutline diff`: two runs side by side, and the first event that differs.
//!
//! A run is a capsule, which is replayed; a trace; or a record, which has figures but no events. Traces are compared as they are read:
//! nothing but a few lines of them is ever in memory. The replay of a capsule writes a trace, too, beside the temporary files.

mod traces;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use cutline::reports::run_diff::{self, Difference, Row};
use cutline::scenarios::record::{RECORD_VERSION, RunRecord};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::execute::{Finished, Watchers, execute};
use crate::failure::Failure;
use crate::replay::{self, Again};
use crate::screen::{Screen, paint};
use crate::trace::Trace;
use crate::{capsules, execute::announce_seed};
use traces::Reader;

/// A longer file is no record of a run.
const RECORD_BYTES_MAX: u64 = 1 << 30;
/// What a run is, its first bytes say.
const HEAD: u64 = 256;
const TWO_VERSIONS: &str = "to compare two versions of the program, let each write a trace of its own (`cutline run` or `cutline replay`, \
    with `--trace FILE`), and compare those";

/// `cutline diff`
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// A capsule, a trace of `--trace`, or a record of `--json`
    #[arg(value_name = "RUN_A")]
    pub a: PathBuf,
    /// The run to compare it with
    #[arg(value_name = "RUN_B")]
    pub b: PathBuf,
    /// Show so many events before the first that differs, and as many behind it
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub context: u16,
    /// Of capsules, compare every record and every mark, too
    #[arg(long)]
    pub records: bool,
    /// Where the input file of both capsules is now, if it has moved
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    differ: bool,
    a: &'a str,
    b: &'a str,
    #[serde(flatten)]
    difference: &'a Difference,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Capsule,
    Trace,
    Record,
}

impl Kind {
    fn of(path: &Path) -> Result<Kind, Failure> {
        let mut head = Vec::new();
        File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)).map_err(|error| {
            Failure::new(format!("cannot read `{}`: {error}", path.display()))
                .with_help("name a capsule, a trace of `--trace`, or a record of `--json`")
        })?;
        if head.trim_ascii().is_empty() {
            return Err(none(path, "it is empty"));
        }
        let head = String::from_utf8_lossy(&head);
        Ok(match () {
            () if head.contains("\"trace-version\"") => Kind::Trace,
            () if head.contains("\"cutline-capsule\"") => Kind::Capsule,
            () => Kind::Record,
        })
    }
}

fn none(path: &Path, why: &str) -> Failure {
    Failure::new(format!("`{}` is no capsule, no trace and no record of a run: {why}", path.display()))
        .with_help("name a capsule, a trace of `--trace`, or a record of `cutline run --json`")
}

/// A run that is to be compared.
struct Side {
    /// What it is, for people.
    about: String,
    record: Option<RunRecord>,
    events: Option<Reader>,
    _folder: Option<TempDir>,
}

/// Compares.
pub fn diff(arguments: &DiffArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.json);
    let paths = [arguments.a.as_path(), arguments.b.as_path()];
    let kinds = [Kind::of(paths[0])?, Kind::of(paths[1])?];
    if kinds.contains(&Kind::Trace) && kinds.contains(&Kind::Record) {
        let message =
            "a trace has no figures, and the record of a run has no events: there is nothing to compare";
        return Err(Failure::new(message).with_help("compare two of a kind; a capsule goes with either"));
    }
    // A trace says whether it has an event for every record; what is replayed beside it has, too.
    let readers = [open_trace(paths[0], kinds[0])?, open_trace(paths[1], kinds[1])?];
    let given: Vec<bool> = readers.iter().flatten().map(|reader| reader.header.records).collect();
    if let [true, false] | [false, true] = given[..] {
        let message = "one of the traces has an event for every record, and the other has none";
        return Err(Failure::new(message).with_help("write both with `--trace-records`, or neither"));
    }
    let records = given.first().copied().unwrap_or(arguments.records);
    let with_events = !kinds.contains(&Kind::Record);
    let mut sides = Vec::new();
    for ((path, kind), reader) in paths.into_iter().zip(kinds).zip(readers) {
        sides.push(match (kind, reader) {
            (Kind::Trace, Some(reader)) => {
                Side { about: reader.about(), record: None, events: Some(reader), _folder: None }
            }
            (Kind::Record, _) => recorded(path)?,
            _ => replayed(path, arguments, (with_events, records), screen)?,
        });
    }
    let Ok([mut a, mut b]) = <[Side; 2]>::try_from(sides) else { return Ok(0) };
    let mut difference = Difference::default();
    if let (Some(a), Some(b)) = (&mut a.events, &mut b.events) {
        let (first, same) = traces::compare(a, b, usize::from(arguments.context))?;
        (difference.first, difference.events) = (first, Some(same));
    }
    difference.rows = match (&a.record, &b.record, &a.events, &b.events) {
        (Some(a), Some(b), ..) => run_diff::of_records(a, b),
        (_, _, Some(a), Some(b)) => traces::rows(a, b),
        _ => Vec::new(),
    };
    tell(screen, arguments, (&a, &b), &difference)?;
    Ok(u8::from(difference.is_some()))
}

fn open_trace(path: &Path, kind: Kind) -> Result<Option<Reader>, Failure> {
    (kind == Kind::Trace).then(|| Reader::open(path)).transpose()
}

/// Replays a capsule.
fn replayed(
    path: &Path,
    arguments: &DiffArguments,
    (with_events, records): (bool, bool),
    screen: &mut Screen,
) -> Result<Side, Failure> {
    let capsule = capsules::read(path).map_err(|failure| failure.with_more_help(TWO_VERSIONS))?;
    announce_seed(screen, capsule.seed)?;
    let other = replay::note_commit(screen, &capsule)?;
    let Again { setup, order, result } = Again::open(capsule, path, (arguments.input.as_deref(), None))?;
    let (contender, seed) = (order.contender, order.seed);
    let (mut folder, mut trace, mut file) = (None, None, PathBuf::new());
    if with_events {
        let made = tempfile::tempdir()
            .map_err(|error| Failure::new(format!("cannot make a temporary folder: {error}")))?;
        file = made.path().join("trace");
        trace = Some(Trace::create(&file, &setup.prepared, (contender, seed), records)?);
        folder = Some(made);
    }
    let watchers = Watchers { trace: trace.as_mut(), ..Watchers::default() };
    let Finished { record, tear, .. } = execute(&setup, &order, watchers);
    trace.map_or(Ok(()), |trace| trace.finish(&record, tear))?;
    let (path, scenario, name) = (path.display(), setup.prepared.name(), contender.name);
    let mut about = format!("{path}: {scenario} under {name}, seed {seed}, replayed");
    if !result.differences(&record).is_empty() {
        about += if other {
            "; it is not the run that it was when another build wrote the capsule"
        } else {
            "; it is not the run that the capsule holds: this is non-determinism"
        };
    }
    let events = folder.as_ref().map(|_| Reader::open(&file)).transpose()?;
    Ok(Side { about, record: Some(record), events, _folder: folder })
}

/// A record, as `cutline run --json` prints it, or `cutline replay --json` around it.
fn recorded(path: &Path) -> Result<Side, Failure> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    #[derive(Deserialize)]
    struct Around {
        record: serde_json::Value,
    }
    let name = path.display();
    let none = |why: &str| none(path, why);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(RECORD_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::new(format!("cannot read `{name}`: {error}")))?;
    if bytes.len() as u64 > RECORD_BYTES_MAX {
        return Err(none("it is too long"));
    }
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| none(&error.to_string()))?;
    let value = match Around::deserialize(&value) {
        Ok(Around { record }) => record,
        Err(_) => value,
    };
    let version = Versioned::deserialize(&value).map_err(|error| none(&error.to_string()))?.version;
    if version != RECORD_VERSION {
        let message =
            format!("`{name}` has version {version}, and this program reads version {RECORD_VERSION}");
        return Err(Failure::new(message).with_help(TWO_VERSIONS));
    }
    let record = RunRecord::deserialize(&value).map_err(|error| none(&error.to_string()))?;
    let about = format!("{name}: {} under {}, seed {}", record.scenario, record.strategy, record.seed);
    Ok(Side { about, record: Some(record), events: None, _folder: None })
}

fn tell(
    screen: &mut Screen,
    arguments: &DiffArguments,
    (a, b): (&Side, &Side),
    difference: &Difference,
) -> Result<(), Failure> {
    let differ = difference.is_some();
    if screen.is_json() {
        return screen.json(&Told { differ, a: &a.about, b: &b.about, difference });
    }
    let table = paint(&run_diff::table(difference), |line| line.contains("oracle "));
    let heads = run_diff::harmless(&format!("a: {}\nb: {}\n", a.about, b.about));
    screen.say(&format!("{heads}\n{table}"))?;
    let same_events = difference.first.is_none() && difference.events.is_some();
    if let (Some(a), Some(b), true, false) = (&a.record, &b.record, same_events, arguments.records)
        && a.digest != b.digest
    {
        screen.say("what differs is in what tasks handled: `--records` compares every record, too\n")?;
    }
    if differ && difference.events.is_none() {
        screen.say(
            "records have no events: two capsules, or two traces, say which one is the first that differs\n",
        )?;
    }
    screen.say(if differ { "\nthe runs differ\n" } else { "\nthe runs are the same\n" })
}

/// The rows of what two traces say at their top.
fn heads(a: &Reader, b: &Reader) -> Vec<Row> {
    let (a, b) = (&a.header, &b.header);
    vec![
        Row::new("scenario", &a.scenario, &b.scenario),
        Row::new("strategy", &a.strategy, &b.strategy),
        Row::new("seed", a.seed, b.seed),
        Row::new("tasks", a.tasks.join(" "), b.tasks.join(" ")),
    ]
}
