//! The lines of a text file. A record stands for one piece of the text: a line, or a part of a line longer than 64 KiB.
//! Its value and its key are the piece's index; the words are looked up in the [`Text`] by the `tokenizer` operator.
//!
//! A word is a longest run of ASCII letters and digits, in small letters. So the words of any file, binary ones too, are
//! those of `LC_ALL=C tr -cs 'A-Za-z0-9' '\n' | tr 'A-Z' 'a-z' | grep -v '^$'`.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutline_sim::input::{Entry, Input};
use cutline_sim::random::mix;
use cutline_sim::record::Record;
use cutline_sim::time::Time;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::{BuiltInput, Content, InputError, Splits, Texts, check_length};
use crate::units::Rate;

/// A piece is at most so many bytes long, unless it is one longer word.
pub const PIECE_BYTES: usize = 64 << 10;
/// A text is at most so many bytes long.
pub const MOST_BYTES: u64 = 2 << 30;

/// How often [`built_in`] repeats its 272 words.
const REPETITIONS: usize = 64;

/// The settings of this input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TextFile {
    /// The file; without it, the text that is built in.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// The text itself, instead of a file.
    #[serde(default)]
    pub content: Option<String>,
    /// How fast each split is, in pieces.
    pub rate: Rate,
    /// The number of splits: contiguous parts of about the same number of bytes, cut between pieces.
    pub splits: Splits,
}

impl TextFile {
    /// Makes the input; nothing in it is random.
    ///
    /// # Errors
    /// The file cannot be read, or [`InputError::TooLong`].
    pub fn build(&self, _seed: u64, texts: &mut Texts) -> Result<BuiltInput, InputError> {
        let text = match (&self.content, &self.path) {
            (Some(_), Some(_)) => return Err(InputError::TwoTexts),
            (Some(content), None) if !texts.has_instead() => {
                Arc::new(Text::new(content.clone().into_bytes()))
            }
            _ => texts.get(self.path.as_deref())?,
        };
        let input = Pieces::new(Arc::clone(&text), self.splits.get_u32(), self.rate.period());
        let longest = input.splits.iter().map(|split| split.len() as u64).max().unwrap_or(0);
        check_length(longest, input.period)?;
        Ok(BuiltInput { input: Arc::new(input), content: Content::Text(text) })
    }
}

/// The text there is without a file: Abraham Lincoln's address at Gettysburg (1863), 64 times over.
pub fn built_in() -> Text {
    Text::new(include_bytes!("../../texts/gettysburg.txt").repeat(REPETITIONS))
}

/// Reads a text from a file. Pipes and devices can be read too, as long as they end.
///
/// # Errors
/// [`TextError`] says what is wrong with the file and what to do.
pub fn load(path: &Path) -> Result<Text, TextError> {
    let failed = |error: std::io::Error| {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound => TextError::Missing(path),
            ErrorKind::PermissionDenied => TextError::Forbidden(path),
            ErrorKind::IsADirectory => TextError::Directory(path),
            _ => TextError::Unreadable(path, error),
        }
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(TextError::Directory(path.to_owned()));
    }
    if metadata.len() > MOST_BYTES {
        return Err(TextError::TooLarge(path.to_owned()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(TextError::TooLarge(path.to_owned()));
    }
    Ok(Text::new(bytes))
}

/// Why a text cannot be had.
#[derive(Debug)]
pub enum TextError {
    /// There is no such file.
    Missing(PathBuf),
    /// It is a directory.
    Directory(PathBuf),
    /// It must not be read.
    Forbidden(PathBuf),
    /// It has more than [`MOST_BYTES`].
    TooLarge(PathBuf),
    /// Reading it failed in another way.
    Unreadable(PathBuf, std::io::Error),
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::Missing(path) => write!(
                f,
                "there is no file `{}`: a path in a scenario starts at the scenario's folder; check its spelling",
                path.display()
            ),
            TextError::Directory(path) => {
                write!(f, "`{}` is a directory: name a file inside it", path.display())
            }
            TextError::Forbidden(path) => {
                write!(f, "`{}` must not be read: give yourself the permission (chmod u+r)", path.display())
            }
            TextError::TooLarge(path) => {
                write!(f, "`{}` is larger than 2 GiB: take a part of it (head -c 1G)", path.display())
            }
            TextError::Unreadable(path, error) => {
                write!(f, "`{}` cannot be read ({error}): try another file", path.display())
            }
        }
    }
}

impl std::error::Error for TextError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TextError::Unreadable(_, error) => Some(error),
            _ => None,
        }
    }
}

