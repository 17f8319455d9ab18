//! Task managers that are none, and programs that cannot be started.
#![cfg(not(madsim))]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use cutline_cluster::coordinator::ClusterError;
use cutline_cluster::job::{Job, Order};
use cutline_cluster::processes::{RunError, Settings, run};
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;

/// Runs wordcount with this in the place of task managers; says why it ends and how often it was launched.
fn ends_with(program: &'static [&'static str], patience: Duration) -> (String, u32) {
    let prepared = Prepared::load(&resolve("wordcount").expect("a scenario"), &[""; 0], 1).expect("a job");
    let contender = Contender::named("aligned").expect("a strategy");
    let topology = Arc::clone(prepared.topology());
    let job = Job { topology, cut: contender.cut, snapshot: contender.snapshot };
    let place = tempfile::tempdir().expect("a folder");
    let order = Order { store: place.path().join("kept"), ..Order::default() };
    let settings = Settings {
        processes: 2,
        port: 0,
        kill_every: None,
        most_kills: 0,
        kill_after_checkpoints: false,
        seed: 1,
        patience,
        limit: Duration::from_secs(600),
        heartbeat_timeout: Duration::from_secs(10),
    };
    let launched = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&launched);
    let launch = move |_, _, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(program[0]);
        command.args(&program[1..]);
        command
    };
    let end = run(&prepared, (job, order), &settings, &launch, &AtomicBool::new(false));
    let error = end.expect_err("there is no task manager");
    assert!(matches!(error, RunError::Cluster(ClusterError::Missing { .. } | ClusterError::Hopeless(_))));
    (error.to_string(), launched.load(Ordering::Relaxed))
}

#[test]
fn a_task_manager_that_never_connects_is_named() {
    let (wrong, launched) = ends_with(&["sleep", "1000"], Duration::from_secs(1));
    assert!(wrong.contains("task manager 0 has not connected within 1 s"), "{wrong}");
    assert_eq!(launched, 2);
}

#[test]
fn a_task_manager_that_ends_again_and_again_is_given_up() {
    let (wrong, launched) = ends_with(&["false"], Duration::from_secs(600));
    assert!(
        wrong.contains("end by themselves again and again") && wrong.contains("exit status: 1"),
        "{wrong}"
    );
    assert!((6..=7).contains(&launched), "{launched}");
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let (wrong, _) = ends_with(&["/no/such/cutline"], Duration::from_secs(600));
    assert!(wrong.contains("cannot start task manager") && wrong.contains("/no/such/cutline"), "{wrong}");
}
