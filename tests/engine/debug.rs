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
        ("HTSTATS", &unknown("HTSTATS")),
        ("HTSTATS x", "-ERR value is not an integer or out of range"),
        ("HTSTATS 99", "-ERR Out of range database"),
        ("HTSTATS -1", "-ERR Out of range database"),
        (
            "HTSTATS 1",
            "[Dictionary HT]\nHash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n\
             [Expires HT]\nHash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n",
        ),
        ("HTSTATS-KEY none", "-ERR no such key"),
        (
            "HTSTATS-KEY k:1",
            "-ERR The value stored at the specified key is not represented using an hash table",
        ),
        (
            "SDSLEN k:1",
            "key_sds_len:3, key_sds_avail:0, key_zmalloc: 40, val_sds_len:7, val_sds_avail:0, val_zmalloc: 0",
        ),
        ("SDSLEN none", "-ERR no such key"),
        ("LISTPACK none", "-ERR no such key"),
        ("LISTPACK k:1", "-ERR Not a listpack encoded object."),
        ("QUICKLIST none", "-ERR no such key"),
        ("QUICKLIST k:1", "-ERR Not a quicklist encoded object."),
        ("QUICKLIST k:1 0 0", &unknown("QUICKLIST")),
        ("STRUCTSIZE", "bits:64 robj:32 dictentry:8 sdshdr5:0 sdshdr8:0 sdshdr16:0 sdshdr32:0 sdshdr64:0 "),
        ("STRUCTSIZE x", &unknown("STRUCTSIZE")),
        ("STRINGMATCH-TEST", "Apparently Redis did not crash: test passed"),
        ("LEAK x", "OK"),
        ("LEAK", &unknown("LEAK")),
        ("DROP-CLUSTER-PACKET-FILTER 1", "OK"),
        ("DROP-CLUSTER-PACKET-FILTER x", "-ERR value is not an integer or out of range"),
        ("SET-SKIP-CHECKSUM-VALIDATION", &unknown("SET-SKIP-CHECKSUM-VALIDATION")),
        ("SET-DISABLE-DENY-SCRIPTS x", "OK"),
        ("MALLCTL arenas.narenas", &unknown("MALLCTL")),
    ] {
        assert_eq!(node.ask(&format!("DEBUG {request}")), reply, "{request}");
    }
    assert_eq!(node.ask("GET k:1"), "value:1", "a size of zero is that of the text");
}

#[test]
fn tables_and_packs_are_shown() {
    let node = Server::node(&["set-max-intset-entries 0", "hash-max-listpack-entries 2"]);
    node.ask("HSET small a 1");
    node.ask("ZADD zset 1 a 2 b");
    node.ask("RPUSH list a b c");
    assert_eq!(node.ask("DEBUG LISTPACK small"), "Listpack structure printed on stdout");
    assert_eq!(node.ask("DEBUG LISTPACK zset"), "Listpack structure printed on stdout");
    assert_eq!(node.ask("DEBUG LISTPACK list"), "-ERR Not a listpack encoded object.");
    for level in ["", " 0", " 1", " x"] {
        let reply = node.ask(&format!("DEBUG QUICKLIST list{level}"));
        assert_eq!(reply, "Quicklist structure printed on stdout", "{level:?}");
    }
    node.ask("HSET hash a 1 b 2 c 3");
    node.ask("SADD set 1 x");
    node.ask("EXPIRE set 100");
    for (key, elements) in [("hash", 3), ("set", 2)] {
        let text = node.ask(&format!("DEBUG HTSTATS-KEY {key}"));
        assert!(text.starts_with("Hash table 0 stats (main hash table):\n table size: "), "{text}");
        assert!(text.ends_with(&format!("\n number of elements: {elements}\n")), "{text}");
    }
    let text = node.ask("DEBUG HTSTATS 0");
    assert!(text.contains(" number of elements: 5\n[Expires HT]\n"), "{text}");
    assert!(text.ends_with(" number of elements: 1\n"), "{text}");
}

#[test]
fn a_wrong_checksum_is_taken_on_request_and_nothing_else_that_is_wrong() {
    let node = Server::node(&[]);
    let mut client = node.client();
    client.ask(&["SET", "k", "value"]);
    client.send_command(&[b"DUMP", b"k"]);
    // A string of 15 bytes: the type, its length, its five bytes, version and checksum.
    let reply = client.exactly(5 + 17 + 2).unwrap();
    let mut payload = reply[5..22].to_vec();
    *payload.last_mut().unwrap() ^= 1;
    let mut restore =
        |key: &str, payload: &[u8]| client.ask_bytes(&[b"RESTORE", key.as_bytes(), b"0", payload]).text();
    let refused = "-ERR DUMP payload version or checksum are wrong";
    assert_eq!(restore("a", &payload), refused);
    node.ask("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    assert_eq!(restore("a", &payload), "OK");
    assert_eq!(node.ask("GET a"), "value");
    let version = payload.len() - 10;
    assert_eq!(restore("b", &[&payload[..version], &[99, 0], &payload[version + 2..]].concat()), refused);
    assert_eq!(restore("b", &[&payload[..3], &payload[version..]].concat()), "-ERR Bad data format");

    node.ask("SAVE");
    let file = node.dir().join("dump.rdb");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(node.ask("DEBUG RELOAD NOSAVE"), "OK");
    node.ask("DEBUG SET-SKIP-CHECKSUM-VALIDATION 0");
    assert_eq!(node.ask("DEBUG RELOAD NOSAVE"), "-ERR Error trying to load the RDB dump");
    assert_eq!(node.ask("GET a"), "value", "what was there stays");
}

#[test]
fn a_file_is_merged_into_the_data_on_request() {
    let node = Server::node(&[]);
    node.ask("SET both file");
    node.ask("SET file 1");
    node.ask("PEXPIREAT file 33177117420000");
    node.ask("SAVE");
    node.ask("SET both memory");
    node.ask("DEL file");
    node.ask("SET memory 1");
    let refused = "-ERR Error trying to load the RDB dump";
    assert_eq!(node.ask("DEBUG RELOAD NOSAVE NOFLUSH"), refused);
    assert_eq!(node.ask("MGET both file memory"), "memory (nil) 1", "a key is in both: nothing is added");
    assert!(node.journal().contains("RDB has duplicated key 'both' in DB 0"));
    assert_eq!(node.ask("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), "OK");
    assert_eq!(node.ask("MGET both file memory"), "file 1 1");
    assert_eq!(node.ask("PEXPIRETIME file"), "33177117420000");
    assert_eq!(node.ask("DEBUG RELOAD NOSAVE MERGE"), "OK");
    assert_eq!(node.ask("MGET both file memory"), "file 1 (nil)", "without NOFLUSH the data are emptied");
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
        ("SET string abc", "string", "refcount:1 encoding:embstr serializedlength:4 "),
        ("SET int 123", "int", "refcount:2147483647 encoding:int serializedlength:2 "),
        ("SET large 12345", "large", "refcount:1 encoding:int serializedlength:3 "),
        ("RPUSH list a b c", "list", "encoding:quicklist serializedlength:19 "),
        ("SADD set 1 2 3", "set", "encoding:intset serializedlength:15 "),
        ("HSET hash f v", "hash", "encoding:listpack serializedlength:14 "),
    ] {
        node.ask(make);
        let shown = node.ask(&format!("DEBUG OBJECT {key}"));
        assert!(shown.starts_with("Value at:0x0 refcount:") && shown.contains(wanted), "{key}: {shown}");
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
