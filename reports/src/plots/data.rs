//! The data behind a plot. Durations are nanoseconds of virtual time, sizes bytes.

use crate::comparison::{Comparison, Contestant, Ran};

/// A table: a head and rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Data {
    /// A table with rows of every run: the strategy and the seed stand before these columns.
    pub fn of_runs<R: IntoIterator<Item = Vec<String>>>(
        comparison: &Comparison,
        columns: &[&str],
        rows: impl Fn(&Contestant, &Ran) -> R,
    ) -> Data {
        let head = ["strategy", "seed"].iter().chain(columns).map(|&column| column.to_owned()).collect();
        let mut data = Data { columns: head, rows: Vec::new() };
        for contestant in &comparison.contestants {
            for ran in &contestant.runs {
                for row in rows(contestant, ran) {
                    let run = [contestant.name.clone(), ran.record.seed.to_string()];
                    data.rows.push(run.into_iter().chain(row).collect());
                }
            }
        }
        data
    }

    /// The table as CSV, with its head.
    ///
    /// # Errors
    /// None is known; the CSV library reserves the right.
    pub fn to_csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        self.rows.iter().try_for_each(|row| writer.write_record(row))?;
        let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Numbers as cells.
pub fn cells<const N: usize>(numbers: [u64; N]) -> Vec<String> {
    numbers.map(|number| number.to_string()).to_vec()
}
