//! `cutline cluster`: a scenario on real processes, sockets and files, judged by the same oracles.

pub mod arguments;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cutline::cluster::coordinator::ClusterError;
use cutline::cluster::job::{Job, Order};
use cutline::cluster::processes::{Report, RunError, Settings, run, task_manager as manage};
use cutline::reports::{self, run_table};
use cutline::scenarios::library_files;
use cutline::scenarios::record::OracleVerdict;
use cutline::scenarios::spec::load;
use cutline::sim::oracles::liveness;
use serde::Serialize;

use crate::execute::announce_seed;
use crate::failure::Failure;
use crate::interrupts::{self, INTERRUPTED};
use crate::processes::arguments::{ClusterArguments, TaskManagerArguments};
use crate::registry;
use crate::screen::{Screen, paint};
use crate::setup::Setup;

/// How many of the most frequent words are shown.
const FREQUENT: usize = 10;
/// A process of a busy machine may be silent for so long.
const SILENCE: Duration = Duration::from_secs(10);

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    scenario: &'a str,
    strategy: &'a str,
    seed: u64,
    processes: u32,
    finished: bool,
    took_ms: u64,
    kills: u32,
    attempts: u32,
    failures: &'a [String],
    /// The checkpoints that were restored, attempt by attempt; `null`: the beginning.
    restored: Vec<Option<u64>>,
    completed_checkpoints: u32,
    abandoned_checkpoints: u32,
    visible_records: u64,
    verdicts: &'a [OracleVerdict],
}

/// Runs.
pub fn cluster(arguments: &ClusterArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.json);
    let seed = arguments.seed.number();
    announce_seed(screen, seed)?;
    let contender = registry::strategy(&arguments.strategy)?;
    let source = library_files::resolve(&arguments.scenario)?;
    let mut overrides = arguments.overrides.clone();
    if let Some(rate) = &arguments.rate {
        let inputs = load(&source, &overrides)?.spec.input;
        overrides.extend(
            inputs.iter().map(|(name, entry)| format!("input.{name}.kind.{}.rate={rate}", entry.kind.name())),
        );
    }
    let setup = Setup::new(source, &overrides, arguments.input.as_deref(), seed)?;
    let prepared = &setup.prepared;
    registry::check_cycles(&contender, prepared)?;
    let topology = prepared.topology_under(contender.guarantee);
    let snapshot = arguments.snapshot.as_deref();
    let chosen = topology.config.checkpointing.snapshot.unwrap_or(contender.snapshot).name();
    let job = Job { cut: contender.cut, snapshot: contender.snapshot, topology };
    let job = Job { snapshot: method(snapshot.unwrap_or(chosen)).unwrap_or(job.snapshot), ..job };
    let (kept, store) = folder(arguments.checkpoints.as_deref())?;
    let order = Order {
        file: setup.source.file.clone(),
        folder: setup.source.folder.clone(),
        scenario: setup.source.text.clone(),
        overrides,
        input: arguments.input.clone(),
        seed,
        strategy: contender.name.to_owned(),
        snapshot: job.snapshot.name().to_owned(),
        store,
    };
    let recovery = &job.topology.config.recovery;
    let settings = Settings {
        processes: arguments.processes,
        port: arguments.port,
        kill_every: arguments.kill_every,
        most_kills: arguments.most_kills.unwrap_or(u32::MAX),
        kill_after_checkpoints: false,
        seed,
        patience: arguments.patience,
        limit: arguments.time_limit,
        heartbeat_timeout: SILENCE.max(Duration::from_nanos(recovery.heartbeat_timeout)),
    };
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot find the program that is running: {error}")))?;
    let interrupted = interrupts::catch(|| {});
    let launch = move |coordinator: SocketAddr, node: u32, token: u64| {
        let mut command = Command::new(&program);
        command.arg("task-manager").args(["--coordinator", &coordinator.to_string()]);
        command.args(["--node", &node.to_string(), "--token", &token.to_string()]);
        command
    };
    let report = run(prepared, (job, order), &settings, &launch, &interrupted);
    drop(kept);
    let report = match report {
        Ok(report) => report,
        Err(RunError::Cluster(ClusterError::Interrupted)) => return Ok(INTERRUPTED),
        Err(error) => return Err(Failure::new(error.to_string())),
    };
    let verdicts: Vec<OracleVerdict> = report
        .verdicts
        .iter()
        .map(|(oracle, verdict)| OracleVerdict { oracle: (*oracle).to_owned(), verdict: verdict.clone() })
        .collect();
    let about = (prepared.name(), contender.name, seed, arguments.processes);
    show(screen, about, &report, &verdicts, setup.reads_text)?;
    let fails = |verdict: &&OracleVerdict| verdict.verdict.is_fail();
    Ok(match verdicts.iter().find(fails) {
        None => 0,
        Some(_) if verdicts.iter().filter(fails).all(|verdict| verdict.oracle == liveness::NAME) => 3,
        Some(_) => 1,
    })
}

