//! One run, for people.

use cutline_scenarios::record::{
    AbortReason, Bound, CheckpointEnd, CheckpointRecord, CountedAgain, ExpiredTransactions, LocalCheckpoints,
    OracleVerdict, Outcome, RunRecord, SavepointRecord, StartedFrom, Then, Verdict,
};

use crate::stats::Spread;
use crate::{plain_table, text, units, wrap};

/// Everything about a run: what it was, verdicts, the proofs of what failed, figures.
pub fn table(record: &RunRecord) -> String {
    format!(
        "{}\n{}{}\n{}",
        title(record),
        verdicts(&record.verdicts),
        proofs(&record.verdicts),
        figures(record)
    )
}

/// What was run, and how it ended: one line.
pub fn title(record: &RunRecord) -> String {
    format!(
        "{} under {}, faults {}, seed {}: {} after {} of virtual time\n",
        record.scenario,
        record.strategy,
        record.faults,
        record.seed,
        outcome(record),
        units::time(record.duration),
    )
}

/// How a run ended, in a word or two.
pub fn outcome(record: &RunRecord) -> String {
    match record.outcome {
        Outcome::Finished => "finished".to_owned(),
        Outcome::Drained => "drained".to_owned(),
        Outcome::Suspended => "suspended".to_owned(),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::Failed => "failed, all restarts used up,".to_owned(),
        Outcome::Exceeded(Bound::Steps) => "given up (bounds.steps)".to_owned(),
        Outcome::Exceeded(Bound::Time) => "given up (bounds.time)".to_owned(),
        Outcome::Exceeded(Bound::Queue) => "given up (bounds.queue)".to_owned(),
        Outcome::Exceeded(Bound::Quiet) => "stuck (nothing was left to happen)".to_owned(),
    }
}

/// One line per oracle: its name; `pass`, `FAIL` or `unknown`; why it is unknown.
pub fn verdicts(verdicts: &[OracleVerdict]) -> String {
    let row = |verdict: &OracleVerdict| {
        let reason = match &verdict.verdict {
            Verdict::Unknown(reason) => reason.as_str(),
            Verdict::Pass | Verdict::Fail(_) => "",
        };
        vec![verdict.oracle.clone(), verdict.verdict.to_string(), reason.to_owned()]
    };
    text(&plain_table(verdicts.iter().map(row)))
}

/// Why what failed has failed.
pub fn proofs(verdicts: &[OracleVerdict]) -> String {
    let proof = |verdict: &OracleVerdict| match &verdict.verdict {
        Verdict::Fail(proof) => Some(format!("\n{} fails:\n{}", verdict.oracle, wrap(proof, "  "))),
        Verdict::Pass | Verdict::Unknown(_) => None,
    };
    verdicts.iter().filter_map(proof).collect()
}

/// The figures: what happened, and what it cost.
pub fn figures(record: &RunRecord) -> String {
    let rows = rows(record).into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?]));
    let mut table = plain_table(rows);
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
    }
    text(&table)
}

/// The savepoint that a run began from.
fn started_from(start: &StartedFrom) -> String {
    format!("{}, checkpoint {}", start.path.as_deref().unwrap_or("a savepoint"), start.checkpoint)
}

/// What the end of such a run was compared with.
fn held_to(start: &StartedFrom) -> String {
    let to = if start.judged_whole { "the whole failure-free run" } else { "a failure-free run from there" };
    to.to_owned()
}

