//! Files that are replaced as a whole: whoever opens one finds the old contents or the new, never a mixture.
//!
//! The new contents go to a file beside it, reach the disk, and take the old one's place by a rename. The old
//! file is never deleted first. What the system does is behind [`Disk`], so that a test can let any step fail.
//!
//! On Windows a virus scanner, an indexer or an editor may hold a file for a moment, and then it can be neither
//! opened nor renamed: whoever opens, replaces or moves a file does it here, where that is waited for.

use std::fs::{self, File};
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

/// How often a file that another program holds is tried: for about a second in all.
const ATTEMPTS: u32 = 10;

/// Tries again as long as another program holds the file, with longer and longer pauses.
fn patiently<T>(attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    retry(is_held, std::thread::sleep, attempt)
}

fn retry<T>(
    is_held: impl Fn(&io::Error) -> bool,
    mut pause: impl FnMut(Duration),
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    for nth in 1..ATTEMPTS {
        match attempt() {
            Err(error) if is_held(&error) => pause(Duration::from_millis(1 << nth)),
            result => return result,
        }
    }
    attempt()
}

/// Whether another program may be what stands in the way. Elsewhere than on Windows it never is.
fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && is_held_code(error.raw_os_error())
}

/// Windows' numbers: access denied (also for a file that is being deleted), sharing violation, lock violation.
fn is_held_code(code: Option<i32>) -> bool {
    matches!(code, Some(5 | 32 | 33))
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        let file = patiently(|| File::options().write(true).create_new(true).open(path))?;
        // Only tells others that the file is not stale: where locks are not supported, nothing is lost.
        let _ = file.try_lock();
        Ok(file)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        patiently(|| fs::rename(from, to))
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
        patiently(|| fs::remove_file(path))
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
    /// Moving an old file out of the way.
    MoveAside,
}

impl Step {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Write => "write to",
            Self::Sync => "sync",
            Self::Rename => "put the new file in place of",
            Self::SyncDirectory => "sync the directory",
            Self::MoveAside => "move aside",
        }
    }
}

/// A file could not be replaced or moved. Unless the step is [`Step::SyncDirectory`], the old file is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {source}{}", step.verb(), path.display(), advice(is_held(source), left.as_deref()))]
pub struct FileError {
    /// What was being done.
    pub step: Step,
    /// With which file or directory.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
    /// Where the new contents are, if they could not be put in the old ones' place because another program holds
    /// either: they may be all that is left of a node's data.
    pub left: Option<PathBuf>,
}

