//! Made-up journals that read like real ones: nodes start, shake hands, sync, stream, die and take over.

use std::collections::BTreeMap;
use std::time::Duration;

use repliscope::lab::{
    Entry, Event, FaultEnd, FilesSample, LabCommand, NodeId, NodePlan, NodeSample, NoticeLevel, Preset,
    PromotionStep, ReplicaSample, ReplyValue, WorkloadSample, WorkloadSettings,
};
use repliscope::node::{
    Fault, FaultKind, FeedPhase, LinkPhase, LogLevel, NodeEvent, NodeRole, SnapshotTarget, StopReason,
    SyncOutcome,
};
use repliscope::replication::{FullReason, PsyncVerdict, ReplId};

/// Size of every backlog in these stories.
const BACKLOG: u64 = 256 * 1024;

/// A journal in the making.
pub(crate) struct Story {
    pub(crate) entries: Vec<Entry>,
    pub(crate) at: Duration,
    nodes: BTreeMap<u16, Node>,
    /// Bytes that the master writes per second.
    pub(crate) rate: f64,
    workload: bool,
    random: u64,
}

#[derive(Clone)]
struct Node {
    port: u16,
    master: Option<u16>,
    up: bool,
    flows: bool,
    frozen: bool,
    offset: f64,
    first: u64,
    replid: ReplId,
    replid2: Option<ReplId>,
    bytes_in: u64,
    sync_full: u64,
    sync_partial_ok: u64,
}

pub(crate) fn node(port: u16) -> NodeId {
    NodeId(port - 7000)
}

fn replid(byte: u8) -> ReplId {
    ReplId::from_bytes(std::array::from_fn(|index| {
        byte.wrapping_mul(31).wrapping_add((index as u8).wrapping_mul(57))
    }))
}

impl Story {
    pub(crate) fn new() -> Self {
        let mut story = Self {
            entries: Vec::new(),
            at: Duration::ZERO,
            nodes: BTreeMap::new(),
            rate: 24_000.0,
            workload: false,
            random: 7,
        };
        story.push(Event::LabStarted { wall: "2026-03-14T10:00:00Z".into(), version: "0.1.0".into() });
        story
    }

    pub(crate) fn push(&mut self, event: Event) {
        let seq = self.entries.len() as u64;
        self.entries.push(Entry { seq, at: self.at, event });
    }

    pub(crate) fn node(&mut self, port: u16, event: NodeEvent) {
        self.push(Event::Node { node: node(port), event });
    }

    pub(crate) fn wait(&mut self, millis: f64) {
        self.at += Duration::from_secs_f64(millis / 1e3);
    }

    fn chance(&mut self) -> f64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// Nodes on 7001 and up: the first one a master, the others its replicas.
    pub(crate) fn plan(&mut self, ports: &[u16]) {
        let preset = Preset::Star { replicas: ports.len() as u16 - 1 };
        self.push(Event::Asked(LabCommand::StartCluster { preset, port: ports[0] }));
        self.wait(3.0);
        let nodes = ports
            .iter()
            .map(|port| NodePlan {
                node: node(*port),
                port: *port,
                master: (*port != ports[0]).then(|| node(ports[0])),
            })
            .collect();
        self.push(Event::ClusterPlanned { preset, nodes });
        for port in ports {
            self.nodes.insert(
                *port,
                Node {
                    port: *port,
                    master: (*port != ports[0]).then_some(ports[0]),
                    up: false,
                    flows: false,
                    frozen: false,
                    offset: 0.0,
                    first: 1,
                    replid: replid(*port as u8),
                    replid2: None,
                    bytes_in: 0,
                    sync_full: 0,
                    sync_partial_ok: 0,
                },
            );
        }
    }

    /// The node comes up and answers.
    pub(crate) fn up(&mut self, port: u16) {
        self.wait(9.0);
        let run_id = replid(port as u8).to_string();
        self.node(port, NodeEvent::Ready { port, run_id, keys_loaded: 0, took: Duration::from_millis(8) });
        let text = "Ready to accept connections".to_owned();
        self.node(port, NodeEvent::Log { level: LogLevel::Notice, text });
        let it = self.nodes.get_mut(&port).unwrap();
        it.up = true;
        let (replid, replid2, offset, master) = (it.replid, it.replid2, it.offset as u64, it.master);
        let role =
            master.map_or(NodeRole::Master, |port| NodeRole::Replica { host: "127.0.0.1".into(), port });
        self.node(port, NodeEvent::Role { role, replid, replid2, offset, second_offset: None });
        self.wait(2.0);
        self.push(Event::Answering { node: node(port) });
    }

