//! Folding events and looking at what the model says.

use std::time::Duration;

use super::node::HISTORY_MAX;
use super::timeline::TIMELINE_MAX;
use super::{LabModel, Life, SyncEnd, SyncStep};
use crate::lab::{
    ConsoleTarget, Entry, Event, LabCommand, NodeId, NodePlan, NodeSample, NoticeLevel, Preset,
    PromotionStep, ReplicaSample, ReplyValue,
};
use crate::node::{FeedPhase, LinkPhase, LogLevel, NodeEvent, NodeRole, StopReason, SyncOutcome};
use crate::replication::{FullReason, PsyncVerdict, ReplId};

const MASTER: NodeId = NodeId(1);
const REPLICA: NodeId = NodeId(2);

/// A model and the clock of its journal.
struct Tale {
    model: LabModel,
    at: Duration,
    seq: u64,
}

impl Tale {
    /// A master on 7001 and its replica on 7002, both answering.
    fn of_two() -> Self {
        let mut tale = Self { model: LabModel::default(), at: Duration::ZERO, seq: 0 };
        let nodes = vec![
            NodePlan { node: MASTER, port: 7001, master: None },
            NodePlan { node: REPLICA, port: 7002, master: Some(MASTER) },
        ];
        tale.tell(Event::ClusterPlanned { preset: Preset::Star { replicas: 1 }, nodes });
        for (node, port) in [(MASTER, 7001), (REPLICA, 7002)] {
            let took = Duration::from_millis(5);
            tale.node(node, NodeEvent::Ready { port, run_id: String::new(), keys_loaded: 0, took });
            tale.tell(Event::Answering { node });
        }
        tale
    }

    fn tell(&mut self, event: Event) {
        self.model.fold(&Entry { seq: self.seq, at: self.at, event });
        self.seq += 1;
    }

    fn node(&mut self, node: NodeId, event: NodeEvent) {
        self.tell(Event::Node { node, event });
    }

    fn links(&mut self, phases: &[LinkPhase]) {
        for phase in phases {
            self.node(REPLICA, NodeEvent::Link(*phase));
            self.pass(10);
        }
    }

    fn pass(&mut self, millis: u64) {
        self.at += Duration::from_millis(millis);
    }

    fn sample(&mut self, node: NodeId, offset: u64, change: impl FnOnce(&mut NodeSample)) {
        let mut sample = NodeSample {
            is_master: node == MASTER,
            replid: Some(id(1)),
            offset,
            backlog_active: true,
            backlog_size: 1_000,
            backlog_first: (offset + 1).saturating_sub(1_000).max(1),
            backlog_len: offset.min(1_000),
            replicas: vec![ReplicaSample { port: 7002, state: "online".into(), offset, ack_age: 3 }],
            ..NodeSample::default()
        };
        change(&mut sample);
        self.tell(Event::Sample { node, sample: Box::new(sample) });
    }

    fn life(&self, node: NodeId) -> &Life {
        self.model.nodes[&node].life()
    }
}

fn id(byte: u8) -> ReplId {
    ReplId::from_bytes([byte; 20])
}

const HANDSHAKE: [LinkPhase; 4] =
    [LinkPhase::Connecting, LinkPhase::Ping, LinkPhase::Replconf, LinkPhase::Psync];

#[test]
fn a_node_is_green_only_once_it_has_answered() {
    let mut tale = Tale { model: LabModel::default(), at: Duration::ZERO, seq: 0 };
    let nodes = vec![NodePlan { node: MASTER, port: 7001, master: None }];
    tale.tell(Event::ClusterPlanned { preset: Preset::Single, nodes });
    assert_eq!(tale.life(MASTER), &Life::Planned);
    let took = Duration::from_millis(5);
    tale.node(MASTER, NodeEvent::Ready { port: 7001, run_id: String::new(), keys_loaded: 0, took });
    assert_eq!(tale.life(MASTER), &Life::Starting);
    assert_eq!(tale.model.answering(), 0);
    tale.tell(Event::Answering { node: MASTER });
    assert_eq!(tale.life(MASTER), &Life::Answering);
    assert_eq!(tale.model.current_master(), Some(MASTER));
}

