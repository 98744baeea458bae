//! Bad input between master and replica: no. 100-117 of the catalogue. FAILOVER (112) has its own file.

use super::bad_input::{Then, check, ours, same};
use super::support::client::command;
use super::support::fake::{EMPTY_RDB, FakeMaster, REPLID};
use super::support::{Client, Kind, Server, until};
use repliscope::node::NodeEvent;

#[test]
fn what_a_replica_says_before_its_psync() {
    let error = |text: &str| format!("-ERR {text}\r\n");
    let not_a_number = "value is not an integer or out of range";
    let a_port = "value is out of range, must be between 1 and 65535";
    let rows = [
        same("100", command("REPLCONF capa"), error("syntax error"), Then::Serves),
        same("101", command("REPLCONF foo bar"), error("Unrecognized REPLCONF option: foo"), Then::Serves),
        same("102", command("REPLCONF listening-port abc"), error(not_a_number), Then::Serves),
        ours("103", command("REPLCONF listening-port -5"), error(a_port), Then::Serves),
        ours("103", command("REPLCONF listening-port 99999999"), error(a_port), Then::Serves),
        same("100-103", command("REPLCONF ack 5"), "", Then::Serves),
        same("104", command("PSYNC ? abc"), error(not_a_number), Then::Serves),
        same(
            "105",
            [command("PING"), command("PSYNC ? -1")].concat(),
            "+PONG\r\n-ERR SYNC and PSYNC are invalid with pending output\r\n",
            Then::Serves,
        ),
        same(
            "106",
            [command("MULTI"), command("PSYNC ? -1"), command("DISCARD")].concat(),
            "+OK\r\n-ERR Command not allowed inside a transaction\r\n+OK\r\n",
            Then::Serves,
        ),
        same(
            "107",
            command("PSYNC ? -1 FAILOVER"),
            error("PSYNC FAILOVER can't be sent to a master."),
            Then::Serves,
        ),
        same("110", command("REPLICAOF 127.0.0.1 70000"), error("Invalid master port"), Then::Serves),
        same("110", command("REPLICAOF 127.0.0.1 abc"), error("Invalid master port"), Then::Serves),
        same("110", command("REPLICAOF 127.0.0.1 -1"), error("Invalid master port"), Then::Serves),
    ];
    check(&rows, &[]);
}

#[test]
fn a_node_does_not_follow_itself() {
    // No. 111.
    let node = Server::node(&[]);
    for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
        let reply = node.ask(&format!("REPLICAOF {host} {}", node.port));
        assert_eq!(reply, "-ERR a node cannot replicate from itself");
    }
    assert_eq!(node.info("role"), "master");
}

#[test]
fn wait_is_no_command_for_a_replica() {
    // No. 113.
    let master = FakeMaster::start();
    let text = "-ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is \
                configured to be writable (which is not the default) writes to replicas are just local and are not \
                propagated.\r\n";
    let directive = format!("replicaof 127.0.0.1 {}", master.port);
    check(&[same("113", command("WAIT 1 100"), text, Then::Serves)], &[&directive]);
}

/// A replica that speaks for itself: connected and streaming.
fn fake_replica(master: &Server) -> Client {
    let mut link = master.client();
    assert_eq!(link.ask(&["REPLCONF", "listening-port", "7999"]).text(), "OK");
    link.send(&command("PSYNC ? -1"));
    let granted = link.line().unwrap();
    let offset = granted.rsplit(' ').next().unwrap().to_owned();
    assert!(granted.starts_with("+FULLRESYNC "), "{granted}");
    let mut preamble = link.line().unwrap();
    while preamble.is_empty() {
        preamble = link.line().unwrap();
    }
    let len = preamble.strip_prefix('$').unwrap().parse().unwrap();
    link.exactly(len).unwrap();
    link.send(&command(&format!("REPLCONF ACK {offset}")));
    until("the fake replica is online", &[master], || master.info("slave0").contains("state=online"));
    link
}

