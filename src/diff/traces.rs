//! Two traces, compared as they are read.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use cutline::reports::run_diff::{First, Row, TraceEvent, of_counts};
use cutline::reports::units;
use cutline::sim::event::TRACE_VERSION;
use serde::Deserialize;

use super::heads;
use crate::failure::Failure;

/// The longest line: the first one names all tasks.
const LINE_MAX: u64 = 64 << 20;

/// The first line of a trace, as far as it is needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Header {
    trace_version: u32,
    program_version: String,
    /// The scenario.
    pub scenario: String,
    /// The strategy.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// True if every record and mark is an event.
    pub records: bool,
    /// The tasks, by number.
    pub tasks: Vec<String>,
}

/// A trace that is being read.
pub struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    /// What stands at its top.
    pub header: Header,
    number: u64,
    line: Vec<u8>,
    events: u64,
    last: u64,
    counts: BTreeMap<String, u64>,
}

impl Reader {
    /// Opens a trace.
    pub fn open(path: &Path) -> Result<Reader, Failure> {
        let file = File::open(path);
        let file =
            file.map_err(|error| Failure::new(format!("cannot read `{}`: {error}", path.display())))?;
        let header = Header {
            trace_version: 0,
            program_version: String::new(),
            scenario: String::new(),
            strategy: String::new(),
            seed: 0,
            records: false,
            tasks: Vec::new(),
        };
        let mut reader = Reader {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 16, file),
            header,
            number: 0,
            line: Vec::new(),
            events: 0,
            last: 0,
            counts: BTreeMap::new(),
        };
        match reader.parse()? {
            Some(header) => reader.header = header,
            None => return Err(reader.damaged("it is empty")),
        }
        Ok(reader)
    }

    /// What it is, for people.
    pub fn about(&self) -> String {
        let Header { trace_version, program_version, scenario, strategy, seed, .. } = &self.header;
        let form = match *trace_version {
            TRACE_VERSION => String::new(),
            other => format!(
                "; its events have form {other}, and this program knows {TRACE_VERSION}: what is written in another way counts as another \
                 event"
            ),
        };
        let path = self.path.display();
        format!("{path}: {scenario} under {strategy}, seed {seed}, by cutline {program_version}{form}")
    }

    /// The next event.
    fn next(&mut self) -> Result<Option<TraceEvent>, Failure> {
        let event: Option<TraceEvent> = self.parse()?;
        if let Some(event) = &event {
            self.events += 1;
            self.last = self.last.max(event.time);
            match self.counts.get_mut(event.name()) {
                Some(count) => *count += 1,
                None => drop(self.counts.insert(event.name().to_owned(), 1)),
            }
        }
        Ok(event)
    }

    fn parse<T: for<'a> Deserialize<'a>>(&mut self) -> Result<Option<T>, Failure> {
        self.line.clear();
        let read = self.file.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.line);
        read.map_err(|error| Failure::new(format!("cannot read `{}`: {error}", self.path.display())))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if !self.line.ends_with(b"\n") {
            return Err(self.damaged("it is cut off"));
        }
        let value = serde_json::from_slice(&self.line);
        value.map(Some).map_err(|error| self.damaged(&error.to_string()))
    }

    fn damaged(&self, why: &str) -> Failure {
        let message =
            format!("`{}` is no whole trace: line {}: {why}", self.path.display(), self.number.max(1));
        Failure::new(message)
            .with_help("write it again: `cutline run` or `cutline replay`, with `--trace FILE`")
    }
}

/// Reads both to their ends: the first event that differs, with so many before and behind it, and how many were the same.
pub fn compare(a: &mut Reader, b: &mut Reader, context: usize) -> Result<(Option<First>, u64), Failure> {
    let (mut before, mut same) = (VecDeque::new(), 0);
    let mut first = loop {
        match (a.next()?, b.next()?) {
            (None, None) => return Ok((None, same)),
            (Some(one), Some(other)) if one == other => {
                same += 1;
                if before.len() == context {
                    before.pop_front();
                }
                if context > 0 {
                    before.push_back(one);
                }
            }
            (one, other) => {
                let [a, b] = [one, other].map(|event| event.into_iter().collect());
                break First { number: same + 1, before: before.into(), a, b };
            }
        }
    };
    for (reader, events) in [(a, &mut first.a), (b, &mut first.b)] {
        while let Some(event) = reader.next()? {
            if events.len() <= context {
                events.push(event);
            }
        }
    }
    Ok((Some(first), same))
}

/// What two traces that were read to their ends come to.
pub fn rows(a: &Reader, b: &Reader) -> Vec<Row> {
    let mut rows = heads(a, b);
    rows.push(Row::new("events", units::count(a.events), units::count(b.events)));
    rows.push(Row::new("last event", units::time(a.last), units::time(b.last)));
    rows.extend(of_counts(&a.counts, &b.counts));
    rows
}
