//! dbg
use cutline_algorithms::STRATEGIES;
use cutline_scenarios::{
    faults, inputs::Texts, library_files::resolve, prepare::Prepared, run::*, spec::load,
};
use cutline_sim::{event::*, world::World};
use std::sync::Arc;
fn main() {
    let o: Vec<String> = [
        "input.text.kind.text.rate=250/s",
        "execution.checkpointing.interval=200ms",
        "execution.checkpointing.tolerable-failed-checkpoints=100",
        "taskmanager.numberOfTaskSlots=1",
        "cluster.nodes=3",
        "heartbeat.timeout=1500ms",
    ]
    .iter()
    .map(|s| s.to_string())
    .collect();
    let p =
        Prepared::new(&load(&resolve("wordcount").unwrap(), &o).unwrap(), 7, &mut Texts::new(".")).unwrap();
    let c = Contender::from(&STRATEGIES[0]);
    let prof = faults::resolve("all").unwrap();
    let plan = Arc::new(faults::draw(&prof, p.topology(), p.duration(), 4));
    for l in plan.describe(p.topology()) {
        println!("{l}");
    }
    let mut r = Runner::new(&p, c);
    let opt = Options { forks: Some(false), ..Options::default() };
    let a = format!("{:#?}", r.run(4, &plan, &opt, None));
    let b = format!("{:#?}", r.run(4, &plan, &Options { lookahead: false, ..opt }, None));
    for (x, y) in a.lines().zip(b.lines()) {
        if x != y {
            println!("DIFF {x} | {y}");
        }
    }
    let run = |look: bool| {
        let mut w = World::new(p.topology().clone(), &c.cut, c.snapshot);
        w.set_detail(Detail { records: true, marks: true, latencies: false });
        w.set_lookahead(look);
        w.set_deadline(700_000_000_000);
        w.begin(4, plan.clone());
        let mut v = vec![];
        w.run(&mut |_, e| v.extend_from_slice(e));
        v.sort_by_key(|e: &Stamped| (e.time, e.origin));
        v
    };
    let (a, b) = (run(true), run(false));
    println!("{} {}", a.len(), b.len());
    if let Some(i) = a.iter().zip(&b).position(|(x, y)| x != y) {
        for k in i.saturating_sub(12)..i + 4 {
            println!(
                "{} {:?} {:?}\n   {:?} {:?}",
                a[k].time, a[k].origin.0, a[k].event, b[k].origin.0, b[k].event
            );
            println!("{} {}", a[k].time, b[k].time)
        }
    }
}
