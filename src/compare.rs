//! `cutline compare`: the same scenario, input and faults under several strategies, with one seed or several.

pub mod arguments;
mod folder;
mod runs;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cutline::reports;
use cutline::reports::comparison::table::{table, unknown};
use cutline::reports::comparison::{Comparison, Contestant, Ran};
use cutline::reports::page::FailedRun;
use cutline::reports::plots::sensitivity::Sensitivity;
use cutline::scenarios::record::{Class, RunRecord, Verdict};
use cutline::scenarios::run::{Contender, place_of};
use cutline::scenarios::scene::Scene;
use cutline::scenarios::spec::load;
use cutline::scenarios::{faults, library_files};
use serde::Serialize;

use arguments::CompareArguments;
use folder::{Folder, Story};
use runs::{Common, Done};

use crate::execute::{announce_plan, announce_seed, exit_code};
use crate::failure::Failure;
use crate::files::Output;
use crate::interrupts::{self, INTERRUPTED};
use crate::registry::Choice;
use crate::screen::{Screen, paint};
use crate::setup::Waiting;
use crate::{capsules, files, run, threads};

/// More runs are a matter for `cutline sweep`.
const RUNS_MAX: u64 = 20_000;

/// What `--json` prints for a value of the key that is varied.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    key: &'a str,
    value: &'a str,
    runs: Vec<&'a RunRecord>,
}

/// Runs the scenario under each strategy, and shows the runs side by side.
pub fn compare(arguments: &CompareArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let subject = &arguments.subject;
    screen.set_json(subject.json);
    let seeds = seeds(arguments)?;
    match (&arguments.seeds, seeds.as_slice()) {
        (None, [seed]) => announce_seed(screen, *seed)?,
        (asked, _) => {
            screen.say(&format!("seeds {}\n", asked.iter().map(ToString::to_string).collect::<String>()))?
        }
    }
    files::check_apart(&[subject.svg.as_deref()], &subject.files())?;
    let mut choice = Choice::of(&arguments.strategies)?;
    let profile = faults::resolve(&subject.faults)?;
    let source = library_files::resolve(&subject.scenario)?;
    let values = values(arguments);
    // What is wrong with a value is known before the first run.
    load(&source, &subject.overrides())?;
    if arguments.vary.is_some() {
        let check = |(_, overrides): &(_, Vec<String>)| load(&source, overrides).map(drop);
        values.iter().try_for_each(check).map_err(|error| {
            error.with_help("`--vary` lays each of its values over the scenario, as `--set` does")
        })?;
    }
    let options = subject.options();
    let course = arguments.out.is_some() || seeds.len() * values.len() > 1;
    let draws = arguments.out.is_some();
    let mut common =
        Common { subject, source: &source, profile: &profile, contenders: &[], options, course, draws };
    let (first, plan) = {
        let _waiting = Waiting::new("computing the failure-free result");
        runs::prepare(&common, &values[0].1, seeds[0])?
    };
    choice.fit(&first.prepared, screen)?;
    let contenders: Vec<Contender> = choice.contenders().collect();
    common.contenders = &contenders;
    // Seed by seed, so that those that were begun are whole if it is interrupted.
    let of_seed = |&seed: &u64| values.iter().map(move |(_, overrides)| (overrides.clone(), seed));
    let jobs: Vec<(Vec<String>, u64)> = seeds.iter().flat_map(of_seed).collect();
    if jobs.len() == 1 {
        announce_plan(screen, &first, &subject.faults, &plan)?;
    }
    let reads = first.reads();
    let outputs = [subject.svg.as_deref()];
    files::check_apart(&outputs, &reads)?;
    let svg = subject.svg.as_deref().map(Output::create).transpose()?;
    let all_reads: Vec<_> = reads.into_iter().chain(subject.files()).collect();
    let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
    let folder = arguments.out.as_deref().map(|path| Folder::open(path, &names, &all_reads)).transpose()?;
    let threads = threads::pool(arguments.jobs, "--jobs")?;
    // A single run is short enough, and Ctrl-C ends it.
    let interrupted =
        if jobs.len() > 1 { interrupts::catch(|| {}) } else { Arc::new(AtomicBool::new(false)) };

    let done = threads.install(|| runs::work(&common, &jobs, (first, plan), &interrupted))?;
    let (done, scenes) = with_scenes(done, &contenders);
    let finished = by_value(done, values.len());
    let number = finished.first().map_or(0, Vec::len);
    let complete = number == seeds.len();
    if number == 0 {
        screen.note("interrupted before there was anything to compare\n")?;
        return Ok(INTERRUPTED);
    }
    if !complete {
        let of = seeds.len();
        screen.note(&format!("interrupted: {number} of {of} seeds were run, and only those are shown\n"))?;
    }
    let asked = AskedSeeds { arguments, complete };
    let (comparisons, failures) = judged(&common, finished, &asked)?;
    show(screen, arguments, &values, &comparisons)?;
    for (_, text) in &failures {
        screen.say(text)?;
    }
    let firsts: Vec<RunRecord> = comparisons[0].firsts().map(|(_, ran)| ran.record.clone()).collect();
    if let Some(output) = svg {
        run::picture(output, &firsts)?;
    }
    let records: Vec<&RunRecord> = comparisons.iter().flat_map(records).collect();
    let class = worst(&records);
    if let Some(folder) = folder {
        let failed: Vec<FailedRun> = failures.into_iter().map(|(failed, _)| failed).collect();
        let overrides = subject.overrides();
        let command = command();
        let story = Story {
            overrides: &overrides,
            scenario_text: &source.text,
            command: &command,
            failures: &failed,
            scenes: &scenes,
        };
        let (comparison, vary) = match &arguments.vary {
            Some(vary) => {
                let points = vary.values.iter().cloned().zip(comparisons).collect();
                let vary = Sensitivity { key: vary.key.clone(), points };
                (vary.points.first().map(|(_, first)| first.clone()).unwrap_or_default(), Some(vary))
            }
            None => (comparisons.into_iter().next().unwrap_or_default(), None),
        };
        let _waiting = Waiting::new("drawing");
        let page = threads.install(|| folder.write(&comparison, vary.as_ref(), &story))?;
        screen.say(&format!("\nthe page is {}: open it in a browser\n", page.display()))?;
    }
    Ok(if complete || class != 0 { class } else { INTERRUPTED })
}

