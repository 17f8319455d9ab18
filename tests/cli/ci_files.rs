//! The files in docs/ci, which people copy: every command in them is run, with a sweep that is small.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use yaml_rust2::{Yaml, YamlLoader};

use crate::sweeps::{kept, newest};
use crate::{Gave, Place, binary, without_ci};

const GITHUB: &str = include_str!("../../docs/ci/github.yml");
const KUBERNETES: &str = include_str!("../../docs/ci/kubernetes.yaml");
const SLURM: &str = include_str!("../../docs/ci/slurm.sh");

/// The seeds of the sweeps here: fewer than the files ask for.
const SEEDS: &str = "0..4";
/// Their strategies.
const STRATEGIES: &str = "aligned,chandy-lamport";

/// The documents of a file.
fn yaml(text: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn text(value: &Yaml) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

#[track_caller]
fn list(value: &Yaml) -> &[Yaml] {
    value.as_vec().unwrap_or_else(|| panic!("no list: {value:?}"))
}

/// Runs a script of the shell, with the binary in its path and these variables.
fn script(place: &Place, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Gave {
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").expect("a path"));
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).current_dir(place.0.path()).stdin(Stdio::null());
    without_ci(&mut command);
    command.env("PATH", path).envs(variables.iter().copied());
    Gave::new(command.output().expect("a shell"))
}

/// A folder with the binary in `bin`.
fn place() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("bin")).expect("a folder");
    std::os::unix::fs::symlink(binary(), place.path("bin/cutline")).expect("a link");
    place
}

/// The arguments of a sweep with fewer seeds and strategies.
fn fewer(arguments: &str) -> String {
    let mut words = arguments.split_whitespace();
    let mut fewer = Vec::new();
    while let Some(word) = words.next() {
        fewer.push(word);
        for (flag, value) in [("--seeds", SEEDS), ("--strategy", STRATEGIES)] {
            if word == flag {
                words.next();
                fewer.push(value);
            }
        }
    }
    fewer.join(" ")
}

/// Checks that a folder holds what one sweep of the same gives.
fn is_whole(place: &Place, merged: &str, arguments: &str) {
    place.cutline(&format!("sweep {arguments} --out one --no-regressions")).exits(0);
    let (rows, failures) = kept(&newest(place, "one"));
    assert!(rows.lines().count() > 20, "{rows}");
    assert!(kept(&newest(place, merged)) == (rows, failures), "not the same rows");
}

/// The steps of a job that run a script with `cutline` in it.
fn scripts(job: &Yaml) -> Vec<&str> {
    let runs = list(&job["steps"]).iter().filter_map(|step| step["run"].as_str());
    runs.filter(|run| run.contains("cutline ")).collect()
}

#[test]
fn the_workflow_of_github_gives_one_sweep() {
    let place = place();
    let [workflow] = <[Yaml; 1]>::try_from(yaml(GITHUB)).expect("one document");
    let (env, jobs) = (&workflow["env"], &workflow["jobs"]);
    let sweep = fewer(text(&env["SWEEP"]));
    let variables = [("SWEEP", sweep.as_str()), ("SEEDS", SEEDS)];
    let parts = list(&jobs["sweep"]["strategy"]["matrix"]["part"]);
    let parts: Vec<usize> = parts
        .iter()
        .map(|part| part.as_i64().and_then(|part| part.try_into().ok()).expect("a number"))
        .collect();
    assert!(parts.iter().copied().eq(1..=parts.len()), "the parts are numbered from 1: {parts:?}");
    let upload = list(&jobs["sweep"]["steps"]).last().expect("steps");
    assert_eq!(
        (text(&upload["with"]["path"]), text(&upload["with"]["name"])),
        ("part/latest/", "part-${{ matrix.part }}")
    );
    for part in &parts {
        let [run] = <[&str; 1]>::try_from(scripts(&jobs["sweep"])).expect("one script");
        let run = run.replace("${{ matrix.part }}", &part.to_string());
        let run = run.replace("${{ strategy.job-total }}", &parts.len().to_string());
        assert!(!run.contains("${{"), "{run}");
        script(&place, &["bash", "-ec"], &run, &variables).exits(0);
        // What the two actions do with it.
        fs::create_dir_all(place.path("parts")).expect("a folder");
        fs::rename(newest(&place, "part"), place.path(&format!("parts/part-{part}"))).expect("moved");
        fs::remove_dir_all(place.path("part")).expect("removed");
    }
    let [run] = <[&str; 1]>::try_from(scripts(&jobs["merge"])).expect("one script");
    assert!(!run.contains("${{"), "{run}");
    script(&place, &["bash", "-ec"], run, &variables).exits(0);
    let steps = list(&jobs["merge"]["steps"]).iter();
    let reports: Vec<&str> = steps.filter_map(|step| step["with"]["report_paths"].as_str()).collect();
    assert_eq!(reports, ["junit.xml"]);
    assert!(place.read(reports[0]).contains("<testsuites"));
    is_whole(&place, "sweep", &format!("{sweep} --seeds {SEEDS}"));
    // The seeds that the file asks for can be read, too; but here is no git.
    let run = format!("cutline sweep wordcount --seeds {}", text(&env["SEEDS"]));
    script(&place, &["bash", "-ec"], &run, &[("GIT_DIR", "none")]).refuses(&["asks git which commit"]);
}