#[test]
fn a_frozen_node_is_what_it_was_once_it_thaws_and_can_be_killed() {
    let mut tale = Tale::of_two();
    tale.node(REPLICA, NodeEvent::Frozen);
    assert_eq!(tale.life(REPLICA), &Life::Frozen);
    tale.node(REPLICA, NodeEvent::Thawed);
    assert_eq!(tale.life(REPLICA), &Life::Answering);
    tale.node(REPLICA, NodeEvent::Frozen);
    tale.tell(Event::Silent { node: REPLICA, reason: "no answer for 1 s".into() });
    tale.node(REPLICA, NodeEvent::Thawed);
    assert!(matches!(tale.life(REPLICA), Life::Silent { .. }), "it has to answer first");
    tale.node(REPLICA, NodeEvent::Frozen);
    tale.node(REPLICA, NodeEvent::Stopped(StopReason::Killed));
    assert_eq!(tale.life(REPLICA), &Life::Stopped(StopReason::Killed));
    tale.tell(Event::Silent { node: REPLICA, reason: "late".into() });
    assert_eq!(tale.life(REPLICA), &Life::Stopped(StopReason::Killed), "a dead node is not silent");
}

#[test]
fn a_full_sync_is_one_record_with_the_masters_reason() {
    let mut tale = Tale::of_two();
    tale.links(&HANDSHAKE);
    let verdict = PsyncVerdict::Full(FullReason::NoHistory);
    tale.node(MASTER, NodeEvent::Psync { replica_port: 7002, asked: None, verdict: verdict.clone() });
    let outcome = SyncOutcome::Full { replid: id(1), offset: 14 };
    tale.node(REPLICA, NodeEvent::SyncDecided { asked: None, outcome });
    let transfer =
        |received| LinkPhase::Transfer { received, total: Some(900), keys: received / 9, keys_total: 100 };
    let load = LinkPhase::Load { keys: 100, keys_total: 100 };
    tale.links(&[LinkPhase::WaitSnapshot, transfer(300), transfer(900), load, LinkPhase::Streaming]);
    let took = Duration::from_millis(88);
    tale.node(REPLICA, NodeEvent::SyncFinished { snapshot_bytes: 900, keys: 100, took });

    assert_eq!(tale.model.syncs.len(), 1);
    let sync = &tale.model.syncs[0];
    let steps: Vec<_> = sync.phases.iter().map(|span| (span.step, span.took(tale.at).as_millis())).collect();
    assert_eq!(
        steps,
        [
            (SyncStep::Connect, 10),
            (SyncStep::Ping, 10),
            (SyncStep::Replconf, 10),
            (SyncStep::Psync, 10),
            (SyncStep::WaitSnapshot, 10),
            (SyncStep::Transfer, 20),
            (SyncStep::Load, 10),
        ]
    );
    assert_eq!(sync.phases[5].bytes, 900);
    assert_eq!(sync.verdict, Some(verdict));
    assert_eq!(sync.is_partial(), Some(false));
    let at = Duration::from_millis(80);
    assert_eq!(sync.end, SyncEnd::Finished { at, snapshot_bytes: 900, keys: 100, took });
}

#[test]
fn a_verdict_that_comes_late_still_finds_its_sync() {
    let mut tale = Tale::of_two();
    tale.links(&HANDSHAKE);
    let outcome = SyncOutcome::Partial { replid: id(1) };
    tale.node(REPLICA, NodeEvent::SyncDecided { asked: Some((id(1), 5)), outcome });
    tale.links(&[LinkPhase::Streaming]);
    let verdict = PsyncVerdict::Continue { from: 5, bytes: 3, via_replid2: false };
    tale.node(
        MASTER,
        NodeEvent::Psync { replica_port: 7002, asked: Some((id(1), 5)), verdict: verdict.clone() },
    );
    assert_eq!(tale.model.syncs[0].verdict, Some(verdict));
    assert!(!tale.model.syncs[0].is_running());
}

