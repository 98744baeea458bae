//! Files exchanged with a real redis-server 7.0, both ways.
//!
//! Without one these tests say so and pass; `REPLISCOPE_REQUIRE_REDIS=1` makes its absence a failure.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::rdb_tests::{contents, read, set, written};
use super::*;
use crate::commands::Access;
use crate::store::{Digest, Store, ValueRef, dataset_digest};

const FAR: i64 = 4_000_000_000_000;

fn redis_is_missing() -> bool {
    let found = ["redis-server", "redis-check-rdb"]
        .into_iter()
        .all(|name| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok());
    if found {
        return false;
    }
    assert!(std::env::var("REPLISCOPE_REQUIRE_REDIS").is_err(), "redis-server is required but not installed");
    println!("skipped: redis-server is not installed");
    true
}

struct Redis {
    process: Child,
    connection: BufReader<TcpStream>,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Redis {
    fn start(directory: &Path, more: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes", "--dir"])
            .arg(directory)
            .args(["--port", &port.to_string()])
            .args(more)
            .stdout(fs::File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut redis = Self { process, connection: BufReader::new(stream) };
                while redis.ask(&["PING"]) != "PONG" {
                    assert!(Instant::now() < deadline, "redis-server does not finish loading");
                    std::thread::sleep(Duration::from_millis(5));
                }
                return redis;
            }
            let ended = process.try_wait().unwrap();
            let log = || fs::read_to_string(directory.join("log")).unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "redis-server does not serve: {}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends one command whose answer, of whatever shape, is of no concern.
    fn send(&mut self, command: &[&str]) {
        let mut client = Command::new("redis-cli");
        let port = self.connection.get_ref().peer_addr().unwrap().port().to_string();
        let status = client.args(["-p", &port]).args(command).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
    }

    /// Sends one command; a bulk string comes back as text, anything else as its line without the type.
    fn ask(&mut self, command: &[&str]) -> String {
        let mut request = Vec::new();
        write!(request, "*{}\r\n", command.len()).unwrap();
        for part in command {
            write!(request, "${}\r\n{part}\r\n", part.len()).unwrap();
        }
        self.connection.get_mut().write_all(&request).unwrap();
        let mut line = String::new();
        self.connection.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        if kind != "$" {
            return rest.to_owned();
        }
        let mut bulk = vec![0; rest.parse::<usize>().unwrap() + 2];
        self.connection.read_exact(&mut bulk).unwrap();
        String::from_utf8_lossy(&bulk[..bulk.len() - 2]).into_owned()
    }
}

fn parse_digest(text: &str) -> Digest {
    std::array::from_fn(|nth| u8::from_str_radix(&text[2 * nth..2 * nth + 2], 16).unwrap())
}

/// Strings of every encoding and length class, binary keys, expiry times, all 16 databases.
fn varied_store() -> Store {
    let mut store = Store::new(16, 5);
    let numbers =
        [0, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, 1 << 31, (1 << 31) - 1, i64::MIN];
    for number in numbers {
        set(&mut store, 0, number.to_string().as_bytes(), number.to_string().as_bytes(), None);
    }
    for text in ["", "-0", "007", "+5", "1e5", "99999999999", "123456789012"] {
        set(&mut store, 1, text.as_bytes(), text.as_bytes(), Some(FAR));
    }
    for len in [20, 21, 40, 63, 64, 100, 264, 1000, 5000, 16_383, 16_384, 70_000, 400_000] {
        let random = |n: usize| ((n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
        set(&mut store, 2, format!("noise{len}").as_bytes(), &(0..len).map(random).collect::<Vec<_>>(), None);
        set(&mut store, 3, format!("same{len}").as_bytes(), &vec![b's'; len], Some(FAR + len as i64));
        let text: Vec<u8> = b"words that come again, and ".iter().copied().cycle().take(len).collect();
        set(&mut store, 4, &text, b"a long key", None);
        let mixed: Vec<u8> = (0..len).map(|n| if n % 40 < 25 { n as u8 % 7 } else { random(n) }).collect();
        set(&mut store, 5, &mixed, &mixed, None);
    }
    for n in 0..20_000u32 {
        let db = n as usize % 16;
        let key = [&n.to_be_bytes()[..], b"\r\n\0\xFF"].concat();
        set(&mut store, db, &key, format!("value {n}").as_bytes(), (n % 3 == 0).then_some(FAR));
    }
    store
}

#[test]
fn a_real_server_loads_our_file_and_we_load_what_it_saves() {
    if redis_is_missing() {
        return;
    }
    let mut store = varied_store();
    let expected = dataset_digest(&store);
    for (compress, checksum) in [(true, true), (false, false)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.rdb");
        let aux = Aux { redis_ver: Some("7.0.15".to_owned()), redis_bits: Some(64), ..Aux::default() };
        let options = WriteOptions { compress, checksum, aux, ..WriteOptions::default() };
        fs::write(&path, written(&mut store, &options)).unwrap();

        let check = Command::new("redis-check-rdb").arg(&path).output().unwrap();
        let report = String::from_utf8_lossy(&check.stdout);
        assert!(check.status.success() && report.contains("RDB looks OK"), "{report}");
        assert!(report.contains(&format!("{} keys read", store.keys())), "{report}");

        let compression = if compress { "yes" } else { "no" };
        let mut redis = Redis::start(directory.path(), &["--rdbcompression", compression]);
        assert_eq!(parse_digest(&redis.ask(&["DEBUG", "DIGEST"])), expected, "compress: {compress}");
        fs::remove_file(&path).unwrap();
        assert_eq!(redis.ask(&["SAVE"]), "OK");
        let loaded = read(&fs::read(&path).unwrap(), &LoadOptions::default()).unwrap();
        assert_eq!(loaded.checksum, Checksum::Verified);
        assert_eq!(loaded.aux.redis_ver, Some(redis_version(&mut redis)));
        assert_eq!(dataset_digest(&loaded.store), expected);
        assert!(contents(&loaded.store) == contents(&store), "compress: {compress}");
    }
}

/// Fills a server with hashes and sets: empty and binary texts, numbers at the bounds of each width, sizes at both sides
/// of each threshold.
fn fill_hashes_and_sets(redis: &mut Redis) {
    let long = "x".repeat(65);
    redis.ask(&[
        "HSET", "hash:odd", "", "", "0", "-1", "127", "128", "-129", "4096", "8388608", "1", "07", "-0",
    ]);
    redis.ask(&["HSET", "hash:max", "9223372036854775807", "-9223372036854775808", &long[1..], &long[1..]]);
    redis.ask(&["HSET", "hash:long", "field", &long]);
    redis.ask(&["HSET", "hash:long field", &long, "value"]);
    redis.ask(&["PEXPIREAT", "hash:long", "4000000000000"]);
    redis.ask(&["SADD", "set:16", "-32768", "32767", "0"]);
    redis.ask(&["SADD", "set:32", "-32769", "0", "7"]);
    redis.ask(&["SADD", "set:64", "2147483648", "-5", "9223372036854775807", "-9223372036854775808"]);
    redis.ask(&["SADD", "set:texts", "", "a", "07", "12", &long]);
    for (size, name) in [(512, "full"), (513, "over"), (20_000, "large")] {
        for nth in 0..size {
            let (text, number) = (format!("field {nth}"), nth.to_string());
            redis.ask(&["HSET", &format!("hash:{name}"), &text, &number]);
            redis.ask(&["SADD", &format!("set:{name}"), &number]);
            redis.ask(&["SADD", &format!("set:{name} texts"), &text]);
        }
    }
}

#[test]
fn hashes_and_sets_of_every_encoding_travel_both_ways() {
    if redis_is_missing() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.rdb");
    let mut redis = Redis::start(directory.path(), &[]);
    fill_hashes_and_sets(&mut redis);
    let expected = parse_digest(&redis.ask(&["DEBUG", "DIGEST"]));
    assert_eq!(redis.ask(&["SAVE"]), "OK");
    let mut loaded = read(&fs::read(&path).unwrap(), &LoadOptions::default()).unwrap();
    assert_eq!(dataset_digest(&loaded.store), expected);
    let mut encodings = Vec::new();
    for entry in loaded.store.db(0).iter() {
        let encoding = match entry.value() {
            ValueRef::Hash(hash) => hash.encoding(),
            ValueRef::Set(set) => set.encoding(),
            other => panic!("{other:?}"),
        };
        let key = String::from_utf8(entry.key().to_vec()).unwrap();
        assert_eq!(redis.ask(&["OBJECT", "ENCODING", &key]), encoding, "{key}");
        encodings.push((key, encoding));
    }
    assert_eq!(encodings.len(), 17);
    for compress in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.rdb");
        let options = WriteOptions { compress, checksum: true, ..WriteOptions::default() };
        fs::write(&path, written(&mut loaded.store, &options)).unwrap();
        let check = Command::new("redis-check-rdb").arg(&path).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
        let mut redis = Redis::start(directory.path(), &[]);
        assert_eq!(parse_digest(&redis.ask(&["DEBUG", "DIGEST"])), expected);
        for (key, encoding) in &encodings {
            assert_eq!(redis.ask(&["OBJECT", "ENCODING", key]), *encoding, "{key}");
        }
    }
}

fn redis_version(redis: &mut Redis) -> String {
    let info = redis.ask(&["INFO", "server"]);
    info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap().to_owned()
}

#[test]
fn frequencies_and_idle_times_mean_the_same_to_a_real_server() {
    if redis_is_missing() {
        return;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let cases = [
        (Access::Lru, "allkeys-lru", (now / 1000 - 5000) & 0xFF_FFFF, "IDLETIME", 5000..5030),
        (Access::Lfu, "allkeys-lfu", ((now / 60_000) & 0xFFFF) << 8 | 0x7B, "FREQ", 122..124),
    ];
    for (access, policy, field, question, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.rdb");
        let mut store = Store::new(1, 5);
        set(&mut store, 0, b"k", b"v", None);
        let hash = store.db(0).hash(b"k");
        let entry = store.db(0).get(hash, b"k").unwrap();
        entry.access().store(field as u32, std::sync::atomic::Ordering::Relaxed);
        let options = WriteOptions { access: Some(access), now, ..WriteOptions::default() };
        fs::write(&path, written(&mut store, &options)).unwrap();
        let mut redis = Redis::start(directory.path(), &["--maxmemory-policy", policy]);
        let answer: i64 = redis.ask(&["OBJECT", question, "k"]).parse().unwrap();
        assert!(expected.contains(&answer), "{question} {answer}");

        assert_eq!(redis.ask(&["SAVE"]), "OK");
        let options = LoadOptions { now, access, ..LoadOptions::default() };
        let loaded = read(&fs::read(&path).unwrap(), &options).unwrap();
        let (_, _, after) = *contents(&loaded.store).values().next().unwrap();
        assert!(field.abs_diff(i64::from(after)) < 30, "{field} became {after}");
    }
}

#[test]
fn function_libraries_of_a_real_server_are_kept() {
    if redis_is_missing() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.rdb");
    let mut redis = Redis::start(directory.path(), &[]);
    let library = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    assert_eq!(redis.ask(&["FUNCTION", "LOAD", library]), "lib");
    redis.ask(&["SET", "k", "v"]);
    redis.ask(&["SAVE"]);
    let loaded = read(&fs::read(&path).unwrap(), &LoadOptions::default()).unwrap();
    let kept: Vec<_> = loaded.store.libraries.iter().map(|kept| (kept.name(), kept.code())).collect();
    assert_eq!((kept, loaded.keys_loaded), (vec![("lib", library.as_bytes())], 1));
}

#[test]
fn a_stream_of_a_real_server_is_written_back_byte_for_byte() {
    if redis_is_missing() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.rdb");
    let mut redis =
        Redis::start(directory.path(), &["--rdbcompression", "no", "--stream-node-max-entries", "7"]);
    for n in 1..=50 {
        let (id, value) = (format!("{n}-{}", n % 3), "x".repeat(n * 3));
        let field = if n % 5 == 0 { "other" } else { "field" };
        redis.ask(&["XADD", "stream", &id, field, &value, "number", &(n * 1000).to_string()]);
    }
    redis.ask(&["XGROUP", "CREATE", "stream", "group", "0"]);
    redis.ask(&["XGROUP", "CREATE", "stream", "idle", "$"]);
    redis.ask(&["XGROUP", "CREATECONSUMER", "stream", "group", "nothing pending"]);
    for (consumer, count) in [("one", "10"), ("two", "20")] {
        let line = ["XREADGROUP", "GROUP", "group", consumer, "COUNT", count, "STREAMS", "stream", ">"];
        redis.send(&line);
    }
    redis.ask(&["XDEL", "stream", "3-0", "20-2", "49-1"]);
    redis.ask(&["XACK", "stream", "group", "2-2", "15-0"]);
    redis.ask(&["XTRIM", "stream", "MAXLEN", "40"]);
    let digest = redis.ask(&["DEBUG", "DIGEST"]);
    redis.ask(&["SAVE"]);

    let theirs = fs::read(&path).unwrap();
    let mut loaded = read(&theirs, &LoadOptions::default()).unwrap();
    assert_eq!(dataset_digest(&loaded.store), parse_digest(&digest));
    let ours = written(&mut loaded.store, &WriteOptions::default());
    let from = ours.windows(8).position(|bytes| bytes == b"\x13\x06stream").unwrap();
    let value = &ours[from..ours.len() - 9];
    assert!(value.len() > 2000 && theirs.windows(value.len()).any(|bytes| bytes == value));
}
