//! Applies rules, which are broadcast to all subtasks, to the records of a keyed stream (Flink's broadcast state pattern):
//! alert rules over measurements, say. Records come in on port 0 over a hash edge, rules on port 1 over a broadcast edge.
//!
//! The key of a rule is its number and its value a threshold. From its event time on, until a newer rule of that number
//! replaces it, it finds records with at least that value; of two rules of one number and one instant the higher threshold
//! counts. For each rule that finds a record there is a result with the key, the value and the event time of the record, and
//! a lineage made of the record and the rule.
//!
//! Which rules were in force at an instant is known when the watermark has reached it, so records wait for that, and rules are
//! kept with their history. A snapshot throws away what the watermark has passed, and in the end only the last rule of each
//! number is left. A record that comes twice, as it may under at least once, takes one place.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::operator_state::BroadcastState;
use cutline_sim::record::{Record, join_lineage, key_lineage};
use cutline_sim::state::{KeyedState, Slot, Timer};
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, identity};

/// The settings of this operator: `{ broadcast-state = { initial = 40 } }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BroadcastRules {
    /// The threshold of rule 0 from the beginning on; without it there is no rule before the first one comes.
    pub initial: Option<i64>,
}

struct Rules {
    initial: Option<i64>,
}

/// The port of the rules.
const RULES: u32 = 1;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &BroadcastRules, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Rules { initial: settings.initial }))
}

/// Adds a threshold, in force from an instant on.
fn add(rules: &mut BroadcastState, number: u64, from: Time, threshold: i64) {
    let slot = Slot { key: number, map: 0, slot: from };
    let other = rules.entry(slot).unwrap_or(threshold);
    rules.set_entry(slot, threshold.max(other));
}

/// The rules in force at an instant: number, since when, threshold.
fn in_force(rules: &BroadcastState, at: Time) -> impl Iterator<Item = (u64, Time, i64)> + '_ {
    let mut begun = rules.entries().filter(move |(rule, _)| rule.slot <= at).peekable();
    std::iter::from_fn(move || {
        loop {
            let (rule, threshold) = begun.next()?;
            let replaced = begun.peek().is_some_and(|(next, _)| next.key == rule.key);
            if !replaced {
                return Some((rule.key, rule.slot, threshold));
            }
        }
    })
}

/// Throws away what has been replaced by this instant.
fn forget_replaced(rules: &mut BroadcastState, at: Time) {
    let kept: Vec<(u64, Time)> = in_force(rules, at).map(|(number, since, _)| (number, since)).collect();
    rules.retain(|rule, _| rule.slot > at || kept.binary_search(&(rule.key, rule.slot)).is_ok());
}

impl Operator for Rules {
    fn on_open(&self, rules: &mut BroadcastState) {
        if let Some(threshold) = self.initial {
            add(rules, 0, 0, threshold);
        }
    }

    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        let Record { key, value, event_time: time, .. } = *record;
        if cx.watermark > 0 && time <= cx.watermark {
            return;
        }
        if port == RULES {
            return add(&mut cx.state.broadcast, key, time, value);
        }
        let slot = identity(record);
        cx.state.set_entry(Slot { key, map: 0, slot }, value);
        cx.state.set_timer(Timer { time, key, slot });
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        let Some(value) = cx.state.remove_entry(Slot { key, map: 0, slot }) else { return };
        let found = in_force(&cx.state.broadcast, time).filter(|&(_, _, threshold)| value >= threshold);
        cx.out.extend(found.map(|(number, since, _)| Record {
            lineage: join_lineage(slot, key_lineage(number, since)),
            key,
            value,
            event_time: time,
            size: RESULT_BYTES,
        }));
    }

    fn on_snapshot(&self, state: &mut KeyedState, watermark: Time) {
        forget_replaced(&mut state.broadcast, watermark);
    }

    fn on_close(&self, cx: &mut Context<'_>) {
        forget_replaced(&mut cx.state.broadcast, cx.watermark);
    }

    fn is_broadcast_port(&self, port: u32) -> bool {
        port == RULES
    }

    /// Timers come in the order of time and of the records' identity, and rules in the order of their numbers.
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

    fn found(initial: Option<i64>, records: &[(u32, Record)]) -> Vec<(u64, i64, Time)> {
        let (_, out) = run(&Rules { initial }, records, Time::MAX);
        out.iter().map(|out| (out.key, out.value, out.event_time)).collect()
    }

    #[test]
    fn a_rule_is_in_force_from_its_instant_until_it_is_replaced() {
        let rules = [(1, record(0, 10, 5)), (1, record(0, 20, 8))];
        let records = [4, 5, 7, 8].map(|time| (0, record(1, 10, time)));
        for all in [[&rules[..], &records].concat(), [&records[..], &rules].concat()] {
            assert_eq!(found(None, &all), [(1, 10, 5), (1, 10, 7)]);
        }
    }

    #[test]
    fn every_rule_that_finds_a_record_makes_a_result_of_its_own() {
        let all = [(1, record(3, 5, 0)), (1, record(4, 6, 0)), (1, record(5, 8, 0)), (0, record(1, 7, 2))];
        let (_, out) = run(&Rules { initial: None }, &all, Time::MAX);
        assert_eq!(out.len(), 2);
        assert_ne!(out[0].lineage, out[1].lineage);
        assert_eq!(found(Some(0), &all).len(), 3);
    }

    #[test]
    fn of_two_rules_of_one_instant_the_higher_threshold_counts() {
        let rules = [(1, record(0, 10, 5)), (1, record(0, 20, 5))];
        let record = (0, record(1, 15, 6));
        assert!(found(None, &[rules[0], rules[1], record]).is_empty());
        assert!(found(None, &[rules[1], rules[0], record]).is_empty());
    }

    #[test]
    fn a_snapshot_forgets_what_was_replaced_before_the_watermark() {
        let rules = Rules { initial: Some(1) };
        let mut state = KeyedState::default();
        rules.on_open(&mut state.broadcast);
        for (number, from) in [(0, 5), (0, 9), (0, 12), (1, 4), (1, 20)] {
            add(&mut state.broadcast, number, from, 7);
        }
        rules.on_snapshot(&mut state, 9);
        let kept = || state.broadcast.entries().map(|(rule, _)| (rule.key, rule.slot));
        assert_eq!(kept().collect::<Vec<_>>(), [(0, 9), (0, 12), (1, 4), (1, 20)]);
    }
}