#[test]
fn a_dead_master_that_is_tried_again_and_again_is_one_record() {
    let mut tale = Tale::of_two();
    for _ in 0..50 {
        tale.links(&[LinkPhase::Connect, LinkPhase::Connecting]);
        tale.node(REPLICA, NodeEvent::LinkLost { reason: "refused".into() });
        tale.pass(1_000);
    }
    assert_eq!(tale.model.syncs.len(), 1);
    assert_eq!(tale.model.syncs[0].attempts, 50);
    assert!(matches!(&tale.model.syncs[0].end, SyncEnd::Failed { reason, .. } if reason == "refused"));
    // One that got further is a sync of its own.
    tale.links(&HANDSHAKE);
    tale.node(REPLICA, NodeEvent::LinkLost { reason: "reset".into() });
    tale.links(&HANDSHAKE);
    assert_eq!(tale.model.syncs.len(), 2);
    assert_eq!(tale.model.running_sync(REPLICA).map(|sync| sync.number), Some(1));
}

#[test]
fn a_replica_that_dies_in_a_sync_ends_it() {
    let mut tale = Tale::of_two();
    tale.links(&HANDSHAKE);
    tale.node(REPLICA, NodeEvent::Stopped(StopReason::Killed));
    assert!(matches!(tale.model.syncs[0].end, SyncEnd::Failed { .. }));
    assert!(tale.model.syncs[0].phases.iter().all(|span| span.end.is_some()));
    assert_eq!(tale.model.nodes[&REPLICA].link, None);
}

#[test]
fn bytes_behind_time_behind_and_ack_age_are_three_things() {
    let mut tale = Tale::of_two();
    for offset in [100, 200, 300, 400] {
        tale.sample(MASTER, offset, |_| {});
        tale.pass(1_000);
    }
    tale.sample(REPLICA, 150, |_| {});
    tale.pass(500);
    // The master wrote past 150 between 0 and 1 s, seen at 1 s; now it is 4.5 s.
    let behind = tale.model.behind(REPLICA, tale.at).unwrap_or_default();
    assert_eq!(behind.bytes, Some(250));
    assert_eq!(behind.time, Some(Duration::from_millis(3_500)));
    assert_eq!(behind.ack_age, Some(3));

    tale.sample(REPLICA, 400, |_| {});
    let behind = tale.model.behind(REPLICA, tale.at).unwrap_or_default();
    assert_eq!((behind.bytes, behind.time), (Some(0), Some(Duration::ZERO)));
    assert_eq!(tale.model.behind(MASTER, tale.at), None, "a master follows nobody");

    tale.sample(REPLICA, 400, |sample| sample.replid = Some(id(9)));
    let behind = tale.model.behind(REPLICA, tale.at).unwrap_or_default();
    assert_eq!((behind.bytes, behind.time), (None, None), "offsets of two histories cannot be compared");
}

#[test]
fn figures_of_different_moments_make_no_lag_while_they_are_fresh() {
    let mut tale = Tale::of_two();
    tale.sample(MASTER, 1_000, |_| {});
    tale.pass(60);
    tale.sample(REPLICA, 1_590, |_| {});
    tale.pass(40);
    tale.sample(MASTER, 2_000, |_| {});
    let bytes = |tale: &Tale| tale.model.behind(REPLICA, tale.at).and_then(|behind| behind.bytes);
    assert_eq!(bytes(&tale), Some(10));
    tale.pass(1_000);
    assert_eq!(bytes(&tale), Some(410), "it has not moved since: this is what it lacks");
}

#[test]
fn a_replica_falls_off_once_the_backlog_begins_after_its_next_byte() {
    let mut tale = Tale::of_two();
    tale.sample(MASTER, 1_000, |_| {});
    tale.pass(1_000);
    tale.sample(MASTER, 1_500, |_| {});
    tale.sample(REPLICA, 500, |_| {});
    let cursor = tale.model.backlog_cursor(REPLICA, tale.at);
    assert_eq!(cursor.map(|cursor| (cursor.inside, cursor.room)), Some((true, 0)), "the very next byte");
    tale.sample(REPLICA, 499, |_| {});
    assert_eq!(tale.model.backlog_cursor(REPLICA, tale.at).map(|cursor| cursor.inside), Some(false));
    tale.sample(REPLICA, 1_000, |_| {});
    let cursor = tale.model.backlog_cursor(REPLICA, tale.at);
    assert_eq!(
        cursor.and_then(|cursor| cursor.falls_off_in),
        Some(Duration::from_secs(1)),
        "500 bytes at 500/s"
    );
    tale.pass(9_000);
    let cursor = tale.model.backlog_cursor(REPLICA, tale.at);
    assert_eq!(
        cursor.map(|cursor| (cursor.room, cursor.falls_off_in)),
        Some((500, None)),
        "the burst is over"
    );
    tale.sample(REPLICA, 1_600, |_| {});
    assert_eq!(
        tale.model.backlog_cursor(REPLICA, tale.at).map(|cursor| cursor.inside),
        Some(true),
        "newer figures"
    );
}

