#![allow(clippy::unwrap_used)]
use super::*;
use crate::replication::{MIN_BACKLOG_SIZE, MinReplicas, count_acked, count_good};

const S: Duration = Duration::from_secs(1);

fn waiting() -> MasterFeed {
    MasterFeed::waiting(ReplicaOptions::default(), true, Duration::ZERO)
}

fn online(backlog: &Backlog) -> MasterFeed {
    let cursor = backlog.open(backlog.next()).unwrap();
    MasterFeed::continuing(ReplicaOptions::default(), cursor, Duration::ZERO)
}

#[test]
fn a_disk_based_sync_goes_through_redis_states() {
    let backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let mut feed = waiting();
    assert_eq!((feed.state().word(), feed.streams()), ("wait_bgsave", false));
    feed.snapshot_begun(backlog.open(1).unwrap());
    assert_eq!(feed.state().word(), "wait_bgsave");
    feed.transfer_begun(Transport::Disk, S);
    assert_eq!((feed.state().word(), feed.streams()), ("send_bulk", false));
    feed.transfer_done(2 * S);
    assert_eq!((feed.state().word(), feed.streams()), ("online", true));
}

#[test]
fn after_a_diskless_sync_the_stream_waits_for_the_first_ack() {
    let backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let mut feed = waiting();
    feed.snapshot_begun(backlog.open(1).unwrap());
    feed.transfer_begun(Transport::Diskless, S);
    assert_eq!(feed.state().word(), "wait_bgsave");
    feed.transfer_done(2 * S);
    assert_eq!((feed.is_online(), feed.streams()), (true, false));
    assert_eq!(feed.on_ack(0, 0, 3 * S), Ok(Acked::StreamStarts));
    assert!(feed.streams());
    assert_eq!(feed.on_ack(0, 10, 4 * S), Ok(Acked::Alive));
    assert_eq!(feed.on_ack(10, 10, 4 * S), Ok(Acked::Further));
}

#[test]
fn who_cannot_acknowledge_gets_the_stream_at_once_and_is_never_dropped_for_silence() {
    let backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let mut feed = MasterFeed::waiting(ReplicaOptions::default(), false, Duration::ZERO);
    feed.transfer_begun(Transport::Disk, S);
    feed.transfer_done(S);
    assert!(feed.streams());
    assert_eq!(feed.on_tick(1000 * S, &FeedLimits::default(), &backlog), None);
}

#[test]
fn bytes_written_during_the_sync_wait_for_the_replica() {
    let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 101);
    let mut feed = waiting();
    feed.snapshot_begun(backlog.open(101).unwrap());
    backlog.append(&vec![9; 100_000]);
    assert_eq!(feed.bytes_behind(&backlog), 100_000);
    assert_eq!(backlog.slices(feed.cursor().unwrap(), usize::MAX).flatten().count(), 100_000);
}

#[test]
fn an_ack_beyond_the_stream_is_a_lie_and_counts_for_nothing() {
    let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let mut feed = online(&backlog);
    backlog.append(&[0; 50]);
    let lie = FeedFault::LyingAck { acked: 51, written: 50 };
    assert_eq!(feed.on_ack(51, 50, 5 * S), Err(lie));
    assert_eq!((feed.acked(), feed.lag_seconds(5 * S)), (0, 5));
    assert_eq!(feed.on_ack(50, 50, 5 * S), Ok(Acked::Further));
    assert_eq!(feed.on_ack(40, 50, 6 * S), Ok(Acked::Alive));
    assert_eq!((feed.acked(), feed.lag_seconds(8 * S)), (50, 2));
}

#[test]
fn a_waiting_replica_gets_a_newline_each_second_and_none_during_the_transfer() {
    let backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let limits = FeedLimits::default();
    let mut feed = waiting();
    assert_eq!(feed.on_tick(S / 2, &limits, &backlog), None);
    assert_eq!(feed.on_tick(S, &limits, &backlog), Some(FeedAction::SendKeepAlive));
    assert_eq!(feed.on_tick(S, &limits, &backlog), None);
    assert_eq!(feed.on_tick(500 * S, &limits, &backlog), Some(FeedAction::SendKeepAlive));
    feed.transfer_begun(Transport::Disk, 500 * S);
    assert_eq!(feed.on_tick(502 * S, &limits, &backlog), None);
}

