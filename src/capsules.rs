//! Capsules as files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use cutline::scenarios::capsule::{
    CAPSULE_BYTES_MAX, Capsule, CapsuleResult, CapsuleScenario, FileSeal, Program,
};
use cutline::scenarios::record::RunRecord;

use crate::execute::Order;
use crate::failure::Failure;
use crate::files::Output;
use crate::setup::Setup;

/// This program.
pub fn program() -> Program {
    let commit = Some(env!("CUTLINE_COMMIT")).filter(|commit| !commit.is_empty());
    Program { version: env!("CARGO_PKG_VERSION").to_owned(), commit: commit.map(str::to_owned) }
}

/// Writes the capsule of a run into a folder.
pub fn save(
    folder: &Path,
    setup: &Setup,
    (input, overrides): (Option<&Path>, &[String]),
    order: &Order,
    record: &RunRecord,
) -> Result<PathBuf, Failure> {
    // Whole paths: a capsule is replayed from anywhere.
    let whole =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let capsule = Capsule {
        program: program(),
        scenario: CapsuleScenario {
            name: record.scenario.clone(),
            file: setup.source.file.clone(),
            folder: setup.source.folder.as_ref().map(|folder| whole(&Path::new(".").join(folder))),
            text: setup.source.text.clone(),
            overrides: overrides.to_vec(),
        },
        input: input.map(whole),
        files: FileSeal::of(&setup.texts),
        savepoint: setup.savepoint.clone().map(|mut savepoint| {
            savepoint.file.path = whole(Path::new(&savepoint.file.path));
            savepoint
        }),
        strategy: record.strategy.clone(),
        faults: order.faults.clone(),
        plan: (*order.plan).clone(),
        seed: order.seed,
        options: order.options,
        result: CapsuleResult::of(record),
    };
    keep(folder, &capsule)
}

/// Writes a capsule into a folder, under a name of its own.
pub fn keep(folder: &Path, capsule: &Capsule) -> Result<PathBuf, Failure> {
    let identity = capsule.identity();
    let identity = identity.map_err(|error| Failure::new(format!("cannot name the capsule: {error}")))?;
    let name = format!("{}-{}-{}-{identity}.json", capsule.scenario.name, capsule.strategy, capsule.seed);
    let path = folder.join(name);
    let text = capsule.to_json();
    let text = text.map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))?;
    fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    Output::write_whole(&path, &text)?;
    Ok(path)
}

/// Reads a capsule from a file.
pub fn read(path: &Path) -> Result<Capsule, Failure> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long, even if it never ends.
    let limit = CAPSULE_BYTES_MAX + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    let name = path.display();
    read.map_err(|error| {
        Failure::new(format!("cannot read `{name}`: {error}"))
            .with_help("name a file that a failing run has left, such as one in `cutline-out/capsules`")
    })?;
    let capsule = Capsule::from_json(&bytes).map_err(|error| Failure::new(format!("`{name}`: {error}")))?;
    let (wrote, reads) = (&capsule.program, program());
    if wrote.version != reads.version {
        return Err(Failure::new(format!(
            "`{name}` was written by cutline {wrote}, and this is cutline {reads}"
        ))
        .with_help("replay it with the version that wrote it: another one may run differently"));
    }
    Ok(capsule)
}

/// The command that replays a capsule, for a shell.
pub fn command(path: &Path) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "cutline".to_owned());
    format!("{} replay {}", quoted(&program), quoted(&path.display().to_string()))
}

/// A word for a shell.
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain) {
        return text.to_owned();
    }
    let text = text.replace('\'', r"'\''");
    if text.starts_with('-') { format!("'./{text}'") } else { format!("'{text}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted("cutline-out/a.json"), "cutline-out/a.json");
        assert_eq!(quoted("my file's"), r"'my file'\''s'");
        assert_eq!(quoted("-x"), "'./-x'");
        assert_eq!(quoted(""), "''");
    }
}
