#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

use super::*;
use crate::lab::tests::process::{PlainServer, redis_is_installed};
use crate::lab::{Entry, WorkloadSample};

struct Bench {
    settings: watch::Sender<WorkloadSettings>,
    targets: watch::Sender<Targets>,
    entries: Receiver<Entry>,
}

async fn bench(test: impl AsyncFnOnce(Bench)) {
    LocalSet::new()
        .run_until(async {
            let (out, entries) = crossbeam_channel::bounded(1000);
            let recorder = Rc::new(Recorder::new(out, Arc::default()));
            let (settings, wanted) = watch::channel(WorkloadSettings::default());
            let (targets, whom) = watch::channel(Targets::default());
            spawn_local(run(recorder, wanted, whom));
            test(Bench { settings, targets, entries }).await;
        })
        .await;
}

impl Bench {
    /// Sum of all samples of this long.
    async fn run_for(&self, seconds: u64) -> WorkloadSample {
        self.entries.try_iter().count();
        sleep(Duration::from_secs(seconds)).await;
        let mut sum = WorkloadSample::default();
        for entry in self.entries.try_iter() {
            let Event::Workload(sample) = entry.event else { continue };
            sum.writes_ok += sample.writes_ok;
            sum.writes_failed += sample.writes_failed;
            sum.reads_ok += sample.reads_ok;
            sum.reads_failed += sample.reads_failed;
            sum.reads_stale += sample.reads_stale;
            sum.write_max = sum.write_max.max(sample.write_max);
            sum.write_p50 = sum.write_p50.max(sample.write_p50);
            sum.last_error = sample.last_error.or(sum.last_error);
        }
        sum
    }

    fn talk_to(&self, master: &PlainServer, replicas: &[(u16, &PlainServer)]) {
        self.targets.send_replace(Targets {
            cluster: 1,
            master: Some(master.addr()),
            replicas: replicas.iter().map(|(node, server)| (NodeId(*node), server.addr())).collect(),
        });
    }
}

fn settings(writes: u32, reads: u32) -> WorkloadSettings {
    WorkloadSettings {
        on: true,
        writes_per_second: writes,
        reads_per_second: reads,
        keys: 100,
        value_size: 64,
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_rate_is_kept_and_reads_of_another_server_are_stale() {
    if !redis_is_installed("workload") {
        return;
    }
    let (master, other) = (PlainServer::start(), PlainServer::start());
    bench(async |bench| {
        bench.settings.send_replace(settings(500, 200));
        assert_eq!(bench.run_for(1).await, WorkloadSample::default(), "no cluster, nothing to do");

        bench.talk_to(&master, &[(2, &master)]);
        sleep(Duration::from_millis(500)).await;
        let sum = bench.run_for(4).await;
        assert!((1500..=2500).contains(&sum.writes_ok), "{sum:?}");
        assert!((600..=1000).contains(&sum.reads_ok), "{sum:?}");
        assert_eq!((sum.writes_failed, sum.reads_failed, sum.reads_stale), (0, 0, 0));
        assert!(sum.write_max >= sum.write_p50 && sum.write_p50 > Duration::ZERO);

        // A server that never got a write: every key it lacks is stale.
        bench.talk_to(&master, &[(2, &master), (3, &other)]);
        let sum = bench.run_for(2).await;
        assert!(sum.reads_stale > 100 && sum.reads_stale < sum.reads_ok, "{sum:?}");

        bench.settings.send_replace(WorkloadSettings { on: false, ..settings(500, 200) });
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(bench.run_for(2).await, WorkloadSample::default(), "off is off");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_outage_is_counted_and_the_next_master_gets_the_writes() {
    if !redis_is_installed("workload outage") {
        return;
    }
    let (mut master, next) = (PlainServer::start(), PlainServer::start());
    bench(async |bench| {
        bench.settings.send_replace(settings(1000, 0));
        bench.talk_to(&master, &[]);
        assert!(bench.run_for(2).await.writes_ok > 500);
        master.kill();
        let sum = bench.run_for(3).await;
        assert!(sum.writes_failed > 1000, "{sum:?}");
        assert!(sum.last_error.unwrap().contains(&format!("port {}", master.port)));
        bench.talk_to(&next, &[]);
        sleep(Duration::from_millis(1200)).await;
        let sum = bench.run_for(2).await;
        assert!(sum.writes_ok > 500 && sum.writes_failed == 0, "{sum:?}");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn the_highest_rate_does_not_stall_the_lab() {
    if !redis_is_installed("workload rate") {
        return;
    }
    let master = PlainServer::start();
    bench(async |bench| {
        bench.settings.send_replace(settings(RATE_MAX, 0));
        bench.talk_to(&master, &[]);
        let lag = spawn_local(async {
            let (begun, mut longest) = (Instant::now(), Duration::ZERO);
            while begun.elapsed() < Duration::from_secs(3) {
                let asleep = Instant::now();
                sleep(Duration::from_millis(5)).await;
                longest = longest.max(asleep.elapsed());
            }
            longest
        });
        let sum = bench.run_for(3).await;
        let longest = lag.await.unwrap();
        assert!(sum.writes_ok > 30_000, "{sum:?}");
        assert!(longest < Duration::from_millis(250), "another task of the lab waited {longest:?}; {sum:?}");
    })
    .await;
}
