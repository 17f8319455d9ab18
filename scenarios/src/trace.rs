//! Traces: one JSON object per line. First a header that says what run it is and who takes part; then what happened, in the order of time;
//! at last how it ended and what the oracles said. A trace holds everything that a space-time diagram is drawn from, so it can be drawn
//! when the scenario is gone, and by a later program that reads this version.

use std::fmt;
use std::io::{self, BufRead};

use cutline_sim::event::{Event, Origin, Stamped, TRACE_VERSION};
use cutline_sim::ids::TaskId;
use cutline_sim::passage::{Passage, Passes};
use cutline_sim::time::Time;
use cutline_sim::world::Outcome;
use serde::{Deserialize, Serialize};

use crate::record::OracleVerdict;
use crate::scene::{Actor, Cast, Ends, Entry, Recorder, Scene, View, ViewError, Witness, survey};
use crate::story::sentence;
use crate::units::show_time;

/// No run is longer than this, by far.
const TIME_MAX: Time = u64::MAX / 8;
/// A line is no longer than this.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// A run in which no more than so many things happen is told in words, too.
const FEW: u64 = 8;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Header {
    /// [`TRACE_VERSION`].
    pub trace_version: u32,
    /// The version of the program.
    pub program_version: String,
    /// The scenario.
    pub scenario: String,
    /// The strategy, or the bug.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// True if every record is told.
    pub records: bool,
    /// True if snapshots are each task's own.
    pub own_snapshots: bool,
    /// The uids of the operators.
    pub operators: Vec<String>,
    /// The names of the tasks, by number.
    pub tasks: Vec<String>,
    /// The operator of each task, by its number.
    pub operator_of: Vec<usize>,
    /// The channels: sender, receiver, and the number among the receiver's inputs.
    pub channels: Vec<[u32; 3]>,
}

impl Header {
    /// The header of a run with this cast.
    pub fn new(cast: &Cast, program: &str, (scenario, strategy, seed): (&str, &str, u64)) -> Header {
        Header {
            trace_version: TRACE_VERSION,
            program_version: program.to_owned(),
            scenario: scenario.to_owned(),
            strategy: strategy.to_owned(),
            seed,
            records: cast.has_records,
            own_snapshots: cast.own_snapshots,
            operators: cast.operators.clone(),
            tasks: cast.tasks.iter().map(|task| task.name.clone()).collect(),
            operator_of: cast.tasks.iter().map(|task| task.operator).collect(),
            channels: cast.channels.iter().map(|it| [it.from.0, it.to.0, it.input]).collect(),
        }
    }

    fn cast(&self) -> Cast {
        let actors = self.tasks.iter().zip(&self.operator_of);
        Cast {
            title: format!("{} under {}, seed {}", self.scenario, self.strategy, self.seed),
            operators: self.operators.clone(),
            tasks: actors.map(|(name, &operator)| Actor { name: name.clone(), operator }).collect(),
            channels: self
                .channels
                .iter()
                .map(|&[from, to, input]| Ends { from: TaskId(from), to: TaskId(to), input })
                .collect(),
            own_snapshots: self.own_snapshots,
            has_records: self.records,
        }
    }

    /// What does not fit together in it, if anything.
    fn flaw(&self) -> Option<String> {
        let tasks = self.tasks.len() as u32;
        if self.operator_of.len() != self.tasks.len() {
            return Some("`operator-of` has another length than `tasks`".to_owned());
        }
        if self.operator_of.iter().any(|&operator| operator >= self.operators.len()) {
            return Some("`operator-of` names an operator that is not in `operators`".to_owned());
        }
        let beyond = self.channels.iter().any(|&[from, to, _]| from >= tasks || to >= tasks);
        beyond.then(|| "`channels` names a task that is not in `tasks`".to_owned())
    }
}

