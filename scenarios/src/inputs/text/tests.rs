use std::collections::BTreeMap;

use super::super::tests::{kind, records};
use super::*;

/// Counts words in another way: split at everything that is no letter or digit.
fn count(bytes: &[u8]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for word in bytes.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(String::from_utf8_lossy(word).to_lowercase()).or_insert(0) += 1;
    }
    counts
}

/// Checks that the pieces make up the text, and that its words are those that [`count`] finds.
fn check(bytes: &[u8]) -> Text {
    let text = Text::new(bytes.to_vec());
    let pieces: Vec<u8> = (0..text.pieces()).flat_map(|piece| text.piece(piece)).copied().collect();
    assert!(pieces == bytes, "the pieces make up the text");
    let mut counts = BTreeMap::new();
    let words = (0..text.pieces()).flat_map(|piece| text.words(piece));
    words.for_each(|&word| *counts.entry(text.word(word)).or_insert(0) += 1);
    assert_eq!(counts, count(bytes));
    assert_eq!(counts.len(), text.different_words());
    for splits in [1, 2, 3, 16] {
        let input = Pieces::new(Arc::new(text.clone()), splits, 10);
        let read = (0..splits).flat_map(|split| records(&input, split));
        let values: Vec<i64> = read.map(|record| record.value).collect();
        assert!(values.iter().copied().eq(0..text.pieces() as i64), "{splits} splits read every piece once");
    }
    for offset in 0..=bytes.len().min(5000) as u64 {
        let expected = text.pieces[..text.pieces()].partition_point(|&start| u64::from(start) < offset);
        assert_eq!(text.piece_at(offset), expected);
    }
    text
}

#[test]
fn words_are_numbered_in_the_order_of_their_first_appearance() {
    let text = check(b"The cat, the Dog; THE end.\r\nA cat\n");
    assert_eq!(text.words(0), [0, 1, 0, 2, 0, 3]);
    assert_eq!(text.words(1), [4, 1]);
    assert_eq!((text.word(2), text.word_bytes(2)), ("dog".to_owned(), 3));
    assert_eq!(text.words(2), [] as [u32; 0]);
    assert_eq!(text.word(9), "");
}

#[test]
fn odd_files_are_read_too() {
    assert_eq!(check(b"").pieces(), 0);
    assert_eq!(check(b"\n").pieces(), 1);
    assert_eq!(check(b"\n\n\n").pieces(), 3);
    assert_eq!(check(b"no final line feed").pieces(), 1);
    assert_eq!(check(b"one\0two\0\xff\xfethree\x80four").words(0), [0, 1, 2, 3]);
    assert_eq!(check("größe ÄHRE".as_bytes()).total_words(), 3);
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    check(&all);
}

#[test]
fn long_lines_are_cut_between_words() {
    let text = check("some words ".repeat(50_000).as_bytes());
    assert!((9..12).contains(&text.pieces()), "{text:?}");
    assert!((0..text.pieces()).all(|piece| text.piece(piece).len() <= PIECE_BYTES));
    let word = "x".repeat(PIECE_BYTES * 3);
    let text = check(format!("before {word} after").as_bytes());
    assert_eq!((0..3).map(|piece| text.words(piece).len()).collect::<Vec<_>>(), [1, 1, 1]);
    let text = check(word.as_bytes());
    assert_eq!((text.pieces(), text.total_words()), (1, 1));
    check(&[b'-'; PIECE_BYTES + 1]);
    check(&[b'x'; PIECE_BYTES]);
}

#[test]
fn many_different_words_keep_their_numbers() {
    let words: String = (0..20_000).map(|n| format!("w{n} W{n}\n")).collect();
    let text = check(words.as_bytes());
    assert_eq!(text.different_words(), 20_000);
    assert!((0..20_000).all(|n| text.words(n) == [n as u32; 2]));
}

#[test]
fn without_a_path_there_is_a_built_in_text() {
    let built = kind("text = { rate = \"1000/s\", splits = 2 }").build(1, &mut Texts::default());
    let BuiltInput { input, content: Content::Text(text) } = built.expect("an input") else {
        panic!("a text has a text for its content")
    };
    assert_eq!(text.total_words() % REPETITIONS, 0);
    assert!(input.describe(0, 0).contains("Four score and seven years ago"));
    let second = records(&*input, 1);
    assert_eq!((second[0].event_time, second[1].event_time), (0, 1_000_000));
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Texts::new(folder);
    let read = texts.get(Some(Path::new("texts/gettysburg.txt"))).expect("a text");
    assert_eq!(read.total_words() * REPETITIONS, built_in().total_words());
    let again = texts.clone().get(Some(Path::new("texts/gettysburg.txt"))).expect("a text");
    assert!(Arc::ptr_eq(&read, &again), "a file is read once");
    assert!(matches!(texts.get(Some(Path::new("src"))), Err(TextError::Directory(_))));
    assert!(matches!(texts.get(Some(Path::new("none.txt"))), Err(TextError::Missing(_))));
    let mut texts = texts.instead(folder.join("other.txt"));
    assert!(matches!(texts.get(None), Err(TextError::Missing(path)) if path.ends_with("other.txt")));
}

#[test]
fn a_text_may_stand_in_the_scenario() {
    let inside = kind("text = { content = \"to be\\nor not to be\", rate = \"1000/s\", splits = 1 }");
    let words = |texts: &mut Texts| match inside.build(1, texts).expect("an input").content {
        Content::Text(text) => text.total_words(),
        _ => panic!("a text has a text for its content"),
    };
    let mut texts = Texts::default();
    assert_eq!((words(&mut texts), texts.files().count()), (6, 0));
    // A file that was named by hand goes before it, as before any other.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("texts/gettysburg.txt");
    assert_eq!(words(&mut texts.instead(file)) * REPETITIONS, built_in().total_words());
    let both = kind("text = { content = \"a\", path = \"b\", rate = \"1/s\", splits = 1 }");
    assert!(matches!(both.build(1, &mut Texts::default()), Err(InputError::TwoTexts)));
}