#[test]
fn a_replica_that_asks_for_keys_loses_its_link() {
    // No. 108.
    for kind in [Kind::Node, Kind::Redis] {
        if kind == Kind::Redis && super::support::missing("redis-server") {
            return;
        }
        let master = Server::start(kind, &[]);
        let mut link = fake_replica(&master);
        link.send(&command("GET k"));
        let told = String::from_utf8_lossy(&link.until_closed()).into_owned();
        assert!(!told.contains("$-1"), "{told}");
        assert_eq!(master.info("connected_slaves"), "0");
    }
}

#[test]
fn a_replica_that_acknowledges_what_was_never_written_loses_its_link() {
    // No. 109.
    let master = Server::node(&[]);
    let mut link = fake_replica(&master);
    assert_eq!(master.ask("SET k v"), "OK");
    link.send(&command("REPLCONF ACK 9223372036854775807"));
    link.until_closed();
    until("the lying replica is gone", &[&master], || master.info("connected_slaves") == "0");
    let reason = master.events().into_iter().find_map(|event| match event {
        NodeEvent::ReplicaGone { replica_port: 7999, reason } => Some(reason),
        _ => None,
    });
    let reason = reason.unwrap_or_else(|| panic!("nothing tells of it\n{}", master.journal()));
    assert!(reason.contains("lying replica"), "{reason}");
    assert_eq!(master.ask("WAIT 1 10"), "0");
}

#[test]
fn a_replica_that_does_not_read_is_dropped_at_its_limit() {
    let master = Server::node(&["client-output-buffer-limit replica 2mb 0 0", "repl-backlog-size 64kb"]);
    let link = fake_replica(&master);
    let mut client = master.client();
    let value = vec![b'v'; 100_000];
    for _ in 0..300 {
        client.ask_bytes(&[b"SET", b"k", &value]);
    }
    until("the deaf replica is dropped", &[&master], || master.info("connected_slaves") == "0");
    assert!(master.number("mem_replication_backlog") < 4 << 20, "{}", master.info("mem_replication_backlog"));
    drop(link);
}

/// A node with data of its own that is told to follow `master`.
fn node_with_data() -> Server {
    let node = Server::node(&[]);
    assert_eq!(node.ask("SET old data"), "OK");
    node
}

fn follow(node: &Server, master: &FakeMaster) {
    assert_eq!(node.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port)), "OK");
}

fn reasons(node: &Server) -> Vec<String> {
    let reason = |event| match event {
        NodeEvent::LinkLost { reason } => Some(reason),
        _ => None,
    };
    node.events().into_iter().filter_map(reason).collect()
}

/// The link was given up, old data are still served, and the reason says all of `words`.
#[track_caller]
fn assert_refused(node: &Server, link: &mut Client, before: usize, words: &[&str], what: &str) {
    link.until_closed();
    until(what, &[node], || reasons(node).len() > before);
    let reason = &reasons(node)[before];
    assert!(words.iter().all(|word| reason.contains(word)), "{what}: {reason}");
    assert_eq!(node.ask("GET old"), "data", "{what}: old data are kept");
}

#[test]
fn a_master_that_answers_psync_with_nonsense_is_left() {
    // No. 115.
    let node = node_with_data();
    for reply in [
        "+FULLRESYNC".to_owned(),
        format!("+FULLRESYNC {REPLID}"),
        "+FULLRESYNC abc 0".to_owned(),
        format!("+FULLRESYNC {REPLID} -5"),
        format!("+FULLRESYNC {REPLID} x"),
        format!("+FULLRESYNC {REPLID} 99999999999999999999"),
        format!("+CONTINUE {}", &REPLID[..39]),
        "$5".to_owned(),
        ":1".to_owned(),
        "x".repeat(5000),
    ] {
        let master = FakeMaster::start();
        let before = reasons(&node).len();
        follow(&node, &master);
        let (mut link, _) = master.handshake();
        link.send(format!("{reply}\r\n").as_bytes());
        assert_refused(&node, &mut link, before, &[], &reply);
    }
}