#[test]
fn history_is_bounded_keeps_its_begin_and_still_finds_times() {
    let mut tale = Tale::of_two();
    tale.sample(MASTER, 9_999_999, |_| {});
    for step in 0..30_000 {
        tale.pass(100);
        tale.sample(MASTER, step * 10, |_| {});
    }
    let history = &tale.model.nodes[&MASTER].history;
    assert!(history.points().len() < HISTORY_MAX);
    assert!(history.points()[0].at < 1.0, "the whole run stays visible");
    assert!(history.points().windows(2).all(|pair| pair[0].at <= pair[1].at));
    // Step 29,000 is at 2,900.1 s; the recent half is at full resolution.
    let passed = history.passed(289_995).map(|at| at.as_secs_f64());
    assert!(passed.is_some_and(|at| (at - 2_900.1).abs() < 0.01), "{passed:?}");
    assert_eq!(history.passed(300_000), None);
}

#[test]
fn a_restart_breaks_the_line_of_a_node() {
    let mut tale = Tale::of_two();
    tale.sample(MASTER, 10, |_| {});
    tale.sample(MASTER, 20, |_| {});
    tale.node(MASTER, NodeEvent::Stopped(StopReason::Shutdown));
    tale.sample(MASTER, 20, |_| {});
    let firsts: Vec<bool> =
        tale.model.nodes[&MASTER].history.points().iter().map(|point| point.first_of_run).collect();
    assert_eq!(firsts, [false, false, true]);
}

#[test]
fn figures_and_progress_are_counted_and_not_listed() {
    let mut tale = Tale::of_two();
    let listed = tale.model.timeline.len();
    tale.sample(MASTER, 10, |_| {});
    let transfer = |received| LinkPhase::Transfer { received, total: None, keys: 0, keys_total: 0 };
    tale.links(&[transfer(1), transfer(2), transfer(3)]);
    let send = |sent| FeedPhase::SendSnapshot { sent, total: None, keys: 0, keys_total: 0 };
    for sent in 1..=3 {
        tale.node(MASTER, NodeEvent::Feed { replica_port: 7002, phase: send(sent) });
    }
    assert_eq!(tale.model.timeline.len(), listed + 2);
    assert_eq!(tale.model.timeline.figures(), 5);
}

#[test]
fn the_timeline_forgets_the_oldest_and_keeps_its_numbers() {
    let mut tale = Tale::of_two();
    for _ in 0..TIMELINE_MAX + 10 {
        tale.tell(Event::Notice { level: NoticeLevel::Info, node: None, text: "again".into() });
    }
    let timeline = &tale.model.timeline;
    assert_eq!(timeline.len(), TIMELINE_MAX);
    assert!(timeline.forgotten() > 0 && timeline.get(timeline.forgotten() - 1).is_none());
    assert_eq!(timeline.get(timeline.end() - 1).map(|entry| entry.seq), Some(tale.seq - 1));
    assert_eq!(tale.model.notices.len(), super::NOTICES_MAX);
    assert_eq!(tale.model.notices_raised, TIMELINE_MAX as u64 + 10);
}

