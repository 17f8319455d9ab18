//! The rule of operators: however the inputs of a task interleave, as long as each channel keeps its order, the final
//! state is the same and the outputs are the same in some order. And no output is late for whoever comes next.

use std::collections::{BTreeMap, BTreeSet};

use cutline_scenarios::inputs::{InputKind, Texts};
use cutline_scenarios::operators::{Contents, OperatorKind, ROWS};
use cutline_sim::operator::{Context, Operator};
use cutline_sim::random::{below, draw, mix};
use cutline_sim::record::Record;
use cutline_sim::state::KeyedState;
use cutline_sim::time::Time;
use serde::Deserialize;

/// Channels of the task, half of them on port 0 and half on port 1.
const CHANNELS: u64 = 4;
const RECORDS: u64 = 60;

#[derive(Clone, Copy)]
enum Item {
    Record(Record),
    Watermark(Time),
}

/// One channel: records whose event times are out of order by up to a bound, and watermarks between them.
fn channel(seed: u64, channel: u64, disorder: Time) -> Vec<Item> {
    let mut items = Vec::new();
    let mut time = 0;
    for n in 0..RECORDS {
        let bits = draw(seed, channel << 32 | n);
        if bits & 3 == 0 && time > 1 {
            items.push(Item::Watermark(time - 1));
        }
        items.push(Item::Record(Record {
            lineage: mix(bits),
            key: below(mix(bits ^ 1), 5),
            value: below(mix(bits ^ 2), 40) as i64 - 5,
            event_time: time + below(mix(bits ^ 4), disorder + 1),
            size: 8,
        }));
        time += below(mix(bits ^ 3), 4);
    }
    items
}

/// What a task has computed when all its channels are read, and then when it has ended.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    before_the_end: (u64, Vec<Record>),
    at_the_end: (u64, Vec<Record>),
}

/// The results of each key, in the order in which they came.
type PerKey = BTreeMap<u64, Vec<Record>>;

/// Everything about a task that feeds one operator.
struct Task<'a> {
    operator: &'a dyn Operator,
    state: KeyedState,
    watermark: Time,
    out: Vec<Record>,
}

impl Task<'_> {
    fn record(&mut self, port: u32, record: &Record) {
        let before = self.out.len();
        let mut context = Context { state: &mut self.state, out: &mut self.out, watermark: self.watermark };
        self.operator.on_record(port, record, &mut context);
        self.check_times(before, self.watermark);
    }

    /// What happens at a snapshot, and after one.
    fn save(&mut self) {
        self.operator.on_snapshot(&mut self.state, self.watermark);
        self.operator.on_restore(&mut self.state);
    }

    /// The end of all inputs, which a restore may bring about a second time.
    fn end(&mut self) {
        self.advance(Time::MAX);
        self.close();
        let closed = (self.state.fingerprint(), self.out.len());
        self.close();
        assert_eq!((self.state.fingerprint(), self.out.len()), closed, "closing twice is like closing once");
        assert_eq!(self.state.timers().count(), 0, "a timer after the end");
    }

    fn close(&mut self) {
        let (before, watermark) = (self.out.len(), Time::MAX);
        self.operator.on_close(&mut Context { state: &mut self.state, out: &mut self.out, watermark });
        assert!(self.out[before..].iter().all(|record| record.event_time == Time::MAX), "an output is late");
    }

    fn advance(&mut self, watermark: Time) {
        let forwarded = std::mem::replace(&mut self.watermark, watermark);
        let before = self.out.len();
        while let Some(timer) = self.state.pop_timer(watermark) {
            self.operator
                .on_timer(timer, &mut Context { state: &mut self.state, out: &mut self.out, watermark });
        }
        self.check_times(before, forwarded);
    }

    /// Whoever comes next has been promised that nothing up to the watermark follows.
    fn check_times(&self, before: usize, forwarded: Time) {
        let mut new = self.out[before..].iter();
        assert!(new.all(|record| forwarded == 0 || record.event_time > forwarded), "an output is late");
    }

    /// Of an operator that refines a result only the least value of each key is determined.
    fn outcome(&self, blurred: bool) -> (u64, Vec<Record>) {
        if self.operator.refines() {
            let mut least = BTreeMap::new();
            for record in self.out.iter().map(|record| record.result()) {
                let best: &mut Record = least.entry(record.key).or_insert(record);
                *best = if record.value < best.value { record } else { *best };
            }
            return (self.state.fingerprint(), least.into_values().collect());
        }
        let records = self.out.iter().map(|&record| if blurred { record.result() } else { record });
        let mut records: Vec<Record> = records.collect();
        records.sort();
        (self.state.fingerprint(), records)
    }
}

