//! The Windows programs: where they are, and what starts them on this system.
//!
//! `REPLISCOPE_WINDOWS` names the folder with `repliscope.exe` (the window) and `repliscope.com` (the console).
//! Elsewhere than on Windows `REPLISCOPE_WINE` names the Wine that runs them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the programs; `None`, with a word about it, when there is none.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("REPLISCOPE_WINDOWS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: REPLISCOPE_WINDOWS does not say where the Windows programs are");
    }
    folder
}

/// Whether the programs are missing, with a word about it.
pub fn missing() -> bool {
    folder().is_none()
}

fn wine() -> Option<OsString> {
    std::env::var_os("REPLISCOPE_WINE").filter(|_| !cfg!(windows))
}

/// Whether the programs run under Wine.
pub fn is_wine() -> bool {
    wine().is_some()
}

/// A command that runs one of the two programs.
#[track_caller]
pub fn command(program: &str) -> Command {
    run(&folder().unwrap().join(program))
}

/// A command that runs a Windows program.
pub fn run(program: &Path) -> Command {
    match wine() {
        Some(wine) => {
            let mut command = Command::new(wine);
            // A name alone is one of Wine's own programs.
            let is_path = program.components().count() > 1;
            command.arg(if is_path { path(program) } else { program.display().to_string() });
            command
        }
        None => Command::new(program),
    }
}

/// Makes the next program see the screen that is there then, and its window as at the first start.
///
/// Wine keeps serving for some seconds behind its last program and knows one screen as long; a window comes back in
/// its last size. On Windows itself nothing is changed: the window there is the user's.
pub fn forget_screen() {
    let (Some(wine), Some(prefix)) = (wine(), std::env::var_os("WINEPREFIX")) else { return };
    // Only a prefix that `.ci/windows` made is there to be ended and emptied.
    assert!(Path::new(&prefix).join(".complete").exists(), "WINEPREFIX is not a prefix for tests");
    for order in ["-k", "-w"] {
        let server = Path::new(&wine).with_file_name("wineserver64");
        // It fails when none is running.
        let _ = Command::new(server).arg(order).status();
    }
    let users = std::fs::read_dir(Path::new(&prefix).join("drive_c/users"));
    for user in users.into_iter().flatten().flatten() {
        // Only one user has it.
        let _ = std::fs::remove_dir_all(user.path().join("AppData/Roaming/repliscope"));
    }
}

/// A path as a Windows program reads it: under Wine the root of the files is drive Z.
pub fn path(path: &Path) -> String {
    match wine() {
        Some(_) => format!("Z:{}", path.display()).replace('/', "\\"),
        None => path.display().to_string(),
    }
}