/// A line behind the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Line {
    /// When, in nanoseconds.
    pub time: Time,
    /// Who: a task of the header, or whoever an [`Origin`] names.
    pub origin: String,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// What went from whom to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passage: Option<Passes>,
    /// The last line: how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// What the oracles said.
    pub verdicts: Vec<OracleVerdict>,
    /// What one of them objects to.
    pub witness: Option<Witness>,
}

impl Line {
    /// An entry as a line.
    pub fn of(entry: &Entry, cast: &Cast) -> Line {
        let (time, origin) = (
            entry.time(),
            match entry {
                Entry::Event(event) => event.origin,
                Entry::Passage(passage) => Origin::task(passage.task),
            },
        );
        let (event, passage) = match entry {
            Entry::Event(event) => (Some(event.event), None),
            Entry::Passage(passage) => (None, Some(passage.what)),
        };
        Line { time, origin: cast.who(origin), event, passage, end: None }
    }

    /// The last line.
    pub fn end(time: Time, end: End) -> Line {
        Line { time, origin: Origin::COORDINATOR.to_string(), event: None, passage: None, end: Some(end) }
    }
}

/// Why a trace cannot be read.
#[derive(Debug)]
pub enum TraceError {
    /// There is nothing in it.
    Empty,
    /// Its first line is no header.
    NoTrace(serde_json::Error),
    /// It is of another version.
    Version(u64),
    /// Its header contradicts itself.
    Header(String),
    /// A line is broken: its number, and what is wrong.
    Line(u64, String),
    /// It cannot be read.
    Io(io::Error),
    /// What was to be shown of it is not there.
    View(ViewError),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const AGAIN: &str = "write it again with `cutline run ... --trace FILE`";
        match self {
            TraceError::Empty => write!(f, "the file is empty, and a trace begins with a header: {AGAIN}"),
            TraceError::NoTrace(error) => {
                write!(f, "this is no trace, for its first line is no header ({error}): {AGAIN}")
            }
            TraceError::Version(version) => write!(
                f,
                "the trace has version {version}, and this program reads version {TRACE_VERSION}: {AGAIN}, or draw it with the \
                 program that wrote it"
            ),
            TraceError::Header(what) => write!(f, "the header of the trace is wrong, {what}: {AGAIN}"),
            TraceError::Line(number, what) => {
                write!(f, "line {number} of the trace is broken, {what}: {AGAIN}")
            }
            TraceError::Io(error) => error.fmt(f),
            TraceError::View(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TraceError {}

/// What every version has.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    trace_version: u64,
}

/// A trace that is being read.
pub struct Reader<R> {
    lines: R,
    number: u64,
    text: String,
    cast: Cast,
    now: Time,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it is not there, or of another version.
    pub fn new(mut lines: R) -> Result<Reader<R>, TraceError> {
        let mut text = String::new();
        io::Read::take(&mut lines, LINE_BYTES_MAX).read_line(&mut text).map_err(TraceError::Io)?;
        if text.trim().is_empty() {
            return Err(TraceError::Empty);
        }
        let head: Head = serde_json::from_str(&text).map_err(TraceError::NoTrace)?;
        if head.trace_version != u64::from(TRACE_VERSION) {
            return Err(TraceError::Version(head.trace_version));
        }
        let header: Header = serde_json::from_str(&text).map_err(TraceError::NoTrace)?;
        match header.flaw() {
            Some(what) => Err(TraceError::Header(what)),
            None => Ok(Reader { lines, number: 1, text, cast: header.cast(), now: 0 }),
        }
    }

    /// Who takes part.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Hands over everything that happened; how it ended, if that is told.
    ///
    /// # Errors
    /// If a line is broken.
    pub fn play(mut self, see: &mut dyn FnMut(Entry)) -> Result<Option<End>, TraceError> {
        let origins = self.origins();
        loop {
            self.text.clear();
            self.number += 1;
            let broken = |number: u64, what: &dyn fmt::Display| TraceError::Line(number, what.to_string());
            let read = io::Read::take(&mut self.lines, LINE_BYTES_MAX).read_line(&mut self.text);
            if read.map_err(|error| broken(self.number, &error))? == 0 {
                return Ok(None);
            }
            let line: Line =
                serde_json::from_str(&self.text).map_err(|error| match self.text.ends_with('\n') {
                    true => broken(self.number, &error),
                    false => broken(self.number, &"it is cut off"),
                })?;
            let Line { time, origin, event, passage, end } = line;
            if time < self.now {
                return Err(broken(self.number, &"it goes back in time"));
            }
            if time > TIME_MAX {
                return Err(broken(self.number, &"its `time` is beyond the end of any run"));
            }
            self.now = time;
            if end.is_some() {
                return Ok(end);
            }
            let known = origins.binary_search_by(|(name, _)| name.as_str().cmp(&origin));
            let Some(origin) = known.map_or_else(|_| node(&origin), |at| Some(origins[at].1)) else {
                return Err(broken(self.number, &"its `origin` is neither a task nor a node of the header"));
            };
            if let Some(event) = event {
                see(Entry::Event(Stamped { time, origin, event }));
            } else if let (Some(what), Some(task)) = (passage, origin.as_task()) {
                see(Entry::Passage(Passage { time, task, what }));
            } else {
                return Err(broken(
                    self.number,
                    &"it says neither what happened nor what went from whom to whom",
                ));
            }
        }
    }

    /// Names of origins, in order.
    fn origins(&self) -> Vec<(String, Origin)> {
        let fixed = [Origin::FAULTS, Origin::COORDINATOR, Origin::EXTERNAL];
        let mut origins: Vec<(String, Origin)> = fixed.map(|origin| (origin.to_string(), origin)).to_vec();
        let tasks = (0..).map(|task| Origin::task(TaskId(task)));
        origins.extend(self.cast.tasks.iter().map(|task| task.name.clone()).zip(tasks));
        origins.sort_by(|(one, _), (other, _)| one.cmp(other));
        origins
    }
}

fn node(origin: &str) -> Option<Origin> {
    let number = origin.strip_prefix("node ")?.parse().ok()?;
    Some(Origin::node(cutline_sim::ids::NodeId(number)))
}

/// The scene of a trace, which is opened several times.
///
/// # Errors
/// If it cannot be read, or the view shows nothing of it.
pub fn scene_of_trace<R: BufRead>(
    open: impl Fn() -> io::Result<R>,
    view: &View,
) -> Result<Scene, TraceError> {
    let reader = || open().map_err(TraceError::Io).and_then(Reader::new);
    let first = reader()?;
    let cast = first.cast().clone();
    let (mut ended, mut failed) = (None, None);
    let mut found = survey(&cast, view.around, None, |see| match first.play(see) {
        Ok(end) => ended = end,
        Err(error) => failed = Some(error),
    });
    let mut notes = Vec::new();
    if ended.is_none() {
        notes.push("The trace has no last line: it was cut off, so nothing is known of verdicts.".to_owned());
    }
    if !cast.has_records {
        notes.push(
            "The trace has no records: they are there if it is written with --trace-records.".to_owned(),
        );
    }
    let witness = ended.and_then(|end| end.witness);
    if let (Some(witness), None) = (&witness, &failed) {
        let again = reader()?;
        found = survey(&cast, view.around, Some(witness), |see| failed = again.play(see).err());
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let window = view.window(&found).map_err(TraceError::View)?;
    let mut recorder = Recorder::new(cast.clone(), window);
    let names: Vec<String> = cast.tasks.iter().map(|task| task.name.clone()).collect();
    let mut all = Vec::new();
    reader()?.play(&mut |entry| {
        // So little may be nothing that has a place in a picture.
        if let (Entry::Event(event), true) = (&entry, found.entries <= FEW) {
            all.push(format!("{} at {}", sentence(&names, event), show_time(event.time)));
        }
        recorder.see(entry);
    })?;
    if !all.is_empty() {
        notes.push(format!("All that happened: {}.", all.join("; ")));
    }
    Ok(Scene { witness, notes, ..recorder.finish() })
}
