//! The store as a folder of the file system. An object is written beside its name, synced, and put in its place by a rename;
//! then the folder is synced. So a process that is killed at any moment leaves an object whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Doing, Store, StoreError};
use crate::object::{CHECKPOINT, PREPARED, VISIBLE};

/// Where what is being written stands: beside all objects, so that no list shows it.
const WRITING: &str = "writing";

/// A folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    written: Arc<AtomicU64>,
}

impl Folder {
    /// The store in this folder.
    pub fn new(root: impl Into<PathBuf>) -> Folder {
        Folder { root: root.into(), written: Arc::default() }
    }

    /// Makes the folder ready for a job that begins: it is made if need be, and must be empty.
    ///
    /// # Errors
    /// If it cannot be written to, or holds something.
    pub fn begin(&self) -> Result<(), StoreError> {
        let root = &self.root;
        let wrong = |error: io::Error| {
            StoreError(format!(
                "cannot write checkpoints into `{}`: {error}: choose another folder",
                root.display()
            ))
        };
        fs::create_dir_all(root).map_err(wrong)?;
        if fs::read_dir(root).map_err(wrong)?.next().is_some() {
            return Err(StoreError(format!(
                "the folder `{}` is not empty: checkpoints and results of another job would be taken for those of this one; \
                 choose another folder, or empty it",
                root.display()
            )));
        }
        for folder in ["shared", PREPARED, VISIBLE, "final", WRITING] {
            fs::create_dir(root.join(folder)).map_err(wrong)?;
        }
        self.put_now("shared/.probe", b"").and_then(|()| self.delete_now("shared/.probe")).map_err(wrong)
    }

    /// The newest checkpoint that exists.
    pub fn newest_checkpoint(&self) -> Option<u64> {
        let entries = fs::read_dir(&self.root).ok()?.filter_map(Result::ok);
        let exists = entries.filter(|entry| entry.path().join("_metadata").exists());
        let ids =
            exists.filter_map(|entry| entry.file_name().to_str()?.strip_prefix(CHECKPOINT)?.parse().ok());
        ids.max()
    }

    fn put_now(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.root.join(name);
        let folder = place.parent().unwrap_or(&self.root);
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            sync(&self.root)?;
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let beside = self.root.join(WRITING).join(format!("{}-{number}", std::process::id()));
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, &place)?;
        sync(folder)
    }

    fn delete_now(&self, name: &str) -> io::Result<()> {
        let place = self.root.join(name);
        match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A checkpoint has a folder of its own, which goes with it. One that is not empty, or gone already, is left alone.
        if name.starts_with(CHECKPOINT)
            && let Some(folder) = place.parent()
        {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn rename_now(&self, from: &str, to: &str) -> io::Result<bool> {
        let (from, to) = (self.root.join(from), self.root.join(to));
        match fs::rename(&from, &to) {
            Ok(()) => {
                [&to, &from].iter().filter_map(|place| place.parent()).try_for_each(sync)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list_now(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            names.push(format!("{folder}/{}", entry?.file_name().to_string_lossy()));
        }
        names.sort();
        Ok(names)
    }

    /// Does something on a thread that may wait for the disk.
    fn doing<T: Send + 'static>(
        &self,
        what: &'static str,
        name: String,
        does: impl FnOnce(&Folder, &str) -> io::Result<T> + Send + 'static,
    ) -> Doing<T> {
        let folder = self.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || {
                let done = does(&folder, &name);
                done.map_err(|error| StoreError(format!("cannot {what} `{}`: {error}", folder.place(&name))))
            });
            done.await.unwrap_or_else(|_| Err(StoreError("the store has come to its end".to_owned())))
        })
    }
}

/// Makes durable what a folder names.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Store for Folder {
    fn put(&self, name: String, bytes: Vec<u8>) -> Doing<()> {
        self.doing("write", name, move |folder, name| folder.put_now(name, &bytes))
    }

    fn get(&self, name: String) -> Doing<Vec<u8>> {
        self.doing("read", name, |folder, name| fs::read(folder.root.join(name)))
    }

    fn list(&self, folder: &str) -> Doing<Vec<String>> {
        self.doing("list", folder.to_owned(), |folder, name| folder.list_now(name))
    }

    fn rename(&self, from: String, to: String) -> Doing<bool> {
        self.doing("commit", from, move |folder, from| folder.rename_now(from, &to))
    }

    fn delete(&self, name: String) -> Doing<()> {
        self.doing("delete", name, |folder, name| folder.delete_now(name))
    }

    fn place(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(place.path().join("deep/er"));
        folder.begin().expect("an empty folder");
        (place, folder)
    }

    #[test]
    fn an_object_is_there_whole_under_its_name_alone() {
        let (_place, folder) = begun();
        folder.put_now("chk-1/_metadata", b"one").expect("room");
        assert_eq!(folder.newest_checkpoint(), Some(1));
        folder.put_now("visible/1-2-3", b"two").expect("room");
        assert_eq!(fs::read(folder.root.join("chk-1/_metadata")).expect("there"), b"one");
        assert_eq!(folder.list_now("visible").expect("there"), ["visible/1-2-3"]);
        assert_eq!(folder.list_now(WRITING).expect("there"), [""; 0], "nothing lies about");
        assert!(folder.rename_now("visible/1-2-3", "prepared/1-2-3").expect("there"));
        assert!(!folder.rename_now("visible/1-2-3", "prepared/1-2-3").expect("the second time is none"));
        folder.delete_now("prepared/1-2-3").expect("there");
        folder.delete_now("prepared/1-2-3").expect("gone is gone");
    }

    #[test]
    fn the_folder_of_a_checkpoint_goes_with_it_and_may_come_again() {
        let (_place, folder) = begun();
        for _ in 0..2 {
            folder.put_now("chk-1/_metadata", b"one").expect("room");
            folder.delete_now("chk-1/_metadata").expect("there");
            assert!(!folder.root.join("chk-1").exists());
        }
        folder.put_now("shared/1", b"one").expect("room");
        folder.delete_now("shared/1").expect("there");
        assert!(folder.root.join("shared").exists(), "others are needed again");
    }

    #[test]
    fn a_folder_of_another_job_is_refused() {
        let (_place, folder) = begun();
        let error = folder.begin().expect_err("it holds something").to_string();
        assert!(error.contains("is not empty"), "{error}");
    }

    #[test]
    fn a_place_that_is_no_folder_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("file");
        fs::write(&path, "something").expect("room");
        let error = Folder::new(&path).begin().expect_err("a file").to_string();
        assert!(error.contains("cannot write checkpoints"), "{error}");
    }
}
