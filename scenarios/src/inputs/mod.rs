//! What sources read. One file is one kind of input, and one row of the table below names it.

pub mod events;
pub mod keys;
pub mod nexmark;
pub mod numbers;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutline_sim::input::Input;
use cutline_sim::time::Time;
use serde::Deserialize;

use self::nexmark::NexmarkEvents;
use self::text::{Text, TextError};
use crate::units::Count;

/// How many records an input has in all.
pub type Records = Count<0, { 1 << 40 }>;
/// How many splits an input has, that is, how many subtasks can read it side by side.
pub type Splits = Count<1, 65_536>;

/// The latest event time that an input may have: the latest instant of a run.
pub const LATEST: Time = 1 << 63;

/// A row of the table of input kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputRow {
    /// The name in a scenario.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
}

macro_rules! inputs {
    ($($kind:ident($parameters:ty) = $name:literal: $about:literal;)*) => {
        /// An input as a scenario names it: `{ numbers = { count = 1000, rate = "1000/s", splits = 2 } }`.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum InputKind {
            $(#[doc = $about] $kind($parameters),)*
        }

        /// All kinds of input.
        pub const ROWS: &[InputRow] = &[$(InputRow { name: $name, about: $about }),*];

        impl InputKind {
            /// The name in a scenario.
            pub fn name(&self) -> &'static str {
                match self {
                    $(InputKind::$kind(_) => $name,)*
                }
            }

            /// Nanoseconds from one record of a split to the next.
            pub fn period(&self) -> Time {
                match self {
                    $(InputKind::$kind(parameters) => parameters.rate.period(),)*
                }
            }

            /// Makes the input. The seed decides what is random in it (its stream is
            /// [`Stream::Input`](cutline_sim::random::Stream::Input)); texts come from, and stay in, the shelf.
            ///
            /// # Errors
            /// A text cannot be read, or the input would last longer than a run may.
            pub fn build(&self, seed: u64, texts: &mut Texts) -> Result<BuiltInput, InputError> {
                match self {
                    $(InputKind::$kind(parameters) => parameters.build(seed, texts),)*
                }
            }
        }
    };
}

inputs! {
    Events(events::Events) = "events": "records with a random key and value, and event times out of order";
    Keys(keys::Keys) = "keys": "records with a random key and the value 1";
    Nexmark(nexmark::Nexmark) = "nexmark": "persons, auctions and bids of the NexMark benchmark";
    Numbers(numbers::Numbers) = "numbers": "the numbers from 0, dealt in turn to the splits";
    Text(text::TextFile) = "text": "the lines of a text file, for operators that look at its words";
}

/// An input and, if operators need to look behind its records, its content.
#[derive(Clone)]
pub struct BuiltInput {
    /// What the source reads.
    pub input: Arc<dyn Input>,
    /// What operators look at.
    pub content: Content,
}

impl fmt::Debug for BuiltInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuiltInput({} splits)", self.input.splits())
    }
}

/// What the records of an input stand for.
#[derive(Clone)]
pub enum Content {
    /// Nothing more than they say themselves.
    Plain,
    /// A record's value is the index of a piece of this text.
    Text(Arc<Text>),
    /// A record's value is the index of one of these events.
    Nexmark(Arc<NexmarkEvents>),
}

/// The texts that have been read, so that a sweep reads each file once. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    folder: PathBuf,
    instead: Option<PathBuf>,
    read: BTreeMap<PathBuf, Arc<Text>>,
}

impl Texts {
    /// An empty shelf. Relative paths of scenarios start at `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Texts {
        Texts { folder: folder.into(), ..Texts::default() }
    }

    /// Takes this file, whatever the scenario says. A relative path starts at the current directory.
    pub fn instead(mut self, path: impl Into<PathBuf>) -> Texts {
        self.instead = Some(path.into());
        self
    }

    /// The same without a file to be taken whatever the scenario says.
    #[must_use]
    pub fn without_instead(mut self) -> Texts {
        self.instead = None;
        self
    }

    /// True if a file is taken whatever the scenario says.
    pub fn has_instead(&self) -> bool {
        self.instead.is_some()
    }

    /// The same with nothing read yet.
    #[must_use]
    pub fn unread(&self) -> Texts {
        Texts { read: BTreeMap::new(), ..self.clone() }
    }

    /// The text of a scenario's path, read from the disk at the first time; without a path, [`text::built_in`].
    ///
    /// # Errors
    /// The file cannot be read: see [`text::load`].
    pub fn get(&mut self, path: Option<&Path>) -> Result<Arc<Text>, TextError> {
        let path = match (&self.instead, path) {
            (Some(instead), _) => instead.clone(),
            (None, Some(path)) => self.folder.join(path),
            (None, None) => PathBuf::new(),
        };
        if let Some(text) = self.read.get(&path) {
            return Ok(Arc::clone(text));
        }
        let text = Arc::new(if path.as_os_str().is_empty() { text::built_in() } else { text::load(&path)? });
        self.read.insert(path, Arc::clone(&text));
        Ok(text)
    }

    /// The files that have been read, by path.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Text)> {
        let files = self.read.iter().filter(|(path, _)| !path.as_os_str().is_empty());
        files.map(|(path, text)| (path.as_path(), text.as_ref()))
    }
}

