//! `--partition auto`: which part of a sweep a scheduler wants from this process, as its variables say it.

use cutline::scenarios::sweep::partition::Partition;

use crate::failure::Failure;

/// A scheduler that starts the same job many times.
struct Environment {
    /// What people call it.
    name: &'static str,
    /// The variable that says which of the jobs this is.
    index: &'static str,
    /// The variable that says how many there are.
    total: &'static str,
    /// How they are numbered.
    numbers: Numbers,
    /// What to do if one of the two is missing.
    help: &'static str,
}

/// How the jobs of a scheduler are numbered.
enum Numbers {
    /// One after the other, beginning with this.
    From(u64),
    /// In steps, as further variables say.
    Range {
        /// The least number.
        min: &'static str,
        /// The greatest.
        max: &'static str,
        /// From one to the next; 1 if it is not set.
        step: &'static str,
    },
}

/// The schedulers that are known. GitHub Actions has no such variable: there the matrix names the part.
const ENVIRONMENTS: &[Environment] = &[
    // https://slurm.schedmd.com/job_array.html
    Environment {
        name: "a Slurm job array",
        index: "SLURM_ARRAY_TASK_ID",
        total: "SLURM_ARRAY_TASK_COUNT",
        numbers: Numbers::Range {
            min: "SLURM_ARRAY_TASK_MIN",
            max: "SLURM_ARRAY_TASK_MAX",
            step: "SLURM_ARRAY_TASK_STEP",
        },
        help: "submit it as an array: `sbatch --array=0-15`",
    },
    // https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode: the index is in the environment of every
    // container; how many there are the manifest has to pass on.
    Environment {
        name: "a Kubernetes Indexed Job",
        index: "JOB_COMPLETION_INDEX",
        total: "JOB_COMPLETIONS",
        numbers: Numbers::From(0),
        help: "give the container `JOB_COMPLETIONS`, the number of `completions` of the Job, as in docs/ci/kubernetes.yaml",
    },
    // https://docs.gitlab.com/ci/variables/predefined_variables/: the total is 1, and there is no index, without `parallel`.
    Environment {
        name: "GitLab CI",
        index: "CI_NODE_INDEX",
        total: "CI_NODE_TOTAL",
        numbers: Numbers::From(1),
        help: "say how many there are in the job: `parallel: 16`",
    },
    // https://circleci.com/docs/reference/variables/
    Environment {
        name: "CircleCI",
        index: "CIRCLE_NODE_INDEX",
        total: "CIRCLE_NODE_TOTAL",
        numbers: Numbers::From(0),
        help: "say how many there are in the job: `parallelism: 16`",
    },
    // https://buildkite.com/docs/pipelines/configure/environment-variables
    Environment {
        name: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        total: "BUILDKITE_PARALLEL_JOB_COUNT",
        numbers: Numbers::From(0),
        help: "say how many there are in the step: `parallelism: 16`",
    },
];

/// What to do if nothing can be made of the environment.
const BY_HAND: &str = "name the part: `--partition 3/16`";

/// Looks a variable up.
type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The part that the environment of this process asks for.
pub fn partition() -> Result<Partition, Failure> {
    read(&|name| std::env::var(name).ok())
}

fn read(variables: &Variables<'_>) -> Result<Partition, Failure> {
    // Set to nothing is not set: so scripts take a variable back.
    let variable = |name: &str| variables(name).filter(|value| !value.is_empty());
    let found: Vec<&Environment> = ENVIRONMENTS.iter().filter(|it| variable(it.index).is_some()).collect();
    match found.as_slice() {
        [one] => part_of(one, &variable),
        [one, other, ..] => {
            let message = format!(
                "`--partition auto` finds {} (`{}`) and {} (`{}`), and cannot tell which of them parts the sweep",
                one.name, one.index, other.name, other.index
            );
            Err(Failure::new(message).with_help(format!("{BY_HAND}, or unset the variable of the other")))
        }
        [] => match ENVIRONMENTS.iter().find(|it| variable(it.total).is_some()) {
            Some(half) => Err(missing(half, half.total, half.index)),
            None => {
                let names: Vec<&str> = ENVIRONMENTS.iter().map(|it| it.name).collect();
                let message = "`--partition auto` finds no scheduler that starts the parts of a sweep";
                Err(Failure::new(message)
                    .with_help(format!("it knows {}. Elsewhere {BY_HAND}", names.join(", "))))
            }
        },
    }
}

fn part_of(of: &Environment, variable: &Variables<'_>) -> Result<Partition, Failure> {
    let number = |name: &str| match variable(name) {
        None => Err(missing(of, of.index, name)),
        Some(text) => text.trim().parse::<u64>().map_err(|_| {
            Failure::new(format!("`--partition auto`: `{name}` is `{text}`, which is no number"))
                .with_help(BY_HAND)
        }),
    };
    let (index, total) = (number(of.index)?, number(of.total)?);
    let wrong = |why: &str| {
        let message = format!(
            "`--partition auto`: {} says that this is number {index} of {total} (`{}`, `{}`): {why}",
            of.name, of.index, of.total
        );
        Failure::new(message).with_help(format!("{}, or {BY_HAND}", of.help))
    };
    let place = match of.numbers {
        Numbers::From(first) => index.checked_sub(first),
        Numbers::Range { min, max, step } => {
            let (min, max) = (number(min)?, number(max)?);
            let step = if variable(step).is_some() { number(step)?.max(1) } else { 1 };
            // Of `--array=1,3,7` nobody knows what is before 7.
            if (max.saturating_sub(min) / step).checked_add(1) != Some(total) {
                return Err(wrong(
                    "the numbers of the array have gaps, so it does not say which part is which",
                ));
            }
            index.checked_sub(min).filter(|distance| distance % step == 0).map(|distance| distance / step)
        }
    };
    let part = place.and_then(|place| Partition::new(place.checked_add(1)?, total).ok());
    part.ok_or_else(|| wrong("there is no such part"))
}

