//! The product: `make product`, or `cargo run --release --example product -- --seeds 200`.
//!
//! Every strategy with every snapshot method on every job of the library (see `scenarios/src/product.rs`), so many seeds of each,
//! on all cores. A seed with an even number has crashes alone, one with an odd number may have every fault; and every completed
//! checkpoint is restored in a fork. All oracles must be content. With jobs of this size a run takes some 60 ms, its forks
//! included, so nothing need be left out: 200 seeds are 175,000 runs, three hours of one core.
//!
//! A row is printed when its seeds are done, with the command of each run that failed, and kept in a file: whoever interrupts
//! this and calls it again, with the same program and the same number of seeds, goes on where it was. Exit code 1 if anything
//! failed, or a row shows nothing since none of its runs went back to a checkpoint; 2 for what it cannot do.

#[path = "shared/pool.rs"]
mod pool;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use cutline_algorithms::STRATEGIES;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::product::{Cell, JOBS, Job, Size};
use cutline_scenarios::record::{Class, RunRecord};
use cutline_sim::event::chain;
use cutline_sim::protocol::SnapshotMethod;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

/// Failing runs of a row whose commands are printed; all are counted.
const COMMANDS: usize = 3;

/// Runs every strategy with every snapshot method on every job of the library, and asks every oracle.
#[derive(Debug, Parser)]
#[command(name = "product", max_term_width = 100)]
struct Arguments {
    /// So many seeds of each
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value = "0")]
    from: u64,
    /// Only a part: `strategy=NAME`, `method=NAME` or `scenario=NAME`; of several of one kind any
    #[arg(long, value_name = "KIND=NAME", value_parser = part)]
    only: Vec<Part>,
    /// The small jobs of the tests instead of those of the library
    #[arg(long)]
    small: bool,
    /// So many threads; by default one per core
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Keep finished rows in this folder
    #[arg(long, value_name = "FOLDER", default_value = "cutline-out/product")]
    keep: PathBuf,
    /// Forget the rows that are kept, and begin anew
    #[arg(long)]
    anew: bool,
}

/// A part of the product.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Strategy(String),
    Method(String),
    Scenario(String),
}

fn part(text: &str) -> Result<Part, String> {
    let (kind, name) = text.split_once('=').ok_or("write `KIND=NAME`, such as `strategy=aligned`")?;
    let known: Vec<&str> = match kind {
        "strategy" => STRATEGIES.iter().map(|strategy| strategy.name).collect(),
        "method" => SnapshotMethod::ALL.map(SnapshotMethod::name).to_vec(),
        "scenario" => JOBS.iter().map(|job| job.scenario).collect(),
        _ => return Err("the kinds are `strategy`, `method` and `scenario`".to_owned()),
    };
    if !known.contains(&name) {
        return Err(format!("there is no {kind} `{name}`; there are `{}`", known.join("`, `")));
    }
    let name = name.to_owned();
    Ok(match kind {
        "strategy" => Part::Strategy(name),
        "method" => Part::Method(name),
        _ => Part::Scenario(name),
    })
}

impl Arguments {
    /// True if nothing of this kind was asked for, or this was.
    fn wants(&self, part: &Part) -> bool {
        let kind = std::mem::discriminant(part);
        let mut asked = self.only.iter().filter(|asked| std::mem::discriminant(*asked) == kind).peekable();
        asked.peek().is_none() || asked.any(|asked| asked == part)
    }

    fn size(&self) -> Size {
        if self.small { Size::Small } else { Size::Full }
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(pool::cores)
    }

    fn seed(&self, number: u64) -> u64 {
        self.from.saturating_add(number)
    }

    /// The file of the rows that this program has finished with these seeds.
    fn file(&self) -> io::Result<PathBuf> {
        let program = fs::read(std::env::current_exe()?)?;
        let program = program.iter().fold(0, |hash, &byte| chain(hash, byte.into()));
        let size = if self.small { "small" } else { "full" };
        Ok(self.keep.join(format!("{program:016x}-{size}-{}-{}.jsonl", self.from, self.seeds)))
    }
}

/// What became of the runs of a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    scenario: String,
    strategy: String,
    method: String,
    /// Runs that restored a checkpoint, and checkpoints that were completed.
    restored: u64,
    completed: u64,
    /// The time of all runs together.
    seconds: f64,
    /// Runs that failed, and what is to be said of the first of them.
    failed: u64,
    failures: Vec<String>,
}

