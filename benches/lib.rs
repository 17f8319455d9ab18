//! The benchmarks of Cutline, and what they are held against: [`limit`] is the bar, [`engine`] is what is measured,
//! [`ratios`] measures the distance.

pub mod engine;
pub mod limit;
pub mod ratios;
