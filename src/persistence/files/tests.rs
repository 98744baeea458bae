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
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
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
    let others = ["dump.rdb.unsaved", "repliscope-temp-1-2-3.rdb", "repliscope-temp-x-1.rdb", "temp-1-2.rdb"];
    for name in others.iter().chain(&["repliscope-temp-1-2.rdb", "dump.rdb"]) {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let pending = PendingFile::create(OsDisk, &directory.path().join("dump.rdb")).unwrap();
    let removed = remove_stale(directory.path()).unwrap();
    assert_eq!(removed, [directory.path().join("repliscope-temp-1-2.rdb")]);
    pending.commit().unwrap();
    assert_eq!(names_in(directory.path()), [&["dump.rdb"][..], &others].concat());
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

#[test]
fn a_file_that_is_held_for_a_moment_is_waited_for_and_another_error_is_not() {
    let held = |error: &io::Error| is_held_code(error.raw_os_error());
    for (code, fails, expected) in [(32, 3, Ok(())), (5, 9, Ok(())), (33, 10, Err(33)), (2, 1, Err(2))] {
        let (mut tries, mut paused) = (0, Duration::ZERO);
        let result = retry(
            held,
            |pause| paused += pause,
            || {
                tries += 1;
                if tries > fails { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
            },
        );
        assert_eq!(result.map_err(|error| error.raw_os_error().unwrap()), expected, "error {code}");
        assert!(paused < Duration::from_millis(1100), "{paused:?}");
        assert_eq!(paused.is_zero(), code == 2, "error {code}");
    }
}

#[test]
fn a_file_that_stays_held_is_told_with_what_to_do_and_where_the_new_contents_are() {
    let text = advice(true, Some(Path::new("dump.rdb.unsaved")));
    assert!(
        text.contains("virus scanner") && text.ends_with("the new contents are in dump.rdb.unsaved"),
        "{text}"
    );
    assert_eq!(advice(false, None), "");
}

#[test]
fn a_file_moved_aside_replaces_the_one_that_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("dump.rdb"), directory.path().join("dump.rdb.previous"));
    write_whole(&from, b"new").unwrap();
    write_whole(&to, b"old").unwrap();
    move_aside(&from, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "new");
    let error = move_aside(&from, &to).unwrap_err();
    assert_eq!((error.step, error.path.as_path()), (Step::MoveAside, from.as_path()));
}

#[cfg(windows)]
mod held {
    use std::fs::OpenOptions;
    use std::os::windows::fs::OpenOptionsExt as _;

    use super::*;

    /// As a program that lets nobody else at the file.
    fn hold(path: &Path) -> File {
        OpenOptions::new().read(true).share_mode(0).open(path).unwrap()
    }

    #[test]
    fn a_scanner_that_lets_go_in_time_stops_neither_writing_nor_reading() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("dump.rdb");
        write_whole(&target, b"old").unwrap();
        for action in ["replace", "open"] {
            let holder = hold(&target);
            let letting_go = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                drop(holder);
            });
            match action {
                "replace" => write_whole(&target, b"new").unwrap(),
                _ => drop(open(&target).unwrap()),
            }
            letting_go.join().unwrap();
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(names_in(directory.path()), ["dump.rdb"]);
    }

    #[test]
    fn a_file_that_nobody_lets_go_stays_and_the_newest_contents_stay_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("dump.rdb");
        write_whole(&target, b"old").unwrap();
        let holder = hold(&target);
        for contents in ["new", "newer"] {
            let error = write_whole(&target, contents.as_bytes()).unwrap_err();
            assert_eq!(error.step, Step::Rename);
            let left = error.left.clone().unwrap();
            assert_eq!(fs::read_to_string(&left).unwrap(), contents);
            assert!(error.to_string().contains("holds it open"), "{error}");
        }
        assert_eq!(names_in(directory.path()), ["dump.rdb", "dump.rdb.unsaved"], "only the newest");
        assert_eq!(remove_stale(directory.path()).unwrap(), [PathBuf::new(); 0]);
        drop(holder);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    }
}

/// Counts how often a file was synced.
#[derive(Debug, Clone, Default)]
struct CountingDisk(Rc<Cell<u32>>);

impl Disk for CountingDisk {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        OsDisk.create(path)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.0.set(self.0.get() + 1);
        OsDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        OsDisk.sync_directory(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove(path)
    }
}

#[test]
fn a_file_goes_to_the_disk_piece_by_piece_if_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let half = vec![0; PIECE as usize / 2];
    for (piecewise, syncs) in [(true, 3), (false, 1)] {
        let disk = CountingDisk::default();
        let pending = PendingFile::create(disk.clone(), &folder.path().join("file")).unwrap();
        let mut pending = pending.synced_piecewise(piecewise);
        for _ in 0..5 {
            pending.write(&half).unwrap();
        }
        pending.commit().unwrap();
        assert_eq!(disk.0.get(), syncs);
    }
}
