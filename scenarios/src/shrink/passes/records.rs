//! Fewer records: inputs with a part of their records, at the same rate or at a lower one, so that the run takes as long as before.
//! A text becomes a part of the scenario once some of its lines are enough.

use toml_edit::Value;

use super::{Candidates, smaller};
use crate::inputs::InputKind;
use crate::shrink::Given;
use crate::shrink::case::Case;
use crate::shrink::sheet::Sheet;
use crate::units::show_rate;

/// A longer text does not become a part of a scenario.
const TEXT_BYTES_MAX: usize = 128 << 10;
/// Of so few lines each is left out by itself.
const FEW: usize = 40;

/// Inputs with fewer records.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let mut candidates = Candidates::new();
    for (name, entry) in &case.scenario.spec.input {
        let input = Input { case, given, name: name.as_str(), kind: entry.kind.name() };
        if let InputKind::Text(_) = entry.kind {
            input.texts(&mut candidates);
        }
        // Whatever an input calls the number of its records.
        input.counts("count", &mut candidates);
        input.counts("events", &mut candidates);
        input.keys(&mut candidates);
    }
    candidates
}

/// An input of the present case.
struct Input<'a> {
    case: &'a Case,
    given: &'a Given<'a>,
    name: &'a str,
    kind: &'a str,
}

impl Input<'_> {
    fn way<'k>(&'k self, key: &'k str) -> [&'k str; 5] {
        ["input", self.name, "kind", self.kind, key]
    }

    /// With fewer records: as fast as before, and as long as before.
    fn counts(&self, key: &str, candidates: &mut Candidates) {
        let way = self.way(key);
        let Some(count) = self.case.sheet.number(&way) else { return };
        for fewer in smaller(count, 0) {
            let what = format!("{fewer} of {count} records of {}", self.name);
            self.with(&what, (fewer, count), candidates, &|sheet| sheet.set(&way, fewer as i64));
        }
    }

    fn keys(&self, candidates: &mut Candidates) {
        let way = self.way("keys");
        let Some(count) = self.case.sheet.number(&way) else { return };
        for fewer in smaller(count, 1) {
            let what = format!("{fewer} of {count} keys of {}", self.name);
            let case = self.case.edited(self.given, |sheet| sheet.set(&way, fewer as i64));
            candidates.extend(case.map(|case| (what, case)));
        }
    }

    /// With some of the lines of the text, or with less of each.
    fn texts(&self, candidates: &mut Candidates) {
        let way = self.way("content");
        let inside = self.case.sheet.string(&way).map(str::to_owned);
        let Some(text) = inside.clone().or_else(|| self.text()) else { return };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let count = lines.len();
        let set = |content: String| {
            move |sheet: &mut Sheet| {
                // It may be there or not.
                let _ = sheet.remove(&self.way("path"));
                sheet.set(&way, Value::from(content.as_str()))
            }
        };
        let mut first: Vec<usize> = smaller(count as u64, 0).into_iter().map(|some| some as usize).collect();
        if inside.is_none() {
            first.push(count);
        }
        for fewer in first {
            let content: String = lines[..fewer].concat();
            if content.len() <= TEXT_BYTES_MAX {
                let what = format!("the first {fewer} of {count} lines of {}", self.name);
                self.with(&what, (fewer as u64, count as u64), candidates, &set(content));
            }
        }
        if inside.is_none() {
            return;
        }
        for without in (0..count).filter(|_| count <= FEW) {
            let content = [&lines[..without], &lines[without + 1..]].concat().concat();
            let what = format!("without line {} of {}", without + 1, self.name);
            self.with(&what, (count as u64 - 1, count as u64), candidates, &set(content));
        }
        let each = |words: &dyn Fn(usize) -> usize| -> String {
            let shorter = lines.iter().map(|line| {
                let all: Vec<&str> = line.split_whitespace().collect();
                all[..words(all.len()).min(all.len())].join(" ") + "\n"
            });
            shorter.collect()
        };
        for (what, content) in
            [("one word", each(&|_| 1)), ("half of the words", each(&|all| all.div_ceil(2)))]
        {
            let what = format!("{what} of each line of {}", self.name);
            self.with(&what, (1, 1), candidates, &set(content));
        }
    }

    /// What the input reads, if it is short enough to become a part of the scenario, or else its beginning.
    fn text(&self) -> Option<String> {
        let path = self.case.sheet.string(&self.way("path")).map(std::path::Path::new);
        let mut texts = self.given.texts.clone();
        let text = texts.get(path).ok()?;
        let mut bytes = text.bytes();
        if bytes.len() > TEXT_BYTES_MAX {
            let end = bytes[..TEXT_BYTES_MAX].iter().rposition(|&byte| byte == b'\n')?;
            bytes = &bytes[..=end];
        }
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Candidates with a part of the records: at the present rate, and at a rate at which they take as long.
    fn with(
        &self,
        what: &str,
        (part, of): (u64, u64),
        candidates: &mut Candidates,
        edit: &dyn Fn(&mut Sheet) -> Option<()>,
    ) {
        let way = self.way("rate");
        let rate = self.case.scenario.spec.input.iter().find(|(name, _)| name.as_str() == self.name);
        let period = rate.map_or(0, |(_, entry)| entry.kind.period());
        let slower = period.checked_mul(of).and_then(|all| all.checked_div(part));
        let slower = slower.filter(|&slower| slower > period).and_then(show_rate);
        let mut add = |what: String, case: Option<Case>| {
            if let Some(mut case) = case {
                // A file that was named instead counts until all texts are parts of the scenario.
                let reads =
                    |kind: &InputKind| matches!(kind, InputKind::Text(text) if text.content.is_none());
                case.instead &= case.scenario.spec.input.values().any(|entry| reads(&entry.kind));
                candidates.push((what, case));
            }
        };
        add(what.to_owned(), self.case.edited(self.given, edit));
        if let Some(slower) = slower {
            let case = self.case.edited(self.given, |sheet| {
                edit(sheet)?;
                sheet.set(&way, slower.as_str())
            });
            add(format!("{what}, {slower}"), case);
        }
    }
}