/// An immutable text, cut into pieces and words. Words are numbered in the order in which they first appear.
#[derive(Clone, Default)]
pub struct Text {
    bytes: Vec<u8>,
    /// Where each piece starts, and the end of the text.
    pieces: Vec<u32>,
    /// For every block of bytes, the first piece that starts in it or later.
    blocks: Vec<u32>,
    /// For every piece its first token, and the number of tokens.
    first_tokens: Vec<u32>,
    /// All words of the text in order, as numbers.
    tokens: Vec<u32>,
    /// Where in the bytes each word first appears.
    vocabulary: Vec<Range<u32>>,
}

/// The bytes of a block of the index from byte offsets to pieces are 2 to this power.
const BLOCK_SHIFT: u32 = 8;

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Text({} bytes, {} pieces, {} words, {} of them different)",
            self.bytes.len(),
            self.pieces(),
            self.tokens.len(),
            self.vocabulary.len()
        )
    }
}

impl Text {
    /// Cuts up a text of at most [`MOST_BYTES`] bytes; of a longer one, the rest is left out.
    pub fn new(mut bytes: Vec<u8>) -> Text {
        bytes.truncate(MOST_BYTES as usize);
        let mut text = Text { bytes, ..Text::default() };
        let mut numbers = Numbers::default();
        let mut start = 0;
        while start < text.bytes.len() {
            text.pieces.push(start as u32);
            text.first_tokens.push(text.tokens.len() as u32);
            let end = piece_end(&text.bytes, start);
            text.tokenize(start..end, &mut numbers);
            start = end;
        }
        text.pieces.push(text.bytes.len() as u32);
        text.first_tokens.push(text.tokens.len() as u32);
        let mut piece = 0;
        for block in 0..=(text.bytes.len() >> BLOCK_SHIFT) as u32 {
            while piece < text.pieces.len() - 1 && text.pieces[piece] < block << BLOCK_SHIFT {
                piece += 1;
            }
            text.blocks.push(piece as u32);
        }
        text
    }

    fn tokenize(&mut self, piece: Range<usize>, numbers: &mut Numbers) {
        let mut at = piece.start;
        while at < piece.end {
            let start = at;
            let mut hash = HASH_START;
            while at < piece.end && self.bytes[at].is_ascii_alphanumeric() {
                hash = hash_letter(hash, self.bytes[at]);
                at += 1;
            }
            if start < at {
                let word = start as u32..at as u32;
                self.tokens.push(numbers.number(hash, word, &self.bytes, &mut self.vocabulary));
            } else {
                at += 1;
            }
        }
    }

    /// The whole text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of pieces.
    pub fn pieces(&self) -> usize {
        self.pieces.len().saturating_sub(1)
    }

