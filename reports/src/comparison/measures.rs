//! What strategies are compared by: a row for each measure. Tables, the page and the plots of sensitivity read it.

use cutline_scenarios::record::CheckpointRecord;

use super::{Contestant, Quartiles, Ran, catch_up};
use crate::drawing::axis::Unit;

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The lower one.
    Low,
    /// The higher one.
    High,
}

/// A measure.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its name, as people read it.
    pub name: &'static str,
    /// Its name as a column.
    pub column: &'static str,
    /// What its values are.
    pub unit: Unit,
    /// Which of two is the better one.
    pub better: Better,
    /// True if it is one of those that are looked at first.
    pub is_main: bool,
    /// Its value for a run, if the run has one.
    pub of: fn(&Ran) -> Option<f64>,
}

/// A measure of a strategy, over all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Its middle and its quartiles.
    pub value: Quartiles,
    /// True if no other strategy's is better.
    pub best: bool,
    /// How many of how many runs have it, if not all do.
    pub some: Option<(usize, usize)>,
}

macro_rules! measures {
    ($($name:literal, $column:literal, $unit:ident, $better:ident, $main:literal, $of:expr;)*) => {
        /// All measures.
        pub const MEASURES: &[Measure] = &[$(Measure {
            name: $name,
            column: $column,
            unit: Unit::$unit,
            better: Better::$better,
            is_main: $main,
            of: $of,
        }),*];
    };
}

measures! {
    "latency, p50", "latency_p50_ns", Time, Low, true, |ran| some(ran.record.arrivals > 0, ran.record.latency.p50);
    "latency, p99", "latency_p99_ns", Time, Low, true, |ran| some(has_beyond(ran, 990_000), ran.record.latency.p99);
    "latency, p99.99", "latency_p9999_ns", Time, Low, false, |ran| ran.course.quantile(999_900).filter(|_| has_beyond(ran, 999_900)).map(|ns| ns as f64);
    "throughput (each record once)", "throughput_per_s", Rate, High, true, |ran| {
        let seconds = ran.record.duration as f64 / 1e9;
        some(ran.record.source_records > 0 && seconds > 0.0, ran.record.source_records).map(|records| records / seconds)
    };
    "checkpoint duration, median", "checkpoint_duration_ns", Time, Low, true, |ran| middle(ran, |one| one.duration);
    "checkpoint duration, longest", "checkpoint_duration_max_ns", Time, Low, false,
        |ran| ran.record.completed().map(|one| one.duration as f64).reduce(f64::max);
    "checkpointed data size, median", "checkpointed_bytes", Bytes, Low, true, |ran| middle(ran, |one| one.checkpointed_data_size);
    "persisted in-flight data, median", "in_flight_bytes", Bytes, Low, false, |ran| middle(ran, |one| one.persisted_in_flight_data);
    "most in the store", "stored_max_bytes", Bytes, Low, true, |ran| some(ran.course.stored_max() > 0, ran.course.stored_max());
    "crash to running, median", "recovery_ns", Time, Low, true,
        |ran| median(ran.record.times_to_running().map(|time| time as f64));
    "crash to caught up, median", "caught_up_ns", Time, Low, false,
        |ran| {
            let all = catch_up::recoveries(ran);
            median(all.iter().filter(|recovery| recovery.is_caught_up).map(|recovery| recovery.whole() as f64))
        };
    "replayed records", "replayed_records", Count, Low, false,
        |ran| some(!ran.record.restores.is_empty(), ran.record.replayed_records);
    "backpressure of the worst operator", "backpressure_max", Share, Low, true, |ran| {
        let operators = ran.course.operators.iter();
        operators.map(|operator| ran.course.backpressure(operator, ran.record.duration)).reduce(f64::max)
    };
}

/// True if at least one record of the run is expected beyond this quantile, in parts per million: a percentile of fewer is their maximum
/// under another name.
pub(crate) fn has_beyond(ran: &Ran, parts: u32) -> bool {
    u128::from(ran.record.arrivals) * u128::from(1_000_000 - parts) >= 1_000_000
}

