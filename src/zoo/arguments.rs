//! The arguments of `cutline zoo`.

use std::path::PathBuf;

use clap::Args;

/// `cutline zoo`
#[derive(Debug, Args)]
pub struct ZooArguments {
    /// Only these planted bugs, separated by commas: some of `cutline list bugs`
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Hunt each bug from so many starts; the first with the seeds 0, 1, 2, ..., the next with 1000, 1001, ...
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub starts: u64,
    /// So many threads; by default one per core. What is found does not depend on it
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Do not try every single fault on `tiny`
    #[arg(long)]
    pub no_explore: bool,
    /// Do not look for the smallest run
    #[arg(long)]
    pub no_shrink: bool,
    /// Write the smallest runs into this folder: of each a capsule for `cutline replay`, the scenario, and a test in Rust
    #[arg(long, value_name = "DIR", conflicts_with = "no_shrink")]
    pub out: Option<PathBuf>,
    /// Print the tables in Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}
