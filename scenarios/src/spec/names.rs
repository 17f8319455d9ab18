//! Names that a scenario file gives to things.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A name: 1 to 64 letters, digits, `-` and `_`, so that it can be a file's name and part of a `--set` key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fits && (1..=64).contains(&text.len()) {
            return Ok(Name(text));
        }
        let start: String = text.chars().take(64).collect();
        Err(D::Error::custom(format_args!(
            "`{start}` is not a name: write 1 to 64 letters, digits, `-` and `_`"
        )))
    }
}

/// The name of a folder: 1 to 1024 bytes, a path or a URI, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(String);

impl From<Folder> for String {
    fn from(folder: Folder) -> String {
        folder.0
    }
}

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let problem = match text.len() {
            0 => "the name of a folder is empty".to_owned(),
            1..=1024 if text.chars().any(char::is_control) => {
                "the name of a folder has a control character".to_owned()
            }
            1..=1024 => return Ok(Folder(text)),
            length => format!("the name of a folder has {length} bytes"),
        };
        Err(D::Error::custom(format_args!(
            "{problem}: write 1 to 1024 bytes, such as \"s3://bucket/checkpoints\""
        )))
    }
}
