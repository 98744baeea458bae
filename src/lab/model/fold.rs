//! The fold itself: what each event changes in the model.

use std::time::Duration;

use super::bounds::{AT_MAX, NODES_MAX, PROMOTIONS_MAX, SYNCS_MAX, WORKLOAD_MAX, push_bounded};
use super::console::{ConsoleAnswer, clip};
use super::faults::{FaultSpan, Faults};
use super::node::{Feed, Life, Link, NodeModel};
use super::sync::{SyncEnd, SyncRecord};
use super::{LabModel, PortsTaken, PromotionReport, WorkloadModel};
use crate::lab::{ConsoleTarget, Entry, Event, LabCommand, NodeId, NodePlan, NoticeLevel, WorkloadSample};
use crate::node::{FailoverPhase, FeedPhase, LinkPhase, NodeEvent, StopReason};
use crate::replication::PsyncVerdict;

/// A verdict of the master that comes this late after the replica finished still belongs to that sync.
const VERDICT_LATE_MAX: Duration = Duration::from_secs(5);
/// Steps that are kept of one promotion.
const STEPS_MAX: usize = 64;

impl LabModel {
    /// Folds one entry of the journal in. Entries come in the order of their `seq`.
    pub fn fold(&mut self, entry: &Entry) {
        let at = entry.at.min(AT_MAX);
        // Clocks of threads may differ by a hair; time as shown never runs backwards.
        self.now = self.now.max(at);
        self.folded += 1;
        let figure = is_figure(self, &entry.event);
        if figure {
            self.timeline.count_figure();
        } else {
            self.timeline.push(listed(entry));
        }
        apply(self, at, &entry.event);
    }
}

/// Figures and progress within a phase are counted, not listed: they would bury everything else.
fn is_figure(model: &LabModel, event: &Event) -> bool {
    match event {
        Event::Sample { .. }
        | Event::Workload(_)
        | Event::Browsed { .. }
        | Event::ConsoleMessages { .. }
        | Event::Node { event: NodeEvent::Loading { .. }, .. }
        | Event::Asked(LabCommand::Browse { .. }) => true,
        Event::Node { node, event: NodeEvent::Link(phase) } => model
            .nodes
            .get(node)
            .and_then(|node| node.link)
            .is_some_and(|link| same_phase(link.phase, *phase)),
        Event::Node { node, event: NodeEvent::Feed { replica_port, phase } } => model
            .nodes
            .get(node)
            .and_then(|node| node.feeds.get(replica_port)?.phase)
            .is_some_and(|last| std::mem::discriminant(&last) == std::mem::discriminant(phase)),
        _ => false,
    }
}

fn same_phase(a: LinkPhase, b: LinkPhase) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

/// The entry as the timeline keeps it: a huge reply is not kept twice.
fn listed(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    entry.at = entry.at.min(AT_MAX);
    if let Event::ConsoleReply { reply, .. } = &mut entry.event {
        *reply = clip(reply).0;
    }
    entry
}

