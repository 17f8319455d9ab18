//! What existing viewers open: a run as a trace of Perfetto and as a log of ShiViz, and a job as a graph of Graphviz.

pub mod dot;
mod lanes;
pub mod perfetto;
pub mod shiviz;

pub use dot::dot;
pub use perfetto::perfetto;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cutline_scenarios::library_files::resolve;
    use cutline_scenarios::prepare::Prepared;
    use cutline_scenarios::run::{Contender, Options, Runner};
    use cutline_scenarios::scene::{Cast, Entry, entries};
    use cutline_scenarios::story::Story;
    use cutline_sim::faults::{Fault, FaultPlan, Planned, TaskCrash, When};
    use cutline_sim::ids::TaskId;

    use super::shiviz::Log;

    /// A run with checkpoints that overlap, a crash and a restore.
    pub fn story() -> Story {
        told().0
    }

    /// The same as a log.
    pub fn log() -> String {
        told().1
    }

    fn told() -> (Story, String) {
        let overrides = [
            "execution.checkpointing.max-concurrent-checkpoints=3",
            "execution.checkpointing.interval=\"4ms\"",
        ];
        let scenario = resolve("tiny").expect("a scenario");
        let prepared = Prepared::load(&scenario, &overrides, 1).expect("a job");
        let fault = Fault::TaskCrash(TaskCrash { task: Some(TaskId(2)) });
        let plan =
            FaultPlan { faults: vec![Planned { when: When::At(20_000_000), fault }], heal: 20_000_001 };
        let mut story = Story::new(prepared.topology(), "tiny".to_owned());
        let mut log = Log::new(Cast::new(prepared.topology(), String::new(), false));
        let options = Options { lookahead: false, metrics: false, passages: true, ..Options::default() };
        let observe = &mut |world: &_, events: &[_]| {
            story.observe(world, events);
            let (mut passages, mut happened) = (Vec::new(), Vec::new());
            entries(world, events, &mut |entry| match entry {
                Entry::Event(event) => happened.push(event),
                Entry::Passage(passage) => passages.push(passage),
            });
            log.observe(&passages, &happened);
        };
        let contender = Contender::named("unaligned").expect("a strategy");
        let record = Runner::new(&prepared, contender).run(1, &Arc::new(plan), &options, Some(observe));
        assert!(record.outcome.is_finished());
        (story, log.finish())
    }
}
