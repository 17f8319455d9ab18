//! Digests of a world: by them runs are compared.

use crate::ids::TaskId;
use crate::snapshot::TaskSnapshot;
use crate::store::Object;
use crate::task::Task;
use crate::world::World;

impl World {
    /// The digest of everything observable so far: the events of every origin in order, everything every task handled
    /// and when, the final states, the ledger, and what is in the store.
    pub fn digest(&self) -> u128 {
        let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
        let mut fold = |word: u64| hasher.update(&word.to_le_bytes());
        self.digests.iter().copied().for_each(&mut fold);
        self.fold_end(|_| true, |task| task.chain.0, &mut fold);
        hasher.digest128()
    }

    /// The digest of what is left: the same without how it came to be, and without what tasks that are gone have forgotten.
    pub fn digest_of_end(&self) -> u128 {
        let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
        let is_there = |task: &Task| !task.status.is_dead();
        self.fold_end(is_there, |_| 0, &mut |word| hasher.update(&word.to_le_bytes()));
        hasher.digest128()
    }

    fn fold_end(
        &self,
        counts: impl Fn(&Task) -> bool,
        past: impl Fn(&Task) -> u64,
        mut fold: &mut dyn FnMut(u64),
    ) {
        for (at, task) in self.tasks.iter().enumerate() {
            if counts(task) {
                [past(task), task.records, task.lineages, task.state.fingerprint()]
                    .into_iter()
                    .for_each(&mut fold);
            }
            let id = TaskId(at as u32);
            for (transaction, records) in self.shared.external.committed(id) {
                fold(transaction.id.0);
                records.iter().for_each(|record| fold(record.lineage ^ record.value as u64));
            }
            self.shared.external.log(id).iter().for_each(|record| fold(record.lineage ^ record.value as u64));
        }
        for id in self.store.completed() {
            fold(id.0);
            self.store.manifest(id).into_iter().flat_map(|manifest| manifest.iter()).for_each(|handle| {
                fold(handle.map_or(u64::MAX, |handle| handle.0));
            });
        }
        for (handle, object) in self.store.objects() {
            match object {
                Object::Snapshot(snapshot) => {
                    let TaskSnapshot { id, bytes, in_flight, records, lineages, .. } = &**snapshot;
                    [handle.0, id.0, *bytes, *in_flight, *records, *lineages].into_iter().for_each(&mut fold);
                    if snapshot.logged_bytes > 0 {
                        fold(snapshot.logged_bytes);
                    }
                }
                Object::File(file) => {
                    [handle.0, file.bytes, file.entries.len() as u64].into_iter().for_each(&mut fold)
                }
            }
        }
    }
}
