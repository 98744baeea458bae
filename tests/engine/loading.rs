//! A node that is still reading its data: it answers, refuses what needs the data, and can be told to end.

use std::time::{Duration, Instant};

use repliscope::node::NodeEvent;

use super::support::data::{fill, words};
use super::support::{Client, Server, until};

const REFUSED: &str = "-LOADING Redis is loading the dataset in memory";

/// A node that has some hundred keys on the disk, in the form that the directives choose.
fn filled(directives: &[&str]) -> Server {
    let server = Server::node(directives);
    fill(&server);
    server.ask("DEBUG POPULATE 500");
    server
}

fn ask(client: &mut Client, line: &str) -> String {
    let words = words(line);
    let parts: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    client.ask_bytes(&parts).text()
}

fn starts(server: &Server) -> usize {
    server.events().iter().filter(|event| matches!(event, NodeEvent::Ready { .. })).count()
}

#[test]
fn a_node_that_loads_refuses_what_needs_the_data_and_answers_the_rest() {
    for directives in [&["save 3600 1"][..], &["appendonly yes", "aof-use-rdb-preamble yes"]] {
        let mut server = filled(directives);
        let digest = server.digest();
        if directives.len() > 1 {
            server.ask("BGREWRITEAOF");
            until("it is rewritten", &[&server], || server.info("aof_rewrite_in_progress") == "0");
        }
        server.shut_down("SAVE");
        server.restart_slowly(20_000);
        let mut client = server.client();
        for (line, reply) in [
            ("GET a", REFUSED),
            ("SET a b", REFUSED),
            ("PING", REFUSED),
            ("PSYNC ? -1", REFUSED),
            ("BGSAVE", REFUSED),
            ("REPLICAOF NO ONE", REFUSED),
            ("SELECT 1", "OK"),
            ("MULTI", "OK"),
            ("GET a", REFUSED),
            ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
            ("CONFIG SET appendonly no", REFUSED),
        ] {
            assert_eq!(ask(&mut client, line), reply, "{line}");
        }
        assert_eq!(server.info("loading"), "1");
        let (loaded, total) = (server.number("loading_loaded_bytes"), server.number("loading_total_bytes"));
        assert!(loaded <= total && total > 10_000, "{loaded} of {total}");
        assert_eq!(server.ask("CONFIG SET key-load-delay 0"), "OK");
        until("the data is there", &[&server], || server.info("loading") == "0");
        assert_eq!(server.digest(), digest);
        assert_eq!(starts(&server), 2);
    }
}

#[test]
fn a_node_that_loads_can_be_ended_and_keeps_its_file() {
    let mut server = filled(&["save 3600 1"]);
    let digest = server.digest();
    server.shut_down("SAVE");
    for round in 0..3 {
        server.restart_slowly(20_000);
        let begun = Instant::now();
        match round {
            0 => server.shut_down("SAVE"),
            1 => server.kill(),
            _ => {
                server.handle().stop();
                server.join();
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    server.restart(&[("key-load-delay", "0")]);
    assert_eq!(server.digest(), digest, "half of the data did not replace the whole");
}

#[test]
fn what_expired_while_a_master_was_away_is_counted_and_gone_when_it_serves() {
    let mut server = Server::node(&["save 3600 1"]);
    server.ask("DEBUG SET-ACTIVE-EXPIRE 0");
    server.ask("SET kept v");
    (0..1200).for_each(|key| drop(server.ask(&format!("SET {key} v PX 1"))));
    std::thread::sleep(Duration::from_millis(5));
    server.shut_down("SAVE");
    server.restart(&[]);
    assert_eq!(server.number("rdb_last_load_keys_expired"), 1200);
    assert_eq!(server.number("rdb_last_load_keys_loaded"), 1);
    assert_eq!((server.ask("DBSIZE"), server.number("expired_keys")), ("1".to_owned(), 0));
}

#[test]
fn flushall_ends_a_save_under_way_and_leaves_a_file_without_the_keys() {
    let mut server = Server::node(&["save 3600 1000000"]);
    server.ask("SET a b");
    server.ask("SAVE");
    server.ask("DEBUG POPULATE 1000");
    server.ask("CONFIG SET rdb-key-save-delay 10000");
    server.ask("BGSAVE");
    assert_eq!(server.info("rdb_bgsave_in_progress"), "1");
    let saves = server.number("rdb_saves");
    server.ask("FLUSHALL");
    until("the empty data set is saved", &[&server], || server.number("rdb_saves") > saves);
    assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
    server.kill();
    server.restart(&[("rdb-key-save-delay", "0")]);
    assert_eq!(server.ask("DBSIZE"), "0");
}
