//! Entries of the journal in plain sentences.

use std::time::Duration;

use super::actions::preset_label;
use super::format;
use crate::lab::model::LabModel;
use crate::lab::{
    ConsoleMode, ConsoleTarget, Event, FaultEnd, LabCommand, NodeId, PromotionStep, ReplyValue,
};
use crate::node::{
    FailoverPhase, Fault, FaultKind, FeedPhase, LinkPhase, NodeEvent, NodeRole, SnapshotTarget, StopReason,
    SyncOutcome, TimeGap,
};
use crate::replication::explain;

/// What people call a node: its port, or its identity once it is forgotten.
pub(crate) fn name(model: &LabModel, node: NodeId) -> String {
    match model.port(node) {
        0 => node.to_string(),
        port => port.to_string(),
    }
}

/// The lab's own words with ports for identities: `n2 follows n1` as `7002 follows 7001`.
pub(crate) fn by_ports(model: &LabModel, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let end = word.max(rest.chars().next().map_or(0, char::len_utf8));
        let (token, after) = rest.split_at(end);
        rest = after;
        let id = token.strip_prefix('n').and_then(|digits| digits.parse().ok()).map(NodeId);
        let port = id.map(|id| model.port(id)).filter(|port| *port != 0);
        match port {
            Some(port) => {
                out.push_str(&port.to_string());
                rest = rest.strip_prefix(&format!(" (port {port})")).unwrap_or(rest);
            }
            None => out.push_str(token),
        }
    }
    out
}

/// What happened, in a sentence or two.
pub(crate) fn event(model: &LabModel, event: &Event) -> String {
    /// A log line or an error can be of any length; this much is read.
    const TEXT_MAX: usize = 1_000;
    let mut text = in_words(model, event);
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    text
}

fn in_words(model: &LabModel, event: &Event) -> String {
    match event {
        Event::LabStarted { wall, version } => format!("Repliscope {version} started at {wall}"),
        Event::Asked(command) => asked(model, command),
        Event::Notice { text, .. } => by_ports(model, text),
        Event::PortsTaken { taken, offer, .. } => {
            let ports: Vec<String> = taken.iter().map(|(port, _)| port.to_string()).collect();
            format!("Ports {} are taken; {offer} and up are free", ports.join(", "))
        }
        Event::ClusterPlanned { preset, nodes } => {
            let ports: Vec<String> = nodes.iter().map(|plan| plan.port.to_string()).collect();
            format!("Cluster planned: {} on {}", preset_label(*preset), ports.join(", "))
        }
        Event::NodeAdded(plan) => format!("{} joined the cluster", plan.port),
        Event::NodeRemoved(_) => "Removed from the cluster".to_owned(),
        Event::ClusterStopped => "The cluster was stopped".to_owned(),
        Event::Node { event, .. } => node(event),
        Event::Answering { .. } => "Answers PING".to_owned(),
        Event::Silent { reason, .. } => format!("Does not answer: {reason}"),
        Event::AsksBeforeWipe(true) => "Replicas ask before an emptied master takes their data".to_owned(),
        Event::AsksBeforeWipe(false) => {
            "An emptied master takes its replicas' data unasked, as in Redis".to_owned()
        }
        Event::TimeGap(gap) => time_gap(*gap),
        Event::FaultBegun { fault, lasts, .. } => format!("Fault begins: {}", fault_for(fault, *lasts)),
        Event::FaultEnded { kind, how, .. } => format!("Fault ends: {kind}, {}", fault_end(*how)),
        Event::Sample { sample, .. } => format!("Figures, offset {}", format::number(sample.offset)),
        Event::Promotion { node, step, after } => promotion(model, *node, step, &format::duration(*after)),
        Event::ConsoleReply { reply: value, took, .. } => {
            format!("Replied {} after {}", reply(value), format::duration(*took))
        }
        Event::ConsoleMessages { messages, dropped, .. } => {
            format!("{} messages on its console", messages.len() as u64 + dropped)
        }
        Event::ConsoleMode { mode, .. } => match mode {
            ConsoleMode::Lines => "Its console takes lines again".to_owned(),
            ConsoleMode::Subscribed(count) => format!("Its console has {count} subscriptions"),
            ConsoleMode::Monitor => "Its console shows MONITOR".to_owned(),
        },
        Event::Browsed { took, .. } => format!("Told of its keys after {}", format::duration(*took)),
        Event::WorkloadChanged(settings) if settings.on => format!(
            "Workload on: {} writes/s of {}, {} reads/s",
            settings.writes_per_second,
            format::bytes(u64::from(settings.value_size)),
            settings.reads_per_second
        ),
        Event::WorkloadChanged(_) => "Workload off".to_owned(),
        Event::Workload(sample) => format!("{} writes, {} failed", sample.writes_ok, sample.writes_failed),
    }
}