fn method(name: &str) -> Option<cutline::sim::protocol::SnapshotMethod> {
    cutline::sim::protocol::SnapshotMethod::ALL.into_iter().find(|method| method.name() == name)
}

/// The folder of checkpoints: the one that was named, or one that is deleted when it is dropped.
fn folder(named: Option<&Path>) -> Result<(Option<tempfile::TempDir>, PathBuf), Failure> {
    if let Some(named) = named {
        let path = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        return Ok((None, path));
    }
    let made = tempfile::Builder::new().prefix("cutline-cluster-").tempdir();
    let made = made.map_err(|error| {
        Failure::new(format!("cannot make a folder for checkpoints: {error}"))
            .with_help("name one with `--checkpoints`")
    })?;
    let path = made.path().to_owned();
    Ok((Some(made), path))
}

fn show(
    screen: &mut Screen,
    (scenario, strategy, seed, processes): (&str, &str, u64, u32),
    report: &Report,
    verdicts: &[OracleVerdict],
    reads_text: bool,
) -> Result<(), Failure> {
    let outcome = &report.outcome;
    if screen.is_json() {
        return screen.json(&Told {
            scenario,
            strategy,
            seed,
            processes,
            finished: outcome.finished,
            took_ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            kills: report.kills,
            attempts: outcome.attempts,
            failures: &outcome.failures,
            restored: outcome.restored.iter().map(|id| id.map(|id| id.0)).collect(),
            completed_checkpoints: outcome.completed,
            abandoned_checkpoints: outcome.abandoned,
            visible_records: report.visible,
            verdicts,
        });
    }
    let end = if outcome.finished { "finished" } else { "given up" };
    let took = outcome.took.as_millis();
    let mut text = format!(
        "{scenario} under {strategy}, {processes} processes, seed {seed}: {end} after {}.{:02} s\n{}",
        took / 1000,
        took % 1000 / 10,
        paint(&run_table::verdicts(verdicts), |_| true)
    );
    text.push_str(&run_table::proofs(verdicts));
    text.push_str(&format!(
        "\ncheckpoints completed {}, given up {}\nkills {}, restarts {}\nvisible records {}\n",
        outcome.completed,
        outcome.abandoned,
        report.kills,
        outcome.failures.len(),
        report.visible
    ));
    for (failure, restored) in outcome.failures.iter().zip(outcome.restored.iter().skip(1)) {
        let from = restored.map_or("the beginning".to_owned(), |id| format!("checkpoint {id}"));
        text.push_str(&format!("  {failure}; went back to {from}\n"));
    }
    if !report.values.is_empty() {
        let counts: Vec<(String, i64)> = report.values.clone();
        let title = if reads_text { "most frequent words" } else { "largest final values, and their keys" };
        text.push_str(&format!("\n{title}\n{}", reports::frequent(&counts, FREQUENT)));
    }
    screen.say(&text)
}

/// Runs a task manager.
pub fn task_manager(arguments: &TaskManagerArguments) -> Result<u8, Failure> {
    let end = manage(arguments.coordinator, arguments.node, arguments.token, &registry::contender);
    end.map(|()| 0).map_err(|wrong| Failure::new(format!("task manager {}: {wrong}", arguments.node)))
}
