//! The arguments of `cutline compare`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use cutline::scenarios::sweep::seeds::Seeds;

use crate::arguments::Subject;

/// `cutline compare`
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// What to run.
    #[command(flatten)]
    pub subject: Subject,
    /// The strategies (or planted bugs), separated by commas; if absent all that can checkpoint the job
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub strategies: Vec<String>,
    /// Run with several seeds, such as `0..20`: input and faults are the same under each strategy, seed by seed, and figures
    /// become medians and quartiles
    #[arg(long, value_name = "SEEDS", conflicts_with = "seed")]
    pub seeds: Option<Seeds>,
    /// Run with each of these values of a key, such as `execution.checkpointing.interval=100ms,1s,10s`, and show the measures
    /// against it; pictures over time are those of the first value
    #[arg(long, value_name = "KEY=A,B,...")]
    pub vary: Option<Vary>,
    /// Write a page (`index.html`), every plot as SVG and PNG, and the data behind it as CSV into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// So many threads; by default one per core
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

/// A key of the scenario, and the values that it is to have, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vary {
    /// The key.
    pub key: String,
    /// The values: two or more, each once.
    pub values: Vec<String>,
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Vary, String> {
        let form = "write `KEY=A,B,...` with two values or more, such as `execution.checkpointing.interval=100ms,1s,10s`";
        let (key, values) = text.split_once('=').ok_or(form)?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if key.trim().is_empty() || values.len() < 2 || values.iter().any(String::is_empty) {
            return Err(form.to_owned());
        }
        if let Some(twice) = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)) {
            return Err(format!("the value `{}` is named twice: name each once", twice.1));
        }
        Ok(Vary { key: key.trim().to_owned(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_two_values_or_more() {
        let vary: Vary = "a.b=1s, 2s".parse().expect("values");
        assert_eq!(
            (vary.key.as_str(), vary.values.as_slice()),
            ("a.b", &["1s".to_owned(), "2s".to_owned()][..])
        );
        for wrong in ["", "a", "a=", "a=1", "a=1,", "=1,2", "a=1,2,1"] {
            assert!(wrong.parse::<Vary>().is_err(), "{wrong}");
        }
    }
}
