//! What is asked before something is lost.

use crate::lab::model::{LabModel, Life};
use crate::lab::{EditKind, LabCommand};

use super::describe::name;
use super::format;

/// A question with its consequences.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    /// What is about to happen.
    pub(crate) title: String,
    /// What it leads to, one sentence per line.
    pub(crate) consequences: Vec<String>,
    /// What stands on the button that does it.
    pub(crate) button: String,
    /// What is then asked of the lab.
    pub(crate) command: LabCommand,
}

/// The question that `command` calls for; `None` if nothing can be lost.
pub(crate) fn needed(model: &LabModel, command: &LabCommand) -> Option<Question> {
    let ask = |title: String, consequences: Vec<String>, button: &str| {
        Some(Question { title, consequences, button: button.to_owned(), command: command.clone() })
    };
    match command {
        LabCommand::StartCluster { .. } if model.has_cluster() => ask(
            "Replace the running cluster?".to_owned(),
            vec!["Every node ends in good order and the new cluster takes its place.".to_owned()],
            "Replace cluster",
        ),
        LabCommand::StopCluster => ask(
            "Stop the cluster?".to_owned(),
            vec![
                format!("All {} nodes end in good order and save their data.", model.nodes.len()),
                "The journal stays until a new cluster starts; save it as a recording to keep it.".to_owned(),
            ],
            "Stop all nodes",
        ),
        LabCommand::Kill(node) | LabCommand::Stop(node) | LabCommand::Restart(node) => {
            model.nodes.get(node).filter(|node| node.is_master() && node.is_running())?;
            let replicas: Vec<_> = model.replicas_of(*node).collect();
            if replicas.is_empty() && !model.workload.settings.on {
                return None;
            }
            let port = name(model, *node);
            let (verb, button) = match command {
                LabCommand::Kill(_) => ("Kill", "Kill it"),
                LabCommand::Stop(_) => ("Stop", "Stop it"),
                _ => ("Restart", "Restart it"),
            };
            let mut consequences = Vec::new();
            if matches!(command, LabCommand::Kill(_)) {
                consequences.push(
                    "It ends as in a crash: nothing is flushed, sockets are reset. What it acknowledged and no \
                     replica has received is lost."
                        .to_owned(),
                );
            }
            consequences.push(unsent(model, &replicas));
            if model.workload.settings.on {
                let rate = model.workload.settings.writes_per_second;
                consequences
                    .push(format!("The workload's {rate} writes per second fail until a master answers."));
            }
            if !replicas.is_empty() && !matches!(command, LabCommand::Restart(_)) {
                consequences.push("Nothing takes over by itself: promote a replica to go on.".to_owned());
            }
            ask(format!("{verb} master {port}?"), consequences, button)
        }
        LabCommand::Promote(node) => {
            let replica = model.nodes.get(node)?;
            let master =
                model.master_of(replica).filter(|master| matches!(master.life(), Life::Answering))?;
            ask(
                format!("Promote {} while {} still answers?", replica.port, master.port),
                vec![
                    format!(
                        "{} becomes its replica: what it has accepted and {} has not received is lost.",
                        master.port, replica.port
                    ),
                    unsent(model, &[replica]),
                ],
                "Promote it",
            )
        }
        LabCommand::ReplicaOf { node, master } => {
            let follower = model.nodes.get(node).filter(|node| node.is_master())?;
            let keys = follower.sample.as_ref().map_or(0, |sample| sample.keys);
            ask(
                format!("Make master {} a replica of {}?", follower.port, name(model, *master)),
                vec![format!(
                    "It takes over the other's data. Its own {} keys are replaced unless they share a history.",
                    format::number(keys)
                )],
                "Make it a replica",
            )
        }
        LabCommand::Edit { node, db, edit, .. } if edit.kind == EditKind::Delete => ask(
            format!("Delete this key on {}?", name(model, *node)),
            vec![
                format!("{} runs in database {db}; there is no way back.", shortened(&edit.line())),
                "It goes to every replica that follows.".to_owned(),
            ],
            "Delete it",
        ),
        LabCommand::LetWipe(node) => {
            let asking = model.asking().find(|asking| asking.node.id == *node)?;
            ask(
                format!("Replace the data of {}?", asking.node.port),
                vec![format!(
                    "Its {} keys are replaced by the {} of its master; there is no way back.",
                    format::number(asking.keys),
                    format::number(asking.offered)
                )],
                "Replace its data",
            )
        }
        LabCommand::RemoveNode(node) => ask(
            format!("Remove {}?", name(model, *node)),
            vec!["It leaves the cluster; its data folder stays on the disk.".to_owned()],
            "Remove it",
        ),
        _ => None,
    }
}

/// The beginning of a line that may be very long.
fn shortened(line: &str) -> String {
    const SHOWN: usize = 120;
    if line.len() <= SHOWN {
        line.to_owned()
    } else {
        format!("{}…", &line[..line.floor_char_boundary(SHOWN)])
    }
}

/// What replicas have not received yet.
fn unsent(model: &LabModel, replicas: &[&crate::lab::model::NodeModel]) -> String {
    let parts: Vec<String> = replicas
        .iter()
        .map(|replica| match model.behind(replica.id, model.now).and_then(|behind| behind.bytes) {
            Some(0) => format!("{} has every byte", replica.port),
            Some(bytes) => format!("{} is {} behind", replica.port, format::bytes(bytes)),
            None => format!("{} is not in step", replica.port),
        })
        .collect();
    if parts.is_empty() {
        "No replica follows it.".to_owned()
    } else {
        format!("Right now {}.", parts.join(", "))
    }
}
