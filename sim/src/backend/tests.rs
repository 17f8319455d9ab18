//! Backends driven by hand, with a real store: what is written, shared, deleted and restored.

use std::collections::BTreeSet;

use super::*;
use crate::config::SnapshotCosts;
use crate::random::{below, draw};
use crate::snapshot::TaskSnapshot;
use crate::state::{EntryKey, Slot, Timer};
use crate::store::{Object, Store};

pub(super) const fn id(n: u64) -> CheckpointId {
    CheckpointId(n)
}

/// A snapshot that was taken, as it is on its way to the store.
#[derive(Clone)]
pub(super) struct Draft {
    pub snapshot: TaskSnapshot,
    pub new: Vec<(Handle, Arc<StateFile>)>,
    pub beside: Option<(Handle, Arc<StateFile>)>,
}

/// One task with its store.
pub(super) struct Bench<B> {
    pub backend: B,
    pub state: KeyedState,
    pub store: Store,
    pub costs: SnapshotCosts,
    pub base_bytes: u64,
    pub now: Time,
    names: u32,
}

impl<B: Backend> Bench<B> {
    pub fn new(backend: B, costs: SnapshotCosts, base_bytes: u64) -> Self {
        let state = KeyedState::default();
        let mut bench =
            Bench { backend, state, store: Store::default(), costs, base_bytes, now: 0, names: 0 };
        bench.restore(None);
        bench
    }

    pub fn with<R>(&mut self, act: impl FnOnce(&mut B, &mut KeyedState, &mut BackendCtx<'_>) -> R) -> R {
        let mut cx = BackendCtx {
            task: TaskId(0),
            attempt: Attempt(1),
            now: self.now,
            costs: &self.costs,
            entry_bytes: 10,
            base_bytes: self.base_bytes,
            names: &mut self.names,
        };
        act(&mut self.backend, &mut self.state, &mut cx)
    }

    /// Takes the snapshot of a checkpoint.
    pub fn take(&mut self, n: u64) -> Draft {
        let changes = self.state.take_changes();
        let saved = self.with(|backend, state, cx| backend.save(cx, id(n), state, changes));
        let snapshot =
            TaskSnapshot { id: id(n), state: saved.state, parts: saved.parts, ..TaskSnapshot::default() };
        Draft { snapshot, new: saved.new, beside: saved.beside }
    }

    /// The name of the snapshot of a checkpoint.
    pub fn handle(n: u64) -> Handle {
        Handle(1 << 40 | n)
    }

    /// Everything of a snapshot is written.
    pub fn write(&mut self, draft: &Draft) {
        for (handle, file) in &draft.new {
            self.store.put(*handle, Object::File(Arc::clone(file)));
        }
        let snapshot = Object::Snapshot(Arc::new(draft.snapshot.clone()));
        self.store.put(Self::handle(draft.snapshot.id.0), snapshot);
    }

    /// The checkpoint is complete, for the store.
    pub fn complete(&mut self, n: u64) {
        let held = self.store.refer(Arc::from([Some(Self::handle(n))]), &Arc::default());
        self.store.complete(id(n), held);
    }

    /// A checkpoint is taken, written, complete, and the task knows.
    pub fn checkpoint(&mut self, n: u64) -> Draft {
        let draft = self.take(n);
        self.write(&draft);
        self.complete(n);
        for useless in self.backend.completed(id(n)) {
            self.store.discard(useless);
        }
        draft
    }

    pub fn subsume(&mut self, n: u64) {
        self.store.subsume(id(n), |references| references == 0);
    }

    /// The task begins anew, from a completed checkpoint.
    pub fn restore(&mut self, n: Option<u64>) -> u64 {
        self.store.discard_unreferenced();
        let snapshot = n.map(|n| Arc::clone(self.store.get(Self::handle(n)).expect("a snapshot")));
        let parts = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.parts);
        let files =
            parts.iter().map(|&part| (part, Arc::clone(self.store.file(part.handle).expect("a file"))));
        let files: Vec<_> = files.collect();
        self.state = snapshot.as_ref().map_or(KeyedState::default(), |snapshot| snapshot.state.clone());
        let id = snapshot.map_or(id(0), |snapshot| snapshot.id);
        let replayed = self.with(|backend, state, cx| backend.restore(cx, id, &files, state));
        self.state.note_changes(self.backend.notes_changes());
        replayed
    }
}

/// Something changes in a state, a thing removed as often as not.
fn change(state: &mut KeyedState, seed: u64) {
    let (key, slot) = (draw(seed, 1) % 9, Slot { key: draw(seed, 2) % 5, map: 0, slot: draw(seed, 3) % 3 });
    let timer = Timer { time: draw(seed, 4) % 6, key, slot: 0 };
    match below(draw(seed, 0), 8) {
        0 => state.set_value(key, seed as i64),
        1 => drop(state.add(key, 1)),
        2 => drop(state.remove_value(key)),
        3 => drop(state.set_entry(slot, seed as i64)),
        4 => drop(state.remove_entry(slot)),
        5 => state.set_timer(timer),
        6 => drop(state.delete_timer(timer)),
        _ => drop(state.broadcast.set_entry(slot, seed as i64)),
    }
}