#[test]
fn the_jobs_of_kubernetes_give_one_sweep() {
    let place = place();
    let documents = yaml(KUBERNETES);
    let kinds: Vec<&str> = documents.iter().map(|it| text(&it["kind"])).collect();
    assert_eq!(kinds, ["PersistentVolumeClaim", "Job", "Job"]);
    let container = |job: &Yaml| job["spec"]["template"]["spec"]["containers"][0].clone();
    let local = |container: &Yaml| {
        let command: Vec<&str> = list(&container["command"]).iter().map(text).collect();
        assert_eq!(command, ["/bin/sh", "-c"]);
        assert_eq!(text(&container["volumeMounts"][0]["mountPath"]), "/sweeps");
        let run = text(&container["args"][0]).replace("\\\n", " ");
        let run: Vec<String> = run.lines().map(fewer).collect();
        run.join("\n").replace("/sweeps", "sweeps")
    };
    let (sweep, merge) = (container(&documents[1]), container(&documents[2]));
    let parts = documents[1]["spec"]["completions"].as_i64().expect("a number");
    assert_eq!(text(&sweep["env"][0]["name"]), "JOB_COMPLETIONS");
    assert_eq!(text(&sweep["env"][0]["value"]), parts.to_string());
    let run = local(&sweep);
    fs::create_dir(place.path("sweeps")).expect("the volume");
    // The first twice: a pod that is started again goes on.
    for part in (0..parts).chain([0]) {
        let (index, total) = (part.to_string(), parts.to_string());
        let variables = [("JOB_COMPLETION_INDEX", index.as_str()), ("JOB_COMPLETIONS", total.as_str())];
        let gave = script(&place, &["/bin/sh", "-c"], &run, &variables).exits(0);
        assert!(gave.out.contains(&format!("part {}/{parts} of a sweep", part + 1)), "{}", gave.out);
    }
    // Bad input is for the policy to see; a run that fails is not.
    let bad = run.replace("--seeds", "--no-such-flag");
    script(&place, &["/bin/sh", "-c"], &bad, &[("JOB_COMPLETION_INDEX", "9")]).refuses(&["--no-such-flag"]);
    let fails = run.replace("--strategy", "--set bounds.time=40ms --strategy");
    let variables = [("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "1")];
    let elsewhere = fails.replace("sweeps/", "others/");
    let gave = script(&place, &["/bin/sh", "-c"], &elsewhere, &variables).exits(0);
    assert!(gave.out.contains("stalled"), "{}", gave.out);

    script(&place, &["/bin/sh", "-c"], &local(&merge), &[]).exits(0);
    assert!(place.read("sweeps/junit.xml").contains("<testsuites"));
    let line = run.lines().find_map(|line| line.split_once("cutline sweep wordcount ")).expect("the sweep").1;
    let arguments = format!("wordcount {}", line.split_once("--partition").expect("the part").0);
    is_whole(&place, "sweeps/whole", &arguments);
}

#[test]
fn the_script_of_slurm_gives_one_sweep() {
    let place = place();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci/slurm.sh");
    let file = file.to_str().expect("UTF-8");
    let asked: Vec<&str> =
        SLURM.lines().filter_map(|line| line.split_once("docs/ci/slurm.sh ")).map(|(_, rest)| rest).collect();
    let [sweep, merge] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(merge, "merge \"$job\"");
    let arguments = fewer(sweep.trim_end_matches(')'));
    let part = |id: u64, arguments: &str| {
        let id = id.to_string();
        let variables = [
            ("SLURM_ARRAY_JOB_ID", "71"),
            ("SLURM_ARRAY_TASK_ID", &*id),
            ("SLURM_ARRAY_TASK_COUNT", "2"),
            ("SLURM_ARRAY_TASK_MIN", "0"),
            ("SLURM_ARRAY_TASK_MAX", "1"),
            ("SLURM_ARRAY_TASK_STEP", "1"),
            ("SLURM_CPUS_PER_TASK", "2"),
        ];
        let run = format!("{file} {arguments}");
        script(&place, &["bash", "-c"], &run, &variables)
    };
    let alone = script(&place, &["bash", "-c"], &format!("{file} wordcount"), &[]);
    assert!(alone.code != Some(0) && alone.err.contains("submit this with sbatch --array"), "{}", alone.err);
    part(0, &arguments).exits(0);
    part(1, &arguments).exits(0);
    // A task that is started again goes on.
    part(1, &arguments).exits(0);
    script(&place, &["bash", "-c"], &format!("{file} merge 71"), &[]).exits(0);
    assert!(place.read("cutline-out/slurm-71/junit.xml").contains("<testsuites"));
    is_whole(&place, "cutline-out/slurm-71/whole", &arguments);
}

#[test]
fn the_scripts_are_bash() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["docs/ci/slurm.sh", "tests/slurm.sh", "tests/determinism.sh"] {
        let checked = Command::new("bash").arg("-n").arg(root.join(name)).output().expect("bash");
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}
