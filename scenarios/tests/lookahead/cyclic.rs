//! Random jobs with loops: walks of numbers that come to rest (see the operator `collatz`), around one back-edge or several, over one
//! operator or several, through loops within loops and one behind the other; and labels of a random graph. Whatever the shape, no
//! record goes around on two ways at once, or there would be too many of them.

use std::fmt::Write;

use super::{Draws, operator};

/// A job under construction.
struct Plan<'a> {
    text: String,
    draws: &'a mut Draws,
    /// What exists, and its parallelism.
    operators: Vec<(String, u64)>,
}

impl Plan<'_> {
    fn add(&mut self, uid: &str, does: &str) {
        let parallelism = self.draws.subtasks(3);
        operator(&mut self.text, self.draws, uid, does, parallelism);
        self.operators.push((uid.to_owned(), parallelism));
    }

    fn source(&mut self, uid: &str, kind: &str) {
        let (splits, rate) = (self.draws.subtasks(3), self.draws.one_of(&["500/s", "2000/s", "20000/s"]));
        let kind = format!("{kind}, rate = \"{rate}\", splits = {splits} }} }}");
        let _ = writeln!(self.text, "[input.{uid}]\nkind = {{ {kind}");
        let parallelism = 1 + self.draws.below(splits);
        operator(&mut self.text, self.draws, uid, &format!("{{ source = \"{uid}\" }}"), parallelism);
        self.operators.push((uid.to_owned(), parallelism));
    }

    fn numbers(&mut self, uid: &str) {
        let count = 40 + self.draws.below(60);
        self.source(uid, &format!("numbers = {{ count = {count}"));
    }

    /// An edge; one that need not go by the key goes any way.
    fn edge(&mut self, from: &str, to: &str, keyed: bool, port: u32, feedback: bool) {
        let of = |uid: &str| self.operators.iter().find(|it| it.0 == uid).expect("an operator").1;
        let ship = match () {
            () if keyed => "hash",
            () if of(from) == of(to) => self.draws.one_of(&["forward", "hash", "rebalance"]),
            () => self.draws.one_of(&["hash", "rebalance"]),
        };
        let _ = writeln!(
            self.text,
            "[[job.edge]]\nfrom = \"{from}\"\nto = \"{to}\"\nship = \"{ship}\"\nport = {port}\nfeedback = {feedback}"
        );
    }

    fn back(&mut self, from: &str, to: &str) {
        self.edge(from, to, true, 1, true);
    }

    fn filter(&mut self, from: &str, uid: &str, condition: &str) {
        self.add(uid, &format!("{{ filter = {{ {condition} }} }}"));
        self.edge(from, uid, false, 0, false);
    }

    fn then(&mut self, from: &str, uid: &str, does: &str) {
        self.add(uid, does);
        self.edge(from, uid, true, 0, false);
    }

    fn sink(&mut self, from: &str) {
        let uid = format!("sink-{from}");
        self.add(&uid, "{ sink = \"transactional\" }");
        self.edge(from, &uid, false, 0, false);
    }

    /// A loop in which numbers walk down, fed by some operators.
    fn walk(&mut self, name: &str, from: &[&str]) {
        let uid = |part: &str| format!("{name}-{part}");
        self.add(name, "\"collatz\"");
        from.iter().for_each(|from| self.edge(from, name, true, 0, false));
        match self.draws.below(5) {
            0 => self.back(name, name),
            1 => {
                let choices =
                    ["{ counter = { keys = 16 } }", "{ key-by-value = { modulus = 5 } }", "{ map = {} }"];
                let does = self.draws.one_of(&choices);
                self.then(name, &uid("on"), does);
                self.back(&uid("on"), name);
            }
            // Two back-edges.
            2 => {
                for (part, remainder) in [("even", 0), ("odd", 1)] {
                    self.filter(name, &uid(part), &format!("modulus = 2, remainder = {remainder}"));
                    self.back(&uid(part), name);
                }
            }
            // A loop within a loop, and a cycle through both.
            3 => {
                self.filter(name, &uid("large"), "min = 21");
                self.back(&uid("large"), name);
                self.filter(name, &uid("small"), "min = 2, max = 20");
                self.then(&uid("small"), &uid("inner"), "\"collatz\"");
                for (part, remainder, to) in [("even", 0, uid("inner")), ("odd", 1, name.to_owned())] {
                    self.filter(&uid("inner"), &uid(part), &format!("modulus = 2, remainder = {remainder}"));
                    self.back(&uid(part), &to);
                }
            }
            // A second source in the middle of the loop, and another operator behind it.
            _ => {
                let source = uid("source");
                self.numbers(&source);
                self.filter(name, &uid("on"), "min = 2");
                self.edge(&source, &uid("on"), false, 0, false);
                self.then(&uid("on"), &uid("count"), "{ counter = { keys = 8 } }");
                self.back(&uid("count"), name);
            }
        }
        self.filter(name, &uid("done"), "min = 1, max = 1");
    }
}

/// A job.
pub fn job(draws: &mut Draws) -> String {
    let mut plan = Plan { text: String::new(), draws, operators: Vec::new() };
    if plan.draws.below(4) == 0 {
        plan.source("edges", "events = { count = 150, keys = 120, values = 120");
        plan.then("edges", "both-ways", "\"undirected\"");
        plan.then("both-ways", "labels", "\"components\"");
        if plan.draws.below(2) == 0 {
            plan.back("labels", "labels");
        } else {
            plan.filter("labels", "offers", "");
            plan.back("offers", "labels");
        }
        plan.then("labels", "least", "\"keyed-min\"");
        plan.sink("least");
        return plan.text;
    }
    plan.numbers("first");
    let two = plan.draws.below(2) == 0;
    if two {
        plan.numbers("second");
    }
    plan.walk("walk", if two { &["first", "second"] } else { &["first"] });
    match plan.draws.below(4) {
        0 => plan.sink("walk-done"),
        // What waits for the end of the loop.
        1 => {
            plan.then("walk-done", "sum", "\"keyed-sum\"");
            plan.sink("sum");
        }
        // What goes by the event times of records that come out of it.
        2 => {
            plan.then("walk-done", "window", "{ tumbling-window = { size = \"9ms\" } }");
            plan.sink("window");
        }
        // A second loop behind the first.
        _ => {
            plan.then("walk-done", "more", "{ map = { multiply = 27 } }");
            plan.walk("again", &["more"]);
            plan.sink("again-done");
        }
    }
    plan.text
}
