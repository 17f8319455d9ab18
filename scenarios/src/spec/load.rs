//! From text to a checked [`ScenarioSpec`]: parse, lay the overrides over it, read it, and turn serde's words into ours.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::de::DeTable;

use super::ScenarioSpec;
use super::document::{Document, KeyPath, Step, key_path};
use super::error::{Quote, ScenarioError, listing, suggestion};
use super::set;
use crate::library_files::ScenarioText;

/// A scenario, and where each of its words stands.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it says.
    pub spec: ScenarioSpec,
    /// The text it was read from, with the overrides.
    pub document: Document,
    /// The folder that paths inside the scenario start from; `None` for a scenario of the library.
    pub folder: Option<std::path::PathBuf>,
}

/// What differs between the formats that are read here: scenarios and fault profiles.
pub(crate) struct Format {
    /// What a file of this format is called.
    pub(crate) noun: &'static str,
    /// The keys that every file needs, for the reader of an empty one.
    pub(crate) needs: &'static str,
    /// What the line `about` says.
    pub(crate) about: &'static str,
    /// What to do about a missing key; the flag is true at the top of the file.
    pub(crate) missing: fn(bool, &str) -> &'static str,
}

const SCENARIO: Format = Format {
    noun: "scenario",
    needs: "at least `name`, `about`, `input` and `job`",
    about: "what the scenario shows, and why",
    missing: missing_in_scenario,
};

/// Reads a scenario, with overrides of the form `key=value` laid over it in order.
///
/// # Errors
/// If the text is not TOML or not a scenario. The error points at the line, or at the override.
pub fn load(source: &ScenarioText, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    let (spec, document): (ScenarioSpec, _) = read(source, overrides, &SCENARIO)?;
    check_about(&spec.about, &document, &SCENARIO)?;
    Ok(Scenario { spec, document, folder: source.folder.clone() })
}

/// Reads a text of any format, with overrides laid over it in order.
pub(crate) fn read<T: DeserializeOwned>(
    source: &ScenarioText,
    overrides: &[String],
    format: &Format,
) -> Result<(T, Document), ScenarioError> {
    let mut document = Document::new(&source.file, &source.text);
    if source.text.trim().is_empty() {
        let Format { noun, needs, .. } = format;
        let error = ScenarioError::new(format!("the file is empty: a {noun} needs {needs}"));
        return Err(document.locate(error, &[]).with_help("begin with a copy of one from the library"));
    }
    let mut root = DeTable::parse(&source.text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let place = Quote { origin: source.file.clone(), text: source.text.clone(), span, is_file: true };
        ScenarioError::new(format!("this is not TOML: {}", error.message())).with_place(place)
    })?;
    document.index(root.get_ref());
    for argument in overrides {
        set::apply(argument, &mut root, &mut document)?;
    }
    let deserializer = toml::de::Deserializer::from(root);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    match T::deserialize(tracked) {
        Ok(spec) => Ok((spec, document)),
        Err(error) => Err(explain(&document, &error, &steps(&track.path()), format)),
    }
}

/// Checks that `about` is one line.
pub(crate) fn check_about(about: &str, document: &Document, format: &Format) -> Result<(), ScenarioError> {
    if !about.trim().is_empty() && !about.contains('\n') && about.len() <= 400 {
        return Ok(());
    }
    let message = format!("`about` must be one line of 1 to 400 bytes: say {}", format.about);
    Err(document.locate(ScenarioError::new(message), &key_path!["about"]))
}

fn steps(path: &serde_path_to_error::Path) -> KeyPath {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { variant } => Some(Step::Key(variant.clone())),
        Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

/// The text between the first pair of backticks, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('`')?.split_once('`')
}

