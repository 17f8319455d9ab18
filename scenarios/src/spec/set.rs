//! Overrides from the command line: `--set execution.checkpointing.interval=1s`. An override is laid over the parsed file
//! before anything is checked, so it goes through the same checks, and an error that it causes points at it.
//!
//! The key is the way to the value, joined by dots. An operator goes by its uid (`job.operator.count.parallelism=4`), an
//! edge by its place, from 0 (`job.edge.0.ship=hash`). The value is TOML if it can be read as TOML, and a string
//! otherwise: `1s`, `"1s"` and `'1s'` are the same.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::document::{Document, KeyPath, Step, is_operators};
use super::error::{Quote, ScenarioError, listing, suggestion};

/// Most steps of a key: the format itself needs seven.
const DEPTH_MAX: usize = 16;
/// Longest override in bytes.
const LENGTH_MAX: usize = 64 * 1024;

/// An override that has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    argument: String,
    anchor: KeyPath,
}

impl Override {
    /// The argument as it was given.
    pub(crate) fn argument(&self) -> &str {
        self.argument.strip_prefix(PREFIX).unwrap_or(&self.argument)
    }

    /// The shortest path that did not exist, or had another value, before this override.
    pub(crate) fn anchor(&self) -> &[Step] {
        &self.anchor
    }

    /// The part of the argument that a path leads to: its value, or the key itself.
    pub(crate) fn quote(&self, path: &[Step], at_key: bool) -> Quote {
        let (keys, value) = parts(&self.argument);
        let inside = path.len() > keys.len();
        let span = match path.len().checked_sub(1).and_then(|last| keys.get(last)) {
            Some(key) if !inside && (at_key || path.len() < keys.len()) => key.clone(),
            _ => value,
        };
        quote(&self.argument, span)
    }
}

/// What errors show in front of the argument.
const PREFIX: &str = "--set ";

fn quote(argument: &str, span: Range<usize>) -> Quote {
    Quote { origin: "--set".to_owned(), text: argument.to_owned(), span, is_file: false }
}

/// The bytes of the keys and of the value in an argument with its prefix.
fn parts(argument: &str) -> (Vec<Range<usize>>, Range<usize>) {
    let end = argument.find('=').unwrap_or(argument.len());
    let mut start = PREFIX.len().min(end);
    let mut keys = Vec::new();
    for key in argument[start..end].split('.') {
        keys.push(start..start + key.len());
        start += key.len() + 1;
    }
    (keys, (end + 1).min(argument.len())..argument.len())
}

/// Lays one override over the parsed file.
pub(crate) fn apply<'i>(
    argument: &'i str,
    root: &mut Spanned<DeTable<'i>>,
    document: &mut Document,
) -> Result<(), ScenarioError> {
    let prefixed = format!("{PREFIX}{argument}");
    if argument.len() > LENGTH_MAX {
        let message = format!("an override of {} bytes is too long: at most {LENGTH_MAX}", argument.len());
        return Err(ScenarioError::new(message));
    }
    let whole = PREFIX.len()..prefixed.len();
    let Some((key, value)) = argument.split_once('=') else {
        let error = ScenarioError::new("an override needs a key and a value: write `--set key=value`");
        return Err(error.with_place(quote(&prefixed, whole)));
    };
    let steps: Vec<&str> = key.split('.').map(str::trim).collect();
    if steps.len() > DEPTH_MAX || steps.iter().any(|step| step.is_empty()) {
        let message = format!("`{key}` is not a key: write 1 to {DEPTH_MAX} names, joined by dots");
        return Err(ScenarioError::new(message).with_place(quote(&prefixed, whole)));
    }
    let value =
        DeValue::parse(value).map(Spanned::into_inner).unwrap_or(DeValue::String(Cow::Borrowed(value)));
    match insert(root.get_mut(), &steps, value) {
        Ok(anchor) => {
            document.add_override(Override { argument: prefixed, anchor });
            Ok(())
        }
        Err((depth, error)) => {
            let (keys, _) = parts(&prefixed);
            let span = keys.get(depth).cloned().unwrap_or(whole);
            Err(error.with_key(steps[..=depth].join(".")).with_place(quote(&prefixed, span)))
        }
    }
}

/// A thing that has children.
enum Node<'a, 'i> {
    Table(&'a mut DeTable<'i>),
    Array(&'a mut DeArray<'i>),
}

/// Puts a value where the steps lead, making tables on the way. Returns the shortest path that is new; or else at which
/// step it went wrong, and how.
fn insert<'i>(
    root: &mut DeTable<'i>,
    steps: &[&'i str],
    value: DeValue<'i>,
) -> Result<KeyPath, (usize, ScenarioError)> {
    let mut node = Node::Table(root);
    let mut path = KeyPath::new();
    let mut anchor = None;
    let last = steps.len() - 1;
    for (depth, &step) in steps.iter().enumerate() {
        let child = match node {
            Node::Table(table) => {
                path.push(Step::Key(step.to_owned()));
                if !table.contains_key(step) {
                    anchor.get_or_insert_with(|| path.clone());
                    let empty = DeValue::Table(DeTable::new());
                    table.insert(Spanned::new(0..0, Cow::Borrowed(step)), Spanned::new(0..0, empty));
                }
                table.get_mut(step)
            }
            Node::Array(array) => {
                let index = find(array, step, &path).map_err(|error| (depth, error))?;
                path.push(Step::Index(index));
                array.get_mut(index)
            }
        };
        let Some(child) = child else { break };
        if depth == last {
            *child.get_mut() = value;
            return Ok(anchor.unwrap_or(path));
        }
        node = match child.get_mut() {
            DeValue::Table(table) => Node::Table(table),
            DeValue::Array(array) => Node::Array(array),
            scalar => {
                let error = format!("`{step}` is a {}: nothing lies below it", scalar.type_str());
                let help = format!("set `{}` itself", steps[..=depth].join("."));
                return Err((depth, ScenarioError::new(error).with_help(help)));
            }
        };
    }
    Err((last, ScenarioError::new("this key leads nowhere")))
}

/// The element of an array that a step names: an operator by its uid, anything else by its index.
fn find(array: &DeArray<'_>, step: &str, path: &[Step]) -> Result<usize, ScenarioError> {
    if !is_operators(path) {
        let index = step.parse().ok().filter(|&index: &usize| index < array.len());
        return index.ok_or_else(|| {
            let count = array.len();
            let allowed =
                if count == 0 { "it is empty".to_owned() } else { format!("write 0 to {}", count - 1) };
            ScenarioError::new(format!("`{step}` is not an element of this array: {allowed}"))
        });
    }
    let uid = |element: &Spanned<DeValue<'_>>| -> Option<String> {
        element.get_ref().get("uid")?.get_ref().as_str().map(str::to_owned)
    };
    let uids: Vec<String> = array.iter().map(|element| uid(element).unwrap_or_default()).collect();
    uids.iter().position(|uid| uid == step).ok_or_else(|| {
        let known = || uids.iter().map(String::as_str).filter(|uid| !uid.is_empty());
        let mut error = ScenarioError::new(format!("no operator has the uid `{step}`"));
        if let Some(help) = suggestion(step, known()) {
            error = error.with_help(help);
        }
        error.with_help(listing("operators", known()))
    })
}
