//! The benchmarks of Cutline, and what they are held against: [`limit`] is the bar, [`ratios`] measures the distance.

pub mod limit;
pub mod ratios;
