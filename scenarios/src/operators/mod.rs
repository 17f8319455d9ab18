//! What tasks compute. One file is one operator, and one row of the table below names it.
//!
//! Every operator here keeps the rule of [`Operator`]: its final state and the multiset of its outputs do not depend on how
//! its inputs interleave. There are two exceptions. One is the event time of a running result, which is that of the record that
//! completed it ([`OperatorKind::blurs_event_time`]): no operator that goes by event time
//! ([`OperatorKind::needs_event_time`]) may follow. The other is an operator that sends every step towards a result
//! ([`Operator::refines`]): of what it sends only the least value of each key is determined. Records that come after their window has fired, or behind the watermark
//! where there is no window, are dropped, as in Flink; every input says how far out of order it is, so none is late.
//!
//! Not modelled: windows that allow lateness, triggers and evictors of one's own, processing time.

pub mod broadcast_state;
pub mod collatz;
pub mod components;
pub mod counter;
pub mod deduplication;
pub mod filter;
pub mod flat_map;
pub mod hold_back;
pub mod interval_join;
pub mod join;
pub mod keep_even;
pub mod keep_odd;
pub mod key_by_value;
pub mod keyed_count;
pub mod keyed_min;
pub mod keyed_sum;
pub mod map;
pub mod pattern;
pub mod q12_bids;
pub mod q1_convert;
pub mod q3_auctions;
pub mod q3_persons;
pub mod q8_auctions;
pub mod q8_persons;
pub mod session_window;
pub mod sliding_window;
pub mod tokenizer;
pub mod top_n;
pub mod tumbling_window;
pub mod undirected;
pub mod window_join;

use std::fmt;
use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage, key_lineage};
use cutline_sim::state::Timer;
use cutline_sim::time::Time;
use serde::Deserialize;

use crate::inputs::nexmark::NexmarkEvents;
use crate::inputs::text::Text;
use crate::inputs::{BuiltInput, Content};

/// The wire size in bytes of a result that is a key, a value and an instant.
pub const RESULT_BYTES: u32 = 24;

/// The value that a key has in the end, when its timer fires: the one output of operators that have no other for a key.
pub(crate) fn send_value(timer: Timer, cx: &mut Context<'_>) {
    cx.out.push(Record {
        lineage: key_lineage(timer.key, 0),
        key: timer.key,
        value: cx.state.value(timer.key).unwrap_or(0),
        event_time: timer.time,
        size: RESULT_BYTES,
    });
}

/// A row of the table of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorRow {
    /// The name in a scenario.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

macro_rules! operators {
    ($($kind:ident $(($parameters:ident: $type:ty))? in $module:ident = $name:literal: $about:literal;)*) => {
        /// An operator as a scenario names it: `"tokenizer"`, or with settings `{ tumbling-window = { size = "10s" } }`.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum OperatorKind {
            $(#[doc = $about] $kind $(($type))?,)*
        }

        /// All operators.
        pub const ROWS: &[OperatorRow] = &[$(OperatorRow { name: $name, about: $about }),*];

        impl OperatorKind {
            /// The name in a scenario.
            pub fn name(&self) -> &'static str {
                match self {
                    $(OperatorKind::$kind { .. } => $name,)*
                }
            }

            /// Makes the operator; `contents` is what it may look up.
            ///
            /// # Errors
            /// No input of the job has the content it needs, or more than one: see [`OperatorError`].
            pub fn build(&self, contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
                match self {
                    $(OperatorKind::$kind $(($parameters))? => $module::build($($parameters,)? contents),)*
                }
            }
        }
    };
}

