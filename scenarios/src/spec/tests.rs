//! Every class of error, by its rendered text. (The library's files are tested where the library is.)

mod keys;

use std::sync::Arc;

use cutline_sim::config::{CheckpointMode, Config, LifeConfig, Retention, SavepointOrder, Then};
use cutline_sim::graph::{JobGraph, Ship};
use cutline_sim::input::Input;
use cutline_sim::operator::Operator;
use cutline_sim::protocol::SnapshotMethod;
use cutline_sim::time::{MILLISECOND, SECOND};

use super::build::Hollow;
use super::*;
use crate::library_files::ScenarioText;

/// Makes nothing of everything, and remembers what it was asked for.
#[derive(Default)]
struct Asked {
    upstream: Vec<String>,
    refuse: Option<&'static str>,
}

impl Catalogue for Asked {
    fn input(&mut self, name: &str, _: &InputKind) -> Result<Arc<dyn Input>, String> {
        if self.refuse == Some(name) { Err("no such text".to_owned()) } else { Ok(Arc::new(Hollow)) }
    }
    fn operator(
        &mut self,
        uid: &str,
        _: &OperatorKind,
        upstream: &[&str],
    ) -> Result<Arc<dyn Operator>, String> {
        self.upstream.push(format!("{uid} < {}", upstream.join(" ")));
        if self.refuse == Some(uid) { Err("no such operator".to_owned()) } else { Ok(Arc::new(Hollow)) }
    }
}

const SMALL: &str = r#"name = "small"
about = "one line"

[input.text]
kind = { text = { rate = "100/s", splits = 1 } }

[[job.operator]]
uid = "source"
does = { source = "text" }

[[job.operator]]
uid = "count"
does = "keyed-count"
parallelism = 2

[[job.operator]]
uid = "sink"
does = { sink = "plain" }

[[job.edge]]
from = "source"
to = "count"
ship = "hash"

[[job.edge]]
from = "count"
to = "sink"
ship = "rebalance"
"#;

fn text(text: &str) -> ScenarioText {
    ScenarioText::new("small.toml", text)
}

fn try_load(source: &str, sets: &[&str]) -> Result<Scenario, ScenarioError> {
    load(&text(source), &sets.iter().map(|set| (*set).to_owned()).collect::<Vec<_>>())
}

fn try_build(source: &str, sets: &[&str]) -> Result<(JobGraph, Config), ScenarioError> {
    try_load(source, sets).and_then(|scenario| scenario.build(&mut Asked::default()))
}

/// The small scenario with one piece of text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    SMALL.replacen(from, to, 1)
}

/// Checks that building fails and that the rendering has all these words.
#[track_caller]
fn refused(source: &str, sets: &[&str], words: &[&str]) -> ScenarioError {
    let error = try_build(source, sets).expect_err("an error");
    let rendered = error.to_string();
    for word in words {
        assert!(rendered.contains(word), "`{word}` is not in\n{rendered}");
    }
    assert!(rendered.starts_with("error: ") && !rendered.contains('\u{1b}'), "{rendered}");
    error
}

#[test]
fn a_small_scenario_has_the_defaults() {
    let (graph, config) = try_build(SMALL, &[]).expect("a scenario");
    assert_eq!(config, Config::default());
    assert_eq!((graph.node_count(), graph.edge_count()), (3, 2));
    let roles: Vec<String> = graph.node_weights().map(|operator| format!("{:?}", operator.role)).collect();
    assert_eq!(roles, ["Source", "Transform", "Sink(Plain)"]);
}