/// The figures as names and values, the same names in the same order for every run; no value where there is nothing to say
/// about a strategy of its kind.
pub(crate) fn rows(record: &RunRecord) -> Vec<(&'static str, Option<String>)> {
    let none = || "-".to_owned();
    let of_completed = |figure: fn(&CheckpointRecord) -> u64| Spread::of(record.completed().map(figure));
    let durations = of_completed(|checkpoint| checkpoint.duration);
    let sizes = of_completed(|checkpoint| checkpoint.checkpointed_data_size);
    let full_sizes = of_completed(|checkpoint| checkpoint.full_checkpoint_data_size);
    let persisted = of_completed(|checkpoint| checkpoint.persisted_in_flight_data);
    let processed = of_completed(|checkpoint| checkpoint.processed_in_flight_data);
    let recoveries = Spread::of(record.times_to_running());
    let latency = [record.latency.p50, record.latency.p99, record.latency.max].map(units::time).join(" / ");
    let spread = |spread: Option<Spread>, show: fn(u64) -> String| spread.map_or_else(none, |s| s.show(show));
    let local = |show: fn(&LocalCheckpoints) -> String| record.local.as_ref().map(show);
    let depths = record.restores.iter().filter_map(|restore| Some(restore.rollback?.deepest));
    let ages = record.restores.iter().filter_map(|restore| Some(restore.rollback?.age));
    let (depths, ages) = (spread(Spread::of(depths), units::count), spread(Spread::of(ages), units::time));
    vec![
        ("started from", record.started_from.as_ref().map(started_from)),
        ("held to", record.started_from.as_ref().map(held_to)),
        ("crashes", Some(format!("{} of tasks, {} of nodes", record.task_crashes, record.node_crashes))),
        ("restores", Some(record.restores.len().to_string())),
        ("crash to running, min / median / max", Some(spread(recoveries, units::time))),
        ("replayed records", Some(units::count(record.replayed_records))),
        ("rollback depth in checkpoints, min / median / max", record.local.map(|_| depths)),
        ("rollback in time, min / median / max", record.local.map(|_| ages)),
        ("promised", Some(record.mode.to_string())),
        ("counted again", Some(counted_again(record))),
        ("messages disturbed", Some(units::count(record.messages_disturbed))),
        ("writes failed", Some(units::count(record.writes_failed))),
        ("commits failed", Some(record.commits_failed).filter(|&failed| failed > 0).map(units::count)),
        ("transactions expired", expired(record)),
        ("snapshots", Some(record.snapshot.name().to_owned())),
        ("checkpoints", Some(checkpoints(record))),
        ("local checkpoints", local(local_checkpoints)),
        ("log written", local(|local| units::bytes(local.log_bytes))),
        (
            "piggybacked",
            record
                .local
                .filter(|local| local.piggybacked_bytes > 0)
                .map(|local| units::bytes(local.piggybacked_bytes)),
        ),
        (
            "newest checkpoint",
            Some(record.completed().last().map_or_else(none, |newest| newest.path.clone())),
        ),
        ("savepoint", record.life.savepoint.as_ref().map(savepoint)),
        ("cancelled", record.life.cancelled.map(|at| format!("at {}", units::time(at)))),
        ("retained", retained(record)),
        ("checkpoint duration, min / median / max", Some(spread(durations, units::time))),
        ("checkpointed data size, min / median / max", Some(spread(sizes, units::bytes))),
        ("full checkpoint data size, min / median / max", Some(spread(full_sizes, units::bytes))),
        ("persisted in-flight data, min / median / max", Some(spread(persisted, units::bytes))),
        ("processed in-flight data, min / median / max", Some(spread(processed, units::bytes))),
        ("records read", Some(units::count(record.source_records))),
        ("records visible in the sink", Some(units::count(record.sink_records))),
        ("latency, p50 / p99 / max", Some(if record.arrivals == 0 { none() } else { latency })),
        ("arrivals, repetitions included", Some(units::rate(record.throughput))),
        ("virtual time", Some(units::time(record.duration))),
        ("digest", Some(record.digest.clone())),
    ]
}

/// `3 open, 2 prepared, whose records are lost`; nothing if none has expired.
fn expired(record: &RunRecord) -> Option<String> {
    let ExpiredTransactions { open, prepared } = record.transactions_expired;
    match (open, prepared) {
        (0, 0) => None,
        (open, 0) => Some(format!("{} open", units::count(open))),
        (open, lost) => Some(format!(
            "{} open, {} prepared, whose records are lost",
            units::count(open),
            units::count(lost)
        )),
    }
}

