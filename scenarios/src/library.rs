//! Stand-in for the kinds of inputs and operators, until the library of them lands: then the one `use` in `spec/mod.rs`
//! names `crate::inputs::InputKind` and `crate::operators::OperatorKind` instead, and this file goes.

use serde::Deserialize;

use crate::units::{Count, PositiveSpan, Rate};

/// How many splits an input may have.
type Splits = Count<1, 32_768>;
/// How many records an input may have.
type Records = Count<0, 1_000_000_000_000>;

/// What an input holds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum InputKind {
    /// Lines of a text.
    Text {
        /// The file to read; absent: a text that comes with Cutline.
        path: Option<String>,
        /// Records per time of each split.
        rate: Rate,
        /// Number of splits.
        splits: Splits,
    },
    /// The numbers from 0.
    Numbers {
        /// How many in all.
        count: Records,
        /// Records per time of each split.
        rate: Rate,
        /// Number of splits.
        splits: Splits,
    },
    /// Random keys.
    Keys {
        /// How many records in all.
        count: Records,
        /// How many different keys.
        keys: Count<1, 1_000_000_000>,
        /// Records per time of each split.
        rate: Rate,
        /// Number of splits.
        splits: Splits,
    },
    /// Events of the NexMark auction site.
    Nexmark {
        /// How many in all.
        events: Records,
        /// Records per time of each split.
        rate: Rate,
        /// Number of splits.
        splits: Splits,
    },
}

/// What an operator computes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum OperatorKind {
    /// Lines to words.
    Tokenizer,
    /// Counts per key.
    KeyedCount,
    /// Sums per key.
    KeyedSum,
    /// Passes even values.
    KeepEven,
    /// Passes odd values.
    KeepOdd,
    /// Counts per key and window.
    WindowCount {
        /// Length of a window.
        size: PositiveSpan,
    },
    /// Joins two inputs per key and window.
    WindowJoin {
        /// Length of a window.
        size: PositiveSpan,
    },
    /// Joins two inputs per key for ever.
    Join,
    /// NexMark query 1: dollars to euros.
    Q1Convert,
    /// NexMark query 3: the auctions of a category.
    Q3Auctions,
    /// NexMark query 3: the persons of some states.
    Q3Persons,
    /// NexMark query 8: auctions by seller.
    Q8Auctions,
    /// NexMark query 8: persons.
    Q8Persons,
    /// NexMark query 12: bids by bidder.
    Q12Bids,
    /// Counts in a fixed number of keys and passes everything on.
    Counter {
        /// How many keys.
        keys: Count<1, 1_000_000_000>,
    },
}
