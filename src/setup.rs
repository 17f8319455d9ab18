//! From names and files to a scenario that is ready to run.

use std::path::Path;
use std::time::Duration;

use cutline::scenarios::capsule::CapsuleSavepoint;
use cutline::scenarios::inputs::{InputKind, Texts};
use cutline::scenarios::library_files::ScenarioText;
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::spec::load;
use indicatif::ProgressBar;

use crate::failure::Failure;
use crate::savepoints::Origin;

/// A scenario that is ready to run, and where it came from.
#[derive(Debug)]
pub struct Setup {
    /// The scenario's text.
    pub source: ScenarioText,
    /// The files that have been read.
    pub texts: Texts,
    /// The scenario for this seed.
    pub prepared: Prepared,
    /// The savepoint that it starts from.
    pub savepoint: Option<CapsuleSavepoint>,
    /// True if it reads a text file: then its values are counts of words.
    pub reads_text: bool,
}

impl Setup {
    /// Loads and builds a scenario, with a sign of life.
    pub fn new(
        source: ScenarioText,
        overrides: &[String],
        input: Option<&Path>,
        seed: u64,
    ) -> Result<Setup, Failure> {
        let _waiting = Waiting::new("computing the failure-free result");
        Setup::quiet(source, overrides, input, seed)
    }

    /// The same, in silence.
    pub fn quiet(
        source: ScenarioText,
        overrides: &[String],
        input: Option<&Path>,
        seed: u64,
    ) -> Result<Setup, Failure> {
        let scenario = load(&source, overrides)?;
        let mut texts = Texts::new(scenario.folder.clone().unwrap_or_default());
        let reads_text = scenario.spec.input.values().any(|entry| matches!(entry.kind, InputKind::Text(_)));
        if let Some(path) = input {
            if !reads_text {
                let message = format!("the scenario `{}` reads no text file", scenario.spec.name);
                return Err(
                    Failure::new(message).with_help("leave out `--input`, or choose another scenario")
                );
            }
            texts = texts.instead(path);
            // Read now, the file is to blame and not the scenario's line about it.
            texts.get(None).map_err(|error| Failure::new(error.to_string()))?;
        }
        let prepared = Prepared::new(&scenario, seed, &mut texts)?;
        Ok(Setup { source, texts, prepared, savepoint: None, reads_text })
    }

    /// The same, started from a savepoint, if there is one.
    pub fn start_from(self, origin: Option<Origin<'_>>, seed: u64) -> Result<Setup, Failure> {
        let _waiting =
            origin.map(|_| Waiting::new("computing the failure-free result from the savepoint on"));
        self.start_from_quietly(origin, seed)
    }

    /// The same, in silence.
    pub fn start_from_quietly(self, origin: Option<Origin<'_>>, seed: u64) -> Result<Setup, Failure> {
        let Some(origin) = origin else { return Ok(self) };
        let (prepared, savepoint) = origin.start(&self.prepared, seed)?;
        Ok(Setup { prepared, savepoint: Some(savepoint), ..self })
    }

    /// The files that have been read for it: nothing must be written over them.
    pub fn reads(&self) -> Vec<Option<&Path>> {
        let savepoint = self.savepoint.iter().map(|savepoint| Path::new(&savepoint.file.path));
        self.texts.files().map(|(path, _)| path).chain(savepoint).map(Some).collect()
    }
}

/// A sign of life on stderr, if that is a terminal, until it is dropped.
pub struct Waiting(ProgressBar);

impl Waiting {
    /// Says what takes so long.
    pub fn new(what: impl Into<String>) -> Waiting {
        let spinner = ProgressBar::new_spinner().with_message(what.into());
        spinner.enable_steady_tick(Duration::from_millis(120));
        Waiting(spinner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