operators! {
    BroadcastState(settings: broadcast_state::BroadcastRules) in broadcast_state = "broadcast-state":
        "applies rules, which all subtasks have, to the records of a keyed stream";
    Collatz in collatz = "collatz": "one step of the Collatz sequence: around a feedback edge every value goes down to 1";
    Components in components = "components":
        "gives every vertex of a graph the smallest number in its component, by offers around a feedback edge";
    Counter(settings: counter::Counter) in counter = "counter":
        "adds up values per key and sends the record on with another key: the stage of the benchmarks";
    Deduplication(settings: deduplication::Deduplication) in deduplication = "deduplication":
        "lets the first record of a key pass and drops the others for a while";
    Filter(settings: filter::Filter) in filter = "filter": "keeps records whose value meets the conditions";
    FlatMap(settings: flat_map::FlatMap) in flat_map = "flat-map":
        "makes several records of one: copies, the numbers below its value, or its digits";
    HoldBack in hold_back = "hold-back": "sends all records at the end of the input";
    IntervalJoin(settings: interval_join::IntervalJoin) in interval_join = "interval-join":
        "joins the records of two ports that have the same key and event times close to each other";
    Join in join = "join": "joins the records of two ports that have the same key";
    KeepEven in keep_even = "keep-even": "keeps records with an even value, under the key 0";
    KeepOdd in keep_odd = "keep-odd": "keeps records with an odd value, under the key 1";
    KeyByValue(settings: key_by_value::KeyByValue) in key_by_value = "key-by-value": "sets the key to the value modulo a number";
    KeyedCount in keyed_count = "keyed-count": "counts records per key and emits every new count";
    KeyedMin in keyed_min = "keyed-min": "keeps the least value per key and emits it at the end of the input";
    KeyedSum in keyed_sum = "keyed-sum": "adds up values per key and emits the sums at the end of the input";
    Map(settings: map::Map) in map = "map": "computes value * multiply + add, and a key from it if asked";
    Pattern(settings: pattern::Pattern) in pattern = "pattern":
        "emits large values that follow a small one of the same key within some time";
    Q1Convert in q1_convert = "q1-convert": "NexMark query 1: bids, with prices in euros";
    Q12Bids in q12_bids = "q12-bids": "NexMark query 12, first step: bids by bidder";
    Q3Auctions in q3_auctions = "q3-auctions": "NexMark query 3, one side: auctions of category 10 by seller";
    Q3Persons in q3_persons = "q3-persons": "NexMark query 3, other side: persons in Oregon, Idaho and California";
    Q8Auctions in q8_auctions = "q8-auctions": "NexMark query 8, one side: auctions by seller";
    Q8Persons in q8_persons = "q8-persons": "NexMark query 8, other side: persons";
    SessionWindow(settings: session_window::SessionWindow) in session_window = "session-window":
        "aggregates records per key and session: a run of records without a gap";
    SlidingWindow(settings: sliding_window::SlidingWindow) in sliding_window = "sliding-window":
        "aggregates records per key and sliding window";
    Tokenizer in tokenizer = "tokenizer": "turns a piece of text into its words";
    TopN(settings: top_n::TopN) in top_n = "top-n":
        "emits the records with the largest values per key and tumbling window";
    TumblingWindow(settings: tumbling_window::TumblingWindow) in tumbling_window = "tumbling-window":
        "aggregates records per key and tumbling window";
    Undirected in undirected = "undirected": "sends an edge of a graph on in both directions";
    WindowJoin(settings: window_join::WindowJoin) in window_join = "window-join":
        "joins the records of two ports that have the same key and tumbling window";
}

impl OperatorKind {
    /// True if its results depend on the event times of its inputs.
    pub fn needs_event_time(&self) -> bool {
        matches!(
            self,
            OperatorKind::BroadcastState(_)
                | OperatorKind::Deduplication(_)
                | OperatorKind::IntervalJoin(_)
                | OperatorKind::Pattern(_)
                | OperatorKind::SessionWindow(_)
                | OperatorKind::SlidingWindow(_)
                | OperatorKind::TopN(_)
                | OperatorKind::TumblingWindow(_)
                | OperatorKind::WindowJoin(_)
        )
    }

    /// True if the event times of its outputs depend on how its inputs interleave.
    pub fn blurs_event_time(&self) -> bool {
        matches!(self, OperatorKind::Components | OperatorKind::KeyedCount | OperatorKind::Join)
    }

    /// True if it sends something when the watermark advances or at the end of its input, so that it cannot be part of a loop,
    /// which lets no watermark around and ends only when nothing is sent any more.
    pub fn waits(&self) -> bool {
        let at_the_end = [OperatorKind::HoldBack, OperatorKind::KeyedMin, OperatorKind::KeyedSum];
        self.needs_event_time() || at_the_end.contains(self)
    }
}

/// What the inputs of a job have behind their records, for operators that look it up.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    texts: Vec<Arc<Text>>,
    nexmark: Option<Arc<NexmarkEvents>>,
}