fn apply(model: &mut LabModel, at: Duration, event: &Event) {
    match event {
        Event::LabStarted { wall, version } => {
            model.wall = Some(wall.clone());
            model.version = Some(version.clone());
        }
        Event::Asked(command) => asked(model, at, command),
        Event::Notice { level, node, text } => model.raise(at, *level, *node, text.clone()),
        Event::PortsTaken { preset, taken, offer } => {
            model.ports_taken = Some(PortsTaken { preset: *preset, taken: taken.clone(), offer: *offer });
        }
        Event::ClusterPlanned { preset, nodes } => {
            forget_cluster(model);
            model.preset = Some(*preset);
            model.clusters += 1;
            for plan in nodes {
                let master_port = plan
                    .master
                    .and_then(|id| nodes.iter().find(|plan| plan.node == id))
                    .map(|plan| plan.port);
                add_node(model, plan, master_port);
            }
        }
        Event::NodeAdded(plan) => {
            let master_port = plan.master.and_then(|id| model.nodes.get(&id)).map(|node| node.port);
            add_node(model, plan, master_port);
        }
        Event::NodeRemoved(node) => {
            fail_running_sync(model, *node, at, "the node was removed");
            model.faults.lost(*node, at);
            model.nodes.remove(node);
            model.consoles.remove(node);
            model.console_state.remove(node);
            model.keys.forget(*node);
        }
        Event::ClusterStopped => forget_cluster(model),
        Event::Node { node, event } => node_event(model, at, *node, event),
        Event::Answering { node } => {
            if let Some(node) = model.nodes.get_mut(node) {
                node.base = Life::Answering;
            }
        }
        Event::Silent { node, reason } => {
            if let Some(node) = model.nodes.get_mut(node).filter(|node| node.is_running()) {
                node.base = Life::Silent { reason: reason.clone() };
            }
        }
        Event::Sample { node, sample } => {
            if let Some(node) = model.nodes.get_mut(node) {
                node.take_sample(at, sample);
            }
        }
        Event::FaultBegun { node, fault, lasts } if model.nodes.contains_key(node) => {
            let (node, fault, lasts) = (*node, *fault, *lasts);
            model.faults.began(FaultSpan { node, fault, begun: at, lasts, ended: None });
        }
        Event::FaultEnded { node, kind, how } => model.faults.ended(*node, *kind, at, *how),
        Event::AsksBeforeWipe(asks) => model.asks_before_wipe = *asks,
        // Told on the timeline; whom it concerned tells the rest.
        Event::TimeGap(_) | Event::FaultBegun { .. } => {}
        Event::Promotion { node, step, after } => promotion(model, at, *node, step, *after),
        Event::ConsoleReply { id, node, reply, took, db, in_multi } => {
            let (reply, clipped) = clip(reply);
            let answer = ConsoleAnswer { node: *node, reply, took: *took, clipped };
            let _found = model.console_all.answered(*id, &answer)
                || model.consoles.values_mut().any(|transcript| transcript.answered(*id, &answer));
            let state = model.console_state.entry(*node).or_default();
            (state.db, state.in_multi) = (*db, *in_multi);
        }
        Event::ConsoleMessages { id, node, messages, dropped } => {
            let messages: Vec<_> = messages.iter().map(|message| clip(message).0).collect();
            let _found = model.console_all.streamed(*id, at, *node, &messages, *dropped)
                || model
                    .consoles
                    .values_mut()
                    .any(|transcript| transcript.streamed(*id, at, *node, &messages, *dropped));
        }
        Event::ConsoleMode { node, mode } => model.console_state.entry(*node).or_default().mode = *mode,
        Event::Browsed { id, node, answer, .. } => model.keys.answered(*id, at, *node, answer),
        Event::WorkloadChanged(settings) => model.workload.settings = *settings,
        Event::Workload(sample) => {
            sum(&mut model.workload.total, sample);
            push_bounded(&mut model.workload.samples, (at, sample.clone()), WORKLOAD_MAX);
        }
    }
}

fn forget_cluster(model: &mut LabModel) {
    model.preset = None;
    model.nodes.clear();
    model.syncs.clear();
    model.faults = Faults::default();
    model.promotions.clear();
    model.consoles.clear();
    model.console_all.lines.clear();
    model.console_state.clear();
    model.keys = super::keys::Keys::default();
    model.ports_taken = None;
    model.workload = WorkloadModel::default();
}

fn add_node(model: &mut LabModel, plan: &NodePlan, master_port: Option<u16>) {
    if model.nodes.len() < NODES_MAX || model.nodes.contains_key(&plan.node) {
        model.nodes.insert(plan.node, NodeModel::planned(plan, master_port));
    }
}

fn asked(model: &mut LabModel, at: Duration, command: &LabCommand) {
    match command {
        LabCommand::StartCluster { .. } => model.ports_taken = None,
        LabCommand::Start(node) => {
            if let Some(node) = model.nodes.get_mut(node).filter(|node| !node.is_running()) {
                node.base = Life::Starting;
            }
        }
        LabCommand::Promote(node) => {
            let report = PromotionReport { node: *node, asked_at: at, steps: Vec::new() };
            push_bounded(&mut model.promotions, report, PROMOTIONS_MAX);
        }
        LabCommand::Console { id, target, line } => match target {
            ConsoleTarget::All => model.console_all.typed(*id, at, line.clone()),
            // Only nodes that exist get a transcript: a recording can name any number of others.
            ConsoleTarget::Node(node) if model.nodes.contains_key(node) => {
                model.consoles.entry(*node).or_default().typed(*id, at, line.clone());
            }
            ConsoleTarget::Node(_) => {}
        },
        LabCommand::Edit { id, node, db, edit } if model.nodes.contains_key(node) => {
            let line = edit.line();
            let prompt = if *db == 0 { line } else { format!("{line}  (database {db})") };
            model.consoles.entry(*node).or_default().typed(*id, at, prompt);
        }
        LabCommand::Browse { id, node, db, what } if model.nodes.contains_key(node) => {
            model.keys.asked(*id, at, *node, *db, what);
        }
        _ => {}
    }
}

