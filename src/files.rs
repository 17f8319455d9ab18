//! Files that are whole or absent: written without a name, so that nothing is left of them if the program is killed; then
//! given a name beside their own, made durable, and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that is being written. Unless it is finished, nothing is left of it.
#[derive(Debug)]
pub struct Output {
    /// As the user named it.
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file without a name, and the one it is to get.
    Nameless(BufWriter<File>, PathBuf),
    /// A device or a pipe: it must not be replaced.
    Device(BufWriter<File>),
}

impl Output {
    /// Begins a file. A file that is there stays as it is until the new one is whole; a link stays a link.
    pub fn create(path: &Path) -> Result<Output, Failure> {
        let open = || -> io::Result<Place> {
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
                Ok(metadata) if metadata.is_file() && names_a_stream(path) => {
                    Err(io::Error::other("it is a file here, and something else is writing to it already"))
                }
                Ok(metadata) if metadata.is_file() => nameless(path.canonicalize()?),
                Ok(_) => Ok(Place::Device(BufWriter::new(OpenOptions::new().write(true).open(path)?))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => nameless(path.to_owned()),
                Err(error) => Err(error),
            }
        };
        match open() {
            Ok(place) => Ok(Output { path: path.to_owned(), place }),
            Err(error) => Err(Failure::writing(path, &error)),
        }
    }

    /// The path as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file durable and gives it its name.
    pub fn finish(self) -> Result<(), Failure> {
        let finish = |place| -> io::Result<()> {
            match place {
                Place::Device(mut writer) => writer.flush(),
                Place::Nameless(writer, path) => {
                    let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
                    file.rewind()?;
                    let mut named = tempfile::Builder::new()
                        .prefix(".cutline-")
                        .suffix(".part")
                        .tempfile_in(folder(&path))?;
                    io::copy(&mut file, named.as_file_mut())?;
                    readable(named.as_file())?;
                    named.as_file().sync_all()?;
                    named.persist(path).map_err(|error| error.error)?;
                    Ok(())
                }
            }
        };
        finish(self.place).map_err(|error| Failure::writing(&self.path, &error))
    }

    /// Writes a whole file.
    pub fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
        let output = Output::create(path)?;
        output.complete(text)
    }

    /// Writes all there is to write, and finishes.
    pub fn complete(mut self, text: &str) -> Result<(), Failure> {
        self.write_all(text.as_bytes()).map_err(|error| Failure::writing(&self.path, &error))?;
        self.finish()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Nameless(writer, _) => writer.write(bytes),
            Place::Device(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Nameless(writer, _) => writer.flush(),
            Place::Device(writer) => writer.flush(),
        }
    }
}

/// A new file on the same disk as the one it is to become.
fn nameless(path: PathBuf) -> io::Result<Place> {
    if path.file_name().is_none() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let file = tempfile::tempfile_in(folder(&path)).map_err(bare)?;
    Ok(Place::Nameless(BufWriter::with_capacity(1 << 16, file), path))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// True for `/dev/stdout` and the like: where such a path leads depends on who began the program.
fn names_a_stream(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// The error without the name of a temporary file, which says nothing to the user.
fn bare(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|wrapped| wrapped.source());
    let code = inner.and_then(|inner| inner.downcast_ref::<io::Error>()).and_then(io::Error::raw_os_error);
    code.map_or(error, io::Error::from_raw_os_error)
}

/// Refuses to write two outputs to one file, or one over what the run reads.
pub fn check_apart(outputs: &[Option<&Path>], inputs: &[Option<&Path>]) -> Result<(), Failure> {
    let outputs: Vec<&Path> = outputs.iter().copied().flatten().collect();
    for (at, path) in outputs.iter().enumerate() {
        let same = |other: &&Path| place(other).is_some_and(|place_of| Some(place_of) == place(path));
        let twice = outputs[..at].iter().any(same);
        if twice || inputs.iter().copied().flatten().any(|input| same(&input)) {
            let why = if twice { "two outputs would be written to it" } else { "the run reads it" };
            let message = format!("cannot write `{}`: {why}", path.display());
            return Err(Failure::new(message).with_help("name a file for each output"));
        }
    }
    Ok(())
}

/// Where a file is or will be, by whatever name; `None` for what is no file, such as a device.
fn place(path: &Path) -> Option<PathBuf> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => None,
        Ok(_) => path.canonicalize().ok(),
        Err(_) => Some(folder(path).canonicalize().ok()?.join(path.file_name()?)),
    }
}

/// A temporary file is for its owner's eyes only; an output is not.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn an_unfinished_file_leaves_nothing_and_the_old_one_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.csv");
        Output::write_whole(&path, "old").expect("written");
        let mut output = Output::create(&path).expect("begun");
        output.write_all(b"new").expect("written");
        drop(output);
        assert_eq!(names(folder.path()), ["out.csv"]);
        assert_eq!(fs::read_to_string(&path).expect("the file"), "old");
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_everybody_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        Output::write_whole(&link, "new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("the file"), "new");
        let mode = fs::metadata(&file).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("no/such/folder/out.csv");
        let error = Output::create(&missing).expect_err("no folder").to_string();
        assert!(error.contains("no/such/folder/out.csv"), "{error}");
        assert!(Output::create(folder.path()).is_err());
        assert!(Output::create(Path::new("")).is_err());
    }
}
