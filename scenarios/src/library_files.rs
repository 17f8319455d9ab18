//! The scenarios that come with Cutline, and files of the user's own. One row names each file of the folder `library`;
//! a test fails for a file that no row names.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::spec::error::{Quote, ScenarioError, listing, suggestion};

/// Longest file in bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

/// A row of the table: the name, which is also the file's, and the text.
macro_rules! row {
    ($name:literal) => {
        ($name, include_str!(concat!("../library/", $name, ".toml")))
    };
}

/// Name and text of every scenario of the library, by name.
pub const LIBRARY: &[(&str, &str)] = &[
    row!("collatz"),
    row!("components"),
    row!("deep"),
    row!("diamond"),
    row!("dozen"),
    row!("fraud"),
    row!("nexmark-q1"),
    row!("nexmark-q12"),
    row!("nexmark-q3"),
    row!("nexmark-q8"),
    row!("pipe"),
    row!("skewed"),
    row!("slow-task"),
    row!("sum-even-odd"),
    row!("tiny"),
    row!("visits"),
    row!("wide"),
    row!("wordcount"),
];

/// The text of a scenario or of a fault profile, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioText {
    /// The name of the file, as errors show it.
    pub file: String,
    /// The folder of the file; `None` for a text of the library.
    pub folder: Option<PathBuf>,
    /// The text.
    pub text: String,
}

impl ScenarioText {
    /// A text that comes from no folder; errors show it as a file of this name.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> ScenarioText {
        ScenarioText { file: file.into(), folder: None, text: text.into() }
    }
}

/// A table of embedded texts, and the words in which errors speak of them.
pub(crate) struct Shelf<'a> {
    /// Name and text, by name.
    pub(crate) rows: &'a [(&'static str, &'static str)],
    /// The folder of the files, as errors show it.
    pub(crate) folder: &'static str,
    /// What one of them is called.
    pub(crate) noun: &'static str,
}

/// Finds a scenario by its name in the library or, if there is none of that name, reads it from a file. Write `./name` for
/// a file whose name the library has too.
///
/// # Errors
/// If there is no such scenario, or if the file cannot be read, is longer than 1 MiB or is not UTF-8.
pub fn resolve(name_or_path: &str) -> Result<ScenarioText, ScenarioError> {
    find(&Shelf { rows: LIBRARY, folder: "scenarios/library", noun: "scenario" }, name_or_path)
}

/// Takes a text from a shelf or, if there is none of that name, from a file.
pub(crate) fn find(shelf: &Shelf<'_>, name_or_path: &str) -> Result<ScenarioText, ScenarioError> {
    if let Some((name, text)) = shelf.rows.iter().find(|(name, _)| *name == name_or_path) {
        let file = format!("{}/{name}.toml", shelf.folder);
        return Ok(ScenarioText::new(file, *text));
    }
    let path = Path::new(name_or_path);
    if path.exists() {
        return read(path, shelf.noun);
    }
    let names = || shelf.rows.iter().map(|(name, _)| *name);
    let noun = shelf.noun;
    let mut error =
        ScenarioError::new(format!("`{name_or_path}` is neither a {noun} of the library nor a file"));
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name_or_path);
    if let Some(help) = suggestion(stem, names()) {
        error = error.with_help(help);
    }
    Err(error.with_help(listing(&format!("{noun}s of the library"), names())))
}

/// Reads a file.
fn read(path: &Path, noun: &str) -> Result<ScenarioText, ScenarioError> {
    let file = path.display().to_string();
    let fail = |error: std::io::Error| {
        ScenarioError::new(format!("cannot read `{file}`: {error}"))
            .with_help(format!("give a readable TOML file, or the name of a {noun} of the library"))
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long, even if it never ends.
    let limit = FILE_BYTES_MAX as u64 + 1;
    std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(fail)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ScenarioError::new(format!(
            "`{file}` is too long for a {noun}: at most {FILE_BYTES_MAX} bytes"
        )));
    }
    let folder = Some(path.parent().unwrap_or(Path::new("")).to_owned());
    decode(file, folder, bytes)
}

