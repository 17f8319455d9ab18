//! The folder of a sweep.
//!
//! While it runs, rows and failures are added to `runs.part.csv` and `failures.part.ndjson` as they come; a line that was cut short
//! by a kill is dropped when the sweep is resumed. At its end, be it complete or stopped, both are put in the order of the runs
//! and get their names, whole or not at all: `runs.csv` and `failures.ndjson`. So these do not depend on who was faster, nor on how
//! often the sweep was interrupted.

pub mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cutline::scenarios::sweep::failure::{Failure as FailedRun, Kind};
use cutline::scenarios::sweep::manifest::Manifest;
use cutline::scenarios::sweep::row::{SeenRow, header};
use cutline::scenarios::sweep::tally::Tally;

use crate::failure::Failure;
use crate::files::Output;

/// The manifest's name.
pub const MANIFEST: &str = "sweep.json";
/// The rows' name.
pub const ROWS: &str = "runs.csv";
/// The failures' name.
pub const FAILURES: &str = "failures.ndjson";
/// The folder of the capsules.
pub const CAPSULES: &str = "capsules";
const PART_ROWS: &str = "runs.part.csv";
const PART_FAILURES: &str = "failures.part.ndjson";
/// A longer file is no manifest.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// Of each kind of failure the capsules of so many are kept: those with the lowest numbers.
const CAPSULES_PER_KIND: usize = 3;

/// The folder of a sweep that is being done.
pub struct Folder {
    path: PathBuf,
    rows: File,
    failures: File,
    done: Runs,
    failed: BTreeSet<u64>,
    /// Of each kind of failure the lowest runs, and their capsules.
    kinds: BTreeMap<Kind, BTreeMap<u64, Option<String>>>,
}

/// What is left of a sweep.
pub struct Left {
    /// The sums.
    pub tally: Tally,
    /// The first failures.
    pub first: FirstFailures,
}

/// The first failures of a sweep, by number.
#[derive(Default)]
pub struct FirstFailures {
    /// Of each kind.
    pub of_kind: Vec<FailedRun>,
    /// Of each cell: of each scenario, strategy and fault profile.
    pub of_cell: Vec<FailedRun>,
}

/// Puts the capsule of a run into a folder, and says where.
pub type MakeCapsule<'a> = dyn Fn(&Path) -> Result<PathBuf, Failure> + 'a;

/// Takes a line and its number, or says what is wrong with it.
type TakeLine<'a> = dyn FnMut(u64, &[u8]) -> Result<(), String> + 'a;

/// A set of runs by number, a bit each.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    bits: Vec<u64>,
    count: u64,
}

impl Runs {
    fn add(&mut self, run: u64) -> bool {
        let Ok(at) = usize::try_from(run / 64) else { return false };
        if self.bits.len() <= at {
            self.bits.resize(at + 1, 0);
        }
        let new = !self.has(run);
        self.bits[at] |= 1 << (run % 64);
        self.count += u64::from(new);
        new
    }

