//! What a sweep is to be, from its arguments; and where things go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cutline::algorithms::bugs;
use cutline::scenarios::capsule::CapsuleOptions;
use cutline::scenarios::faults::{self, PROFILES};
use cutline::scenarios::library_files::{self, ScenarioText};
use cutline::scenarios::sweep::Subject;
use cutline::scenarios::sweep::failure::Failure as FailedRun;
use cutline::scenarios::sweep::manifest::{Asked, AskedScenario, AskedText, Manifest, SWEEP_VERSION};
use cutline::scenarios::sweep::partition::Partition;
use cutline::scenarios::sweep::regressions::{self, Regression};
use cutline::scenarios::sweep::row::Row;
use cutline::scenarios::sweep::seeds::Seeds;

use super::arguments::{AskedPartition, AskedSeeds, SweepArguments};
use super::environment;
use crate::capsules::{self, quoted};
use crate::failure::Failure;
use crate::files::Output;
use crate::registry;
use crate::screen::Screen;

/// Every one of a kind.
const ALL: &str = "all";

/// What is asked for.
pub fn manifest(arguments: &SweepArguments) -> Result<Manifest, Failure> {
    let snapshot =
        arguments.snapshot.iter().map(|method| format!("execution.checkpointing.snapshot={method}"));
    let overrides: Vec<String> = arguments.overrides.iter().cloned().chain(snapshot).collect();
    let scenario = |name: &String| -> Result<AskedScenario, Failure> {
        let text = AskedText::new(&library_files::resolve(name)?);
        Ok(AskedScenario { asked: name.clone(), text, overrides: overrides.clone() })
    };
    let mut scenarios = Vec::new();
    for name in &arguments.scenarios {
        if arguments.scenarios.iter().filter(|other| *other == name).count() > 1 {
            return Err(Failure::new(format!("`{name}` is named twice")).with_help("name each scenario once"));
        }
        scenarios.push(scenario(name)?);
    }
    let seeds = match &arguments.seeds {
        AskedSeeds::These(seeds) => seeds.clone(),
        AskedSeeds::Fresh(count) => Seeds::fresh(&commit()?, *count),
    };
    let forks = match (arguments.forks, arguments.no_forks) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let options = CapsuleOptions { forks, check_determinism: arguments.check_determinism, lookahead: true };
    let asked = Asked {
        scenarios,
        input: arguments.input.clone(),
        files: Vec::new(),
        strategies: strategies(&arguments.strategy)?,
        faults: profiles(&arguments.faults)?,
        seeds,
        options,
        regressions: if arguments.no_regressions { Vec::new() } else { known(&arguments.regressions)? },
    };
    let partition = match arguments.partition {
        None => Partition::WHOLE,
        Some(AskedPartition::This(partition)) => partition,
        Some(AskedPartition::Auto) => environment::partition()?,
    };
    Ok(Manifest { cutline_sweep: SWEEP_VERSION, program: capsules::program(), asked, partition })
}

fn strategies(asked: &[String]) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for name in asked {
        let more = match name.as_str() {
            ALL => registry::strategies().map(|strategy| strategy.name.to_owned()).collect(),
            name => vec![registry::strategy(name)?.name.to_owned()],
        };
        names.extend(more);
    }
    once(names, "strategy")
}

fn profiles(asked: &[String]) -> Result<Vec<AskedText>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for name in asked {
        match name.as_str() {
            ALL => names.extend(PROFILES.iter().map(|row| row.name.to_owned())),
            name => names.push(name.to_owned()),
        }
    }
    let texts = once(names, "fault profile")?;
    texts.iter().map(|name| Ok(AskedText::new(&faults::text(name)?))).collect()
}

/// Refuses what is named twice: its runs would be the same.
fn once(names: Vec<String>, noun: &str) -> Result<Vec<String>, Failure> {
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => Err(Failure::new(format!("the {noun} `{name}` is named twice"))
            .with_help(format!("name each {noun} once"))),
        None => Ok(names),
    }
}

/// The commit that is checked out where the program was called.
fn commit() -> Result<String, Failure> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let text = output.ok().filter(|output| output.status.success());
    let text = text.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).ok_or_else(|| {
        Failure::new("`--seeds fresh` asks git which commit is checked out here, and got no answer")
            .with_help("call it inside a git repository, or name the seeds: `--seeds 0..100`")
    })
}

/// The runs that have failed once; none if there is no such file.
fn known(path: &Path) -> Result<Vec<Regression>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::new(format!(
                "cannot read the file of regressions `{}`: {error}",
                path.display()
            ))
            .with_help(
                "make it readable, name another with `--regressions`, or do without: `--no-regressions`",
            ));
        }
    };
    let source = ScenarioText { file: path.display().to_string(), folder: None, text };
    Ok(regressions::from_toml(&source)?)
}