fn some(is_there: bool, value: u64) -> Option<f64> {
    is_there.then_some(value as f64)
}

fn median(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    Quartiles::of(numbers).map(|quartiles| quartiles.median)
}

fn middle(ran: &Ran, of: fn(&CheckpointRecord) -> u64) -> Option<f64> {
    median(ran.record.completed().map(|checkpoint| of(checkpoint) as f64))
}

impl Measure {
    /// The middle and the quartiles of its values for these runs.
    pub fn over(&self, runs: &[Ran]) -> Option<Quartiles> {
        Quartiles::of(runs.iter().filter_map(self.of))
    }

    /// What it is of each strategy, and which are the best of those that pass every run: what a wrong result costs is no merit. Nor is
    /// a value that only some of the runs have.
    pub fn of_all(&self, contestants: &[Contestant]) -> Vec<Option<Cell>> {
        let known = |one: &Contestant| one.runs.iter().filter_map(self.of).count();
        let values: Vec<_> = contestants.iter().map(|one| self.over(&one.runs)).collect();
        let sound = |(one, value): (&Contestant, &Option<Quartiles>)| {
            value.filter(|_| one.passes() && known(one) == one.runs.len())
        };
        let best = self.best(&contestants.iter().zip(&values).map(sound).collect::<Vec<_>>());
        let cells = contestants.iter().zip(values).zip(best);
        let cell = |((one, value), best): ((&Contestant, Option<Quartiles>), bool)| {
            let (known, runs) = (known(one), one.runs.len());
            value.map(|value| Cell { value, best, some: (known < runs).then_some((known, runs)) })
        };
        cells.map(cell).collect()
    }

    /// Which of these are the best: none if they do not differ.
    fn best(&self, of: &[Option<Quartiles>]) -> Vec<bool> {
        let shown = |quartiles: &Quartiles| self.unit.show(quartiles.median);
        let there = || of.iter().flatten();
        let sign = if self.better == Better::Low { 1.0 } else { -1.0 };
        let best = there().min_by(|a, b| (a.median * sign).total_cmp(&(b.median * sign))).map(shown);
        let differ = there().any(|one| Some(shown(one)) != best);
        of.iter().map(|one| differ && one.is_some() && one.as_ref().map(shown) == best).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::samples;

    #[test]
    fn every_measure_has_a_name_of_its_own_and_a_value_for_a_run_with_everything() {
        let names: BTreeSet<&str> =
            MEASURES.iter().flat_map(|measure| [measure.name, measure.column]).collect();
        assert_eq!(names.len(), 2 * MEASURES.len());
        let ran = samples::ran("aligned");
        for measure in MEASURES {
            assert!((measure.of)(&ran).is_some_and(f64::is_finite), "{}", measure.name);
        }
        let few = |arrivals: u64| {
            let mut ran = samples::ran("aligned");
            ran.record.arrivals = arrivals;
            MEASURES
                .iter()
                .filter(|one| one.column.starts_with("latency_") && (one.of)(&ran).is_some())
                .count()
        };
        assert_eq!([0, 1, 99, 100, 9_999, 10_000].map(few), [0, 1, 1, 2, 2, 3]);
        let nothing = Ran { record: samples::empty(), course: Default::default() };
        let some: Vec<&str> =
            MEASURES.iter().filter(|one| (one.of)(&nothing).is_some()).map(|one| one.name).collect();
        assert!(some.is_empty(), "{some:?}");
    }

    #[test]
    fn the_best_is_marked_unless_all_are() {
        let of = |median| Some(Quartiles { low: median, median, high: median });
        let (low, high) = (&MEASURES[0], &MEASURES[3]);
        assert_eq!(low.best(&[of(2e6), of(1e6), None, of(1e6)]), [false, true, false, true]);
        assert_eq!(high.best(&[of(2e6), of(1e6), None]), [true, false, false]);
        assert_eq!(low.best(&[of(1e6), of(1e6)]), [false, false]);
        assert_eq!(low.best(&[]), [false; 0]);
    }
}
