//! `cutline merge`: the parts of a sweep, which were done in several places, become one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cutline::scenarios::sweep::manifest::Manifest;
use cutline::scenarios::sweep::partition::Partition;
use serde::Deserialize;

use super::arguments::MergeArguments;
use super::folder::{self, Folder};
use super::outlets::Outlets;
use super::{End, SUMMARY, finish, judge, plan};
use crate::failure::Failure;
use crate::screen::Screen;

/// Joins parts.
pub fn merge(arguments: &MergeArguments, screen: &mut Screen) -> Result<u8, Failure> {
    screen.set_json(arguments.wishes.json);
    let outlets = Outlets::open(&arguments.wishes, &[Some(arguments.regressions.as_path())], screen)?;
    let parts: Vec<(PathBuf, Manifest)> = arguments
        .parts
        .iter()
        .map(|path| {
            let path = folder::find(path);
            let manifest = folder::manifest(&path)?;
            Ok((path, manifest))
        })
        .collect::<Result<_, Failure>>()?;
    let mut whole = check(&parts)?;
    let identity = identity(&whole)?;
    let (mut asked, mut end) = (0, End::Complete);
    for (part, _) in &parts {
        let summary = summary(part)?;
        asked += summary.asked;
        if end == End::Complete {
            end = summary.end;
        }
    }
    whole.partition = Partition::WHOLE;
    // What the parts read need not be here, so the sweep is not put together again, and the number of its runs is theirs.
    let path = plan::new_folder(&arguments.out, &identity)?;
    let mut folder = Folder::create(&path, &whole)?;
    for (part, _) in &parts {
        let twice = folder.take_in(part)?;
        if twice > 0 {
            let message = format!("{twice} runs of `{}` are in another part, too", part.display());
            return Err(Failure::new(message).with_help("name each part once"));
        }
    }
    let left = folder.finish(u64::MAX)?;
    plan::point_at(&arguments.out, &path);
    let took = format!("{} parts", parts.len());
    finish(screen, (&path, &left, end, asked), &took, &[])?;
    if !arguments.no_regressions {
        plan::remember(&arguments.regressions, &whole, &left.first.of_kind, screen)?;
    }
    judge(screen, &arguments.wishes, (&whole, &left, end), outlets)
}

/// What a part says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PartSummary {
    end: End,
    /// How many runs it has, done or not.
    asked: u64,
}

/// Reads it; a part that was stopped before its end makes a whole that was.
fn summary(part: &Path) -> Result<PartSummary, Failure> {
    let path = part.join(SUMMARY);
    let text = fs::read_to_string(&path).map_err(|error| error.to_string());
    let summary = text.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    summary.map_err(|problem| {
        Failure::new(format!("cannot read `{}`: {problem}", path.display()))
            .with_help("the part was not done to its end: `cutline sweep --resume` puts it in order")
    })
}

fn identity(manifest: &Manifest) -> Result<String, Failure> {
    manifest.asked.identity().map_err(|error| Failure::new(format!("cannot name the sweep: {error}")))
}

/// Checks that these are all parts of one sweep, each once.
fn check(parts: &[(PathBuf, Manifest)]) -> Result<Manifest, Failure> {
    let Some((first_path, first)) = parts.first() else {
        return Err(Failure::new("there are no parts"));
    };
    let mut found: BTreeMap<u64, &PathBuf> = BTreeMap::new();
    for (path, manifest) in parts {
        let (a, b) = (first_path.display(), path.display());
        if identity(manifest)? != identity(first)? {
            let message = format!("`{a}` and `{b}` are parts of different sweeps");
            return Err(Failure::new(message)
                .with_help("join only what was asked for with the same arguments, but for `--partition`"));
        }
        if manifest.program != first.program {
            let message =
                format!("`{a}` was swept by cutline {}, and `{b}` by {}", first.program, manifest.program);
            return Err(Failure::new(message).with_help("sweep all parts with the same program"));
        }
        if manifest.partition.of() != first.partition.of() {
            let message =
                format!("`{a}` is part {}, and `{b}` is part {}", first.partition, manifest.partition);
            return Err(Failure::new(message).with_help("join parts of the same number of parts"));
        }
        if let Some(other) = found.insert(manifest.partition.number(), path) {
            let message = format!("`{}` and `{b}` are both part {}", other.display(), manifest.partition);
            return Err(Failure::new(message).with_help("name each part once"));
        }
    }
    let of = first.partition.of();
    let missing: Vec<String> =
        (1..=of).filter(|part| !found.contains_key(part)).map(|part| format!("{part}/{of}")).collect();
    if !missing.is_empty() {
        let message = format!("part {} of the sweep is missing", missing.join(", "));
        return Err(Failure::new(message).with_help("name the folders of all parts"));
    }
    Ok(first.clone())
}
