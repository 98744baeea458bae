//! A real redis-server beside ours: the same requests, the same replies, the same stream.
//!
//! Skipped where none is installed, unless `REPLISCOPE_REQUIRE_REDIS=1` says that this is a failure.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use super::harness::{shown, stream_line};
use crate::commands::effects::encode_command;
use crate::protocol::split_inline;

/// A redis-server of our own, with a client and a replica's ear at its stream.
pub(super) struct Real {
    process: Child,
    client: BufReader<UnixStream>,
    tap: BufReader<UnixStream>,
    tap_db: usize,
    marks: u64,
    _dir: TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a request came to.
pub(super) struct Outcome {
    pub(super) reply: Vec<u8>,
    pub(super) stream: Vec<String>,
}

impl Real {
    /// Starts one; `None`, with the reason printed, where there is none of the version that we follow.
    pub(super) fn start() -> Option<Self> {
        let required = std::env::var_os("REPLISCOPE_REQUIRE_REDIS").is_some_and(|value| value == "1");
        let version = Command::new("redis-server").arg("--version").output();
        if !version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains(" v=7.0.")) {
            assert!(!required, "redis-server 7.0 is required, and not installed");
            let _ = writeln!(std::io::stderr(), "skipped: redis-server 7.0 is not installed");
            return None;
        }
        let dir = TempDir::new().unwrap();
        let socket = dir.path().join("socket");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--repl-diskless-sync", "no"]);
        command.args(["--repl-ping-replica-period", "3600", "--enable-debug-command", "yes"]);
        command.arg("--unixsocket").arg(&socket).arg("--dir").arg(dir.path());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let connect = || loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break BufReader::new(stream),
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let (client, tap) = (connect(), connect());
        let mut real = Self { process, client, tap, tap_db: 0, marks: 0, _dir: dir };
        real.tap.get_mut().write_all(b"SYNC\r\n").unwrap();
        skip_snapshot(&mut real.tap);
        assert_eq!(shown(&real.ask("DEBUG SET-ACTIVE-EXPIRE 0").reply), "+OK");
        Some(real)
    }

    /// Sends an inline request.
    pub(super) fn ask(&mut self, line: &str) -> Outcome {
        let words = split_inline(line.as_bytes()).unwrap();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.ask_words(&words)
    }

    /// Sends a request, and behind it a message that shows where its part of the stream ends.
    pub(super) fn ask_words(&mut self, words: &[&[u8]]) -> Outcome {
        self.marks += 1;
        let mark = self.marks.to_string();
        let mut request = Vec::new();
        encode_command(&mut request, words);
        encode_command(&mut request, &[b"PUBLISH", b"mark", mark.as_bytes()]);
        self.client.get_mut().write_all(&request).unwrap();
        let reply = read_frame(&mut self.client);
        read_frame(&mut self.client);
        let mut stream = Vec::new();
        loop {
            let frame = read_frame(&mut self.tap);
            let line = stream_line(0, &frame);
            if line == format!("PUBLISH mark {mark}") {
                return Outcome { reply, stream };
            }
            if let Some(db) = line.strip_prefix("SELECT ") {
                self.tap_db = db.parse().unwrap();
            } else if line != "MULTI" && line != "EXEC" {
                stream.push(stream_line(self.tap_db, &frame));
            }
        }
    }
}

/// The clock of the real server.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn skip_snapshot(tap: &mut impl BufRead) {
    let mut line = String::new();
    while line.trim().is_empty() {
        line.clear();
        tap.read_line(&mut line).unwrap();
    }
    let len = line.trim().strip_prefix('$').unwrap().parse().unwrap();
    let mut snapshot = vec![0; len];
    tap.read_exact(&mut snapshot).unwrap();
}

/// One reply or command, as its bytes.
fn read_frame(from: &mut impl BufRead) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut frames_left = 1;
    while frames_left > 0 {
        frames_left -= 1;
        let start = frame.len();
        from.read_until(b'\n', &mut frame).unwrap();
        let line = std::str::from_utf8(&frame[start + 1..frame.len() - 2]).unwrap_or("0");
        let number: i64 = line.parse().unwrap_or(0);
        match frame[start] {
            b'$' if number >= 0 => {
                let end = frame.len() + number as usize + 2;
                let at = frame.len();
                frame.resize(end, 0);
                from.read_exact(&mut frame[at..]).unwrap();
            }
            b'*' | b'~' | b'>' => frames_left += number.max(0),
            b'%' => frames_left += number.max(0) * 2,
            _ => {}
        }
    }
    frame
}

/// The parts of an array, a set or a map, each as its bytes.
pub(super) fn elements(frame: &[u8]) -> Vec<Vec<u8>> {
    let end = frame.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let count: usize = std::str::from_utf8(&frame[1..end - 2]).unwrap().parse().unwrap();
    let mut rest = &frame[end..];
    (0..if frame[0] == b'%' { count * 2 } else { count }).map(|_| read_frame(&mut rest)).collect()
}

#[test]
fn the_cases_are_what_a_real_server_does() {
    let Some(mut real) = Real::start() else { return };
    let mut group = "";
    let mut wrong = Vec::new();
    for case in super::cases::all() {
        if case.group != group {
            real.ask("FLUSHALL");
            group = case.group;
        }
        let now = now();
        let outcome = real.ask(case.request);
        let parts = [(case.reply, shown(&outcome.reply)), (case.stream, outcome.stream.join("; "))];
        for (expected, actual) in parts {
            if !super::cases::fits(expected, &actual, now, 1500) {
                wrong.push(format!("{group}: {}\n  expected {expected}\n  got      {actual}", case.request));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
