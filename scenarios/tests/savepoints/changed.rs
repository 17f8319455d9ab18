//! Jobs that are not the one that the savepoint was taken of.

use super::*;

/// A job in parts that can be changed: numbers, keyed, summed up in two ways, with a window, into two sinks.
pub(super) struct Job {
    inputs: String,
    pub(super) operators: Vec<(&'static str, String)>,
    pub(super) edges: Vec<(&'static str, &'static str, &'static str, u32)>,
}

pub(super) fn base() -> Job {
    let operator = |uid, does: &str| (uid, does.to_owned());
    Job {
        inputs: "[input.in]\nkind = { events = { count = 900, keys = 30, values = 50, rate = \"1000/s\", splits = 3, \
                 disorder = \"5ms\" } }\n"
            .to_owned(),
        operators: vec![
            operator("source", "{ source = \"in\" }"),
            operator("count", "\"keyed-count\""),
            operator("sums", "\"keyed-sum\""),
            operator("window", "{ tumbling-window = { size = \"40ms\" } }"),
            operator("held", "\"hold-back\""),
            operator("sink", "{ sink = \"transactional\" }"),
            operator("latest", "{ sink = \"idempotent\" }"),
        ],
        edges: vec![
            ("source", "count", "hash", 0),
            ("source", "sums", "hash", 0),
            ("source", "window", "hash", 0),
            ("source", "held", "rebalance", 0),
            ("window", "sink", "hash", 0),
            ("held", "sink", "rebalance", 0),
            ("sums", "sink", "hash", 0),
            ("count", "latest", "hash", 0),
        ],
    }
}

impl Job {
    fn text(&self) -> String {
        let mut text = format!("name = \"changed\"\nabout = \"A job that changes.\"\n{}", self.inputs);
        for (uid, does) in &self.operators {
            text += &format!(
                "[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nparallelism = 2\nservice = \"100us\"\n"
            );
        }
        for (from, to, ship, port) in &self.edges {
            text += &format!(
                "[[job.edge]]\nfrom = \"{from}\"\nto = \"{to}\"\nship = \"{ship}\"\nport = {port}\n"
            );
        }
        text + "[execution]\ncheckpointing.interval = \"40ms\"\n"
    }

    pub(super) fn prepare(&self, overrides: &[&str]) -> Prepared {
        inline(&self.text(), overrides)
    }

    pub(super) fn without(mut self, uid: &str) -> Job {
        self.operators.retain(|(name, _)| *name != uid);
        self.edges.retain(|(from, to, ..)| *from != uid && *to != uid);
        self
    }

    pub(super) fn with(mut self, uid: &'static str, does: &str) -> Job {
        self.operators.push((uid, does.to_owned()));
        self
    }

    pub(super) fn edge(mut self, from: &'static str, to: &'static str, ship: &'static str) -> Job {
        self.edges.push((from, to, ship, 0));
        self
    }

    pub(super) fn does(mut self, uid: &str, does: &str) -> Job {
        for (_, old) in self.operators.iter_mut().filter(|(name, _)| *name == uid) {
            *old = does.to_owned();
        }
        self
    }
}

/// Two savepoints of runs of the job, with nothing in flight: one in the middle, and one behind crashes, at the end of all input.
fn savepoints() -> Vec<Savepoint> {
    let job = base().prepare(&[]);
    let quiet = take(&job, strategy("aligned"), &Arc::default(), 5).expect("a fifth checkpoint");
    let after_crashes = take(&job, strategy("aligned"), &crashes(&job, 2), 2).expect("a second checkpoint");
    vec![quiet, after_crashes]
}

/// Every strategy brings the changed job from there to the end that a failure-free run from there has.
fn all_pass(job: &Prepared, savepoint: &Savepoint, whole: bool) {
    for (strategy, seed) in STRATEGIES.iter().zip(10..) {
        let record = go_on(job, savepoint, strategy.into(), seed);
        passes(&record, strategy.name);
        assert_eq!(record.started_from.as_ref().map(|start| start.judged_whole), Some(whole));
    }
}

#[test]
fn a_job_that_has_not_changed_is_held_to_the_whole_run() {
    for savepoint in savepoints() {
        all_pass(&base().prepare(&[]), &savepoint, true);
    }
}

#[test]
fn an_operator_may_come_and_begins_with_nothing() {
    let job = || base().with("late-count", "{ sliding-window = { size = \"60ms\", slide = \"30ms\" } }");
    let job = || job().with("late-sink", "{ sink = \"transactional\" }").edge("source", "late-count", "hash");
    let job =
        job().edge("late-count", "late-sink", "hash").prepare(&["job.operator.late-count.parallelism=3"]);
    for savepoint in savepoints() {
        all_pass(&job, &savepoint, false);
    }
}

#[test]
fn an_operator_may_go_if_its_state_may_be_lost() {
    let job = base().without("sums").prepare(&["job.operator.count.parallelism=1"]);
    for savepoint in savepoints() {
        let refused = job.start_from(&savepoint).expect_err("state of `sums`");
        assert_eq!(refused, StartError::Restore(RestoreError::NonRestoredState("sums".to_owned())));
        all_pass(&job, &savepoint.allow_non_restored_state(), false);
    }
}

/// The old state is without an owner, and the new operator begins with nothing.
#[test]
fn a_new_uid_is_another_operator() {
    let renamed = || base().without("sums").with("totals", "\"keyed-sum\"").edge("source", "totals", "hash");
    let job = renamed().edge("totals", "sink", "hash").prepare(&[]);
    for savepoint in savepoints() {
        assert!(job.start_from(&savepoint).is_err());
        all_pass(&job, &savepoint.allow_non_restored_state(), false);
    }
}

/// A stage between two others, which keep their uids.
#[test]
fn the_way_between_operators_may_change() {
    let between = || base().with("add", "{ map = { add = 7 } }").edge("source", "add", "rebalance");
    let mut job = between().edge("add", "count", "hash");
    job.edges.retain(|(from, to, ..)| (*from, *to) != ("source", "count"));
    let job = job.prepare(&[]);
    for savepoint in savepoints() {
        all_pass(&job, &savepoint, false);
    }
}

/// What an operator does may change, if its state means the same to it.
#[test]
fn an_operator_may_do_something_else_with_its_state() {
    let job = base().does("count", "\"keyed-sum\"").does("sums", "\"keyed-min\"").prepare(&[]);
    for savepoint in savepoints() {
        let record = go_on(&job, &savepoint, strategy("aligned"), 4);
        assert_eq!(record.class(), Class::Pass, "{:#?}", record.verdicts);
        assert_eq!(verdict(&record, "state"), &Verdict::Pass);
    }
}

/// Windows of another size would read the numbers of the old ones: what comes of that depends on when timers fire.
#[test]
fn what_goes_by_event_time_is_not_judged_with_the_state_of_another_operator() {
    let job = base().does("window", "{ tumbling-window = { size = \"70ms\" } }").prepare(&[]);
    for savepoint in savepoints() {
        let record = go_on(&job, &savepoint, strategy("aligned"), 4);
        assert_eq!(record.class(), Class::Pass, "{:#?}", record.verdicts);
        for oracle in ["state", "ledger"] {
            let Verdict::Unknown(why) = verdict(&record, oracle) else { panic!("{:#?}", record.verdicts) };
            assert!(why.contains("windows and timers of the operator that had its uid"), "{why}");
        }
    }
}

/// A second source begins long before the watermark of the savepoint. Windows cannot be judged then; everything else can.
#[test]
fn records_that_come_late_are_not_judged_where_that_matters() {
    let mut job = base().with("second", "{ source = \"more\" }").edge("second", "sums", "hash");
    job.inputs += "[input.more]\nkind = { numbers = { count = 200, rate = \"1000/s\", splits = 2 } }\n";
    let sums = job.prepare(&[]);
    let windows = job.edge("second", "window", "hash").prepare(&[]);
    let [open, ended] = &savepoints()[..] else { panic!("two savepoints") };
    all_pass(&sums, open, false);
    let record = go_on(&windows, open, strategy("aligned"), 4);
    assert_eq!(record.class(), Class::Pass, "{:#?}", record.verdicts);
    for oracle in ["state", "ledger"] {
        let Verdict::Unknown(why) = verdict(&record, oracle) else { panic!("{:#?}", record.verdicts) };
        assert!(why.contains("late by the watermark of the savepoint"), "{why}");
    }
    // Where everything had ended all windows have fired: whoever runs on begins without a watermark, and nothing is late.
    all_pass(&windows, ended, false);
}

/// A job that has changed is another one for ever: what it leaves is not the beginning of any whole run.
#[test]
fn who_starts_from_a_changed_job_is_held_to_its_savepoint() {
    let job = base().without("sums").prepare(&[]);
    for savepoint in savepoints() {
        let started = job.start_from(&savepoint.allow_non_restored_state()).expect("a start");
        let mut runner = Runner::new(&started, strategy("aligned"));
        let again = runner.savepoint(3, &Arc::default(), 2).expect("a second checkpoint");
        all_pass(&job, &through_a_file(&again), false);
        all_pass(&base().prepare(&["job.operator.count.parallelism=3"]), &again, false);
    }
}

/// As many copies of a record as there are receivers: another parallelism makes another job.
#[test]
fn behind_a_broadcast_edge_another_parallelism_is_another_job() {
    let copies = || base().with("copies", "{ sink = \"plain\" }").edge("source", "copies", "broadcast");
    let savepoint =
        take(&copies().prepare(&[]), strategy("aligned"), &Arc::default(), 3).expect("a savepoint");
    all_pass(&copies().prepare(&[]), &savepoint, true);
    all_pass(&copies().prepare(&["job.operator.copies.parallelism=3"]), &savepoint, false);
}

/// Who had written the values of a key to several places cannot say which one was last.
#[test]
fn an_idempotent_sink_shows_what_was_there_until_it_is_overwritten() {
    let mut job = base();
    job.edges.iter_mut().filter(|edge| edge.1 == "latest").for_each(|edge| edge.2 = "rebalance");
    let one = ["job.operator.latest.parallelism=1"];
    let savepoint = take(&job.prepare(&[]), strategy("aligned"), &Arc::default(), 3).expect("a savepoint");
    all_pass(&job.prepare(&one), &savepoint, false);
    let savepoint = take(&job.prepare(&one), strategy("aligned"), &Arc::default(), 3).expect("a savepoint");
    all_pass(&job.prepare(&one), &savepoint, true);
}

#[test]
fn what_was_in_flight_is_part_of_a_job_that_does_something_else() {
    let slow = ["taskmanager.memory.segment-size=64 B", "job.operator.count.service=1500us"];
    let job = base().prepare(&slow);
    let mut seen = 0;
    for (name, seed) in
        [("unaligned", 1), ("chandy-lamport", 2), ("uncoordinated", 3), ("freeze-the-world", 4)]
    {
        let savepoint = take(&job, strategy(name), &Arc::default(), 3).expect("a savepoint");
        seen += text(&savepoint).matches("{\"record\":").count();
        let other = base().does("sums", "\"keyed-min\"").prepare(&slow);
        let record = go_on(&other, &savepoint, strategy("aligned"), seed);
        passes(&record, name);
        assert_eq!(record.started_from.as_ref().map(|start| start.judged_whole), Some(false));
        let larger = base().prepare(&[&slow[..], &["job.operator.sums.parallelism=3"]].concat());
        let record = go_on(&larger, &savepoint, strategy("aligned"), seed);
        passes(&record, name);
        assert_eq!(record.started_from.as_ref().map(|start| start.judged_whole), Some(true));
        let refused = base().without("held").prepare(&slow).start_from(&savepoint.allow_non_restored_state());
        let refused = refused.expect_err("something was in flight");
        assert_eq!(refused, StartError::Restore(RestoreError::InFlight));
    }
    assert!(seen > 20, "{seen} records in flight");
}

#[test]
fn the_input_must_be_the_one_that_was_read() {
    let job = base();
    let savepoint = &savepoints()[0];
    let start = |job: &Job, seed| {
        let text = ScenarioText::new("inline.toml", job.text());
        prepare(&text, seed, &[]).start_from(savepoint).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(start(&job, 1), Ok(()));
    let refused = start(&job, 2).expect_err("another seed");
    assert!(refused.contains("does not begin with what was read of it"), "{refused}");
    let with = |from: &str, to: &str| {
        let mut job = base();
        job.inputs = job.inputs.replace(from, to);
        start(&job, 1)
    };
    assert_eq!(with("count = 900", "count = 1200").err(), None, "it has grown");
    for (from, to, says) in [
        ("splits = 3", "splits = 2", "an input may gain splits but not lose any"),
        ("splits = 3", "splits = 4", "does not begin with"),
        ("rate = \"1000/s\"", "rate = \"900/s\"", "does not begin with"),
        ("disorder = \"5ms\"", "disorder = \"6ms\"", "does not begin with"),
        ("values = 50", "values = 51", "does not begin with"),
        ("count = 900", "count = 60", "does not begin with"),
    ] {
        let refused = with(from, to).expect_err(to);
        assert!(refused.contains(says), "{to}: {refused}");
    }
    let groups = job.prepare(&["pipeline.max-parallelism=64"]).start_from(savepoint).expect_err("key groups");
    assert!(groups.to_string().contains("128 key groups and the job has 64"), "{groups}");
}

/// An input that grows behind an end that was seen: windows had fired and sums had been sent.
#[test]
fn an_input_that_grows_behind_its_end_makes_another_job() {
    let mut longer = base();
    longer.inputs = longer.inputs.replace("count = 900", "count = 1500");
    let (job, longer) = (base().prepare(&[]), longer.prepare(&[]));
    let (mut whole, mut other) = (0, 0);
    for nth in 1.. {
        let Some(savepoint) = Runner::new(&job, strategy("aligned")).savepoint(5, &Arc::default(), nth)
        else {
            break;
        };
        let record = go_on(&longer, &through_a_file(&savepoint), strategy("aligned"), nth);
        assert_eq!(record.class(), Class::Pass, "{nth}: {:#?}", record.verdicts);
        match record.started_from.as_ref().is_some_and(|start| start.judged_whole) {
            true => whole += 1,
            false => other += 1,
        }
    }
    assert!(whole > 3 && other > 0, "{whole} {other}");
}

/// A list and broadcast state with records and rules on their way, at other parallelisms.
#[test]
fn rules_that_were_in_flight_reach_all_who_need_them() {
    let slow = [
        "taskmanager.memory.segment-size=64 B",
        "job.operator.ruled.service=1500us",
        "job.operator.held.service=1500us",
        "cluster.network.latency-jitter=9ms",
    ];
    let job = inline(broken::HELD_AND_RULED, &slow);
    let (mut in_flight, mut moves) = (0, 0);
    for (name, nth) in
        [("unaligned", 2), ("freeze-the-world", 3), ("chandy-lamport", 4), ("uncoordinated", 3)]
    {
        let savepoint = take(&job, strategy(name), &Arc::default(), nth).expect("a savepoint");
        in_flight += savepoint.in_flight();
        for (uid, parallelism, whole) in [
            ("ruled", 1, false),
            ("ruled", 3, false),
            ("rules", 2, true),
            ("source", 3, true),
            ("held", 4, true),
        ] {
            let size = format!("job.operator.{uid}.parallelism={parallelism}");
            let job = inline(broken::HELD_AND_RULED, &[&slow[..], &[size.as_str()]].concat());
            let record = go_on(&job, &savepoint, strategy("aligned"), nth);
            passes(&record, &format!("{name}, {size}"));
            assert_eq!(record.started_from.as_ref().map(|start| start.judged_whole), Some(whole), "{size}");
            moves += 1;
        }
    }
    assert!(in_flight > 2000 && moves == 20, "{in_flight} bytes");
}
