//! Objects of the store: what they are called, and how bytes become one and are known again.
//!
//! An object is a head (eight bytes by which it is known, the version, the length and a checksum of what follows) and a value in
//! the form of postcard. What is no whole object is refused with the name of the object and what is wrong with it; nothing is
//! guessed.

use std::fmt;

use cutline_sim::external::TransactionId;
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: [u8; 8] = *b"CUTSTORE";
const VERSION: u16 = 2;
const HEAD: usize = 26;

/// What the folders of checkpoints begin with.
pub const CHECKPOINT: &str = "chk-";
/// The folder of transactions that are prepared.
pub const PREPARED: &str = "prepared";
/// The folder of transactions that readers see.
pub const VISIBLE: &str = "visible";

/// A snapshot, or a file of state.
pub fn shared(handle: Handle) -> String {
    format!("shared/{:016x}", handle.0)
}

/// The metadata of a checkpoint: it exists when this does.
pub fn metadata(id: CheckpointId) -> String {
    format!("{CHECKPOINT}{id}/_metadata")
}

/// What a task ended with.
pub fn ending(task: TaskId) -> String {
    format!("final/{task}")
}

/// A transaction, in its folder.
pub fn transaction(folder: &str, name: TransactionId) -> String {
    format!("{folder}/{}-{}-{}", name.task, name.id, name.attempt)
}

/// The transaction of this name.
pub fn parse_transaction(name: &str) -> Option<TransactionId> {
    let mut parts = name.rsplit('/').next()?.split('-');
    let mut next = || parts.next()?.parse::<u64>().ok();
    let (task, id, attempt) = (next()?, next()?, next()?);
    Some(TransactionId {
        task: TaskId(u32::try_from(task).ok()?),
        id: CheckpointId(id),
        attempt: cutline_sim::ids::Attempt(u32::try_from(attempt).ok()?),
    })
}

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// Where it is.
    pub name: String,
    /// What is wrong.
    pub wrong: &'static str,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.wrong)
    }
}

impl std::error::Error for ObjectError {}

/// A value as the bytes of an object.
pub fn seal(value: &impl Serialize) -> Vec<u8> {
    let body = postcard::to_stdvec(value).unwrap_or_default(); // nothing that is saved can fail to be written into memory
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The value in the bytes of an object.
///
/// # Errors
/// If they are none.
pub fn unseal<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ObjectError> {
    let error = |wrong| ObjectError { name: name.to_owned(), wrong };
    if bytes.len() < HEAD {
        return Err(error("is cut short: not even its head is whole"));
    }
    let (head, body) = bytes.split_at(HEAD);
    let number = |at: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(eight)
    };
    if head[..8] != MAGIC {
        return Err(error("is no object of a cutline store"));
    }
    if u16::from_le_bytes([head[8], head[9]]) != VERSION {
        return Err(error("was written by another version of cutline"));
    }
    let length = number(10);
    if (body.len() as u64) < length {
        return Err(error("is cut short"));
    }
    if (body.len() as u64) > length {
        return Err(error("is longer than it says"));
    }
    if xxh3_64(body) != number(18) {
        return Err(error("is damaged: its checksum is wrong"));
    }
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        _ => Err(error("makes no sense, although its checksum is right")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_cut_anywhere_or_damaged_anywhere_is_refused() {
        let whole = seal(&vec![1u64, 2, 3]);
        assert_eq!(unseal::<Vec<u64>>("it", &whole), Ok(vec![1, 2, 3]));
        for length in 0..whole.len() {
            let error = unseal::<Vec<u64>>("it", &whole[..length]).expect_err("cut");
            assert!(error.to_string().contains("cut short"), "{length}: {error}");
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal::<Vec<u64>>("it", &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_transaction_is_found_by_its_name() {
        let name =
            TransactionId { task: TaskId(6), id: CheckpointId(12), attempt: cutline_sim::ids::Attempt(3) };
        assert_eq!(parse_transaction(&transaction(VISIBLE, name)), Some(name));
        assert_eq!(parse_transaction("visible/.hidden"), None);
    }
}
