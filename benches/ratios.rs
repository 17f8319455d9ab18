//! Ratios measured in turn.
//!
//! Two figures of one benchmark run lie minutes apart, and on a shared machine the speed of minutes differs by more than
//! what is to be seen. So the rows of a comparison run one after the other in every round, a row is compared only with the
//! first row *of its own round*, and the median over the rounds is what counts: a slow minute slows both sides.

use std::fmt;
use std::time::Instant;

/// A row of a comparison: its name, and one run of it.
pub type Row<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// How many rounds were measured.
    pub rounds: usize,
    /// One line per row, in the order given.
    pub lines: Vec<Line>,
}

/// One row of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The row's name.
    pub name: String,
    /// The median time of a hop in nanoseconds.
    pub hop_ns: f64,
    /// The speed as a part of the first row's: the median over the rounds. 0.5 is half as fast.
    pub ratio: f64,
    /// The smallest and the largest ratio of a round.
    pub ratio_range: (f64, f64),
    /// The ratios of the rounds a quarter of which are smaller, and larger: what a few disturbed rounds do not change.
    pub ratio_quartiles: (f64, f64),
}

/// Runs every row once per round, in turn, after one round that is not counted. A run of a row is `hops` hops.
///
/// # Panics
///
/// If `rounds` is 0.
pub fn ratios(hops: u64, rounds: usize, rows: &mut [Row]) -> Table {
    let rows = rows.iter_mut().map(|(name, run)| -> (u64, Row) { (hops, (name, Box::new(run))) });
    ratios_of(rounds, &mut rows.collect::<Vec<_>>())
}

/// The same for rows whose runs differ in size, each with the hops of its run; ratios are of the time that a hop takes.
///
/// # Panics
///
/// If `rounds` is 0.
pub fn ratios_of(rounds: usize, rows: &mut [(u64, Row)]) -> Table {
    assert!(rounds > 0, "a comparison takes at least one round");
    let mut round = || rows.iter_mut().map(|(_, (_, run))| seconds(run)).collect::<Vec<f64>>();
    round();
    let times: Vec<Vec<f64>> = (0..rounds).map(|_| round()).collect();
    let runs: Vec<(u64, &str)> = rows.iter().map(|&(hops, (name, _))| (hops, name)).collect();
    table(&runs, &times)
}

fn seconds(run: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// `runs[row]`: its hops and its name; `times[round][row]`, in seconds.
fn table(runs: &[(u64, &str)], times: &[Vec<f64>]) -> Table {
    let of_hop = |round: &[f64], row: usize| round[row] * 1e9 / runs[row].0 as f64;
    let line = |(row, (_, name)): (usize, &(u64, &str))| {
        let hops_ns = sorted(times.iter().map(|round| of_hop(round, row)));
        let ratios = sorted(times.iter().map(|round| of_hop(round, 0) / of_hop(round, row)));
        Line {
            name: name.to_string(),
            hop_ns: median(&hops_ns),
            ratio: median(&ratios),
            ratio_range: (ratios[0], ratios[ratios.len() - 1]),
            ratio_quartiles: (ratios[ratios.len() / 4], ratios[ratios.len() - 1 - ratios.len() / 4]),
        }
    };
    Table { rounds: times.len(), lines: runs.iter().enumerate().map(line).collect() }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        writeln!(f, "{:width$}  {:>7}  {:>8}  {:>5}  lowest..highest", "", "ns/hop", "M hops/s", "ratio")?;
        for line in &self.lines {
            writeln!(
                f,
                "{:width$}  {:7.1}  {:8.1}  {:5.2}  {:.2}..{:.2}",
                line.name,
                line.hop_ns,
                1e3 / line.hop_ns,
                line.ratio,
                line.ratio_range.0,
                line.ratio_range.1
            )?;
        }
        let first = self.lines.first().map_or("", |line| &line.name);
        write!(f, "ratio: speed as a part of {first}'s, median of {} rounds measured in turn", self.rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_round_does_not_change_a_ratio() {
        let times = [vec![1.0, 2.0], vec![10.0, 20.0], vec![1.0, 2.5]];
        let table = table(&[(1_000_000_000, "limit"), (1_000_000_000, "engine")], &times);
        assert_eq!(table.lines[0].ratio, 1.0);
        assert_eq!((table.lines[1].ratio, table.lines[1].ratio_range), (0.5, (0.4, 0.5)));
        assert_eq!((table.lines[0].hop_ns, table.lines[1].hop_ns), (1.0, 2.5));
    }

    #[test]
    fn quartiles_leave_out_what_few_rounds_say() {
        let rounds: Vec<Vec<f64>> = [9.0, 4.0, 2.0, 2.5, 0.1].iter().map(|&slow| vec![1.0, slow]).collect();
        let table = table(&[(1_000_000_000, "limit"), (1_000_000_000, "engine")], &rounds);
        assert_eq!((table.lines[1].ratio, table.lines[1].ratio_quartiles), (0.4, (0.25, 0.5)));
    }

    #[test]
    fn every_row_runs_once_per_round_and_once_before() {
        let runs = std::cell::RefCell::new(String::new());
        let mut rows: Vec<Row> = vec![
            ("a", Box::new(|| runs.borrow_mut().push('a'))),
            ("b", Box::new(|| runs.borrow_mut().push('b'))),
        ];
        let table = ratios(1, 2, &mut rows);
        drop(rows);
        assert_eq!(*runs.borrow(), "ababab");
        assert!(table.to_string().ends_with("median of 2 rounds measured in turn"), "{table}");
    }

    #[test]
    fn a_run_of_more_hops_is_not_slower_for_that() {
        let table = table(&[(1_000_000_000, "limit"), (4_000_000_000, "engine")], &[vec![1.0, 8.0]]);
        assert_eq!((table.lines[1].hop_ns, table.lines[1].ratio), (2.0, 0.5));
    }
}
