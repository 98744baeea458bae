//! Files that are replaced as a whole: whoever opens one finds the old contents or the new, never a mixture.
//!
//! The new contents go to a file beside it, reach the disk, and take the old one's place by a rename. The old
//! file is never deleted first. What the system does is behind [`Disk`], so that a test can let any step fail.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// The calls to the system that a replacement makes, in the order in which it makes them.
pub trait Disk: Clone {
    /// An open file.
    type File: Write;

    /// Makes a file that must not exist yet, and marks it as in use.
    ///
    /// # Errors
    /// As the system says; so for all others here.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Moves `from` to `to`, in whose place it is from one instant to the next.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in a directory are on the disk.
    ///
    /// # Errors
    /// As the system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        let file = File::options().write(true).create_new(true).open(path)?;
        // Only tells others that the file is not stale: where locks are not supported, nothing is lost.
        let _ = file.try_lock();
        Ok(file)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // On Windows a virus scanner or an indexer may hold either file for a moment.
        let attempts = if cfg!(windows) { 10 } else { 1 };
        for attempt in 1..attempts {
            match fs::rename(from, to) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    std::thread::sleep(Duration::from_millis(1 << attempt));
                }
                result => return result,
            }
        }
        fs::rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        if !cfg!(unix) {
            return Ok(());
        }
        match File::open(path)?.sync_all() {
            // Some network file systems cannot, and lose nothing by it.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// What was being done when a file could not be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making the new file beside the old one.
    Create,
    /// Writing to it.
    Write,
    /// Waiting until it is on the disk.
    Sync,
    /// Putting it in the old one's place.
    Rename,
    /// Waiting until the directory is on the disk; the new file is in place.
    SyncDirectory,
}

impl Step {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Write => "write to",
            Self::Sync => "sync",
            Self::Rename => "put the new file in place of",
            Self::SyncDirectory => "sync the directory",
        }
    }
}

/// A file could not be replaced. Unless the step is the last one, the old file is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {source}", step.verb(), path.display())]
pub struct FileError {
    /// What was being done.
    pub step: Step,
    /// With which file or directory.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// New contents on their way into a file. Dropped before [`PendingFile::commit`], they are deleted.
#[derive(Debug)]
pub struct PendingFile<D: Disk = OsDisk> {
    disk: D,
    /// `None` once it is in place.
    temporary: Option<PathBuf>,
    target: PathBuf,
    file: Option<D::File>,
}

impl<D: Disk> PendingFile<D> {
    /// Begins to replace `target`, or to make it.
    ///
    /// # Errors
    /// The file beside it cannot be made: [`Step::Create`].
    pub fn create(disk: D, target: &Path) -> Result<Self, FileError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let nth = NEXT.fetch_add(1, Relaxed);
            let mut name = PathBuf::from(format!("temp-{}-{nth}", std::process::id()));
            if let Some(extension) = target.extension() {
                name.set_extension(extension);
            }
            let path = directory_of(target).join(name);
            match disk.create(&path) {
                Ok(file) => {
                    return Ok(Self {
                        disk,
                        temporary: Some(path),
                        target: target.to_owned(),
                        file: Some(file),
                    });
                }
                // Left behind by an earlier process with our number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(FileError { step: Step::Create, path, source }),
            }
        }
    }

    /// Appends to the new contents.
    ///
    /// # Errors
    /// [`Step::Write`]: the disk is full, or gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|source| self.failed(Step::Write, source))
    }

    /// Puts the new contents in the place of the old ones, for good.
    ///
    /// # Errors
    /// The step that failed. Before [`Step::SyncDirectory`] the old file is as it was.
    pub fn commit(mut self) -> Result<(), FileError> {
        if let Some(mut file) = self.file.take() {
            file.flush().map_err(|source| self.failed(Step::Write, source))?;
            self.disk.sync(&file).map_err(|source| self.failed(Step::Sync, source))?;
        }
        if let Some(temporary) = &self.temporary {
            self.disk.rename(temporary, &self.target).map_err(|source| self.failed(Step::Rename, source))?;
            self.temporary = None;
        }
        let directory = directory_of(&self.target);
        self.disk.sync_directory(directory).map_err(|source| FileError {
            step: Step::SyncDirectory,
            path: directory.to_owned(),
            source,
        })
    }

    fn failed(&self, step: Step, source: io::Error) -> FileError {
        let path = match (&self.temporary, step) {
            (Some(temporary), Step::Write | Step::Sync) => temporary,
            _ => &self.target,
        };
        FileError { step, path: path.clone(), source }
    }
}

impl<D: Disk> Drop for PendingFile<D> {
    fn drop(&mut self) {
        self.file = None;
        if let Some(temporary) = &self.temporary {
            // What stays is found by `remove_stale` at the next start.
            let _ = self.disk.remove(temporary);
        }
    }
}

