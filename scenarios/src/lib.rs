//! What to run, and how: scenario files, the library of ready-made ones, fault profiles, the runner.

pub mod aggregate;
pub mod capsule;
pub mod course;
pub mod explore;
pub mod faults;
pub mod guarantee;
pub mod hunts;
pub mod inputs;
mod jury;
pub mod library_files;
mod life;
pub mod local;
pub mod metrics;
pub mod operators;
pub mod prepare;
pub mod product;
pub mod record;
pub mod run;
pub mod savepoint_file;
pub mod shrink;
pub mod situations;
pub mod spec;
pub mod stepping;
pub mod story;
pub mod sweep;
pub mod units;
pub mod zoo;