#[test]
fn numbers_beyond_sense_are_refused() {
    for (set, words) in [
        ("cluster.network.latency=2h", "from 1ns to 1h"),
        ("cluster.network.control-jitter=61m", "from 0s to 1h"),
        ("cluster.store.latency=0s", "from 1ns to 1h"),
        ("cluster.costs.node-downtime=25h", "from 0s to 24h"),
        ("cluster.nodes=10001", "from 1 to 10000"),
        ("execution.checkpointing.min-pause=25h", "from 0s to 24h"),
        ("execution.checkpointing.timeout=999us", "from 1ms to 876000h (100 years)"),
        ("execution.checkpointing.dir=", "is empty: write 1 to 1024 bytes"),
        ("heartbeat.interval=1ns", "from 1ms to 1h"),
        ("restart-strategy.fixed-delay.delay=1000h", "from 0s to 24h"),
        ("bounds.time=876001h", "from 1ns to 876000h (100 years)"),
    ] {
        refused(SMALL, &[set], &[words, &format!("--set {set}")]);
    }
    refused(
        SMALL,
        &["execution.checkpointing.dir=\"a\\tb\""],
        &["the name of a folder has a control character"],
    );
}

#[test]
fn flink_keys_may_stand_at_the_top() {
    let source = format!("execution.checkpointing.interval = \"250ms\"\n{SMALL}");
    let config = try_load(&source, &[]).expect("a scenario").spec.config();
    assert_eq!(config.checkpointing.interval, 250 * MILLISECOND);
}

#[test]
fn files_that_are_no_scenario() {
    refused("", &[], &["small.toml:1:1", "the file is empty", "a copy of one from the library"]);
    refused(" \n\t", &[], &["the file is empty"]);
    refused(&with("kind = {", "kind = "), &[], &["small.toml:5:", "this is not TOML"]);
    refused(&with("name = ", "name "), &[], &["small.toml:1:", "this is not TOML"]);
    refused(
        &format!("{SMALL}name = 1\nname = 2"),
        &[],
        &["small.toml:30", "this is not TOML", "duplicate key"],
    );
    refused(&format!("x = {}", "[".repeat(50_000)), &[], &["small.toml:1:", "this is not TOML"]);
}

#[test]
fn unknown_keys_are_answered_with_a_suggestion() {
    let source = format!("{SMALL}\n[execution]\ncheckpointing.intervall = \"5s\"\n");
    let key = "key `execution.checkpointing.intervall`";
    let error = refused(
        &source,
        &[],
        &["small.toml:31:15", "unknown key `intervall`", "did you mean `interval`?", key],
    );
    assert_eq!(error.key(), Some("execution.checkpointing.intervall"));
    assert_eq!((error.line(), error.origin()), (Some(31), Some("small.toml")));
    refused(&with("parallelism", "paralelism"), &[], &["small.toml:14:1", "did you mean `parallelism`?"]);
    refused(&with("uid = \"count\"", "uid = \"count\"\nzzz = 1"), &[], &["keys allowed here: `uid`, `does`"]);
    refused(
        &with("splits", "split"),
        &[],
        &["small.toml:5:", "input.text.kind.text.split`", "did you mean `splits`?"],
    );
    refused(&format!("clutser = 1\n{SMALL}"), &[], &["small.toml:1:1", "did you mean `cluster`?"]);
}

#[test]
fn missing_keys_are_named() {
    refused(
        &with("name = \"small\"\n", ""),
        &[],
        &["small.toml:1:1", "the key `name` is missing", "key `name`"],
    );
    refused(&with("about = \"one line\"\n", ""), &[], &["the key `about` is missing", "one line that says"]);
    refused("name = \"a\"\nabout = \"b\"", &[], &["the key `input` is missing", "[input.text]"]);
    refused(
        &with(", splits = 1", ""),
        &[],
        &["small.toml:5:", "the key `splits` is missing", "input.text.kind.text.splits"],
    );
    let words = ["small.toml:11:1", "the key `does` is missing", "job.operator.count.does"];
    refused(&with("does = \"keyed-count\"\n", ""), &[], &words);
    refused(&with("ship = \"hash\"\n", ""), &[], &["small.toml:20:1", "job.edge.0.ship", "\"rebalance\""]);
}

