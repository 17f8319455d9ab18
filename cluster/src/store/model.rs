//! The disk of the store as a model, for madsim: a map that survives every node. A request takes a drawn time; what was asked for and not
//! done when the node of the store is killed is not done. A part of the writes can fail, by the seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use madsim::rand::Rng;

use super::{Doing, Store, StoreError};

/// What goes wrong with requests, in parts per mille.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Writes of snapshots, files and metadata that are not done.
    pub failed_writes: u32,
    /// Commits that are not done, and as many that are done and not confirmed.
    pub failed_commits: u32,
}

/// The store.
#[derive(Clone, Debug, Default)]
pub struct Model {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    trouble: Trouble,
}

impl Model {
    /// An empty store.
    pub fn new(trouble: Trouble) -> Model {
        Model { trouble, ..Model::default() }
    }

    /// The names of all objects.
    pub fn names(&self) -> Vec<String> {
        self.with(|objects| objects.keys().cloned().collect())
    }

    /// Changes an object behind everybody's back; false if there is none.
    pub fn damage(&self, name: &str) -> bool {
        self.with(|objects| match objects.get_mut(name).and_then(|bytes| bytes.last_mut()) {
            Some(byte) => {
                *byte ^= 1;
                true
            }
            None => false,
        })
    }

    fn with<T>(&self, does: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        does(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something after a drawn time.
    fn doing<T: Send + 'static>(
        &self,
        does: impl FnOnce(&Model) -> Result<T, StoreError> + Send + 'static,
    ) -> Doing<T> {
        let model = self.clone();
        Box::pin(async move {
            let millis = madsim::rand::thread_rng().gen_range(1..8);
            tokio::time::sleep(Duration::from_millis(millis)).await;
            does(&model)
        })
    }
}

/// True with so many parts per mille.
fn strikes(per_mille: u32) -> bool {
    per_mille > 0 && madsim::rand::thread_rng().gen_range(0..1000) < per_mille
}

impl Store for Model {
    fn put(&self, name: String, bytes: Vec<u8>) -> Doing<()> {
        // A result is asked for once; whoever writes it would have to try again.
        let may_fail = name.starts_with("shared/") || name.starts_with("chk-");
        self.doing(move |model| {
            if may_fail && strikes(model.trouble.failed_writes) {
                return Err(StoreError(format!("cannot write `{name}`: a fault")));
            }
            model.with(|objects| objects.insert(name, bytes));
            Ok(())
        })
    }

    fn get(&self, name: String) -> Doing<Vec<u8>> {
        self.doing(move |model| {
            let found = model.with(|objects| objects.get(&name).cloned());
            found.ok_or_else(|| StoreError(format!("cannot read `{name}`: there is no such object")))
        })
    }

    fn list(&self, folder: &str) -> Doing<Vec<String>> {
        let folder = folder.to_owned();
        self.doing(move |model| {
            let inside =
                |name: &&String| name.strip_prefix(&*folder).is_some_and(|rest| rest.starts_with('/'));
            Ok(model.with(|objects| objects.keys().filter(inside).cloned().collect()))
        })
    }

    fn rename(&self, from: String, to: String) -> Doing<bool> {
        self.doing(move |model| {
            let failed = || Err(StoreError(format!("cannot commit `{from}`: a fault")));
            if strikes(model.trouble.failed_commits) {
                return failed();
            }
            let done = model.with(|objects| match objects.remove(&from) {
                Some(bytes) => {
                    objects.insert(to, bytes);
                    true
                }
                None => false,
            });
            if strikes(model.trouble.failed_commits) {
                return failed();
            }
            Ok(done)
        })
    }

    fn delete(&self, name: String) -> Doing<()> {
        self.doing(move |model| {
            model.with(|objects| objects.remove(&name));
            Ok(())
        })
    }

    fn place(&self, name: &str) -> String {
        name.to_owned()
    }
}
