//! A comparison, or a sweep, as a page: one file of HTML that works from disk, without a network and without anything beside it. What matters comes
//! first: verdicts and figures, then pictures, then every checkpoint, then faults and recoveries, then how to do it again.
//!
//! Whatever comes from scenarios and the command line is escaped, and the page's own policy forbids it to load anything.

mod checkpoints;
mod shell;
mod summary;
pub mod sweep;

use cutline_scenarios::scene::Scene;
use maud::{Markup, PreEscaped, html};

use crate::comparison::Comparison;
use crate::drawing::palette::Look;
use crate::plots::sensitivity::Sensitivity;
use crate::space_time;
pub(crate) use shell::Shell;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What was compared; with the first of the values if a key is varied.
    pub comparison: &'a Comparison,
    /// The comparisons with every value of a key, if one is varied.
    pub vary: Option<&'a Sensitivity>,
    /// The pictures, in their order.
    pub pictures: &'a [Picture],
    /// A checkpoint of the first run of each strategy in space and time.
    pub scenes: &'a [Scene],
    /// What was laid over the scenario, as `KEY=VALUE`.
    pub overrides: &'a [String],
    /// The scenario's text.
    pub scenario_text: &'a str,
    /// The command that does it again.
    pub command: &'a str,
    /// The runs that failed.
    pub failures: &'a [FailedRun],
    /// The version of the program.
    pub version: &'a str,
}

impl Page<'_> {
    /// What was compared, in a line.
    fn about(&self) -> String {
        let Some(vary) = self.vary else { return self.comparison.title() };
        let values: Vec<&str> = vary.points.iter().map(|(value, _)| value.as_str()).collect();
        let Comparison { scenario, .. } = self.comparison;
        format!("{scenario}, {}={}, {}", vary.key, values.join(","), self.comparison.faults_and_seeds())
    }

    /// All comparisons that were made, one for each value.
    fn comparisons(&self) -> Vec<&Comparison> {
        match self.vary {
            Some(vary) => vary.points.iter().map(|(_, comparison)| comparison).collect(),
            None => vec![self.comparison],
        }
    }
}

/// A picture, in the page and in files of its own.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its name, without an ending.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub about: String,
    /// The picture.
    pub svg: String,
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct FailedRun {
    /// The strategy.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// What it was run with, if that is what varies: `KEY=VALUE`.
    pub setting: Option<String>,
    /// What objects, and the proof.
    pub objections: Vec<(String, String)>,
    /// The command that replays it, if it has left something to replay.
    pub command: Option<String>,
}

impl FailedRun {
    /// `aligned, seed 4, parallelism=2`.
    fn name(&self) -> String {
        let setting = self.setting.iter().map(|setting| format!(", {setting}"));
        format!("{}, seed {}{}", self.strategy, self.seed, setting.collect::<String>())
    }
}

const SECTIONS: [(&str, &str); 6] = [
    ("summary", "Summary"),
    ("plots", "Plots"),
    ("space-time", "Space and time"),
    ("checkpoints", "Checkpoints"),
    ("faults", "Faults and recoveries"),
    ("again", "Once more"),
];

/// The page.
pub fn page(page: &Page<'_>) -> String {
    let comparison = page.comparison;
    let contents = [
        summary::summary(page),
        plots(page.pictures),
        space_time(page.scenes),
        checkpoints::checkpoints(comparison),
        checkpoints::faults(comparison),
        again(page),
    ];
    Shell {
        kind: "comparison",
        title: &format!("{}: {} strategies compared", comparison.scenario, comparison.contestants.len()),
        heading: &format!("{}: what checkpoints cost", comparison.scenario),
        about: &page.about(),
        version: page.version,
        has_diagrams: !page.scenes.is_empty(),
    }
    .around(SECTIONS.into_iter().zip(&contents))
}

fn plots(pictures: &[Picture]) -> Markup {
    html! {
        p.soft { "Colours and marks of a strategy are the same in every plot." }
        @for picture in pictures {
            figure id=(picture.name) {
                // Focus, so that a narrow screen can be scrolled by keys.
                div.plot tabindex="0" role="group" aria-label=(picture.title) { (PreEscaped(&picture.svg)) }
                figcaption {
                    (picture.about) " "
                    @for (at, end) in ["svg", "png", "csv"].iter().enumerate() {
                        @if at > 0 { ", " }
                        a href={ (picture.name) "." (end) } aria-label={ (picture.title) " as " (end.to_uppercase()) } { (end.to_uppercase()) }
                    }
                }
            }
        }
    }
}

/// So many diagrams are in a page.
const SCENES_MOST: usize = 6;

