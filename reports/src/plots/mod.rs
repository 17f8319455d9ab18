//! The plots of a comparison: a file and a row each. A plot is a picture, and the data behind it as a table.
//!
//! What goes over time shows the first seed, for crashes strike elsewhere in each; all others show all seeds, with the middle half of
//! them as a band or a bar. A picture of which nothing is to be seen says why.

mod backpressure;
mod checkpoint_duration;
mod checkpoint_size;
pub mod data;
pub mod frame;
mod latency_distribution;
mod latency_over_time;
mod recovery;
pub mod sensitivity;
mod storage;
mod throughput;

pub use checkpoint_duration::ended;
pub use data::Data;

use crate::comparison::Comparison;
use crate::drawing::PictureError;

/// A plot.
#[derive(Clone, Copy)]
pub struct Plot {
    /// Its name: files are named so.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it shows, in a sentence or two.
    pub about: &'static str,
    /// Draws it: the SVG.
    pub draw: fn(&Plot, &Comparison) -> Result<String, PictureError>,
    /// The data behind it.
    pub data: fn(&Comparison) -> Data,
}

macro_rules! plots {
    ($($module:ident, $name:literal, $title:literal, $about:literal;)*) => {
        /// All plots, in the order of the page.
        pub const PLOTS: &[Plot] = &[$(Plot {
            name: $name,
            title: $title,
            about: $about,
            draw: $module::draw,
            data: $module::data,
        }),*];
    };
}

plots! {
    latency_over_time, "latency-over-time", "End-to-end latency over time",
        "From the instant a record could be read to its arrival at a sink, over virtual time, with checkpoints, crashes and recoveries.";
    latency_distribution, "latency-distribution", "Distribution of the end-to-end latency",
        "Latency by percentile. Each nine more is as far from the one before.";
    checkpoint_duration, "checkpoint-duration", "Duration of each checkpoint",
        "From the trigger to its completion, split into start delay, alignment, synchronous and asynchronous part of the subtask that was the \
         last to have everything stored.";
    checkpoint_size, "checkpoint-size", "Size of each checkpoint",
        "Everything that a completed checkpoint refers to, what was written for it, and of that the data which was in flight.";
    throughput, "throughput", "Throughput over time",
        "Records that arrive at sinks, repetitions included, over virtual time: it pauses at a crash, and then catches up.";
    recovery, "recovery", "What recoveries are made of",
        "The mean time from a crash until it is noticed, until everything is cancelled, until all tasks run again, and until what \
         had been waiting is worked off.";
    storage, "storage", "Storage used over time",
        "Everything that is in the durable store, over virtual time.";
    backpressure, "backpressure", "Backpressure by operator",
        "The share of their time in which full output buffers kept the subtasks of an operator from working.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Ran;
    use crate::samples;

    fn of_one(ran: Ran) -> Comparison {
        let mut comparison = samples::comparison();
        comparison.contestants.truncate(1);
        comparison.contestants[0].runs = vec![ran];
        comparison
    }

    #[test]
    fn the_same_comparison_gives_the_same_bytes_and_a_whole_picture() {
        let comparison = samples::comparison();
        for plot in PLOTS {
            let draw = || (plot.draw)(plot, &comparison).expect(plot.name);
            let svg = draw();
            assert_eq!(svg, draw(), "{}", plot.name);
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{}", plot.name);
            assert!(svg.contains("stop-the-world") && svg.contains("unaligned"), "{}", plot.name);
            assert!(svg.len() < 400_000, "{}: {} bytes", plot.name, svg.len());
            let data = (plot.data)(&comparison);
            assert!(data.rows.len() > 2, "{}", plot.name);
            assert!(data.rows.iter().all(|row| row.len() == data.columns.len()), "{}", plot.name);
        }
    }

    #[test]
    fn runs_of_which_nothing_is_left_give_a_picture_that_says_so() {
        let empty = || Ran { record: samples::empty(), course: Default::default() };
        for plot in PLOTS {
            let svg = (plot.draw)(plot, &of_one(empty())).expect(plot.name);
            assert!(svg.contains("nothing to show"), "{}: {svg}", plot.name);
            let svg = (plot.draw)(plot, &Comparison::default()).expect(plot.name);
            assert!(svg.trim_end().ends_with("</svg>"), "{}", plot.name);
        }
    }

    #[test]
    fn a_million_checkpoints_are_thinned_out() {
        let mut ran = samples::ran("aligned");
        let one = ran.record.checkpoints[0].clone();
        ran.record.duration = 1_000_000_000_000;
        ran.record.checkpoints = (1..=200_000)
            .map(|number| {
                let mut next = one.clone();
                next.id.0 = number * 5;
                next.triggered = number * 5_000_000;
                next
            })
            .collect();
        let comparison = of_one(ran);
        for plot in PLOTS {
            let svg = (plot.draw)(plot, &comparison).expect(plot.name);
            assert!(svg.len() < 400_000, "{}: {} bytes", plot.name, svg.len());
        }
    }

    #[test]
    fn strange_records_and_names_do_no_harm() {
        let mut ran = samples::ran("aligned");
        ran.record.checkpoints[0].triggered = u64::MAX;
        ran.record.checkpoints[0].duration = u64::MAX;
        ran.record.restores[0].crashed = u64::MAX;
        ran.course.operators[0].operator = "<script>alert(1)</script>".repeat(20);
        ran.course.slices.truncate(1);
        let mut comparison = of_one(ran);
        comparison.scenario = "</title><b>".to_owned();
        comparison.contestants[0].name = "a<b>&\"".to_owned();
        for plot in PLOTS {
            let svg = (plot.draw)(plot, &comparison).expect(plot.name);
            assert!(!svg.contains("<script") && !svg.contains("<b>"), "{}", plot.name);
            let csv = (plot.data)(&comparison).to_csv().expect("CSV");
            assert!(csv.lines().count() > 1 || plot.name == "recovery", "{}: {csv}", plot.name);
        }
    }
}