/// Reads bytes as UTF-8, or points at the first that is not.
pub(crate) fn decode(
    file: String,
    folder: Option<PathBuf>,
    bytes: Vec<u8>,
) -> Result<ScenarioText, ScenarioError> {
    String::from_utf8(bytes).map(|text| ScenarioText { file: file.clone(), folder, text }).map_err(|error| {
        let start = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let message =
            format!("the file is not UTF-8: byte {start} is 0x{:02x}", bytes.get(start).unwrap_or(&0));
        let text = String::from_utf8_lossy(bytes).into_owned();
        let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
        ScenarioError::new(message)
            .with_place(Quote { origin: file, text, span, is_file: true })
            .with_help("save the file as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use cutline_sim::graph::{Role, SinkMode};

    use super::*;
    use crate::spec::build::Hollow;
    use crate::spec::load;

    fn text(text: String) -> ScenarioText {
        ScenarioText::new("damaged.toml", text)
    }

    #[test]
    fn every_file_has_a_row_and_its_own_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
        let mut files: Vec<String> = std::fs::read_dir(&folder)
            .expect("the folder of the library")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        files.sort();
        let rows: Vec<&str> = LIBRARY.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, rows, "files of scenarios/library against the rows of LIBRARY (sorted by name)");
    }

    #[test]
    fn an_unknown_name_is_answered_with_a_suggestion_and_the_list() {
        let error = resolve("wordcout").expect_err("no such scenario").to_string();
        assert!(error.contains("`wordcout` is neither a scenario of the library nor a file"), "{error}");
        assert!(error.contains("did you mean `wordcount`?"), "{error}");
        assert!(error.contains("`nexmark-q1`, `nexmark-q12`"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let error = resolve(env!("CARGO_MANIFEST_DIR")).expect_err("a folder").to_string();
        assert!(error.contains("cannot read"), "{error}");
        assert!(resolve("no/such/file.toml").is_err());
        assert!(resolve("").is_err());
        assert!(resolve("a\0b").is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_pointed_at() {
        let error =
            decode("x.toml".to_owned(), None, b"a = 1\nb = \"\xff\"\n".to_vec()).expect_err("not UTF-8");
        assert_eq!((error.line(), error.origin()), (Some(2), Some("x.toml")));
        assert!(error.to_string().contains("x.toml:2:6"), "{error}");
        assert!(error.message().contains("byte 11 is 0xff"), "{error}");
    }

    #[test]
    fn every_scenario_of_the_library_builds() {
        for (name, _) in LIBRARY {
            let source = resolve(name).expect("a row");
            let scenario = load(&source, &[]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.spec.name.as_str(), *name);
            let (graph, config) = scenario.build(&mut Hollow).unwrap_or_else(|error| panic!("{error}"));
            assert!(config.checkpointing.interval > 0, "{name} takes checkpoints");
            let sinks = graph
                .node_weights()
                .filter(|operator| matches!(operator.role, Role::Sink(SinkMode::Transactional)));
            assert_eq!(sinks.count() > 0, *name != "pipe", "{name} has a transactional sink");
        }
    }

    /// Loads and, if that works, builds; what comes out does not matter.
    fn survives(source: String) {
        if let Ok(scenario) = load(&text(source), &[]) {
            let _ = scenario.build(&mut Hollow).map_err(|error| error.to_string());
        }
    }

    #[test]
    fn damaged_files_never_panic() {
        // Cut off, and damaged, at every seventh byte, in each file at others: that keeps this at some two seconds in a debug
        // build.
        const CUTS: usize = 7;
        const DAMAGE: &[u8] = b"\"=[]{}.-0z\n\\\x00\xff";
        for (which, (_, whole)) in LIBRARY.iter().enumerate() {
            for at in (which % CUTS..whole.len()).step_by(CUTS) {
                survives(String::from_utf8_lossy(&whole.as_bytes()[..at]).into_owned());
                let mut bytes = whole.as_bytes().to_vec();
                bytes[at] = DAMAGE[at % DAMAGE.len()];
                survives(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
}
