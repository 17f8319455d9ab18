//! Savepoints as files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cutline::scenarios::capsule::{CapsuleSavepoint, FileSeal};
use cutline::scenarios::prepare::{Prepared, StartError};
use cutline::scenarios::record::Class;
use cutline::scenarios::savepoint_file::{Provenance, SAVEPOINT_BYTES_MAX, SavepointFile};
use cutline::sim::config::Retention;
use cutline::sim::savepoint::RestoreError;

use crate::capsules;
use crate::execute::Finished;
use crate::failure::Failure;
use crate::files::Output;
use crate::setup::Setup;

/// The savepoint that a run is to start from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The file.
    pub path: &'a Path,
    /// Whether state of operators that the job does not have is dropped.
    pub allow_non_restored_state: bool,
    /// What the file must be, if that is known.
    pub was: Option<&'a FileSeal>,
}

impl Origin<'_> {
    /// Reads the file: what it is, and what it holds.
    pub fn open(&self) -> Result<(CapsuleSavepoint, SavepointFile), Failure> {
        let (path, name) = (self.path, self.path.display());
        let bytes = read(path).map_err(|failure| {
            failure.with_help(match self.was {
                Some(_) => "if the savepoint has moved, name it with `--from-savepoint FILE`",
                None => "name a file that a run has written as a savepoint",
            })
        })?;
        let file = FileSeal::new(path.display().to_string(), &bytes);
        if let Some(was) = self.was.filter(|was| !was.is_same(&file)) {
            let message = format!(
                "the savepoint `{name}` is not the one of the capsule: it had {} bytes and the digest {}, and has {} bytes and the \
                 digest {}",
                was.bytes, was.digest, file.bytes, file.digest
            );
            return Err(Failure::new(message)
                .with_help("put the old file back, or name a copy of it with `--from-savepoint FILE`"));
        }
        let SavepointFile { provenance, savepoint } =
            SavepointFile::from_json(&bytes).map_err(|error| Failure::new(format!("`{name}`: {error}")))?;
        let allow_non_restored_state = self.allow_non_restored_state;
        let savepoint =
            if allow_non_restored_state { savepoint.allow_non_restored_state() } else { savepoint };
        Ok((CapsuleSavepoint { file, allow_non_restored_state }, SavepointFile { provenance, savepoint }))
    }

    /// Reads the file, and prepares the scenario to start from it.
    pub fn start(&self, prepared: &Prepared, seed: u64) -> Result<(Prepared, CapsuleSavepoint), Failure> {
        let name = self.path.display();
        let (sealed, SavepointFile { provenance, savepoint }) = self.open()?;
        let started = prepared.start_from(&savepoint).map_err(|error| {
            let failure = Failure::new(format!("cannot start from `{name}`: {error}"));
            match help(&error, &provenance, seed) {
                Some(help) => failure.with_help(help),
                None => failure,
            }
        })?;
        Ok((started, sealed))
    }
}

/// Refuses to write a savepoint where the scenario asks for none.
pub fn check_asked(setup: &Setup) -> Result<(), Failure> {
    let config = &setup.prepared.topology().config;
    let retains = config.checkpointing.retention == Retention::RetainOnCancellation;
    if config.life.savepoint.is_some() || config.life.cancel.is_some() && retains {
        return Ok(());
    }
    let failure = Failure::new("`--savepoint FILE` has nothing to write: no savepoint is asked for");
    Err(failure.with_help(match config.life.cancel {
        Some(_) => {
            "set `execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION`, or the checkpoints of the job go \
             with it"
        }
        None => "ask for one with `--savepoint-at TIME` or `--stop-at TIME`",
    }))
}

/// Writes the savepoint that a run has taken.
pub fn write(output: Output, finished: &Finished) -> Result<(), Failure> {
    let (path, record) = (output.path().display().to_string(), &finished.record);
    let Some(savepoint) = finished.savepoint.clone() else {
        // Whoever hears that the run has failed need not hear this.
        if record.class() != Class::Pass {
            return Ok(());
        }
        return Err(Failure::new(format!("no savepoint was taken, so `{path}` was not written"))
            .with_help("ask for it earlier; the table says what became of it"));
    };
    let provenance = Provenance {
        program: capsules::program(),
        scenario: record.scenario.clone(),
        strategy: record.strategy.clone(),
        seed: record.seed,
    };
    let text = SavepointFile { provenance, savepoint }.to_json();
    output.complete(&text.map_err(|error| Failure::new(format!("cannot write `{path}`: {error}")))?)
}

fn help(error: &StartError, from: &Provenance, seed: u64) -> Option<String> {
    let Provenance { scenario, seed: taken, .. } = from;
    match error {
        StartError::Restore(RestoreError::Input { .. }) if *taken != seed => Some(format!(
            "the savepoint is one of `{scenario}` with seed {taken}, and this is seed {seed}: run it with `--seed {taken}`"
        )),
        StartError::Restore(RestoreError::Input { .. } | RestoreError::Splits { .. }) => {
            Some(format!("the savepoint is one of `{scenario}`: give its input, with the same settings"))
        }
        StartError::Restore(RestoreError::NonRestoredState(_)) => {
            Some("`--allow-non-restored-state` drops what no operator of the job claims".to_owned())
        }
        StartError::Restore(_) | StartError::Reference(_) => None,
    }
}

/// The bytes of a file; of one that is certainly no savepoint, the first few.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || -> std::io::Result<Vec<u8>> {
        let (mut file, mut bytes) = (File::open(path)?, Vec::new());
        file.by_ref().take(64).read_to_end(&mut bytes)?;
        if SavepointFile::may_be(&bytes) {
            // One byte more than allowed tells a file that is too long, even if it never ends.
            file.take(SAVEPOINT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    read().map_err(|error| Failure::new(format!("cannot read `{}`: {error}", path.display())))
}
