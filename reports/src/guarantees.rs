//! What strategies and sinks give together, as a table.

use cutline_scenarios::guarantee::Observed;

use crate::{plain_table, text};

/// A row for each strategy and kind of sink: what readers get, and from what that was seen.
pub fn guarantees(observed: &[Observed]) -> String {
    let head = ["strategy", "sink", "readers get", "seen"].map(str::to_owned).to_vec();
    let row = |seen: &Observed| {
        let mut why = format!("{} of {} runs restored", seen.restored, seen.runs);
        for (runs, what) in [
            (seen.repeated, "repeated something"),
            (seen.broken, "went wrong"),
            (seen.unjudged, "not judged"),
            (seen.expired, "had transactions that expired"),
        ] {
            if runs > 0 {
                why.push_str(&format!(", {runs} {what}"));
            }
        }
        let sink = format!("{:?}", seen.sink).to_lowercase();
        vec![seen.strategy.clone(), sink, seen.end_to_end().to_string(), why]
    };
    text(&plain_table(std::iter::once(head).chain(observed.iter().map(row))))
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::guarantee::SinkMode;
    use cutline_scenarios::record::CheckpointMode;

    use super::*;

    #[test]
    fn a_row_says_what_was_seen() {
        let seen = Observed {
            runs: 20,
            restored: 12,
            repeated: 3,
            ..Observed::new("aligned", CheckpointMode::ExactlyOnce, SinkMode::Plain)
        };
        let table = guarantees(&[seen]);
        let words: Vec<&str> = table.lines().nth(1).expect("a row").split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "aligned plain at least once 12 of 20 runs restored, 3 repeated something",
            "{table}"
        );
    }
}