#[test]
fn wrong_types_and_values_say_what_is_allowed() {
    let operator = |line: &str| with("parallelism = 2", line);
    let parallelism = "key `job.operator.count.parallelism`";
    refused(
        &operator("parallelism = -2"),
        &[],
        &["small.toml:14:15", "-2 is out of range", "1 to 32768", parallelism],
    );
    refused(&operator("parallelism = 0"), &[], &["small.toml:14:15", "0 is out of range"]);
    refused(&operator("parallelism = 32769"), &[], &["32769 is out of range"]);
    refused(&operator("parallelism = 99999999999999999999"), &[], &["99999999999999999999 is out of range"]);
    let huge = format!("parallelism = {}", "9".repeat(60));
    refused(&operator(&huge), &[], &["small.toml:14:15", "this number is out of range"]);
    refused(&operator("parallelism = \"2\""), &[], &["found string \"2\"", "without quotes"]);
    refused(&operator("parallelism = 2.5"), &[], &["found floating point `2.5`", "whole number"]);
    refused(
        &operator("parallelism = { a = 1 }"),
        &[],
        &["small.toml:14:15", "found a table", "whole number"],
    );
    refused(&operator("parallelism = [1]"), &[], &["small.toml:14:15", "found an array", "whole number"]);
    refused(&operator("parallelism = 2024-01-01"), &[], &["small.toml:14:15", "whole number"]);
    refused(&operator("service = 5"), &[], &["small.toml:14:11", "`5` has no unit", "\"100ms\""]);
    refused(&operator("service = \"-5us\""), &[], &["`-5us` is negative", "from 0s to 1h"]);
    refused(&operator("service = true"), &[], &["found boolean `true`", "a duration with a unit"]);
    refused(&operator("service = nan"), &[], &["small.toml:14:11", "a duration with a unit"]);
    refused(&operator("state-bytes = \"2 TiB\""), &[], &["`2 TiB` is too large", "from 0 B to 1 TiB"]);
    refused(
        &with("\"hash\"", "\"hsah\""),
        &[],
        &["small.toml:23:8", "unknown value `hsah`", "did you mean `hash`?"],
    );
    refused(
        &with("\"plain\"", "\"plane\""),
        &[],
        &["small.toml:18:17", "did you mean `plain`?", "`transactional`"],
    );
    refused(
        &with("\"100/s\"", "\"0/s\""),
        &[],
        &["small.toml:5:", "never emits", "key `input.text.kind.text.rate`"],
    );
    refused(
        &with("\"small\"", "\"a b\""),
        &[],
        &["small.toml:1:8", "`a b` is not a name", "letters, digits"],
    );
    refused(&with("\"one line\"", "\"\""), &[], &["small.toml:2:9", "one line of 1 to 400 bytes"]);
    refused(&with("\"one line\"", "\"\"\"a\nb\"\"\""), &[], &["small.toml:2:", "one line of 1 to 400 bytes"]);
    refused("name = \"a\"\nabout = \"b\"\ninput = 3", &[], &["small.toml:3:9", "write a table"]);
    refused(
        "name = \"a\"\nabout = \"b\"\ninput = {}\njob = { operator = 1 }",
        &[],
        &["small.toml:4:", "write an array"],
    );
}

