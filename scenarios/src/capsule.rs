//! A capsule: all that is needed to run a failing run again, and what it gave.
//!
//! The form is JSON: a version, a checksum, and the content. What a capsule does not hold are the files that inputs are read
//! from, and the savepoint that the run started from; it knows their sizes and digests, so a changed file is noticed before the
//! run.

use std::fmt;
use std::path::Path;

use cutline_sim::faults::FaultPlan;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::inputs::Texts;
use crate::library_files::ScenarioText;
use crate::record::{Class, OracleVerdict, Outcome, RunRecord};
use crate::run::Options;

/// The version of the form: it grows with every change of [`Capsule`].
pub const CAPSULE_VERSION: u32 = 2;
/// A longer file is no capsule.
pub const CAPSULE_BYTES_MAX: u64 = 64 << 20;

/// A run that can be run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Capsule {
    /// The program that wrote it.
    pub program: Program,
    /// The scenario.
    pub scenario: CapsuleScenario,
    /// The file that was read instead of the scenario's own, if one was named.
    pub input: Option<String>,
    /// The files that the inputs were read from.
    pub files: Vec<FileSeal>,
    /// The savepoint that the run started from, if it did.
    pub savepoint: Option<CapsuleSavepoint>,
    /// The strategy, or the bug.
    pub strategy: String,
    /// The fault profile that the plan was drawn from.
    pub faults: String,
    /// The faults.
    pub plan: FaultPlan,
    /// The seed.
    pub seed: u64,
    /// What the run did beyond running.
    pub options: CapsuleOptions,
    /// What it gave.
    pub result: CapsuleResult,
}

/// A version of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// The commit it was built from; absent if that was unknown.
    pub commit: Option<String>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.commit {
            Some(commit) => write!(f, "{} ({commit})", self.version),
            None => f.write_str(&self.version),
        }
    }
}

/// A scenario as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CapsuleScenario {
    /// Its name.
    pub name: String,
    /// The file's name, as errors show it.
    pub file: String,
    /// The folder that its paths start from; absent for a scenario of the library.
    pub folder: Option<String>,
    /// The file's text.
    pub text: String,
    /// What `--set` laid over it.
    pub overrides: Vec<String>,
}

impl CapsuleScenario {
    /// The scenario to load again.
    pub fn source(&self) -> ScenarioText {
        ScenarioText {
            file: self.file.clone(),
            folder: self.folder.as_ref().map(Into::into),
            text: self.text.clone(),
        }
    }
}

/// The savepoint that a run started from: like an input, its file is not part of the capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CapsuleSavepoint {
    /// The file.
    pub file: FileSeal,
    /// Whether state of operators that the job does not have was dropped.
    pub allow_non_restored_state: bool,
}

/// A file's size and digest: enough to notice that it is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileSeal {
    /// The path.
    pub path: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The 128-bit XXH3 digest, 32 hexadecimal digits.
    pub digest: String,
}

impl FileSeal {
    /// The seal of a file with this content.
    pub fn new(path: String, bytes: &[u8]) -> FileSeal {
        FileSeal { path, bytes: bytes.len() as u64, digest: hex(bytes) }
    }

    /// True if the content is the same, wherever the files are.
    pub fn is_same(&self, other: &FileSeal) -> bool {
        (self.bytes, &self.digest) == (other.bytes, &other.digest)
    }

    /// The seals of all files that have been read.
    pub fn of(texts: &Texts) -> Vec<FileSeal> {
        let seal = |path: &Path, bytes: &[u8]| FileSeal::new(path.display().to_string(), bytes);
        texts.files().map(|(path, text)| seal(path, text.bytes())).collect()
    }
}

/// What a run did beyond running; see [`Options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CapsuleOptions {
    /// See [`Options::forks`].
    pub forks: Option<bool>,
    /// See [`Options::check_determinism`].
    pub check_determinism: bool,
    /// See [`Options::lookahead`].
    pub lookahead: bool,
}

impl CapsuleOptions {
    /// The part of the options that verdicts depend on.
    pub fn of(options: &Options) -> CapsuleOptions {
        let &Options { forks, check_determinism, lookahead, .. } = options;
        CapsuleOptions { forks, check_determinism, lookahead }
    }

    /// The options to run with.
    pub fn options(&self) -> Options {
        let &CapsuleOptions { forks, check_determinism, lookahead } = self;
        Options { forks, check_determinism, lookahead, ..Options::default() }
    }
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CapsuleResult {
    /// Its class.
    pub class: Class,
    /// How it ended.
    pub outcome: Outcome,
    /// What the oracles said.
    pub verdicts: Vec<OracleVerdict>,
    /// The digest of everything observable.
    pub digest: String,
}

impl CapsuleResult {
    /// The result of a run.
    pub fn of(record: &RunRecord) -> CapsuleResult {
        CapsuleResult {
            class: record.class(),
            outcome: record.outcome,
            verdicts: record.verdicts.clone(),
            digest: record.digest.clone(),
        }
    }

