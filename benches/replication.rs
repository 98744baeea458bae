//! What a node does for each command and each byte: `cargo bench --no-default-features --bench replication`.
//!
//! `command path` and `stream apply` are whole nodes on loopback sockets, whose thread is the only one that is busy: a
//! batch goes in, and its end is waited for. The rest is one part each, called directly.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use repliscope::node::{NodeEvent, NodeHandle, NodeOptions};
use repliscope::persistence::{RdbWriter, WriteOptions};
use repliscope::replication::{Backlog, History, PsyncRequest, ReplId, StreamWriter, encode_command, judge};
use repliscope::store::{Store, Ttl};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Commands of one batch.
const BATCH: usize = 10_000;
/// Different keys of a batch.
const KEYS: usize = 1_000;

fn set(n: usize) -> Vec<u8> {
    encode_command(&[b"SET", format!("key:{:012}", n % KEYS).as_bytes(), b"xyz"])
}

fn get(n: usize) -> Vec<u8> {
    encode_command(&[b"GET", format!("key:{:012}", n % KEYS).as_bytes()])
}

fn batch(command: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    (0..BATCH).flat_map(command).collect()
}

/// A node without files; returns it with its port when it serves.
fn node(directives: &[(&str, &str)]) -> (NodeHandle, u16) {
    let given = directives.iter().chain(&[("save", "")]);
    let directives = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (sender, ready) = mpsc::channel();
    let options = NodeOptions { directives, any_free_port: true, ..NodeOptions::default() };
    let handle = NodeHandle::start(options, move |event| {
        if let NodeEvent::Ready { port, .. } = event {
            let _ = sender.send(port);
        }
    })
    .unwrap();
    (handle, ready.recv_timeout(Duration::from_secs(10)).unwrap())
}

fn command_path(criterion: &mut Criterion) {
    let (_node, port) = node(&[]);
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut group = criterion.benchmark_group("command path");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (sets, gets) = (batch(set), batch(get));
    for (name, requests, reply) in [("SET", &sets, "+OK\r\n"), ("GET", &gets, "$3\r\nxyz\r\n")] {
        let mut replies = vec![0; reply.len() * BATCH];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                // Less than what sockets buffer, so that a write never waits for a read.
                for (requests, replies) in
                    requests.chunks(requests.len() / 20).zip(replies.chunks_mut(reply.len() * BATCH / 20))
                {
                    client.write_all(requests).unwrap();
                    client.read_exact(replies).unwrap();
                }
            });
        });
        assert!(replies.ends_with(reply.as_bytes()));
    }
    group.finish();
}

/// Follows the handshake of a replica up to PSYNC and sends it an empty data set.
fn grant_full_sync(replica: &mut BufReader<TcpStream>) {
    let mut answer = |bytes: &[u8]| replica_line(replica, bytes);
    answer(b"+PONG\r\n");
    answer(b"+OK\r\n");
    answer(b"+OK\r\n");
    let full = format!("+FULLRESYNC {} 0\r\n", "a".repeat(40));
    answer(full.as_bytes());
    let mut rdb = Vec::new();
    let mut store = Store::new(16, 1);
    let reader = store.begin_snapshot();
    store.capture(usize::MAX);
    let sink = |chunk: bytes::Bytes| {
        rdb.extend_from_slice(&chunk);
        Ok(())
    };
    RdbWriter::encode(reader, &WriteOptions::default(), sink, |_| ()).unwrap();
    let stream = replica.get_mut();
    stream.write_all(format!("${}\r\n", rdb.len()).as_bytes()).unwrap();
    stream.write_all(&rdb).unwrap();
}

/// Reads one command of the replica and answers it.
fn replica_line(replica: &mut BufReader<TcpStream>, answer: &[u8]) {
    read_command(replica);
    replica.get_mut().write_all(answer).unwrap();
}

fn read_command(replica: &mut BufReader<TcpStream>) -> Vec<String> {
    let mut line = String::new();
    replica.read_line(&mut line).unwrap();
    let count: usize = line.trim_start_matches('*').trim().parse().unwrap();
    let mut word = || {
        let (mut length, mut word) = (String::new(), String::new());
        replica.read_line(&mut length).unwrap();
        replica.read_line(&mut word).unwrap();
        word.trim().to_owned()
    };
    (0..count).map(|_| word()).collect()
}

fn stream_apply(criterion: &mut Criterion) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let master = format!("127.0.0.1 {}", listener.local_addr().unwrap().port());
    let (_node, _) = node(&[("replicaof", &master)]);
    let mut replica = BufReader::new(listener.accept().unwrap().0);
    grant_full_sync(&mut replica);
    let getack = encode_command(&[b"REPLCONF", b"GETACK", b"*"]);
    let mut group = criterion.benchmark_group("stream apply");
    group.throughput(Throughput::Elements(BATCH as u64));
    let sets = batch(set);
    let mut sent = 0;
    group.bench_function("SET", |bencher| {
        bencher.iter(|| {
            replica.get_mut().write_all(&sets).unwrap();
            replica.get_mut().write_all(&getack).unwrap();
            sent += sets.len();
            // What it acknowledges by the clock, as before the batch, is not the answer.
            let wanted = sent.to_string();
            while read_command(&mut replica)[2] != wanted {}
            sent += getack.len();
        });
    });
    group.finish();
}