impl Contents {
    /// Collects the contents of all inputs of a job, made with one seed.
    pub fn of<'a>(inputs: impl IntoIterator<Item = &'a BuiltInput>) -> Contents {
        let mut contents = Contents::default();
        for input in inputs {
            match &input.content {
                Content::Plain => {}
                Content::Text(text) if contents.texts.iter().any(|known| Arc::ptr_eq(known, text)) => {}
                Content::Text(text) => contents.texts.push(Arc::clone(text)),
                // Under one seed a shorter table is the beginning of a longer one.
                Content::Nexmark(events) => {
                    if contents.nexmark.as_ref().is_none_or(|known| known.len() < events.len()) {
                        contents.nexmark = Some(Arc::clone(events));
                    }
                }
            }
        }
        contents
    }

    fn text(&self, operator: &'static str) -> Result<Arc<Text>, OperatorError> {
        match &self.texts[..] {
            [] => Err(OperatorError::Missing { operator, input: "text" }),
            [text] => Ok(Arc::clone(text)),
            _ => Err(OperatorError::Ambiguous { operator, input: "text" }),
        }
    }

    fn nexmark(&self, operator: &'static str) -> Result<Arc<NexmarkEvents>, OperatorError> {
        self.nexmark.clone().ok_or(OperatorError::Missing { operator, input: "nexmark" })
    }
}

/// Why an operator cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorError {
    /// The job has no input of the kind that the operator looks into.
    Missing {
        /// The operator's name.
        operator: &'static str,
        /// The kind of input it needs.
        input: &'static str,
    },
    /// The job has several inputs of this kind with different contents.
    Ambiguous {
        /// The operator's name.
        operator: &'static str,
        /// The kind of input it needs.
        input: &'static str,
    },
    /// The number of keys is no power of two.
    Keys(u64),
    /// No value has this remainder.
    Remainder {
        /// What it is a remainder of.
        modulus: u64,
        /// The remainder.
        remainder: i64,
    },
    /// A value of a pattern would be small and large.
    Overlap {
        /// The largest small value.
        small: i64,
        /// The smallest large value.
        large: i64,
    },
    /// A record would belong to too many windows.
    Windows {
        /// To how many.
        overlap: u64,
        /// How many there may be.
        most: u64,
    },
    /// No value lies between these bounds.
    Bounds {
        /// The lower one.
        min: i64,
        /// The upper one.
        max: i64,
    },
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperatorError::Missing { operator, input } => write!(
                f,
                "`{operator}` needs a source with the input `{input}`, and this job has none: add one, or use another \
                 operator"
            ),
            OperatorError::Ambiguous { operator, input } => write!(
                f,
                "`{operator}` cannot tell which of several different inputs of kind `{input}` its records are from: give \
                 all sources the same one"
            ),
            OperatorError::Keys(keys) => write!(
                f,
                "`counter` needs a power of two for `keys`, and {keys} is none: write {}",
                keys.next_power_of_two()
            ),
            OperatorError::Remainder { modulus, remainder } => write!(
                f,
                "`filter` lets nothing pass: no value has the remainder {remainder} modulo {modulus}; write a `remainder` \
                 from 0 to {}",
                modulus - 1
            ),
            OperatorError::Overlap { small, large } => write!(
                f,
                "`pattern` would take values from {large} to {small} for small and large: write a `large` above `small`"
            ),
            OperatorError::Windows { overlap, most } => write!(
                f,
                "`sliding-window` would put a record into {overlap} windows: write a `slide` of at least `size` / {most}"
            ),
            OperatorError::Bounds { min, max } => write!(
                f,
                "`filter` lets nothing pass: no value is at least {min} and at most {max}; write a `min` that is not above \
                 `max`"
            ),
        }
    }
}

impl std::error::Error for OperatorError {}

/// A tumbling window of event time: `size * index ..= last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    index: u64,
    last: Time,
}

/// The window of an instant. Its last instant is also when its timer fires: the watermark says that nothing of that time
/// or before follows.
#[inline]
fn window_of(time: Time, size: Time) -> Window {
    let index = time / size;
    Window { index, last: (index * size).saturating_add(size - 1) }
}

/// A hash of all that tells a record from others: records of one lineage with other values or event times came other ways.
/// Copies of a record, which at-least-once and broadcast edges make, have the same. Never 0.
#[inline]
fn identity(record: &Record) -> u64 {
    derive_lineage(derive_lineage(record.lineage, record.value as u64), record.event_time).max(1)
}

