//! The differential: `make differential`.
//!
//! Every job of the table under every strategy (see `cluster/src/differential.rs`), on one runtime after the other.
//! All must end as the sequential reference does. Built with `--cfg madsim` this program runs them on madsim; built without, in the simulated machine
//! and on real processes, which are this program too. What came out is kept in a folder, a file per runtime, and printed as one table; of a
//! run that fails, the command that does it again. Exit code 1 if anything differs, or nothing was restored; 2 for bad input.

#[path = "../../examples/shared/pool.rs"]
mod pool;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use cutline_cluster::differential::{Cell, JOBS, Job, Ran, Row, Runtime, table};
use cutline_scenarios::prepare::Prepared;

/// Failing runs of a row whose commands are printed; all are counted.
const COMMANDS: u64 = 3;

/// What this program can run, the one as it was built.
#[cfg(madsim)]
const RUNTIMES: &[Runtime] = &[Runtime::Madsim];
#[cfg(not(madsim))]
const RUNTIMES: &[Runtime] = &[Runtime::Simulator, Runtime::Processes];

/// What precedes the command.
const BUILT: &str =
    if cfg!(madsim) { "RUSTFLAGS='--cfg madsim' CARGO_TARGET_DIR=target/madsim " } else { "" };

const USAGE: &str = "usage: differential [--seeds N] [--runs N] [--from SEED] [--job NAME] [--strategy NAME] [--on RUNTIME] [--out FOLDER]";

#[derive(Clone, Debug)]
struct Arguments {
    /// So many seeds where time is simulated, and so many runs on processes, from this seed on.
    seeds: u64,
    runs: u64,
    from: u64,
    /// Only this.
    job: Option<String>,
    strategy: Option<String>,
    runtime: Option<String>,
    /// Where rows are kept.
    out: PathBuf,
}