#[test]
fn kinds_that_are_wrong() {
    let does = |value: &str| with("\"keyed-count\"", value);
    let words =
        ["small.toml:13:8", "unknown value `keyed-cuont`", "did you mean `keyed-count`?", "`source`, `sink`"];
    refused(&does("\"keyed-cuont\""), &[], &words);
    refused(&does("{ keyed-cuont = {} }"), &[], &["small.toml:13:", "did you mean `keyed-count`?"]);
    refused(
        &does("3"),
        &[],
        &["small.toml:13:8", "write the kind as a string, or `{ kind = { parameters } }`"],
    );
    refused(&does("{}"), &[], &["small.toml:13:", "exactly one kind"]);
    refused(&does("{ tokenizer = {}, join = {} }"), &[], &["small.toml:13:", "exactly one kind"]);
    refused(
        &does("\"tumbling-window\""),
        &[],
        &["small.toml:13:8", "needs parameters", "tumbling-window = { ... }"],
    );
    refused(
        &does("{ tumbling-window = 3 }"),
        &[],
        &["small.toml:13:", "key `job.operator.count.does.tumbling-window`", "a table"],
    );
    refused(
        &does("{ tumbling-window = { size = \"0s\" } }"),
        &[],
        &["small.toml:13:", "too short", "does.tumbling-window.size`"],
    );
    refused(
        &does("{ tumbling-window = { siez = 1 } }"),
        &[],
        &["did you mean `size`?", "does.tumbling-window.siez`"],
    );
    refused(&does("{ tokenizer = { a = 1 } }"), &[], &["small.toml:13:", "no parameters"]);
    refused(&does("{ tokenizer = 1 }"), &[], &["small.toml:13:", "takes a table, or nothing"]);
    refused(&does("\"sink\""), &[], &["small.toml:13:8", "needs parameters"]);
    refused(&does("{ sink = 3 }"), &[], &["small.toml:13:"]);
    refused(&does("{ source = 3 }"), &[], &["small.toml:13:", "found integer `3`", "write a string"]);
    refused(
        &with("{ text = { rate = \"100/s\", splits = 1 } }", "\"text\""),
        &[],
        &["small.toml:5:8", "needs parameters"],
    );
    assert!(try_build(&does("{ tokenizer = {} }"), &[]).is_ok());
}

#[test]
fn jobs_that_cannot_run() {
    refused(
        &with("from = \"source\"", "from = \"sorce\""),
        &[],
        &["small.toml:21:8", "no operator `sorce`", "did you mean `source`?", "key `job.edge.0.from`"],
    );
    refused(
        &with("uid = \"count\"", "uid = \"sink\""),
        &[],
        &["small.toml:17:7", "two operators have the uid `sink`, the first on line 12"],
    );
    refused(
        &with("source = \"text\"", "source = \"txt\""),
        &[],
        &["small.toml:9:8", "no input `txt`", "did you mean `text`?"],
    );
    refused(
        &with("to = \"sink\"", "to = \"source\""),
        &[],
        &["small.toml:27:6", "`source` is a source", "turn it round"],
    );
    refused(
        &with("from = \"count\"", "from = \"sink\""),
        &[],
        &["small.toml:26:8", "an edge leads out of it"],
    );
    refused(
        &with("\"rebalance\"", "\"forward\""),
        &[],
        &["small.toml:28:8", "same parallelism on both sides"],
    );
    refused(
        &with("does = { source = \"text\" }", "does = \"join\""),
        &[],
        &["small.toml:7:1", "the job has no source"],
    );
    refused(&with("to = \"sink\"", "to = \"count\""), &[], &["small.toml:17:7", "no edge leads into `sink`"]);
    refused(
        &with(
            "uid = \"sink\"\ndoes = { sink = \"plain\" }",
            "uid = \"sink\"\ndoes = \"join\"\n[[job.edge]]\nfrom = \"sink\"\nto = \"count\"\nship = \"hash\"",
        ),
        &[],
        &["a cycle leads through", "feedback = true"],
    );
    let twice = format!("{SMALL}[[job.edge]]\nfrom = \"count\"\nto = \"sink\"\nship = \"hash\"\n");
    refused(&twice, &[], &["small.toml:31:6", "the same as the edge on line 27", "twice"]);
    refused(
        "name = \"a\"\nabout = \"b\"\ninput = {}\njob.operator = []",
        &[],
        &["small.toml:4:", "no source"],
    );
}

#[test]
fn feedback_edges_close_cycles() {
    let back = "[[job.edge]]\nfrom = \"second\"\nto = \"count\"\nship = \"hash\"\n";
    let more = "[[job.operator]]\nuid = \"second\"\ndoes = \"join\"\n[[job.edge]]\nfrom = \"count\"\nto = \"second\"\nship = \"hash\"\n";
    refused(&format!("{SMALL}{more}{back}"), &[], &["a cycle leads through", "feedback = true", "job.edge."]);
    let (graph, _) =
        try_build(&format!("{SMALL}{more}{back}feedback = true\nport = 1\n"), &[]).expect("a cyclic job");
    let edge = graph.edge_weights().last().expect("an edge");
    assert_eq!((edge.ship, edge.port, edge.feedback), (Ship::Hash, 1, true));
}

