use super::*;
use crate::backend::tests::{Bench, Draft, keys};
use crate::config::SnapshotCosts;
use crate::state::EntryKey;
use crate::time::MILLISECOND;

/// Compactions happen when a test says so.
fn by_hand() -> SnapshotCosts {
    SnapshotCosts { level0_trigger: u32::MAX, ..SnapshotCosts::default() }
}

/// What a snapshot uploads, and what it shares: the keys in each file.
fn uploads_and_shares(bench: &Bench<Lsm>, draft: &Draft) -> (Vec<Vec<u64>>, Vec<Vec<u64>>) {
    let is_new = |part: &&Part| draft.new.iter().any(|&(handle, _)| handle == part.handle);
    let of = |part: &Part| keys(bench.store.file(part.handle).expect("it is written"));
    let (new, shared): (Vec<_>, Vec<_>) = draft.snapshot.parts.iter().partition(is_new);
    (new.into_iter().map(of).collect(), shared.into_iter().map(of).collect())
}

/// Merges the files with these keys, which follow each other.
fn compact(bench: &mut Bench<Lsm>, files: &[u64]) {
    bench.with(|lsm, _, cx| {
        let number = |key| lsm.runs.iter().find(|run| keys(&run.file) == [key]).expect("a file").number;
        let (first, last) = (number(files[0]), number(files[files.len() - 1]));
        lsm.merge(cx, first, last, 1);
    });
}

/// What is in the store of the task's files.
fn stored(bench: &Bench<Lsm>) -> Vec<Vec<u64>> {
    let files = bench.store.objects().filter_map(|(handle, _)| bench.store.file(handle));
    let mut files: Vec<_> = files.map(|file| keys(file)).collect();
    files.sort();
    files
}

/// Flink blog, 2018-01-30, *Managing Large State in Apache Flink: An Intro to Incremental Checkpointing*, with two checkpoints
/// retained. File n has the key n.
#[test]
fn the_published_example_of_incremental_checkpoints_with_two_retained() {
    let mut bench = Bench::new(Lsm::new(true), by_hand(), 0);
    let flush = |bench: &mut Bench<Lsm>, key| {
        bench.state.take_changes();
        bench.with(|lsm, _, cx| lsm.push(cx, 0, vec![(EntryKey::Value(key), Some(1))], 0));
    };
    flush(&mut bench, 1);
    flush(&mut bench, 2);
    let first = bench.checkpoint(1);
    assert_eq!(uploads_and_shares(&bench, &first), (vec![vec![1], vec![2]], vec![]));
    flush(&mut bench, 3);
    flush(&mut bench, 4);
    let second = bench.checkpoint(2);
    assert_eq!(uploads_and_shares(&bench, &second), (vec![vec![3], vec![4]], vec![vec![1], vec![2]]));
    compact(&mut bench, &[1, 2, 3]);
    flush(&mut bench, 5);
    let third = bench.checkpoint(3);
    assert_eq!(uploads_and_shares(&bench, &third), (vec![vec![1, 2, 3], vec![5]], vec![vec![4]]));
    let before = stored(&bench);
    bench.subsume(1);
    assert_eq!(stored(&bench), before, "nothing can be deleted yet");
    flush(&mut bench, 6);
    compact(&mut bench, &[4, 5, 6]);
    let fourth = bench.checkpoint(4);
    assert_eq!(uploads_and_shares(&bench, &fourth), (vec![vec![4, 5, 6]], vec![vec![1, 2, 3]]));
    bench.subsume(2);
    assert_eq!(stored(&bench), [vec![1, 2, 3], vec![4], vec![4, 5, 6], vec![5]], "1, 2 and 3 went now");
}

