//! Random jobs that move there and back again.

use xxhash_rust::xxh3::xxh3_128;

use super::*;

/// A job twice, with the same operators and edges, at one parallelism and another.
struct Pair {
    tables: [Vec<String>; 2],
}

impl Pair {
    fn both(&mut self, table: &str) {
        self.tables.iter_mut().for_each(|job| job.push(table.to_owned()));
    }

    fn operator(&mut self, draws: &mut Draws, uid: &str, does: &str, parallelism: [u64; 2]) {
        let service = draws.one_of(&["0s", "1us", "50us", "700us"]);
        self.both(&format!("[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nservice = \"{service}\"\n"));
        for (job, parallelism) in self.tables.iter_mut().zip(parallelism) {
            let operator = job.last_mut().expect("an operator");
            let _ = writeln!(operator, "parallelism = {parallelism}");
        }
    }

    /// `keyed`: everything of a key must come to one subtask.
    fn edge(
        &mut self,
        draws: &mut Draws,
        from: &Output,
        to: &str,
        parallelism: [u64; 2],
        port: u32,
        keyed: bool,
    ) {
        let mut ships = vec!["hash"];
        ships.extend((!keyed).then_some("rebalance"));
        ships.extend((!keyed && from.parallelism == parallelism).then_some("forward"));
        // Of a broadcast record there are as many copies as receivers, so their number is part of the result.
        ships.extend((!keyed && parallelism[0] == parallelism[1]).then_some("broadcast"));
        let ship = draws.one_of(&ships);
        let uid = &from.uid;
        self.both(&format!(
            "[[job.edge]]\nfrom = \"{uid}\"\nto = \"{to}\"\nship = \"{ship}\"\nport = {port}\n"
        ));
    }
}

/// An operator that may be read from.
struct Output {
    uid: String,
    parallelism: [u64; 2],
    read: bool,
}

/// What an operator does, whether it must be reached by the key, how many inputs it has, and whether straight from sources.
type Does = (&'static str, bool, u32, bool);

/// What random jobs may be like.
#[derive(Clone, Copy)]
struct Kinds {
    /// The largest parallelism, and the largest number of splits.
    most: [u64; 2],
    /// The last is the join: a job has one at most, for what joins behind each other make may fill the memory.
    does: &'static [Does],
    inputs: &'static [&'static str],
}

const FEW: Kinds = Kinds {
    most: [4, 5],
    does: &[
        ("{ counter = { keys = 16 } }", true, 1, false),
        ("\"keyed-count\"", true, 1, false),
        ("{ key-by-value = { modulus = 7 } }", false, 1, false),
        ("\"keep-even\"", false, 1, false),
        ("{ flat-map = { copies = 2 } }", false, 1, false),
        ("{ tumbling-window = { size = \"20ms\" } }", true, 1, true),
        ("{ map = { multiply = 3, key-modulus = 5 } }", false, 1, false),
        ("\"hold-back\"", false, 1, false),
        ("\"join\"", true, 2, false),
    ],
    inputs: &["keys = { keys = 40,", "numbers = {"],
};

/// Wide jobs of what waits for the watermark with timers, lists and maps, over inputs out of order.
const TIMED: Kinds = Kinds {
    most: [WIDEST as u64, 10],
    does: &[
        ("{ session-window = { gap = \"2ms\" } }", true, 1, true),
        ("{ session-window = { gap = \"7ms\" } }", true, 1, true),
        ("{ pattern = { small = 9, large = 20, within = \"10ms\" } }", true, 1, true),
        ("{ deduplication = { time-to-live = \"15ms\" } }", true, 1, true),
        ("{ sliding-window = { size = \"50ms\", slide = \"20ms\" } }", true, 1, true),
        ("{ top-n = { n = 2, size = \"30ms\" } }", true, 1, true),
        ("\"hold-back\"", false, 1, false),
        ("{ counter = { keys = 16 } }", true, 1, false),
        ("{ map = { multiply = 3, key-modulus = 5 } }", false, 1, false),
        ("{ interval-join = { before = \"1ms\", after = \"5ms\" } }", true, 2, true),
    ],
    inputs: &["events = { keys = 10, values = 30, disorder = \"4ms\", hot-per-mille = 200,"],
};