    /// The bytes of a piece, with the line feed that ends it if there is one; nothing if there is no such piece.
    pub fn piece(&self, piece: usize) -> &[u8] {
        match self.pieces.get(piece..piece.saturating_add(2)) {
            Some(&[start, end]) => &self.bytes[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The words of a piece in order, as numbers; none if there is no such piece.
    #[inline]
    pub fn words(&self, piece: usize) -> &[u32] {
        match self.first_tokens.get(piece..piece.saturating_add(2)) {
            Some(&[start, end]) => &self.tokens[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The number of words, each counted as often as it appears.
    pub fn total_words(&self) -> usize {
        self.tokens.len()
    }

    /// The number of different words; they are numbered from 0.
    pub fn different_words(&self) -> usize {
        self.vocabulary.len()
    }

    /// The length of a word in bytes; 0 if there is no such word.
    #[inline]
    pub fn word_bytes(&self, word: u32) -> u32 {
        self.vocabulary.get(word as usize).map_or(0, |at| at.end - at.start)
    }

    /// A word, in small letters; nothing if there is no such word.
    pub fn word(&self, word: u32) -> String {
        let Some(at) = self.vocabulary.get(word as usize) else { return String::new() };
        let bytes = &self.bytes[at.start as usize..at.end as usize];
        bytes.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect()
    }

    /// The first piece that starts at a byte offset or after it; [`Text::pieces`] if there is none.
    pub fn piece_at(&self, offset: u64) -> usize {
        if offset >= self.bytes.len() as u64 {
            return self.pieces();
        }
        let block = (offset >> BLOCK_SHIFT) as usize;
        let first = self.blocks[block] as usize;
        let last = self.blocks.get(block + 1).map_or(self.pieces(), |&piece| piece as usize);
        first + self.pieces[first..last].partition_point(|&start| u64::from(start) < offset)
    }
}

/// Where the piece that begins at `start` ends: after the line feed, or where a line longer than [`PIECE_BYTES`] can be
/// cut without cutting a word.
fn piece_end(bytes: &[u8], start: usize) -> usize {
    let limit = bytes.len().min(start + PIECE_BYTES);
    if let Some(line) = bytes[start..limit].iter().position(|&byte| byte == b'\n') {
        return start + line + 1;
    }
    let inside = |at: usize| bytes[at - 1].is_ascii_alphanumeric() && bytes[at].is_ascii_alphanumeric();
    if limit == bytes.len() {
        return limit;
    }
    match (start + 1..=limit).rev().find(|&at| !inside(at)) {
        Some(cut) => cut,
        None => (limit..bytes.len()).find(|&at| !bytes[at].is_ascii_alphanumeric()).unwrap_or(bytes.len()),
    }
}

/// The hash of no letters.
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// The FNV-1a hash of one letter more; capital and small letters count the same.
#[inline]
fn hash_letter(hash: u64, letter: u8) -> u64 {
    (hash ^ u64::from(letter.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3)
}

/// Finds the number of a word while a text is read: open addressing with linear probing, at most half full. The numbers
/// depend on the order of the words alone, not on the hashes.
#[derive(Default)]
struct Numbers {
    /// The upper half of a word's hash and its number plus 1; 0 in a free place.
    places: Vec<(u32, u32)>,
}

impl Numbers {
    fn number(&mut self, hash: u64, word: Range<u32>, bytes: &[u8], vocabulary: &mut Vec<Range<u32>>) -> u32 {
        if vocabulary.len() * 2 >= self.places.len() {
            self.grow(bytes, vocabulary);
        }
        let slice = |word: &Range<u32>| &bytes[word.start as usize..word.end as usize];
        let hash = mix(hash);
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.places[at] {
                (_, 0) => {
                    vocabulary.push(word);
                    self.places[at] = ((hash >> 32) as u32, vocabulary.len() as u32);
                    return vocabulary.len() as u32 - 1;
                }
                (tag, number) if tag == (hash >> 32) as u32 => {
                    let known = slice(&vocabulary[number as usize - 1]);
                    if known.eq_ignore_ascii_case(slice(&word)) {
                        return number - 1;
                    }
                }
                _ => {}
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self, bytes: &[u8], vocabulary: &[Range<u32>]) {
        let mask = (self.places.len() * 4).max(1024) - 1;
        self.places.clear();
        self.places.resize(mask + 1, (0, 0));
        for (number, word) in vocabulary.iter().enumerate() {
            let letters = &bytes[word.start as usize..word.end as usize];
            let hash = mix(letters.iter().fold(HASH_START, |hash, &letter| hash_letter(hash, letter)));
            let mut at = hash as usize & mask;
            while self.places[at].1 != 0 {
                at = (at + 1) & mask;
            }
            self.places[at] = ((hash >> 32) as u32, number as u32 + 1);
        }
    }
}

/// An offset is the byte at which a piece starts.
struct Pieces {
    text: Arc<Text>,
    period: Time,
    /// The pieces of each split.
    splits: Vec<Range<usize>>,
}

impl Pieces {
    fn new(text: Arc<Text>, splits: u32, period: Time) -> Pieces {
        let bytes = text.bytes().len() as u64;
        let first = |split: u32| text.piece_at(bytes * u64::from(split) / u64::from(splits));
        let splits = (0..splits).map(|split| first(split)..first(split + 1)).collect();
        Pieces { text, period, splits }
    }
}

impl Input for Pieces {
    fn splits(&self) -> u32 {
        self.splits.len() as u32
    }

    fn start(&self, split: u32) -> u64 {
        u64::from(self.text.pieces[self.splits[split as usize].start])
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let piece = self.text.piece_at(offset);
        let range = &self.splits[split as usize];
        if !range.contains(&piece) {
            return None;
        }
        let (start, end) = (self.text.pieces[piece], self.text.pieces[piece + 1]);
        let record = Record {
            lineage: 0,
            key: piece as u64,
            value: piece as i64,
            event_time: (piece - range.start) as u64 * self.period,
            size: end - start,
        };
        Some(Entry { record, next: u64::from(end) })
    }

    /// The piece, and the numbers of its words, which depend on what stands before it in the text.
    fn behind(&self, _split: u32, offset: u64) -> u64 {
        let piece = self.text.piece_at(offset);
        let words = self.text.words(piece).iter();
        words.fold(xxh3_64(self.text.piece(piece)), |hash, &word| mix(hash.wrapping_add(u64::from(word) + 1)))
    }

    fn describe(&self, _split: u32, offset: u64) -> String {
        const LONGEST: usize = 60;
        let piece = self.text.piece_at(offset);
        let bytes = self.text.piece(piece);
        let shown = bytes[..bytes.len().min(LONGEST)].escape_ascii();
        let dots = if bytes.len() > LONGEST { "..." } else { "" };
        format!("piece {piece} of the text, at byte {offset}: \"{shown}{dots}\"")
    }
}

#[cfg(test)]
mod tests;