type Key = (String, String, String);

impl Row {
    fn new(cell: &Cell) -> Row {
        let (scenario, strategy, method) = key(cell);
        let (restored, completed, failed) = (0, 0, 0);
        Row { scenario, strategy, method, restored, completed, seconds: 0.0, failed, failures: Vec::new() }
    }

    fn key(&self) -> Key {
        (self.scenario.clone(), self.strategy.clone(), self.method.clone())
    }

    fn add(&mut self, record: &RunRecord, took: Duration, command: impl FnOnce() -> String) {
        self.restored += u64::from(record.restores.iter().any(|restore| restore.checkpoint.is_some()));
        self.completed += record.completed().count() as u64;
        self.seconds += took.as_secs_f64();
        if record.class() != Class::Pass {
            self.failed += 1;
            if self.failures.len() < COMMANDS {
                let failed = record.verdicts.iter().filter(|verdict| verdict.verdict.is_fail());
                let oracles: Vec<&str> = failed.map(|verdict| verdict.oracle.as_str()).collect();
                self.failures.push(format!("{}: {}", oracles.join(", "), command()));
            }
        }
    }

    /// True if a run of it went back to a checkpoint: without that, no oracle had anything to say of the strategy.
    fn proves(&self) -> bool {
        self.restored > 0
    }

    fn passes(&self) -> bool {
        self.failed == 0 && self.proves()
    }

    /// One line, and one for each failure.
    fn show(&self, seeds: u64) -> String {
        let Row { scenario, strategy, method, restored, seconds, failed, .. } = self;
        let verdict = match failed {
            0 if self.proves() => "pass".to_owned(),
            0 => "SHOWS NOTHING: no run went back to a checkpoint".to_owned(),
            _ => format!("FAIL in {failed}"),
        };
        let failures: String = self.failures.iter().map(|failure| format!("    {failure}\n")).collect();
        let what = format!("{scenario:13} {strategy:26} {method:12} {seeds:5} seeds, {restored:5} restored");
        format!("{what}  {verdict}  ({seconds:.1} s)\n{failures}")
    }
}

fn key(cell: &Cell) -> Key {
    (cell.job.scenario.to_owned(), cell.strategy.name.to_owned(), cell.method.name().to_owned())
}

/// The rows that were finished before.
fn kept(file: &Path) -> io::Result<BTreeMap<Key, Row>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text?,
    };
    // The last line is cut short if the program was stopped while it wrote it.
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok());
    Ok(rows.map(|row| (row.key(), row)).collect())
}

/// A job with the inputs of all seeds.
fn prepare(job: &Job, arguments: &Arguments) -> Result<Vec<Prepared>, String> {
    let mut all: Vec<Option<Result<Prepared, String>>> = (0..arguments.seeds).map(|_| None).collect();
    let one =
        |number| job.prepare(arguments.size(), arguments.seed(number)).map_err(|error| error.to_string());
    pool::each(arguments.threads(), arguments.seeds, &one, |number, prepared| {
        let fine = prepared.is_ok();
        all[number as usize] = Some(prepared);
        fine
    });
    all.into_iter().flatten().collect()
}