/// The scenes of the first job apart, with the names of their strategies.
fn with_scenes(
    mut done: Vec<Option<Done>>,
    contenders: &[Contender],
) -> (Vec<Option<Done>>, Vec<(String, Scene)>) {
    let first = done.first_mut().and_then(Option::as_mut);
    let scenes = first.map(|first| std::mem::take(&mut first.scenes)).unwrap_or_default();
    let names = contenders.iter().map(|contender| contender.name.to_owned());
    (done, names.zip(scenes).collect())
}

/// The seeds that were asked for.
fn seeds(arguments: &CompareArguments) -> Result<Vec<u64>, Failure> {
    let Some(seeds) = &arguments.seeds else { return Ok(vec![arguments.subject.seed.number()]) };
    let values = arguments.vary.as_ref().map_or(1, |vary| vary.values.len() as u64);
    let strategies = arguments.strategies.len().max(1) as u64;
    let most = RUNS_MAX / (values * strategies).max(1);
    if seeds.count() > most {
        let message = format!("{} seeds are too many to compare: {most} are the most here", seeds.count());
        return Err(Failure::new(message).with_help("ask for fewer; `cutline sweep` is made for many runs"));
    }
    Ok((0..seeds.count()).filter_map(|place| seeds.nth(place)).collect())
}

/// The values of the key that is varied, each with what is laid over the scenario then; one without any if none is.
fn values(arguments: &CompareArguments) -> Vec<(Option<&str>, Vec<String>)> {
    let overrides = arguments.subject.overrides();
    match &arguments.vary {
        None => vec![(None, overrides)],
        Some(vary) => vary
            .values
            .iter()
            .map(|value| {
                let with = overrides.iter().cloned().chain([format!("{}={value}", vary.key)]);
                (Some(value.as_str()), with.collect())
            })
            .collect(),
    }
}

/// What was done, by the value that it was done with, of the seeds that were done with all of them.
fn by_value(done: Vec<Option<Done>>, values: usize) -> Vec<Vec<Done>> {
    let mut finished: Vec<Vec<Done>> = (0..values).map(|_| Vec::new()).collect();
    let mut done = done.into_iter();
    loop {
        let of_seed: Vec<Option<Done>> = done.by_ref().take(values).collect();
        if of_seed.is_empty() {
            return finished;
        }
        let whole: Option<Vec<Done>> = of_seed.into_iter().collect();
        finished.iter_mut().zip(whole.into_iter().flatten()).for_each(|(all, done)| all.push(done));
    }
}

/// How seeds are named: as they were asked for, unless some were not run.
struct AskedSeeds<'a> {
    arguments: &'a CompareArguments,
    complete: bool,
}

impl AskedSeeds<'_> {
    fn name(&self, done: &[Done]) -> String {
        match &self.arguments.seeds {
            Some(seeds) if self.complete => seeds.to_string(),
            Some(seeds) => format!("{} of {seeds}", done.len()),
            None => done.iter().map(|done| done.seed.to_string()).collect(),
        }
    }
}

type Failed = (FailedRun, String);

