//! The slowest and the largest runs of a sweep, by each of several measures.

use std::collections::BTreeMap;

use cutline_scenarios::sweep::row::Row;

use crate::units;

/// Of each measure so many runs are kept.
const KEPT: usize = 3;

/// A measure: its title, the value, and how that is shown.
pub type Measure = (&'static str, fn(&Row) -> u64, fn(u64) -> String);

/// By what runs are slow or large.
pub const MEASURES: [Measure; 8] = [
    ("virtual time", |row| row.duration_ns, units::time),
    ("steps", |row| row.steps, units::count),
    ("records read", |row| row.source_records, units::count),
    ("replayed records", |row| row.replayed_records, units::count),
    ("latency, p99", |row| row.latency_p99_ns, units::time),
    ("longest checkpoint", |row| row.checkpoint_max_ns, units::time),
    ("largest checkpoint", |row| row.full_bytes_max, units::bytes),
    ("longest recovery", |row| row.recovery_max_ns, units::time),
];

/// Keeps them; the same for the rows in any order.
#[derive(Clone, Debug, Default)]
pub struct Extremes {
    of: [Vec<Row>; MEASURES.len()],
}

impl Extremes {
    /// Takes a run in.
    pub fn add(&mut self, row: &Row) {
        for (kept, (_, value, _)) in self.of.iter_mut().zip(MEASURES) {
            // The largest first, then the one with the lower number.
            let key = |row: &Row| (std::cmp::Reverse(value(row)), row.run);
            let place = kept.partition_point(|other| key(other) < key(row));
            if value(row) > 0 && place < KEPT {
                kept.insert(place, row.clone());
                kept.truncate(KEPT);
            }
        }
    }

    /// All runs that are among the first by some measure, by number.
    pub fn rows(&self) -> Vec<&Row> {
        let all: BTreeMap<u64, &Row> = self.of.iter().flatten().map(|row| (row.run, row)).collect();
        all.into_values().collect()
    }

    /// True if a run is the first by a measure.
    pub fn is_first(&self, measure: usize, row: &Row) -> bool {
        self.of[measure].first().is_some_and(|first| first.run == row.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_largest_are_kept_whatever_their_order() {
        let row = |run: u64, steps: u64| {
            let mut row = Row::new(run, false, &[], &samples::run("aligned"));
            (row.steps, row.duration_ns) = (steps, 5);
            row
        };
        let rows: Vec<Row> =
            [(0, 7), (1, 9), (2, 9), (3, 1), (4, 8)].map(|(run, steps)| row(run, steps)).to_vec();
        let gather = |rows: &mut dyn Iterator<Item = &Row>| {
            let mut extremes = Extremes::default();
            rows.for_each(|row| extremes.add(row));
            extremes
        };
        let (there, back) = (gather(&mut rows.iter()), gather(&mut rows.iter().rev()));
        let runs = |extremes: &Extremes| extremes.of[1].iter().map(|row| row.run).collect::<Vec<_>>();
        assert_eq!((runs(&there), runs(&back)), (vec![1, 2, 4], vec![1, 2, 4]));
        assert_eq!(
            there.rows().iter().map(|row| row.run).collect::<Vec<_>>(),
            [0, 1, 2, 4],
            "0 is the first of equals"
        );
        assert!(there.is_first(1, &rows[1]) && !there.is_first(1, &rows[2]) && there.is_first(0, &rows[0]));
        assert!(Extremes::default().rows().is_empty());
    }
}