    fn handshake(&mut self, port: u16) {
        for (phase, millis) in [
            (LinkPhase::Connect, 1.0),
            (LinkPhase::Connecting, 1.4),
            (LinkPhase::Ping, 0.9),
            (LinkPhase::Replconf, 1.6),
            (LinkPhase::Psync, 0.8),
        ] {
            self.node(port, NodeEvent::Link(phase));
            self.wait(millis);
        }
    }

    /// The replica takes a full sync; stops halfway through the transfer with `until_half`.
    pub(crate) fn full_sync(&mut self, port: u16, reason: FullReason, until_half: bool) {
        let master = self.nodes[&port].master.unwrap();
        self.handshake(port);
        let from = self.nodes[&master].clone();
        self.node(
            master,
            NodeEvent::Psync { replica_port: port, asked: None, verdict: PsyncVerdict::Full(reason) },
        );
        let (replid, offset) = (from.replid, from.offset as u64);
        self.node(
            port,
            NodeEvent::SyncDecided { asked: None, outcome: SyncOutcome::Full { replid, offset } },
        );
        self.node(port, NodeEvent::Link(LinkPhase::WaitSnapshot));
        self.node(master, NodeEvent::Feed { replica_port: port, phase: FeedPhase::WaitSnapshot });
        let (total, keys_total) = (6_291_456, 98_304);
        let target = SnapshotTarget::Replicas(1);
        self.node(master, NodeEvent::SnapshotBegun { target, keys: keys_total, offset });
        self.wait(12.0);
        let steps = if until_half { 6 } else { 10 };
        for step in 1..=steps {
            let (sent, keys) = (total / 10 * step, keys_total / 10 * step);
            let phase = FeedPhase::SendSnapshot { sent, total: Some(total), keys, keys_total };
            self.node(master, NodeEvent::Feed { replica_port: port, phase });
            let phase = LinkPhase::Transfer { received: sent, total: Some(total), keys, keys_total };
            self.node(port, NodeEvent::Link(phase));
            self.nodes.get_mut(&port).unwrap().bytes_in += total / 10;
            self.wait(9.0);
        }
        if until_half {
            return;
        }
        let took = Duration::from_millis(92);
        self.node(master, NodeEvent::SnapshotEnded { target, bytes: total, took, error: None });
        self.node(port, NodeEvent::Link(LinkPhase::Load { keys: keys_total / 2, keys_total }));
        self.wait(14.0);
        self.node(port, NodeEvent::Link(LinkPhase::Streaming));
        let took = Duration::from_millis(121);
        self.node(port, NodeEvent::SyncFinished { snapshot_bytes: total, keys: keys_total, took });
        self.node(master, NodeEvent::Feed { replica_port: port, phase: FeedPhase::Online });
        self.nodes.get_mut(&master).unwrap().sync_full += 1;
        let it = self.nodes.get_mut(&port).unwrap();
        (it.offset, it.replid, it.flows) = (from.offset, from.replid, true);
        it.first = from.offset as u64 + 1;
    }

    /// The replica continues where it was.
    pub(crate) fn partial_sync(&mut self, port: u16, via_replid2: bool) {
        let master = self.nodes[&port].master.unwrap();
        self.handshake(port);
        let (from, to) = (self.nodes[&master].clone(), self.nodes[&port].clone());
        let asked = Some((to.replid, to.offset as u64 + 1));
        let bytes = (from.offset - to.offset).max(0.0) as u64;
        let verdict = PsyncVerdict::Continue { from: to.offset as u64 + 1, bytes, via_replid2 };
        self.node(master, NodeEvent::Psync { replica_port: port, asked, verdict });
        let outcome = SyncOutcome::Partial { replid: from.replid };
        self.node(port, NodeEvent::SyncDecided { asked, outcome });
        self.wait(0.7);
        self.node(port, NodeEvent::Link(LinkPhase::Streaming));
        let took = Duration::from_micros(5_900);
        self.node(port, NodeEvent::SyncFinished { snapshot_bytes: 0, keys: 0, took });
        self.node(master, NodeEvent::Feed { replica_port: port, phase: FeedPhase::Online });
        self.nodes.get_mut(&master).unwrap().sync_partial_ok += 1;
        let it = self.nodes.get_mut(&port).unwrap();
        (it.offset, it.replid, it.replid2, it.flows) = (from.offset, from.replid, from.replid2, true);
    }

