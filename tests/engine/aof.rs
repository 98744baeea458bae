//! The append-only file: what was acknowledged is there after a crash, and a damaged file is refused or cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use repliscope::node::{NodeEvent, NodeHandle, NodeOptions, StopReason};
use repliscope::store::Random;

use super::support::client::command;
use super::support::data::{fill_collections, write_all_forms};
use super::support::server::Kind;
use super::support::{Client, SOON, Server, until, until_equal};

const ON: &str = "appendonly yes";

/// Parts of the append-only file of a server, by name.
fn parts(server: &Server) -> Vec<String> {
    let folder = fs::read_dir(server.dir().join("appendonlydir")).unwrap();
    let mut names: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn part(server: &Server, name: &str) -> PathBuf {
    server.dir().join("appendonlydir").join(name)
}

fn rewrite(server: &Server) {
    let before = server.number("aof_rewrites");
    assert_eq!(server.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    until("the file is rewritten", &[server], || server.number("aof_rewrites") > before);
}

/// Why a node does not start in a folder.
pub fn refusal(dir: &Path, directives: &[(&str, &str)]) -> String {
    let mut all = vec![("appendonly", "yes"), ("bind", "127.0.0.1"), ("save", "")];
    all.extend(directives);
    all.push(("dir", dir.to_str().unwrap()));
    let directives = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (sender, events) = channel();
    let options = NodeOptions { directives, any_free_port: true, ..NodeOptions::default() };
    let _node = NodeHandle::start(options, move |event| drop(sender.send(event))).unwrap();
    loop {
        match events.recv_timeout(SOON).unwrap() {
            NodeEvent::Stopped(StopReason::FailedToStart(error)) => return error,
            NodeEvent::Ready { .. } => return "it started".to_owned(),
            _ => {}
        }
    }
}

#[test]
fn a_killed_node_comes_back_with_all_that_it_has_acknowledged() {
    for policy in ["always", "everysec", "no"] {
        let mut server = Server::node(&[ON, &format!("appendfsync {policy}")]);
        fill_collections(&server);
        write_all_forms(&server, 1);
        for _ in 0..3 {
            let before = server.digest();
            server.kill();
            server.restart(&[]);
            assert_eq!(server.digest(), before, "{policy}");
            server.ask("INCR restarts");
        }
        assert_eq!(server.ask("GET restarts"), "3");
    }
}

#[test]
fn a_rewritten_file_holds_the_same_data_in_either_form() {
    for preamble in ["yes", "no"] {
        let mut server = Server::node(&[ON, &format!("aof-use-rdb-preamble {preamble}")]);
        fill_collections(&server);
        for n in 0..300 {
            server.ask(&format!("RPUSH long element{n}"));
        }
        server.ask("SET k before");
        rewrite(&server);
        let suffix = if preamble == "yes" { "rdb" } else { "aof" };
        let names = [
            format!("appendonly.aof.2.base.{suffix}"),
            "appendonly.aof.2.incr.aof".into(),
            "appendonly.aof.manifest".into(),
        ];
        assert_eq!(parts(&server), names, "what was replaced is gone");
        server.ask("SET k after");
        let before = server.digest();
        assert_eq!(server.ask("DEBUG LOADAOF"), "OK");
        assert_eq!(server.digest(), before, "{preamble}");
        server.kill();
        server.restart(&[]);
        assert_eq!(server.digest(), before, "{preamble}");
        let mut client = server.client();
        client.ask(&["SELECT", "1"]);
        assert!(client.ask(&["XINFO", "CONSUMERS", "empty", "group"]).text().contains("nobody"));
        assert!(client.ask(&["XPENDING", "stream", "group", "-", "+", "9"]).text().contains("alice"));
    }
}

#[test]
fn writes_go_on_while_a_file_is_rewritten_and_none_is_lost_or_doubled() {
    let mut server = Server::node(&[ON, "appendfsync always"]);
    server.ask("DEBUG POPULATE 50000");
    let mut writers: Vec<_> = (0..3).map(|_| server.client()).collect();
    for round in 0..4 {
        rewrite_while(&server, || {
            for client in &mut writers {
                client.ask(&["INCR", "counter"]);
                client.ask(&["RPUSH", "list", "element"]);
            }
        });
        let before = (server.digest(), server.ask("GET counter"), server.ask("LLEN list"));
        server.kill();
        server.restart(&[]);
        let after = (server.digest(), server.ask("GET counter"), server.ask("LLEN list"));
        assert_eq!(after, before, "round {round}");
        assert_eq!(after.1, after.2);
        writers = (0..3).map(|_| server.client()).collect();
    }
}

fn rewrite_while(server: &Server, mut write: impl FnMut()) {
    let before = server.number("aof_rewrites");
    write();
    assert_eq!(server.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    while server.number("aof_rewrites") == before {
        write();
    }
}

#[test]
fn it_is_switched_on_and_off_while_the_node_serves() {
    let mut server = Server::node(&[]);
    fill_collections(&server);
    assert_eq!(server.info("aof_enabled"), "0");
    assert_eq!(server.ask("CONFIG SET appendonly yes"), "OK");
    server.ask("SET while switching");
    until("the first base is there", &[&server], || server.number("aof_rewrites") == 1);
    server.ask("SET after it");
    let before = server.digest();
    assert_eq!(server.ask("CONFIG SET appendonly no"), "OK");
    server.ask("SET this lost");
    server.kill();
    server.restart(&[("appendonly", "yes")]);
    assert_eq!(server.digest(), before);
    assert_eq!(server.info("aof_enabled"), "1");
}

#[test]
fn a_write_that_is_made_slow_is_in_the_file_before_it_is_answered() {
    let server = Server::node(&[ON, "appendfsync always"]);
    let path = part(&server, "appendonly.aof.1.incr.aof");
    assert_eq!(server.ask("DEBUG AOF-FLUSH-SLEEP 200000"), "OK");
    for key in ["a", "b"] {
        let (begun, before) = (Instant::now(), fs::metadata(&path).unwrap().len());
        assert_eq!(server.ask(&format!("SET {key} v")), "OK");
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert!(fs::metadata(&path).unwrap().len() > before);
    }
    assert_eq!(server.ask("DEBUG AOF-FLUSH-SLEEP 0"), "OK");
}

#[test]
fn switching_it_off_ends_a_rewrite_and_says_so() {
    let server = Server::node(&[ON]);
    server.ask("SET k v");
    server.ask("CONFIG SET rdb-key-save-delay 10000000");
    assert_eq!(server.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    assert_eq!(server.ask("CONFIG SET appendonly no"), "OK");
    assert!(server.journal().contains("Killing running AOF rewrite child"), "{}", server.journal());
    assert_eq!(server.info("aof_rewrite_in_progress"), "0");
}

#[test]
fn what_a_rewrite_replaces_is_kept_as_long_as_that_is_asked_for() {
    let mut server = Server::node(&[ON, "aof-disable-auto-gc yes"]);
    server.ask("SET k v");
    rewrite(&server);
    server.kill();
    server.restart(&[]);
    let of_first = |name: &String| name.contains(".1.");
    assert_eq!(parts(&server).iter().filter(|name| of_first(name)).count(), 2, "{:?}", parts(&server));
    let manifest = fs::read_to_string(part(&server, "appendonly.aof.manifest")).unwrap();
    assert_eq!(manifest.matches(" type h").count(), 2, "{manifest}");
    assert_eq!(server.ask("CONFIG SET aof-disable-auto-gc no"), "OK");
    assert_eq!(parts(&server).iter().filter(|name| of_first(name)).count(), 0, "{:?}", parts(&server));
}

#[test]
fn a_torn_end_is_cut_off_and_said() {
    let mut server = Server::node(&[ON]);
    for request in ["SET a 1", "SET b 2", "SET c 3"] {
        server.ask(request);
    }
    let mut client = server.client();
    for request in ["MULTI", "SET d 4", "SET e 5", "EXEC"] {
        client.send(&command(request));
        client.reply().unwrap();
    }
    server.kill();
    let path = part(&server, "appendonly.aof.1.incr.aof");
    let whole = fs::read(&path).unwrap();
    let exec = b"*1\r\n$4\r\nEXEC\r\n".len();
    for (cut, keys) in [(0, "5"), (1, "3"), (exec, "3"), (exec + 40, "3"), (exec + 80, "2")] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        if cut > 0 {
            let text = refusal(server.dir(), &[("aof-load-truncated", "no")]);
            assert!(text.starts_with("Unexpected end of file reading the append only file"), "{cut}: {text}");
        }
        server.restart(&[]);
        assert_eq!(server.ask("DBSIZE"), keys, "{cut} bytes cut");
        // The file goes on where its good part ends.
        server.ask("SET more 1");
        server.kill();
        server.restart(&[]);
        assert_eq!(server.ask("EXISTS more a"), "2", "{cut}");
        server.kill();
    }
}

#[test]
fn a_damaged_file_is_refused_and_names_its_place() {
    let mut server = Server::node(&[ON]);
    server.ask("SET a 1");
    server.ask("SET b 2");
    server.kill();
    let path = part(&server, "appendonly.aof.1.incr.aof");
    let good = fs::read(&path).unwrap();
    let set = b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n".len();
    for (what, bytes, wanted) in [
        ("zeros at the end", [&good[..], &[0; 100]].concat(), format!("at offset {}", good.len())),
        ("a wrong byte", good.iter().map(|b| if *b == b'b' { b'\n' } else { *b }).collect(), String::new()),
        (
            "a length",
            [&good[..good.len() - set], b"*3\r\n$9999999999\r\n"].concat(),
            "Bad file format".into(),
        ),
        (
            "a command",
            [&good[..], b"*1\r\n$4\r\nNOPE\r\n"].concat(),
            "Unknown command 'NOPE' reading the append only file appendonly.aof.1.incr.aof".into(),
        ),
    ] {
        fs::write(&path, &bytes).unwrap();
        let text = refusal(server.dir(), &[]);
        if what == "a wrong byte" {
            assert_eq!(text, "it started", "a byte of a key is as good as another");
            continue;
        }
        assert!(text.contains(&wanted), "{what}: {text}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{what}: the file is as it was");
    }
}

#[test]
fn a_manifest_that_is_none_or_is_missing_is_no_empty_data_set() {
    let mut server = Server::node(&[ON]);
    server.ask("SET a 1");
    server.kill();
    let manifest = part(&server, "appendonly.aof.manifest");
    let good = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, "file ../x seq 1 type b\n").unwrap();
    let text = refusal(server.dir(), &[]);
    assert!(text.contains("FATAL AOF MANIFEST FILE ERROR") && text.contains("at line 1"), "{text}");
    fs::write(&manifest, format!("{good}file more.aof seq 9 type i\n")).unwrap();
    let text = refusal(server.dir(), &[]);
    assert_eq!(text, "Unable to obtain the AOF file more.aof length. stat: No such file or directory");
    fs::remove_file(&manifest).unwrap();
    let text = refusal(server.dir(), &[]);
    assert!(text.contains("appendonly.aof.manifest is missing, but"), "{text}");
    fs::write(&manifest, good).unwrap();
    server.restart(&[]);
    assert_eq!(server.ask("GET a"), "1");
}

#[test]
fn a_first_start_that_was_killed_half_way_is_begun_again() {
    let mut server = Server::node(&[]);
    server.ask("SET from rdb");
    server.ask("SAVE");
    server.kill();
    // The base is there, its manifest and the first increment are not yet.
    let base = part(&server, "appendonly.aof.1.base.rdb");
    fs::create_dir(base.parent().unwrap()).unwrap();
    fs::copy(server.dir().join("dump.rdb"), &base).unwrap();
    server.restart(&[("appendonly", "yes")]);
    assert_eq!(server.ask("GET from"), "rdb");
    server.ask("SET and new");
    server.kill();
    server.restart(&[]);
    assert_eq!(server.ask("EXISTS from and"), "2");
}

#[test]
fn a_file_from_before_there_were_manifests_and_an_rdb_file_are_taken_over() {
    let mut server = Server::node(&[]);
    server.ask("SET from rdb");
    server.ask("SAVE");
    server.kill();
    server.restart(&[("appendonly", "yes")]);
    assert_eq!(server.ask("GET from"), "rdb");
    server.kill();
    fs::remove_file(server.dir().join("dump.rdb")).unwrap();
    server.restart(&[]);
    assert_eq!(server.ask("GET from"), "rdb", "it is in the base now");

    let mut server = Server::node(&[]);
    server.kill();
    let old = [&b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"[..], &command("SET from old")].concat();
    fs::write(server.dir().join("appendonly.aof"), old).unwrap();
    server.restart(&[("appendonly", "yes")]);
    assert_eq!(server.ask("GET from"), "old");
    server.ask("SET and new");
    server.kill();
    server.restart(&[]);
    assert_eq!(server.ask("EXISTS from and"), "2");
    rewrite(&server);
    assert!(!parts(&server).contains(&"appendonly.aof".to_owned()));
}

#[test]
fn a_replica_keeps_what_its_master_sends_and_begins_anew_after_a_full_sync() {
    let master = Server::node(&[]);
    fill_collections(&master);
    let mut replica = Server::replica_of(Kind::Node, &master, &[ON]);
    until_equal(&master, &replica);
    until("the first base is there", &[&replica], || replica.number("aof_rewrites") >= 1);
    write_all_forms(&master, 1);
    until_equal(&master, &replica);
    let before = replica.digest();
    replica.kill();
    replica.forget("replicaof");
    replica.restart(&[]);
    assert_eq!(replica.digest(), before, "as a master of its own");
    replica.follow(&master);
    until_equal(&master, &replica);
}

#[test]
fn a_full_disk_refuses_writes_and_reads_go_on() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let mut server = Server::node(&[ON, "auto-aof-rewrite-percentage 0"]);
    server.ask("SET a 1");
    // What a rewrite begins is the full disk.
    std::os::unix::fs::symlink("/dev/full", part(&server, "appendonly.aof.2.incr.aof")).unwrap();
    rewrite(&server);
    // The write whose trouble is found is answered before the disk is asked.
    server.ask("SET b 2");
    let refused = server.ask("SET c 3");
    assert!(
        refused.starts_with("-MISCONF Errors writing to the AOF file: No space left on device"),
        "{refused}"
    );
    assert_eq!((server.ask("GET b"), server.info("aof_last_write_status")), ("2".into(), "err".into()));
    server.kill();
    let path = part(&server, "appendonly.aof.2.incr.aof");
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"").unwrap();
    server.restart(&[]);
    assert_eq!((server.ask("GET a"), server.info("aof_last_write_status")), ("1".into(), "ok".into()));
}

/// Kills in [`no_kill_loses_what_was_acknowledged`]; more by `REPLISCOPE_KILLS`.
const KILLS: u32 = 8;

#[test]
fn no_kill_loses_what_was_acknowledged() {
    let kills = std::env::var("REPLISCOPE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let rewrites = ["auto-aof-rewrite-min-size 16kb", "auto-aof-rewrite-percentage 50"];
    let mut server = Server::start(Kind::Process, &[&[ON, "appendfsync always"][..], &rewrites].concat());
    let mut acknowledged = 0;
    let mut random = Random::new(1);
    for kill in 0..kills {
        let port = server.port;
        let writers: Vec<_> =
            (0..4).map(|writer| std::thread::spawn(move || write_until_killed(port, kill, writer))).collect();
        std::thread::sleep(Duration::from_millis(20 + random.below(128)));
        server.kill();
        let counts: Vec<u64> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        server.restart(&[]);
        let mut client = server.client();
        for (writer, count) in counts.iter().enumerate() {
            let name = format!("{kill}:{writer}");
            let len: u64 = client.ask(&["LLEN", &name]).text().parse().unwrap();
            // One more may be there: its reply was on its way.
            assert!((*count..=count + 1).contains(&len), "kill {kill}: {len} of {count} of writer {writer}");
            let twin: u64 = client.ask(&["GET", &format!("twin:{name}")]).text().parse().unwrap_or(0);
            assert_eq!(twin, len, "kill {kill}: half a transaction of writer {writer}");
        }
        acknowledged += counts.iter().sum::<u64>();
    }
    assert!(acknowledged > u64::from(kills), "only {acknowledged} transactions in {kills} rounds");
    println!("{kills} kills, {acknowledged} transactions acknowledged, none lost");
}

/// Transactions that were acknowledged before the connection broke.
fn write_until_killed(port: u16, kill: u32, writer: usize) -> u64 {
    let mut client = Client::connect(port);
    let name = format!("{kill}:{writer}");
    let transaction = [
        command("MULTI"),
        command(&format!("RPUSH {name} {}", "x".repeat(100))),
        command(&format!("INCR twin:{name}")),
        command("EXEC"),
    ]
    .concat();
    for count in 0.. {
        client.send(&transaction);
        for _ in 0..4 {
            if client.reply().is_err() {
                return count;
            }
        }
    }
    0
}

#[test]
fn a_rewrite_that_was_given_up_takes_nothing_with_it_when_it_ends() {
    for preamble in ["yes", "no"] {
        let mut server = Server::node(&[&format!("aof-use-rdb-preamble {preamble}")]);
        server.ask("DEBUG POPULATE 3");
        // Two of these stand still in the middle of their base while a third one is done.
        server.ask("CONFIG SET rdb-key-save-delay 300000");
        for _ in 0..2 {
            assert_eq!(server.ask("CONFIG SET appendonly yes"), "OK");
            assert_eq!(server.ask("CONFIG SET appendonly no"), "OK");
        }
        server.ask("CONFIG SET rdb-key-save-delay 0");
        assert_eq!(server.ask("CONFIG SET appendonly yes"), "OK");
        until("the base is there", &[&server], || server.number("aof_rewrites") == 1);
        server.ask("SET more 1");
        std::thread::sleep(Duration::from_millis(700));
        server.kill();
        server.restart(&[("appendonly", "yes")]);
        assert_eq!(server.ask("DBSIZE"), "4", "{preamble}");
    }
}

#[test]
fn a_file_that_is_switched_on_in_a_transaction_repeats_nothing_of_it() {
    let mut server = Server::node(&[]);
    let mut client = server.client();
    for words in [&["MULTI"][..], &["INCR", "n"], &["CONFIG", "SET", "appendonly", "yes"], &["INCR", "n"]] {
        client.ask(words);
    }
    assert_eq!(client.ask(&["EXEC"]).text(), "1 OK 2");
    assert!(
        server.journal().contains("AOF was enabled during a transaction. An AOF background was scheduled")
    );
    until("the base is made", &[&server], || server.number("aof_rewrites") == 1);
    assert!(server.number("total_forks") >= 1);
    server.kill();
    server.restart(&[("appendonly", "yes")]);
    assert_eq!(server.ask("GET n"), "2");
}