fn space_time(scenes: &[Scene]) -> Markup {
    html! {
        @if scenes.is_empty() { p { "No run was drawn in space and time." } }
        @else {
            p.soft {
                "Tasks are lines, time goes to the right. The green line is the cut of a checkpoint: what is left of it is part of it. The first run \
                 of each strategy; " code { "cutline draw" } " draws others, from their traces or capsules."
            }
        }
        @for (at, scene) in scenes.iter().take(SCENES_MOST).enumerate() {
            h3 { (scene.cast.title) }
            (PreEscaped(space_time::figure(scene, &format!("run-{at}"), space_time::RECORDS_FEW)))
        }
        @if scenes.len() > SCENES_MOST {
            p { "Of " (scenes.len()) " strategies the first " (SCENES_MOST) " are drawn." }
        }
    }
}

fn again(page: &Page<'_>) -> Markup {
    html! {
        p { "This command does all of it again:" }
        pre tabindex="0" { code { (page.command) } }
        @for failure in page.failures {
            @if let Some(command) = &failure.command {
                p { "The run that failed, of " (failure.name()) ":" }
                pre tabindex="0" { code { (command) } }
            }
        }
    }
}

/// The colour of a strategy, as CSS has it.
fn swatch(look: Look) -> Markup {
    let plotters::style::RGBColor(red, green, blue) = look.colour;
    html! { span.swatch style={ "background:" (format!("#{red:02x}{green:02x}{blue:02x}")) } aria-hidden="true" {} }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::PLOTS;
    use crate::samples;

    fn made(comparison: &Comparison, failures: &[FailedRun]) -> String {
        let pictures: Vec<Picture> = PLOTS
            .iter()
            .map(|plot| Picture {
                name: plot.name.to_owned(),
                title: plot.title.to_owned(),
                about: plot.about.to_owned(),
                svg: (plot.draw)(plot, comparison).expect("a picture"),
            })
            .collect();
        page(&Page {
            comparison,
            vary: None,
            pictures: &pictures,
            scenes: &[],
            overrides: &["a=\"<b>\"".to_owned()],
            scenario_text: "name = \"<i>\"",
            command: "cutline compare 'a&b'",
            failures,
            version: "0",
        })
    }

    #[test]
    fn the_page_has_everything_and_loads_nothing() {
        let html = made(&samples::comparison(), &[]);
        assert_eq!(html, made(&samples::comparison(), &[]));
        assert_eq!(html.matches("<svg ").count(), PLOTS.len());
        for (id, _) in SECTIONS {
            assert!(html.contains(&format!("<section id=\"{id}\"")), "{id}");
        }
        // Namespaces are names, not places.
        let places = html.replace("http://www.w3.org/2000/svg", "").replace("url(data:", "");
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!places.contains(outside), "{outside}");
        }
        assert!(html.contains("3 of 3") && html.contains("count[1] crashes"), "verdicts and faults");
    }

    #[test]
    fn names_with_markup_are_escaped() {
        let mut comparison = samples::comparison();
        comparison.scenario = "<script>alert(1)</script>".to_owned();
        comparison.contestants[1].name = "\"><img src=x>".to_owned();
        comparison.contestants[0].runs[0].record.plan = vec!["<b>".to_owned()];
        let failed = FailedRun {
            strategy: "<u>".to_owned(),
            seed: 1,
            setting: Some("a=\"<tt>\"".to_owned()),
            objections: vec![("cut".to_owned(), "item <em>".to_owned())],
            command: Some("cutline replay '<s>'".to_owned()),
        };
        let html = made(&comparison, &[failed]);
        for markup in ["<script>alert", "<img", "<b>", "<i>", "<u>", "<em>", "<s>", "<tt>"] {
            assert!(!html.contains(markup), "{markup}");
        }
        assert!(html.contains("item &lt;em&gt;"));
    }

    #[test]
    fn a_page_of_nothing_says_so() {
        let empty = || crate::comparison::Ran { record: samples::empty(), course: Default::default() };
        let mut comparison = samples::comparison();
        comparison.contestants.iter_mut().for_each(|one| one.runs = vec![empty()]);
        let html = made(&comparison, &[]);
        assert!(
            html.contains("No checkpoint was triggered") && html.contains("No fault was drawn"),
            "{html}"
        );
        assert!(made(&Comparison::default(), &[]).contains("</html>"));
    }

    #[test]
    fn a_page_of_very_many_checkpoints_is_bounded_and_says_where_the_others_are() {
        let mut comparison = samples::comparison();
        let one = comparison.contestants[0].runs[0].record.checkpoints[0].clone();
        comparison.contestants[0].runs[0].record.checkpoints = vec![one; 50_000];
        let html = made(&comparison, &[]);
        assert!(html.len() < 4_000_000, "{}", html.len());
        assert!(html.contains("checkpoint-duration.csv"));
        assert!(html.contains("more"), "what is left out is said");
    }
}
