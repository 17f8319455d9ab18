//! One run of a sweep as one row of plain columns, for pandas, polars, DuckDB and whoever else reads CSV. Durations are nanoseconds
//! of virtual time, sizes bytes. The columns are the table below and, behind them, one column `saw_...` for each situation.

use serde::{Deserialize, Serialize};

use crate::record::{Class, RunRecord, Verdict};
use crate::situations::{ROWS, Seen, Situation};

macro_rules! columns {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty;)*) => {
        /// A run, but for the situations.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Row {
            $($(#[doc = $doc])* pub $name: $type,)*
        }

        /// The columns and what they mean, but for those of the situations.
        pub const COLUMNS: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),*)),)*];
    };
}

columns! {
    /// The number of the run in its sweep, beginning with 0.
    run: u64;
    /// The scenario.
    scenario: String;
    /// What was laid over it, a space between one and the next.
    overrides: String;
    /// The strategy, or the planted bug.
    strategy: String;
    /// How snapshots reached the store.
    snapshot: String;
    /// The fault profile.
    faults: String;
    /// The seed.
    seed: u64;
    /// True if it came from the file of regressions.
    regression: bool;
    /// `pass`, `safety`, `stall` or `non-determinism`.
    class: Class;
    /// The oracles that object, a space between one and the next.
    failed: String;
    /// The oracles that had nothing to judge, a space between one and the next.
    unknown: String;
    /// The digest of everything observable.
    digest: String;
    /// How many faults were drawn.
    faults_drawn: u64;
    /// How long the run took.
    duration_ns: u64;
    /// Events and records handled by the simulator.
    steps: u64;
    /// Records read by the sources in the history that counts.
    source_records: u64;
    /// Records visible in the external system.
    sink_records: u64;
    /// Records that sources had to read again after restores.
    replayed_records: u64;
    /// Records that reached a sink, repetitions included.
    arrivals: u64;
    /// Half of the end-to-end latencies are below.
    latency_p50_ns: u64;
    /// 99 of 100 are below.
    latency_p99_ns: u64;
    /// The longest.
    latency_max_ns: u64;
    /// Checkpoints that completed.
    checkpoints: u64;
    /// Checkpoints that were given up.
    checkpoints_aborted: u64;
    /// The mean duration of those that completed.
    checkpoint_mean_ns: u64;
    /// The longest.
    checkpoint_max_ns: u64;
    /// Everything that was written for those that completed.
    checkpointed_bytes: u64;
    /// Of that, data which was on its way.
    in_flight_bytes: u64;
    /// The largest full size of one.
    full_bytes_max: u64;
    /// Crashes of tasks.
    task_crashes: u64;
    /// Crashes of nodes.
    node_crashes: u64;
    /// Restores, of checkpoints and of the initial state.
    restores: u64;
    /// Restores of checkpoints.
    restored_checkpoints: u64;
    /// The longest time from a crash until all tasks ran again.
    recovery_max_ns: u64;
    /// Control messages that were lost, late or doubled.
    messages_disturbed: u64;
    /// Writes to the store that failed.
    writes_failed: u64;
    /// Requests for commit that failed.
    commits_failed: u64;
    /// Transactions that had been open for too long.
    transactions_expired: u64;
}