fn verdict(criterion: &mut Criterion) {
    let (old, new) = (ReplId::from_bytes([1; 20]), ReplId::from_bytes([2; 20]));
    let mut history = History::new(old);
    let mut backlog = Backlog::new(1 << 20, history.offset() + 1);
    let mut writer = StreamWriter::new(None);
    for n in 0..KEYS {
        writer.encoded(&mut history, &mut backlog, 0, &set(n));
    }
    let fork = history.offset();
    history.promote(new);
    writer.force_select();
    for n in 0..KEYS {
        writer.encoded(&mut history, &mut backlog, 0, &set(n));
    }
    let mut group = criterion.benchmark_group("PSYNC verdict");
    let ask = |replid: ReplId, offset: u64| (replid.to_string(), offset.to_string());
    for (name, (replid, offset)) in [
        ("partial", ask(new, history.offset() - 100)),
        ("partial by replid2", ask(old, fork - 100)),
        ("full, past the fork", ask(old, fork + 100)),
        ("full, no history", ("?".to_owned(), "-1".to_owned())),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let asked = PsyncRequest::parse(replid.as_bytes(), offset.as_bytes()).unwrap();
                judge(&history, Some(&backlog), black_box(asked))
            });
        });
    }
    group.finish();
}

/// Commands go into the one stream, and every replica reads all of it.
fn backlog_append(criterion: &mut Criterion) {
    let commands: Vec<Vec<u8>> = (0..BATCH).map(set).collect();
    let mut group = criterion.benchmark_group("backlog append");
    group.throughput(Throughput::Elements(BATCH as u64));
    for replicas in [0, 1, 8] {
        let mut history = History::new(ReplId::from_bytes([1; 20]));
        let mut backlog = Backlog::new(1 << 20, history.offset() + 1);
        let mut writer = StreamWriter::new(None);
        let mut cursors: Vec<_> =
            (0..replicas).map(|_| backlog.open(history.offset() + 1).unwrap()).collect();
        group.bench_function(format!("{replicas} replicas"), |bencher| {
            bencher.iter(|| {
                // As many as a node appends before it wakes its feeds.
                for turn in commands.chunks(100) {
                    for command in turn {
                        writer.encoded(&mut history, &mut backlog, 0, command);
                    }
                    for cursor in &mut cursors {
                        let sent =
                            backlog.slices(cursor, 64 << 10).map(|part| black_box(part).len()).sum::<usize>();
                        backlog.consume(cursor, sent as u64);
                    }
                    backlog.trim();
                }
            });
        });
    }
    group.finish();
}

/// Writes while a snapshot of a million keys is being encoded, beside the same writes without one.
fn snapshot_under_writes(criterion: &mut Criterion) {
    const STORED: usize = 1_000_000;
    let keys: Vec<String> = (0..STORED).map(|n| format!("key:{n:012}")).collect();
    let mut store = Store::new(16, 7);
    let write = |store: &mut Store, n: usize| {
        let key = keys[n % STORED].as_bytes();
        let hash = store.db(0).hash(key);
        store.db_mut(0).set(hash, key, &[b'x'; 64], Ttl::Clear, 0);
    };
    for n in 0..STORED {
        write(&mut store, n);
    }
    let mut group = criterion.benchmark_group("100,000 writes to a million keys");
    group.sample_size(10).throughput(Throughput::Elements(100_000));
    // A step that has no common divisor with the number of keys: each write goes elsewhere.
    let writes = |store: &mut Store, from: usize| {
        for n in 0..100_000 {
            write(store, (from + n) * 7_919);
        }
    };
    let mut at = 0;
    group.bench_function("without a snapshot", |bencher| {
        bencher.iter(|| {
            writes(&mut store, at);
            at += 100_000;
        });
    });
    group.bench_function("under a snapshot", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let reader = store.begin_snapshot();
                let encoder = std::thread::spawn(move || {
                    RdbWriter::encode(reader, &WriteOptions::default(), |_| Ok(()), |_| ()).unwrap();
                });
                let begun = Instant::now();
                writes(&mut store, at);
                took += begun.elapsed();
                at += 100_000;
                store.capture(usize::MAX);
                encoder.join().unwrap();
            }
            took
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("snapshot of a million keys");
    group.bench_function("begin and capture", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let reader = store.begin_snapshot();
                store.capture(usize::MAX);
                reader
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, command_path, stream_apply, verdict, backlog_append, snapshot_under_writes);
criterion_main!(benches);