#[test]
fn jobs_that_do_not_fit() {
    let big = |parallelism: &str| with("parallelism = 2", &format!("parallelism = {parallelism}"));
    let words = [
        "small.toml:14:15",
        "needs 9 slots (the largest parallelism)",
        "has 8: 2 nodes with 4 slots each",
        "cluster.nodes to 3",
    ];
    refused(&big("9"), &[], &words);
    let words = ["needs 9 slots (one for every subtask)", "cluster.nodes to 3"];
    refused(&big("7"), &["cluster.slot-sharing=false"], &words);
    assert!(try_build(&big("6"), &["cluster.slot-sharing=false"]).is_ok());
    let words =
        ["small.toml:14:15", "parallelism 129", "128 key groups (pipeline.max-parallelism)", "1 to 128"];
    refused(&big("129"), &[], &words);
    let sets =
        ["cluster.nodes=10000", "pipeline.max-parallelism=32768", "job.operator.sink.parallelism=32768"];
    refused(
        &big("32768"),
        &sets,
        &["--set job.operator.sink.parallelism", "1073774592 channels", "at most 16777216"],
    );
    refused(
        SMALL,
        &["heartbeat.timeout=1s"],
        &["taken for dead", "heartbeat.interval (1s)", "--set heartbeat.timeout=1s"],
    );
}

#[test]
fn the_catalogue_may_refuse() {
    let scenario = try_load(SMALL, &[]).expect("a scenario");
    let mut asked = Asked { refuse: Some("text"), ..Asked::default() };
    let error = scenario.build(&mut asked).expect_err("refused").to_string();
    assert!(error.contains("no such text") && error.contains("small.toml:5:8"), "{error}");
    let mut asked = Asked { refuse: Some("count"), ..Asked::default() };
    let error = scenario.build(&mut asked).expect_err("refused").to_string();
    assert!(error.contains("no such operator") && error.contains("small.toml:13:8"), "{error}");
    assert_eq!(asked.upstream, ["count < text"]);
}

#[test]
fn overrides_change_what_they_name() {
    let scenario = try_load(
        SMALL,
        &[
            "execution.checkpointing.interval=1s",
            "execution.checkpointing.interval='2s'",
            "job.operator.count.parallelism=4",
            "job.operator.count.does={ tumbling-window = { size = '5s' } }",
            "job.edge.1.ship=broadcast",
            "input.text.kind.text.rate=200/s",
        ],
    )
    .expect("a scenario");
    let (graph, config) = scenario.build(&mut Asked::default()).expect("a job");
    assert_eq!(config.checkpointing.interval, 2 * SECOND);
    assert_eq!(graph.node_weights().map(|operator| operator.parallelism).collect::<Vec<_>>(), [1, 4, 1]);
    assert_eq!(graph.edge_weights().last().map(|edge| edge.ship), Some(Ship::Broadcast));
    assert!(matches!(
        &scenario.spec.job.operator[1].does,
        Does::Transform(OperatorKind::TumblingWindow { .. })
    ));
}