#[test]
fn a_snapshot_without_a_proper_length_is_refused() {
    // No. 114.
    let node = node_with_data();
    for preamble in ["$-5", "$abc", "$", "$99999999999999999999", "$EOF:short", "+OK", "-ERR no", "REDIS0010"]
    {
        let master = FakeMaster::start();
        let before = reasons(&node).len();
        follow(&node, &master);
        let (mut link, _) = master.handshake();
        link.send(format!("+FULLRESYNC {REPLID} 0\r\n\n\n{preamble}\r\n").as_bytes());
        assert_refused(&node, &mut link, before, &[], preamble);
    }
}

/// An RDB file with a few keys of several kinds, made by our own SAVE.
fn small_rdb() -> Vec<u8> {
    let node = Server::node(&[]);
    let mut client = node.client();
    for line in
        ["SET new data", "SET number 12345", "SET t v PXAT 4000000000000", "SELECT 5", "SET five 5", "SAVE"]
    {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(client.ask(&words).text(), "OK");
    }
    client.ask_bytes(&[b"SET", b"long", &[b'x'; 200]]);
    assert_eq!(client.ask(&["SAVE"]).text(), "OK");
    std::fs::read(node.dir().join("dump.rdb")).unwrap()
}

#[test]
fn one_wrong_byte_in_a_snapshot_leaves_the_old_data() {
    // No. 116 and I11: every byte of a small file.
    let rdb = small_rdb();
    let node = node_with_data();
    // Each master lives until the next one listens, or both could get the same port.
    let mut masters = std::collections::VecDeque::new();
    for at in 0..rdb.len() {
        let master = FakeMaster::start();
        let before = reasons(&node).len();
        follow(&node, &master);
        let (mut link, _) = master.handshake();
        let mut wrong = rdb.clone();
        wrong[at] ^= 1 << (at % 8);
        link.send(format!("+FULLRESYNC {REPLID} 0\r\n${}\r\n", wrong.len()).as_bytes());
        link.send(&wrong);
        assert_refused(&node, &mut link, before, &[], &format!("byte {at} of {} is wrong", rdb.len()));
        masters.push_front(master);
        masters.truncate(3);
    }
    let master = FakeMaster::start();
    follow(&node, &master);
    let (mut link, _) = master.handshake();
    link.send(format!("+FULLRESYNC {REPLID} 0\r\n${}\r\n", rdb.len()).as_bytes());
    link.send(&rdb);
    until("the right bytes are taken", &[&node], || {
        node.ask("GET new") == "data" && node.ask("EXISTS old") == "0"
    });
}

#[test]
fn a_snapshot_cut_anywhere_leaves_the_old_data() {
    let rdb = small_rdb();
    let node = node_with_data();
    let mark = "m".repeat(40);
    // Each master lives until the next one listens, or both could get the same port.
    let mut masters = std::collections::VecDeque::new();
    for at in 0..rdb.len() {
        let master = FakeMaster::start();
        let before = reasons(&node).len();
        follow(&node, &master);
        let (mut link, _) = master.handshake();
        // One form after the other: a length, a mark.
        let preamble = if at % 2 == 0 { format!("${}", rdb.len()) } else { format!("$EOF:{mark}") };
        link.send(format!("+FULLRESYNC {REPLID} 0\r\n{preamble}\r\n").as_bytes());
        link.send(&rdb[..at]);
        link.stream().shutdown(std::net::Shutdown::Write).unwrap();
        assert_refused(&node, &mut link, before, &[], &format!("cut at byte {at} of {}", rdb.len()));
        masters.push_front(master);
        masters.truncate(3);
    }
}

