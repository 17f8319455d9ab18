//! The manifest of a sweep: everything that its runs depend on, as one file in its folder. From it alone a sweep is resumed, and by
//! it parts are known to be parts of one sweep.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::partition::Partition;
use super::regressions::Regression;
use super::seeds::Seeds;
use super::{Parts, Subject, Sweep};
use crate::capsule::{CapsuleOptions, FileSeal, Program};
use crate::faults;
use crate::inputs::{InputKind, Texts};
use crate::library_files::ScenarioText;
use crate::prepare::Prepared;
use crate::run::Contender;
use crate::spec::{ScenarioError, load};

/// The version of the form: it grows with every change of [`Manifest`], of the columns of rows, and of what they mean.
pub const SWEEP_VERSION: u32 = 2;

/// A sweep, as its folder says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// [`SWEEP_VERSION`].
    pub cutline_sweep: u32,
    /// The program that did it.
    pub program: Program,
    /// What was asked for; the same for all parts.
    pub asked: Asked,
    /// Which part of it this is.
    pub partition: Partition,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asked {
    /// The scenarios.
    pub scenarios: Vec<AskedScenario>,
    /// The file that is read instead of the scenarios' own.
    pub input: Option<PathBuf>,
    /// The files that are read.
    pub files: Vec<FileSeal>,
    /// The strategies, and planted bugs.
    pub strategies: Vec<String>,
    /// The fault profiles.
    pub faults: Vec<AskedText>,
    /// The seeds.
    pub seeds: Seeds,
    /// What runs do beyond running.
    pub options: CapsuleOptions,
    /// The regressions that are run first.
    pub regressions: Vec<Regression>,
}

/// A scenario that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AskedScenario {
    /// As the user named it.
    pub asked: String,
    /// Its text.
    #[serde(flatten)]
    pub text: AskedText,
    /// What is laid over it.
    pub overrides: Vec<String>,
}

/// A text that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AskedText {
    /// The file's name, as errors show it.
    pub file: String,
    /// The folder that its paths start from; absent for one of the library.
    pub folder: Option<PathBuf>,
    /// The text.
    pub text: String,
}

impl AskedText {
    /// A text, its folder as a whole path.
    pub fn new(source: &ScenarioText) -> AskedText {
        let whole = |path: &PathBuf| {
            let here = Path::new(".").join(path);
            std::path::absolute(&here).unwrap_or(here)
        };
        let ScenarioText { file, folder, text } = source.clone();
        AskedText { file, folder: folder.as_ref().map(whole), text }
    }

    fn source(&self) -> ScenarioText {
        let AskedText { file, folder, text } = self.clone();
        ScenarioText { file, folder, text }
    }
}

/// Why a text is no manifest of a sweep.
#[derive(Debug)]
pub enum ManifestError {
    /// It is none, or not a whole one.
    Broken(serde_json::Error),
    /// It has another version.
    Version(u32),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::Broken(error) => write!(f, "this is no manifest of a sweep ({error})"),
            ManifestError::Version(version) => write!(
                f,
                "the sweep has version {version}, and this program reads version {SWEEP_VERSION}: use the program that did it"
            ),
        }
    }
}

impl std::error::Error for ManifestError {}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    cutline_sweep: u32,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn from_json(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let head: Head = serde_json::from_slice(bytes).map_err(ManifestError::Broken)?;
        if head.cutline_sweep != SWEEP_VERSION {
            return Err(ManifestError::Version(head.cutline_sweep));
        }
        serde_json::from_slice(bytes).map_err(ManifestError::Broken)
    }

    /// The manifest as text, for a file.
    ///
    /// # Errors
    /// None is known; the JSON library reserves the right.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Asked {
    /// 12 hexadecimal digits that tell this sweep from every other: a digest of all that its records depend on; not of where
    /// things are.
    ///
    /// # Errors
    /// As [`Manifest::to_json`].
    pub fn identity(&self) -> Result<String, serde_json::Error> {
        let texts = |text: &AskedText| (text.file.clone(), text.text.clone());
        let scenario = |it: &AskedScenario| (it.asked.clone(), texts(&it.text), it.overrides.clone());
        let scenarios: Vec<_> = self.scenarios.iter().map(scenario).collect();
        let faults: Vec<_> = self.faults.iter().map(texts).collect();
        let files: Vec<_> = self.files.iter().map(|file| (file.bytes, &file.digest)).collect();
        let all = (scenarios, faults, files, &self.strategies, &self.seeds, &self.options, &self.regressions);
        let mut digits = format!("{:032x}", xxh3_128(serde_json::to_string(&all)?.as_bytes()));
        digits.truncate(12);
        Ok(digits)
    }

    /// Puts the sweep together, and notes the files that it reads. The strategies are those that `named` knows:
    /// [`Contender::named`], or more.
    ///
    /// # Errors
    /// If a scenario or profile is wrong, a strategy is unknown, or a scenario cannot be prepared with the first seed.
    pub fn sweep(&mut self, named: &dyn Fn(&str) -> Option<Contender>) -> Result<Sweep, ScenarioError> {
        let seed = self.seeds.nth(0).unwrap_or(0);
        let subjects = self.scenarios.iter().map(|it| subject(it, self.input.as_deref(), seed));
        let subjects: Vec<Subject> = subjects.collect::<Result<_, _>>()?;
        if let Some(input) = &self.input
            && !subjects.iter().any(|subject| subject.reads_text())
        {
            let error = ScenarioError::new(format!(
                "no scenario reads a text file, so nobody reads `{}`",
                input.display()
            ));
            return Err(error.with_help("leave out `--input`, or choose another scenario"));
        }
        self.files = subjects.iter().flat_map(|subject| FileSeal::of(&subject.texts)).collect();
        self.files.dedup();
        let contender = |name: &String| named(name).ok_or_else(|| unknown_strategy(name));
        let contenders = self.strategies.iter().map(contender).collect::<Result<_, _>>()?;
        let profile = |text: &AskedText| faults::load(&text.source());
        let profiles = self.faults.iter().map(profile).collect::<Result<_, _>>()?;
        let (seeds, options, regressions) = (self.seeds.clone(), self.options, self.regressions.clone());
        Sweep::new(Parts { subjects, contenders, profiles, seeds, options, regressions })
    }
}

fn unknown_strategy(name: &str) -> ScenarioError {
    ScenarioError::new(format!("there is no strategy `{name}`"))
        .with_help("choose one of `cutline list strategies`, or a planted bug of `cutline list bugs`")
}

fn subject(of: &AskedScenario, input: Option<&Path>, seed: u64) -> Result<Subject, ScenarioError> {
    let source = of.text.source();
    let scenario = load(&source, &of.overrides)?;
    let mut subject = Subject {
        asked: of.asked.clone(),
        texts: Texts::new(scenario.folder.clone().unwrap_or_default()),
        source,
        overrides: of.overrides.clone(),
        scenario,
        cyclic: false,
    };
    if let Some(input) = input.filter(|_| subject.reads_text()) {
        subject.texts = subject.texts.instead(input);
        // Read now, the file is to blame and not the scenario's line about it.
        subject.texts.get(None).map_err(|error| ScenarioError::new(error.to_string()))?;
    }
    // The first run of all shows what is wrong with the scenario, reads its files, and knows its graph.
    subject.cyclic = Prepared::new(&subject.scenario, seed, &mut subject.texts)?.is_cyclic();
    Ok(subject)
}

impl Subject {
    /// True if it reads a text file.
    pub fn reads_text(&self) -> bool {
        self.scenario.spec.input.values().any(|entry| matches!(entry.kind, InputKind::Text(_)))
    }
}
