//! Whole labs on real sockets, with redis-server processes as their nodes.

#![allow(clippy::unwrap_used)]

mod failover;
mod faults;
mod life;
pub(super) mod process;

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::ports::tests::free_block;
use super::runner::Runner;
use super::thread::start_with;
use super::*;
use crate::node::NodeEvent;
use process::RedisServers;

const SOON: Duration = Duration::from_secs(15);

/// A running lab and everything it told so far.
struct Bench {
    parts: LabClientParts,
    seen: Vec<Entry>,
    port: u16,
    data_dir: tempfile::TempDir,
}

impl Bench {
    fn new(ports: u16) -> Self {
        Self::with_runner(ports, Box::new(RedisServers))
    }

    fn with_runner(ports: u16, runner: Box<dyn Runner>) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let options =
            LabOptions { data_dir: data_dir.path().to_owned(), keep_data: false, asks_before_wipe: true };
        let parts = start_with(|| {}, options, runner).unwrap();
        Self { parts, seen: Vec::new(), port: free_block(ports), data_dir }
    }

    /// A cluster of which every node answers and every replica is online.
    fn with_cluster(preset: Preset, nodes: u16) -> Self {
        let mut bench = Self::new(nodes + 1);
        bench.ask(LabCommand::StartCluster { preset, port: bench.port });
        for node in 1..=nodes {
            bench.until(
                "every node answers",
                |event| matches!(event, Event::Answering { node: NodeId(n) } if *n == node),
            );
        }
        for port in bench.port + 1..bench.port + nodes {
            bench.until_redis(port, &["INFO", "replication"], "master_link_status:up");
        }
        bench
    }

    fn ask(&self, command: LabCommand) {
        self.parts.commands.try_send(command).unwrap();
    }

    /// Waits for an entry that `wanted` accepts, among those seen already too; the journal is the message when
    /// it does not come.
    fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Entry {
        self.until_after(0, what, wanted)
    }

    /// The same, among the entries from `from` on.
    fn until_after(&mut self, from: usize, what: &str, wanted: impl Fn(&Event) -> bool) -> Entry {
        let deadline = Instant::now() + SOON;
        let mut at = from;
        loop {
            while at < self.seen.len() {
                if wanted(&self.seen[at].event) {
                    return self.seen[at].clone();
                }
                at += 1;
            }
            match self.parts.entries.recv_deadline(deadline) {
                Ok(entry) => self.seen.push(entry),
                Err(error) => panic!("{what}: {error}; journal:\n{}", self.journal()),
            }
        }
    }

    /// Everything told so far; a place to look from.
    fn now(&mut self) -> usize {
        self.seen.extend(self.parts.entries.try_iter());
        self.seen.len()
    }

    fn journal(&self) -> String {
        let chatter = |event: &Event| {
            matches!(event, Event::Node { event: NodeEvent::Log { .. }, .. } | Event::Sample { .. })
        };
        let lines = self.seen.iter().filter(|entry| !chatter(&entry.event));
        let lines: Vec<_> = lines.map(|entry| format!("{:?} {:?}", entry.at, entry.event)).collect();
        lines.join("\n")
    }

    fn notice(&mut self, from: usize, text: &str) -> Entry {
        self.until_after(
            from,
            text,
            |event| matches!(event, Event::Notice { text: told, .. } if told.contains(text)),
        )
    }

    fn node_event(&mut self, from: usize, node: u16, what: &str, wanted: impl Fn(&NodeEvent) -> bool) {
        self.until_after(
            from,
            what,
            |event| matches!(event, Event::Node { node: NodeId(n), event } if *n == node && wanted(event)),
        );
    }

    fn until_redis(&mut self, port: u16, args: &[&str], wanted: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let answer = redis(port, args);
            if answer.contains(wanted) {
                return answer;
            }
            self.now();
            assert!(Instant::now() < deadline, "{wanted} in {answer}; journal:\n{}", self.journal());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn until_conf(&mut self, port: u16, line: &str) {
        let path = self.data_dir.path().join(port.to_string()).join("redis.conf");
        let deadline = Instant::now() + SOON;
        while !std::fs::read_to_string(&path).unwrap().contains(line) {
            assert!(Instant::now() < deadline, "{line} in {}", path.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(mut self) -> Vec<Entry> {
        let begun = Instant::now();
        assert!(
            self.parts.handle.shutdown(Duration::from_secs(3)),
            "the lab did not end; {}",
            self.journal()
        );
        assert!(begun.elapsed() < Duration::from_secs(3));
        self.now();
        for port in self.port..self.port + 3 {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} is still served");
        }
        std::mem::take(&mut self.seen)
    }
}

/// What redis-cli prints.
fn redis(port: u16, args: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A figure of INFO.
fn figure(port: u16, field: &str) -> u64 {
    let info = redis(port, &["INFO", "all"]);
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap_or_else(|| panic!("{field} in {info}")).trim().parse().unwrap()
}
