//! Random jobs with loops that change their size, up to 8 subtasks of an operator: with what goes around they are refused, and
//! without it they end right.

// The same jobs, drawn by this module's own draws.
#[allow(clippy::duplicate_mod)]
#[path = "../lookahead/cyclic.rs"]
mod cyclic;

use super::*;

impl Draws {
    /// How many subtasks an operator has, or splits a source.
    fn subtasks(&mut self, _narrow: u64) -> u64 {
        1 + self.below(u64::from(WIDEST))
    }
}

fn operator(text: &mut String, draws: &mut Draws, uid: &str, does: &str, parallelism: u64) {
    let service = draws.one_of(&["1us", "50us", "300us"]);
    let _ = writeln!(
        text,
        "[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nparallelism = {parallelism}\nservice = \"{service}\""
    );
}

/// A random job at two sizes. What was as wide as something else still is, so a forward edge joins as many subtasks.
fn random(seed: u64) -> [Prepared; 2] {
    let mut draws = Draws::new(seed);
    let text = format!("name = \"loops-{seed}\"\nabout = \"A random job.\"\n{}", cyclic::job(&mut draws));
    let other: Vec<u64> = (0..WIDEST).map(|_| draws.subtasks(0)).collect();
    let resized = text.lines().map(|line| match line.strip_prefix("parallelism = ") {
        Some(number) => format!("parallelism = {}\n", other[number.parse::<usize>().expect("a number") - 1]),
        None => format!("{line}\n"),
    });
    let set = [
        "cluster.nodes=6",
        "taskmanager.numberOfTaskSlots=2",
        "heartbeat.interval=50ms",
        "heartbeat.timeout=300ms",
        "execution.checkpointing.tolerable-failed-checkpoints=1000",
        "execution.checkpointing.interval=20ms",
        "bounds.heal=60s",
    ];
    [text.clone(), resized.collect()].map(|text| {
        let source = ScenarioText::new(format!("loops-{seed}.toml"), text);
        Prepared::load(&source, &set, 7).unwrap_or_else(|error| panic!("{error}\n{}", source.text))
    })
}

#[test]
fn random_jobs_with_loops_change_their_size_when_nothing_goes_around() {
    let (mut seen, mut widest) = (Seen::default(), 0);
    for (nth, seed) in (400..424).enumerate() {
        let jobs = random(seed);
        let able: Vec<_> = STRATEGIES.iter().filter(|strategy| strategy.cycles).collect();
        let contenders = [nth, nth / able.len()].map(|at| Contender::from(able[at % able.len()]));
        let plans = [plan(&jobs[0], "crashes", seed), plan(&jobs[1], "everything", seed + 1)];
        let mut here = Runner::new(&jobs[0], contenders[0]);
        let what = format!("{} under {} and {}", jobs[0].name(), contenders[0].name, contenders[1].name);
        let (mut first, mut last) = (None, None);
        for taken in savepoints(&mut here, seed, &plans[0], &what) {
            match start(&jobs[1], &taken) {
                Ok(started) => {
                    assert_eq!(taken.savepoint.in_flight(), 0, "{what}: it would be lost");
                    let at = if first.is_none() { &mut first } else { &mut last };
                    *at = Some((taken, started));
                }
                Err(error) => {
                    assert_eq!(error, StartError::Restore(RestoreError::InFlight), "{what}");
                    assert!(taken.savepoint.in_flight() > 0, "{what}: nothing goes around");
                    seen.refused += 1;
                }
            }
        }
        for (taken, started) in first.iter().chain(&last) {
            let mut there = Runner::new(started, contenders[1]);
            seen.note(taken, &go_on(&mut there, taken, seed, &plans[1], &what));
        }
        let sizes =
            jobs.iter().flat_map(|job| &job.topology().operators).map(|operator| operator.parallelism);
        widest = sizes.max().unwrap_or(0).max(widest);
    }
    assert!(seen.moves > 20 && seen.refused > 20 && seen.own > 4 && widest == WIDEST, "{seen:?} {widest}");
}