/// `checkpoint 5 at 1.02 s, 12.0 ms after it was asked for, 8.00 KiB; then the job was suspended`.
fn savepoint(savepoint: &SavepointRecord) -> String {
    let given_up = match savepoint.failed {
        0 => String::new(),
        1 => "; 1 checkpoint was given up meanwhile".to_owned(),
        failed => format!("; {failed} checkpoints were given up meanwhile"),
    };
    match (&savepoint.taken, savepoint.asked) {
        (Some(taken), _) => format!(
            "checkpoint {} at {}, {} after it was asked for, {}{given_up}; then the job {}",
            taken.id,
            units::time(taken.at),
            units::time(taken.duration),
            units::bytes(taken.size),
            match savepoint.then {
                Then::Run => "went on",
                Then::Suspend => "was suspended",
                Then::Drain => "came to its end, for it was drained",
            },
        ),
        (None, Some(asked)) => format!(
            "not taken: asked for at {}, and no checkpoint that began after that completed before the run was over{given_up}",
            units::time(asked)
        ),
        (None, None) => format!("not taken: the run was over before {}", units::time(savepoint.at)),
    }
}

/// What is left in the store, where somebody may want to go on from it.
fn retained(record: &RunRecord) -> Option<String> {
    let life = &record.life;
    let matters = life.savepoint.is_some() || life.cancelled.is_some() || record.outcome == Outcome::Failed;
    let names = if life.retained.is_empty() { "nothing".to_owned() } else { life.retained.join(", ") };
    matters.then_some(names)
}

/// `40 taken, 12 of them forced, 7 useless`.
fn local_checkpoints(local: &LocalCheckpoints) -> String {
    let forced = match local.forced {
        0 => String::new(),
        forced => format!(", {forced} of them forced"),
    };
    format!("{} taken{forced}, {} useless", local.taken, local.useless)
}

/// `5 completed, 2 aborted (failover 1, expired 1)`.
fn checkpoints(record: &RunRecord) -> String {
    let mut reasons: Vec<(String, usize)> = Vec::new();
    let mut unfinished = 0;
    for checkpoint in &record.checkpoints {
        match checkpoint.end {
            CheckpointEnd::Completed | CheckpointEnd::Aborted(AbortReason::Unavailable) => {}
            CheckpointEnd::InProgress => unfinished += 1,
            CheckpointEnd::Aborted(reason) => {
                let reason = spaced(&format!("{reason:?}"));
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, times)) => *times += 1,
                    None => reasons.push((reason, 1)),
                }
            }
        }
    }
    let mut text = format!("{} completed, {} aborted", record.completed().count(), record.aborted());
    if !reasons.is_empty() {
        let reasons: Vec<String> =
            reasons.iter().map(|(reason, times)| format!("{times} {reason}")).collect();
        text.push_str(&format!(" ({})", reasons.join(", ")));
    }
    if record.void() > 0 {
        text.push_str(&format!(", {} void (a task had just finished)", record.void()));
    }
    if unfinished > 0 {
        text.push_str(&format!(", {unfinished} unfinished"));
    }
    text
}

/// `count 12, sink 40`: what operators have handled beyond a failure-free run.
fn counted_again(record: &RunRecord) -> String {
    let part = |more: &CountedAgain| format!("{} {}", more.operator, units::count(more.records));
    match record.counted_again.is_empty() {
        true => "nothing".to_owned(),
        false => record.counted_again.iter().map(part).collect::<Vec<_>>().join(", "),
    }
}