/// Checkpoints overlap, fail, are given up; the task hears of them late, or not before it crashes. Whatever is restored is what
/// was saved, and in the end nothing is in the store to which no checkpoint leads.
fn withstands<B: Backend + Clone>(backend: &B, seed: u64) {
    let costs = SnapshotCosts {
        compaction_bandwidth: 40,
        level1_bytes: 60,
        materialization_interval: 7 * crate::time::SECOND,
        ..SnapshotCosts::default()
    };
    let mut bench = Bench::new(backend.clone(), costs, 5 * (seed % 2));
    let mut next = 0;
    let chance = |at: u64, of: u64| below(draw(seed, at), of) == 0;
    let mut pending: Vec<(Draft, KeyedState)> = Vec::new();
    let mut unheard: Vec<u64> = Vec::new();
    let mut completed: Option<(u64, KeyedState)> = None;
    for at in (1..1_000_u64).map(|step| step * 16) {
        bench.now += draw(seed, at) % crate::time::SECOND;
        (0..draw(seed, at + 1) % 4).for_each(|n| change(&mut bench.state, draw(seed, at + 2 + n)));
        if chance(at + 6, 3) && pending.len() < 3 {
            next += 1;
            let draft = bench.take(next);
            if let Some((handle, file)) = draft.beside.clone() {
                let fine = !chance(at + 7, 3);
                if fine {
                    bench.store.put(handle, Object::File(file));
                }
                bench.backend.stored(handle, fine);
            }
            pending.push((draft, bench.state.clone()));
        }
        if chance(at + 8, 3) && !pending.is_empty() {
            // One of those in flight completes, and older ones are subsumed; so is what was complete.
            let which = below(draw(seed, at + 9), pending.len() as u64) as usize;
            let (draft, state) = pending.drain(..=which).next_back().expect("one");
            let n = draft.snapshot.id.0;
            bench.write(&draft);
            bench.complete(n);
            if let Some((older, _)) = completed.replace((n, state)) {
                bench.subsume(older);
            }
            unheard.push(n);
        }
        if chance(at + 10, 8) && !pending.is_empty() {
            let which = below(draw(seed, at + 11), pending.len() as u64) as usize;
            let (draft, _) = pending.remove(which);
            bench.write(&draft);
            bench.backend.given_up(draft.snapshot.id);
            bench.store.discard(Bench::<B>::handle(draft.snapshot.id.0));
        }
        if chance(at + 12, 2) {
            for n in unheard.drain(..) {
                bench.backend.completed(id(n)).into_iter().for_each(|useless| bench.store.discard(useless));
            }
        }
        if chance(at + 13, 20) {
            pending.clear();
            unheard.clear();
            bench.restore(completed.as_ref().map(|&(n, _)| n));
            let was = completed.as_ref().map_or(KeyedState::default(), |(_, state)| state.clone());
            assert_eq!(
                bench.state,
                was,
                "seed {seed}, step {at}, checkpoint {:?}",
                completed.map(|(n, _)| n)
            );
        }
    }
    bench.store.discard_unreferenced();
    let (n, _) = completed.expect("a checkpoint");
    let led: BTreeSet<Handle> = bench.store.leads_to(id(n)).map(|(handle, _)| handle).collect();
    assert!(bench.store.objects().all(|(handle, _)| led.contains(&handle)));
}

#[test]
fn whatever_is_restored_is_what_was_saved() {
    for seed in 0..12 {
        withstands(&lsm::Lsm::new(true), seed);
        withstands(&lsm::Lsm::new(false), seed);
        withstands(&changelog::Changelog::default(), seed);
        withstands(&heap::Heap::<false>, seed);
    }
}

#[test]
fn a_backend_begins_with_what_stands_in_a_savepoint() {
    for method in SnapshotMethod::ALL {
        let mut backend = of(method);
        let (costs, mut names) = (SnapshotCosts::default(), 0);
        let mut cx = BackendCtx {
            task: TaskId(0),
            attempt: Attempt(1),
            now: 0,
            costs: &costs,
            entry_bytes: 10,
            base_bytes: 100,
            names: &mut names,
        };
        let mut state = KeyedState::default();
        (0..200).for_each(|seed| change(&mut state, seed));
        let was = state.clone();
        assert_eq!(backend.restore(&mut cx, id(4), &[], &mut state), 0);
        assert_eq!(state, was);
        let saved = backend.save(&mut cx, id(5), &state, Changes::default());
        let mut again = saved.state;
        let files = saved.new.iter().flat_map(|(_, file)| file.entries.iter());
        files.for_each(|update| again.apply(update));
        assert_eq!(again, was, "{method:?}");
        let bytes: u64 = saved.bytes + saved.new.iter().map(|(_, file)| file.bytes).sum::<u64>();
        assert_eq!(bytes, 100 + 10 * was.len() as u64, "{method:?}");
    }
}

/// Keys of the values in a file.
pub(super) fn keys(file: &StateFile) -> Vec<u64> {
    let key = |(key, _): &Update| match key {
        EntryKey::Value(key) => *key,
        EntryKey::Entry(slot) => slot.key,
        EntryKey::Timer(timer) => timer.key,
    };
    file.entries.iter().map(key).collect()
}
