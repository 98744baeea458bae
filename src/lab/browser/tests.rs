#![allow(clippy::unwrap_used)]

use std::process::Command;

use super::look::{Digest, ValuePage};
use super::*;
use crate::lab::tests::process::{PlainServer, redis_is_installed};

fn redis(port: u16, args: &[&str]) {
    let done = Command::new("redis-cli").args(["-p", &port.to_string()]).args(args).output().unwrap();
    assert!(done.status.success() && !done.stdout.starts_with(b"ERR"), "{args:?}: {done:?}");
}

fn browser(server: &PlainServer) -> Browser {
    Browser { addr: server.addr(), client: None, db: 0 }
}

fn keys(from: u64, pattern: &str, kind: Option<&str>, count: u32, digests: bool) -> Browse {
    Browse::Keys {
        from,
        pattern: pattern.into(),
        kind: kind.map(|kind| kind.to_owned().into()),
        count,
        digests,
    }
}

async fn page(browser: &mut Browser, db: u16, what: Browse) -> KeyPage {
    match browser.answer(&Ask { id: 1, db, what }).await {
        Browsed::Keys(page) => page,
        other => panic!("{other:?}"),
    }
}

async fn value(browser: &mut Browser, key: &str, from: &str) -> ValuePage {
    let what = Browse::Value { key: key.into(), from: from.to_owned() };
    match browser.answer(&Ask { id: 1, db: 0, what }).await {
        Browsed::Value(page) => *page,
        other => panic!("{other:?}"),
    }
}

fn texts(page: &ValuePage) -> Vec<String> {
    page.rows
        .iter()
        .map(|row| row.iter().map(|cell| text(&cell.bytes)).collect::<Vec<_>>().join(" "))
        .collect()
}

#[tokio::test(flavor = "current_thread")]
async fn keys_come_page_by_page_with_their_figures() {
    if !redis_is_installed("browser keys") {
        return;
    }
    let server = PlainServer::start();
    redis(server.port, &["eval", "for i=1,500 do redis.call('set', 'k:'..i, i) end", "0"]);
    redis(server.port, &["rpush", "list", "a", "b"]);
    redis(server.port, &["pexpire", "list", "60000"]);
    redis(server.port, &["-n", "3", "set", "elsewhere", "x"]);
    let mut browser = browser(&server);
    let (mut seen, mut from, mut pages) = (std::collections::BTreeSet::new(), 0, 0);
    loop {
        let page = page(&mut browser, 0, keys(from, "", None, 100, false)).await;
        assert_eq!((page.from, page.dbsize), (from, 501));
        assert!(page.keys.len() < 200, "a page is bounded");
        seen.extend(page.keys.into_iter().map(|key| key.key));
        (from, pages) = (page.next, pages + 1);
        if from == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 501);
    assert!(pages > 3);

    let found = page(&mut browser, 0, keys(0, "li*", Some("list"), 100, false)).await;
    let [list] = &found.keys[..] else { panic!("{found:?}") };
    assert_eq!((list.kind.word(), list.len, list.encoding.as_str()), ("list", Some(2), "quicklist"));
    assert!(list.ttl_ms.is_some_and(|ttl| ttl > 50_000) && list.memory.is_some(), "{list:?}");
    let elsewhere = page(&mut browser, 3, keys(0, "", None, 100, false)).await;
    assert_eq!((elsewhere.keys.len(), elsewhere.dbsize), (1, 1));
    assert!(elsewhere.offset.is_some());
}