/// A comparison for each value; and the failed runs, each of which leaves a capsule, with what is said of it.
fn judged(
    common: &Common<'_>,
    finished: Vec<Vec<Done>>,
    seeds: &AskedSeeds<'_>,
) -> Result<(Vec<Comparison>, Vec<Failed>), Failure> {
    let (mut comparisons, mut failures) = (Vec::new(), Vec::new());
    for (at, of_value) in finished.into_iter().enumerate() {
        let names = seeds.name(&of_value);
        let setting = seeds.arguments.vary.as_ref().map(|vary| format!("{}={}", vary.key, vary.values[at]));
        let mut contestants: Vec<Contestant> = common
            .contenders
            .iter()
            .map(|contender| Contestant {
                name: contender.name.to_owned(),
                place: place_of(contender.name),
                runs: Vec::new(),
            })
            .collect();
        for done in of_value {
            for (contender, ran) in common.contenders.iter().zip(&done.runs) {
                if ran.record.class() != Class::Pass {
                    failures.push(failed(common, (&done, setting.as_deref()), *contender, ran)?);
                }
            }
            for (contestant, ran) in contestants.iter_mut().zip(done.runs) {
                contestant.runs.push(ran);
            }
        }
        let first = contestants.first().and_then(|one| one.runs.first());
        let scenario = first.map_or_else(String::new, |ran| ran.record.scenario.clone());
        comparisons.push(Comparison {
            scenario,
            setting,
            faults: common.subject.faults.clone(),
            seeds: names,
            contestants,
        });
    }
    Ok((comparisons, failures))
}

/// Leaves the capsule of a failed run.
fn failed(
    common: &Common<'_>,
    (done, setting): (&Done, Option<&str>),
    contender: Contender,
    ran: &Ran,
) -> Result<Failed, Failure> {
    let record = &ran.record;
    let objections = record.verdicts.iter().filter_map(|verdict| match &verdict.verdict {
        Verdict::Fail(proof) => Some((verdict.oracle.clone(), proof.clone())),
        Verdict::Pass | Verdict::Unknown(_) => None,
    });
    let objections = objections.collect();
    let mut command = None;
    if let Some(setup) = &done.setup {
        let given = (common.subject.input.as_deref(), done.overrides.as_slice());
        let order = done.order(common, contender);
        let path = capsules::save(&common.subject.capsule_dir, setup, given, &order, record)?;
        command = Some(capsules::command(&path));
    }
    let said = command.iter().map(|command| format!("\nto replay:\n  {command}\n")).collect();
    let (strategy, seed) = (record.strategy.clone(), done.seed);
    Ok((FailedRun { strategy, seed, setting: setting.map(str::to_owned), objections, command }, said))
}

fn records(comparison: &Comparison) -> impl Iterator<Item = &RunRecord> {
    let seeds = 0..comparison.repetitions();
    seeds.flat_map(|seed| comparison.contestants.iter().map(move |one| &one.runs[seed].record))
}

fn show(
    screen: &mut Screen,
    arguments: &CompareArguments,
    values: &[(Option<&str>, Vec<String>)],
    comparisons: &[Comparison],
) -> Result<(), Failure> {
    if screen.is_json() {
        return match &arguments.vary {
            None => screen.json(&records(&comparisons[0]).collect::<Vec<_>>()),
            Some(vary) => {
                let told = comparisons.iter().zip(values).map(|(comparison, (value, _))| Told {
                    key: &vary.key,
                    value: value.unwrap_or_default(),
                    runs: records(comparison).collect(),
                });
                screen.json(&told.collect::<Vec<_>>())
            }
        };
    }
    if arguments.seeds.is_none() && arguments.vary.is_none() {
        let records: Vec<RunRecord> = records(&comparisons[0]).cloned().collect();
        return screen.result(&paint(&reports::side_by_side(&records), |line| line.starts_with("oracle ")));
    }
    for (number, comparison) in comparisons.iter().enumerate() {
        let space = if number > 0 { "\n" } else { "" };
        screen.result(&format!("{space}{}", table(comparison)))?;
    }
    screen.result(&unknown(comparisons))
}

/// The command line of this program, for a shell.
pub fn command() -> String {
    let word = |word: String| {
        let bare = word.trim_start_matches('-');
        match word.len() - bare.len() {
            0 => capsules::quoted(&word),
            _ if bare.is_empty() => word,
            dashes => format!("{}{}", &word[..dashes], capsules::quoted(bare)),
        }
    };
    let words: Vec<String> = std::env::args().skip(1).map(word).collect();
    format!("cutline {}", words.join(" "))
}

/// The exit code of the worst run: non-determinism, then safety, then stalls.
fn worst(records: &[&RunRecord]) -> u8 {
    let gravity = |class: &Class| match class {
        Class::Pass => 0,
        Class::Stall => 1,
        Class::Safety => 2,
        Class::NonDeterminism => 3,
    };
    let worst = records.iter().map(|record| record.class()).max_by_key(gravity);
    exit_code(worst.unwrap_or(Class::Pass))
}
