//! Data in a folder of any name: spaces, other alphabets, longer than Windows' old limit of 260 characters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::server::free_port;
use super::support::{Client, Program, SOON, Server};

/// A node as a process.
struct Node {
    program: Program,
    port: u16,
}

impl Node {
    /// `repliscope server` with these arguments and a free port, once it serves.
    #[track_caller]
    fn serve(set: impl Fn(&mut Command), log: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_repliscope"));
        command.arg("server");
        set(&mut command);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--enable-protected-configs", "local"]);
        let log = fs::File::create(log).unwrap();
        command.stderr(log.try_clone().unwrap()).stdout(log).stdin(Stdio::null());
        let program = Self { program: Program::start(&mut command), port };
        let deadline = Instant::now() + SOON;
        while Client::try_connect(port).is_err() {
            assert!(Instant::now() < deadline, "it does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
        program
    }

    #[track_caller]
    fn ask(&self, words: &[&str]) -> String {
        Client::connect(self.port).ask(words).text()
    }

    #[track_caller]
    fn shut_down(mut self, word: &str) {
        let _ = Client::connect(self.port).try_ask(&[b"SHUTDOWN", word.as_bytes()]);
        assert!(self.program.0.wait().unwrap().success());
    }

    #[track_caller]
    fn save_in_background(&self) {
        assert!(self.ask(&["BGSAVE"]).contains("Background saving started"));
        let deadline = Instant::now() + SOON;
        while !self.ask(&["INFO", "persistence"]).contains("rdb_bgsave_in_progress:0") {
            assert!(Instant::now() < deadline, "the save goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(self.ask(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:ok"));
    }
}

/// A folder whose path is longer than 300 characters.
fn deep(root: &Path, last: &str) -> PathBuf {
    let mut path = root.join("Jürgen Müller 数据").join("it's");
    for letter in ["a", "b", "c"] {
        path.push(letter.repeat(95));
    }
    path.push(last);
    fs::create_dir_all(&path).unwrap();
    // As the server shows it: without links and dots.
    let path = if cfg!(windows) { std::path::absolute(path) } else { path.canonicalize() }.unwrap();
    assert!(path.as_os_str().len() > 300);
    path
}

#[test]
fn a_folder_with_a_long_name_in_several_alphabets_holds_a_nodes_data() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    let (first, second) = (deep(root.path(), "one"), deep(root.path(), "two"));
    let in_first = |command: &mut Command| {
        command.arg("--dir").arg(&first);
    };

    let program = Node::serve(in_first, &log);
    assert!(program.ask(&["CONFIG", "GET", "dir"]).contains(first.to_str().unwrap()));
    assert_eq!(program.ask(&["SET", "k", "1"]), "OK");
    program.save_in_background();
    assert!(first.join("dump.rdb").exists());
    program.shut_down("NOSAVE");

    let program = Node::serve(in_first, &log);
    assert_eq!(program.ask(&["GET", "k"]), "1", "{}", fs::read_to_string(&log).unwrap());
    assert_eq!(program.ask(&["CONFIG", "SET", "dir", second.to_str().unwrap()]), "OK");
    assert_eq!(program.ask(&["SET", "k", "2"]), "OK");
    program.shut_down("SAVE");
    assert!(second.join("dump.rdb").exists());

    // The configuration file lies in one such folder and names the other, in quotes.
    let config = first.join("redis.conf");
    let escaped = second.to_str().unwrap().replace('\\', "\\\\");
    fs::write(&config, format!("# mine\nDir \"{escaped}\"\nmaxclients 100\n")).unwrap();
    for round in ["2", "3"] {
        let program = Node::serve(
            |command| {
                command.arg(&config);
            },
            &log,
        );
        assert!(program.ask(&["CONFIG", "GET", "dir"]).contains(second.to_str().unwrap()), "round {round}");
        assert_eq!(program.ask(&["GET", "k"]), round);
        assert_eq!(program.ask(&["CONFIG", "REWRITE"]), "OK");
        assert_eq!(
            program.ask(&["INCR", "k"]).trim_start_matches(':'),
            (round.parse::<u64>().unwrap() + 1).to_string()
        );
        program.shut_down("SAVE");
    }
    assert!(fs::read_to_string(&config).unwrap().starts_with("# mine\ndir \""));
    assert_eq!(fs::read_dir(&second).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn a_name_that_the_system_cannot_have_is_refused_with_the_reason() {
    let root = tempfile::tempdir().unwrap();
    let program = Node::serve(
        |command| {
            command.arg("--dir").arg(root.path());
        },
        &root.path().join("log"),
    );
    for name in ["nul.rdb", "dump.rdb.", "dump:1"] {
        let reply = program.ask(&["CONFIG", "SET", "dbfilename", name]);
        if cfg!(windows) {
            assert!(reply.contains("on Windows"), "{name}: {reply}");
        } else {
            assert_eq!(reply, "OK", "{name} works here");
        }
    }
    assert!(program.ask(&["CONFIG", "SET", "dbfilename", "a/b"]).contains("can't be a path"));
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_refused_and_not_a_crash() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::process::CommandExt as _;
    let wrong = std::ffi::OsStr::from_bytes(b"--dir=\xff");
    for name in ["repliscope", "redis-server"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_repliscope"));
        command.arg0(name);
        if name == "repliscope" {
            command.arg("server");
        }
        let output = command.arg(wrong).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(
            !told.contains("panicked") && (told.to_lowercase().contains("utf-8") || told.contains("Unicode")),
            "{told}"
        );
    }
}

#[test]
fn half_a_file_that_a_killed_save_left_behind_goes_at_the_next_start() {
    let mut server = Server::node(&[]);
    server.kill();
    let (ours, not_ours) = (server.dir().join("repliscope-temp-1-2.rdb"), server.dir().join("temp-1-2.rdb"));
    fs::write(&ours, "REDIS0010").unwrap();
    fs::write(&not_ours, "REDIS0010").unwrap();
    server.restart(&[]);
    assert!(!ours.exists() && not_ours.exists(), "{}", server.journal());
}