/// Runs one interleaving, which the choices decide.
fn run(operator: &dyn Operator, channels: &[Vec<Item>], choices: u64, blurred: bool) -> (Outcome, PerKey) {
    let mut task = Task { operator, state: KeyedState::default(), watermark: 0, out: Vec::new() };
    operator.on_open(&mut task.state.broadcast);
    let mut next = vec![0; channels.len()];
    let mut watermarks = vec![0; channels.len()];
    let mut step = 0;
    loop {
        let open: Vec<usize> = (0..channels.len()).filter(|&at| next[at] < channels[at].len()).collect();
        // Every third interleaving reads one channel for a while, then another.
        let choice = draw(choices, if choices.is_multiple_of(3) { step / 40 } else { step });
        let Some(&at) = open.get(below(choice, open.len() as u64) as usize) else { break };
        match channels[at][next[at]] {
            Item::Record(record) => task.record((at & 1) as u32, &record),
            Item::Watermark(time) => watermarks[at] = time,
        }
        next[at] += 1;
        step += 1;
        let lowest = watermarks.iter().copied().min().unwrap_or(0);
        if lowest > task.watermark {
            task.advance(lowest);
        }
        // Every other interleaving is saved now and then.
        if choices.is_multiple_of(2) && choice & 0xf00 == 0 {
            task.save();
        }
    }
    task.save();
    let before_the_end = task.outcome(blurred);
    task.end();
    let mut per_key = PerKey::new();
    task.out.iter().for_each(|record| per_key.entry(record.key).or_default().push(record.result()));
    (Outcome { before_the_end, at_the_end: task.outcome(blurred) }, per_key)
}

/// Reads kinds as a scenario would write them.
fn parse<T: for<'de> Deserialize<'de>>(toml: &str) -> T {
    toml::from_str(toml).expect(toml)
}

#[derive(Deserialize)]
struct Named {
    operators: Vec<OperatorKind>,
}

fn every_kind() -> Vec<OperatorKind> {
    let kinds = ROWS.iter().map(|row| match row.name {
        "counter" => "{ counter = { keys = 4 } }".to_owned(),
        "filter" => "{ filter = { modulus = 3, remainder = 1, min = 0 } }".to_owned(),
        "flat-map" => "{ flat-map = { range = 5 } }".to_owned(),
        "key-by-value" => "{ key-by-value = { modulus = 3 } }".to_owned(),
        "map" => "{ map = { multiply = 3, add = -1, key-modulus = 4 } }".to_owned(),
        "session-window" => "{ session-window = { gap = \"3ns\" } }".to_owned(),
        "sliding-window" => {
            "{ sliding-window = { size = \"10ns\", slide = \"4ns\", aggregate = \"sum\" } }".to_owned()
        }
        "top-n" => "{ top-n = { n = 2, size = \"10ns\" } }".to_owned(),
        "broadcast-state" => "{ broadcast-state = { initial = 30 } }".to_owned(),
        "deduplication" => "{ deduplication = { time-to-live = \"7ns\" } }".to_owned(),
        "interval-join" => "{ interval-join = { before = \"2ns\", after = \"6ns\" } }".to_owned(),
        "pattern" => "{ pattern = { small = 5, large = 25, within = \"9ns\" } }".to_owned(),
        "tumbling-window" | "window-join" => format!("{{ {} = {{ size = \"10ns\" }} }}", row.name),
        name => format!("\"{name}\""),
    });
    parse::<Named>(&format!("operators = [{}]", kinds.collect::<Vec<_>>().join(", "))).operators
}

