use super::*;
use crate::backend::tests::{Bench, Draft, id, keys};
use crate::config::SnapshotCosts;
use crate::time::SECOND;

fn bench() -> Bench<Changelog> {
    let costs = SnapshotCosts { materialization_interval: 10 * SECOND, ..SnapshotCosts::default() };
    Bench::new(Changelog::default(), costs, 0)
}

/// The keys in each part, and the level of the part.
fn parts(bench: &Bench<Changelog>, draft: &Draft) -> Vec<(u32, Vec<u64>)> {
    let file = |part: &Part| keys(bench.store.file(part.handle).expect("it is written"));
    draft.snapshot.parts.iter().map(|part| (part.level, file(part))).collect()
}

#[test]
fn a_snapshot_writes_the_tail_and_shares_the_rest() {
    let mut bench = bench();
    bench.state.set_value(1, 1);
    bench.checkpoint(1);
    bench.state.set_value(2, 1);
    let unheard = bench.take(2);
    bench.backend.given_up(id(2));
    assert_eq!(unheard.new.len(), 1);
    bench.state.set_value(3, 1);
    let third = bench.checkpoint(3);
    assert_eq!(
        parts(&bench, &third),
        [(LOG, vec![1]), (LOG, vec![2, 3])],
        "what was given up is written again"
    );
    let fourth = bench.checkpoint(4);
    assert!(fourth.new.is_empty(), "nothing has changed");
    assert_eq!(bench.restore(Some(4)), 30, "bytes of the log");
    assert_eq!(bench.state.values().count(), 3);
}

#[test]
fn every_change_counts_in_the_log() {
    let mut bench = bench();
    for _ in 0..7 {
        bench.state.add(1, 1);
    }
    let draft = bench.checkpoint(1);
    assert_eq!(draft.new.iter().map(|(_, file)| file.bytes).sum::<u64>(), 70);
}

#[test]
fn the_log_is_truncated_when_the_materialisation_is_stored() {
    let mut bench = bench();
    bench.state.set_value(1, 1);
    bench.checkpoint(1);
    bench.now += 10 * SECOND;
    bench.state.set_value(2, 1);
    let second = bench.checkpoint(2);
    let (name, file) = second.beside.clone().expect("it is due");
    assert_eq!(keys(&file), [1, 2]);
    bench.state.set_value(3, 1);
    let third = bench.checkpoint(3);
    assert_eq!(
        parts(&bench, &third),
        [(LOG, vec![1]), (LOG, vec![2]), (LOG, vec![3])],
        "it is not stored yet"
    );
    assert!(third.beside.is_none(), "one is on its way");
    bench.store.put(name, crate::store::Object::File(file));
    bench.backend.stored(name, true);
    bench.state.remove_value(1);
    let fourth = bench.checkpoint(4);
    assert_eq!(parts(&bench, &fourth), [(MATERIALIZED, vec![1, 2]), (LOG, vec![3]), (LOG, vec![1])]);
    (1..=3).for_each(|n| bench.subsume(n));
    assert_eq!(bench.store.len(), 4, "a snapshot, the materialisation and two segments");
    bench.restore(Some(4));
    assert_eq!(bench.state.values().map(|(key, _)| key).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_materialisation_that_could_not_be_stored_changes_nothing() {
    let mut bench = bench();
    bench.state.set_value(1, 1);
    bench.now += 10 * SECOND;
    let (name, _) = bench.checkpoint(1).beside.expect("it is due");
    bench.backend.stored(name, false);
    let second = bench.checkpoint(2);
    assert_eq!(parts(&bench, &second), [(LOG, vec![1])]);
    assert!(second.beside.is_none(), "not before the interval is over");
    bench.now += 10 * SECOND;
    assert!(bench.checkpoint(3).beside.is_some());
}

#[test]
fn a_materialisation_that_was_replaced_before_a_checkpoint_had_it_is_deleted() {
    let mut bench = bench();
    for n in 1..=2 {
        bench.now += 10 * SECOND;
        bench.state.set_value(n, 1);
        let (name, file) = bench.take(n).beside.expect("it is due");
        bench.store.put(name, crate::store::Object::File(file));
        bench.backend.stored(name, true);
        bench.backend.given_up(id(n));
    }
    let third = bench.checkpoint(3);
    assert_eq!(parts(&bench, &third), [(MATERIALIZED, vec![1, 2])]);
    assert_eq!(bench.store.len(), 2, "the snapshot and the materialisation that it refers to");
}
