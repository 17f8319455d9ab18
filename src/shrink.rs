//! `cutline shrink`: of a failing run the smallest that still fails in the same way.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cutline::reports::{run_table, shrink_table};
use cutline::scenarios::capsule::Capsule;
use cutline::scenarios::inputs::Texts;
use cutline::scenarios::record::Class;
use cutline::scenarios::shrink::{
    Budget, Critical, End, Given, Kept, ShrinkError, Shrunk, Size, Watch, critical, rust_test,
    shrink as search,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::arguments::ShrinkArguments;
use crate::execute::{announce_seed, exit_code};
use crate::failure::Failure;
use crate::files::Output;
use crate::screen::Screen;
use crate::setup::Setup;
use crate::{capsules, files, interrupts, registry, replay};

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    class: Class,
    oracle: &'a str,
    before: Size,
    after: Size,
    kept: &'a [Kept],
    runs: u64,
    end: End,
    critical: &'a Critical,
    written: &'a Written,
}

/// The files that were written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Written {
    /// The capsule.
    pub capsule: PathBuf,
    /// The scenario.
    pub scenario: PathBuf,
    /// The test; absent for a run that needs more than a scenario.
    pub test: Option<PathBuf>,
}

impl Written {
    /// Where the files of a capsule go.
    pub fn of(capsule: &Path, out: Option<&Path>) -> Written {
        let stem = capsule.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix(".min").unwrap_or(&stem);
        let folder = out.or(capsule.parent()).unwrap_or(Path::new(""));
        let file = |end: &str| folder.join(format!("{stem}.{end}"));
        Written { capsule: file("min.json"), scenario: file("toml"), test: Some(file("rs")) }
    }

    /// All of them.
    fn paths(&self) -> [Option<&Path>; 3] {
        [Some(&self.capsule), Some(&self.scenario), self.test.as_deref()]
    }

    /// Writes what was found; the capsule last, so that whoever finds it finds the others, too.
    pub fn write(&mut self, shrunk: &mut Shrunk) -> Result<(), Failure> {
        let folder = self.capsule.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
        }
        let scenario = self.scenario.file_name().unwrap_or_default().to_string_lossy().into_owned();
        shrunk.capsule.scenario.file.clone_from(&scenario);
        let test = rust_test(&shrunk.capsule, &shrunk.failing, &scenario);
        self.test = self.test.take().filter(|_| test.is_some());
        Output::write_whole(&self.scenario, &shrunk.capsule.scenario.text)?;
        if let (Some(path), Some(text)) = (&self.test, &test) {
            Output::write_whole(path, text)?;
        }
        let text = shrunk.capsule.to_json();
        let text = text.map_err(|error| Failure::new(format!("cannot write the capsule: {error}")))?;
        Output::write_whole(&self.capsule, &text)
    }
}

/// Shrinks.
pub fn shrink(arguments: &ShrinkArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.json);
    let mut written = Written::of(&arguments.capsule, arguments.out.as_deref());
    let reads =
        [Some(arguments.capsule.as_path()), arguments.input.as_deref(), arguments.from_savepoint.as_deref()];
    files::check_apart(&written.paths(), &reads)?;
    let capsule = capsules::read(&arguments.capsule)?;
    announce_seed(screen, capsule.seed)?;
    replay::note_commit(screen, &capsule)?;
    let failing = Failing::open(capsule, arguments.input.as_deref(), arguments.from_savepoint.as_deref());
    let failing = failing.map_err(|failure| match failure {
        Failure::Plain { message, help } => {
            Failure::Plain { message: format!("`{}`: {message}", arguments.capsule.display()), help }
        }
        other => other,
    })?;
    files::check_apart(
        &written.paths(),
        &failing.reads.iter().map(|path| Some(path.as_path())).collect::<Vec<_>>(),
    )?;
    // What is smallest so far is kept.
    let interrupted = interrupts::catch(|| {});
    let began = Instant::now();
    let stop = || interrupted.load(Ordering::Relaxed) || began.elapsed() >= arguments.budget;
    let budget = Budget { steps: u64::MAX, runs: arguments.runs };
    let mut shrunk = match failing.shrink(budget, &stop) {
        Ok(shrunk) => shrunk,
        Err(ShrinkError::Different(lines)) => {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            screen.say(&format!("not the run of the capsule, so nothing was written:\n{lines}"))?;
            return Ok(exit_code(Class::NonDeterminism));
        }
        Err(error) => return Err(Failure::new(format!("`{}`: {error}", arguments.capsule.display()))),
    };
    let took = began.elapsed();
    written.write(&mut shrunk)?;
    let critical = failing.critical(&shrunk, &|| interrupted.load(Ordering::Relaxed));
    tell(screen, &shrunk, &critical, &written, took)?;
    Ok(0)
}

