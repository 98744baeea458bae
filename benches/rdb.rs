//! Encoding and decoding a million keys of 64 bytes, single-threaded: `cargo bench --bench rdb`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use repliscope::persistence::{LoadOptions, RdbWriter, WriteOptions, load};
use repliscope::store::{Store, Ttl};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn store(keys: u32, value_len: usize) -> Store {
    let mut store = Store::new(16, 7);
    let value: Vec<u8> = (0..value_len).map(|n| (n * 37 % 251) as u8).collect();
    for n in 0..keys {
        let key = format!("key:{n:012}");
        let hash = store.db(0).hash(key.as_bytes());
        store.db_mut(0).set(hash, key.as_bytes(), &value, Ttl::Clear, 0);
    }
    store
}

fn encode(store: &mut Store, options: &WriteOptions) -> Vec<bytes::Bytes> {
    let mut chunks = Vec::new();
    let snapshot = store.begin_snapshot();
    store.capture(usize::MAX);
    let sink = |chunk| {
        chunks.push(chunk);
        Ok(())
    };
    RdbWriter::encode(snapshot, options, sink, |_| ()).unwrap();
    chunks
}

/// Time that `work` takes on a processor: other programs that run meanwhile count far less than in wall-clock
/// time. Elsewhere than on Linux it is the wall-clock time.
fn cpu_time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let on_cpu = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let (start, before) = (Instant::now(), on_cpu());
    let result = work();
    let elapsed = start.elapsed();
    (result, on_cpu().zip(before).map_or(elapsed, |(after, before)| after.saturating_sub(before)))
}

/// Encodes and throws the chunks away, as a fast peer would take them.
fn encode_only(store: &mut Store, options: &WriteOptions) -> Duration {
    let snapshot = store.begin_snapshot();
    store.capture(usize::MAX);
    cpu_time(|| RdbWriter::encode(snapshot, options, |_| Ok(()), |_| ()).unwrap()).1
}

fn decode(file: &[u8]) -> Duration {
    cpu_time(|| load(file, &LoadOptions::default(), |_| ControlFlow::Continue(())).unwrap()).1
}

fn rdb(criterion: &mut Criterion) {
    for (keys, value_len) in [(1_000_000, 64), (200_000, 1024)] {
        let mut store = store(keys, value_len);
        let mut group = criterion.benchmark_group(format!("{keys} keys of {value_len} bytes"));
        group.sample_size(10).throughput(Throughput::Elements(u64::from(keys)));
        let plain = WriteOptions::default();
        let checked = WriteOptions { checksum: true, ..plain.clone() };
        let packed = WriteOptions { compress: true, ..checked.clone() };
        for (name, options) in
            [("encode", &plain), ("encode with checksum", &checked), ("encode packed", &packed)]
        {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| encode_only(&mut store, options)).sum());
            });
        }
        let files = [("decode", &plain), ("decode with checksum", &checked), ("decode packed", &packed)];
        for (name, options) in files {
            group.bench_function(name, |bencher| {
                let file = encode(&mut store, options).concat();
                bencher.iter_custom(|times| (0..times).map(|_| decode(&file)).sum());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, rdb);
criterion_main!(benches);
