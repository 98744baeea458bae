#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::sync::Mutex;

use super::*;
use crate::lab::ports::tests::free_block;
use crate::lab::runner::{OnEvent, RunningNode};
use crate::lab::tests::process::{RedisServers, redis_is_installed};

/// A terminal that the test can read while `up` runs.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    async fn shows(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while !self.text().contains(text) {
            assert!(Instant::now() < deadline, "{text} in {}", self.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options(dir: &tempfile::TempDir, port: u16, json: bool) -> UpOptions {
    UpOptions { replicas: 2, port, dir: Some(dir.path().to_owned()), keep_data: false, json }
}

#[test]
fn endpoints_come_first_and_each_node_has_a_line_until_it_ends() {
    if !redis_is_installed("up") {
        return;
    }
    let (dir, port, screen) = (tempfile::tempdir().unwrap(), free_block(3), Screen::default());
    let seen = screen.clone();
    let end = async move || {
        seen.shows("master, 2 of 2 replicas online").await;
        seen.shows(&format!("n3  {}  up  replica of 127.0.0.1:{port}, link up", port + 2)).await;
    };
    up_with(options(&dir, port, false), Box::new(RedisServers), &mut screen.clone(), end).unwrap();
    let text = screen.text();
    assert!(
        text.starts_with(&format!("n1  127.0.0.1:{port}  master\nn2  127.0.0.1:{}  replica\n", port + 1)),
        "{text}"
    );
    let ended: Vec<_> = text.lines().filter(|line| line.ends_with("stopped")).collect();
    assert_eq!(ended.len(), 3, "{text}");
    assert!(ended[2].starts_with("n1"), "the master ends last: {text}");
}

#[test]
fn json_begins_with_the_endpoints_and_every_line_is_an_entry() {
    if !redis_is_installed("up --json") {
        return;
    }
    let (dir, port, screen) = (tempfile::tempdir().unwrap(), free_block(3), Screen::default());
    let seen = screen.clone();
    let end = async move || seen.shows("\"Sample\"").await;
    up_with(options(&dir, port, true), Box::new(RedisServers), &mut screen.clone(), end).unwrap();
    let text = screen.text();
    let mut lines = text.lines();
    let first: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(first["endpoints"][2]["port"], port + 2);
    assert_eq!(first["endpoints"][0]["role"], "master");
    let entries: Vec<Entry> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.iter().map(|entry| entry.seq).eq(0..entries.len() as u64));
    assert_eq!(entries.last().unwrap().event, Event::ClusterStopped);
}

#[test]
fn a_taken_port_is_named_with_its_holder_and_the_next_free_block() {
    let (dir, port, screen) = (tempfile::tempdir().unwrap(), free_block(8), Screen::default());
    let _held = TcpListener::bind(("127.0.0.1", port + 1)).unwrap();
    let forever = std::future::pending::<()>;
    let error =
        up_with(options(&dir, port, false), Box::new(Embedded), &mut screen.clone(), forever).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("port {} is taken by", port + 1)), "{text}");
    assert!(text.contains(&format!("try --port {}", port + 2)), "{text}");
    assert_eq!(screen.text(), "");
}

/// Nodes that never start.
struct Refusing;

impl Runner for Refusing {
    fn start(&self, _: PathBuf, _: bool, _: OnEvent) -> io::Result<Box<dyn RunningNode>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn a_cluster_that_cannot_start_is_an_error_and_no_endless_wait() {
    let (dir, port, screen) = (tempfile::tempdir().unwrap(), free_block(3), Screen::default());
    let forever = std::future::pending::<()>;
    let error =
        up_with(options(&dir, port, true), Box::new(Refusing), &mut screen.clone(), forever).unwrap_err();
    assert!(matches!(&error, HeadlessError::Refused(text) if text.contains("n1")), "{error}");
    assert_eq!(screen.text(), "");
}

#[cfg(unix)]
#[test]
fn sigterm_is_a_wish_to_end_and_no_crash() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let end = asked_to_end();
        tokio::pin!(end);
        // The first look at it installs the handlers.
        let early = tokio::time::timeout(Duration::from_millis(50), &mut end).await;
        assert!(early.is_err(), "nobody asked yet");
        let pid = std::process::id().to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        tokio::time::timeout(Duration::from_secs(5), end).await.unwrap();
    });
}