fn promotion(
    model: &mut LabModel,
    at: Duration,
    node: NodeId,
    step: &crate::lab::PromotionStep,
    after: Duration,
) {
    let running = model.promotions.back().is_some_and(|report| report.node == node);
    if !running {
        let report = PromotionReport { node, asked_at: at.saturating_sub(after), steps: Vec::new() };
        push_bounded(&mut model.promotions, report, PROMOTIONS_MAX);
    }
    if let Some(report) = model.promotions.back_mut().filter(|report| report.steps.len() < STEPS_MAX) {
        report.steps.push((step.clone(), after));
    }
}

fn sum(total: &mut WorkloadSample, sample: &WorkloadSample) {
    total.writes_ok = total.writes_ok.saturating_add(sample.writes_ok);
    total.writes_failed = total.writes_failed.saturating_add(sample.writes_failed);
    total.reads_ok = total.reads_ok.saturating_add(sample.reads_ok);
    total.reads_failed = total.reads_failed.saturating_add(sample.reads_failed);
    total.reads_stale = total.reads_stale.saturating_add(sample.reads_stale);
    total.write_max = total.write_max.max(sample.write_max);
    total.last_error = sample.last_error.clone().or(total.last_error.take());
}

fn node_event(model: &mut LabModel, at: Duration, id: NodeId, event: &NodeEvent) {
    let Some(node) = model.nodes.get_mut(&id) else { return };
    // Whatever a node tells of itself, it runs again.
    let down = matches!(node.base, Life::Planned | Life::Stopped(_));
    if down && !matches!(event, NodeEvent::Stopped(_)) {
        node.base = Life::Starting;
    }
    match event {
        NodeEvent::Ready { port, run_id, took, .. } => {
            node.port = *port;
            node.run_id = Some(run_id.clone());
            node.start_took = Some(*took);
            node.starts += 1;
            node.frozen = false;
            node.feeds.clear();
            if !matches!(node.base, Life::Answering) {
                node.base = Life::Starting;
            }
        }
        NodeEvent::Loading { loaded, total } => {
            let percent = (u128::from(*loaded) * 100 / u128::from(*total).max(1)).min(100) as u8;
            node.base = Life::Loading { percent };
        }
        NodeEvent::Stopped(reason) => stopped(model, at, id, reason),
        NodeEvent::Frozen => node.frozen = true,
        NodeEvent::Thawed => node.frozen = false,
        NodeEvent::Role { role, replid, replid2, .. } => {
            let other_master = node.role != *role;
            node.role = role.clone();
            node.replid = Some(*replid);
            node.replid2 = *replid2;
            if other_master {
                node.link = None;
                node.link_lost = None;
                fail_running_sync(model, id, at, "the node was given another master");
            }
        }
        NodeEvent::Link(phase) => link_phase(model, at, id, *phase),
        NodeEvent::LinkLost { reason } => {
            node.link = Some(Link { phase: LinkPhase::Connect, since: at });
            node.link_lost = Some(reason.clone());
            fail_running_sync(model, id, at, reason);
        }
        NodeEvent::SyncDecided { asked, outcome } => {
            if let Some(sync) = newest_sync(model, id).filter(|sync| sync.is_running()) {
                sync.asked = *asked;
                sync.outcome = Some(*outcome);
            }
        }
        NodeEvent::SyncFinished { snapshot_bytes, keys, took } => {
            if let Some(sync) = newest_sync(model, id) {
                let at = if let SyncEnd::Finished { at, .. } = sync.end { at } else { at };
                let (snapshot_bytes, keys, took) = (*snapshot_bytes, *keys, *took);
                sync.finish(SyncEnd::Finished { at, snapshot_bytes, keys, took });
            }
        }
        NodeEvent::Psync { replica_port, asked, verdict } => {
            psync_judged(model, at, id, *replica_port, *asked, verdict);
        }
        NodeEvent::Feed { replica_port, phase } => feed_phase(node, at, *replica_port, *phase),
        NodeEvent::ReplicaGone { replica_port, reason } => {
            let gone = Feed { phase: None, since: at, gone: Some(reason.clone()) };
            insert_feed(node, *replica_port, gone);
        }
        NodeEvent::SnapshotEnded { error: Some(error), .. } => {
            let text = format!("A snapshot of {} failed: {error}", node.port);
            model.raise(at, NoticeLevel::Error, Some(id), text);
        }
        NodeEvent::Failover(FailoverPhase::Aborted { reason }) => {
            let text = format!("The failover of {} was given up, it goes on as master: {reason}", node.port);
            model.raise(at, NoticeLevel::Warning, Some(id), text);
        }
        NodeEvent::SnapshotBegun { .. }
        | NodeEvent::SnapshotEnded { .. }
        | NodeEvent::Failover(_)
        | NodeEvent::Log { .. } => {}
    }
}