#[test]
fn silence_beyond_repl_timeout_ends_the_feed() {
    let backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let limits = FeedLimits::default();
    let mut feed = online(&backlog);
    assert_eq!(feed.on_tick(60 * S, &limits, &backlog), None);
    assert_eq!(feed.on_tick(61 * S, &limits, &backlog), Some(FeedAction::Drop(FeedFault::NoAck(61 * S))));
    feed.on_sign_of_life(61 * S);
    assert_eq!(feed.on_tick(62 * S, &limits, &backlog), None);

    let mut stuck = waiting();
    stuck.transfer_begun(Transport::Diskless, 10 * S);
    stuck.transfer_went_on(20 * S);
    assert_eq!(stuck.on_tick(80 * S, &limits, &backlog), None);
    let fault = FeedFault::TransferStalled(61 * S);
    assert_eq!(stuck.on_tick(81 * S, &limits, &backlog), Some(FeedAction::Drop(fault)));
    // One that has taken all there is waits for others, who may be slow.
    stuck.transfer_waits();
    assert_eq!(stuck.on_tick(500 * S, &limits, &backlog), None);
    stuck.transfer_went_on(500 * S);
    assert_eq!(stuck.on_tick(560 * S, &limits, &backlog), None);
}

#[test]
fn output_buffer_limits_by_bytes_behind() {
    let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let mut feed = online(&backlog);
    let limits = FeedLimits { hard: 40_000, soft: 20_000, soft_for: 10 * S, ..FeedLimits::default() };
    backlog.append(&vec![0; 20_000]);
    assert_eq!(feed.check_buffer(S, &limits, &backlog), Ok(()));
    assert_eq!(feed.check_buffer(11 * S, &limits, &backlog), Ok(()));
    let soft = FeedFault::SoftLimit { limit: 20_000, waited: 11 * S };
    assert_eq!(feed.check_buffer(12 * S, &limits, &backlog), Err(soft));
    backlog.consume(feed.cursor_mut().unwrap(), 1);
    assert_eq!(feed.check_buffer(12 * S, &limits, &backlog), Ok(()), "below again: the time starts anew");
    backlog.append(&vec![0; 20_001]);
    let hard = FeedFault::HardLimit { behind: 40_000, limit: 40_000 };
    assert_eq!(feed.check_buffer(13 * S, &limits, &backlog), Err(hard));

    let raised = FeedLimits { hard: 1, soft: 0, ..limits };
    let mut near = online(&backlog);
    backlog.append(&[0; 1000]);
    assert_eq!(near.check_buffer(S, &raised, &backlog), Ok(()), "the backlog keeps these bytes anyway");
    let none = FeedLimits { hard: 0, soft: 0, ..limits };
    assert_eq!(feed.check_buffer(S, &none, &backlog), Ok(()));
}

#[test]
fn only_online_replicas_count_and_only_recent_ones_are_good() {
    let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
    let mut feeds = [online(&backlog), online(&backlog), waiting()];
    backlog.append(&[0; 100]);
    feeds[0].on_ack(100, 100, 5 * S).unwrap();
    feeds[1].on_ack(50, 100, 20 * S).unwrap();
    feeds[2].on_ack(100, 100, 20 * S).unwrap();
    assert_eq!(count_acked(&feeds, 100), 1);
    assert_eq!(count_acked(&feeds, 50), 2);
    assert_eq!(count_good(&feeds, 20 * S, 10 * S), 1);

    let rule = MinReplicas { to_write: 2, max_lag: 10 * S };
    assert!(rule.allow_write(&feeds, 15 * S) && !rule.allow_write(&feeds, 20 * S));
    assert!(MinReplicas { to_write: 2, max_lag: Duration::ZERO }.allow_write(&feeds, 20 * S));
    assert!(MinReplicas { to_write: 0, max_lag: S }.allow_write([], 20 * S));
}
