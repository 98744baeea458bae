//! DEBUG: the exact words, and what its subcommands do.

use std::time::{Duration, Instant};

use super::support::Server;

fn unknown(word: &str) -> String {
    format!("-ERR unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP.")
}

#[test]
fn errors_are_answered_with_the_text_that_was_asked_for() {
    let node = Server::node(&[]);
    let mut client = node.client();
    for (text, line) in
        [("x y", "x y"), ("", ""), ("-x", "-x"), ("a\r\nb\n", "a  b "), ("MOVED 1 a:1", "MOVED 1 a:1")]
    {
        client.send_command(&[b"DEBUG", b"ERROR", text.as_bytes()]);
        let wanted = format!("-{line}\r\n");
        assert_eq!(String::from_utf8(client.exactly(wanted.len()).unwrap()).unwrap(), wanted, "{text:?}");
    }
    assert_eq!(node.info("total_error_replies"), "0", "a test of clients is no error of the node");
}

#[test]
fn subcommands_answer_in_the_words_of_redis() {
    let node = Server::node(&[]);
    let [positive, packed] = [
        "-ERR value is out of range, must be positive",
        "-ERR argument must be a memory value bigger than 1 and smaller than 4gb",
    ];
    let options = "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    for (request, reply) in [
        ("NOSUCH", &*unknown("NOSUCH")),
        ("JMAP", &unknown("JMAP")),
        ("SEGFAULT", &unknown("SEGFAULT")),
        ("ERROR", &unknown("ERROR")),
        ("ERROR a b", &unknown("ERROR")),
        ("HELP x", &unknown("HELP")),
        ("DIGEST x", &unknown("DIGEST")),
        ("DIGEST-VALUE", ""),
        ("DIGEST-VALUE none", &"0".repeat(40)),
        ("RELOAD NOSAVE x", options),
        ("RELOAD x", options),
        ("RELOAD NOSAVE", "-ERR Error trying to load the RDB dump"),
        ("SET-ACTIVE-EXPIRE x", "OK"),
        ("SET-ACTIVE-EXPIRE 1", "OK"),
        ("QUICKLIST-PACKED-THRESHOLD 0", "OK"),
        ("QUICKLIST-PACKED-THRESHOLD 1kb", "OK"),
        ("QUICKLIST-PACKED-THRESHOLD x", packed),
        ("QUICKLIST-PACKED-THRESHOLD 4gb", packed),
        ("QUICKLIST-PACKED-THRESHOLD -1", packed),
        ("CHANGE-REPL-ID x", &unknown("CHANGE-REPL-ID")),
        ("CLIENT-EVICTION", "-ERR maxmemory-clients is disabled."),
        ("CONFIG-REWRITE-FORCE-ALL", "-ERR CONFIG-REWRITE-FORCE-ALL failed: Bad address"),
        ("CLUSTERLINK KILL to x", "-ERR Debug option only available for cluster mode enabled setup!"),
        ("CLUSTERLINK KILL", &unknown("CLUSTERLINK")),
        ("REPLYBUFFER x y", &unknown("REPLYBUFFER")),
        ("REPLYBUFFER RESIZING x", "OK"),
        ("REPLYBUFFER PEAK-RESET-TIME x", "-ERR value is not an integer or out of range"),
        ("REPLYBUFFER PEAK-RESET-TIME -5", "OK"),
        ("POPULATE x", positive),
        ("POPULATE -1", positive),
        ("POPULATE 2 k -1", positive),
        ("POPULATE 2 k 0", "OK"),
    ] {
        assert_eq!(node.ask(&format!("DEBUG {request}")), reply, "{request}");
    }
    assert_eq!(node.ask("GET k:1"), "value:1", "a size of zero is that of the text");
}

#[test]
fn a_sleep_lasts_as_long_as_the_number_in_front_says() {
    let node = Server::node(&[]);
    let mut client = node.client();
    for text in ["abc", "", "0\r\n", " 0.001", "0.001s", "-1", "inf", "nan", "1e-3x", "0x", ".001.5"] {
        let begun = Instant::now();
        assert_eq!(client.ask(&["DEBUG", "SLEEP", text]).text(), "OK", "{text:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{text:?}");
    }
    let begun = Instant::now();
    assert_eq!(client.ask(&["DEBUG", "SLEEP", "0.3 seconds"]).text(), "OK");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn an_object_is_shown_with_the_bytes_that_a_file_has_of_it() {
    let node = Server::node(&[]);
    for (make, key, wanted) in [
        ("SET string abc", "string", "encoding:embstr serializedlength:4 "),
        ("SET int 123", "int", "encoding:int serializedlength:2 "),
        ("RPUSH list a b c", "list", "encoding:quicklist serializedlength:19 "),
        ("SADD set 1 2 3", "set", "encoding:intset serializedlength:15 "),
        ("HSET hash f v", "hash", "encoding:listpack serializedlength:14 "),
    ] {
        node.ask(make);
        let shown = node.ask(&format!("DEBUG OBJECT {key}"));
        assert!(shown.starts_with("Value at:0x0 refcount:1 ") && shown.contains(wanted), "{key}: {shown}");
    }
    let list = node.ask("DEBUG OBJECT list");
    let nodes = " ql_nodes:1 ql_avg_node:3.00 ql_listpack_max:-2 ql_compressed:0 ql_uncompressed_size:16";
    assert!(list.ends_with(nodes), "{list}");
    assert_eq!(node.ask("DEBUG OBJECT none"), "-ERR no such key");
}

#[test]
fn a_history_that_was_named_anew_continues_none() {
    let node = Server::node(&[]);
    let before = node.info("master_replid");
    assert_eq!(node.ask("DEBUG CHANGE-REPL-ID"), "OK");
    assert_ne!(node.info("master_replid"), before);
    assert_eq!(node.info("master_replid2"), "0".repeat(40));
    assert_eq!(node.info("second_repl_offset"), "-1");
}

#[test]
fn clients_are_counted_by_what_they_take() {
    let node = Server::node(&["maxmemory-clients 10mb"]);
    let mut big = node.client();
    // Half a request stays in its buffer.
    big.send(&[b"*1\r\n$100000\r\n".to_vec(), vec![b'x'; 90_000]].concat());
    super::support::until("both are counted", &[&node], || {
        let text = node.ask("DEBUG CLIENT-EVICTION");
        assert_eq!(text.lines().count(), 19, "{text}");
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        // An idle client has room for 16 KiB of requests and as much of replies.
        line("bucket      32768 -      65535: ").ends_with("clients: 1")
            && line("bucket      65536 -     131071: ").ends_with("clients: 1")
            && line("bucket 4294967296+            : ").ends_with("tot-mem:          0, clients: 0")
    });
}