fn asked(model: &LabModel, command: &LabCommand) -> String {
    let name = |node: &NodeId| name(model, *node);
    match command {
        LabCommand::StartCluster { preset, port } => {
            format!("Asked to start {} from port {port}", preset_label(*preset))
        }
        LabCommand::StopCluster => "Asked to stop the cluster".to_owned(),
        LabCommand::AddNode { master: Some(master) } => format!("Asked to add a replica of {}", name(master)),
        LabCommand::AddNode { master: None } => "Asked to add a master".to_owned(),
        LabCommand::RemoveNode(node) => format!("Asked to remove {}", name(node)),
        LabCommand::Start(node) => format!("Asked to start {}", name(node)),
        LabCommand::Stop(node) => format!("Asked to stop {}", name(node)),
        LabCommand::Restart(node) => format!("Asked to restart {}", name(node)),
        LabCommand::Kill(node) => format!("Asked to kill {}", name(node)),
        LabCommand::Freeze(node) => format!("Asked to freeze {}", name(node)),
        LabCommand::Thaw(node) => format!("Asked to thaw {}", name(node)),
        LabCommand::Promote(node) => format!("Asked to promote {}", name(node)),
        LabCommand::ReplicaOf { node, master } => {
            format!("Asked to make {} a replica of {}", name(node), name(master))
        }
        LabCommand::AskBeforeWipe(true) => "Asked for a question before an emptied master wipes".to_owned(),
        LabCommand::AskBeforeWipe(false) => "Asked for no question before an emptied master wipes".to_owned(),
        LabCommand::LetWipe(node) => format!("Let the data of {} be replaced", name(node)),
        LabCommand::BeginFault { node, fault: Fault::Cut, lasts: None } => {
            format!("Asked to cut the link of {}", name(node))
        }
        LabCommand::HealFault { node, kind: FaultKind::Cut } => {
            format!("Asked to heal the link of {}", name(node))
        }
        LabCommand::BeginFault { node, fault, lasts } => {
            format!("Asked for a fault of {}: {}", name(node), fault_for(fault, *lasts))
        }
        LabCommand::HealFault { node, kind } => format!("Asked to heal the {kind} of {}", name(node)),
        LabCommand::Console { target: ConsoleTarget::All, line, .. } => format!("Typed on all nodes: {line}"),
        LabCommand::Console { line, .. } => format!("Typed: {line}"),
        LabCommand::StopConsole(_) => "Asked to stop what its console shows".to_owned(),
        LabCommand::Edit { db: 0, edit, .. } => format!("Edited keys: {}", edit.line()),
        LabCommand::Edit { db, edit, .. } => format!("Edited keys of database {db}: {}", edit.line()),
        LabCommand::Browse { .. } => "Looked at keys".to_owned(),
        LabCommand::Workload(settings) if settings.on => "Asked for the workload".to_owned(),
        LabCommand::Workload(_) => "Asked to end the workload".to_owned(),
        LabCommand::SaveRecording(path) => format!("Asked to save the recording to {}", path.display()),
        LabCommand::ClearFaults => "Asked to clear all faults".to_owned(),
    }
}

/// With a capital letter in front, as a label begins.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A fault with the time that it is to last.
fn fault_for(fault: &Fault, lasts: Option<Duration>) -> String {
    match lasts {
        Some(lasts) => format!("{fault}, for {}", format::duration(lasts)),
        None if fault.kind() == FaultKind::Reset => fault_words(fault, lasts),
        None => format!("{fault}, until healed"),
    }
}

/// A fault in words; a reset without a time happens once, whatever its figure.
pub(crate) fn fault_words(fault: &Fault, lasts: Option<Duration>) -> String {
    match (fault, lasts) {
        (Fault::Reset { .. }, None) => "one reset".to_owned(),
        _ => fault.to_string(),
    }
}