fn arguments(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut all = Arguments {
        seeds: 100,
        runs: 5,
        from: 0,
        job: None,
        strategy: None,
        runtime: None,
        out: PathBuf::from("cutline-out/differential"),
    };
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` needs a value\n{USAGE}"))?;
        let number = || value.parse().map_err(|_| format!("`{word} {value}`: a number is wanted"));
        match word.as_str() {
            "--seeds" => all.seeds = number()?,
            "--runs" => all.runs = number()?,
            "--from" => all.from = number()?,
            "--job" => all.job = Some(value),
            "--strategy" => all.strategy = Some(value),
            "--on" => all.runtime = Some(value),
            "--out" => all.out = PathBuf::from(value),
            _ => return Err(format!("there is no `{word}`\n{USAGE}")),
        }
    }
    let knows = |name: &Option<String>, known: &[&str]| match name {
        Some(name) if !known.contains(&name.as_str()) => {
            Err(format!("there is no `{name}` here; there are `{}`", known.join("`, `")))
        }
        _ => Ok(()),
    };
    knows(&all.job, &JOBS.iter().map(|job| job.name).collect::<Vec<_>>())?;
    knows(&all.strategy, &cutline_algorithms::STRATEGIES.iter().map(|it| it.name).collect::<Vec<_>>())?;
    knows(&all.runtime, &RUNTIMES.iter().map(|runtime| runtime.name()).collect::<Vec<_>>())?;
    Ok(all)
}

impl Arguments {
    fn wants_job(&self, job: &Job) -> bool {
        self.job.as_ref().is_none_or(|name| name == job.name)
    }

    fn wants_cell(&self, cell: &Cell) -> bool {
        self.strategy.as_ref().is_none_or(|name| name == cell.strategy.name)
    }

    fn wants_runtime(&self, runtime: Runtime) -> bool {
        self.runtime.as_ref().is_none_or(|name| name == runtime.name())
    }

    /// True if only a part is run: it does not replace what is kept of all.
    fn is_part(&self) -> bool {
        self.job.is_some() || self.strategy.is_some() || self.from > 0
    }

    fn count(&self, runtime: Runtime) -> u64 {
        if runtime == Runtime::Processes { self.runs } else { self.seeds }
    }
}

/// The command that does a run again.
fn command(cell: &Cell, runtime: Runtime, seed: u64) -> String {
    let count = if runtime == Runtime::Processes { "runs" } else { "seeds" };
    format!(
        "{BUILT}cargo run --locked -p cutline-cluster --example differential -- --on {runtime} --job {} --strategy {} --from {seed} \
         --{count} 1",
        cell.job.name, cell.strategy.name
    )
}

fn run_once(cell: &Cell, prepared: &Prepared, runtime: Runtime, seed: u64) -> Result<Ran, String> {
    match runtime {
        Runtime::Simulator => cell.simulate(prepared, seed).map_err(|error| error.to_string()),
        #[cfg(madsim)]
        Runtime::Madsim => Ok(cell.on_madsim(prepared, seed)),
        #[cfg(not(madsim))]
        Runtime::Processes => processes::run(cell, prepared, seed),
        other => Err(format!("this program cannot run anything on {other}")),
    }
}

/// All runs of a cell.
fn run(cell: &Cell, prepared: &Prepared, runtime: Runtime, arguments: &Arguments) -> Result<Row, String> {
    let expected = cell.expected(prepared);
    let count = arguments.count(runtime);
    let one = |number: u64| run_once(cell, prepared, runtime, arguments.from + number);
    let mut all: Vec<Option<Result<Ran, String>>> = (0..count).map(|_| None).collect();
    pool::each(pool::cores(), count, &one, |number, ran| {
        let fine = ran.is_ok();
        all[number as usize] = Some(ran);
        fine
    });
    let mut row = Row::new(cell, runtime, &expected);
    for (number, ran) in (0..).zip(all.into_iter().flatten()) {
        let seed = arguments.from + number;
        if let Some(wrong) = row.add(seed, &ran?, &expected)
            && row.failed <= COMMANDS
        {
            println!("FAIL, seed {seed}: {wrong}\n    {}", command(cell, runtime, seed));
        }
    }
    Ok(row)
}

/// The rows that are kept of these runtimes.
fn kept(arguments: &Arguments) -> Vec<Row> {
    let files = Runtime::ALL.map(|runtime| arguments.out.join(format!("{runtime}.tsv")));
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    texts.flat_map(|text| text.lines().filter_map(Row::parse).collect::<Vec<Row>>()).collect()
}

fn differential(arguments: &Arguments) -> Result<bool, String> {
    let mut mine = Vec::new();
    for &runtime in RUNTIMES.iter().filter(|&&runtime| arguments.wants_runtime(runtime)) {
        let mut text = String::new();
        for job in JOBS.iter().filter(|job| arguments.wants_job(job)) {
            let prepared = job.prepare().map_err(|error| error.to_string())?;
            for cell in Cell::of(job, &prepared).filter(|cell| arguments.wants_cell(cell)) {
                let began = Instant::now();
                let row = run(&cell, &prepared, runtime, arguments)?;
                println!(
                    "{:9} {:18} {runtime:9} {:4} runs {:5} restores {:6} checkpoints  {}  ({:.1} s)",
                    row.job,
                    row.strategy,
                    row.runs,
                    row.restores,
                    row.checkpoints,
                    if row.passes() { "equal" } else { "FAIL" },
                    began.elapsed().as_secs_f64()
                );
                let _ = writeln!(text, "{}", row.line());
                mine.push(row);
            }
        }
        if !arguments.is_part() {
            let file = arguments.out.join(format!("{runtime}.tsv"));
            let written = std::fs::create_dir_all(&arguments.out).and_then(|()| std::fs::write(&file, text));
            written.map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
        }
    }
    let rows = if arguments.is_part() { mine } else { kept(arguments) };
    let (text, fine) = table(&rows);
    println!("\nA runtime: runs / restores / checkpoints.\n\n{text}");
    Ok(fine)
}

fn main() -> ExitCode {
    #[cfg(not(madsim))]
    if let Some(code) = processes::task_manager() {
        return code;
    }
    match arguments(std::env::args().skip(1)).and_then(|arguments| differential(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            ExitCode::from(2)
        }
    }
}

/// Real processes: this program is its own task manager.
#[cfg(not(madsim))]
mod processes {
    use std::net::SocketAddr;
    use std::process::{Command, ExitCode};

    use cutline_cluster::differential::{Cell, Ran};
    use cutline_cluster::processes::task_manager as manage;
    use cutline_scenarios::prepare::Prepared;
    use cutline_scenarios::run::Contender;

    /// The first argument of a task manager.
    const TASK_MANAGER: &str = "task-manager";

    /// Runs a task manager, if this process is to be one.
    pub fn task_manager() -> Option<ExitCode> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let [first, coordinator, node, token] = words.as_slice() else { return None };
        if first != TASK_MANAGER {
            return None;
        }
        let wrong = match (coordinator.parse(), node.parse(), token.parse()) {
            (Ok(coordinator), Ok(node), Ok(token)) => {
                manage(coordinator, node, token, &Contender::named).err()
            }
            _ => Some("an address, a number and a token are wanted".to_owned()),
        };
        Some(wrong.map_or(ExitCode::SUCCESS, |wrong| {
            eprintln!("task manager {node}: {wrong}");
            ExitCode::FAILURE
        }))
    }

    /// A run, whose checkpoints are gone afterwards.
    pub fn run(cell: &Cell, prepared: &Prepared, seed: u64) -> Result<Ran, String> {
        let place = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let program =
            std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let launch = move |coordinator: SocketAddr, node: u32, token: u64| {
            let mut command = Command::new(&program);
            command.args([TASK_MANAGER, &coordinator.to_string(), &node.to_string(), &token.to_string()]);
            command
        };
        let store = place.path().join("kept");
        cell.on_processes(prepared, seed, &launch, store).map_err(|error| error.to_string())
    }
}