/// All seeds of a cell.
fn run(cell: &Cell, jobs: &[Prepared], arguments: &Arguments, progress: &ProgressBar) -> Result<Row, String> {
    let one = |number: u64| {
        let (start, seed) = (Instant::now(), arguments.seed(number));
        let record = cell.run(&jobs[number as usize], seed);
        (record.map_err(|error| error.to_string()), start.elapsed())
    };
    let mut records: Vec<Option<(RunRecord, Duration)>> = jobs.iter().map(|_| None).collect();
    let mut problem = None;
    pool::each(arguments.threads(), jobs.len() as u64, &one, |number, (record, took)| {
        progress.inc(1);
        match record {
            Ok(record) => records[number as usize] = Some((record, took)),
            Err(error) => problem = Some(error),
        }
        problem.is_none()
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    let mut row = Row::new(cell);
    for (number, (record, took)) in (0..).zip(records.iter().flatten()) {
        let seed = arguments.seed(number);
        row.add(record, *took, || cell.command(arguments.size(), seed));
    }
    Ok(row)
}

/// Prints a text on standard output; who has gone away misses it.
fn print(text: &str, progress: &ProgressBar) {
    progress.suspend(|| {
        let mut out = io::stdout();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    });
}

/// Runs everything that is not kept; all rows, in order.
fn product(arguments: &Arguments) -> Result<Vec<Row>, String> {
    let cannot = |what: &Path| {
        let what = what.display().to_string();
        move |error: io::Error| format!("cannot use `{what}`: {error}; give another folder with `--keep`")
    };
    let file = arguments.file().map_err(cannot(&arguments.keep))?;
    fs::create_dir_all(&arguments.keep).map_err(cannot(&arguments.keep))?;
    let kept = if arguments.anew { BTreeMap::new() } else { kept(&file).map_err(cannot(&file))? };
    let mut keep = OpenOptions::new();
    let keep = if arguments.anew { keep.write(true).truncate(true) } else { keep.append(true) };
    let mut keep = keep.create(true).open(&file).map_err(cannot(&file))?;
    // A line that was cut short must not take the next one with it.
    keep.write_all(b"\n").map_err(cannot(&file))?;
    let progress = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{pos} runs, {elapsed_precise}: {wide_msg}") {
        progress.set_style(style);
    }
    let mut rows = Vec::new();
    let scenario = |job: &&'static Job| arguments.wants(&Part::Scenario(job.scenario.to_owned()));
    for job in JOBS.iter().filter(scenario) {
        // Which cells there are depends on the graph alone.
        let first = job.prepare(arguments.size(), arguments.from).map_err(|error| error.to_string())?;
        let wanted = |cell: &Cell| {
            arguments.wants(&Part::Strategy(cell.strategy.name.to_owned()))
                && arguments.wants(&Part::Method(cell.method.name().to_owned()))
        };
        let cells: Vec<Cell> = Cell::of(job, &first).filter(wanted).collect();
        let mut jobs = None;
        for cell in &cells {
            if let Some(row) = kept.get(&key(cell)) {
                print(&row.show(arguments.seeds), &progress);
                rows.push(row.clone());
                continue;
            }
            progress.set_message(format!("{} under {}", job.scenario, cell.strategy.name));
            let jobs = match &mut jobs {
                Some(jobs) => jobs,
                None => jobs.insert(prepare(job, arguments)?),
            };
            let row = run(cell, jobs, arguments, &progress)?;
            print(&row.show(arguments.seeds), &progress);
            let line = serde_json::to_string(&row).map_err(|error| error.to_string())?;
            writeln!(keep, "{line}").and_then(|()| keep.flush()).map_err(cannot(&file))?;
            rows.push(row);
        }
    }
    progress.finish_and_clear();
    Ok(rows)
}

/// A line per scenario, and one for all.
fn summary(rows: &[Row], seeds: u64) -> String {
    let mut scenarios: Vec<&str> = rows.iter().map(|row| row.scenario.as_str()).collect();
    scenarios.dedup();
    let line = |name: &str, rows: &[&Row]| {
        let sum = |figure: fn(&Row) -> u64| rows.iter().map(|row| figure(row)).sum::<u64>();
        let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
        let (runs, failed) = (rows.len() as u64 * seeds, sum(|row| row.failed));
        format!(
            "{name:13} {:5} rows {runs:8} runs {:8} restored {:9} checkpoints {failed:6} failed {:4} rows show nothing {seconds:9.0} s {:8.1} ms each\n",
            rows.len(),
            sum(|row| row.restored),
            sum(|row| row.completed),
            rows.iter().filter(|row| !row.proves()).count(),
            1000.0 * seconds / runs.max(1) as f64,
        )
    };
    let of = |name: &&str| {
        let mine: Vec<&Row> = rows.iter().filter(|row| row.scenario == *name).collect();
        line(name, &mine)
    };
    let all: Vec<&Row> = rows.iter().collect();
    format!("\n{}{}", scenarios.iter().map(of).collect::<String>(), line("all", &all))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match product(&arguments) {
        Ok(rows) => {
            print(&summary(&rows, arguments.seeds), &ProgressBar::hidden());
            ExitCode::from(u8::from(!rows.iter().all(Row::passes)))
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