/// Why a fault ended.
pub(crate) fn fault_end(how: FaultEnd) -> &'static str {
    match how {
        FaultEnd::Expired => "its time was over",
        FaultEnd::Healed => "healed by hand",
        FaultEnd::Replaced => "replaced by another one",
        FaultEnd::Gone => "what it was about is gone",
    }
}

fn time_gap(gap: TimeGap) -> String {
    match gap {
        TimeGap::Stopped { lasted } => format!(
            "Time gap: nothing ran for {}, because the computer slept or the program was stopped; that time counts \
             as nobody's silence",
            format::duration(lasted)
        ),
        TimeGap::ClockAhead { by } => format!(
            "Time gap: the clock jumped ahead by {}, because the computer slept or its clock was set; keys expire \
             by the new time",
            format::duration(by)
        ),
    }
}

fn promotion(model: &LabModel, node: NodeId, step: &PromotionStep, after: &str) -> String {
    match step {
        PromotionStep::Promoted => format!("Promoted: {} is a master, after {after}", name(model, node)),
        PromotionStep::Writable => format!("Took its first write, after {after}"),
        PromotionStep::Reparented(replica) => {
            format!("{} was told to follow it, after {after}", name(model, *replica))
        }
        PromotionStep::Failed(reason) => format!("Promotion failed after {after}: {reason}"),
    }
}

fn node(event: &NodeEvent) -> String {
    match event {
        NodeEvent::Ready { port, keys_loaded, took, .. } => {
            let keys = format::number(*keys_loaded);
            format!("Listens on {port} with {keys} keys, after {}", format::duration(*took))
        }
        NodeEvent::Loading { loaded, total } => {
            format!("Loads its data: {} of {}", format::bytes(*loaded), format::bytes(*total))
        }
        NodeEvent::Stopped(reason) => match reason {
            StopReason::FailedToStart(text) => format!("Did not start: {text}"),
            StopReason::Shutdown => "Stopped in good order".to_owned(),
            StopReason::Killed => "Killed: nothing flushed, sockets reset".to_owned(),
            StopReason::Crashed(text) => format!("Crashed: {text}"),
        },
        NodeEvent::Frozen => "Frozen: serves nothing, sockets stay open".to_owned(),
        NodeEvent::Thawed => "Thawed".to_owned(),
        NodeEvent::Role { role: NodeRole::Master, replid, offset, .. } => {
            format!("Is a master, history {} at {}", replid.short(), format::number(*offset))
        }
        NodeEvent::Role { role: NodeRole::Replica { host, port }, .. } => {
            format!("Is a replica of {host}:{port}")
        }
        NodeEvent::Link(LinkPhase::AskWipe { keys, offered }) => format!(
            "Keeps its {} keys and asks: its master has {} under another history",
            format::number(*keys),
            format::number(*offered)
        ),
        NodeEvent::Link(phase) => format!("Link: {}", format::link_phase(*phase)),
        NodeEvent::LinkLost { reason } => format!("Lost the link to its master: {reason}"),
        NodeEvent::SyncDecided { outcome: SyncOutcome::Partial { replid }, .. } => {
            format!("Was granted a partial resync, history {}", replid.short())
        }
        NodeEvent::SyncDecided { outcome: SyncOutcome::Full { replid, offset }, .. } => {
            format!("Was granted a full sync, history {} at {}", replid.short(), format::number(*offset))
        }
        NodeEvent::SyncFinished { snapshot_bytes: 0, took, .. } => {
            format!("Partial resync done after {}", format::duration(*took))
        }
        NodeEvent::SyncFinished { snapshot_bytes, keys, took } => format!(
            "Full sync done after {}: {} and {} keys",
            format::duration(*took),
            format::bytes(*snapshot_bytes),
            format::number(*keys)
        ),
        NodeEvent::Psync { replica_port, verdict, .. } => {
            format!("Answered PSYNC of {replica_port}. {}", explain(verdict))
        }
        NodeEvent::Feed { replica_port, phase } => match phase {
            FeedPhase::WaitSnapshot => format!("Feed of {replica_port} waits for the snapshot"),
            FeedPhase::SendSnapshot { .. } => format!("Sends the snapshot to {replica_port}"),
            FeedPhase::Online => format!("Feed of {replica_port} is online"),
        },
        NodeEvent::ReplicaGone { replica_port, reason } => {
            format!("Replica {replica_port} is gone: {reason}")
        }
        NodeEvent::SnapshotBegun { target, keys, offset } => format!(
            "Snapshot {} begun: {} keys at {}",
            snapshot_target(*target),
            format::number(*keys),
            format::number(*offset)
        ),
        NodeEvent::SnapshotEnded { target, error: Some(error), .. } => {
            format!("Snapshot {} failed: {error}", snapshot_target(*target))
        }
        NodeEvent::SnapshotEnded { target, bytes, took, error: None } => format!(
            "Snapshot {} done: {} in {}",
            snapshot_target(*target),
            format::bytes(*bytes),
            format::duration(*took)
        ),
        NodeEvent::Failover(phase) => failover(phase),
        NodeEvent::Log { text, .. } => text.clone(),
    }
}

