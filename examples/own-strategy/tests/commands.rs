//! The program with a strategy of its own: every command knows it.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in an empty folder.
fn own_strategy(folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_own-strategy");
    Command::new(program).current_dir(folder).args(arguments).output().expect("the program starts")
}

/// What it prints, if all is well.
fn printed(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let output = own_strategy(folder.path(), arguments);
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{arguments:?}: {}\n{out}\n{err}", output.status);
    out
}

#[test]
fn it_is_in_the_list_beside_those_of_the_project() {
    let list = printed(&["list", "strategies"]);
    assert!(list.contains("majority") && list.contains("aligned"), "{list}");
}

#[test]
fn it_runs_and_is_compared() {
    let run =
        printed(&["run", "sum-even-odd", "--strategy", "majority", "--faults", "crashes", "--seed", "3"]);
    assert!(run.contains("majority"), "{run}");
    let strategies = "aligned,majority,chandy-lamport";
    let table = printed(&[
        "compare",
        "sum-even-odd",
        "--strategies",
        strategies,
        "--faults",
        "crashes",
        "--seed",
        "3",
    ]);
    assert!(strategies.split(',').all(|name| table.contains(name)), "{table}");
}

#[test]
fn it_runs_on_real_processes() {
    let ran = printed(&["cluster", "sum-even-odd", "--strategy", "majority", "--processes", "2"]);
    assert!(ran.contains("sum-even-odd under majority, 2 processes"), "{ran}");
}

#[test]
fn it_survives_every_fault_of_a_sweep() {
    let arguments =
        ["wordcount", "slow-task", "wide", "--strategy", "majority", "--faults", "all", "--seeds", "0..6"];
    printed(&[&["sweep"], &arguments[..]].concat());
}

#[test]
fn it_survives_every_single_fault_of_a_small_run() {
    let explored = printed(&["explore", "tiny", "--strategy", "majority"]);
    assert!(explored.contains("complete: every single fault on this run was tried"), "{explored}");
}

#[test]
fn the_strategies_of_the_project_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = own_strategy(folder.path(), &["run", "wordcount", "--strategy", "minority"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("there is no strategy `minority`") && error.contains("`majority`"), "{error}");
}
