//! A diagram in a page: with buttons and keys to zoom, and a slider through time.

use cutline_scenarios::scene::Scene;
use maud::{Markup, PreEscaped, html};

use super::{Diagram, diagram};
use crate::page::Shell;

/// What a page of one diagram says besides it.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The command that draws it again.
    pub command: &'a str,
    /// The version of the program.
    pub version: &'a str,
    /// So many records are drawn at the most.
    pub records: usize,
}

/// A diagram as a figure of a page, whose other figures have other ids. The page has [`STYLE`] and [`SCRIPT`] once. Without the
/// script it is the picture alone.
///
/// [`STYLE`]: super::STYLE
/// [`SCRIPT`]: super::SCRIPT
pub fn figure(scene: &Scene, id: &str, records: usize) -> String {
    markup(&diagram(scene, id, records), &scene.cast.title, id).into_string()
}

pub(super) fn markup(diagram: &Diagram, title: &str, id: &str) -> Markup {
    html! {
        figure.st id=(id) aria-label={ "Space-time diagram of " (title) } {
            div.st-controls hidden {
                span role="group" aria-label="Zoom" {
                    button type="button" data-do="in" aria-label="Zoom in" { "+" }
                    button type="button" data-do="out" aria-label="Zoom out" { "\u{2212}" }
                    button type="button" data-do="earlier" aria-label="Earlier" { "\u{2190}" }
                    button type="button" data-do="later" aria-label="Later" { "\u{2192}" }
                    button type="button" data-do="all" { "All" }
                }
                label.st-slider {
                    "Time "
                    input type="range" min="0" max="1000" value="0" step="1" aria-describedby={ (id) "-now" };
                }
            }
            div.plot.st-plot tabindex="0" role="group" aria-label={ (title) ": keys + and \u{2212} zoom, arrows move, 0 shows all" } {
                (PreEscaped(&diagram.svg))
            }
            div.st-now id={ (id) "-now" } aria-live="polite" hidden {}
            p.st-hint.soft hidden { "Click into the diagram, then zoom with the wheel and drag, or with the keys + \u{2212} 0 and the arrows. Point at anything to read what it is." }
            script type="application/json" { (PreEscaped(&diagram.states)) }
        }
    }
}

/// A page of one diagram: one file that works from disk and loads nothing.
pub fn page(scene: &Scene, document: &Document<'_>) -> String {
    let title = &scene.cast.title;
    let content = html! {
        (PreEscaped(figure(scene, "run", document.records)))
        p { "This command draws it again:" }
        pre tabindex="0" { code { (document.command) } }
    };
    let Document { version, .. } = *document;
    Shell { kind: "diagram", title, heading: title, about: "", version, has_diagrams: true }
        .around_one(&content)
}
