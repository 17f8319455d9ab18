//! Joins each record of port 0 with those records of port 1 that have the same key and whose event time lies in an interval
//! around its own: at most `before` earlier or `after` later, both included (Flink's `between(-before, after)`). What can
//! find no partner any more is forgotten.
//!
//! A pair is emitted as soon as both are there. It has the value of port 0, the later of both event times, and a lineage in
//! which both sides count the same. A record that comes twice, as it may under at least once, takes one place.

use std::sync::Arc;

use cutline_sim::handles::MapState;
use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, join_lineage};
use cutline_sim::state::Timer;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, identity};
use crate::units::Span;

/// The settings of this operator: `{ interval-join = { before = "1s", after = "5s" } }` joins an order with the payments
/// from one second before it to five seconds after it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IntervalJoin {
    /// How much earlier the record of port 1 may be; not at all if it is absent.
    pub before: Option<Span>,
    /// How much later the record of port 1 may be; not at all if it is absent.
    pub after: Option<Span>,
}

struct Interval {
    before: Time,
    after: Time,
}

/// Under its identity: the value of a record of each side, and its event time.
const VALUE: [MapState; 2] = [MapState(0), MapState(1)];
const TIME: [MapState; 2] = [MapState(2), MapState(3)];

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &IntervalJoin, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    let span = |span: Option<Span>| span.map_or(0, Span::nanoseconds);
    Ok(Arc::new(Interval { before: span(settings.before), after: span(settings.after) }))
}

impl Interval {
    fn fits(&self, left: Time, right: Time) -> bool {
        right >= left.saturating_sub(self.before) && right <= left.saturating_add(self.after)
    }
}

impl Operator for Interval {
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        let Record { key, value, event_time: time, .. } = *record;
        let (side, other) = (port.min(1) as usize, 1 - port.min(1) as usize);
        let slot = identity(record);
        if cx.watermark > 0 && time <= cx.watermark {
            return;
        }
        if VALUE[side].put(cx.state, key, slot, value).is_some() {
            return;
        }
        TIME[side].put(cx.state, key, slot, time as i64);
        // The last instant at which a partner can come.
        let last = time.saturating_add(if side == 0 { self.after } else { self.before });
        cx.state.set_timer(Timer { time: last, key, slot });
        for (partner, at) in TIME[other].entries(cx.state, key) {
            let at = at as Time;
            let fits = if side == 0 { self.fits(time, at) } else { self.fits(at, time) };
            if fits {
                let theirs = VALUE[other].get(cx.state, key, partner);
                cx.out.push(Record {
                    lineage: join_lineage(slot, partner),
                    key,
                    value: if side == 0 { value } else { theirs.unwrap_or(0) },
                    event_time: time.max(at),
                    size: RESULT_BYTES,
                });
            }
        }
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        let waits = [self.after, self.before];
        for side in [0, 1] {
            let at = TIME[side].get(cx.state, key, slot);
            // The same record may be on both sides, which need not be forgotten at the same instant.
            if at.is_some_and(|at| (at as Time).saturating_add(waits[side]) <= time) {
                TIME[side].remove(cx.state, key, slot);
                VALUE[side].remove(cx.state, key, slot);
            }
        }
    }

    fn goes_by_event_time(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    const INTERVAL: Interval = Interval { before: 2, after: 5 };

    #[test]
    fn both_ends_of_the_interval_belong_to_it() {
        let left = (0, record(1, 100, 10));
        for (time, pairs) in [(7, 0), (8, 1), (10, 1), (15, 1), (16, 0)] {
            let right = (1, record(1, 200, time));
            for records in [[left, right], [right, left]] {
                let (_, out) = run(&INTERVAL, &records, 0);
                let out: Vec<_> = out.iter().map(|out| (out.value, out.event_time)).collect();
                assert_eq!(out, vec![(100, time.max(10)); pairs], "{time}");
            }
        }
    }

    #[test]
    fn a_record_is_kept_as_long_as_a_partner_can_come() {
        let left = |watermark| run(&INTERVAL, &[(0, record(1, 1, 10))], watermark).0.len();
        assert_eq!((left(14), left(15)), (3, 0));
        let right = |watermark| run(&INTERVAL, &[(1, record(1, 1, 10))], watermark).0.len();
        assert_eq!((right(11), right(12)), (3, 0));
        let both = |watermark| {
            let record = record(1, 1, 10);
            run(&INTERVAL, &[(0, record), (1, record)], watermark).0.len()
        };
        assert_eq!([both(11), both(12), both(15)], [6, 3, 0]);
    }

    #[test]
    fn other_keys_do_not_meet_and_copies_take_one_place() {
        let (left, right) = ((0, record(1, 100, 10)), (1, record(1, 200, 10)));
        assert_eq!(run(&INTERVAL, &[left, (1, record(2, 200, 10))], 0).1.len(), 0);
        for records in [[left, left, right], [left, right, left], [right, left, left]] {
            assert_eq!(run(&INTERVAL, &records, 0).1.len(), 1);
        }
    }
}
