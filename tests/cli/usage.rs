//! Arguments, scenarios and overrides, right and wrong; exit codes; where what is printed.

use crate::Place;

/// A run that is given up at once: a stall.
const STALL: &str = "run wordcount --set bounds.time=40ms";

#[test]
fn a_run_that_passes_exits_with_0() {
    let gave = Place::new().cutline("run wordcount --faults crashes --seed 7").exits(0);
    assert!(gave.out.starts_with("seed 7\nfaults crashes"), "{}", gave.out);
    for words in [
        "state        pass",
        "checkpoints",
        "latency, p50 / p99 / max",
        "most frequent words\n  832  that\n",
        "digest",
    ] {
        assert!(gave.out.contains(words), "no `{words}` in\n{}", gave.out);
    }
    assert!(!gave.out.contains('\x1b'), "no colours outside a terminal");
    assert_eq!(gave.err, "");
}

#[test]
fn a_run_that_stalls_exits_with_3_and_tells_how_to_replay_it() {
    let place = Place::new();
    let gave = place.cutline(STALL).exits(3);
    assert!(gave.out.contains("liveness     FAIL"), "{}", gave.out);
    assert_eq!(gave.out.matches(" replay ").count(), 1, "{}", gave.out);
    let capsules = std::fs::read_dir(place.path("cutline-out/capsules")).expect("the folder");
    assert_eq!(capsules.count(), 1);
}

#[test]
fn json_is_one_object_and_nothing_else_is_on_stdout() {
    let gave = Place::new().cutline("run wordcount --faults crashes --seed 7 --json").exits(0);
    let record = gave.json();
    assert_eq!(gave.out.lines().count(), 1);
    assert_eq!((record["seed"].as_u64(), record["strategy"].as_str()), (Some(7), Some("aligned")));
    assert_eq!(record["faults"], "crashes");
    assert_eq!(record["digest"].as_str().map(str::len), Some(32));
    assert!(gave.err.starts_with("seed 7\nfaults crashes"), "{}", gave.err);
    let gave = Place::new().cutline(&format!("{STALL} --json")).exits(3);
    assert_eq!(gave.json()["outcome"]["exceeded"], "time");
    assert!(gave.err.contains(" replay "), "{}", gave.err);
}