    /// What is different in this run, a line each; empty if it is the same run.
    pub fn differences(&self, record: &RunRecord) -> Vec<String> {
        let mut lines = Vec::new();
        if self.outcome != record.outcome {
            lines.push(format!("the outcome was {:?}, and is {:?}", self.outcome, record.outcome));
        }
        if self.digest != record.digest {
            lines.push(format!("the digest was {}, and is {}", self.digest, record.digest));
        }
        for was in &self.verdicts {
            match record.verdicts.iter().find(|is| is.oracle == was.oracle) {
                Some(is) if is == was => {}
                Some(is) if is.verdict.to_string() == was.verdict.to_string() => {
                    lines.push(format!("the oracle `{}` gives another reason", was.oracle));
                }
                Some(is) => {
                    lines.push(format!(
                        "the oracle `{}` said {}, and says {}",
                        was.oracle, was.verdict, is.verdict
                    ));
                }
                None => lines.push(format!("there is no oracle `{}` any more", was.oracle)),
            }
        }
        for is in &record.verdicts {
            if self.verdicts.iter().all(|was| was.oracle != is.oracle) {
                lines.push(format!("the oracle `{}` is new, and says {}", is.oracle, is.verdict));
            }
        }
        lines
    }
}

/// Why a text is no capsule that can be run.
#[derive(Debug)]
pub enum CapsuleError {
    /// It is no capsule, or not a whole one.
    Broken(serde_json::Error),
    /// It was written in another version of the form.
    Version(u32),
    /// Its content is not what was written.
    Edited,
    /// It is longer than [`CAPSULE_BYTES_MAX`].
    TooLong,
}

impl fmt::Display for CapsuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CapsuleError::Broken(error) if error.is_eof() => {
                write!(f, "the file is cut off ({error}): get a whole copy of it")
            }
            CapsuleError::Broken(error) => write!(
                f,
                "this is no capsule ({error}): give a file that a failing run has left in `cutline-out/capsules`"
            ),
            CapsuleError::Version(version) => write!(
                f,
                "the capsule has version {version}, and this program reads version {CAPSULE_VERSION}: replay it with the \
                 program that wrote it"
            ),
            CapsuleError::Edited => f.write_str(
                "the capsule was changed after it was written (its checksum does not match): get an unchanged copy; to try \
                 other settings, use `cutline run`",
            ),
            CapsuleError::TooLong => {
                write!(f, "the file is too long for a capsule: at most {CAPSULE_BYTES_MAX} bytes")
            }
        }
    }
}

impl std::error::Error for CapsuleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CapsuleError::Broken(error) => Some(error),
            _ => None,
        }
    }
}

/// The outer form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sealed<C> {
    cutline_capsule: u32,
    checksum: String,
    content: C,
}

/// What every version has: read first, for the others may have another form.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    cutline_capsule: u32,
}