#[test]
fn answers_find_their_line_and_huge_ones_are_cut() {
    let mut tale = Tale::of_two();
    let ask = |id, target| LabCommand::Console { id, target, line: "GET a".into() };
    let reply = |id, node, reply| Event::ConsoleReply {
        id,
        node,
        reply,
        took: Duration::from_micros(80),
        db: 3,
        in_multi: true,
    };
    tale.tell(Event::Asked(ask(1, ConsoleTarget::Node(MASTER))));
    tale.tell(Event::Asked(ask(2, ConsoleTarget::All)));
    tale.tell(Event::Asked(ask(3, ConsoleTarget::Node(NodeId(99)))));
    tale.tell(reply(2, REPLICA, ReplyValue::Null));
    tale.tell(reply(1, MASTER, ReplyValue::Bulk(vec![b'x'; 1 << 20])));
    tale.tell(reply(2, MASTER, ReplyValue::Array(vec![ReplyValue::Integer(1); 9_000])));

    let own = &tale.model.consoles[&MASTER].lines[0];
    assert_eq!(own.answers.len(), 1);
    assert!(own.answers[0].clipped);
    assert!(matches!(&own.answers[0].reply, ReplyValue::Bulk(bytes) if bytes.len() == 64 * 1024));
    let all = &tale.model.console_all.lines[0];
    assert_eq!(all.answers.iter().map(|answer| answer.node).collect::<Vec<_>>(), [REPLICA, MASTER]);
    assert!(matches!(&all.answers[1].reply, ReplyValue::Array(items) if items.len() == 2_000));
    let state = tale.model.console_state[&MASTER];
    assert_eq!((state.db, state.in_multi), (3, true));
    assert!(!tale.model.consoles.contains_key(&NodeId(99)), "unknown nodes get no transcript");

    tale.node(MASTER, NodeEvent::Stopped(StopReason::Killed));
    assert!(!tale.model.console_state.contains_key(&MASTER), "a new connection starts afresh");
}

#[test]
fn a_promotion_is_told_step_by_step() {
    let mut tale = Tale::of_two();
    tale.node(MASTER, NodeEvent::Stopped(StopReason::Killed));
    assert_eq!(tale.model.current_master(), None);
    tale.tell(Event::Asked(LabCommand::Promote(REPLICA)));
    let (role, replid) = (NodeRole::Master, id(2));
    tale.node(
        REPLICA,
        NodeEvent::Role { role, replid, replid2: Some(id(1)), offset: 40, second_offset: Some(41) },
    );
    let after = Duration::from_millis(2);
    tale.tell(Event::Promotion { node: REPLICA, step: PromotionStep::Promoted, after });
    tale.tell(Event::Promotion { node: REPLICA, step: PromotionStep::Writable, after: after * 2 });
    assert_eq!(tale.model.current_master(), Some(REPLICA));
    assert_eq!(
        tale.model.promotions[0].steps,
        [(PromotionStep::Promoted, after), (PromotionStep::Writable, after * 2)]
    );
}

#[test]
fn taken_ports_are_told_until_the_next_start() {
    let mut tale = Tale { model: LabModel::default(), at: Duration::ZERO, seq: 0 };
    let preset = Preset::Star { replicas: 2 };
    tale.tell(Event::PortsTaken { preset, taken: vec![(7001, Some("nginx".into()))], offer: 7101 });
    assert_eq!(tale.model.ports_taken.as_ref().map(|taken| taken.offer), Some(7101));
    assert!(!tale.model.has_cluster());
    tale.tell(Event::Asked(LabCommand::StartCluster { preset, port: 7101 }));
    assert_eq!(tale.model.ports_taken, None);
}

#[test]
fn a_new_cluster_replaces_all_that_belonged_to_the_old_one() {
    let mut tale = Tale::of_two();
    tale.links(&HANDSHAKE);
    tale.sample(MASTER, 100, |_| {});
    let nodes = vec![NodePlan { node: MASTER, port: 7101, master: None }];
    tale.tell(Event::ClusterPlanned { preset: Preset::Single, nodes });
    assert_eq!(tale.model.nodes.len(), 1);
    assert!(tale.model.syncs.is_empty());
    assert!(tale.model.nodes[&MASTER].history.points().is_empty());
    tale.tell(Event::ClusterStopped);
    assert!(!tale.model.has_cluster());
}

#[test]
fn the_lab_tells_of_a_crash_and_the_model_does_not_tell_it_again() {
    let mut tale = Tale::of_two();
    let crashed = StopReason::Crashed("index out of bounds".into());
    tale.node(REPLICA, NodeEvent::Stopped(crashed.clone()));
    let text = "n2 (port 7002) crashed: index out of bounds".to_owned();
    tale.tell(Event::Notice { level: NoticeLevel::Error, node: Some(REPLICA), text });
    assert_eq!(tale.model.nodes[&REPLICA].life(), &Life::Stopped(crashed));
    assert_eq!(tale.model.notices.len(), 1);
}