fn advice(is_held: bool, left: Option<&Path>) -> String {
    let mut text = String::new();
    if is_held {
        text.push_str(
            "; another program, such as a virus scanner or an editor, holds it open, or it may not be changed: close \
             that program and try again",
        );
    }
    if let Some(left) = left {
        text.push_str("; the new contents are in ");
        text.push_str(&left.display().to_string());
    }
    text
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// What the names of our files begin with until they are in place.
const TEMPORARY: &str = "repliscope-temp-";

/// New contents on their way into a file. Dropped before [`PendingFile::commit`], they are deleted.
#[derive(Debug)]
pub struct PendingFile<D: Disk = OsDisk> {
    disk: D,
    /// `None` once it is in place.
    temporary: Option<PathBuf>,
    target: PathBuf,
    file: Option<D::File>,
    /// Written since the last sync, if it is synced piece by piece.
    unsynced: Option<u64>,
}

/// A piece that is synced by itself, in bytes: a disk takes it without a pause that others would feel.
const PIECE: u64 = 4 << 20;

impl<D: Disk> PendingFile<D> {
    /// Begins to replace `target`, or to make it.
    ///
    /// # Errors
    /// The file beside it cannot be made: [`Step::Create`].
    pub fn create(disk: D, target: &Path) -> Result<Self, FileError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let nth = NEXT.fetch_add(1, Relaxed);
            let mut name = PathBuf::from(format!("{TEMPORARY}{}-{nth}", std::process::id()));
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
                        unsynced: None,
                    });
                }
                // Left behind by an earlier process with our number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(FileError { step: Step::Create, path, source, left: None }),
            }
        }
    }

    /// Whether the contents go to the disk piece by piece while they are written, so that the end does not have to wait
    /// for all of them at once.
    #[must_use]
    pub fn synced_piecewise(mut self, piecewise: bool) -> Self {
        self.unsynced = piecewise.then_some(0);
        self
    }

    /// Appends to the new contents.
    ///
    /// # Errors
    /// [`Step::Write`]: the disk is full, or gone. [`Step::Sync`], if they are synced piece by piece.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|source| self.failed(Step::Write, source))?;
        let (Some(unsynced), Some(file)) = (&mut self.unsynced, &self.file) else { return Ok(()) };
        *unsynced += bytes.len() as u64;
        if *unsynced < PIECE {
            return Ok(());
        }
        *unsynced = 0;
        self.disk.sync(file).map_err(|source| self.failed(Step::Sync, source))
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
            let renamed = self.disk.rename(temporary, &self.target);
            if let Err(source) = renamed {
                let mut error = self.failed(Step::Rename, source);
                if is_held(&error.source) {
                    error.left = self.keep();
                }
                return Err(error);
            }
            self.temporary = None;
        }
        let directory = directory_of(&self.target);
        self.disk.sync_directory(directory).map_err(|source| FileError {
            step: Step::SyncDirectory,
            path: directory.to_owned(),
            source,
            left: None,
        })
    }

    /// Gives the new file the permissions of the old one: who could not read it before must not be able to
    /// afterwards.
    ///
    /// # Errors
    /// [`Step::Create`]: the system refuses.
    pub fn keep_permissions(&self) -> Result<(), FileError> {
        let (Some(temporary), Ok(old)) = (&self.temporary, fs::metadata(&self.target)) else { return Ok(()) };
        fs::set_permissions(temporary, old.permissions()).map_err(|source| self.failed(Step::Create, source))
    }

    /// Keeps the new contents, which could not take the old ones' place, under a name that `remove_stale` does not
    /// know; of many attempts only the newest stay.
    fn keep(&mut self) -> Option<PathBuf> {
        let temporary = self.temporary.take()?;
        let mut kept = self.target.clone().into_os_string();
        kept.push(".unsaved");
        let kept = PathBuf::from(kept);
        // If it is the new file that is held, it stays where it is.
        Some(if self.disk.rename(&temporary, &kept).is_ok() { kept } else { temporary })
    }

    fn failed(&self, step: Step, source: io::Error) -> FileError {
        let path = match (&self.temporary, step) {
            (Some(temporary), Step::Write | Step::Sync) => temporary,
            _ => &self.target,
        };
        FileError { step, path: path.clone(), source, left: None }
    }
}

/// For writers that want a [`Write`]; the error is a [`FileError`] inside.
impl<D: Disk> Write for PendingFile<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::write(self, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// Replaces `target` by these contents, or makes it.
///
/// # Errors
/// The step that failed; see [`PendingFile::commit`].
pub fn write_whole(target: &Path, contents: &[u8]) -> Result<(), FileError> {
    write_whole_to(OsDisk, target, contents)
}

/// The same, on this disk.
///
/// # Errors
/// The step that failed; see [`PendingFile::commit`].
pub fn write_whole_to<D: Disk>(disk: D, target: &Path, contents: &[u8]) -> Result<(), FileError> {
    let mut pending = PendingFile::create(disk, target)?;
    pending.keep_permissions()?;
    pending.write(contents)?;
    pending.commit()
}

/// Moves a file or a folder out of the way; a file at `to` is replaced.
///
/// # Errors
/// [`Step::MoveAside`]; both are then as they were.
pub fn move_aside(from: &Path, to: &Path) -> Result<(), FileError> {
    OsDisk.rename(from, to).map_err(|source| FileError {
        step: Step::MoveAside,
        path: from.to_owned(),
        source,
        left: None,
    })
}

/// Opens a file for reading.
///
/// # Errors
/// As the system says.
pub fn open(path: &Path) -> io::Result<File> {
    patiently(|| File::open(path))
}

/// Opens a file to change it in place, or makes it.
///
/// # Errors
/// As the system says.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    patiently(|| File::options().write(true).create(true).truncate(false).open(path))
}

/// Deletes a file that is not needed any more.
///
/// # Errors
/// As the system says.
pub fn remove(path: &Path) -> io::Result<()> {
    OsDisk.remove(path)
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
    let numbers = stem.and_then(|stem| stem.strip_prefix(TEMPORARY)?.split_once('-'));
    numbers.is_some_and(|(pid, nth)| digits(pid) && digits(nth))
}

fn is_in_use(path: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(path) else { return true };
    // Where locks are not supported nobody can tell, and so nothing is deleted.
    file.try_lock().is_err()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
