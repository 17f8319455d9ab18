//! Rust source as far as the rules need it: what is code, what is comment, what is a test.

/// A line of source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The line with its comments, and with the insides of strings and characters, blanked.
    pub code: String,
    /// The line with its comments blanked.
    pub code_and_strings: String,
    /// The line comment that ends the line, without its slashes; empty if there is none.
    pub comment: String,
    /// True inside an item that is compiled for tests only.
    pub test: bool,
}

/// What the reader of characters is inside of.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Code,
    LineComment,
    /// With its depth: block comments nest.
    BlockComment(usize),
    Text,
    /// With the number of its hashes.
    RawText(usize),
}

/// Takes a source apart, line by line.
pub fn lines(source: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = split(source);
    mark_tests(&mut lines);
    lines
}

fn split(source: &str) -> Vec<Line> {
    let chars: Vec<char> = source.chars().collect();
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < chars.len() {
        let here = chars[at];
        if here == '\n' {
            lines.push(std::mem::take(&mut line));
            if inside == Inside::LineComment {
                inside = Inside::Code;
            }
            at += 1;
            continue;
        }
        let (next, length) = step(inside, &chars, at);
        for &c in &chars[at..(at + length).min(chars.len())] {
            let (code, text) = match (inside, next) {
                (Inside::Code, Inside::Code) => (!is_char_literal(&chars, at), true),
                (Inside::Code, Inside::Text | Inside::RawText(_)) => (true, true),
                (Inside::Text | Inside::RawText(_), Inside::Code) => (true, true),
                (Inside::Text, _) | (Inside::RawText(_), _) => (false, true),
                _ => (false, false),
            };
            line.code.push(if code { c } else { ' ' });
            line.code_and_strings.push(if text { c } else { ' ' });
            if inside == Inside::LineComment {
                line.comment.push(c);
            }
        }
        inside = next;
        at += length;
    }
    lines.push(line);
    lines
}

/// What follows the characters here, and how many they are.
fn step(inside: Inside, chars: &[char], at: usize) -> (Inside, usize) {
    let is = |word: &str| word.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    match inside {
        Inside::Code if is("//") => (Inside::LineComment, 2),
        Inside::Code if is("/*") => (Inside::BlockComment(1), 2),
        Inside::Code if is("\"") => (Inside::Text, 1),
        Inside::Code if chars[at] == 'r' && !after_a_word(chars, at) => match raw_text(chars, at) {
            Some(hashes) => (Inside::RawText(hashes), hashes + 2),
            None => (Inside::Code, 1),
        },
        Inside::Code if is_char_literal(chars, at) => (Inside::Code, char_literal(chars, at)),
        Inside::BlockComment(depth) if is("/*") => (Inside::BlockComment(depth + 1), 2),
        Inside::BlockComment(1) if is("*/") => (Inside::Code, 2),
        Inside::BlockComment(depth) if is("*/") => (Inside::BlockComment(depth - 1), 2),
        Inside::Text if is("\\") && chars.get(at + 1).is_some_and(|&c| c != '\n') => (Inside::Text, 2),
        Inside::Text if is("\"") => (Inside::Code, 1),
        Inside::RawText(hashes) if is("\"") && (1..=hashes).all(|i| chars.get(at + i) == Some(&'#')) => {
            (Inside::Code, hashes + 1)
        }
        _ => (inside, 1),
    }
}

/// True when the character before belongs to a name, a byte string's `b` aside.
fn after_a_word(chars: &[char], at: usize) -> bool {
    let word = |back: usize| at >= back && is_word(chars[at - back]);
    let prefix = at > 0 && matches!(chars[at - 1], 'b' | 'c') && !word(2);
    word(1) && !prefix
}

/// The number of hashes, if a raw string begins here.
fn raw_text(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

/// True if a character literal begins here, and not a lifetime.
fn is_char_literal(chars: &[char], at: usize) -> bool {
    chars[at] == '\'' && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\''))
}