#[test]
fn errors_of_overrides_name_the_override() {
    let named = |set: &str, words: &[&str]| {
        let error = refused(SMALL, &[set], words);
        let rendered = error.to_string();
        assert!(rendered.contains(&format!("--set {set}")), "{rendered}");
        assert!(!rendered.contains("small.toml") && error.line().is_none(), "{rendered}");
        assert_eq!(error.origin(), Some("--set"));
    };
    named("execution.checkpointing.interval=soon", &["`soon` is not a duration", "^^^^ key `execution"]);
    named("execution.checkpointing.interval=5", &["`5` has no unit"]);
    named("execution.checkpointing.intervall=5s", &["unknown key `intervall`", "did you mean `interval`?"]);
    named("executoin.checkpointing.interval=5s", &["unknown key `executoin`", "did you mean `execution`?"]);
    named("job.operator.cuont.parallelism=5", &["no operator has the uid `cuont`", "did you mean `count`?"]);
    named("job.operator.count.parallelism=0", &["0 is out of range", "key `job.operator.count.parallelism`"]);
    named("job.operator.count.parallelism=99", &["needs 99 slots"]);
    named("job.operator.count.does=tokeniser", &["did you mean `tokenizer`?"]);
    named("job.edge.7.ship=hash", &["write 0 to 1"]);
    named("job.edge.1.to=sinks", &["no operator `sinks`", "did you mean `sink`?"]);
    named("input.text.kind.numbers.rate=1/s", &["exactly one kind"]);
    named("input.more.rate=1/s", &["unknown key `rate`"]);
    named("cluster={ nodes = -1 }", &["-1 is out of range"]);
    named("name.first=x", &["`name` is a string", "set `name` itself"]);
    named("interval", &["write `--set key=value`"]);
    named("=5", &["is not a key"]);
    named("a..b=5", &["is not a key"]);
    named("", &["write `--set key=value`"]);
    named("cluster.nodes=", &["found string \"\""]);
    named("cluster.nodes=[1,", &["found string"]);
    named("name=a b", &["is not a name"]);
    let deep = format!("{}=1", vec!["a"; 100_000].join("."));
    assert!(try_load(SMALL, &[&deep]).is_err());
    let nested = format!("name={}", "[".repeat(60_000));
    assert!(try_load(SMALL, &[&nested]).is_err());
    // Damaged overrides are errors or harmless, as damaged files are.
    for at in 0.."job.operator.count.does={ tumbling-window = { size = '5s' } }".len() {
        for damage in "\"=[]{}.-0z\n\\\0é".chars() {
            let mut set = "job.operator.count.does={ tumbling-window = { size = '5s' } }".to_owned();
            set.replace_range(at..=at, &damage.to_string());
            let _ = try_build(SMALL, &[&set]).map_err(|error| error.to_string());
        }
    }
    // An error of the file stays the file's, with overrides elsewhere.
    refused(&with("\"hash\"", "\"hsah\""), &["cluster.nodes=5"], &["small.toml:23:8"]);
}

#[test]
fn an_override_that_makes_the_file_wrong_is_named() {
    let accused = |sets: &[&str], words: &[&str], clash: &str| {
        let error = refused(SMALL, sets, words);
        assert_eq!((error.origin(), error.line()), (Some("--set"), None), "{error}");
        assert!(error.help().iter().any(|help| help == clash), "{error}");
    };
    let sets = ["bounds.steps=9", "cluster.nodes=1", "taskmanager.numberOfTaskSlots=1", "bounds.queue=9"];
    let words = ["needs 2 slots", "(by `--set taskmanager.numberOfTaskSlots=1`)"];
    accused(&sets, &words, "it clashes with `job.operator.count.parallelism`, line 14 of small.toml");
    let words = ["there is no operator `count`", "--set job.operator.count.uid=tally"];
    accused(
        &["job.operator.count.uid=tally"],
        &words,
        "it clashes with `job.edge.0.to`, line 22 of small.toml",
    );
    let words = ["`count` is a sink", "--set job.operator.count.does={ sink = 'plain' }"];
    accused(
        &["job.operator.count.does={ sink = 'plain' }"],
        &words,
        "it clashes with `job.edge.1.from`, line 26 of small.toml",
    );
}

#[test]
fn a_rendering_looks_like_this() {
    let error = refused(&with("parallelism = 2", "parallelism = 0"), &[], &[]);
    let expected = "\
error: 0 is out of range: write a whole number from 1 to 32768
  --> small.toml:14:15
   |
14 | parallelism = 0
   |               ^ key `job.operator.count.parallelism`";
    assert_eq!(error.to_string(), expected);
    assert!(error.render(Rendering::Coloured).contains('\u{1b}'));
    // What comes from outside cannot control the terminal.
    let error = refused(SMALL, &["name=\u{1b}[31m\u{7}\nx"], &[]);
    assert!(!error.render(Rendering::Plain).contains(['\u{1b}', '\u{7}']));
}