fn hex(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

impl Capsule {
    /// 12 hexadecimal digits that tell this run from every other: a digest of the scenario's text and overrides, what the input
    /// files and the savepoint hold, the strategy, the faults, the seed and the options; not of where things are, nor of what
    /// came out.
    ///
    /// # Errors
    /// As [`Capsule::to_json`].
    pub fn identity(&self) -> Result<String, serde_json::Error> {
        let scenario = (&self.scenario.name, &self.scenario.text, &self.scenario.overrides);
        let files: Vec<_> = self.files.iter().map(|file| (file.bytes, &file.digest)).collect();
        let start = self.savepoint.as_ref();
        let start = start.map(|it| (it.file.bytes, &it.file.digest, it.allow_non_restored_state));
        let run = (scenario, files, &self.strategy, &self.plan, self.seed, &self.options);
        let run = match start {
            Some(start) => serde_json::to_string(&(run, start))?,
            None => serde_json::to_string(&run)?,
        };
        let mut digits = hex(run.as_bytes());
        digits.truncate(12);
        Ok(digits)
    }

    /// The capsule as text, for a file.
    ///
    /// # Errors
    /// None is known; the JSON library reserves the right.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let checksum = hex(serde_json::to_string(self)?.as_bytes());
        let sealed = Sealed { cutline_capsule: CAPSULE_VERSION, checksum, content: self };
        serde_json::to_string_pretty(&sealed).map(|text| text + "\n")
    }

    /// Reads a capsule, and checks that it is whole and unchanged.
    ///
    /// # Errors
    /// See [`CapsuleError`].
    pub fn from_json(bytes: &[u8]) -> Result<Capsule, CapsuleError> {
        if bytes.len() as u64 > CAPSULE_BYTES_MAX {
            return Err(CapsuleError::TooLong);
        }
        let head: Head = serde_json::from_slice(bytes).map_err(CapsuleError::Broken)?;
        if head.cutline_capsule != CAPSULE_VERSION {
            return Err(CapsuleError::Version(head.cutline_capsule));
        }
        let sealed: Sealed<Capsule> = serde_json::from_slice(bytes).map_err(CapsuleError::Broken)?;
        let content = serde_json::to_string(&sealed.content).map_err(CapsuleError::Broken)?;
        if hex(content.as_bytes()) != sealed.checksum {
            return Err(CapsuleError::Edited);
        }
        Ok(sealed.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;

    fn capsule() -> Capsule {
        let verdict = Verdict::Fail("Let x be `a \"record\"`.\nIt is lost.".to_owned());
        Capsule {
            program: Program { version: "0.1.0".to_owned(), commit: None },
            scenario: CapsuleScenario {
                name: "wordcount".to_owned(),
                file: "wordcount.toml".to_owned(),
                folder: Some("files".to_owned()),
                text: "name = \"wordcount\"\n".to_owned(),
                overrides: vec!["cluster.nodes=3".to_owned()],
            },
            input: None,
            files: vec![FileSeal { path: "a.txt".to_owned(), bytes: 3, digest: hex(b"abc") }],
            savepoint: Some(CapsuleSavepoint {
                file: FileSeal::new("b.json".to_owned(), b"xyz"),
                allow_non_restored_state: false,
            }),
            strategy: "aligned".to_owned(),
            faults: "crashes".to_owned(),
            plan: FaultPlan { faults: Vec::new(), heal: u64::MAX },
            seed: u64::MAX,
            options: CapsuleOptions::of(&Options::default()),
            result: CapsuleResult {
                class: Class::Safety,
                outcome: Outcome::Finished,
                verdicts: vec![OracleVerdict { oracle: "state".to_owned(), verdict }],
                digest: hex(b""),
            },
        }
    }

    #[test]
    fn every_other_run_has_another_identity() {
        let identity = |capsule: &Capsule| capsule.identity().expect("an identity");
        let change = |change: fn(&mut Capsule)| {
            let mut other = capsule();
            change(&mut other);
            identity(&other)
        };
        let different = [
            identity(&capsule()),
            change(|other| other.scenario.text.push('#')),
            change(|other| other.scenario.overrides.clear()),
            change(|other| other.files[0].digest = hex(b"abd")),
            change(|other| other.savepoint = None),
            change(|other| other.savepoint.as_mut().expect("one").file.digest = hex(b"xyy")),
            change(|other| other.savepoint.as_mut().expect("one").allow_non_restored_state = true),
            change(|other| other.strategy = "stop-the-world".to_owned()),
            change(|other| other.plan.heal = 1),
            change(|other| other.seed = 1),
            change(|other| other.options.check_determinism = true),
        ];
        let distinct: std::collections::BTreeSet<&String> = different.iter().collect();
        assert_eq!(distinct.len(), different.len(), "{different:?}");
        assert!(different.iter().all(|identity| identity.len() == 12), "{different:?}");
        let moved = change(|other| other.files[0].path = "elsewhere".to_owned());
        assert_eq!(moved, different[0], "the same run from another place");
    }

    #[test]
    fn a_capsule_survives_the_file() {
        let text = capsule().to_json().expect("text");
        assert_eq!(Capsule::from_json(text.as_bytes()).expect("a capsule"), capsule());
    }

    #[test]
    fn a_capsule_cut_off_anywhere_is_an_error() {
        let text = capsule().to_json().expect("text");
        for end in 0..text.trim_end().len() {
            let error = Capsule::from_json(&text.as_bytes()[..end]).expect_err("cut off").to_string();
            assert!(error.contains("cut off"), "{end}: {error}");
        }
    }

    #[test]
    fn a_capsule_with_any_byte_changed_is_an_error() {
        let text = capsule().to_json().expect("text");
        for at in 0..text.len() {
            for new in [b'0', b'x', b'"', b'}', 0xff] {
                let mut bytes = text.clone().into_bytes();
                if bytes[at] == new || bytes[at].is_ascii_whitespace() {
                    continue;
                }
                bytes[at] = new;
                assert!(Capsule::from_json(&bytes).is_err(), "byte {at} changed to {new}");
            }
        }
    }

    #[test]
    fn another_version_says_so_whatever_else_it_holds() {
        let error =
            Capsule::from_json(br#"{"cutline-capsule": 99, "body": []}"#).expect_err("too new").to_string();
        assert!(error.contains("version 99"), "{error}");
        let error = Capsule::from_json(b"{}").expect_err("nothing in it").to_string();
        assert!(error.contains("no capsule"), "{error}");
        let long = vec![b' '; CAPSULE_BYTES_MAX as usize + 1];
        assert!(matches!(Capsule::from_json(&long), Err(CapsuleError::TooLong)));
    }
}
