//! What a node does by the clock: ten times a second, and once a second.

use std::time::{Duration, Instant};

use super::event::TimeGap;
use super::node::{Node, Shared};
use crate::node::clients::client::{Client, ClientKind};
use crate::node::keys::expiry::round;

/// The faster timer.
const TENTH: Duration = Duration::from_millis(100);
/// So long after a buffer was cut, memory is given back to the system: the allocator first waits a second by itself.
const GIVE_BACK_FOR: Duration = Duration::from_secs(3);

/// Runs until the node ends.
pub(super) async fn run(shared: Shared) {
    tokio::join!(tick(&shared), go_round(&shared));
}

/// Expiry and eviction, `hz` times a second.
async fn go_round(shared: &Shared) {
    loop {
        let (period, most) = round(&shared.borrow().config);
        tokio::time::sleep(period).await;
        if shared.borrow().data.cron_paused {
            continue;
        }
        let begun = Instant::now();
        while shared.borrow_mut().expire_some() && begun.elapsed() < most {
            tokio::task::yield_now().await;
        }
        shared.borrow_mut().note_latency("expire-cycle", begun.elapsed());
        while shared.borrow_mut().evict_more() && begun.elapsed() < most {
            tokio::task::yield_now().await;
        }
    }
}

async fn tick(shared: &Shared) {
    let mut ticks: u64 = 0;
    let mut timer = tokio::time::interval(TENTH);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        if shared.borrow().data.cron_paused {
            continue;
        }
        let begun = Instant::now();
        {
            let mut node = shared.borrow_mut();
            if let Some(gap) = node.clock.resync() {
                node.tell_gap(gap);
            }
            node.tenth();
            ticks += 1;
            if ticks.is_multiple_of(10) {
                node.second();
            }
            node.figures.lag.record(begun);
        }
    }
}

impl Node {
    /// Redis has no line for this: after a sleep it drops its links as if the others had been silent.
    fn tell_gap(&mut self, gap: TimeGap) {
        self.warning(match gap {
            TimeGap::Stopped { lasted } => format!(
                "Time gap: nothing ran for {:.1} seconds (the computer slept or the process was stopped). No link \
                 or client is timed out for that.",
                lasted.as_secs_f64()
            ),
            TimeGap::ClockAhead { by } => format!(
                "Time gap: the wall clock jumped ahead by {:.1} seconds (the computer slept or its clock was set). \
                 Keys expire by the new time, time-outs are not affected.",
                by.as_secs_f64()
            ),
        });
    }

    fn tenth(&mut self) {
        let now = self.clock.since_start();
        self.figures.stats.sample_rates(now);
        self.trim_buffers(now);
        self.note_client_memory();
        self.count_clients();
        self.tell_loading();
        self.watch_waits(now);
        self.tick_aof();
        self.save_if_scheduled();
        self.tick_failover();
        self.tick_shutdown();
        self.figures.stats.peak_memory = self.figures.stats.peak_memory.max(self.used_memory());
        self.cut_idle_slow_readers();
        self.limit_tracked_keys();
        if self.clients.pause.is_some_and(|pause| pause.until <= now) {
            self.end_pause();
        }
    }

    /// Lets clients give back what their buffers hold too much.
    fn trim_buffers(&mut self, now: Duration) {
        for client in self.clients.by_id.values().filter(|client| client.kind.get() == ClientKind::Normal) {
            let silent_for = now.saturating_sub(client.last_active.get());
            let shrunk =
                client.buffers.tick(now, silent_for, client.query_bytes.get(), self.clients.reply_tuning);
            self.figures.stats.reply_shrinks += u64::from(shrunk);
            if client.buffers.is_trim_due() {
                client.outbox.wake();
                self.disk.give_back_until = now + GIVE_BACK_FOR;
            }
        }
    }

    /// Redis' `replicationCron`, as one list of everything that happens by the second.
    fn second(&mut self) {
        let now = self.clock.since_start();
        if now < self.disk.give_back_until {
            repliscope_platform::give_memory_back(false);
        }
        // Not while clients are paused: a PING moves the offset that everybody waits for.
        let ping_due = now.saturating_sub(self.replication.last_ping) >= self.config.repl_ping_replica_period;
        if self.replication.upstream.is_none()
            && !self.replication.feeds.is_empty()
            && ping_due
            && !self.is_paused()
        {
            self.replication.last_ping = now;
            if let Some(backlog) = &mut self.replication.backlog {
                self.replication.writer.ping(&mut self.replication.history, backlog);
            }
            self.wake_feeds();
        }
        self.close_idle_clients(now);
        self.clients.migrate_targets.close_idle();
        self.tick_feeds();
        self.tick_sync();
        self.remove_sync_file();
        self.free_old_backlog(now);
        self.save_if_due(now);
        self.rewrite_if_due();
    }

    /// `timeout`: clients that have been silent for too long, but not those that wait for an answer of ours.
    fn close_idle_clients(&self, now: Duration) {
        let timeout = self.config.timeout;
        if timeout.is_zero() {
            return;
        }
        let is_idle = |client: &Client| {
            let silent = now.saturating_sub(client.last_active.get());
            let listens = client.is_subscriber() || client.monitoring.get();
            let normal = client.kind.get() == ClientKind::Normal && !listens;
            normal && !client.blocked.get() && silent > timeout
        };
        self.clients.by_id.values().filter(|client| is_idle(client)).for_each(|client| client.kill());
    }

    /// A master that nobody follows any more frees its backlog, and changes its name: a replica that returns
    /// after that must not continue a history whose end nobody kept.
    fn free_old_backlog(&mut self, now: Duration) {
        let ttl = self.config.repl_backlog_ttl;
        if self.replication.upstream.is_some()
            || ttl.is_zero()
            || !self.replication.feeds.is_empty()
            || self.replication.backlog.is_none()
        {
            return;
        }
        let since = *self.replication.without_replicas_since.get_or_insert(now);
        if now.saturating_sub(since) > ttl {
            let id = self.random_replid();
            self.ledger().free_backlog(id);
            self.update_streaming();
            self.notice(format!(
                "Replication backlog freed after {} seconds without connected replicas.",
                ttl.as_secs()
            ));
            self.emit_role();
        }
    }

    /// The save points of the configuration.
    fn save_if_due(&mut self, now: Duration) {
        if self.disk.save.running.is_some() || self.disk.loading.is_some() {
            return;
        }
        let since_save = self.clock.unix().as_secs().saturating_sub(self.disk.save.last_save);
        // After a failure not at once again: a full disk would be tried every second.
        let may_retry =
            self.disk.save.last_ok || now.saturating_sub(self.disk.save.last_try) >= Duration::from_secs(5);
        let due = self.config.save.iter().find(|(seconds, changes)| {
            self.disk.save.dirty >= *changes && since_save > *seconds && may_retry
        });
        if let Some((seconds, changes)) = due.copied() {
            self.notice(format!("{changes} changes in {seconds} seconds. Saving..."));
            let _ = self.save_in_background();
        }
    }
}
