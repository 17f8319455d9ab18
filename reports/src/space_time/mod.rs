//! The space-time diagram of a run: tasks as lines, time to the right, records and barriers as arrows, and each checkpoint's cut as one
//! line through all tasks (Chandy and Lamport 1985). A cut is consistent if no arrow crosses it from right to left; what crosses it from
//! left to right was in flight and must be part of the checkpoint. Where an oracle objects, the guilty arrow and the two sides of the cut
//! that contradict each other stand out, with the proof in words below.
//!
//! [`diagram`] draws a [`Scene`]; [`figure`] wraps it for a page, with zoom and a slider through time ([`STYLE`] and [`SCRIPT`] go into
//! that page once); [`page`] is a page of its own. All are pure. Whatever comes from scenarios is escaped.
//!
//! Not drawn: watermarks, ends and probes, unless they are to blame; heartbeats, deployments and completions, which the coordinator says to
//! tasks. Records beyond a bound are thinned out, and the picture says how many.

mod cuts;
mod draw;
mod ink;
mod labels;
mod layout;
mod legend;
mod page;
mod states;
mod thinning;
mod violation;

use cutline_scenarios::scene::Scene;

pub use page::{Document, figure, page};

/// What a page that shows figures needs once, in a `style` element.
pub const STYLE: &str = include_str!("style.css");
/// What a page that shows figures needs once, in a `script` element behind the last of them.
pub const SCRIPT: &str = include_str!("script.js");

/// So many records are drawn at the most, in a picture of its own.
pub const RECORDS_MOST: usize = 200;
/// And so many in one of several on a page.
pub const RECORDS_FEW: usize = 120;

/// A diagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagram {
    /// The picture, as SVG.
    pub svg: String,
    /// What was the case at any time, for the slider: JSON.
    pub states: String,
    /// What it shows, in words.
    pub about: String,
}

/// Draws a scene. `id` must be an identifier that no other figure of the same page has; at most so many records are drawn.
pub fn diagram(scene: &Scene, id: &str, records: usize) -> Diagram {
    let plan = thinning::Plan::of(scene, records);
    let layout = layout::Layout::of(scene, &plan);
    let about = labels::about(scene);
    Diagram { svg: draw::svg(&layout, &plan, id, &about), states: states::states(&layout), about }
}

/// What a diagram shows, in a line for a terminal.
pub fn summary(scene: &Scene) -> String {
    let objects =
        scene.witness.as_ref().map_or(String::new(), |it| format!("; the oracle {} objects", it.oracle));
    format!("{}: {}{objects}", scene.cast.title, labels::window(scene))
}

#[cfg(test)]
mod tests;
