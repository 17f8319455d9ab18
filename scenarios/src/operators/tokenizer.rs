//! Turns a piece of text into its words: one record per word, with the word's number as key and the value 1. No state.
//!
//! Needs the input `text`, whose records' values are pieces. What a word is, is said at
//! [`inputs::text`](crate::inputs::text).

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage};

use super::{Contents, OperatorError};
use crate::inputs::text::Text;

struct Tokenizer {
    text: Arc<Text>,
}

/// Makes the operator.
///
/// # Errors
/// The job has no text, or several.
pub fn build(contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Tokenizer { text: contents.text("tokenizer")? }))
}

impl Operator for Tokenizer {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let Ok(piece) = usize::try_from(record.value) else { return };
        let words = self.text.words(piece).iter().enumerate();
        cx.out.extend(words.map(|(index, &word)| Record {
            lineage: derive_lineage(record.lineage, index as u64),
            key: word.into(),
            value: 1,
            event_time: record.event_time,
            size: self.text.word_bytes(word),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn a_piece_becomes_its_words() {
        let tokenizer = Tokenizer { text: Arc::new(Text::new(b"a rose\nis a rose\n".to_vec())) };
        let records: Vec<_> = (0..3).map(|piece| (0, record(0, piece, piece as u64))).collect();
        let (state, out) = run(&tokenizer, &records, 0);
        assert!(out.iter().map(|out| (out.key, out.size)).eq([(0, 1), (1, 4), (2, 2), (0, 1), (1, 4)]));
        assert!(out.iter().map(|out| out.event_time).eq([0, 0, 1, 1, 1]));
        assert!(state.is_empty());
        assert_ne!(out[0].lineage, out[3].lineage);
    }
}
