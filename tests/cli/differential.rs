//! The part of `make differential` that is real: the jobs of its table on processes that are killed. Its simulated parts are tested in
//! `cluster/tests/differential.rs`.

use std::net::SocketAddr;

use cutline::cluster::differential::{Cell, JOBS, Row, Runtime};

use super::*;

/// Runs a job of the table on processes, and kills them.
fn ends_as_the_reference(name: &str, strategy: &str) {
    let job = JOBS.iter().find(|job| job.name == name).expect("a job");
    let prepared = job.prepare().expect("a job");
    let cell = Cell::of(job, &prepared).find(|cell| cell.strategy.name == strategy).expect("a strategy");
    let place = Place::new();
    let launch = |coordinator: SocketAddr, node: u32, token: u64| {
        let mut command = Command::new(binary());
        command.arg("task-manager").args(["--coordinator", &coordinator.to_string()]);
        command.args(["--node", &node.to_string(), "--token", &token.to_string()]);
        command
    };
    let expected = cell.expected(&prepared);
    let ran = cell.on_processes(&prepared, 0, &launch, place.path("kept")).expect("a job");
    let mut row = Row::new(&cell, Runtime::Processes, &expected);
    row.add(0, &ran, &expected);
    assert!(row.passes(), "{row:?}");
}

#[test]
fn a_join_under_unaligned_survives_kills_as_the_reference_has_it() {
    ends_as_the_reference("join", "unaligned");
}

#[test]
fn sessions_under_a_changelog_survive_kills_as_the_reference_has_them() {
    ends_as_the_reference("sessions", "changelog");
}

#[test]
fn walks_around_a_loop_survive_kills_as_the_reference_has_them() {
    ends_as_the_reference("walks", "communication-induced");
}

#[test]
fn sums_under_chandy_lamport_survive_kills_as_the_reference_has_them() {
    ends_as_the_reference("sums", "chandy-lamport");
}
