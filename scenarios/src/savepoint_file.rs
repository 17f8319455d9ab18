//! Savepoints as files: what a job may start from, in another process and at another time.
//!
//! The form is JSON: a version, a checksum, and the content, which is where the savepoint came from and its
//! [form](cutline_sim::savepoint::form). A file that was cut off, edited, or is something else is refused with the reason. It
//! holds operators by uid, per subtask all that a restore needs, and the external system; not the job, which may be another
//! when it starts.

use std::fmt;

use cutline_sim::savepoint::Savepoint;
use cutline_sim::savepoint::form::{FormError, SavepointForm};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::capsule::Program;
use crate::record::RunRecord;

/// The version of the form: it grows with every change of what a savepoint file holds.
pub const SAVEPOINT_VERSION: u32 = 2;
/// A longer file is no savepoint.
pub const SAVEPOINT_BYTES_MAX: u64 = 512 << 20;

/// Where a savepoint came from. Nothing in a restore depends on it; it is for people, and for errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Provenance {
    /// The program that wrote it.
    pub program: Program,
    /// The name of the scenario.
    pub scenario: String,
    /// The strategy under which it was taken, or the bug.
    pub strategy: String,
    /// The seed of the run, which inputs may depend on.
    pub seed: u64,
}

/// A savepoint that was read from a file, or is to be written into one.
#[derive(Clone, Debug)]
pub struct SavepointFile {
    /// Where it came from.
    pub provenance: Provenance,
    /// The savepoint.
    pub savepoint: Savepoint,
}

/// Why a text is no savepoint.
#[derive(Debug)]
pub enum SavepointFileError {
    /// It is no savepoint, or not a whole one.
    Broken(serde_json::Error),
    /// It is something else altogether.
    Foreign,
    /// It was written in another version of the form.
    Version(u32),
    /// Its content is not what was written.
    Edited,
    /// It is, or would be, longer than [`SAVEPOINT_BYTES_MAX`].
    TooLong,
    /// It is a savepoint that no job can have made.
    Impossible(FormError),
}

impl fmt::Display for SavepointFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SavepointFileError::Broken(error) if error.is_eof() => {
                write!(f, "the file is cut off ({error}): get a whole copy of it")
            }
            SavepointFileError::Broken(error) => {
                write!(f, "this is no savepoint ({error}): give a file that a run has written as one")
            }
            SavepointFileError::Foreign => {
                f.write_str("this is no savepoint: give a file that a run has written as one")
            }
            SavepointFileError::Version(version) => write!(
                f,
                "the savepoint has version {version}, and this program reads version {SAVEPOINT_VERSION}: take it again with \
                 this program, or use the program that wrote it"
            ),
            SavepointFileError::Edited => f.write_str(
                "the savepoint was changed after it was written (its checksum does not match): get an unchanged copy, or take it \
                 again",
            ),
            SavepointFileError::TooLong => write!(
                f,
                "a savepoint has at most {SAVEPOINT_BYTES_MAX} bytes, and this is longer: take an earlier one, or one of a smaller \
                 job"
            ),
            SavepointFileError::Impossible(error) => {
                write!(f, "no job can have made this savepoint ({error}): take it again")
            }
        }
    }
}

impl std::error::Error for SavepointFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SavepointFileError::Broken(error) => Some(error),
            SavepointFileError::Impossible(error) => Some(error),
            _ => None,
        }
    }
}

/// The outer form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sealed<C> {
    cutline_savepoint: u32,
    checksum: String,
    content: C,
}

/// What every version has: read first, for the others may have another form.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    cutline_savepoint: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Content {
    provenance: Provenance,
    savepoint: SavepointForm,
}

impl Content {
    fn checksum(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{:032x}", xxh3_128(&serde_json::to_vec(self)?)))
    }
}

impl SavepointFile {
    /// A savepoint that a run of this program has taken.
    pub fn of(savepoint: Savepoint, record: &RunRecord, program: Program) -> SavepointFile {
        let (scenario, strategy) = (record.scenario.clone(), record.strategy.clone());
        let provenance = Provenance { program, scenario, strategy, seed: record.seed };
        SavepointFile { provenance, savepoint }
    }

    /// The savepoint as text, for a file.
    ///
    /// # Errors
    /// [`SavepointFileError::TooLong`]; of others none is known.
    pub fn to_json(&self) -> Result<String, SavepointFileError> {
        let content = Content { provenance: self.provenance.clone(), savepoint: self.savepoint.form() };
        let checksum = content.checksum().map_err(SavepointFileError::Broken)?;
        let sealed = Sealed { cutline_savepoint: SAVEPOINT_VERSION, checksum, content };
        let text = serde_json::to_string(&sealed).map_err(SavepointFileError::Broken)? + "\n";
        if text.len() as u64 > SAVEPOINT_BYTES_MAX {
            return Err(SavepointFileError::TooLong);
        }
        Ok(text)
    }

    /// False if what begins with these bytes is certainly no savepoint, so that nobody need read the rest.
    pub fn may_be(beginning: &[u8]) -> bool {
        beginning.trim_ascii_start().first().is_none_or(|&byte| byte == b'{')
    }

    /// Reads a savepoint, and checks that it is whole and unchanged.
    ///
    /// # Errors
    /// See [`SavepointFileError`].
    pub fn from_json(bytes: &[u8]) -> Result<SavepointFile, SavepointFileError> {
        if bytes.len() as u64 > SAVEPOINT_BYTES_MAX {
            return Err(SavepointFileError::TooLong);
        }
        if !SavepointFile::may_be(bytes) {
            return Err(SavepointFileError::Foreign);
        }
        let head: Head = serde_json::from_slice(bytes).map_err(SavepointFileError::Broken)?;
        if head.cutline_savepoint != SAVEPOINT_VERSION {
            return Err(SavepointFileError::Version(head.cutline_savepoint));
        }
        let sealed: Sealed<Content> = serde_json::from_slice(bytes).map_err(SavepointFileError::Broken)?;
        if sealed.content.checksum().map_err(SavepointFileError::Broken)? != sealed.checksum {
            return Err(SavepointFileError::Edited);
        }
        let Content { provenance, savepoint } = sealed.content;
        let savepoint = Savepoint::from_form(savepoint).map_err(SavepointFileError::Impossible)?;
        Ok(SavepointFile { provenance, savepoint })
    }
}
