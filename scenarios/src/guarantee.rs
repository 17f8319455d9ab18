//! What readers of a job's sinks get, strategy and sink together: observed in runs with crashes, not looked up.

use std::fmt;

use cutline_sim::config::CheckpointMode;
use cutline_sim::graph::Role;
pub use cutline_sim::graph::SinkMode;
use cutline_sim::oracles::ledger;
use serde::{Deserialize, Serialize};

use crate::prepare::Prepared;
use crate::record::{ExpiredTransactions, OracleVerdict, Outcome, RunRecord, Verdict};

/// What readers of the external system get of every result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndToEnd {
    /// Once.
    ExactlyOnce,
    /// The right last value of every key; older values may have been visible more than once.
    LastValue,
    /// Once, or more often.
    AtLeastOnce,
    /// Once in these runs; but the strategy does not promise it.
    NotRepeated,
    /// Something was missing or wrong.
    Broken,
    /// Nothing was ever restored, or not all could be judged, so nobody can tell.
    Unknown,
}

impl fmt::Display for EndToEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndToEnd::ExactlyOnce => "exactly once",
            EndToEnd::LastValue => "right last values",
            EndToEnd::AtLeastOnce => "at least once",
            EndToEnd::NotRepeated => "at least once (here no more)",
            EndToEnd::Broken => "BROKEN",
            EndToEnd::Unknown => "unknown",
        })
    }
}

/// What was seen of one strategy with one kind of sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// The strategy.
    pub strategy: String,
    /// The kind of sink.
    pub sink: SinkMode,
    /// What the strategy promises of the state.
    pub promised: CheckpointMode,
    /// How many runs there were.
    pub runs: u64,
    /// How many of them restored something.
    pub restored: u64,
    /// In how many readers saw a result more than once, or an operator counted a record more than once.
    pub repeated: u64,
    /// In how many something was missing or wrong, or the job did not finish.
    pub broken: u64,
    /// In how many not everything could be judged.
    pub unjudged: u64,
    /// In how many a transaction had expired before it was prepared or before it was committed.
    pub expired: u64,
}

impl Observed {
    /// Nothing has been seen yet.
    pub fn new(strategy: &str, promised: CheckpointMode, sink: SinkMode) -> Observed {
        Observed {
            strategy: strategy.to_owned(),
            promised,
            sink,
            runs: 0,
            restored: 0,
            repeated: 0,
            broken: 0,
            unjudged: 0,
            expired: 0,
        }
    }

    /// One more run, of a job that produces so many results.
    pub fn observe(&mut self, record: &RunRecord, results: u64) {
        self.runs += 1;
        self.restored += u64::from(!record.restores.is_empty());
        self.expired += u64::from(record.transactions_expired != ExpiredTransactions::default());
        let ledger = |verdict: &&OracleVerdict| verdict.oracle == ledger::NAME;
        match record.verdicts.iter().find(ledger).map(|verdict| &verdict.verdict) {
            // Of a job that was stopped nobody counts what is repeated when another goes on.
            Some(Verdict::Pass) if record.outcome != Outcome::Finished => self.unjudged += 1,
            Some(Verdict::Pass) => {
                // An idempotent sink writes again what its readers see once.
                let again = self.sink != SinkMode::Idempotent && record.sink_records > results;
                self.repeated += u64::from(again || !record.counted_again.is_empty());
            }
            Some(Verdict::Unknown(_)) if record.class() == crate::record::Class::Pass => self.unjudged += 1,
            _ => self.broken += 1,
        }
    }

    /// What readers get, as far as was seen.
    pub fn end_to_end(&self) -> EndToEnd {
        match self {
            Observed { broken: 1.., .. } => EndToEnd::Broken,
            Observed { restored: 0, .. } | Observed { unjudged: 1.., .. } => EndToEnd::Unknown,
            Observed { repeated: 1.., .. } => EndToEnd::AtLeastOnce,
            // That a plain sink has repeated nothing is luck, whatever the state promises.
            Observed { promised: CheckpointMode::AtLeastOnce, .. }
            | Observed { sink: SinkMode::Plain, .. } => EndToEnd::NotRepeated,
            Observed { sink: SinkMode::Idempotent, .. } => EndToEnd::LastValue,
            _ => EndToEnd::ExactlyOnce,
        }
    }
}

/// How many results a failure-free run of a job makes visible.
pub fn results(prepared: &Prepared) -> u64 {
    let operators = prepared.topology().operators.iter().zip(&prepared.reference().operators);
    operators
        .filter(|(operator, _)| matches!(operator.role, Role::Sink(_)))
        .map(|(_, sink)| sink.received)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_observed_decides() {
        let seen = |sink, restored, repeated, broken, unjudged| {
            let observed = Observed {
                runs: 9,
                restored,
                repeated,
                broken,
                unjudged,
                ..Observed::new("x", CheckpointMode::ExactlyOnce, sink)
            };
            observed.end_to_end()
        };
        assert_eq!(seen(SinkMode::Transactional, 5, 0, 0, 0), EndToEnd::ExactlyOnce);
        assert_eq!(seen(SinkMode::Idempotent, 5, 0, 0, 0), EndToEnd::LastValue);
        assert_eq!(seen(SinkMode::Plain, 5, 1, 0, 0), EndToEnd::AtLeastOnce);
        assert_eq!(seen(SinkMode::Plain, 5, 0, 0, 0), EndToEnd::NotRepeated);
        assert_eq!(seen(SinkMode::Plain, 5, 1, 1, 0), EndToEnd::Broken);
        assert_eq!(seen(SinkMode::Idempotent, 5, 0, 0, 1), EndToEnd::Unknown);
        assert_eq!(seen(SinkMode::Transactional, 0, 0, 0, 0), EndToEnd::Unknown, "nothing was restored");
        let weak = Observed::new("x", CheckpointMode::AtLeastOnce, SinkMode::Transactional);
        assert_eq!(Observed { restored: 1, ..weak }.end_to_end(), EndToEnd::NotRepeated);
    }
}
