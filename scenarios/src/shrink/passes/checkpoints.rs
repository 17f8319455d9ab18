//! Fewer checkpoints: a longer interval, and records that ask for one further apart.

use super::Candidates;
use crate::shrink::Given;
use crate::shrink::case::Case;
use crate::units::show_time;
use cutline_sim::time::SECOND;

/// No interval becomes longer: the job of the smallest run is over long before, and waits.
const INTERVAL_MAX: u64 = 10 * SECOND;

/// Jobs that take fewer checkpoints.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let config = &case.topology.config.checkpointing;
    let mut candidates = Candidates::new();
    for longer in [8, 4, 2] {
        let interval = config.interval.saturating_mul(longer);
        if interval > 0 && interval <= INTERVAL_MAX {
            let text = show_time(interval);
            let way = ["execution", "checkpointing", "interval"];
            let edited = case.edited(given, |sheet| sheet.set(&way, text.as_str()));
            candidates.extend(edited.map(|case| (format!("a checkpoint every {text}"), case)));
        }
        let records = config.every_records.saturating_mul(longer);
        if records > 0 {
            let way = ["trigger", "every-records"];
            let edited = case.edited(given, |sheet| sheet.set(&way, i64::try_from(records).ok()?));
            candidates.extend(edited.map(|case| (format!("a checkpoint every {records} records"), case)));
        }
    }
    candidates
}
