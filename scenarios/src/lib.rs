//! What to run, and how: scenario files, the library of ready-made ones, fault profiles, the runner.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cutline_scenarios::library_files::ScenarioText;
//! use cutline_scenarios::prepare::Prepared;
//! use cutline_scenarios::record::Class;
//! use cutline_scenarios::run::{Contender, Options, Runner};
//! use cutline_sim::faults::FaultPlan;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"
//!     name = "sums"
//!     about = "One source, two sums."
//!
//!     [input.numbers]
//!     kind = { numbers = { count = 500, rate = "1000/s", splits = 1 } }
//!
//!     [[job.operator]]
//!     uid = "source"
//!     does = { source = "numbers" }
//!
//!     [[job.operator]]
//!     uid = "sum"
//!     does = "keyed-sum"
//!     parallelism = 2
//!
//!     [[job.operator]]
//!     uid = "sink"
//!     does = { sink = "transactional" }
//!
//!     [[job.edge]]
//!     from = "source"
//!     to = "sum"
//!     ship = "hash"
//!
//!     [[job.edge]]
//!     from = "sum"
//!     to = "sink"
//!     ship = "rebalance"
//!
//!     [execution]
//!     checkpointing.interval = "100ms"
//! "#;
//! let source = ScenarioText { file: "sums.toml".to_owned(), folder: None, text: text.to_owned() };
//! let prepared = Prepared::load(&source, &["taskmanager.numberOfTaskSlots=2"], 1)?;
//! let aligned = Contender::named("aligned").ok_or("there is no such strategy")?;
//! let options = Options { forks: Some(true), ..Options::default() };
//! let record = Runner::new(&prepared, aligned).run(1, &Arc::new(FaultPlan::default()), &options, None);
//!
//! assert_eq!(record.class(), Class::Pass);
//! assert!(record.completed().count() >= 4, "a checkpoint every 100 ms, each restored in a fork");
//!
//! // An error says where it is, and what to do.
//! let error = Prepared::load(&source, &["execution.checkpointing.intervall=1s"], 1).expect_err("a slip");
//! assert!(error.to_string().contains("interval"), "{error}");
//! # Ok(())
//! # }
//! ```

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
pub mod scene;
pub mod shrink;
pub mod situations;
pub mod spec;
pub mod stepping;
pub mod story;
pub mod sweep;
pub mod trace;
pub mod units;
pub mod zoo;
