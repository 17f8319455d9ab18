//! Where everything in a scenario file stands, so that an error found long after parsing still points at its line.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::{Quote, ScenarioError};
use super::set::Override;

/// One step of the way from the root of a file to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Into the value of this key.
    Key(String),
    /// Into this element of an array.
    Index(usize),
}

/// The way from the root of a file to a value.
pub(crate) type KeyPath = Vec<Step>;

/// Makes a path of keys and, for numbers, indices.
macro_rules! key_path {
    ($($step:expr),* $(,)?) => {
        $crate::spec::document::KeyPath::from([$($crate::spec::document::Step::from($step)),*])
    };
}
pub(crate) use key_path;

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// Where a value stands in the text: the bytes of its key (none for an element of an array) and of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// A scenario file as text, with the place of every value, and the overrides that were laid over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    file: String,
    text: String,
    places: BTreeMap<KeyPath, Place>,
    operators: Vec<String>,
    overrides: Vec<Override>,
}

impl Document {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        Document {
            file: file.to_owned(),
            text: text.to_owned(),
            places: BTreeMap::new(),
            operators: Vec::new(),
            overrides: Vec::new(),
        }
    }

    /// The name of the file, as errors show it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text of the file, without the overrides.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The overrides, `key=value`, in the order in which they were applied: with the text, all that a replay needs.
    pub fn overrides(&self) -> impl Iterator<Item = &str> {
        self.overrides.iter().map(Override::argument)
    }

    /// Notes where everything in the file stands.
    pub(crate) fn index(&mut self, table: &DeTable<'_>) {
        self.index_table(table, &mut Vec::new());
        let operators = table.get("job").and_then(|job| job.get_ref().get("operator"));
        let uid = |operator: &DeValue<'_>| {
            operator.get("uid").and_then(|uid| uid.get_ref().as_str().map(str::to_owned))
        };
        if let Some(DeValue::Array(operators)) = operators.map(|operators| operators.get_ref()) {
            self.operators =
                operators.iter().map(|operator| uid(operator.get_ref()).unwrap_or_default()).collect();
        }
    }

    fn index_table(&mut self, table: &DeTable<'_>, path: &mut KeyPath) {
        for (key, value) in table {
            path.push(Step::Key(key.get_ref().to_string()));
            self.index_value(Some(key.span()), value.span(), value.get_ref(), path);
            path.pop();
        }
    }

    fn index_value(
        &mut self,
        key: Option<Range<usize>>,
        span: Range<usize>,
        value: &DeValue<'_>,
        path: &mut KeyPath,
    ) {
        self.places.insert(path.clone(), Place { key, value: span });
        match value {
            DeValue::Table(table) => self.index_table(table, path),
            DeValue::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.index_value(None, element.span(), element.get_ref(), path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    pub(crate) fn add_override(&mut self, applied: Override) {
        self.overrides.push(applied);
    }

    /// A path as `--set` takes it: operators of the job by uid, other elements by index.
    pub(crate) fn show(&self, path: &[Step]) -> String {
        let mut shown = String::new();
        for (depth, step) in path.iter().enumerate() {
            let uid = match step {
                Step::Index(index) if depth == 2 && is_operators(&path[..2]) => self.operators.get(*index),
                _ => None,
            };
            if depth > 0 {
                shown.push('.');
            }
            match (step, uid) {
                (_, Some(uid)) if !uid.is_empty() => shown.push_str(uid),
                (Step::Key(key), _) => shown.push_str(key),
                (Step::Index(index), _) => shown.push_str(&index.to_string()),
            }
        }
        shown
    }

    /// Puts an error in its place: the override that set the value at the path or, failing that, the value's line.
    pub(crate) fn locate(&self, error: ScenarioError, path: &[Step]) -> ScenarioError {
        self.locate_at(error, path, None, false)
    }

    /// Like [`Document::locate`] with a better idea of the bytes to underline, if the file is to blame.
    pub(crate) fn locate_at(
        &self,
        error: ScenarioError,
        path: &[Step],
        span: Option<Range<usize>>,
        at_key: bool,
    ) -> ScenarioError {
        let error = error.with_key(self.show(path));
        let blamed = self.overrides.iter().rev().find(|applied| path.starts_with(applied.anchor()));
        if let Some(applied) = blamed {
            return error.with_place(applied.quote(path, at_key));
        }
        let one_line = |span: &Range<usize>| {
            self.text.get(span.clone()).is_some_and(|text| !text.is_empty() && !text.contains('\n'))
        };
        let span = span.filter(&one_line).unwrap_or_else(|| self.span_of(path, at_key, one_line));
        error.with_place(Quote { origin: self.file.clone(), text: self.text.clone(), span, is_file: true })
    }

    /// The bytes to underline for a path: its value, its key if the value has several lines, or what it is nearest to.
    fn span_of(&self, path: &[Step], at_key: bool, one_line: impl Fn(&Range<usize>) -> bool) -> Range<usize> {
        for depth in (1..=path.len()).rev() {
            let Some(place) = self.places.get(&path[..depth]) else { continue };
            let exact = depth == path.len();
            if exact && !at_key && one_line(&place.value) {
                return place.value.clone();
            }
            return place.key.clone().unwrap_or_else(|| place.value.clone());
        }
        0..0
    }

    /// The path of the last override that put something below a path.
    pub(crate) fn overridden_below(&self, path: &[Step]) -> Option<KeyPath> {
        let below = |applied: &&Override| applied.anchor().starts_with(path);
        self.overrides.iter().rev().find(below).map(|applied| applied.anchor().to_vec())
    }

    /// Moves an error from its line to the override that made it one.
    pub(crate) fn accuse(&self, error: ScenarioError, index: usize) -> ScenarioError {
        let Some(applied) = self.overrides.get(index) else { return error };
        let key = error.key().map(|key| format!("`{key}`, ")).unwrap_or_default();
        let clash = error.line().map(|line| format!("it clashes with {key}line {line} of {}", self.file));
        let error = error.with_key(self.show(applied.anchor()));
        let error = error.with_place(applied.quote(applied.anchor(), false));
        match clash {
            Some(clash) => error.with_help(clash),
            None => error,
        }
    }

    /// The line of the file on which a value stands, from 1; `None` if an override put it there.
    pub(crate) fn line(&self, path: &[Step]) -> Option<usize> {
        self.locate(ScenarioError::new(""), path).line()
    }
}

/// True for the path of the array of operators, whose elements go by their uid.
pub(crate) fn is_operators(path: &[Step]) -> bool {
    matches!(path, [Step::Key(job), Step::Key(operator)] if job == "job" && operator == "operator")
}
