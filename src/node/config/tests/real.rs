//! A real redis-server 7.0 to compare with.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::Config;

/// Whether there is a redis-server 7.0; a run that needs one says so by `REPLISCOPE_REQUIRE_REDIS=1`.
pub(super) fn redis_is_missing() -> bool {
    let version = Command::new("redis-server").arg("--version").output();
    let known = version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("v=7.0."));
    let required = std::env::var("REPLISCOPE_REQUIRE_REDIS").is_ok_and(|value| value == "1");
    assert!(known || !required, "REPLISCOPE_REQUIRE_REDIS=1, and no redis-server 7.0 can be run");
    if !known {
        eprintln!("skipped: no redis-server 7.0 on this machine");
    }
    !known
}

/// A real server and one connection to it; it ends with the test.
pub(super) struct Real {
    server: Child,
    stream: BufReader<TcpStream>,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Real {
    pub(super) fn start(folder: &Path, port: u16, args: &[&str]) -> Self {
        let server = Command::new("redis-server")
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "redis-server does not serve: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { server, stream: BufReader::new(stream) }
    }

    /// The reply as lines: one for OK or an error, one per element of an array.
    pub(super) fn ask(&mut self, args: &[&str]) -> Vec<String> {
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            request.extend(format!("${}\r\n{arg}\r\n", arg.len()).into_bytes());
        }
        self.stream.get_mut().write_all(&request).unwrap();
        let head = self.line();
        match head.as_bytes()[0] {
            b'*' => (0..head[1..].parse().unwrap()).map(|_| self.bulk()).collect(),
            _ => vec![head[1..].to_owned()],
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the connection was closed");
        line.trim_end().to_owned()
    }

    fn bulk(&mut self) -> String {
        let length: usize = self.line()[1..].parse().unwrap();
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    pub(super) fn config_get(&mut self, pattern: &str) -> BTreeMap<String, String> {
        let reply = self.ask(&["CONFIG", "GET", pattern]);
        reply.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    }
}

pub(super) fn get(config: &Config, pattern: &str) -> BTreeMap<String, String> {
    config.get(&[pattern.as_bytes()]).into_iter().collect()
}

/// Our reply to CONFIG SET as the real server would print it.
pub(super) fn set(config: &mut Config, pairs: &[&str]) -> String {
    let pairs: Vec<(&[u8], &[u8])> =
        pairs.chunks(2).map(|pair| (pair[0].as_bytes(), pair[1].as_bytes())).collect();
    config.set(&pairs).map_or_else(|error| error, |_| "OK".to_owned())
}