fn stopped(model: &mut LabModel, at: Duration, id: NodeId, reason: &StopReason) {
    let Some(node) = model.nodes.get_mut(&id) else { return };
    node.base = Life::Stopped(reason.clone());
    node.end_run(at);
    fail_running_sync(model, id, at, "the node is gone");
    // A console's connection went with the node; the next one starts afresh.
    model.console_state.remove(&id);
}

fn link_phase(model: &mut LabModel, at: Duration, id: NodeId, phase: LinkPhase) {
    let Some(node) = model.nodes.get_mut(&id) else { return };
    let since = node.link.filter(|link| same_phase(link.phase, phase)).map_or(at, |link| link.since);
    node.link = Some(Link { phase, since });
    let master_port = node.master_port();
    if phase == LinkPhase::Streaming {
        node.link_lost = None;
    }

    let newest = model.syncs.iter().rposition(|sync| sync.replica == id);
    let running = newest.filter(|&index| model.syncs[index].is_running());
    match (phase, running) {
        (LinkPhase::Connect, _) | (LinkPhase::Streaming, None) => {}
        (LinkPhase::Streaming, Some(index)) => {
            let sync = &mut model.syncs[index];
            let (bytes, keys) = sync
                .phases
                .iter()
                .fold((0, 0), |(bytes, keys), span| (bytes.max(span.bytes), keys.max(span.keys)));
            let took = at.saturating_sub(sync.started);
            sync.finish(SyncEnd::Finished { at, snapshot_bytes: bytes, keys, took });
        }
        (_, Some(index)) => model.syncs[index].enter(at, phase),
        (_, None) => {
            // A dead master is tried again every second; that is one row with a count and not a hundred rows.
            let retried = newest.filter(|&index| {
                let sync = &model.syncs[index];
                matches!(sync.end, SyncEnd::Failed { .. })
                    && sync.only_connected()
                    && sync.master_port == master_port
            });
            if let Some(index) = retried {
                model.syncs[index].retry();
                model.syncs[index].enter(at, phase);
            } else {
                let mut sync = SyncRecord::new(model.next_sync, id, master_port, at);
                model.next_sync += 1;
                sync.enter(at, phase);
                push_bounded(&mut model.syncs, sync, SYNCS_MAX);
            }
        }
    }
}

fn feed_phase(node: &mut NodeModel, at: Duration, replica_port: u16, phase: FeedPhase) {
    let since = node
        .feeds
        .get(&replica_port)
        .filter(|feed| {
            feed.phase.is_some_and(|last| std::mem::discriminant(&last) == std::mem::discriminant(&phase))
        })
        .map_or(at, |feed| feed.since);
    insert_feed(node, replica_port, Feed { phase: Some(phase), since, gone: None });
}

fn insert_feed(node: &mut NodeModel, replica_port: u16, feed: Feed) {
    /// Anyone can announce any port; the picture needs no more than this many.
    const FEEDS_MAX: usize = 256;
    if node.feeds.len() < FEEDS_MAX || node.feeds.contains_key(&replica_port) {
        node.feeds.insert(replica_port, feed);
    }
}

/// The master's verdict joins the sync of the replica that listens on the announced port.
fn psync_judged(
    model: &mut LabModel,
    at: Duration,
    master: NodeId,
    replica_port: u16,
    asked: Option<(crate::replication::ReplId, u64)>,
    verdict: &PsyncVerdict,
) {
    let Some(replica) = model.node_at_port(replica_port).map(|node| node.id) else { return };
    let master_port = model.port(master);
    let Some(sync) = newest_sync(model, replica) else { return };
    let recent = match sync.end {
        SyncEnd::Running => true,
        SyncEnd::Finished { at: end, .. } | SyncEnd::Failed { at: end, .. } => {
            sync.verdict.is_none() && at.saturating_sub(end) <= VERDICT_LATE_MAX
        }
    };
    if recent && sync.master_port.is_none_or(|port| port == master_port) {
        sync.asked = sync.asked.or(asked);
        sync.verdict = Some(verdict.clone());
    }
}

fn newest_sync(model: &mut LabModel, replica: NodeId) -> Option<&mut SyncRecord> {
    model.syncs.iter_mut().rev().find(|sync| sync.replica == replica)
}

fn fail_running_sync(model: &mut LabModel, replica: NodeId, at: Duration, reason: &str) {
    if let Some(sync) = newest_sync(model, replica).filter(|sync| sync.is_running()) {
        sync.finish(SyncEnd::Failed { at, reason: reason.to_owned() });
    }
}