fn random_job(draws: &mut Draws, kinds: Kinds) -> Pair {
    let mut pair = Pair { tables: Default::default() };
    let (mut outputs, mut joined) = (Vec::new(), false);
    let ([most, splits], all) = (kinds.most, kinds.does);
    let parallelism = |draws: &mut Draws| [1 + draws.below(most), 1 + draws.below(most)];
    let sources = 1 + draws.below(2);
    for source in 0..sources {
        let (splits, count) = (1 + draws.below(splits), 200 + draws.below(400));
        let rate = draws.one_of(&["500/s", "2000/s", "20000/s"]);
        let kind = draws.one_of(kinds.inputs);
        pair.both(&format!(
            "[input.in-{source}]\nkind = {{ {kind} count = {count}, rate = \"{rate}\", splits = {splits} }} }}\n"
        ));
        let (uid, parallelism) = (format!("source-{source}"), parallelism(draws));
        pair.operator(draws, &uid, &format!("{{ source = \"in-{source}\" }}"), parallelism);
        outputs.push(Output { uid, parallelism, read: false });
    }
    for at in 0..1 + draws.below(4) {
        let (does, keyed, inputs, straight) = draws.one_of(&all[..all.len() - usize::from(joined)]);
        joined |= inputs == 2;
        let (uid, parallelism) = (format!("operator-{at}"), parallelism(draws));
        pair.operator(draws, &uid, does, parallelism);
        let among = if straight { sources } else { outputs.len() as u64 };
        for port in 0..inputs {
            let from = draws.below(among) as usize;
            pair.edge(draws, &outputs[from], &uid, parallelism, port, keyed);
            outputs[from].read = true;
        }
        outputs.push(Output { uid, parallelism, read: false });
    }
    for (at, output) in outputs.iter().enumerate().filter(|(_, output)| !output.read) {
        let mode = draws.one_of(&["transactional", "idempotent", "plain"]);
        let (uid, parallelism) = (format!("sink-{at}"), parallelism(draws));
        pair.operator(draws, &uid, &format!("{{ sink = \"{mode}\" }}"), parallelism);
        pair.edge(draws, output, &uid, parallelism, 0, mode == "idempotent");
    }
    pair
}

/// A random job at both parallelisms; of every second one the second names everything the other way round.
fn random(seed: u64, kinds: Kinds) -> [Prepared; 2] {
    let mut draws = Draws::new(seed);
    let mut pair = random_job(&mut draws, kinds);
    if seed.is_multiple_of(2) {
        pair.tables[1].reverse();
    }
    let mut set = vec![
        "execution.checkpointing.tolerable-failed-checkpoints=1000".to_owned(),
        "heartbeat.interval=50ms".to_owned(),
        "heartbeat.timeout=300ms".to_owned(),
        "taskmanager.numberOfTaskSlots=2".to_owned(),
        "cluster.nodes=4".to_owned(),
        "bounds.heal=60s".to_owned(),
    ];
    let mut choose = |key: &str, choices: &[&str]| set.push(format!("{key}={}", draws.one_of(choices)));
    choose("cluster.network.latency", &["50us", "1ms", "10ms"]);
    choose("cluster.network.control-jitter", &["0s", "1ms"]);
    choose("taskmanager.memory.segment-size", &["64 B", "32 KiB"]);
    choose("execution.buffer-timeout.interval", &["0s", "1ms", "7ms"]);
    choose("execution.checkpointing.interval", &["5ms", "20ms", "60ms"]);
    choose("execution.checkpointing.max-concurrent-checkpoints", &["1", "3"]);
    choose("execution.checkpointing.num-retained", &["1", "3"]);
    choose("cluster.store.latency", &["100us", "15ms"]);
    if kinds.most[0] > 4 {
        set.push("cluster.nodes=6".to_owned());
    }
    pair.tables.map(|job| {
        let text = format!("name = \"random-{seed}\"\nabout = \"A random job.\"\n{}", job.concat());
        let source = ScenarioText::new(format!("random-{seed}.toml"), text);
        Prepared::load(&source, &set, 7).unwrap_or_else(|error| panic!("{error}\n{}", source.text))
    })
}

/// Three jobs in a row: there, back, and there again, each from a savepoint of the one before; `sizes` says which of its two
/// parallelisms the job has here and there.
fn there_and_back(seed: u64, sizes: [usize; 2], contenders: &[Contender], seen: &mut Seen) {
    there_and_back_of(FEW, seed, sizes, contenders, seen);
}

