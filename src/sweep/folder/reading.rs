//! The folder of a sweep as it is found: done, stopped, killed, or being written by somebody else. Nothing in it is changed.

use std::fs::File;
use std::path::Path;

use cutline::scenarios::sweep::failure::Failure as FailedRun;
use cutline::scenarios::sweep::row::SeenRow;

use super::{FAILURES, PART_FAILURES, PART_ROWS, ROWS, RowReader, Runs, damaged, failed_run, lines, title};
use crate::failure::Failure;

/// Who is told of what is in a folder.
pub trait Reads {
    /// A run. All runs come before the first failure.
    fn run(&mut self, row: SeenRow);
    /// A run that failed.
    fn failure(&mut self, failure: FailedRun);
}

/// Goes through all runs, and then through all that failed, each once; true if the sweep has come to an end, be it complete or stopped.
pub fn read(path: &Path, into: &mut dyn Reads) -> Result<bool, Failure> {
    let open = |part: &str, whole: &str| {
        let (part, whole) = (path.join(part), path.join(whole));
        // While a sweep goes on its parts have all there is.
        let file = if part.exists() { part } else { whole };
        match File::open(&file) {
            Ok(opened) => Ok(Some((file, opened))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(format!("cannot read `{}`: {error}", file.display()))),
        }
    };
    let (mut done, mut reader) = (Runs::default(), RowReader::new());
    let is_whole = !path.join(PART_ROWS).exists() && path.join(ROWS).exists();
    if let Some((file, mut rows)) = open(PART_ROWS, ROWS)? {
        let read = lines(&mut rows, &mut |at, line| {
            if at > 0 {
                let read = reader.read(line)?;
                if done.add(read.row.run) {
                    into.run(read);
                }
            } else if line.trim_ascii() != title().as_bytes().trim_ascii() {
                return Err("its columns are not those of this program".to_owned());
            }
            Ok(())
        });
        read.map_err(|problem| damaged(&file, &problem))?;
    }
    let mut told = Runs::default();
    if let Some((file, mut failures)) = open(PART_FAILURES, FAILURES)? {
        let read = lines(&mut failures, &mut |_, line| {
            let failed = failed_run(line)?;
            // A failure is written before its row: a kill in between leaves it twice.
            if done.has(failed.run) && told.add(failed.run) {
                into.failure(failed);
            }
            Ok(())
        });
        read.map_err(|problem| damaged(&file, &problem))?;
    }
    Ok(is_whole)
}
