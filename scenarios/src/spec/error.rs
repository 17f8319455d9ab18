//! What is wrong with a scenario: where it stands, what was found there, what is allowed. The text is made here; whoever
//! owns a terminal prints it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet, normalize_untrusted_str};

/// How an error is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendering {
    /// Text only: for files, pipes and tests.
    Plain,
    /// With ANSI colours.
    Coloured,
}

/// Something is wrong with a scenario. Its `Display` is the plain rendering, of several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError(Box<Problem>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Problem {
    message: String,
    key: Option<String>,
    place: Option<Quote>,
    help: Vec<String>,
}

/// A piece of text to point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// The file, or `--set`.
    pub(crate) origin: String,
    /// The whole text of the file, or of the argument.
    pub(crate) text: String,
    /// The bytes to underline.
    pub(crate) span: Range<usize>,
    /// True for a text with lines to count.
    pub(crate) is_file: bool,
}

impl Quote {
    /// The span, made to fit the text: never beyond its end, and never inside a character.
    fn fitted(&self) -> Range<usize> {
        let fit = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = fit(self.span.start);
        start..fit(self.span.end).max(start)
    }

    fn line(&self) -> usize {
        1 + self.text[..self.fitted().start].matches('\n').count()
    }
}

impl ScenarioError {
    /// An error with a message that says what was found and, if possible, what is allowed.
    pub fn new(message: impl Into<String>) -> Self {
        ScenarioError(Box::new(Problem { message: message.into(), ..Problem::default() }))
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    pub(crate) fn with_key(mut self, key: String) -> Self {
        self.0.key = Some(key).filter(|key| !key.is_empty());
        self
    }

    pub(crate) fn with_place(mut self, place: Quote) -> Self {
        self.0.place = Some(place);
        self
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The key it is about, in the form that `--set` takes; `None` if it is about no key.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The file it is in, or `--set` if an override is to blame; `None` if it is in no file that could be read.
    pub fn origin(&self) -> Option<&str> {
        self.0.place.as_ref().map(|place| place.origin.as_str())
    }

    /// The line of the file, from 1; `None` if it is in no file, or if an override is to blame.
    pub fn line(&self) -> Option<usize> {
        self.0.place.as_ref().filter(|place| place.is_file).map(Quote::line)
    }

    /// What to do, one line each.
    pub fn help(&self) -> &[String] {
        &self.0.help
    }

    /// The error as text of several lines, without a final line break.
    pub fn render(&self, rendering: Rendering) -> String {
        let problem = &self.0;
        let clean = |text: &str| normalize_untrusted_str(text).replace('\n', " ");
        let mut elements: Vec<Element<'_>> = Vec::new();
        let in_key = problem.key.as_ref().map(|key| format!("key `{}`", clean(key)));
        match &problem.place {
            Some(place) => {
                let mark = AnnotationKind::Primary.span(place.fitted()).label(in_key);
                let snippet = Snippet::source(place.text.as_str()).annotation(mark);
                let path = place.is_file.then(|| clean(&place.origin));
                elements.push(snippet.line_numbering(place.is_file).path(path).into());
            }
            None => elements.extend(in_key.map(|key| Level::NOTE.message(key).into())),
        }
        elements.extend(problem.help.iter().map(|help| Level::HELP.message(clean(help)).into()));
        let title = match &problem.place {
            Some(place) if !place.is_file => format!("{} (by `{}`)", problem.message, place.text),
            _ => problem.message.clone(),
        };
        let renderer = match rendering {
            Rendering::Plain => Renderer::plain(),
            Rendering::Coloured => Renderer::styled(),
        };
        let group: Group<'_> = Level::ERROR.primary_title(clean(&title)).elements(elements);
        renderer.render(&[group])
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Rendering::Plain))
    }
}

impl std::error::Error for ScenarioError {}

/// "Did you mean ...?", if one of the known names is close to the one that was found.
pub fn suggestion<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Comparing takes the product of the lengths: a name that is this long is no slip of the pen.
    const LONGEST: usize = 100;
    const ALIKE: f64 = 0.75;
    if found.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let found = plain(found);
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(&found, &plain(name)), name));
    let best = scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!("did you mean `{}`?", best.1))
}

/// The known names as a line of help.
pub(crate) fn listing<'a>(what: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 40;
    let names: Vec<String> = known.into_iter().take(MOST).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { format!("{what}: none") } else { format!("{what}: {}", names.join(", ")) }
}
