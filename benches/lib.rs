//! The benchmarks of Cutline, and what they are held against: [`limit`] and [`fork_limit`] are the bars, [`engine`] is what is measured,
//! [`ratios`] measures the distance.

pub mod engine;
pub mod fork_limit;
pub mod limit;
pub mod ratios;
