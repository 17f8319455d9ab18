//! Aggregates the records of each key in sessions of event time, and emits each session when it is over: a session is a
//! run of records each of which lies less than `gap` behind the one before it, and it ends when the watermark has reached
//! the last instant at which one more could have joined it. With web visits by user this is the visits of a session.
//!
//! Sessions merge: a record that closes the gap between two of them makes them one, in whatever order the three came. The
//! result carries the key, the aggregate and, as event time, that last instant, `gap` - 1 ns behind its last record.
//!
//! Flink 2.0 lets a record join a session that it follows by exactly the gap (`TimeWindow.intersects` takes windows that
//! touch for overlapping), but only if it comes before the session has fired. That would depend on the interleaving; here a
//! session ends after a gap without a record, always.

use std::ops::Bound;
use std::sync::Arc;

use cutline_sim::handles::MapState;
use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, key_lineage};
use cutline_sim::state::{KeyedState, Timer};
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES};
use crate::aggregate::Aggregate;
use crate::units::PositiveSpan;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SessionWindow {
    /// A session ends when so much time has passed without a record.
    pub gap: PositiveSpan,
    /// What is computed of a session; the number of its records, if it is absent.
    #[serde(default)]
    pub aggregate: Aggregate,
}

struct Sessions {
    gap: Time,
    aggregate: Aggregate,
}

/// A session that is not over. Sessions of one key lie at least a gap apart.
#[derive(Clone, Copy)]
struct Session {
    first: Time,
    last: Time,
    result: i64,
}

/// Under the event time of the first record of a session: the event time of the last one, and the aggregate.
const LAST: MapState = MapState(0);
const RESULT: MapState = MapState(1);

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &SessionWindow, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Sessions { gap: settings.gap.nanoseconds(), aggregate: settings.aggregate }))
}

impl Sessions {
    /// The last instant at which a record could join; also when the timer fires.
    fn end(&self, last: Time) -> Time {
        last.saturating_add(self.gap - 1)
    }

    fn timer(&self, key: u64, session: Session) -> Timer {
        Timer { time: self.end(session.last), key, slot: session.first }
    }

    /// The session of a key before an instant or around it, and the one behind it.
    fn neighbours(state: &KeyedState, key: u64, at: Time) -> [Option<Session>; 2] {
        let session = |(first, last): (Time, i64)| {
            let result = RESULT.get(state, key, first)?;
            Some(Session { first, last: last as Time, result })
        };
        let before = LAST.entries_in(state, key, ..=at).next_back();
        let behind = LAST.entries_in(state, key, (Bound::Excluded(at), Bound::Unbounded)).next();
        [before.and_then(session), behind.and_then(session)]
    }

    fn put(&self, state: &mut KeyedState, key: u64, session: Session) {
        LAST.put(state, key, session.first, session.last as i64);
        RESULT.put(state, key, session.first, session.result);
        state.set_timer(self.timer(key, session));
    }

    fn remove(&self, state: &mut KeyedState, key: u64, session: Session) {
        LAST.remove(state, key, session.first);
        RESULT.remove(state, key, session.first);
        state.delete_timer(self.timer(key, session));
    }
}

impl Operator for Sessions {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let (key, at) = (record.key, record.event_time);
        if cx.watermark > 0 && self.end(at) <= cx.watermark {
            return;
        }
        let mut session = Session { first: at, last: at, result: self.aggregate.of(record.value) };
        for other in Sessions::neighbours(cx.state, key, at).into_iter().flatten() {
            let apart = at.saturating_sub(other.last).max(other.first.saturating_sub(at));
            if apart < self.gap {
                self.remove(cx.state, key, other);
                session = Session {
                    first: session.first.min(other.first),
                    last: session.last.max(other.last),
                    result: self.aggregate.merge(session.result, other.result),
                };
            }
        }
        self.put(cx.state, key, session);
    }

    fn on_timer(&self, Timer { time, key, slot: first }: Timer, cx: &mut Context<'_>) {
        let [Some(session), _] = Sessions::neighbours(cx.state, key, first) else { return };
        self.remove(cx.state, key, session);
        cx.out.push(Record {
            lineage: key_lineage(key, first),
            key,
            value: session.result,
            event_time: time,
            size: RESULT_BYTES,
        });
    }

    /// Timers come in the order of time, and no session ends before one of its key that has fired.
    fn is_ordered_per_key(&self) -> bool {
        true
    }

    fn goes_by_event_time(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    const GAP: Time = 10;

    fn sessions(times: &[Time], watermark: Time) -> (usize, Vec<(Time, i64)>) {
        let sessions = Sessions { gap: GAP, aggregate: Aggregate::Count };
        let records: Vec<_> = times.iter().map(|&time| (0, record(1, 7, time))).collect();
        let (state, out) = run(&sessions, &records, watermark);
        (state.len(), out.iter().map(|out| (out.event_time, out.value)).collect())
    }

    #[test]
    fn a_session_ends_after_a_gap_without_a_record() {
        assert_eq!(sessions(&[0, 9, 18], Time::MAX).1, [(27, 3)]);
        assert_eq!(sessions(&[0, 10], Time::MAX).1, [(9, 1), (19, 1)]);
    }

    #[test]
    fn it_is_emitted_at_the_last_instant_at_which_a_record_could_join() {
        assert_eq!(sessions(&[0, 5], 13), (3, vec![]));
        assert_eq!(sessions(&[0, 5], 14), (0, vec![(14, 2)]));
    }

    #[test]
    fn a_record_between_two_sessions_makes_them_one_in_any_order() {
        for times in [[0, 9, 18], [0, 18, 9], [18, 0, 9], [9, 18, 0], [18, 9, 0], [9, 0, 18]] {
            assert_eq!(sessions(&times, Time::MAX), (0, vec![(27, 3)]), "{times:?}");
        }
        assert_eq!(sessions(&[0, 19, 9, 5], Time::MAX).1, [(18, 3), (28, 1)], "9 does not reach 19");
    }

    #[test]
    fn two_sessions_that_become_one_leave_no_timer_behind() {
        let merged = sessions(&[0, 18, 9], 0).0;
        assert_eq!((merged, sessions(&[0, 9, 18], 0).0), (3, 3), "two entries and a timer");
    }

    #[test]
    fn the_aggregate_is_that_of_all_parts() {
        let largest = Sessions { gap: GAP, aggregate: Aggregate::Max };
        let records = [(0, record(1, 4, 0)), (0, record(1, 9, 18)), (0, record(1, 2, 9))];
        let (_, out) = run(&largest, &records, Time::MAX);
        assert!(out.iter().map(|out| (out.key, out.value)).eq([(1, 9)]));
    }
}
