//! How the Windows programs end: by Ctrl-C in a console, and with the user's session.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::support::{Client, windows};
use super::window::{PORTS, Screen, missing, start_cluster};
use super::{Program, ask, free_block, until, until_streaming, until_within};

/// What Windows gives a program at the end of the session.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The end may only be waited for from here, so Wine's own time to stop a program counts too.
const SLOW_WINE: Duration = Duration::from_secs(10);

#[track_caller]
fn assert_saved(folder: &Path, port: u16) {
    let dump = std::fs::read(folder.join(port.to_string()).join("dump.rdb")).unwrap();
    assert!(memchr::memmem::find(&dump, b"greeting").is_some(), "{port} has saved something else");
}

/// Starts a program in a terminal, which passes on what is typed.
fn in_terminal(command: &Command) -> Program {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
    let line: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    // With `exec`: a shell that stays between the two would be ended by the same Ctrl-C, and its status would hide the
    // program's own; some shells stay and some do not.
    let line = format!("exec {}", line.join(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    Program(script.stdin(Stdio::piped()).stdout(Stdio::null()).env("TERM", "xterm").spawn().unwrap())
}

/// Runs a cluster in a terminal, types Ctrl-C there, and gives what the terminal then says of the program's end.
fn end_by_ctrl_c(folder: &Path, port: u16) -> ExitStatus {
    let mut up = windows::command("repliscope.com");
    up.args(["up", "--port", &port.to_string(), "--dir", &windows::path(folder)]);
    let mut terminal = in_terminal(&up);
    until_streaming(port, &[port + 1, port + 2]);
    assert_eq!(ask(port, "SET greeting hello").unwrap(), "OK");
    let begun = Instant::now();
    terminal.0.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    until_within(END_WITHIN, "the program ends", || terminal.has_ended());
    println!("ended {:.1?} after Ctrl-C", begun.elapsed());
    terminal.0.wait().unwrap()
}

#[test]
fn ctrl_c_in_a_console_saves_and_ends() {
    if missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_block();
    let mut status = end_by_ctrl_c(folder.path(), port);
    if !status.success() && windows::is_wine() {
        // Wine makes the terminal's SIGINT a thread of the program within the signal's handler, which can break
        // whatever it interrupts: seen once in some hundred runs. Two such accidents in a row would be ours.
        println!("{status}: once more");
        status = end_by_ctrl_c(folder.path(), port);
    }
    assert!(status.success(), "{status}");
    assert_eq!(ask(port, "PING"), None, "no node outlives it");
    assert_saved(folder.path(), port);
}

/// Ends the Windows session, as the user's log-off does; every program of the test's Wine hears of it.
fn end_session(screen: &Screen) {
    let mut end = windows::run(Path::new("wineboot"));
    end.env("DISPLAY", screen.display());
    assert!(end.arg("--end-session").stderr(Stdio::null()).status().unwrap().success());
}

fn has_ended(port: u16) -> bool {
    Client::try_connect(port).is_err()
}

#[test]
fn the_end_of_the_session_saves_what_runs_in_a_console() {
    if missing() || !windows::is_wine() {
        return;
    }
    let screen = Screen::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let port = free_block();
    let mut up = windows::command("repliscope.com");
    up.args(["up", "--port", &port.to_string(), "--dir", &windows::path(folder.path())]);
    let mut up = Program::start(up.env("DISPLAY", screen.display()).stdout(Stdio::null()));
    until_streaming(port, &[port + 1, port + 2]);
    assert_eq!(ask(port, "SET greeting hello").unwrap(), "OK");
    let begun = Instant::now();
    end_session(&screen);
    until_within(SLOW_WINE, "the program ends", || up.has_ended());
    println!("ended {:.1?} after the session's end began", begun.elapsed());
    until("no node outlives it", || has_ended(port));
    assert_saved(folder.path(), port);
}

/// Where the window keeps its clusters: Wine has one user only.
fn data_of_the_window() -> PathBuf {
    let prefix = PathBuf::from(std::env::var_os("WINEPREFIX").unwrap());
    let users = std::fs::read_dir(prefix.join("drive_c/users")).unwrap();
    let folders = users.map(|user| user.unwrap().path().join("AppData/Local/repliscope/data/cluster"));
    folders.into_iter().find(|folder| folder.exists()).unwrap()
}

#[test]
fn the_end_of_the_session_saves_the_cluster_of_the_window() {
    if missing() || !windows::is_wine() {
        return;
    }
    let screen = Screen::start(&[]);
    let mut program = screen.program(&[]);
    start_cluster(&screen, &mut program);
    assert_eq!(ask(PORTS[0], "SET greeting hello").unwrap(), "OK");
    let begun = Instant::now();
    end_session(&screen);
    until_within(SLOW_WINE, "the program ends", || program.has_ended());
    println!("ended {:.1?} after the session's end began", begun.elapsed());
    until("no node outlives it", || PORTS.into_iter().all(has_ended));
    assert_saved(&data_of_the_window(), PORTS[0]);
}