#[test]
fn no_operator_depends_on_how_its_inputs_interleave() {
    let text: InputKind = parse("text = { rate = \"1/s\", splits = 1 }");
    let nexmark: InputKind = parse("nexmark = { events = 40, rate = \"1/s\", splits = 1 }");
    let mut texts = Texts::default();
    let inputs = [text, nexmark].map(|kind| kind.build(1, &mut texts).expect("an input"));
    let contents = Contents::of(&inputs);
    for kind in every_kind() {
        let operator = kind.build(&contents).expect("an operator");
        let (mut reordered, mut refined) = (false, false);
        for seed in 0..10 {
            let channels: Vec<_> = (0..CHANNELS).map(|at| channel(seed, at, seed % 3 * 4)).collect();
            let run = |choices| run(&*operator, &channels, choices, kind.blurs_event_time());
            let (first, order) = run(0);
            assert!(!first.at_the_end.1.is_empty(), "{} emits something", kind.name());
            for choices in 1..20 {
                let (other, other_order) = run(choices);
                assert!(other == first, "{}: seed {seed}, interleaving {choices}", kind.name());
                let ordered = other_order == order;
                assert!(ordered || !operator.is_ordered_per_key(), "{}: seed {seed}", kind.name());
                reordered |= !ordered;
                refined |= other_order.values().map(Vec::len).ne(order.values().map(Vec::len));
            }
        }
        // So the claims are worth something: where they are not made, the order does depend on it, and where one is made, the number.
        assert_ne!(reordered, operator.is_ordered_per_key(), "{}", kind.name());
        assert_eq!(refined, operator.refines(), "{}", kind.name());
    }
}

/// A channel with more records in it: larger values for the same keys, before and behind.
fn padded(channel: &[Item]) -> Vec<Item> {
    let pad = |item: &Item| match *item {
        Item::Record(record) => {
            let more = |by| {
                Item::Record(Record {
                    lineage: mix(record.lineage ^ by),
                    value: record.value + by as i64,
                    ..record
                })
            };
            vec![more(7), *item, more(1), *item]
        }
        Item::Watermark(_) => vec![*item],
    };
    channel.iter().flat_map(pad).collect()
}

/// An operator that takes the least value of each key does not see what else there is. (Port 1 is where `components` takes it.)
#[test]
fn who_takes_the_least_takes_nothing_else() {
    let mut seen = Vec::new();
    for kind in every_kind() {
        let Ok(operator) = kind.build(&Contents::default()) else { continue };
        let channels: Vec<_> = (0..CHANNELS).map(|at| channel(1, at, 0)).collect();
        let more = channels
            .iter()
            .zip(0..)
            .map(|(channel, at)| if at & 1 == 1 { padded(channel) } else { channel.clone() });
        let more: Vec<_> = more.collect();
        let ends = [&channels, &more].map(|channels| run(&*operator, channels, 1, true).0.at_the_end);
        assert!(!operator.takes_least() || ends[0] == ends[1], "{}", kind.name());
        if ends[0] == ends[1] {
            seen.push(kind.name());
        }
    }
    assert_eq!(seen, ["components", "keyed-min"], "who does not claim it");
}

/// Emits its state after every record, as no operator should.
struct RunningSum;

impl Operator for RunningSum {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let value = cx.state.add(record.key, record.value);
        cx.out.push(Record { lineage: 0, value, ..*record });
    }
}

#[test]
fn an_operator_that_does_depend_on_it_is_found_out() {
    let channels: Vec<_> = (0..CHANNELS).map(|at| channel(1, at, 0)).collect();
    let outcomes: BTreeSet<Vec<Record>> =
        (0..5).map(|choices| run(&RunningSum, &channels, choices, true).0.at_the_end.1).collect();
    assert!(outcomes.len() > 1);
}
