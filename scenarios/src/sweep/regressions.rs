//! The file of regressions: seeds that have failed once. Every later sweep runs those of its own scenarios, strategies and
//! profiles first, whatever seeds it was asked for. People commit it, and take an entry out when they no longer want it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::library_files::ScenarioText;
use crate::spec::ScenarioError;
use crate::spec::load::{Format, read};

/// The name of the file in the folder where the sweep was called, unless another is named.
pub const FILE: &str = "cutline-regressions.toml";

/// What stands at the top of a new file.
pub const HEAD: &str = "\
# Runs that have failed. `cutline sweep` does those of its scenarios, strategies and fault profiles before all others, and adds the
# first failures of each kind that it finds. Commit this file; take an entry out when it is of no use any more.
";

/// A run that has failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Regression {
    /// The scenario, as the sweep named it: one of the library, or a file.
    pub scenario: String,
    /// What was laid over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// The strategy.
    pub strategy: String,
    /// The fault profile.
    pub faults: String,
    /// The seed.
    pub seed: u64,
    /// The oracles that objected, a space between one and the next. For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failed: String,
}

impl Regression {
    /// True if it is the same run.
    pub fn is_same(&self, other: &Regression) -> bool {
        let run = |of: &Regression| {
            (of.scenario.clone(), of.overrides.clone(), of.strategy.clone(), of.faults.clone(), of.seed)
        };
        run(self) == run(other)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default)]
    run: Vec<Spanned<Regression>>,
}

const FORMAT: Format = Format {
    noun: "file of regressions",
    needs: "at least one `[[run]]`",
    about: "",
    missing: |_, _| "give `scenario`, `strategy`, `faults` and `seed` of the run, or take the entry out",
};

/// Reads a file of regressions.
///
/// # Errors
/// If the text is not TOML, or an entry says something else than such files say. The error points at the line.
pub fn from_toml(source: &ScenarioText) -> Result<Vec<Regression>, ScenarioError> {
    if source.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Vec::new());
    }
    let (file, _): (File, _) = read(source, &[], &FORMAT)?;
    Ok(file.run.into_iter().map(Spanned::into_inner).collect())
}

/// What is to be added at the end of a file for these.
///
/// # Errors
/// None is known; the TOML library reserves the right.
pub fn to_toml(regressions: &[Regression]) -> Result<String, toml::ser::Error> {
    if regressions.is_empty() {
        return Ok(String::new());
    }
    toml::to_string(&BTreeMap::from([("run", regressions)])).map(|text| format!("\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> ScenarioText {
        ScenarioText { file: FILE.to_owned(), folder: None, text: text.to_owned() }
    }

    fn one(seed: u64) -> Regression {
        Regression {
            scenario: "wordcount".to_owned(),
            overrides: vec!["cluster.nodes=3".to_owned()],
            strategy: "aligned".to_owned(),
            faults: "crashes".to_owned(),
            seed,
            failed: "state ledger".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_again_also_behind_what_is_there() {
        let text = format!(
            "{HEAD}{}{}",
            to_toml(&[one(1), one(2)]).expect("text"),
            to_toml(&[one(3)]).expect("text")
        );
        assert_eq!(from_toml(&source(&text)).expect("regressions"), [one(1), one(2), one(3)]);
        assert_eq!(from_toml(&source(HEAD)).expect("none"), []);
        assert_eq!(from_toml(&source("")).expect("none"), []);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("[[run]]\nscenario = \"wordcount\"\n", "strategy"),
            ("[[run]]\nscenario = 7\n", "scenario"),
            ("[[run]\n", "TOML"),
            ("[[runs]]\nseed = 1\n", "runs"),
        ] {
            let error = from_toml(&source(text)).expect_err(text);
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }
}
