//! Runs on all cores: how the acceptance and the product go through their seeds.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;

/// As many threads as there are cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does the jobs `0..count` on so many threads, each when the one before it has been begun. What comes out is handed over as it
/// comes, with its number; with `false` the caller wants no more: jobs that have begun still end, and are handed over.
pub fn each<T: Send>(
    threads: usize,
    count: u64,
    job: &(dyn Fn(u64) -> T + Sync),
    mut done: impl FnMut(u64, T) -> bool,
) {
    let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads.max(1) {
            let (sender, next, enough) = (sender.clone(), &next, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || sender.send((number, job(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (number, result) in receiver {
            if !done(number, result) {
                enough.store(true, Ordering::Relaxed);
            }
        }
    });
}