/// A failing run that is ready to be shrunk.
pub struct Failing {
    capsule: Capsule,
    setup: Setup,
    savepoint: Option<cutline::sim::savepoint::Savepoint>,
    contender: cutline::scenarios::run::Contender,
    /// What it reads.
    reads: Vec<PathBuf>,
}

impl Failing {
    /// Reads what the capsule does not hold.
    pub fn open(
        mut capsule: Capsule,
        input: Option<&Path>,
        savepoint: Option<&Path>,
    ) -> Result<Failing, Failure> {
        let whole =
            |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
        if let Some(input) = input {
            capsule.input = Some(whole(input));
        }
        let contender = registry::strategy(&capsule.strategy)?;
        let origin = replay::origin(savepoint, &capsule)?;
        let held = origin.map(|origin| origin.open()).transpose()?.map(|(_, file)| file.savepoint);
        let input = capsule.input.as_deref().map(Path::new);
        let setup = replay::set_up(&capsule, input, savepoint)?;
        capsule.plan.check(setup.prepared.topology()).map_err(|error| {
            Failure::new(error).with_help("shrink the capsule as the failing run has left it")
        })?;
        if let (Some(path), Some(savepoint)) = (savepoint, &mut capsule.savepoint) {
            savepoint.file.path = whole(path);
        }
        let reads = setup.reads().into_iter().flatten().map(Path::to_owned).collect();
        Ok(Failing { capsule, setup, savepoint: held, contender, reads })
    }

    fn given<'a>(&'a self, capsule: &'a Capsule) -> Given<'a> {
        let texts = Texts::clone(&self.setup.texts);
        Given { capsule, contender: self.contender, texts, savepoint: self.savepoint.clone() }
    }

    /// Looks for the smallest run.
    pub fn shrink(&self, budget: Budget, stop: &(dyn Fn() -> bool + Sync)) -> Result<Shrunk, ShrinkError> {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(120));
        let mut tell = |progress: cutline::scenarios::shrink::Progress| {
            bar.set_message(format!(
                "{} runs tried, {} kept: {}",
                progress.runs, progress.kept, progress.pass
            ));
        };
        let given = self.given(&self.capsule);
        let shrunk = search(&given, &capsules::program(), budget, &mut Watch { stop, tell: &mut tell });
        bar.finish_and_clear();
        shrunk
    }

    /// Looks for the critical moment of the smallest run.
    fn critical(&self, shrunk: &Shrunk, stop: &(dyn Fn() -> bool + Sync)) -> Critical {
        let _waiting = crate::setup::Waiting::new("looking for the critical moment");
        critical(&self.given(&shrunk.capsule), stop).unwrap_or(Critical::Unknown)
    }
}

/// Shrinks a capsule into a folder, with a budget that is the same on every machine.
pub fn shrink_into(capsule: &Path, out: &Path, stop: &(dyn Fn() -> bool + Sync)) -> Result<Written, Failure> {
    /// Some seconds.
    const BUDGET: Budget = Budget { steps: 20_000_000, runs: 3_000 };
    let mut written = Written::of(capsule, Some(out));
    let failing = Failing::open(capsules::read(capsule)?, None, None)?;
    let mut shrunk = failing
        .shrink(BUDGET, stop)
        .map_err(|error| Failure::new(format!("`{}`: {error}", capsule.display())))?;
    written.write(&mut shrunk)?;
    Ok(written)
}

fn tell(
    screen: &mut Screen,
    shrunk: &Shrunk,
    critical: &Critical,
    written: &Written,
    took: Duration,
) -> Result<(), Failure> {
    let Shrunk { failing, before, after, kept, runs, end, record, .. } = shrunk;
    if screen.is_json() {
        let (class, oracle) = (failing.class, failing.oracle.as_str());
        return screen.json(&Told {
            class,
            oracle,
            before: *before,
            after: *after,
            kept,
            runs: *runs,
            end: *end,
            critical,
            written,
        });
    }
    let sizes = shrink_table::sizes(before, after);
    let (kept, seconds) = (kept.len(), took.as_secs_f64());
    screen.say(&format!("the oracle {} still objects\n\n{sizes}", failing.oracle))?;
    screen
        .say(&format!("\n{runs} runs tried in {seconds:.1} s, {kept} kept; {}\n", shrink_table::end(*end)))?;
    screen.say(&run_table::proofs(&record.verdicts))?;
    screen.say(&format!("\n{}\n", shrink_table::critical(critical)))?;
    let test = written.test.as_ref().map(|test| format!("  {}\n", test.display())).unwrap_or_default();
    screen.say(&format!("  {}\n{test}  {}\n", written.scenario.display(), written.capsule.display()))?;
    screen.say(&format!("\nto replay:\n  {}\n", capsules::command(&written.capsule)))
}