impl Row {
    /// The row of a run.
    pub fn new(run: u64, regression: bool, overrides: &[String], record: &RunRecord) -> Row {
        let mut completed = (0, 0, 0, 0, 0, 0_u64);
        for checkpoint in record.completed() {
            completed.0 += 1;
            completed.1 += checkpoint.duration;
            completed.2 = checkpoint.duration.max(completed.2);
            completed.3 += checkpoint.checkpointed_data_size;
            completed.4 += checkpoint.persisted_in_flight_data;
            completed.5 = checkpoint.full_checkpoint_data_size.max(completed.5);
        }
        let (checkpoints, sum, checkpoint_max_ns, checkpointed_bytes, in_flight_bytes, full_bytes_max) =
            completed;
        let recoveries = record.times_to_running();
        let failed: Vec<&str> = record.objections().collect();
        let unknown = record.verdicts.iter().filter(|it| matches!(it.verdict, Verdict::Unknown(_)));
        let unknown: Vec<&str> = unknown.map(|it| it.oracle.as_str()).collect();
        let expired = record.transactions_expired;
        Row {
            run,
            scenario: record.scenario.clone(),
            overrides: joined(overrides),
            strategy: record.strategy.clone(),
            snapshot: record.snapshot.name().to_owned(),
            faults: record.faults.clone(),
            seed: record.seed,
            regression,
            class: record.class(),
            failed: failed.join(" "),
            unknown: unknown.join(" "),
            digest: record.digest.clone(),
            faults_drawn: record.plan.len() as u64,
            duration_ns: record.duration,
            steps: record.steps,
            source_records: record.source_records,
            sink_records: record.sink_records,
            replayed_records: record.replayed_records,
            arrivals: record.arrivals,
            latency_p50_ns: record.latency.p50,
            latency_p99_ns: record.latency.p99,
            latency_max_ns: record.latency.max,
            checkpoints,
            checkpoints_aborted: record.aborted() as u64,
            checkpoint_mean_ns: sum.checked_div(checkpoints).unwrap_or(0),
            checkpoint_max_ns,
            checkpointed_bytes,
            in_flight_bytes,
            full_bytes_max,
            task_crashes: record.task_crashes,
            node_crashes: record.node_crashes,
            restores: record.restores.len() as u64,
            restored_checkpoints: record
                .restores
                .iter()
                .filter(|restore| restore.checkpoint.is_some())
                .count() as u64,
            recovery_max_ns: recoveries.max().unwrap_or(0),
            messages_disturbed: record.messages_disturbed,
            writes_failed: record.writes_failed,
            commits_failed: record.commits_failed,
            transactions_expired: expired.open + expired.prepared,
        }
    }
}

/// What was laid over a scenario, as rows say it: one line, a space between one and the next.
pub fn joined(overrides: &[String]) -> String {
    overrides.join(" ").replace(['\n', '\r'], " ")
}

/// A run with what it went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRow {
    /// The run.
    pub row: Row,
    /// The situations.
    pub seen: Seen,
}

/// The names of all columns, in order.
pub fn header() -> impl Iterator<Item = String> {
    let saw = ROWS.iter().map(|row| format!("saw_{}", row.name.replace('-', "_")));
    COLUMNS.iter().map(|column| column.0.to_owned()).chain(saw)
}

impl SeenRow {
    /// The run as one line of CSV, its end included.
    ///
    /// # Errors
    /// None is known; the CSV library reserves the right.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::with_capacity(512));
        let saw: Vec<u8> = Situation::ALL.iter().map(|&situation| self.seen.has(situation).into()).collect();
        writer.serialize((&self.row, saw))?;
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    /// Reads one line of CSV.
    ///
    /// # Errors
    /// If it is not one that [`SeenRow::to_csv`] has written.
    pub fn from_csv(line: &csv::StringRecord) -> Result<SeenRow, csv::Error> {
        let columns = COLUMNS.len();
        let mut seen = Seen::default();
        for (&situation, cell) in Situation::ALL.iter().zip(line.iter().skip(columns)) {
            if cell == "1" {
                seen.note(situation);
            }
        }
        let row: csv::StringRecord = line.iter().take(columns).collect();
        Ok(SeenRow { row: row.deserialize(None)?, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own_and_a_meaning() {
        let names: std::collections::BTreeSet<String> = header().collect();
        assert_eq!(names.len(), COLUMNS.len() + ROWS.len());
        assert!(names.iter().all(|name| {
            name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        }));
        assert!(COLUMNS.iter().all(|(_, about)| !about.trim().is_empty()));
    }
}