fn missing(of: &Environment, there: &str, missing: &str) -> Failure {
    let message = format!("`--partition auto`: {} has set `{there}`, but `{missing}` is not set", of.name);
    Failure::new(message).with_help(format!("{}, or {BY_HAND}", of.help))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of variables, written as a shell has them.
    fn auto(set: &str) -> Result<String, String> {
        let pairs: Vec<(&str, &str)> =
            set.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
        let value =
            |name: &str| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        match read(&value) {
            Ok(partition) => Ok(partition.to_string()),
            Err(Failure::Plain { message, help }) => Err(format!("{message}\n{}", help.expect("what to do"))),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// The variables of a task of `--array=MIN-MAX:STEP`.
    fn slurm(id: u64, (min, max, step): (u64, u64, u64)) -> String {
        let count = (max - min) / step + 1;
        format!(
            "SLURM_ARRAY_TASK_ID={id} SLURM_ARRAY_TASK_COUNT={count} SLURM_ARRAY_TASK_MIN={min} \
             SLURM_ARRAY_TASK_MAX={max} SLURM_ARRAY_TASK_STEP={step}"
        )
    }

    #[test]
    fn every_scheduler_is_understood() {
        let in_gitlab = format!("CI_NODE_TOTAL=1 {}", slurm(0, (0, 3, 1)));
        for (set, part) in [
            ("JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=8", "1/8"),
            ("JOB_COMPLETION_INDEX=7 JOB_COMPLETIONS=8", "8/8"),
            ("CI_NODE_INDEX=1 CI_NODE_TOTAL=4", "1/4"),
            ("CI_NODE_INDEX=4 CI_NODE_TOTAL=4", "4/4"),
            ("CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=3", "1/3"),
            ("BUILDKITE_PARALLEL_JOB=2 BUILDKITE_PARALLEL_JOB_COUNT=3", "3/3"),
            // A job of GitLab that was not made parallel, and has submitted an array.
            (in_gitlab.as_str(), "1/4"),
            (
                "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_MAX=6",
                "1/2",
            ),
        ] {
            assert_eq!(auto(set).as_deref(), Ok(part), "{set}");
        }
    }

    #[test]
    fn every_array_of_slurm_is_parted_whole() {
        for range in [(0, 15, 1), (1, 16, 1), (10, 25, 5), (3, 3, 1), (0, 7, 3), (1, 16, 4)] {
            let (min, max, step) = range;
            let ids = (min..=max).step_by(usize::try_from(step).expect("a step"));
            let count = ids.clone().count();
            let parts: Vec<String> = ids.map(|id| auto(&slurm(id, range)).expect("a part")).collect();
            let all: Vec<String> = (1..=count).map(|part| format!("{part}/{count}")).collect();
            assert_eq!(parts, all, "{range:?}");
        }
    }

    #[test]
    fn what_is_half_or_double_or_wrong_is_said() {
        let gaps =
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7";
        let both = format!("CI_NODE_INDEX=1 CI_NODE_TOTAL=4 {}", slurm(0, (0, 3, 1)));
        let cases: &[(&str, &[&str])] = &[
            ("", &["finds no scheduler", "Slurm", "Kubernetes", "GitLab", "--partition 3/16"]),
            ("JOB_COMPLETION_INDEX=", &["finds no scheduler"]),
            ("JOB_COMPLETION_INDEX=0", &["`JOB_COMPLETIONS` is not set", "docs/ci/kubernetes.yaml"]),
            ("CI_NODE_TOTAL=1", &["GitLab", "`CI_NODE_INDEX` is not set", "parallel: 16"]),
            ("SLURM_ARRAY_TASK_ID=0", &["`SLURM_ARRAY_TASK_COUNT` is not set", "--array"]),
            ("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=4", &["`SLURM_ARRAY_TASK_MIN` is not set"]),
            (gaps, &["gaps", "number 3 of 3"]),
            (&both, &["GitLab", "Slurm", "cannot tell which", "unset"]),
            ("CI_NODE_INDEX=x CI_NODE_TOTAL=4", &["`CI_NODE_INDEX` is `x`, which is no number"]),
            ("CI_NODE_INDEX=0 CI_NODE_TOTAL=4", &["number 0 of 4", "no such part"]),
            ("CI_NODE_INDEX=5 CI_NODE_TOTAL=4", &["number 5 of 4", "no such part"]),
            ("CIRCLE_NODE_INDEX=3 CIRCLE_NODE_TOTAL=3", &["number 3 of 3", "no such part"]),
            ("CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=0", &["number 0 of 0", "no such part"]),
            ("CIRCLE_NODE_INDEX=18446744073709551615 CIRCLE_NODE_TOTAL=3", &["no such part"]),
        ];
        for (set, words) in cases {
            let error = auto(set).expect_err(set);
            for word in *words {
                assert!(error.contains(word), "{set}: no `{word}` in {error}");
            }
        }
    }

    #[test]
    fn no_two_schedulers_share_a_variable() {
        let mut names: Vec<&str> = ENVIRONMENTS.iter().flat_map(|it| [it.index, it.total]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 2 * ENVIRONMENTS.len());
    }
}