/// `MetadataNotStored` as `metadata not stored`.
pub(crate) fn spaced(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::record::{CheckpointId, TakenRecord};

    use super::*;
    use crate::samples;

    #[test]
    fn a_table_says_everything_asked_for() {
        let table = table(&samples::run("aligned"));
        for part in [
            "wordcount under aligned, faults crashes, seed 7: finished after 2.41 s of virtual time",
            "state     pass",
            "2 completed, 1 aborted (1 metadata not stored)",
            "12.0 ms / 12.0 ms / 30.0 ms",
            "full-async",
            "4.00 KiB / 4.00 KiB / 12.0 KiB",
            "8.00 KiB / 8.00 KiB / 24.0 KiB",
            "1.50 KiB / 1.50 KiB / 4.50 KiB",
            "512 B / 512 B / 1.50 KiB",
            "checkpoints/chk-3",
            "1 of tasks, 0 of nodes",
            "count 3, sink 1,200",
            "0123456789abcdef0123456789abcdef",
        ] {
            assert!(table.contains(part), "no `{part}` in\n{table}");
        }
        assert!(table.lines().all(|line| line.chars().count() <= crate::WIDTH), "{table}");
        assert!(table.lines().all(|line| line.trim_end() == line), "{table}");
    }

    #[test]
    fn local_checkpoints_are_shown_where_there_are_any() {
        let names = ["rollback depth", "rollback in time", "local checkpoints", "log written", "piggybacked"];
        let without = table(&samples::run("aligned"));
        assert!(names.iter().all(|name| !without.contains(name)), "{without}");
        let with = table(&samples::local("uncoordinated"));
        assert!(names.iter().all(|name| with.contains(name)), "{with}");
        assert!(with.contains("40 taken, 12 of them forced, 7 useless"), "{with}");
        assert!(with.contains("3 / 3 / 3"), "{with}");
    }

    #[test]
    fn failed_commits_and_expired_transactions_are_shown_where_there_are_any() {
        let names = ["commits failed", "transactions expired"];
        let without = table(&samples::run("aligned"));
        assert!(names.iter().all(|name| !without.contains(name)), "{without}");
        let expired = ExpiredTransactions { open: 3, prepared: 2 };
        let with =
            RunRecord { commits_failed: 1234, transactions_expired: expired, ..samples::run("aligned") };
        let with = table(&with);
        assert!(
            with.contains("1,234") && with.contains("3 open, 2 prepared, whose records are lost"),
            "{with}"
        );
    }

    #[test]
    fn what_was_asked_of_a_job_is_shown_with_what_became_of_it() {
        let mut record = samples::run("aligned");
        assert!(["savepoint", "cancelled", "retained"].iter().all(|name| !table(&record).contains(name)));
        let row = |record: &RunRecord, name: &str| -> String {
            let rows = rows(record).into_iter();
            rows.filter(|(row, _)| *row == name).filter_map(|(_, value)| value).collect()
        };
        let (then, failed, ms) = (Then::Suspend, 2, 1_000_000);
        let asked = SavepointRecord { at: 40_000 * ms, then, asked: None, failed: 0, taken: None };
        record.life.savepoint = Some(asked.clone());
        assert_eq!(row(&record, "savepoint"), "not taken: the run was over before 40.0 s");
        record.life.savepoint = Some(SavepointRecord { asked: Some(1500 * ms), failed, ..asked.clone() });
        let missed = row(&record, "savepoint");
        assert!(missed.starts_with("not taken: asked for at 1.50 s, and no checkpoint"), "{missed}");
        assert!(missed.ends_with("; 2 checkpoints were given up meanwhile"), "{missed}");
        let (id, path) = (CheckpointId(5), "checkpoints/chk-5".to_owned());
        let taken = TakenRecord { id, path: path.clone(), at: 1512 * ms, duration: 12 * ms, size: 8192 };
        record.life.savepoint = Some(SavepointRecord { taken: Some(taken), ..asked });
        assert_eq!(
            row(&record, "savepoint"),
            "checkpoint 5 at 1.51 s, 12.0 ms after it was asked for, 8.00 KiB; then the job was suspended"
        );
        assert_eq!(row(&record, "retained"), "nothing");
        (record.life.cancelled, record.life.retained) = (Some(2000 * ms), vec![path]);
        assert_eq!(
            (row(&record, "cancelled"), row(&record, "retained")),
            ("at 2.00 s".into(), "checkpoints/chk-5".into())
        );
        record.outcome = Outcome::Cancelled;
        assert!(title(&record).contains("seed 7: cancelled after 2.41 s"), "{}", title(&record));
    }

    #[test]
    fn a_proof_is_wrapped_prose() {
        let mut record = samples::run("aligned");
        record.verdicts[0].verdict = Verdict::Fail("Let x be a record. ".repeat(20));
        let table = table(&record);
        assert!(table.contains("state     FAIL"), "{table}");
        assert!(table.contains("state fails:\n  Let x be a record. Let x"), "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= crate::WIDTH), "{table}");
    }

    #[test]
    fn an_empty_run_has_no_figures() {
        let table = table(&samples::empty());
        assert!(table.contains("0 completed, 0 aborted\n"), "{table}");
    }
}
