//! What a sweep gave, as tables for people.

use std::collections::BTreeSet;

use cutline_scenarios::sweep::failure::Failure;
use cutline_scenarios::sweep::tally::{CellCounts, Counts, Covered, OracleCounts, Tally};

use crate::{plain_table, text, wrap};

/// A row for each scenario and strategy, a column for each fault profile: how many runs, and how many of them failed. Strategies of a
/// scenario under which nothing failed share a row.
pub fn summary(tally: &Tally) -> String {
    text(&plain_table(rows(tally)))
}

/// The cells of [`summary`], its head first.
pub(crate) fn rows(tally: &Tally) -> Vec<Vec<String>> {
    let cells = tally.cells();
    let profiles: BTreeSet<&str> = cells.iter().map(|cell| cell.faults.as_str()).collect();
    let mut head = vec!["scenario".to_owned(), "strategy".to_owned()];
    head.extend(profiles.iter().map(|&profile| profile.to_owned()));
    let mut rows = vec![head];
    // What is laid over all of them says nothing about any.
    let one = cells.windows(2).all(|pair| pair[0].overrides == pair[1].overrides);
    for of_scenario in cells.chunk_by(|a, b| (&a.scenario, &a.overrides) == (&b.scenario, &b.overrides)) {
        let strategies: Vec<&[CellCounts]> = of_scenario.chunk_by(|a, b| a.strategy == b.strategy).collect();
        let passes = |cells: &&&[CellCounts]| cells.iter().all(|cell| cell.counts.failed() == 0);
        let clean: Vec<&&[CellCounts]> = strategies.iter().filter(passes).collect();
        let name = match &of_scenario[0] {
            cell if one || cell.overrides.is_empty() => cell.scenario.clone(),
            cell => format!("{} {}", cell.scenario, cell.overrides),
        };
        let mut row = |strategy: String, of: &[&[CellCounts]]| {
            let column = |profile: &&str| {
                let counts = of.iter().flat_map(|cells| cells.iter()).filter(|cell| cell.faults == *profile);
                shown(counts.map(|cell| cell.counts))
            };
            let mut row = vec![name.clone(), strategy];
            row.extend(profiles.iter().map(column));
            rows.push(row);
        };
        match clean.as_slice() {
            [] => {}
            [one] => row(one[0].strategy.clone(), &[one]),
            several => {
                let several: Vec<&[CellCounts]> = several.iter().map(|cells| **cells).collect();
                let which = if several.len() == strategies.len() { "all" } else { "other" };
                row(format!("{which} {} strategies", several.len()), &several);
            }
        }
        for failing in strategies.iter().filter(|cells| !passes(cells)) {
            row(failing[0].strategy.clone(), &[failing]);
        }
    }
    rows
}

/// `100`, or `3 of 100 FAIL`; nothing where nothing was run.
fn shown(counts: impl Iterator<Item = Counts>) -> String {
    let (runs, failed) =
        counts.fold((0, 0), |(runs, failed), counts| (runs + counts.runs, failed + counts.failed()));
    match (runs, failed) {
        (0, _) => String::new(),
        (_, 0) => runs.to_string(),
        _ => format!("{failed} of {runs} FAIL"),
    }
}

/// How many runs failed in each way, after a comma each; nothing if none did.
pub(crate) fn ways(counts: &Counts) -> String {
    let all = [
        (counts.safety, "safety violations"),
        (counts.stall, "stalled"),
        (counts.non_determinism, "not deterministic"),
    ];
    all.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")).collect()
}

/// What each oracle has said: a pass is worth only as much as there was to judge.
pub fn oracles(oracles: &[OracleCounts]) -> String {
    let row = |it: &OracleCounts| {
        let failed = if it.failed > 0 { format!("{} FAIL", it.failed) } else { "0".to_owned() };
        vec![it.oracle.clone(), it.passed.to_string(), failed, it.unknown.to_string()]
    };
    let head = ["oracle", "passed", "failed", "unknown"].map(str::to_owned).to_vec();
    text(&plain_table(std::iter::once(head).chain(oracles.iter().map(row))))
}

/// All runs in one line.
pub fn total(counts: &Counts) -> String {
    let mut line = format!("{} runs: {} passed{}", counts.runs, counts.passed, ways(counts));
    line.push_str(&format!(
        "; {} went back to a checkpoint, {} checkpoints completed\n",
        counts.restored, counts.checkpoints
    ));
    line
}

/// How many runs went through each situation; what those are that none went through.
pub fn coverage(covered: &[Covered]) -> String {
    let row = |it: &Covered| {
        let about = if it.runs == 0 { format!("NOT MET: {}", it.about) } else { it.about.clone() };
        vec![it.situation.clone(), it.runs.to_string(), about]
    };
    let head = ["situation", "runs", "what happened"].map(str::to_owned).to_vec();
    text(&plain_table(std::iter::once(head).chain(covered.iter().map(row))))
}

/// The first failure of each kind: what it is, the proof, and the command that does it again.
pub fn failures(first_of_kind: &[Failure]) -> String {
    let mut all = String::new();
    for failure in first_of_kind {
        let Failure { run, scenario, strategy, faults, seed, command, capsule, .. } = failure;
        all.push_str(&format!("\nrun {run}: {scenario} under {strategy}, faults {faults}, seed {seed}\n"));
        for objection in &failure.objections {
            all.push_str(&wrap(&format!("{} FAIL: {}", objection.oracle, objection.proof), "  "));
        }
        if failure.objections.is_empty() {
            all.push_str("  the job did not come to its end\n");
        }
        all.push_str(&format!("  {command}\n"));
        if let Some(capsule) = capsule {
            all.push_str(&format!("  {capsule}\n"));
        }
    }
    all
}