/// Adds the first failure of each kind to the file of regressions, unless it is there, or is one of a planted bug: those fail for
/// ever.
pub fn remember(
    path: &Path,
    manifest: &Manifest,
    failures: &[FailedRun],
    screen: &mut Screen,
) -> Result<(), Failure> {
    let mut entries = known(path)?;
    let asked = |failure: &FailedRun| {
        let named = |it: &&AskedScenario| it.overrides == failure.overrides && named(it) == failure.scenario;
        manifest
            .asked
            .scenarios
            .iter()
            .find(named)
            .map_or_else(|| failure.scenario.clone(), |it| it.asked.clone())
    };
    let before = entries.len();
    for failure in failures.iter().filter(|failure| bugs::find(&failure.strategy).is_none()) {
        let entry = Regression {
            scenario: asked(failure),
            overrides: failure.overrides.clone(),
            strategy: failure.strategy.clone(),
            faults: failure.faults.clone(),
            seed: failure.seed,
            failed: failure.oracles(),
        };
        if !entries.iter().any(|known| known.is_same(&entry)) {
            entries.push(entry);
        }
    }
    let new = &entries[before..];
    if new.is_empty() {
        return Ok(());
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(_) => regressions::HEAD.to_owned(),
    };
    let more =
        regressions::to_toml(new).map_err(|error| Failure::new(format!("cannot write TOML: {error}")))?;
    Output::write_whole(path, &format!("{text}{more}"))?;
    screen.say(&format!(
        "{} added to {}: commit it, and every later sweep runs them first\n",
        new.len(),
        path.display()
    ))
}

/// The name that a scenario gives itself.
fn named(scenario: &AskedScenario) -> String {
    let source = ScenarioText {
        file: scenario.text.file.clone(),
        folder: scenario.text.folder.clone(),
        text: scenario.text.text.clone(),
    };
    let name =
        cutline::scenarios::spec::load(&source, &scenario.overrides).map(|it| it.spec.name.to_string());
    name.unwrap_or_else(|_| scenario.asked.clone())
}

/// The command that does one run of a sweep.
pub fn command(manifest: &Manifest, subject: &Subject, row: &Row) -> String {
    let mut command = format!(
        "cutline run {} --strategy {} --faults {} --seed {}",
        quoted(&subject.asked),
        row.strategy,
        quoted(&row.faults),
        row.seed
    );
    for set in &subject.overrides {
        command.push_str(&format!(" --set {}", quoted(set)));
    }
    if let Some(input) = manifest.asked.input.as_ref().filter(|_| subject.reads_text()) {
        command.push_str(&format!(" --input {}", quoted(&input.display().to_string())));
    }
    match manifest.asked.options.forks {
        Some(true) => command.push_str(" --forks"),
        Some(false) => command.push_str(" --no-forks"),
        None => {}
    }
    if manifest.asked.options.check_determinism {
        command.push_str(" --check-determinism");
    }
    command
}

/// The command that does a whole sweep again, or a part of one.
pub fn sweep_command(manifest: &Manifest) -> String {
    let Manifest { asked, partition, .. } = manifest;
    let mut command = "cutline sweep".to_owned();
    let mut add = |words: String| command.push_str(&format!(" {words}"));
    asked.scenarios.iter().for_each(|scenario| add(quoted(&scenario.asked)));
    add(format!("--strategy {}", asked.strategies.join(",")));
    let profile = |profile: &AskedText| match &profile.folder {
        Some(_) => profile.file.clone(),
        None => Path::new(&profile.file).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let profiles: Vec<String> = asked.faults.iter().map(profile).collect();
    add(format!("--faults {}", quoted(&profiles.join(","))));
    add(format!("--seeds {}", asked.seeds));
    if let Some(first) = asked.scenarios.first() {
        first.overrides.iter().for_each(|set| add(format!("--set {}", quoted(set))));
    }
    if let Some(input) = &asked.input {
        add(format!("--input {}", quoted(&input.display().to_string())));
    }
    match asked.options.forks {
        Some(true) => add("--forks".to_owned()),
        Some(false) => add("--no-forks".to_owned()),
        None => {}
    }
    if asked.options.check_determinism {
        add("--check-determinism".to_owned());
    }
    if *partition != Partition::WHOLE {
        add(format!("--partition {partition}"));
    }
    // What has failed was added to the file of regressions since: without this it would be run once more.
    if asked.regressions.is_empty() {
        add("--no-regressions".to_owned());
    }
    command
}

/// A folder for a new sweep: by the time when it began, and what it is.
pub fn new_folder(out: &Path, identity: &str) -> Result<PathBuf, Failure> {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let name = |at: u32| if at == 0 { format!("{now}-{identity}") } else { format!("{now}-{identity}-{at}") };
    fs::create_dir_all(out).map_err(|error| Failure::writing(out, &error))?;
    for at in 0.. {
        let path = out.join(name(at));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::writing(&path, &error)),
        }
    }
    Err(Failure::new(format!("`{}` is full", out.display())))
}

/// Makes `latest` lead to a sweep. Where that cannot be, people find it by its name.
pub fn point_at(out: &Path, path: &Path) {
    #[cfg(unix)]
    if let Some(name) = path.file_name() {
        let new = out.join(format!(".latest-{}", std::process::id()));
        let made = std::os::unix::fs::symlink(name, &new).and_then(|()| fs::rename(&new, out.join("latest")));
        if made.is_err() {
            let _ = fs::remove_file(&new);
        }
    }
    #[cfg(not(unix))]
    let _ = (out, path);
}