fn there_and_back_of(kinds: Kinds, seed: u64, sizes: [usize; 2], contenders: &[Contender], seen: &mut Seen) {
    let jobs = random(seed, kinds);
    if jobs.iter().any(|job| job.reference().steps > 10_000) {
        return; // a join of copies: too long a run
    }
    let mut draws = Draws::new(seed ^ 0xff00);
    let drawn = sizes.map(|_| draws.one_of(contenders));
    let mut from: Option<Taken> = None;
    for (run, at) in [0, 1, 0].into_iter().enumerate() {
        let profile = draws.one_of(&["crashes", "everything"]);
        let (seed, what) = (seed + run as u64, format!("run {run} of random job {seed}"));
        let plan = plan(&jobs[sizes[at]], profile, seed);
        let started = match from.as_ref().map(|taken| start(&jobs[sizes[at]], taken)) {
            Some(Err(StartError::Restore(RestoreError::InFlightForward { .. }))) => {
                seen.refused += 1;
                return;
            }
            Some(started) => Some(started.unwrap_or_else(|error| panic!("{what}: {error}"))),
            None => None,
        };
        let mut runner = Runner::new(started.as_ref().unwrap_or(&jobs[sizes[at]]), drawn[at]);
        if let Some(taken) = &from {
            seen.note(taken, &go_on(&mut runner, taken, seed, &plan, &what));
        }
        let mut taken = savepoints(&mut runner, seed, &plan, &what);
        if taken.is_empty() {
            return;
        }
        // Mostly one at which there is something left to do.
        let open = taken.iter().filter(|taken| taken.ended < taken.tasks).count();
        let among = if open == 0 || draws.below(4) == 0 { taken.len() } else { open };
        let choice = draws.below(among as u64) as usize;
        from = Some(taken.swap_remove(choice));
    }
}

#[test]
fn random_jobs_end_right_there_and_back_again() {
    let mut seen = Seen::default();
    let contenders = [&STRATEGIES[0], &STRATEGIES[1]].map(Contender::from);
    (0..30).for_each(|seed| there_and_back(seed, [0, 1], &contenders, &mut seen));
    assert!(seen.moves > 40 && seen.own > 8 && seen.base > 8 && seen.partly_ended > 8, "{seen:?}");
}

/// A savepoint does not depend on the backend that made it.
#[test]
fn random_jobs_move_from_any_backend_to_any() {
    let mut seen = Seen::default();
    let over = |snapshot| Contender { snapshot, ..Contender::from(&STRATEGIES[1]) };
    (100..140).for_each(|seed| there_and_back(seed, [0, 1], &SnapshotMethod::ALL.map(over), &mut seen));
    assert!(seen.moves > 40 && seen.own > 8 && seen.base > 8 && seen.partly_ended > 8, "{seen:?}");
}

/// What captures leaves records on the way, and what does not must go on with them, too.
#[test]
fn random_jobs_go_on_with_what_was_in_flight() {
    let mut seen = Seen::default();
    let captures = STRATEGIES.iter().find(|strategy| strategy.name == "unaligned").expect("a strategy");
    let contenders = [captures, captures, &STRATEGIES[1]].map(Contender::from);
    (0..30).for_each(|seed| there_and_back(seed, [0, 0], &contenders, &mut seen));
    assert!(seen.moves > 40 && seen.own > 8 && seen.base > 8 && seen.partly_ended > 8, "{seen:?}");
}

/// The same at another parallelism: what was in flight is dealt out anew, but for what was on a forward edge.
#[test]
fn random_jobs_change_their_size_with_what_was_in_flight() {
    let mut seen = Seen::default();
    let captures = ["unaligned", "freeze-the-world", "uncoordinated", "chandy-lamport"];
    let named = |name| STRATEGIES.iter().find(|strategy| strategy.name == name).expect("a strategy");
    let contenders = captures.map(|name| Contender::from(named(name)));
    (200..260).for_each(|seed| there_and_back(seed, [0, 1], &contenders, &mut seen));
    let Seen { moves, own, base, dealt, refused, partly_ended, .. } = seen;
    assert!(moves > 60 && own > 8 && base > 8 && dealt > 30 && refused > 2 && partly_ended > 8, "{seen:?}");
}

