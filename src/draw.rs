//! `cutline draw`: one run as a space-time diagram.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use cutline::reports::png::Painter;
use cutline::reports::space_time::{Document, RECORDS_MOST, diagram, page};
use cutline::scenarios::scene::{Around, Live, Scene, View, scene_of_run};
use cutline::scenarios::trace::scene_of_trace;
use cutline::sim::ids::CheckpointId;
use cutline::sim::time::Time;
use jiff::SignedDuration;

use crate::capsules;
use crate::compare::command;
use crate::failure::Failure;
use crate::files::{self, Output};
use crate::replay::{Again, note_commit};
use crate::screen::Screen;

/// What is written if nothing else is asked for.
const OUT: &str = "diagram.html";
/// The first line of a trace is no longer than this.
const HEADER_BYTES_MAX: u64 = 16 << 20;

/// `cutline draw`
#[derive(Debug, Args)]
pub struct DrawArguments {
    /// A capsule that a failing run has left, or a trace that `cutline run --trace FILE --trace-records` has written
    pub run: PathBuf,
    /// The picture: its ending says whether it is a page with zoom and a slider (.html), an SVG or a PNG
    #[arg(long, value_name = "FILE", default_value = OUT)]
    pub out: PathBuf,
    /// Draw from this time on, such as `1.2s`; from the beginning if only --to is given
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub from: Option<Time>,
    /// Draw up to this time
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub to: Option<Time>,
    /// Draw the part around this checkpoint
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    pub checkpoint: Option<u64>,
    /// Draw the part around the n-th crash, from 1, and the recovery behind it
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to", "checkpoint"], value_parser = clap::value_parser!(u64).range(1..))]
    pub crash: Option<u64>,
    /// Draw so many records at the most, and beside a violation no more than 70, or than a third of that; the others are thinned out
    /// evenly, and the picture says how many
    #[arg(long, value_name = "N", default_value_t = RECORDS_MOST as u64, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    pub records: u64,
    /// Of a capsule: where the input file is now, if it has moved
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Of a capsule: where the savepoint is now that the run started from, if it has moved
    #[arg(long, value_name = "FILE")]
    pub from_savepoint: Option<PathBuf>,
}

fn instant(text: &str) -> Result<Time, String> {
    let span = text.parse::<SignedDuration>().ok();
    let nanoseconds = span.and_then(|span| u64::try_from(span.as_nanos()).ok());
    nanoseconds.ok_or_else(|| "write a time with a unit, such as `1.2s` or `350ms`".to_owned())
}

impl DrawArguments {
    fn view(&self) -> View {
        let around = match (self.checkpoint, self.crash) {
            (Some(id), _) => Around::Checkpoint(CheckpointId(id)),
            (None, Some(nth)) => Around::Crash(nth),
            (None, None) => Around::Best,
        };
        View { from: self.from, to: self.to, around }
    }
}

/// What is written.
#[derive(Clone, Copy)]
enum Form {
    Page,
    Svg,
    Png,
}

impl Form {
    fn of(path: &Path) -> Result<Form, Failure> {
        match path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("html" | "htm") => Ok(Form::Page),
            Some("svg") => Ok(Form::Svg),
            Some("png") => Ok(Form::Png),
            _ => Err(Failure::new(format!("cannot tell what `{}` is to be", path.display()))
                .with_help("let its name end with .html, .svg or .png")),
        }
    }
}

/// Draws.
pub fn draw(arguments: &DrawArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let form = Form::of(&arguments.out)?;
    let reads =
        [Some(arguments.run.as_path()), arguments.input.as_deref(), arguments.from_savepoint.as_deref()];
    files::check_apart(&[Some(&arguments.out)], &reads)?;
    let output = Output::create(&arguments.out)?;
    let view = arguments.view();
    let scene = match is_capsule(&arguments.run)? {
        true => {
            let capsule = capsules::read(&arguments.run)?;
            note_commit(screen, &capsule)?;
            let moved = (arguments.input.as_deref(), arguments.from_savepoint.as_deref());
            scene_of_capsule(&Again::open(capsule, &arguments.run, moved)?, &view)
        }
        false => {
            refuse_moved(&reads[1..])?;
            let open = || File::open(&arguments.run).map(|file| BufReader::with_capacity(1 << 16, file));
            scene_of_trace(open, &view).map_err(|error| Failure::new(error.to_string()))
        }
    };
    let scene = scene.map_err(|failure| match failure {
        Failure::Plain { message, help } => {
            Failure::Plain { message: format!("`{}`: {message}", arguments.run.display()), help }
        }
        other => other,
    })?;
    write(output, form, &scene, arguments.records as usize)?;
    let told = cutline::reports::space_time::summary(&scene);
    screen.say(&format!("{told}\nthe picture is {}\n", arguments.out.display()))?;
    Ok(0)
}

fn write(mut output: Output, form: Form, scene: &Scene, records: usize) -> Result<(), Failure> {
    match form {
        Form::Page => {
            let document = Document { command: &command(), version: env!("CUTLINE_VERSION"), records };
            output.complete(&page(scene, &document))
        }
        Form::Svg => output.complete(&diagram(scene, "run", records).svg),
        Form::Png => {
            let png = Painter::default().png(&diagram(scene, "run", records).svg);
            let path = output.path().to_owned();
            let png =
                png.map_err(|error| Failure::new(format!("cannot draw `{}`: {error}", path.display())))?;
            output.write_all(&png).map_err(|error| Failure::writing(&path, &error))?;
            output.finish()
        }
    }
}

/// The scene of a capsule's run. It must be the same run again.
pub fn scene_of_capsule(again: &Again, view: &View) -> Result<Scene, Failure> {
    let Again { setup, order, result } = again;
    let live = Live {
        prepared: &setup.prepared,
        contender: order.contender,
        seed: order.seed,
        plan: Arc::clone(&order.plan),
        options: order.options.options(),
    };
    let scene = scene_of_run(&live, view, None);
    let (scene, record) = scene.map_err(|error| Failure::new(error.to_string()))?;
    match result.differences(&record).first() {
        None => Ok(scene),
        Some(first) => Err(Failure::new(format!("it is another run now: {first}"))
            .with_help("`cutline replay` says all that is different")),
    }
}

/// True for a capsule, false for a trace: their first lines differ.
fn is_capsule(path: &Path) -> Result<bool, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("cannot read `{}`: {error}", path.display()))
            .with_help("name a capsule, or a trace that `cutline run --trace FILE` has written")
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut line = Vec::new();
    BufReader::new(file.take(HEADER_BYTES_MAX)).read_until(b'\n', &mut line).map_err(unreadable)?;
    // A capsule is written with line feeds and blanks, a trace without.
    let text = String::from_utf8_lossy(&line);
    let text = text.trim();
    let of_trace = text.is_empty() || text.contains("\"trace-version\"");
    Ok(!of_trace)
}

fn refuse_moved(moved: &[Option<&Path>]) -> Result<(), Failure> {
    if moved.iter().all(Option::is_none) {
        return Ok(());
    }
    Err(Failure::new("a trace has no input and no savepoint that could have moved")
        .with_help("leave out `--input` and `--from-savepoint`"))
}