/// All texts between backticks.
fn all_quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Serde's message, in the words of this format, in its place.
fn explain(document: &Document, error: &toml::de::Error, path: &[Step], format: &Format) -> ScenarioError {
    let message = error.message();
    let span = error.span();
    if let Some((found, known)) = message.strip_prefix("unknown field ").and_then(quoted) {
        let mut path = path.to_vec();
        if path.last() != Some(&Step::from(found)) {
            path.push(Step::from(found));
        }
        let error = unknown(&format!("unknown key `{found}`"), "keys allowed here", found, known);
        return document.locate_at(error, &path, span, true);
    }
    // A variant's parameters are checked by the `toml` crate, which has words of its own.
    let keys = message
        .strip_prefix("unexpected keys in table: ")
        .and_then(|keys| keys.split_once(", available keys: "));
    if let Some((found, known)) = keys {
        let found = found.split(", ").next().unwrap_or(found);
        let known: String = known.split(", ").map(|key| format!("`{key}`")).collect();
        let path: KeyPath = path.iter().cloned().chain([Step::from(found)]).collect();
        let error = unknown(&format!("unknown key `{found}`"), "keys allowed here", found, &known);
        return document.locate_at(error, &path, span, true);
    }
    if let Some((found, known)) = message.strip_prefix("unknown variant ").and_then(quoted) {
        let error = unknown(&format!("unknown value `{found}`"), "allowed", found, known);
        return document.locate_at(error, path, span, false);
    }
    if let Some((name, _)) = message.strip_prefix("missing field ").and_then(quoted) {
        return missing(document, path, name, format);
    }
    if message.starts_with("wanted exactly 1 element") {
        let error = ScenarioError::new("exactly one kind must stand here: `{ kind = { parameters } }`");
        let above = document.overridden_below(path).unwrap_or_else(|| path.to_vec());
        return document.locate_at(error, &above, span, true).with_help("remove the others, or name one");
    }
    document.locate_at(ScenarioError::new(reword(message, path)), path, span, false)
}

fn unknown(message: &str, title: &str, found: &str, known: &str) -> ScenarioError {
    let known = all_quoted(known);
    let mut error = ScenarioError::new(message);
    if let Some(help) = suggestion(found, known.iter().copied()) {
        error = error.with_help(help);
    }
    error.with_help(listing(title, known))
}

fn missing(document: &Document, path: &[Step], name: &str, format: &Format) -> ScenarioError {
    let error = ScenarioError::new(format!("the key `{name}` is missing"));
    let help = (format.missing)(path.is_empty(), name);
    let full: KeyPath = path.iter().cloned().chain([Step::from(name)]).collect();
    // The key has no place of its own: the table around it is underlined.
    document.locate_at(error, path, None, true).with_key(document.show(&full)).with_help(help)
}

fn missing_in_scenario(at_top: bool, key: &str) -> &'static str {
    match (at_top, key) {
        (true, "input") => {
            "add an input: `[input.text]` with `kind = { text = { rate = \"20000/s\", splits = 2 } }`"
        }
        (true, "job") | (false, "operator") => "add operators, `[[job.operator]]`, and edges, `[[job.edge]]`",
        (true, "name") => "add `name = \"...\"` at the top: letters, digits, `-` and `_`",
        (true, "about") => "add `about = \"...\"` at the top: one line that says what the scenario shows",
        (_, "does") => {
            "add `does = ...`: `{ source = \"input\" }`, `{ sink = \"transactional\" }` or an operator's kind"
        }
        (_, "ship") => "add `ship = ...`: `\"forward\"`, `\"hash\"`, `\"rebalance\"` or `\"broadcast\"`",
        (_, "at") => "add `at = \"30s\"`: when it is asked for, from the beginning of the run",
        _ => "add it",
    }
}

/// The words of serde and toml that speak of Rust and not of the file.
fn reword(message: &str, path: &[Step]) -> String {
    let kind = match path.last() {
        Some(Step::Key(kind)) => kind.as_str(),
        _ => "kind",
    };
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "something else"));
        if found == "unit variant" {
            return format!("this kind needs parameters: write `{{ {kind} = {{ ... }} }}`");
        }
        let found = match found {
            "map" => "a table",
            "sequence" => "an array",
            _ => found,
        };
        let expected = match expected.split_once(' ') {
            Some(("struct", name)) if name.starts_with(char::is_uppercase) => "a table",
            Some(("struct", _)) => "a table",
            _ if expected == "a map" => "a table",
            _ if expected == "a sequence" => "an array",
            _ => expected,
        };
        return format!("found {found}: write {expected}");
    }
    match message {
        "wanted string or table" => "write the kind as a string, or `{ kind = { parameters } }`".to_owned(),
        "integer number overflowed" => "this number is out of range: it has more than 128 bits".to_owned(),
        "expected empty table" => "this kind has no parameters: write it as a string".to_owned(),
        _ if message.starts_with("expected table, found") => "this kind takes a table, or nothing".to_owned(),
        _ => message.to_owned(),
    }
}