#[test]
fn the_same_seed_gives_the_same_output_and_another_seed_another() {
    let place = Place::new();
    let run = |seed: u32| {
        place.cutline(&format!("run sum-even-odd --faults crashes --seed {seed} --json")).exits(0).out
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn determinism_can_be_checked() {
    let gave = Place::new().cutline("run wordcount --faults crashes --seed 7 --check-determinism").exits(0);
    assert!(gave.out.contains("determinism  pass"), "{}", gave.out);
}

#[test]
fn a_random_seed_is_printed_first_and_repeats_the_run() {
    let place = Place::new();
    let gave = place.cutline("run wordcount --faults crashes --seed random").exits(0);
    let first = gave.out.lines().next().and_then(|line| line.strip_prefix("seed ")).expect("the seed first");
    let again = place.cutline(&format!("run wordcount --faults crashes --seed {first}")).exits(0);
    assert_eq!(gave.out, again.out);
    // Even if what follows is an error.
    let gave = place.cutline("run wordcout --seed random").refuses(&["did you mean `wordcount`?"]);
    assert!(gave.out.starts_with("seed "), "{}", gave.out);
}

#[test]
fn usage_errors_exit_with_2() {
    let place = Place::new();
    let cases: &[(&str, &[&str])] = &[
        ("", &["Usage"]),
        ("rnu wordcount", &["unrecognized subcommand 'rnu'", "Usage"]),
        ("run", &["<SCENARIO>"]),
        ("run wordcount --seed seven", &["--seed", "or `random`"]),
        ("run wordcount --sede 7", &["--sede", "--seed"]),
        ("run wordcount --forks --no-forks", &["cannot be used with"]),
        ("run wordcount --strategy aligend", &["no strategy `aligend`", "`aligned`", "cutline list bugs"]),
        ("run wordcount --faults crashs", &["did you mean `crashes`?"]),
        ("run nowhere.toml", &["neither a scenario of the library nor a file"]),
        ("run wordcount --set", &["--set"]),
        ("run wordcount --set nodes=3", &["nodes", "--set"]),
        ("run wordcount --set cluster.nodes=0", &["cluster.nodes", "0 is out of range"]),
        ("run wordcount --set cluster.nodes=-1", &["cluster.nodes"]),
        ("run wordcount --set job.operator.source.parallelism=99", &["slots"]),
        ("run wordcount --set execution.checkpointing.intervall=1s", &["did you mean `interval`?"]),
        ("run wordcount --input nowhere.txt", &["no file `nowhere.txt`"]),
        ("run nexmark-q1 --input nowhere.txt", &["`nexmark-q1` reads no text file", "--input"]),
        ("list stratgies", &["strategies"]),
        ("completions basic", &["bash"]),
        ("replay", &["<CAPSULE>"]),
        ("replay nowhere.json", &["cannot read `nowhere.json`"]),
        ("compare wordcount --strategies aligned,aligend", &["no strategy `aligend`"]),
    ];
    for (arguments, words) in cases {
        place.cutline(arguments).refuses(words);
    }
    assert_eq!(place.names(), Vec::<String>::new(), "nothing was written");
}

#[test]
fn a_scenario_of_the_users_own_is_run_and_a_mistake_in_it_is_shown() {
    let place = Place::new();
    let text = include_str!("../../scenarios/library/sum-even-odd.toml");
    place.file("mine.toml", text);
    place.cutline("run mine.toml").exits(0);
    place.file("mine.toml", text.replace("parallelism = ", "paralelism = "));
    place.cutline("run ./mine.toml").refuses(&["mine.toml:", "did you mean `parallelism`?"]);
    place.file("mine.toml", b"\xff\xfe");
    place.cutline("run mine.toml").refuses(&["not UTF-8"]);
    place.file("mine.toml", "");
    place.cutline("run mine.toml").refuses(&["mine.toml", "empty"]);
}

#[test]
fn strategies_are_compared_side_by_side() {
    let place = Place::new();
    let strategies = place.cutline("list strategies --json").exits(0).json().as_array().map_or(0, Vec::len);
    let gave = place.cutline("compare wordcount --faults crashes --seed 7 --svg a.svg").exits(0);
    assert!(gave.out.contains("stop-the-world"), "{}", gave.out);
    let line = gave.out.lines().find(|line| line.starts_with("oracle state")).expect("the verdicts");
    assert_eq!(line.matches("pass").count(), strategies, "{line}");
    assert!(place.read("a.svg").contains("stop-the-world"));
    let gave = place.cutline("compare wordcount --strategies aligned --json").exits(0);
    assert_eq!(gave.json().as_array().map(Vec::len), Some(1));
    let gave = place.cutline("compare wordcount --set bounds.time=10ms").exits(3);
    assert_eq!(gave.out.matches(" replay ").count(), strategies, "{}", gave.out);
}

#[test]
fn help_and_version() {
    let place = Place::new();
    let version = place.cutline("--version").exits(0).out;
    assert!(version.starts_with(concat!("cutline ", env!("CARGO_PKG_VERSION"))), "{version}");
    let help = place.cutline("run --help").exits(0).out;
    for words in ["--strategy", "planted bug", "Exit codes: 0 pass"] {
        assert!(help.contains(words), "no `{words}` in\n{help}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(place.cutline(&format!("completions {shell}")).exits(0).out.contains("cutline"));
    }
}

#[test]
fn a_strategy_that_cannot_checkpoint_a_cycle_is_refused_by_name() {
    let place = Place::new();
    for strategy in cutline::algorithms::STRATEGIES {
        let gave = place.cutline(&format!("run collatz --strategy {} --seed 7", strategy.name));
        if strategy.cycles {
            assert!(gave.exits(0).out.contains("liveness     pass"), "{}", strategy.name);
        } else {
            let cannot = format!("`{}` cannot checkpoint a job with a cycle", strategy.name);
            gave.refuses(&[
                "the job of `collatz` has a cycle",
                &cannot,
                "choose chandy-lamport or abs-cyclic or freeze-the-world",
            ]);
        }
    }
    place
        .cutline("run components --strategy no-block")
        .refuses(&["`no-block` cannot checkpoint a job with a cycle"]);
    let gave = place.cutline("run components --strategy chandy-lamport --faults crashes --seed 7").exits(0);
    assert!(gave.out.contains("restore      pass"), "{}", gave.out);
}

/// Who names no strategy gets those that fit the job, and is told which were left out; who names one that does not fit is refused.
#[test]
fn of_all_strategies_those_that_fit_the_job_are_taken() {
    let place = Place::new();
    let names = |cycles: bool| -> Vec<&str> {
        let rows = cutline::algorithms::STRATEGIES.iter().filter(|strategy| strategy.cycles == cycles);
        rows.map(|strategy| strategy.name).collect()
    };
    let (fitting, others) = (names(true), names(false));
    assert!(!fitting.is_empty() && !others.is_empty());
    let left_out =
        format!("left out, for they cannot checkpoint a job with a cycle: {}\n", others.join(", "));
    for (command, of_each) in [("compare components", 1), ("guarantees components --runs 1", 3)] {
        let gave = place.cutline(&format!("{command} --json")).exits(0);
        let rows = gave.json();
        let seen: Vec<&str> =
            rows.as_array().expect("rows").iter().filter_map(|row| row["strategy"].as_str()).collect();
        let expected: Vec<&str> =
            fitting.iter().flat_map(|name| std::iter::repeat_n(*name, of_each)).collect();
        assert_eq!(seen, expected, "{command}");
        assert_eq!(gave.err.matches(&left_out).count(), 1, "once:\n{}", gave.err);
        place.cutline(&format!("{command} --strategies chandy-lamport,aligned")).refuses(&[
            "the job of `components` has a cycle",
            "`aligned` cannot checkpoint a job with a cycle",
            "choose chandy-lamport or abs-cyclic",
        ]);
    }
    let gave = place.cutline("compare wordcount").exits(0);
    assert!(!gave.out.contains("left out"), "{}", gave.out);
}