/// Deletes what a process that ended in the middle of a replacement has left in `directory`. Returns what it
/// deleted; files that someone still writes, or that cannot be deleted, stay.
///
/// # Errors
/// The directory cannot be read.
pub fn remove_stale(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if is_temporary(&path) && !is_in_use(&path) && fs::remove_file(&path).is_ok() {
            removed.push(path);
        }
    }
    removed.sort();
    Ok(removed)
}

fn is_temporary(path: &Path) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let numbers = stem.and_then(|stem| stem.strip_prefix("temp-")?.split_once('-'));
    numbers.is_some_and(|(pid, nth)| digits(pid) && digits(nth))
}

fn is_in_use(path: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(path) else { return true };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Fails at the n-th call, and then at every further one: as a process that ended there.
    #[derive(Debug, Clone)]
    struct CrashingDisk {
        calls_left: Rc<Cell<u32>>,
    }

    struct CrashingFile(File, CrashingDisk);

    impl CrashingDisk {
        fn call(&self) -> io::Result<OsDisk> {
            let left = self.calls_left.get().checked_sub(1).ok_or(io::Error::other("crashed"))?;
            self.calls_left.set(left);
            Ok(OsDisk)
        }
    }

    impl Write for CrashingFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.call()?;
            self.0.write(&bytes[..bytes.len().min(3)])
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl Disk for CrashingDisk {
        type File = CrashingFile;

        fn create(&self, path: &Path) -> io::Result<CrashingFile> {
            Ok(CrashingFile(self.call()?.create(path)?, self.clone()))
        }

        fn sync(&self, file: &CrashingFile) -> io::Result<()> {
            self.call()?.sync(&file.0)
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.call()?.rename(from, to)
        }

        fn sync_directory(&self, path: &Path) -> io::Result<()> {
            self.call()?.sync_directory(path)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            self.call()?.remove(path)
        }
    }

    fn replace<D: Disk>(disk: D, target: &Path, contents: &[u8]) -> Result<(), FileError> {
        let mut pending = PendingFile::create(disk, target)?;
        pending.write(contents)?;
        pending.commit()
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_crash_at_any_step_leaves_the_old_file_or_the_new_one() {
        let mut outcomes = Vec::new();
        for calls in 0..9 {
            let directory = tempfile::tempdir().unwrap();
            let target = directory.path().join("dump.rdb");
            fs::write(&target, "old").unwrap();
            let disk = CrashingDisk { calls_left: Rc::new(Cell::new(calls)) };
            let step = replace(disk, &target, b"the new one").err().map(|error| error.step);
            let contents = fs::read_to_string(&target).unwrap();
            let committed = matches!(step, None | Some(Step::SyncDirectory));
            assert_eq!(contents, if committed { "the new one" } else { "old" }, "crash after {calls} calls");
            outcomes.push(step);

            remove_stale(directory.path()).unwrap();
            assert_eq!(names_in(directory.path()), ["dump.rdb"], "crash after {calls} calls");
        }
        assert_eq!(
            outcomes,
            [
                Some(Step::Create),
                Some(Step::Write),
                Some(Step::Write),
                Some(Step::Write),
                Some(Step::Write),
                Some(Step::Sync),
                Some(Step::Rename),
                Some(Step::SyncDirectory),
                None
            ]
        );
    }

    #[test]
    fn what_is_given_up_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("dump.rdb");
        let mut pending = PendingFile::create(OsDisk, &target).unwrap();
        pending.write(b"half").unwrap();
        assert_eq!(names_in(directory.path()).len(), 1);
        drop(pending);
        assert_eq!(names_in(directory.path()), [""; 0]);
    }

    #[test]
    fn a_file_being_written_is_not_stale_and_neither_is_anyone_elses() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["temp-1-2.rdb", "temp-77.rdb", "temp-x-1.rdb", "temp-1-2-3.rdb", "dump.rdb"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let pending = PendingFile::create(OsDisk, &directory.path().join("dump.rdb")).unwrap();
        let removed = remove_stale(directory.path()).unwrap();
        assert_eq!(removed, [directory.path().join("temp-1-2.rdb")]);
        pending.commit().unwrap();
        assert_eq!(names_in(directory.path()), ["dump.rdb", "temp-1-2-3.rdb", "temp-77.rdb", "temp-x-1.rdb"]);
    }

    #[test]
    fn an_error_names_the_step_and_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("missing").join("dump.rdb");
        let error = replace(OsDisk, &target, b"x").unwrap_err();
        assert_eq!(error.step, Step::Create);
        let text = io::Error::from(error).to_string();
        assert!(text.starts_with("cannot create ") && text.contains("missing"), "{text}");
    }
}