    /// The master came back without data, and the replica holds its snapshot back.
    pub(crate) fn ask_wipe(&mut self, port: u16, keys: u64) {
        let master = self.nodes[&port].master.unwrap();
        self.handshake(port);
        let outcome = SyncOutcome::Full { replid: replid(9), offset: 0 };
        self.node(port, NodeEvent::SyncDecided { asked: None, outcome });
        self.node(port, NodeEvent::Link(LinkPhase::AskWipe { keys, offered: 0 }));
        let text = format!("{port} keeps its {keys} keys: {master} came back with 0 under another history");
        self.notice(NoticeLevel::Warning, Some(port), &text);
    }

    /// Writes it as a recording.
    pub(crate) fn save(&self, path: &std::path::Path) {
        let entries: Vec<_> = self.entries.iter().cloned().map(std::sync::Arc::new).collect();
        repliscope::lab::recording::write_recording(path, &entries).unwrap();
    }

    /// Seconds pass; every node that is up is sampled ten times a second.
    pub(crate) fn run(&mut self, seconds: f64) {
        for step in 0..(seconds * 10.0) as u32 {
            self.wait(100.0);
            let jitter = 0.6 + 0.8 * self.chance();
            let written = self.rate / 10.0 * jitter;
            for it in self.nodes.values_mut().filter(|it| it.up && it.master.is_none()) {
                it.offset += written;
            }
            let before = self.nodes.clone();
            for it in self.nodes.values_mut().filter(|it| it.up && it.flows && !it.frozen) {
                if let Some(master) = it.master.and_then(|port| before.get(&port)).filter(|it| it.up) {
                    it.bytes_in += (master.offset - it.offset).max(0.0) as u64;
                    it.offset = master.offset;
                }
            }
            let ports: Vec<u16> = self.nodes.keys().copied().collect();
            for port in ports {
                if self.nodes[&port].up && !self.nodes[&port].frozen {
                    self.sample(port);
                }
            }
            if self.workload && step % 10 == 9 {
                let alive = self.nodes.values().any(|it| it.up && it.master.is_none());
                let wobble = (self.chance() * 8.0) as u64;
                let sample = WorkloadSample {
                    writes_ok: if alive { 192 + wobble } else { 0 },
                    writes_failed: if alive { 0 } else { 200 },
                    reads_ok: 98,
                    reads_failed: 0,
                    reads_stale: wobble / 3,
                    write_max: Duration::from_micros(1_900 + wobble * 210),
                    write_p50: Duration::from_micros(180 + wobble * 9),
                    last_error: (!alive).then(|| "connection refused (127.0.0.1:7001)".to_owned()),
                };
                self.push(Event::Workload(sample));
            }
        }
    }

    fn sample(&mut self, port: u16) {
        let it = self.nodes[&port].clone();
        let offset = it.offset as u64;
        let first = it.first.max((offset + 1).saturating_sub(BACKLOG));
        let replicas = self
            .nodes
            .values()
            .filter(|other| other.master == Some(port) && other.up && other.flows)
            .map(|other| ReplicaSample {
                port: other.port,
                state: "online".into(),
                offset: other.offset as u64,
                ack_age: if other.frozen { 4 } else { 0 },
            })
            .collect();
        let sample = NodeSample {
            is_master: it.master.is_none(),
            master: it.master.map(|port| format!("127.0.0.1:{port}")),
            master_link_up: it.flows,
            replid: Some(it.replid),
            replid2: it.replid2,
            offset,
            read_offset: offset,
            second_offset: None,
            backlog_active: offset > 0,
            backlog_size: BACKLOG,
            backlog_first: first,
            backlog_len: (offset + 1).saturating_sub(first),
            replicas,
            keys: 98_304,
            used_memory: 14_680_064,
            clients: 4,
            commands: offset / 90,
            ops_per_second: (self.rate / 95.0) as u64,
            repl_bytes_in: it.bytes_in,
            repl_bytes_out: offset,
            sync_full: it.sync_full,
            sync_partial_ok: it.sync_partial_ok,
            sync_partial_err: 0,
            loop_lag_max_us: 640,
            loop_lag_p99_us: 85,
            files: FilesSample {
                unsaved: offset / 90,
                aof: true,
                aof_size: offset + 4_200_000,
                aof_base_size: 4_200_000,
                ..FilesSample::default()
            },
            round_trip: Duration::from_micros(210),
        };
        self.push(Event::Sample { node: node(port), sample: Box::new(sample) });
    }

    pub(crate) fn workload_on(&mut self) {
        let settings = WorkloadSettings { on: true, ..WorkloadSettings::default() };
        self.push(Event::Asked(LabCommand::Workload(settings)));
        self.push(Event::WorkloadChanged(settings));
        self.workload = true;
    }

