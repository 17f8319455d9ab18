//! Random jobs that are mostly straight: one operator behind the other, most of them with one subtask, over a network where every record
//! travels alone. There tasks handle records along lanes (see the module `lane` of the simulator). Noting passages forbids that, and must
//! change nothing else.

use std::fmt::Write;

use super::*;

/// What lanes need of the network; the rest is drawn.
const ALONE: &[&str] = &[
    "execution.buffer-timeout.interval=0s",
    "cluster.network.bandwidth=unlimited",
    "cluster.slot-sharing=false",
    "cluster.nodes=12",
    "taskmanager.numberOfTaskSlots=1",
    // Where each task takes its own checkpoints there are enough of them, and few that all take together are cut short.
    "execution.checkpointing.interval=20ms",
];

pub fn job(draws: &mut Draws) -> String {
    let mut text = String::new();
    let (count, rate) = (200 + draws.below(400), draws.one_of(&["2000/s", "20000/s", "500000/s"]));
    let _ = writeln!(
        text,
        "[input.in]\nkind = {{ numbers = {{ count = {count}, rate = \"{rate}\", splits = 1 }} }}"
    );
    let mut last = ("source".to_owned(), 1, true);
    add(&mut text, draws, &last, "{ source = \"in\" }");
    for at in 0..1 + draws.below(4) {
        let does = [
            "{ counter = { keys = 16 } }",
            "\"keyed-count\"",
            "{ key-by-value = { modulus = 7 } }",
            "\"keep-even\"",
            "{ flat-map = { copies = 3 } }",
            "{ counter = { keys = 4 } }",
        ];
        let next = (format!("stage-{at}"), if draws.below(5) == 0 { 2 } else { 1 }, true);
        let does = draws.one_of(&does);
        add(&mut text, draws, &next, does);
        connect(&mut text, draws, &last, &next);
        last = next;
    }
    // The last operator may send to nobody.
    if draws.below(3) > 0 {
        let sink = ("sink".to_owned(), 1, true);
        let kind = draws.one_of(&["transactional", "transactional", "plain"]);
        add(&mut text, draws, &sink, &format!("{{ sink = \"{kind}\" }}"));
        connect(&mut text, draws, &last, &sink);
    }
    text
}

fn add(text: &mut String, draws: &mut Draws, (uid, parallelism, _): &(String, u64, bool), does: &str) {
    let service = draws.one_of(&["0s", "1us", "50us", "400us"]);
    let _ = writeln!(
        text,
        "[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nparallelism = {parallelism}\nservice = \"{service}\""
    );
}

fn connect(text: &mut String, draws: &mut Draws, from: &(String, u64, bool), to: &(String, u64, bool)) {
    edge(text, draws, from, &to.0, to.1, (to.1 > 1).then_some("hash"));
}

#[test]
fn lanes_change_nothing() {
    let (mut restored, mut completed, mut short) = (0, 0, 0);
    for seed in 60_000..60_024 {
        let prepared = prepare_with(seed, Kinds::Straight, ALONE);
        for strategy in STRATEGIES {
            let mut runner = Runner::new(&prepared, Contender::from(strategy));
            for profile in ["none", "everything"] {
                let plan = plan(&prepared, profile, seed);
                // Without metrics sinks are on lanes, too.
                let metrics = seed % 4 == 0;
                let options = Options { forks: Some(false), metrics, ..Options::default() };
                let along = runner.run(seed, &plan, &options, None);
                check(&along);
                short += runner.world().records_along_lanes();
                let the_long_way = Options { lookahead: false, passages: true, ..options };
                let long = runner.run(seed, &plan, &the_long_way, None);
                assert_eq!(runner.world().records_along_lanes(), 0);
                assert!(along == long, "{seed} under {}, {profile}: {along:#?}\n{long:#?}", strategy.name);
                restored += along.restores.len();
                completed += along.completed().count();
            }
        }
    }
    assert!(restored > 50 && completed > 500, "{restored} restores, {completed} checkpoints: too few");
    assert!(short > 100_000, "{short} records along lanes: too few to mean anything");
}
