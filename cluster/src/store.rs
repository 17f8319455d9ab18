//! Where checkpoints and results are kept: objects with names, each of which is there whole or not at all.
//!
//! On real machines that is a folder ([`Folder`]); under madsim, whose file system forgets nothing when a node loses its power, a
//! model of its own (`Model`), on a node of its own (`Remote`).

#[cfg(not(madsim))]
mod folder;
#[cfg(madsim)]
mod model;
#[cfg(madsim)]
mod node;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use cutline_sim::external::TransactionId;

#[cfg(not(madsim))]
pub use folder::Folder;
#[cfg(madsim)]
pub use model::{Model, Trouble};
#[cfg(madsim)]
pub use node::{Remote, serve};

use crate::object::{PREPARED, VISIBLE, transaction};

/// Why the store did not do it. The text says what was asked for, and of which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// Something that the store is doing.
pub type Doing<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A store.
pub trait Store: Send + Sync {
    /// Writes an object. When this is over it is durable.
    fn put(&self, name: String, bytes: Vec<u8>) -> Doing<()>;

    /// Reads an object.
    fn get(&self, name: String) -> Doing<Vec<u8>>;

    /// The names of all objects in a folder, in order.
    fn list(&self, folder: &str) -> Doing<Vec<String>>;

    /// Gives an object another name, at once and durably. False if there is none of the old name.
    fn rename(&self, from: String, to: String) -> Doing<bool>;

    /// Deletes an object, if it is there.
    fn delete(&self, name: String) -> Doing<()>;

    /// What people call it.
    fn place(&self, name: &str) -> String;
}

/// Makes transactions visible, one after the other, up to the first that fails; says how many are. One that is not prepared any more was
/// made visible before.
pub async fn commit(store: &dyn Store, transactions: &[TransactionId]) -> usize {
    for (done, &name) in transactions.iter().enumerate() {
        let renamed = store.rename(transaction(PREPARED, name), transaction(VISIBLE, name)).await;
        if renamed.is_err() {
            return done;
        }
    }
    transactions.len()
}
