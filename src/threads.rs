//! The threads of commands that ask for a number of them.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::failure::Failure;

/// So many threads as were asked for with this option; one for each core if nobody asked.
pub fn pool(number: Option<u16>, option: &str) -> Result<ThreadPool, Failure> {
    ThreadPoolBuilder::new().num_threads(number.map_or(0, usize::from)).build().map_err(|error| {
        Failure::new(format!("cannot start threads: {error}"))
            .with_help(format!("ask for fewer of them with `{option}`"))
    })
}
