//! What many runs of a cell have come to on one runtime, as a line of a file: the programs that run them are two, one with madsim and one
//! without, and the table is of both.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::{Cell, Digest, Ran};

/// Where a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// In the simulated machine of the crate `sim`.
    Simulator,
    /// On madsim's simulated network.
    Madsim,
    /// On processes of this machine.
    Processes,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Runtime; 3] = [Runtime::Simulator, Runtime::Madsim, Runtime::Processes];

    /// Its name, which is also that of its file.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Simulator => "simulator",
            Runtime::Madsim => "madsim",
            Runtime::Processes => "processes",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the runs of a cell have come to on a runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name of the job.
    pub job: String,
    /// The name of the strategy.
    pub strategy: String,
    /// Where it ran.
    pub runtime: Runtime,
    /// How often.
    pub runs: u64,
    /// How often runs went back to a checkpoint.
    pub restores: u64,
    /// Checkpoints that completed.
    pub checkpoints: u64,
    /// What every run must end with: the final state, and what readers see.
    pub expected: (u64, u64),
    /// How many runs did not, and what is wrong with the first of them.
    pub failed: u64,
    /// See `failed`.
    pub first: Option<String>,
}

/// Between the columns of a line.
const TAB: char = '\t';

impl Row {
    /// A row without runs.
    pub fn new(cell: &Cell, runtime: Runtime, expected: &Digest) -> Row {
        Row {
            job: cell.job.name.to_owned(),
            strategy: cell.strategy.name.to_owned(),
            runtime,
            runs: 0,
            restores: 0,
            checkpoints: 0,
            expected: (expected.state(), expected.ledger()),
            failed: 0,
            first: None,
        }
    }

    /// One more run; says what is wrong with it.
    pub fn add(&mut self, seed: u64, ran: &Ran, expected: &Digest) -> Option<String> {
        self.runs += 1;
        self.restores += ran.restores;
        self.checkpoints += ran.checkpoints;
        let wrong = ran.wrong(expected)?;
        self.failed += 1;
        self.first.get_or_insert_with(|| format!("seed {seed}: {wrong}").replace(['\n', TAB], " "));
        Some(wrong)
    }

    /// True if all runs ended as they must, and at least one went back to a checkpoint: without that they say little.
    pub fn passes(&self) -> bool {
        self.failed == 0 && self.restores > 0
    }

    /// It as a line.
    pub fn line(&self) -> String {
        let Row { job, strategy, runtime, runs, restores, checkpoints, expected, failed, first } = self;
        let (state, ledger) = expected;
        let first = first.as_deref().unwrap_or_default();
        format!(
            "{job}\t{strategy}\t{runtime}\t{runs}\t{restores}\t{checkpoints}\t{state:016x}\t{ledger:016x}\t{failed}\t{first}"
        )
    }

    /// The row of a line; `None` if it is none.
    pub fn parse(line: &str) -> Option<Row> {
        let mut columns = line.split(TAB);
        let mut next = || columns.next();
        let (job, strategy, runtime) = (next()?.to_owned(), next()?.to_owned(), next()?);
        let runtime = Runtime::ALL.into_iter().find(|known| known.name() == runtime)?;
        let mut number = |radix| u64::from_str_radix(next()?, radix).ok();
        let (runs, restores, checkpoints) = (number(10)?, number(10)?, number(10)?);
        let (expected, failed) = ((number(16)?, number(16)?), number(10)?);
        let first = columns.next().filter(|first| !first.is_empty()).map(str::to_owned);
        Some(Row { job, strategy, runtime, runs, restores, checkpoints, expected, failed, first })
    }

    fn cell(&self) -> String {
        format!("{} / {} / {}", self.runs, self.restores, self.checkpoints)
    }

    fn verdict(&self) -> Option<String> {
        let (runtime, runs) = (self.runtime, self.runs);
        match &self.first {
            Some(first) => Some(format!("FAIL: {} of {runs} on {runtime}, {first}", self.failed)),
            None if self.passes() => None,
            None => Some(format!("SHOWS NOTHING: nothing was restored on {runtime}")),
        }
    }
}

/// The rows as a table in Markdown: a line per job and strategy, a column per runtime. True if everything is as it must be.
pub fn table(rows: &[Row]) -> (String, bool) {
    let mut text = String::from(
        "| job | strategy | simulator | madsim | processes | state | ledger | verdict |\n|---|---|---|---|---|---|---|---|\n",
    );
    let mut by_cell: BTreeMap<(usize, usize), Vec<&Row>> = BTreeMap::new();
    let place = |row: &Row| {
        let job = super::JOBS.iter().position(|job| job.name == row.job);
        let strategy = super::STRATEGIES.iter().position(|strategy| strategy.name == row.strategy);
        (job.unwrap_or(usize::MAX), strategy.unwrap_or(usize::MAX))
    };
    rows.iter().for_each(|row| by_cell.entry(place(row)).or_default().push(row));
    let mut all = !rows.is_empty();
    for rows in by_cell.values() {
        let Some(first) = rows.first() else { continue };
        let of = |runtime: Runtime| rows.iter().find(|row| row.runtime == runtime);
        let cells = Runtime::ALL.map(|runtime| of(runtime).map_or("-".to_owned(), |row| row.cell()));
        let mut wrong: Vec<String> = rows.iter().filter_map(|row| row.verdict()).collect();
        if let Some(other) = rows.iter().find(|row| row.expected != first.expected) {
            wrong.push(format!(
                "FAIL: on {} another result is expected than on {}",
                other.runtime, first.runtime
            ));
        }
        all &= wrong.is_empty();
        let (state, ledger) = first.expected;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:08x} | {:08x} | {} |",
            first.job,
            first.strategy,
            cells.join(" | "),
            state >> 32,
            ledger >> 32,
            if wrong.is_empty() { "equal".to_owned() } else { wrong.join("; ") }
        );
    }
    (text, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(runtime: Runtime) -> Row {
        Row {
            job: "words".to_owned(),
            strategy: "aligned".to_owned(),
            runtime,
            runs: 5,
            restores: 9,
            checkpoints: 70,
            expected: (1 << 60, 2 << 60),
            failed: 0,
            first: None,
        }
    }

    #[test]
    fn a_row_is_the_same_behind_its_line() {
        let failed =
            Row { failed: 1, first: Some("seed 7: ledger: a proof".to_owned()), ..row(Runtime::Madsim) };
        for row in [row(Runtime::Processes), failed] {
            assert_eq!(Row::parse(&row.line()), Some(row));
        }
        assert_eq!(Row::parse("words\taligned\tmad"), None);
    }

    #[test]
    fn a_table_says_what_is_wrong() {
        let all = Runtime::ALL.map(row);
        let (text, fine) = table(&all);
        assert!(
            fine && text.contains("| words | aligned | 5 / 9 / 70 |") && text.contains("| equal |"),
            "{text}"
        );
        let [simulator, madsim, processes] = all;
        let planted = [
            (
                Row { failed: 1, first: Some("seed 7: it".to_owned()), ..madsim.clone() },
                "1 of 5 on madsim, seed 7: it",
            ),
            (Row { restores: 0, ..madsim.clone() }, "SHOWS NOTHING: nothing was restored on madsim"),
            (Row { expected: (1, 2), ..madsim }, "another result is expected"),
        ];
        for (madsim, words) in planted {
            let (text, fine) = table(&[simulator.clone(), madsim, processes.clone()]);
            assert!(!fine && text.contains(words), "{text}");
        }
        assert!(!table(&[]).1, "nothing is no proof");
    }
}