#[test]
fn a_stream_that_cannot_be_executed_ends_the_link_and_its_history() {
    // No. 117 and I6.
    for (bad, words) in [
        (b"SET inline 1\r\n".to_vec(), &["inline"][..]),
        (command("NOSUCHCOMMAND x"), &["NOSUCHCOMMAND"]),
        (command("SELECT 99"), &["SELECT"]),
        (command("INCR text"), &["INCR", "integer"]),
        (command("EXEC"), &["EXEC"]),
        (command("SET k"), &["SET"]),
        (command("CONFIG SET maxclients 1"), &["CONFIG"]),
        (command("SHUTDOWN NOSAVE"), &["SHUTDOWN"]),
        (b"*3000000000\r\n".to_vec(), &["protocol"]),
        (b"*1\r\n$-1\r\n".to_vec(), &["protocol"]),
        // Redis passes over the first and waits for more after the others: here they mean damage.
        (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nvXX".to_vec(), &["protocol", "CRLF"]),
        (b"*1\r\nx".to_vec(), &["protocol", "'$'"]),
        (b"*1\0".to_vec(), &["protocol"]),
        (b"\x16\x03".to_vec(), &["protocol"]),
        (
            [command("MULTI"), command("SET in multi"), command("INCR text"), command("EXEC")].concat(),
            &["integer"],
        ),
    ] {
        let what = bad.escape_ascii().to_string();
        let master = FakeMaster::start();
        let node = Server::node(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
        let mut link = master.full_sync(0);
        link.send(&command("SET text abc"));
        link.send(&bad);
        link.send(&command("SET after 1"));
        link.until_closed();
        until("the reason is told", &[&node], || !reasons(&node).is_empty());
        let reason = &reasons(&node)[0];
        assert!(words.iter().all(|word| reason.contains(word)), "{what}: {reason}");
        assert_eq!(node.ask("EXISTS after"), "0", "{what}: nothing after it is executed");
        assert_eq!(node.ask("GET text"), "abc", "{what}");
        // What was refused is missing here: this history cannot be continued, …
        assert_eq!(master.handshake().1, ["PSYNC", "?", "-1"], "{what}");
        // … and not by replicas of this node either: it may have executed half a transaction.
        node.ask("REPLICAOF NO ONE");
        let info = node.ask("INFO replication");
        assert!(!info.contains(REPLID), "{what}: {info}");
    }
}

#[test]
fn who_asks_for_it_has_failing_commands_passed_over_as_in_redis() {
    let master = FakeMaster::start();
    let replicaof = format!("replicaof 127.0.0.1 {}", master.port);
    let node = Server::node(&[&replicaof, "propagation-error-behavior ignore"]);
    let mut link = master.full_sync(0);
    for line in [
        "SET text abc",
        "NOSUCHCOMMAND x",
        "INCR text",
        "SET k",
        "MULTI",
        "SET in multi",
        "INCR text",
        "EXEC",
        "MULTI",
        "SET in discarded",
        "NOSUCHCOMMAND x",
        "EXEC",
        "SET after 1",
    ] {
        link.send(&command(line));
    }
    until("the end of it", &[&node], || node.ask("GET after") == "1");
    assert_eq!((node.ask("GET text"), node.ask("GET in")), ("abc".into(), "multi".into()));
    assert_eq!(node.info("master_link_status"), "up");
    assert_eq!(node.number("unexpected_error_replies"), 6);
    let told = "== CRITICAL == This replica is sending an error to its master: 'ERR value is not an integer or out of range' \
                after processing the command 'incr'";
    assert!(node.journal().contains(told), "{}", node.journal());
}

#[test]
fn a_stream_cut_at_any_byte_is_executed_once() {
    // I5, with a transaction and another database in it.
    let session = [
        command("SELECT 3"),
        command("INCR n"),
        command("APPEND log a"),
        command("MULTI"),
        command("INCR n"),
        command("APPEND log b"),
        command("EXEC"),
        command("PING"),
        command("INCR n"),
        command("APPEND log c"),
    ]
    .concat();
    let master = FakeMaster::start();
    let node = Server::node(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
    for cut in 0..=session.len() {
        let mut link = master.full_sync(1000);
        link.send(&session[..cut]);
        link.stream().shutdown(std::net::Shutdown::Write).unwrap();
        link.until_closed();
        let (mut link, words) = master.handshake();
        assert_eq!(words[1], REPLID, "cut at {cut}");
        let from: usize = words[2].parse().unwrap();
        assert!((1001..=1001 + cut).contains(&from), "cut at {cut}: asks for {from}");
        link.send(b"+CONTINUE\r\n");
        link.send(&session[from - 1001..]);
        let end = 1000 + session.len() as u64;
        until("all is applied", &[&node], || node.offset() == end);
        let mut client = node.client();
        client.ask(&["SELECT", "3"]);
        assert_eq!(client.ask(&["GET", "n"]).text(), "3", "cut at {cut}");
        assert_eq!(client.ask(&["GET", "log"]).text(), "abc", "cut at {cut}");
        // From scratch again, before the link goes: a node that had just tried to reconnect would be taken for it.
        assert_eq!(client.ask(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
        drop(link);
        follow(&node, &master);
    }
}

#[test]
fn a_continuation_that_was_not_asked_for_is_refused() {
    let master = FakeMaster::start();
    let node = Server::node(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
    assert_eq!(EMPTY_RDB.len(), 18);
    let (mut link, words) = master.handshake();
    assert_eq!(words, ["PSYNC", "?", "-1"]);
    link.send(b"+CONTINUE\r\n");
    link.until_closed();
    until("the reason is told", &[&node], || !reasons(&node).is_empty());
    assert_eq!(node.info("master_link_status"), "down");
}

#[test]
fn a_master_that_goes_away_in_the_handshake_leaves_the_old_data() {
    // I11 and the first column of the fault matrix: after each of its answers.
    let node = node_with_data();
    let fullresync = format!("+FULLRESYNC {REPLID} 5\r\n");
    let answers = ["+PONG\r\n", "+OK\r\n", "+OK\r\n", fullresync.as_str(), "\n", "$18\r\n"];
    let mut masters = std::collections::VecDeque::new();
    for said in 0..=answers.len() {
        let master = FakeMaster::start();
        let before = reasons(&node).len();
        follow(&node, &master);
        let mut link = master.accept();
        for (at, answer) in answers.iter().take(said).enumerate() {
            // PING, REPLCONF twice and PSYNC come before an answer each; the rest is said unasked.
            if at < 4 {
                link.command();
            }
            link.send(answer.as_bytes());
        }
        link.stream().shutdown(std::net::Shutdown::Both).unwrap();
        assert_refused(&node, &mut link, before, &[], &format!("gone after {said} answers"));
        masters.push_front(master);
        masters.truncate(3);
    }
}

#[test]
fn a_silent_master_is_given_up_after_repl_timeout() {
    for said in 0..3 {
        let master = FakeMaster::start();
        let node = Server::node(&["repl-timeout 1", &format!("replicaof 127.0.0.1 {}", master.port)]);
        let begun = std::time::Instant::now();
        let mut link = match said {
            0 => master.accept(),
            1 => master.handshake().0,
            _ => {
                let mut link = master.handshake().0;
                link.send(format!("+FULLRESYNC {REPLID} 5\r\n$18\r\nREDIS").as_bytes());
                link
            }
        };
        link.until_closed();
        assert!(begun.elapsed() >= std::time::Duration::from_millis(900), "{:?}", begun.elapsed());
        until("the reason is told", &[&node], || !reasons(&node).is_empty());
        assert!(reasons(&node)[0].contains("nothing"), "{:?}", reasons(&node));
    }
}
