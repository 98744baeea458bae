//! Libraries of functions: a node cannot run them, and loses none of them.

use super::support::client::Reply;
use super::support::server::Kind;
use super::support::{Server, missing, until, until_equal};

fn library(name: &str, answer: &str) -> String {
    let body = format!("function() return '{answer}' end");
    format!(
        "#!lua name={name}\nredis.register_function{{function_name='{name}_f', callback={body}, flags={{'no-writes'}}}}"
    )
}

/// Names and texts, in the order of the names.
fn libraries(server: &Server) -> Vec<(String, String)> {
    let Reply::Array(all) = server.client().ask(&["FUNCTION", "LIST", "WITHCODE"]) else { panic!("no list") };
    let mut found: Vec<_> = all
        .iter()
        .map(|library| {
            let Reply::Array(fields) = library else { panic!("{library:?}") };
            let field = |name: &str| {
                let at = fields.iter().position(|field| field.text() == name).unwrap();
                fields[at + 1].text()
            };
            assert_eq!(field("engine"), "LUA");
            (field("library_name"), field("library_code"))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn libraries_of_a_real_master_pass_through_a_node_and_its_files() {
    if missing("redis-server") {
        return;
    }
    let above = Server::redis(&["repl-diskless-sync-delay 0"]);
    let load = |name: &str, answer: &str| {
        let reply = above.client().ask(&["FUNCTION", "LOAD", "REPLACE", &library(name, answer)]);
        assert_eq!(reply.text(), name);
    };
    load("one", "1");
    load("two", "2");
    let mut node = Server::replica_of(Kind::Node, &above, &["appendonly yes"]);
    let below = Server::replica_of(Kind::Redis, &node, &[]);
    until_equal(&above, &node);
    until_equal(&node, &below);
    // By the stream: replaced, new, deleted, restored, flushed.
    load("one", "eins");
    load("three", "3");
    assert_eq!(above.ask("FUNCTION DELETE two"), "OK");
    let Reply::Bulk(payload) = above.client().ask(&["FUNCTION", "DUMP"]) else { panic!("no dump") };
    assert_eq!(above.ask("FUNCTION FLUSH"), "OK");
    load("four", "4");
    let restore: [&[u8]; 4] = [b"FUNCTION", b"RESTORE", &payload, b"APPEND"];
    assert_eq!(above.client().ask_bytes(&restore).text(), "OK");
    above.ask("SET k v");
    until_equal(&above, &node);
    until_equal(&node, &below);
    let all = libraries(&above);
    assert_eq!(all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["four", "one", "three"]);
    assert_eq!(libraries(&node), all);
    assert_eq!(libraries(&below), all);
    assert_eq!(node.number("sync_full"), 1, "no command of the stream was refused");

    // From its own files, whichever they are.
    for preamble in ["yes", "no"] {
        node.ask(&format!("CONFIG SET aof-use-rdb-preamble {preamble}"));
        node.ask("BGREWRITEAOF");
        until("the rewrite", &[&node], || {
            node.info("aof_rewrite_in_progress") == "0" && node.info("aof_last_bgrewrite_status") == "ok"
        });
        node.shut_down("NOSAVE");
        node.restart(&[]);
        assert_eq!(libraries(&node), all, "aof-use-rdb-preamble {preamble}");
    }
    // Promoted, it gives them to those who can run them, and takes none that nobody has checked.
    node.ask("REPLICAOF NO ONE");
    let fresh = Server::replica_of(Kind::Redis, &node, &[]);
    until_equal(&node, &fresh);
    for server in [&above, &below, &fresh] {
        assert_eq!(server.ask("FCALL_RO one_f 0"), "eins");
    }
    for refused in [library("five", "5"), library("one", "5")] {
        let reply = node.client().ask(&["FUNCTION", "LOAD", "REPLACE", &refused]).text();
        assert_eq!(reply, "-ERR Engine 'lua' not found");
    }
    assert_eq!(node.client().ask_bytes(&restore).text(), "-ERR Engine 'lua' not found");
    assert_eq!(node.ask("FUNCTION DELETE nope"), "-ERR Library not found");
    assert_eq!(node.ask("FUNCTION DELETE one"), "OK");
    until("the deletion", &[&fresh], || libraries(&fresh).len() == 2);
    assert_eq!(node.ask("FUNCTION FLUSH"), "OK");
    until("the flush", &[&fresh], || libraries(&fresh).is_empty());
}
