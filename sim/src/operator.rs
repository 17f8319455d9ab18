//! What a task computes: a pure function of its state and a record.
//!
//! An operator is immutable and shared by all worlds; everything that changes lives in the [`KeyedState`], which the
//! machine snapshots, restores, forks and compares. So an operator cannot forget to save something.
//!
//! Results must not depend on how the inputs of a task interleave: the same records, in any order that keeps the order of
//! each channel, must lead to the same state and to the same outputs in *some* order. Counting, summing, joining and
//! event-time windows are like that; the reference interpreter relies on it.
//!
//! One life of a subtask: [`on_open`](Operator::on_open) if it begins with an empty state, else
//! [`on_restore`](Operator::on_restore); then [`on_record`](Operator::on_record) and, as the watermark advances,
//! [`on_timer`](Operator::on_timer); [`on_snapshot`](Operator::on_snapshot) whenever its state is about to be copied;
//! [`on_close`](Operator::on_close) when nothing can come any more. Nothing but `on_record` must be there.

use crate::operator_state::BroadcastState;
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

    /// A subtask begins with an empty state: puts in what every subtask has from the beginning. It is not called after a
    /// restore, for what was put in is restored. (Connections, tables and the like are made when the operator is built.)
    fn on_open(&self, _state: &mut BroadcastState) {}

    /// All inputs have ended and all timers have fired: sends what is left to be sent. It may not set timers.
    ///
    /// What it sends it must take out of the state. Then it does not matter that a restore may bring the end about a second
    /// time: what was sent before the snapshot is not in the state any more, as with timers. The results must be the same for
    /// one subtask that has the state of all as for several that share it. An event time of
    /// [`NEVER`](crate::time::NEVER) is late for nobody.
    fn on_close(&self, _cx: &mut Context<'_>) {}

    /// The state is about to be copied for a snapshot: throws away what is of no use from this watermark on. Neither results
    /// nor the state in the end may depend on whether and when this was called. (There is nothing to *save* here: what an
    /// operator keeps is in its state already.)
    fn on_snapshot(&self, _state: &mut KeyedState, _watermark: Time) {}

    /// The state of a snapshot is back, perhaps put together from those of several subtasks: brings it into the form that
    /// `on_record` expects, if a former version or parallelism has left it in another. The same holds as for `on_snapshot`.
    fn on_restore(&self, _state: &mut KeyedState) {}

    /// True for a port whose records change nothing but the broadcast state, in the same way however often they come. A
    /// broadcast edge must lead there, so that all subtasks have the same.
    fn is_broadcast_port(&self, _port: u32) -> bool {
        false
    }

    /// True if what it does with a record depends on the watermark, so that it matters whether a record comes late. In a job no
    /// record does; but one that starts from a savepoint may get another source, say, whose records begin long before the
    /// watermark that was saved. What this operator makes of them is not judged then.
    fn goes_by_event_time(&self) -> bool {
        false
    }

    /// True if it sends every step towards a result, a smaller label or a shorter way say: which steps there are depends on how its
    /// inputs interleave, and of what it sends only the least value of each key does not. (This is the one exception to the
    /// rule at the head of this file; the oracles do not judge what is behind it by the records, and say so.)
    fn refines(&self) -> bool {
        false
    }

    /// True if of records that come from an operator which [`refines`](Operator::refines) nothing counts but the least value of each
    /// key: its final state, and what it sends unless it refines itself, depend on no other.
    fn takes_least(&self) -> bool {
        false
    }

    /// True if every output has the key of what it was made of, and the outputs of one key come in an order that does not
    /// depend on how the inputs interleave, given that one subtask gets all records of that key. Only then is it certain
    /// which value an idempotent sink ends with, and the oracle [`ledger`](crate::oracles::ledger) holds it to that.
    fn is_ordered_per_key(&self) -> bool {
        false
    }
}