fn failover(phase: &FailoverPhase) -> String {
    match phase {
        FailoverPhase::WaitingForSync { target: Some((_, port)) } => {
            format!("Failover: holds writes, waits for {port}")
        }
        FailoverPhase::WaitingForSync { target: None } => {
            "Failover: holds writes, waits for a replica".to_owned()
        }
        FailoverPhase::InProgress { target: (_, port), forced: false } => {
            format!("Failover: asks {port}, which has everything")
        }
        FailoverPhase::InProgress { target: (_, port), forced: true } => {
            format!("Failover: time is over, asks {port} as it is")
        }
        FailoverPhase::Done => "Failover done: the other node is the master".to_owned(),
        FailoverPhase::Aborted { reason } => format!("Failover given up: {reason}"),
    }
}

fn snapshot_target(target: SnapshotTarget) -> String {
    match target {
        SnapshotTarget::File => "to the file".to_owned(),
        SnapshotTarget::AofBase => "to the AOF".to_owned(),
        SnapshotTarget::Replicas(1) => "to a replica".to_owned(),
        SnapshotTarget::Replicas(count) => format!("to {count} replicas"),
    }
}

/// A reply in a few words.
pub(crate) fn reply(reply: &ReplyValue) -> String {
    const SHOWN: usize = 60;
    let short = |text: &str| {
        let line = text.lines().next().unwrap_or_default();
        match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line.to_owned(),
        }
    };
    match reply {
        ReplyValue::Simple(text) | ReplyValue::BigNumber(text) | ReplyValue::Verbatim(_, text) => short(text),
        ReplyValue::Error(text) => format!("error {}", short(text)),
        ReplyValue::Integer(value) => value.to_string(),
        ReplyValue::Bulk(bytes) => format!("\"{}\"", short(&String::from_utf8_lossy(bytes))),
        ReplyValue::Null => "nil".to_owned(),
        ReplyValue::Array(items) | ReplyValue::Set(items) | ReplyValue::Push(items) => {
            format!("{} elements", items.len())
        }
        ReplyValue::Map(pairs) => format!("{} pairs", pairs.len()),
        ReplyValue::Double(value) => value.to_string(),
        ReplyValue::Boolean(value) => value.to_string(),
        ReplyValue::ConnectionFailed(text) => format!("nothing: {}", short(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::{Entry, NodePlan, Preset};

    #[test]
    fn a_time_gap_is_told_with_its_length_and_its_cause() {
        let gap = Event::TimeGap(TimeGap::Stopped { lasted: Duration::from_secs(312) });
        let told = event(&LabModel::default(), &gap);
        assert!(told.contains("nothing ran for 5 min 12 s") && told.contains("slept"), "{told}");
    }

    #[test]
    fn nodes_are_called_by_their_ports() {
        let mut model = LabModel::default();
        let nodes = vec![NodePlan { node: NodeId(1), port: 7001, master: None }];
        let event = Event::ClusterPlanned { preset: Preset::Single, nodes };
        model.fold(&Entry { seq: 0, at: Duration::ZERO, event });
        for (text, shown) in [
            ("n1 (port 7001) crashed: n10 é n1", "7001 crashed: n10 é 7001"),
            ("n2 follows n1 already", "n2 follows 7001 already"),
            ("", ""),
        ] {
            assert_eq!(by_ports(&model, text), shown);
        }
    }
}