/// Measured on Flink 1.20.5: with update volume D per interval and state S the checkpoints go through a cycle of four, of
/// S + D to S + 4D in all, and upload D + S/4 in the mean; a full checkpoint uploads all of it. Exact but for the bytes of the
/// operator's own state, of which there are none.
#[test]
fn checkpoints_go_through_a_cycle_of_four() {
    const D: u64 = 10 * 8;
    const S: u64 = 4_000;
    for incremental in [true, false] {
        let mut bench = Bench::new(Lsm::new(incremental), SnapshotCosts::default(), S - D);
        let (mut full, mut uploaded) = (Vec::new(), Vec::new());
        for n in 1..=42 {
            bench.now += 100 * MILLISECOND;
            for key in 0..8 {
                bench.state.add(key, 1);
            }
            let draft = bench.checkpoint(n);
            full.push(draft.snapshot.parts.iter().map(|part| part.bytes).sum::<u64>());
            uploaded.push(draft.new.iter().map(|(_, file)| file.bytes).sum::<u64>());
            if n > 1 {
                bench.subsume(n - 1);
            }
        }
        // The first cycle begins without the changed entries, which are new in it.
        let (full, uploaded) = (&full[4..40], &uploaded[4..40]);
        for cycle in full.chunks(4) {
            assert_eq!(cycle, [S + D, S + 2 * D, S + 3 * D, S + 4 * D]);
        }
        let mean = uploaded.iter().sum::<u64>() / uploaded.len() as u64;
        assert_eq!(mean, if incremental { D + S / 4 } else { S + 5 * D / 2 });
        if incremental {
            assert_eq!(uploaded[..4], [S + D, D, D, D]);
        } else {
            assert_eq!(uploaded, full);
        }
    }
}

#[test]
fn a_level_that_has_outgrown_its_limit_is_merged_into_the_next() {
    let costs = SnapshotCosts { level1_bytes: 100, ..SnapshotCosts::default() };
    let mut bench = Bench::new(Lsm::new(true), costs, 0);
    let levels = |bench: &Bench<Lsm>| bench.backend.runs.iter().map(|run| run.level).collect::<Vec<_>>();
    for n in 1..=3 {
        bench.state.set_value(n, 1);
        bench.checkpoint(n);
    }
    assert_eq!(levels(&bench), [0, 0, 0]);
    bench.state.set_value(4, 1);
    bench.checkpoint(4);
    bench.now += MILLISECOND;
    bench.checkpoint(5);
    assert_eq!(levels(&bench), [1]);
    for n in 6..=9 {
        (0..5).for_each(|key| bench.state.set_value(n * 10 + key, 1));
        bench.checkpoint(n);
    }
    bench.now += MILLISECOND;
    bench.checkpoint(10);
    assert_eq!(levels(&bench), [2], "240 bytes are too much for level 1");
    (0..4).for_each(|n| bench.state.set_value(n, 1));
    bench.checkpoint(11);
    assert_eq!(levels(&bench), [2, 0]);
}

#[test]
fn a_compaction_is_over_when_it_has_read_all() {
    let costs = SnapshotCosts { compaction_bandwidth: 40, ..SnapshotCosts::default() };
    let mut bench = Bench::new(Lsm::new(true), costs, 0);
    for n in 1..=4 {
        bench.state.set_value(n, 1);
        bench.checkpoint(n);
    }
    bench.now += SECOND - 1;
    bench.checkpoint(5);
    assert_eq!(bench.backend.runs.len(), 4, "40 bytes at 40 bytes per second");
    bench.now += 1;
    bench.checkpoint(6);
    assert_eq!(bench.backend.runs.len(), 1);
}

#[test]
fn a_tombstone_hides_what_is_older_and_goes_with_it() {
    let mut bench = Bench::new(Lsm::new(true), by_hand(), 0);
    bench.state.set_value(1, 5);
    bench.state.set_value(2, 5);
    bench.checkpoint(1);
    bench.state.remove_value(1);
    bench.checkpoint(2);
    bench.restore(Some(2));
    assert_eq!((bench.state.value(1), bench.state.value(2)), (None, Some(5)));
    bench.with(|lsm, _, cx| lsm.merge(cx, 1, 2, 1));
    assert_eq!(keys(&bench.backend.runs[0].file), [2]);
}