    pub(crate) fn kill(&mut self, port: u16) {
        self.push(Event::Asked(LabCommand::Kill(node(port))));
        self.wait(1.0);
        self.node(port, NodeEvent::Stopped(StopReason::Killed));
        self.nodes.get_mut(&port).unwrap().up = false;
        let orphans: Vec<u16> =
            self.nodes.values().filter(|it| it.master == Some(port) && it.up).map(|it| it.port).collect();
        for orphan in orphans {
            self.nodes.get_mut(&orphan).unwrap().flows = false;
            self.node(orphan, NodeEvent::LinkLost { reason: "connection reset by the master".into() });
            self.node(orphan, NodeEvent::Link(LinkPhase::Connecting));
            self.node(
                orphan,
                NodeEvent::LinkLost { reason: format!("connect to 127.0.0.1:{port}: refused") },
            );
        }
    }

    pub(crate) fn promote(&mut self, port: u16) {
        self.push(Event::Asked(LabCommand::Promote(node(port))));
        self.wait(1.2);
        let it = self.nodes.get_mut(&port).unwrap();
        (it.replid2, it.replid, it.master, it.flows) = (Some(it.replid), replid(200), None, false);
        let (replid, replid2, offset) = (it.replid, it.replid2, it.offset as u64);
        let second_offset = Some(offset + 1);
        self.node(port, NodeEvent::Role { role: NodeRole::Master, replid, replid2, offset, second_offset });
        let step =
            |step, after| Event::Promotion { node: node(port), step, after: Duration::from_micros(after) };
        self.push(step(PromotionStep::Promoted, 1_200));
        self.wait(1.9);
        self.push(step(PromotionStep::Writable, 3_100));
        let others: Vec<u16> =
            self.nodes.values().filter(|it| it.port != port && it.up).map(|it| it.port).collect();
        for other in others {
            self.reparent(other, port);
            self.push(step(PromotionStep::Reparented(node(other)), 3_900));
            self.partial_sync(other, true);
        }
    }

    pub(crate) fn reparent(&mut self, port: u16, master: u16) {
        let it = self.nodes.get_mut(&port).unwrap();
        it.master = Some(master);
        let (replid, offset) = (it.replid, it.offset as u64);
        let role = NodeRole::Replica { host: "127.0.0.1".into(), port: master };
        self.node(port, NodeEvent::Role { role, replid, replid2: None, offset, second_offset: None });
    }

    pub(crate) fn freeze(&mut self, port: u16) {
        self.push(Event::Asked(LabCommand::Freeze(node(port))));
        self.node(port, NodeEvent::Frozen);
        self.nodes.get_mut(&port).unwrap().frozen = true;
    }

    pub(crate) fn cut(&mut self, port: u16) {
        self.fault(port, Fault::Cut, None);
        self.node(port, NodeEvent::LinkLost { reason: "cut by the lab".into() });
        self.nodes.get_mut(&port).unwrap().flows = false;
    }

    pub(crate) fn fault(&mut self, port: u16, fault: Fault, lasts: Option<u64>) {
        let (node, lasts) = (node(port), lasts.map(Duration::from_secs));
        self.push(Event::Asked(LabCommand::BeginFault { node, fault, lasts }));
        self.push(Event::FaultBegun { node, fault, lasts });
    }

    pub(crate) fn fault_ended(&mut self, port: u16, kind: FaultKind, how: FaultEnd) {
        self.push(Event::FaultEnded { node: node(port), kind, how });
    }

    pub(crate) fn notice(&mut self, level: NoticeLevel, port: Option<u16>, text: &str) {
        self.push(Event::Notice { level, node: port.map(node), text: text.to_owned() });
    }

    pub(crate) fn console(&mut self, id: u64, port: u16, line: &str, reply: ReplyValue) {
        let target = repliscope::lab::ConsoleTarget::Node(node(port));
        self.push(Event::Asked(LabCommand::Console { id, target, line: line.to_owned() }));
        self.wait(0.4);
        let took = Duration::from_micros(190);
        self.push(Event::ConsoleReply { id, node: node(port), reply, took, db: 0, in_multi: false });
    }
}

/// Three nodes that were started, synced and have streamed for a while.
pub(crate) fn streaming(seconds: f64) -> Story {
    let mut story = Story::new();
    story.wait(420.0);
    story.plan(&[7001, 7002, 7003]);
    story.up(7001);
    story.up(7002);
    story.up(7003);
    story.full_sync(7002, FullReason::NoHistory, false);
    story.full_sync(7003, FullReason::NoHistory, false);
    story.workload_on();
    story.run(seconds);
    story
}

/// The master was killed under load, a replica took over, and the other one follows it by a partial resync.
pub(crate) fn failover() -> Story {
    let mut story = streaming(30.0);
    story.kill(7001);
    story.run(2.0);
    story.promote(7002);
    story.run(12.0);
    story
}
