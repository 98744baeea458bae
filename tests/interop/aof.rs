//! Append-only files that one kind of server wrote and the other reads.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::support::data::{fill, fill_collections, write_all_forms};
use super::support::server::Kind;
use super::support::{Server, missing, until};

/// Puts the append-only file of a server that has ended into the folder of another one, and starts that with it.
fn hand_over(from: &Server, to: &mut Server) {
    to.kill();
    let [from, into] = [from, &*to].map(|server| server.dir().join("appendonlydir"));
    let _ = fs::remove_dir_all(&into);
    fs::create_dir(&into).unwrap();
    for entry in fs::read_dir(&from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, into.join(path.file_name().unwrap())).unwrap();
    }
    to.restart(&[("appendonly", "yes")]);
}

#[test]
fn each_kind_reads_what_the_other_wrote_and_goes_on_with_it() {
    if missing("redis-server") || missing("redis-check-rdb") {
        return;
    }
    for (writer, reader) in [(Kind::Process, Kind::Redis), (Kind::Redis, Kind::Process)] {
        for preamble in ["yes", "no"] {
            let rewritten = format!("aof-use-rdb-preamble {preamble}");
            let directives = ["appendonly yes", "appendfsync always", rewritten.as_str()];
            let mut first = Server::start(writer, &directives);
            fill(&first);
            fill_collections(&first);
            first.ask("BGREWRITEAOF");
            until("the file is rewritten", &[&first], || {
                first.info("aof_rewrite_in_progress") == "0"
                    && first.info("aof_last_bgrewrite_status") == "ok"
            });
            write_all_forms(&first, 1);
            let wanted = first.digest();
            first.kill();
            let mut second = Server::start(reader, &[&directives[1..], &["appendonly no"]].concat());
            hand_over(&first, &mut second);
            assert_eq!(second.digest(), wanted, "{writer:?} {preamble}");
            write_all_forms(&second, 2);
            let wanted = second.digest();
            second.kill();
            check(&second.dir().join("appendonlydir/appendonly.aof.manifest"));
            hand_over(&second, &mut first);
            assert_eq!(first.digest(), wanted, "and back");
        }
    }
}

#[test]
fn redis_own_tool_takes_a_file_back_to_a_time_that_was_noted_in_it() {
    if missing("redis-check-rdb") {
        return;
    }
    for preamble in ["yes", "no"] {
        let rewritten = format!("aof-use-rdb-preamble {preamble}");
        let mut server = Server::node(&["appendonly yes", "aof-timestamp-enabled yes", &rewritten]);
        server.ask("SET k first");
        server.ask("BGREWRITEAOF");
        until("the file is rewritten", &[&server], || server.number("aof_rewrites") == 1);
        let folder = server.dir().join("appendonlydir");
        let manifest = folder.join("appendonly.aof.manifest");
        if preamble == "no" {
            let base = fs::read(folder.join("appendonly.aof.2.base.aof")).unwrap();
            assert!(base.starts_with(b"#TS:"), "{}", base.escape_ascii());
        }
        server.ask("SET k early");
        let early = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        sleep(Duration::from_millis(1200));
        // Also where the option is switched on while the node serves.
        server.ask("CONFIG SET aof-timestamp-enabled no");
        server.ask("SET k unnoted");
        server.ask("CONFIG SET aof-timestamp-enabled yes");
        server.ask("SET k late");
        server.kill();
        check(&manifest);
        let mut tool = std::process::Command::new("redis-check-aof");
        tool.arg("--truncate-to-timestamp").arg(early.to_string()).arg(&manifest);
        let (ok, text) = super::support::finished(&mut tool);
        assert!(ok && text.contains("Successfully truncated AOF"), "{text}");
        server.restart(&[]);
        assert_eq!(server.ask("GET k"), "unnoted", "{text}");
    }
}

/// Redis' own tool finds nothing wrong.
fn check(manifest: &Path) {
    let (ok, text) = super::support::finished(std::process::Command::new("redis-check-aof").arg(manifest));
    assert!(ok && text.contains("All AOF files and manifest are valid"), "{text}");
}
