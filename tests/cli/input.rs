//! Text inputs of every kind, against a count that knows nothing of Cutline.

use std::collections::BTreeMap;

use crate::{Gave, Place};

/// The words of a text and how often they come: longest runs of ASCII letters and digits, in small letters.
fn count(text: &[u8]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut word = String::new();
    for &byte in text.iter().chain(b" ") {
        match byte {
            b'A'..=b'Z' => word.push(char::from(byte + 32)),
            b'a'..=b'z' | b'0'..=b'9' => word.push(char::from(byte)),
            _ if word.is_empty() => {}
            _ => *counts.entry(std::mem::take(&mut word)).or_default() += 1,
        }
    }
    counts
}

/// Counts a text under faults with Cutline, and compares.
fn counts_right(text: &[u8], strategy: &str) -> Gave {
    let place = Place::new();
    place.file("in.txt", text);
    let arguments = format!(
        "run wordcount --input in.txt --counts out.csv --faults crashes --seed 7 --strategy {strategy}"
    );
    let gave = place.cutline(&arguments).exits(0);
    let mut expected = "word,count\n".to_owned();
    for (word, times) in count(text) {
        expected.push_str(&format!("{word},{times}\n"));
    }
    assert_eq!(place.read("out.csv"), expected);
    assert_eq!(place.names(), ["in.txt", "out.csv"]);
    gave
}

/// A text that grows from a few numbers: some words often, some once, some capitals, some punctuation.
fn prose(lines: u32) -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..lines {
        for at in 0..line % 13 {
            let n = line.wrapping_mul(2_654_435_761).wrapping_add(at.wrapping_mul(40_503)) >> 16;
            text.extend_from_slice(format!("Word{} the {}-{}, ", n % 97, n % 7, line % 31).as_bytes());
        }
        text.push(b'\n');
    }
    text
}

#[test]
fn counts_equal_an_independent_count_under_every_strategy() {
    for strategy in cutline::algorithms::STRATEGIES {
        counts_right(&prose(3_000), strategy.name);
    }
}

#[test]
fn texts_of_every_form_are_counted_right() {
    let all_bytes: Vec<u8> = (0..=255u8).cycle().take(10_000).collect();
    let one_line = b"one two ".repeat(100_000);
    let one_word = vec![b'x'; 200_000];
    let texts: &[&[u8]] = &[
        b"",
        b"\n",
        b"\n\n\n",
        b"no final newline",
        b"two\nlines\n",
        b"carriage\r\nreturns\r\n",
        b"zero\0byte and \xff\xfe not UTF-8",
        "Gr\u{fc}\u{df}e, na\u{ef}ve caf\u{e9}\n".as_bytes(),
        b"= - + , \" ' quotes, commas",
        &all_bytes,
        &one_line,
        &one_word,
    ];
    for text in texts {
        counts_right(text, "aligned");
    }
}

#[test]
fn what_is_no_text_file_is_refused() {
    let place = Place::new();
    place.cutline("run wordcount --input nowhere.txt").refuses(&["no file `nowhere.txt`"]);
    place.cutline("run wordcount --input .").refuses(&["`.` is a directory"]);
    place.run(["run", "wordcount", "--input", ""]).refuses(&["--input"]);
    let gave = place.shell("printf 'a b a' | $CUTLINE run wordcount --input /dev/stdin --counts /dev/stdout");
    assert!(gave.exits(0).out.ends_with("word,count\na,2\nb,1\n"));
}