/// Why an input cannot be made.
#[derive(Debug)]
pub enum InputError {
    /// Its text cannot be had.
    Text(TextError),
    /// It has both a file and a text of its own.
    TwoTexts,
    /// Its last record would come after the latest instant of a run.
    TooLong {
        /// Records of the longest split.
        records: u64,
        /// Nanoseconds from one to the next.
        period: Time,
    },
    /// It does not fit into memory.
    TooLarge {
        /// Records asked for.
        records: u64,
        /// The most there may be.
        most: u64,
    },
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::Text(error) => error.fmt(f),
            InputError::TwoTexts => f.write_str("`path` and `content` exclude each other: remove one"),
            InputError::TooLong { records, period } => write!(
                f,
                "{records} records in a split, one every {period} ns, would last longer than 292 years: raise the rate, \
                 or ask for fewer records"
            ),
            InputError::TooLarge { records, most } => {
                write!(f, "{records} records do not fit into memory: ask for at most {most}")
            }
        }
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            InputError::Text(error) => Some(error),
            InputError::TwoTexts | InputError::TooLong { .. } | InputError::TooLarge { .. } => None,
        }
    }
}

impl From<TextError> for InputError {
    fn from(error: TextError) -> Self {
        InputError::Text(error)
    }
}

/// Checks that a split with so many records ends in time, with one period to spare.
fn check_length(records: u64, period: Time) -> Result<(), InputError> {
    match records.checked_add(1).and_then(|records| records.checked_mul(period)) {
        Some(end) if end <= LATEST => Ok(()),
        _ => Err(InputError::TooLong { records, period }),
    }
}

/// How many of the numbers `0..count`, dealt in turn to `splits` splits, fall to one of them.
fn dealt(count: u64, splits: u32, split: u32) -> u64 {
    let (splits, split) = (u64::from(splits), u64::from(split));
    count / splits + u64::from(split < count % splits)
}

#[cfg(test)]
pub(crate) mod tests {
    use cutline_sim::record::Record;

    use super::*;

    /// Reads a kind of input as a scenario would write it.
    pub(crate) fn kind(toml: &str) -> InputKind {
        toml::from_str(toml).expect("a kind of input")
    }

    /// The records of a split, from its start to its end, which come in the order of their event times.
    pub(crate) fn records(input: &dyn Input, split: u32) -> Vec<Record> {
        let records = records_as_read(input, split);
        assert!(records.is_sorted_by_key(|record| record.event_time));
        records
    }

    /// The records of a split, from its start to its end.
    pub(crate) fn records_as_read(input: &dyn Input, split: u32) -> Vec<Record> {
        let mut offset = input.start(split);
        let mut records = Vec::new();
        while let Some(entry) = input.read(split, offset) {
            assert_eq!(input.read(split, offset), Some(entry), "an offset read twice gives the same");
            records.push(entry.record);
            offset = entry.next;
        }
        records
    }

    #[test]
    fn every_file_has_a_row_and_every_row_its_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inputs");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of inputs")
            .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".rs").map(|name| name.replace('_', "-")))
            .filter(|name| name != "mod")
            .collect();
        files.sort();
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(
            files, names,
            "each file of src/inputs needs one row in mod.rs, in the order of the alphabet"
        );
        for example in [
            "events = { count = 1, keys = 1, rate = \"1/s\", splits = 1 }",
            "keys = { count = 1, keys = 1, rate = \"1/s\", splits = 1 }",
            "nexmark = { events = 1, rate = \"1/s\", splits = 1 }",
            "numbers = { count = 1, rate = \"1/s\", splits = 1 }",
            "text = { rate = \"1/s\", splits = 1 }",
        ] {
            assert!(example.starts_with(kind(example).name()));
        }
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let error =
            toml::from_str::<InputKind>("numbers = { count = 1, rate = \"1/s\", splits = 1, keys = 2 }");
        assert!(error.expect_err("an error").to_string().contains("unknown field `keys`"));
    }

    #[test]
    fn an_input_that_never_ends_is_refused() {
        let endless = kind("numbers = { count = 1099511627776, rate = \"1/h\", splits = 1 }");
        let error = endless.build(0, &mut Texts::default()).expect_err("too long");
        assert!(matches!(error, InputError::TooLong { .. }), "{error}");
    }
}
