//! The final counts: all of them as CSV, the most frequent for people.

use crate::units;

/// All counts as CSV: a header, then one line per word, sorted by the word's bytes. Fields are quoted as in RFC 4180 if
/// they need it; lines end with a line feed, as `sort` and `diff` like them.
pub fn counts_csv(counts: &[(String, i64)]) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort();
    let mut csv = "word,count\n".to_owned();
    for (word, count) in sorted {
        csv.push_str(&format!("{},{count}\n", field(word)));
    }
    csv
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The most frequent words and how often they came, the most frequent first, then by name.
pub fn frequent(counts: &[(String, i64)], most: usize) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let show = |count: i64| {
        let sign = if count < 0 { "-" } else { "" };
        format!("{sign}{}", units::count(count.unsigned_abs()))
    };
    let shown: Vec<(String, String)> =
        sorted.iter().take(most).map(|(word, count)| (show(*count), shortened(word))).collect();
    let width = shown.iter().map(|(count, _)| count.len()).max().unwrap_or(0);
    shown.iter().map(|(count, word)| format!("  {count:>width$}  {word}\n")).collect()
}

/// A word for the screen: no control characters, and no more than fit on a line.
fn shortened(word: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = word.chars().take(MOST).flat_map(char::escape_debug).collect();
    if word.chars().nth(MOST).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
        pairs.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
    }

    #[test]
    fn csv_is_sorted_and_quoted() {
        let csv = counts_csv(&counts(&[("b", 2), ("a,b", -1), ("a\"", 3), ("x\ny", 4)]));
        assert_eq!(csv, "word,count\n\"a\"\"\",3\n\"a,b\",-1\nb,2\n\"x\ny\",4\n");
        assert_eq!(counts_csv(&[]), "word,count\n");
    }

    #[test]
    fn the_most_frequent_come_first() {
        let text = frequent(&counts(&[("b", 2), ("the", 1200), ("a", 2), ("z", 1)]), 3);
        assert_eq!(text, "  1,200  the\n      2  a\n      2  b\n");
        let long = frequent(&[("w".repeat(1 << 20), 1)], 10);
        assert!(long.len() < 80, "{}", long.len());
    }
}