fn char_literal(chars: &[char], at: usize) -> usize {
    let inner = if chars.get(at + 1) == Some(&'\\') { 3 } else { 2 };
    let rest = chars.get(at + inner..).unwrap_or(&[]);
    inner + rest.iter().position(|&c| c == '\'').unwrap_or(0) + 1
}

/// Marks items under `#[cfg(test)]`: up to the brace that closes the first one opened, or up to a semicolon before it.
fn mark_tests(lines: &mut [Line]) {
    let mut open: Option<usize> = None;
    for line in lines {
        let begins = line.code.find("#[cfg(test)]");
        let from = match (open, begins) {
            (Some(_), _) => 0,
            (None, Some(at)) => {
                open = Some(0);
                at + "#[cfg(test)]".len()
            }
            (None, None) => continue,
        };
        line.test = true;
        for c in line.code[from..].chars() {
            let Some(depth) = &mut open else { break };
            match c {
                '{' => *depth += 1,
                '}' => *depth = depth.saturating_sub(1),
                _ => {}
            }
            if matches!(c, '}' | ';') && *depth == 0 {
                open = None;
            }
        }
    }
}

/// True for characters that names are made of.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// True if the text holds this, not as a part of a longer name.
pub fn has_word(text: &str, word: &str) -> bool {
    let first = word.chars().next().is_some_and(is_word);
    let last = word.chars().next_back().is_some_and(is_word);
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(is_word);
        let after = text[at + word.len()..].chars().next().is_some_and(is_word);
        !(first && before || last && after)
    })
}

/// The words that names are made of, in lower case: `StopTheWorld`, `stop_the_world` and `stop-the-world` are the same.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let begins = c.is_uppercase() && !before.is_uppercase();
        if !c.is_alphanumeric() || begins {
            words.push(String::new());
            // What lies between two names keeps them apart.
            if !c.is_alphanumeric() && !matches!(c, '_' | '-') {
                words.push(" ".to_owned());
                words.push(String::new());
            }
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> Vec<String> {
        lines(source).into_iter().map(|line| line.code.trim().to_owned()).collect()
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(code("a // b\n/* c /* d */ e */ f\n/// g\nh"), ["a", "f", "", "h"]);
        assert_eq!(lines("a // float: b")[0].comment, " float: b");
    }

    #[test]
    fn the_insides_of_strings_are_no_code() {
        assert_eq!(code("f(\"a // b\") g"), ["f(\"      \") g"]);
        assert_eq!(code("f(\"a \\\" b\") g"), ["f(\"      \") g"]);
        assert_eq!(code("f(r#\"a \" b\"#) g"), ["f(r#\"     \"#) g"]);
        assert_eq!(lines("f(\"a // b\")")[0].code_and_strings, "f(\"a // b\")");
        assert_eq!(code("\"a\nb // c\" d"), ["\"", "\" d"]);
    }

    #[test]
    fn a_quote_may_be_a_character_or_a_lifetime() {
        assert_eq!(code("f('\"') // a"), ["f(   )"]);
        assert_eq!(code("f('\\'', 'x') // a"), ["f(    ,    )"]);
        assert_eq!(code("fn f<'a>(x: &'a str) // b"), ["fn f<'a>(x: &'a str)"]);
    }

    #[test]
    fn test_modules_end_where_their_braces_do() {
        let source = "a\n#[cfg(test)]\nmod tests {\n fn f() { \"}\" }\n}\nb\n#[cfg(test)]\nmod tests;\nc";
        let tests: Vec<bool> = lines(source).iter().map(|line| line.test).collect();
        assert_eq!(tests, [false, true, true, true, true, false, true, true, false]);
    }

    #[test]
    fn words_are_whole_words() {
        assert!(has_word("use x::Instant;", "Instant") && !has_word("Instants", "Instant"));
        assert!(has_word("print!(", "print!") && !has_word("eprint!(", "print!"));
        assert_eq!(words("StopTheWorld"), ["stop", "the", "world"]);
        assert_eq!(words("stop_the-world"), ["stop", "the", "world"]);
        assert_eq!(words("stop(the)"), ["stop", " ", "the", " "]);
    }
}