#[tokio::test(flavor = "current_thread")]
async fn each_type_is_read_in_pages_of_its_own() {
    if !redis_is_installed("browser values") {
        return;
    }
    let server = PlainServer::start();
    let fill = "for i=1,500 do redis.call('rpush', 'list', i) redis.call('sadd', 'set', 'm'..i) \
                redis.call('hset', 'hash', 'f'..i, 'v'..i) redis.call('zadd', 'zset', i, 'z'..i) \
                redis.call('xadd', 'stream', i..'-0', 'n', i) end \
                redis.call('set', 'text', string.rep('x', 40000))";
    redis(server.port, &["eval", fill, "0"]);
    redis(server.port, &["xgroup", "create", "stream", "workers", "0"]);
    let mut browser = browser(&server);
    for (key, count) in
        [("list", 500), ("set", 500), ("hash", 500), ("zset", 500), ("stream", 500), ("text", 3)]
    {
        let (mut rows, mut from) = (Vec::new(), String::new());
        loop {
            let page = value(&mut browser, key, &from).await;
            assert!(page.rows.len() <= 500, "{key}");
            rows.extend(texts(&page));
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        if ["set", "hash"].contains(&key) {
            rows.sort();
            rows.dedup();
        }
        assert_eq!(rows.len(), count, "{key}");
        let first = rows[0].chars().take(5).collect::<String>();
        let expected = match key {
            "list" => "1",
            "set" => "m1",
            "hash" => "f1 v1",
            "zset" => "z1 1",
            "stream" => "1-0 n",
            _ => "xxxxx",
        };
        assert_eq!(first, expected);
    }
    let stream = value(&mut browser, "stream", "").await;
    assert_eq!(stream.groups.len(), 1);
    assert_eq!((text(&stream.groups[0].name.bytes).as_str(), stream.groups[0].lag), ("workers", Some(500)));
}

#[tokio::test(flavor = "current_thread")]
async fn bytes_stay_what_they_are_and_what_is_not_there_is_said() {
    if !redis_is_installed("browser bytes") {
        return;
    }
    let server = PlainServer::start();
    redis(server.port, &["eval", r"redis.call('rpush', '\0\255 k', '\r\n\254')", "0"]);
    let mut browser = browser(&server);
    let found = page(&mut browser, 0, keys(0, "", None, 10, false)).await;
    assert_eq!(found.keys[0].key, b"\0\xff k");
    let what = Browse::Value { key: found.keys[0].key.clone(), from: String::new() };
    let Browsed::Value(read) = browser.answer(&Ask { id: 1, db: 0, what }).await else { panic!("no value") };
    assert_eq!(read.rows[0][0].bytes, b"\r\n\xfe");
    let gone = Browse::Value { key: b"none".to_vec(), from: String::new() };
    assert_eq!(browser.answer(&Ask { id: 1, db: 0, what: gone }).await, Browsed::Gone(b"none".to_vec()));
    let beyond = browser.answer(&Ask { id: 1, db: 99, what: keys(0, "", None, 10, false) }).await;
    assert!(matches!(beyond, Browsed::Failed(why) if why.contains("out of range")));
}

#[tokio::test(flavor = "current_thread")]
async fn equal_values_have_equal_digests_whatever_their_encoding_and_order() {
    if !redis_is_installed("browser digests") {
        return;
    }
    let (first, second) = (PlainServer::start(), PlainServer::start());
    let fill = "for i=1,100 do redis.call('sadd', 's', 'm'..i) redis.call('hset', 'h', 'f'..i, i) end \
                redis.call('rpush', 'l', 'a', 'b') redis.call('zadd', 'z', 1, 'a', 2, 'b')";
    let backwards = "for i=100,1,-1 do redis.call('sadd', 's', 'm'..i) redis.call('hset', 'h', 'f'..i, i) end \
                     redis.call('rpush', 'l', 'b', 'a') redis.call('zadd', 'z', 2, 'b', 1, 'a')";
    redis(first.port, &["eval", fill, "0"]);
    redis(second.port, &["config", "set", "hash-max-listpack-entries", "1"]);
    redis(second.port, &["eval", backwards, "0"]);
    let mut all = Vec::new();
    for server in [&first, &second] {
        let mut found = page(&mut browser(server), 0, keys(0, "", None, 100, true)).await.keys;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        all.push(found);
    }
    for (a, b) in all[0].iter().zip(&all[1]) {
        // DEBUG is not allowed on a server with its defaults.
        assert!(matches!(a.digest, Some(Digest::Elements(_))), "{a:?}");
        assert_eq!(a.digest == b.digest, a.key != b"l", "{}", text(&a.key));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_that_is_gone_is_told_of_and_asked_again() {
    if !redis_is_installed("browser gone") {
        return;
    }
    let mut server = PlainServer::start();
    let mut browser = browser(&server);
    page(&mut browser, 0, keys(0, "", None, 10, false)).await;
    server.kill();
    for _ in 0..2 {
        let answer = browser.answer(&Ask { id: 1, db: 0, what: keys(0, "", None, 10, false) }).await;
        assert!(matches!(answer, Browsed::Failed(_)), "{answer:?}");
    }
}