/// Sessions, patterns and timers, between 1 and 8 subtasks, with what was in flight and without.
#[test]
fn wide_jobs_with_timers_change_their_size() {
    let mut seen = Seen::default();
    // Who goes on from at-least-once is not held to the whole run.
    let exact = STRATEGIES.iter().filter(|strategy| strategy.guarantee == CheckpointMode::ExactlyOnce);
    let contenders: Vec<_> = exact.map(Contender::from).collect();
    (500..536).for_each(|seed| there_and_back_of(TIMED, seed, [0, 1], &contenders, &mut seen));
    let Seen { moves, own, base, dealt, partly_ended, .. } = seen;
    assert!(moves > 40 && own > 8 && base > 8 && dealt > 8 && partly_ended > 8, "{seen:?}");
}

/// A line of tasks' own checkpoints cuts through channels; the savepoint made of it holds what the log had, for whoever comes next.
#[test]
fn random_jobs_go_on_from_lines_with_what_was_logged() {
    let mut seen = Seen::default();
    let names =
        ["uncoordinated", "communication-induced", "unaligned", "communication-induced-bcs", "aligned"];
    let named = |name| STRATEGIES.iter().find(|strategy| strategy.name == name).expect("a strategy");
    let contenders = names.map(|name| Contender::from(named(name)));
    (0..30).for_each(|seed| there_and_back(seed, [0, 0], &contenders, &mut seen));
    assert!(seen.moves > 40 && seen.own > 8 && seen.base > 8 && seen.partly_ended > 8, "{seen:?}");
}

/// A savepoint that does not say that it is the beginning of a whole run: then it is all there is to go by.
fn on_its_own(savepoint: &Savepoint) -> Savepoint {
    let text = text_of(savepoint);
    let begin = text.find("\"content\":").expect("a content") + 10;
    let content = text[begin..text.len() - 2].replace("\"is-whole\":true", "\"is-whole\":false");
    let checksum = format!("{:032x}", xxh3_128(content.as_bytes()));
    let text = format!("{{\"cutline-savepoint\":2,\"checksum\":\"{checksum}\",\"content\":{content}}}");
    SavepointFile::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}")).savepoint
}

/// What a failure-free run makes of a savepoint is what the whole failure-free run gives, and what the job comes to from there.
#[test]
fn random_jobs_are_held_to_their_savepoints() {
    let (mut moves, mut in_flight, mut restores) = (0, 0, 0);
    for seed in 300..360 {
        let jobs = random(seed, FEW);
        if jobs.iter().any(|job| job.reference().steps > 10_000) {
            continue;
        }
        let mut draws = Draws::new(seed ^ 0xff00);
        let (plan_here, plan_there) =
            (plan(&jobs[0], "crashes", seed), plan(&jobs[1], "everything", seed + 1));
        let of = &STRATEGIES[draws.below(STRATEGIES.len() as u64) as usize];
        let mut writer = Runner::new(&jobs[0], Contender::from(of));
        let what = format!("random job {seed}");
        let mut taken = savepoints(&mut writer, seed, &plan_here, &what);
        for _ in 0..taken.len().min(3) {
            let at = draws.below(taken.len() as u64) as usize;
            let savepoint = on_its_own(&taken.swap_remove(at).savepoint);
            let Ok(started) = jobs[1].start_from(&savepoint) else { continue }; // a forward edge
            assert!(started.start().is_some_and(|start| !start.is_whole()));
            let (reference, whole) = (started.reference(), jobs[1].reference());
            let exactly_once = of.guarantee == CheckpointMode::ExactlyOnce; // or some have been counted twice
            let both = reference.operators.iter().zip(&whole.operators).filter(|_| exactly_once);
            for (from_here, whole) in both {
                let of = |it: &OperatorReference| (it.received, it.lineages, it.fingerprint);
                assert_eq!(of(from_here), of(whole), "{what}: {}", whole.uid);
            }
            let mut runner = Runner::new(
                &started,
                Contender::from(&STRATEGIES[draws.below(STRATEGIES.len() as u64) as usize]),
            );
            let record = runner.run(seed, &plan_there, &Options::default(), None);
            check(&record, &what);
            moves += 1;
            in_flight += u32::from(savepoint.in_flight() > 0);
            restores += record.restores.len();
        }
    }
    assert!(moves > 60 && in_flight > 15 && restores > 60, "{moves} {in_flight} {restores}");
}
