//! What a comparison leaves in its folder: the page, every plot as SVG and PNG, and the data behind it as CSV.

use std::io::Write;
use std::path::{Path, PathBuf};

use cutline::reports::comparison::Comparison;
use cutline::reports::drawing::PictureError;
use cutline::reports::page::{FailedRun, Page, Picture, page};
use cutline::reports::plots::{
    Data, PLOTS,
    sensitivity::{self, Sensitivity},
};
use cutline::reports::png::Painter;
use cutline::reports::space_time::{RECORDS_MOST, diagram};
use cutline::scenarios::scene::Scene;
use rayon::prelude::*;

use crate::failure::Failure;
use crate::files::{self, Output};

/// The page.
const PAGE: &str = "index.html";
/// A row for each run, with every measure.
const RUNS: &str = "runs.csv";
const ENDS: [&str; 3] = ["svg", "png", "csv"];

/// A folder for a comparison.
pub struct Folder {
    path: PathBuf,
    /// The page, which comes last: when it is there, so is everything else.
    page: Output,
}

/// What is written beside the comparison itself.
pub struct Story<'a> {
    /// What was laid over the scenario.
    pub overrides: &'a [String],
    /// The scenario's text.
    pub scenario_text: &'a str,
    /// The command that does it again.
    pub command: &'a str,
    /// The runs that failed.
    pub failures: &'a [FailedRun],
    /// The first run of each strategy in space and time, with the names of these.
    pub scenes: &'a [(String, Scene)],
}

impl Folder {
    /// Makes the folder, and sees that it can be written to and that nothing that is read lies where something will be written.
    pub fn open(path: &Path, strategies: &[&str], reads: &[Option<&Path>]) -> Result<Folder, Failure> {
        std::fs::create_dir_all(path).map_err(|error| Failure::writing(path, &error))?;
        let plots = PLOTS.iter().map(|plot| plot.name).chain([sensitivity::NAME, sensitivity::OTHERS]);
        let files = plots.flat_map(|name| ENDS.map(|end| path.join(format!("{name}.{end}"))));
        let diagrams = strategies.iter().flat_map(|strategy| {
            ["svg", "png"].map(|end| path.join(format!("{}.{end}", space_time_of(strategy))))
        });
        let files: Vec<PathBuf> = files.chain(diagrams).chain([path.join(PAGE), path.join(RUNS)]).collect();
        files::check_apart(&files.iter().map(|file| Some(file.as_path())).collect::<Vec<_>>(), reads)?;
        Ok(Folder { path: path.to_owned(), page: Output::create(&path.join(PAGE))? })
    }

    /// Writes everything; where the page is.
    pub fn write(
        self,
        comparison: &Comparison,
        vary: Option<&Sensitivity>,
        story: &Story<'_>,
    ) -> Result<PathBuf, Failure> {
        let drawn = |name: &str, drawn: Result<String, PictureError>| {
            drawn.map_err(|error| Failure::new(format!("cannot draw the plot `{name}`: {error}")))
        };
        let mut all: Vec<(Picture, Data)> = Vec::new();
        if let Some(vary) = vary {
            let picture = Picture {
                name: sensitivity::NAME.to_owned(),
                title: format!("{} to {}", sensitivity::TITLE, vary.key),
                about: sensitivity::ABOUT.to_owned(),
                svg: drawn(sensitivity::NAME, vary.draw(true))?,
            };
            all.push((picture, vary.data()));
            let picture = Picture {
                name: sensitivity::OTHERS.to_owned(),
                title: format!("{} of other measures to {}", sensitivity::TITLE, vary.key),
                about: sensitivity::ABOUT.to_owned(),
                svg: drawn(sensitivity::OTHERS, vary.draw(false))?,
            };
            all.push((picture, vary.data()));
        }
        for plot in PLOTS {
            let picture = Picture {
                name: plot.name.to_owned(),
                title: plot.title.to_owned(),
                about: plot.about.to_owned(),
                svg: drawn(plot.name, (plot.draw)(plot, comparison))?,
            };
            all.push((picture, (plot.data)(comparison)));
        }
        let painter = Painter::default();
        all.par_iter().try_for_each(|(picture, data)| self.plot(&painter, picture, data))?;
        let runs = vary.map_or_else(|| comparison.data(), Sensitivity::data);
        self.file(RUNS, &csv(RUNS, &runs)?.into_bytes())?;
        let pictures: Vec<Picture> = all.into_iter().map(|(picture, _)| picture).collect();
        story.scenes.par_iter().try_for_each(|(name, scene)| self.space_time(&painter, name, scene))?;
        let scenes: Vec<Scene> = story.scenes.iter().map(|(_, scene)| scene.clone()).collect();
        let html = page(&Page {
            comparison,
            vary,
            pictures: &pictures,
            scenes: &scenes,
            overrides: story.overrides,
            scenario_text: story.scenario_text,
            command: story.command,
            failures: story.failures,
            version: env!("CUTLINE_VERSION"),
        });
        let path = self.page.path().to_owned();
        self.page.complete(&html)?;
        Ok(path)
    }

    fn plot(&self, painter: &Painter, picture: &Picture, data: &Data) -> Result<(), Failure> {
        let name = &picture.name;
        let png = painter.png(&picture.svg);
        let png =
            png.map_err(|error| Failure::new(format!("cannot draw the plot `{name}` as PNG: {error}")))?;
        self.file(&format!("{name}.svg"), picture.svg.as_bytes())?;
        self.file(&format!("{name}.png"), &png)?;
        self.file(&format!("{name}.csv"), csv(name, data)?.as_bytes())
    }

    /// The diagram of a strategy's run.
    fn space_time(&self, painter: &Painter, strategy: &str, scene: &Scene) -> Result<(), Failure> {
        let name = space_time_of(strategy);
        let svg = diagram(scene, "run", RECORDS_MOST).svg;
        let png = painter.png(&svg);
        let png = png.map_err(|error| Failure::new(format!("cannot draw `{name}` as PNG: {error}")))?;
        self.file(&format!("{name}.svg"), svg.as_bytes())?;
        self.file(&format!("{name}.png"), &png)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut output = Output::create(&self.path.join(name))?;
        output.write_all(bytes).map_err(|error| Failure::writing(output.path(), &error))?;
        output.finish()
    }
}

/// The name of the diagram of a strategy's run.
fn space_time_of(strategy: &str) -> String {
    format!("space-time-{strategy}")
}

fn csv(name: &str, data: &Data) -> Result<String, Failure> {
    data.to_csv().map_err(|error| Failure::new(format!("cannot write the data of `{name}`: {error}")))
}
