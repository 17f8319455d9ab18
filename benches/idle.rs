//! The bench `idle`: does a hop cost more when there are tasks that do nothing?
//!
//! A source and seven counters in a row do the same work in every row; beside them stand a second source, which emits
//! once per second, and as many counters behind it as it takes to make 10, 100 and 1,000 tasks. Every task has a node of
//! its own. What a run costs once (worlds, deployment, heartbeats, the last checkpoint) is in the figures.

use std::hint::black_box;
use std::sync::Arc;

use cutline_benches::engine::{Engine, OPTIONS};
use cutline_benches::ratios::{Row, ratios};
use cutline_scenarios::record::Class;
use cutline_sim::faults::FaultPlan;

/// The counters that are busy, in a row behind one source.
const BUSY: u64 = 7;
/// Records of the busy source; it emits 10,000 per second.
const RECORDS: u64 = 200_000;
/// Rounds of the comparison in turn.
const ROUNDS: usize = 9;

/// The scenario with so many tasks.
fn scenario(tasks: u64) -> String {
    let mut text = format!(
        r#"
        name = "idle"
        about = "Eight busy tasks, the others idle."
        [input.busy]
        kind = {{ keys = {{ count = {RECORDS}, keys = 1024, rate = "10000/s", splits = 1 }} }}
        [input.idle]
        kind = {{ keys = {{ count = {}, keys = 1024, rate = "1/s", splits = 1 }} }}
        [cluster]
        nodes = {tasks}
        slot-sharing = false
        [taskmanager]
        numberOfTaskSlots = 1
        [pipeline]
        max-parallelism = 1024
        [execution]
        buffer-timeout.interval = "0s"
        checkpointing.interval = "0s"
        "#,
        RECORDS / 10_000
    );
    let mut operator = |uid: &str, does: &str, parallelism: u64, from: &str| {
        text += &format!(
            "[[job.operator]]\nuid = \"{uid}\"\ndoes = {{ {does} }}\nparallelism = {parallelism}\nservice = \"10us\"\n"
        );
        if !from.is_empty() {
            text += &format!("[[job.edge]]\nfrom = \"{from}\"\nto = \"{uid}\"\nship = \"hash\"\n");
        }
    };
    let counter = "counter = { keys = 1024 }";
    operator("stage-0", "source = \"busy\"", 1, "");
    for stage in 1..=BUSY {
        operator(&format!("stage-{stage}"), counter, 1, &format!("stage-{}", stage - 1));
    }
    operator("idle-source", "source = \"idle\"", 1, "");
    operator("idle", counter, tasks - BUSY - 2, "idle-source");
    text
}

fn main() {
    let row = |tasks: u64| -> Box<dyn FnMut()> {
        let mut engine = Engine::of("idle", scenario(tasks), 7);
        assert_eq!(u64::from(engine.tasks()), tasks);
        let plan = Arc::new(FaultPlan::default());
        Box::new(move || {
            let record = engine.run(black_box(7), &plan, &OPTIONS);
            assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
        })
    };
    let mut rows: Vec<Row> = vec![("10 tasks", row(10)), ("100 tasks", row(100)), ("1000 tasks", row(1000))];
    println!("{}", ratios(BUSY * RECORDS, ROUNDS, &mut rows));
}
