//! What a task computes: a pure function of its state and a record.
//!
//! An operator is immutable and shared by all worlds; everything that changes lives in the [`KeyedState`], which the
//! machine snapshots, restores, forks and compares. So an operator cannot forget to save something.
//!
//! Results must not depend on how the inputs of a task interleave: the same records, in any order that keeps the order of
//! each channel, must lead to the same state and to the same outputs in *some* order. Counting, summing, joining and
//! event-time windows are like that; the reference interpreter relies on it.

use crate::record::Record;
use crate::state::{KeyedState, Timer};
use crate::time::Time;

/// What an operator may touch while it handles one record or timer.
pub struct Context<'a> {
    /// The state of this subtask.
    pub state: &'a mut KeyedState,
    /// Records to send, in this order, to every outgoing edge. The operator sets their lineage (see
    /// [`derive_lineage`](crate::record::derive_lineage)).
    pub out: &'a mut Vec<Record>,
    /// The watermark of this subtask: no record with a smaller or equal event time follows. 0 before the first one.
    pub watermark: Time,
}

/// An operator with inputs. (Sources and sinks are roles of their own, see [`Role`](crate::graph::Role).)
pub trait Operator: Send + Sync {
    /// Handles one record that came in on a port (the `port` of the edge; 0 unless the scenario says otherwise).
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>);

    /// Handles a timer set by [`KeyedState::set_timer`], once the watermark has reached its time. Timers come in the
    /// order of (time, key, slot).
    fn on_timer(&self, _timer: Timer, _cx: &mut Context<'_>) {}

    /// True if every output has the key of what it was made of, and the outputs of one key come in an order that does not
    /// depend on how the inputs interleave, given that one subtask gets all records of that key. Only then is it certain
    /// which value an idempotent sink ends with, and the oracle [`ledger`](crate::oracles::ledger) holds it to that.
    fn is_ordered_per_key(&self) -> bool {
        false
    }
}