/// True if a window has fired already.
#[inline]
fn is_late(window: Window, watermark: Time) -> bool {
    watermark > 0 && window.last <= watermark
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use cutline_sim::operator::Context;
    use cutline_sim::state::KeyedState;

    use super::*;
    use crate::inputs::nexmark::NexmarkEvent;

    /// Feeds records to an operator, then lets its timers fire up to a watermark; with the last one it closes.
    pub(crate) fn run(
        operator: &dyn Operator,
        records: &[(u32, Record)],
        watermark: Time,
    ) -> (KeyedState, Vec<Record>) {
        let (mut state, mut out) = (KeyedState::default(), Vec::new());
        operator.on_open(&mut state.broadcast);
        for (port, record) in records {
            operator.on_record(
                *port,
                record,
                &mut Context { state: &mut state, out: &mut out, watermark: 0 },
            );
        }
        while let Some(timer) = state.pop_timer(watermark) {
            operator.on_timer(timer, &mut Context { state: &mut state, out: &mut out, watermark });
        }
        if watermark == Time::MAX {
            operator.on_close(&mut Context { state: &mut state, out: &mut out, watermark });
        }
        (state, out)
    }

    /// Reads a kind as a scenario would write it.
    pub(crate) fn kind(toml: &str) -> OperatorKind {
        #[derive(Deserialize)]
        struct Scenario {
            operator: OperatorKind,
        }
        let read: Scenario = toml::from_str(&format!("operator = {toml}")).expect(toml);
        read.operator
    }

    /// A record with its own lineage.
    pub(crate) fn record(key: u64, value: i64, event_time: Time) -> Record {
        let lineage = cutline_sim::random::mix(key << 40 ^ (value as u64) << 20 ^ event_time);
        Record { lineage, key, value, event_time, size: 8 }
    }

    /// What a NexMark step makes of the first 1000 events of a seed, with the events.
    pub(crate) fn run_nexmark(kind: OperatorKind) -> (Vec<NexmarkEvent>, Vec<Record>) {
        let events = Arc::new(NexmarkEvents::generate(1, 1000));
        let contents = Contents { nexmark: Some(Arc::clone(&events)), ..Contents::default() };
        let records: Vec<(u32, Record)> = (0..1001).map(|n| (0, record(0, n, n as Time))).collect();
        let (state, out) = run(&*kind.build(&contents).expect("an operator"), &records, Time::MAX);
        assert!(state.is_empty());
        assert!(out.iter().all(|out| out.event_time < 1000 && out.size == 8));
        ((0..1000).filter_map(|n| events.get(n)).collect(), out)
    }

    #[test]
    fn every_file_has_a_row_and_every_row_its_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operators");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of operators")
            .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".rs").map(|name| name.replace('_', "-")))
            .filter(|name| name != "mod")
            .collect();
        let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        files.sort();
        names.sort();
        assert_eq!(files, names, "each file of src/operators needs one row in mod.rs");
        for name in names {
            let settings = match name {
                "counter" => "{ keys = 4 }",
                "filter" | "key-by-value" => "{ modulus = 2 }",
                "flat-map" => "{ copies = 2 }",
                "map" => "{ add = 1 }",
                "session-window" => "{ gap = \"1s\" }",
                "broadcast-state" => "{ initial = 5 }",
                "sliding-window" => "{ size = \"2s\", slide = \"1s\" }",
                "top-n" => "{ n = 3, size = \"1s\" }",
                "deduplication" => "{ time-to-live = \"1s\" }",
                "interval-join" => "{ after = \"1s\" }",
                "pattern" => "{ small = 1, large = 9, within = \"1s\" }",
                "tumbling-window" | "window-join" => "{ size = \"1s\" }",
                _ => "",
            };
            let operator = match settings {
                "" => format!("\"{name}\""),
                settings => format!("{{ {name} = {settings} }}"),
            };
            let kind = kind(&operator);
            assert_eq!(kind.name(), name);
            if let Ok(built) = kind.build(&Contents::default()) {
                assert_eq!(built.goes_by_event_time(), kind.needs_event_time(), "{name}");
            }
        }
    }

    #[test]
    fn a_missing_input_is_named() {
        for (kind, input) in [(OperatorKind::Tokenizer, "text"), (OperatorKind::Q8Persons, "nexmark")] {
            let operator = kind.name();
            let error = kind.build(&Contents::default()).err();
            assert_eq!(error, Some(OperatorError::Missing { operator, input }));
        }
        let text = || Arc::new(Text::new(b"one".to_vec()));
        let contents = Contents { texts: vec![text(), text()], nexmark: None };
        let error = OperatorKind::Tokenizer.build(&contents).err().expect("two texts");
        assert!(error.to_string().contains("cannot tell which"), "{error}");
    }

    #[test]
    fn windows_end_at_the_last_instant_before_the_next() {
        assert_eq!(window_of(0, 10), Window { index: 0, last: 9 });
        assert_eq!(window_of(9, 10), Window { index: 0, last: 9 });
        assert_eq!(window_of(10, 10), Window { index: 1, last: 19 });
        assert_eq!(window_of(u64::MAX, 10).last, u64::MAX);
        assert!(!is_late(window_of(0, 1), 0), "0 is no watermark yet");
        assert!(is_late(window_of(9, 10), 9) && !is_late(window_of(10, 10), 9));
    }
}