#[test]
fn the_rate_of_a_link_needs_half_a_second_and_fades_when_no_figures_come() {
    let mut tale = Tale::of_two();
    tale.sample(REPLICA, 100, |sample| sample.repl_bytes_in = 1_000);
    tale.pass(15);
    tale.sample(REPLICA, 161, |sample| sample.repl_bytes_in = 1_061);
    assert!(
        tale.model.link_rate(REPLICA, tale.at).abs() < f64::EPSILON,
        "a few bytes at once are no traffic"
    );
    tale.pass(485);
    tale.sample(REPLICA, 200, |sample| sample.repl_bytes_in = 11_000);
    assert!((tale.model.link_rate(REPLICA, tale.at) - 20_000.0).abs() < 1.0);
    assert!(tale.model.link_rate(REPLICA, tale.at + Duration::from_secs(2)).abs() < f64::EPSILON);
}

#[test]
fn an_event_of_an_unknown_node_changes_nothing() {
    let mut tale = Tale::of_two();
    let stranger = NodeId(77);
    tale.node(stranger, NodeEvent::Link(LinkPhase::Streaming));
    tale.node(stranger, NodeEvent::Stopped(StopReason::Killed));
    tale.tell(Event::Answering { node: stranger });
    tale.sample(stranger, 5, |_| {});
    assert_eq!(tale.model.nodes.len(), 2);
    assert!(tale.model.notices.is_empty());
}

#[test]
fn a_sync_is_foretold_from_the_figures_as_the_master_would_judge_it() {
    let mut tale = Tale::of_two();
    let foretold = |tale: &Tale| tale.model.predict_sync(REPLICA, MASTER);
    assert_eq!(foretold(&tale), None, "without figures nothing is foretold");
    tale.sample(MASTER, 5_000, |_| {});
    tale.sample(REPLICA, 4_500, |_| {});
    let verdict = PsyncVerdict::Continue { from: 4_501, bytes: 500, via_replid2: false };
    assert_eq!(foretold(&tale), Some(verdict));
    tale.sample(REPLICA, 3_000, |_| {});
    let reason = FullReason::BeforeBacklog { asked: 3_001, first: 4_001, needed: 2_000 };
    assert_eq!(foretold(&tale), Some(PsyncVerdict::Full(reason)));

    // A promoted node knows the history that it left.
    let promoted = |sample: &mut NodeSample| {
        (sample.replid, sample.replid2, sample.second_offset) = (Some(id(2)), Some(id(1)), Some(4_801));
    };
    tale.sample(MASTER, 5_000, promoted);
    tale.sample(REPLICA, 4_800, |_| {});
    let verdict = PsyncVerdict::Continue { from: 4_801, bytes: 200, via_replid2: true };
    assert_eq!(foretold(&tale), Some(verdict));
    tale.sample(REPLICA, 4_801, |_| {});
    let reason = FullReason::PastFork { asked: 4_802, fork: 4_801 };
    assert_eq!(foretold(&tale), Some(PsyncVerdict::Full(reason)));
    tale.sample(REPLICA, 4_800, |sample| sample.replid = Some(id(7)));
    assert!(matches!(foretold(&tale), Some(PsyncVerdict::Full(FullReason::UnknownHistory { .. }))));
    tale.sample(MASTER, 5_000, |sample| sample.backlog_active = false);
    tale.sample(REPLICA, 4_800, |_| {});
    assert_eq!(foretold(&tale), Some(PsyncVerdict::Full(FullReason::NoBacklog)));
}

#[test]
fn a_node_that_is_heard_of_again_is_starting() {
    let mut tale = Tale::of_two();
    tale.node(REPLICA, NodeEvent::Stopped(StopReason::Shutdown));
    assert_eq!(tale.life(REPLICA), &Life::Stopped(StopReason::Shutdown));
    let text = "DB loading".to_owned();
    tale.node(REPLICA, NodeEvent::Log { level: LogLevel::Notice, text });
    assert_eq!(tale.life(REPLICA), &Life::Starting);
}
