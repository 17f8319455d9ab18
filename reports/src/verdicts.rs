//! What each oracle has said of some runs. That no oracle objects says little of those that had nothing to judge: which these are, and why,
//! is told beside.

use std::collections::BTreeMap;

use cutline_scenarios::record::{RunRecord, Verdict};

/// So many reasons are remembered of an oracle: they name checkpoints, so there may be one for each run.
const REASONS_MAX: usize = 4;

/// What an oracle has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// It has judged, and does not object.
    pub passed: u64,
    /// It objects.
    pub failed: u64,
    /// It had nothing to judge.
    pub unknown: u64,
    /// Why it had nothing, and how often; the first few reasons.
    pub reasons: Vec<(String, u64)>,
}

impl Said {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail(_) => self.failed += 1,
            Verdict::Unknown(why) => {
                self.unknown += 1;
                let known = self.reasons.iter().position(|(known, _)| known == why);
                match known {
                    Some(place) => self.reasons[place].1 += 1,
                    None if self.reasons.len() < REASONS_MAX => self.reasons.push((why.clone(), 1)),
                    None => {}
                }
            }
        }
    }

    /// `20 pass`, `3 of 20 FAIL`, `16 pass, 4 unknown`.
    pub fn shown(&self) -> String {
        let all = self.passed + self.failed + self.unknown;
        let objects = (self.failed > 0).then(|| format!("{} of {all} FAIL", self.failed));
        let passes = (self.passed > 0 && self.failed == 0).then(|| format!("{} pass", self.passed));
        let unknown = (self.unknown > 0).then(|| format!("{} unknown", self.unknown));
        objects.into_iter().chain(passes).chain(unknown).collect::<Vec<_>>().join(", ")
    }
}

/// What each oracle has said of these runs, in the order in which runs name them.
pub fn by_oracle<'a>(records: impl IntoIterator<Item = &'a RunRecord>) -> Vec<(String, Said)> {
    let mut all: Vec<(String, Said)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in records.into_iter().flat_map(|record| &record.verdicts) {
        let place = *places.entry(&verdict.oracle).or_insert_with(|| {
            all.push((verdict.oracle.clone(), Said::default()));
            all.len() - 1
        });
        all[place].1.add(&verdict.verdict);
    }
    all
}

/// The oracles that judged nothing in some of the runs, each in a sentence that says in how many and why.
pub fn unknown(all: &[(String, Said)]) -> Vec<String> {
    let some = all.iter().filter(|(_, said)| said.unknown > 0);
    some.map(|(oracle, said)| {
        let runs = said.passed + said.failed + said.unknown;
        let told: u64 = said.reasons.iter().map(|(_, times)| times).sum();
        let mut why: Vec<String> = match said.reasons.as_slice() {
            [(only, _)] => vec![only.clone()],
            several => several.iter().map(|(why, times)| format!("{times} times: {why}")).collect(),
        };
        if told < said.unknown {
            why.push(format!("{} times for other reasons", said.unknown - told));
        }
        format!("{oracle}, in {} of {runs} runs: {}", said.unknown, why.join("; "))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::record::OracleVerdict;

    use super::*;
    use crate::samples;

    #[test]
    fn what_was_not_judged_is_told_with_its_reasons() {
        let run = |number: u64| {
            let verdict = match number {
                0 => Verdict::Pass,
                1 => Verdict::Fail("no".to_owned()),
                number => Verdict::Unknown(format!("checkpoint {}", number.min(7))),
            };
            let mut run = samples::run("aligned");
            run.verdicts.push(OracleVerdict { oracle: "restore".to_owned(), verdict });
            run
        };
        let runs: Vec<RunRecord> = (0..10).map(run).collect();
        let said = by_oracle(&runs);
        let shown: Vec<(&str, String)> =
            said.iter().map(|(name, said)| (name.as_str(), said.shown())).collect();
        let ten = || "10 pass".to_owned();
        assert_eq!(
            shown,
            [
                ("state", ten()),
                ("ledger", ten()),
                ("liveness", ten()),
                ("restore", "1 of 10 FAIL, 8 unknown".to_owned())
            ]
        );
        assert_eq!(
            unknown(&said),
            [
                "restore, in 8 of 10 runs: 1 times: checkpoint 2; 1 times: checkpoint 3; 1 times: checkpoint 4; 1 times: checkpoint 5; 4 times \
              for other reasons"
            ]
        );
        assert!(unknown(&by_oracle(&runs[..2])).is_empty());
        assert!(by_oracle(&[]).is_empty());
    }
}