    /// True if it is in the set.
    pub fn has(&self, run: u64) -> bool {
        usize::try_from(run / 64)
            .ok()
            .and_then(|at| self.bits.get(at))
            .is_some_and(|bits| bits & 1 << (run % 64) != 0)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Finds the folder of a sweep: this one, or the newest in it.
pub fn find(path: &Path) -> PathBuf {
    let newest = path.join("latest");
    if !path.join(MANIFEST).exists() && newest.join(MANIFEST).exists() { newest } else { path.to_owned() }
}

/// Reads the manifest of a folder.
pub fn manifest(path: &Path) -> Result<Manifest, Failure> {
    let file = path.join(MANIFEST);
    let mut bytes = Vec::new();
    let read = File::open(&file).and_then(|opened| opened.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| {
        let message = format!(
            "`{}` is not the folder of a sweep: cannot read `{}`: {error}",
            path.display(),
            file.display()
        );
        Failure::new(message)
            .with_help("name a folder that `cutline sweep` has made, such as `cutline-out/sweeps/latest`")
    })?;
    Manifest::from_json(&bytes).map_err(|error| Failure::new(format!("`{}`: {error}", file.display())))
}

impl Folder {
    /// Makes the folder of a new sweep.
    pub fn create(path: &Path, manifest: &Manifest) -> Result<Folder, Failure> {
        fs::create_dir_all(path).map_err(|error| Failure::writing(path, &error))?;
        if path.join(MANIFEST).exists() {
            let message = format!("`{}` is the folder of another sweep", path.display());
            return Err(Failure::new(message)
                .with_help("name another folder, or go on with `cutline sweep --resume`"));
        }
        let text = manifest.to_json();
        let text = text.map_err(|error| Failure::new(format!("cannot write the manifest: {error}")))?;
        Output::write_whole(&path.join(MANIFEST), &text)?;
        Folder::open(path)
    }

    /// Opens the folder of a sweep that was begun.
    pub fn open(path: &Path) -> Result<Folder, Failure> {
        // A sweep that has come to its end has no parts: it goes on from what it has left.
        for (part, whole) in [(PART_ROWS, ROWS), (PART_FAILURES, FAILURES)] {
            let (part, whole) = (path.join(part), path.join(whole));
            if !part.exists() && whole.exists() {
                let mut output = Output::create(&part)?;
                let copied = File::open(&whole).and_then(|mut whole| io::copy(&mut whole, &mut output));
                copied.map_err(|error| Failure::writing(&part, &error))?;
                output.finish()?;
            }
        }
        let mut folder = Folder {
            path: path.to_owned(),
            rows: part(&path.join(PART_ROWS))?,
            failures: part(&path.join(PART_FAILURES))?,
            done: Runs::default(),
            failed: BTreeSet::new(),
            kinds: BTreeMap::new(),
        };
        folder.take_up()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The runs that are done.
    pub fn done(&self) -> &Runs {
        &self.done
    }

    /// Of the runs that are done, those that failed.
    pub fn failed(&self) -> BTreeSet<u64> {
        self.failed.clone()
    }

    /// Reads what was done, and cuts off what was not written to its end.
    fn take_up(&mut self) -> Result<(), Failure> {
        let (file, mut done, mut reader) = (self.path.join(PART_ROWS), Runs::default(), RowReader::new());
        let whole = lines(&mut self.rows, &mut |at, line| {
            if at > 0 {
                done.add(reader.read(line)?.row.run);
            } else if line.trim_ascii() != title().as_bytes().trim_ascii() {
                return Err("its columns are not those of this program".to_owned());
            }
            Ok(())
        });
        let whole = whole.map_err(|problem| damaged(&file, &problem))?;
        cut(&mut self.rows, whole).map_err(|error| Failure::writing(&file, &error))?;
        if whole == 0 {
            self.rows.write_all(title().as_bytes()).map_err(|error| Failure::writing(&file, &error))?;
        }
        let (file, mut failed) = (self.path.join(PART_FAILURES), Vec::new());
        let whole = lines(&mut self.failures, &mut |_, line| {
            failed.push(failed_run(line)?);
            Ok(())
        });
        let whole = whole.map_err(|problem| damaged(&file, &problem))?;
        cut(&mut self.failures, whole).map_err(|error| Failure::writing(&file, &error))?;
        for failure in failed.into_iter().filter(|failure| done.has(failure.run)) {
            self.failed.insert(failure.run);
            if failure.capsule.is_some() {
                let firsts = self.kinds.entry(failure.kind()).or_default();
                firsts.insert(failure.run, failure.capsule);
                // What was there for a while and made room for one before it is still in the lines.
                while firsts.len() > CAPSULES_PER_KIND {
                    firsts.pop_last();
                }
            }
        }
        self.done = done;
        Ok(())
    }

    /// Keeps a run; of one that failed, what is said of it, and its capsule if it is one of the first of its kind.
    pub fn keep(
        &mut self,
        row: &SeenRow,
        failure: Option<(FailedRun, &MakeCapsule<'_>)>,
    ) -> Result<(), Failure> {
        let line = row.to_csv().map_err(|error| Failure::new(format!("cannot write a row: {error}")))?;
        if let Some((mut failure, capsule)) = failure {
            let firsts = self.kinds.entry(failure.kind()).or_default();
            if firsts.len() < CAPSULES_PER_KIND
                || firsts.last_key_value().is_some_and(|(&last, _)| failure.run < last)
            {
                let path = capsule(&self.path.join(CAPSULES))?;
                let name = path.file_name().map(|name| format!("{CAPSULES}/{}", name.to_string_lossy()));
                failure.capsule.clone_from(&name);
                firsts.insert(failure.run, name);
                while firsts.len() > CAPSULES_PER_KIND {
                    let Some((_, Some(dropped))) = firsts.pop_last() else { break };
                    // If it cannot be removed there is one more than there need be.
                    let _ = fs::remove_file(self.path.join(dropped));
                }
            }
            let mut text = json(&failure)?;
            text.push('\n');
            let written = self.failures.write_all(text.as_bytes());
            written.map_err(|error| Failure::writing(&self.path.join(PART_FAILURES), &error))?;
        }
        self.rows.write_all(&line).map_err(|error| Failure::writing(&self.path.join(PART_ROWS), &error))?;
        self.done.add(row.row.run);
        Ok(())
    }

    /// Takes in the runs of a part that is in another folder. How many of them were there already.
    pub fn take_in(&mut self, other: &Path) -> Result<u64, Failure> {
        let open = |name: &str| {
            let path = other.join(name);
            let file = File::open(&path);
            let file = file.map_err(|error| {
                Failure::new(format!("cannot read `{}`: {error}", path.display()))
                    .with_help("the part was not done to its end: `cutline sweep --resume` puts it in order")
            });
            file.map(|file| (path, file))
        };
        let (path, mut file) = open(FAILURES)?;
        let mut failed = BTreeMap::new();
        let read = lines(&mut file, &mut |_, line| {
            let failure = failed_run(line)?;
            failed.insert(failure.run, failure);
            Ok(())
        });
        read.map_err(|problem| damaged(&path, &problem))?;
        let ((path, mut file), mut rows, mut reader) = (open(ROWS)?, Vec::new(), RowReader::new());
        let read = lines(&mut file, &mut |at, line| {
            if at > 0 {
                rows.push(reader.read(line)?);
            }
            Ok(())
        });
        read.map_err(|problem| damaged(&path, &problem))?;
        let mut twice = 0;
        for row in &rows {
            if self.done.has(row.row.run) {
                twice += 1;
                continue;
            }
            let failure = failed.remove(&row.row.run);
            let capsule = failure.as_ref().and_then(|failure| failure.capsule.clone());
            let copy = |folder: &Path| copy_capsule(other, capsule.as_deref(), folder);
            self.keep(row, failure.map(|failure| (failure, &copy as &MakeCapsule<'_>)))?;
        }
        Ok(twice)
    }

    /// Puts the runs up to this number in order.
    pub fn finish(mut self, last: u64) -> Result<Left, Failure> {
        let left = self.put_in_order(last)?;
        for part in [PART_ROWS, PART_FAILURES] {
            // If one stays it is taken up by the next resumption, which gives the same.
            let _ = fs::remove_file(self.path.join(part));
        }
        Ok(left)
    }

    fn put_in_order(&mut self, last: u64) -> Result<Left, Failure> {
        let (file, mut places, mut reader) = (self.path.join(PART_ROWS), BTreeMap::new(), RowReader::new());
        let mut place = 0;
        let read = lines(&mut self.rows, &mut |at, line| {
            if at > 0 {
                places.insert(reader.read(line)?.row.run, (place, line.len()));
            }
            place += line.len() as u64;
            Ok(())
        });
        read.map_err(|problem| damaged(&file, &problem))?;
        let mut tally = Tally::default();
        let mut output = Output::create(&self.path.join(ROWS))?;
        let mut write =
            |bytes: &[u8]| output.write_all(bytes).map_err(|error| Failure::writing(&file, &error));
        write(title().as_bytes())?;
        let mut line = Vec::new();
        for (_, (place, length)) in places.range(..=last) {
            line.resize(*length, 0);
            let read = self.rows.seek(SeekFrom::Start(*place)).and_then(|_| self.rows.read_exact(&mut line));
            read.map_err(|error| damaged(&file, &error.to_string()))?;
            tally.add(&reader.read(&line).map_err(|problem| damaged(&file, &problem))?);
            write(&line)?;
        }
        let first = self.put_failures_in_order(last)?;
        output.finish()?;
        Ok(Left { tally, first })
    }

    fn put_failures_in_order(&mut self, last: u64) -> Result<FirstFailures, Failure> {
        let (file, mut failed) = (self.path.join(PART_FAILURES), BTreeMap::new());
        let read = lines(&mut self.failures, &mut |_, line| {
            let failure = failed_run(line)?;
            failed.insert(failure.run, failure);
            Ok(())
        });
        read.map_err(|problem| damaged(&file, &problem))?;
        failed.retain(|&run, _| run <= last && self.done.has(run));
        let (mut kinds, mut cells, mut text) = (BTreeSet::new(), BTreeSet::new(), String::new());
        let mut first = FirstFailures::default();
        for failure in failed.values_mut() {
            let kept = self.kinds.get(&failure.kind()).and_then(|kept| kept.get(&failure.run));
            failure.capsule = kept.cloned().flatten();
            text.push_str(&json(failure)?);
            text.push('\n');
            if kinds.insert(failure.kind()) {
                first.of_kind.push(failure.clone());
            }
            if cells.insert(failure.cell()) {
                first.of_cell.push(failure.clone());
            }
        }
        Output::write_whole(&self.path.join(FAILURES), &text)?;
        Ok(first)
    }
}

/// Copies the capsule of a run from the folder of a part. Of a run that has none there are three of its kind before it.
fn copy_capsule(other: &Path, capsule: Option<&str>, folder: &Path) -> Result<PathBuf, Failure> {
    let from = other.join(capsule.unwrap_or(CAPSULES));
    let name = from.file_name().unwrap_or_default();
    let to = folder.join(name);
    fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    let text = fs::read_to_string(&from);
    let text = text.map_err(|error| Failure::new(format!("cannot read `{}`: {error}", from.display())))?;
    Output::write_whole(&to, &text)?;
    Ok(to)
}

/// A file to which lines are added, by one process at a time.
fn part(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().read(true).append(true).create(true).open(path);
    let file = file.map_err(|error| Failure::writing(path, &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!("another sweep is writing `{}`", path.display());
            Err(Failure::new(message).with_help("wait until it has ended, or stop it"))
        }
        // Where nothing can be locked, nobody can be kept out.
        _ => Ok(file),
    }
}

fn title() -> String {
    header().collect::<Vec<_>>().join(",") + "\n"
}

/// Reads rows, a line each, with one reader for all: to make one takes as long as to read a hundred lines.
struct RowReader {
    line: csv::Reader<Cursor<Vec<u8>>>,
    record: csv::StringRecord,
}

impl RowReader {
    fn new() -> RowReader {
        let line = csv::ReaderBuilder::new().has_headers(false).from_reader(Cursor::default());
        RowReader { line, record: csv::StringRecord::new() }
    }

    fn read(&mut self, line: &[u8]) -> Result<SeenRow, String> {
        let bytes = self.line.get_mut().get_mut();
        bytes.clear();
        bytes.extend_from_slice(line);
        let begun = self.line.seek_raw(SeekFrom::Start(0), csv::Position::new());
        let read = begun.and_then(|()| self.line.read_record(&mut self.record));
        if !read.map_err(|error| error.to_string())? {
            return Err("an empty line".to_owned());
        }
        SeenRow::from_csv(&self.record).map_err(|error| error.to_string())
    }
}

fn failed_run(line: &[u8]) -> Result<FailedRun, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

fn json(failure: &FailedRun) -> Result<String, Failure> {
    serde_json::to_string(failure).map_err(|error| Failure::new(format!("cannot write JSON: {error}")))
}

fn damaged(path: &Path, problem: &str) -> Failure {
    Failure::new(format!("`{}` is damaged: {problem}", path.display()))
        .with_help("take the folder from a backup, or sweep anew: the same sweep gives the same runs")
}

/// Reads whole lines, each with its number from 0 on; a last one that was cut short is left out. The length of all whole ones.
fn lines(file: &mut File, take: &mut TakeLine<'_>) -> Result<u64, String> {
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut line, mut number, mut whole) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        if !line.ends_with(b"\n") {
            return Ok(whole);
        }
        take(number, &line).map_err(|problem| format!("line {}: {problem}", number + 1))?;
        (number, whole) = (number + 1, whole + length as u64);
    }
}

/// Cuts off everything behind this place, and goes there.
fn cut(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length)).map(drop)
}
