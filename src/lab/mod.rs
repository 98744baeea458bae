//! A cluster: topology, observers, workload, console, and the journal of everything that happens.
//!
//! The user's wishes come in as [`LabCommand`], everything that happens goes out as [`Entry`] of the journal,
//! and what is shown is a fold of that journal. Must not know egui. The files:
//!
//! | file | owns |
//! |---|---|
//! | `command` | what a user can ask of the lab |
//! | `key_edit` | changes of keys that a user asks for |
//! | `key_type` | the types of keys |
//! | `event` | what happens in a lab |
//! | `node_id` | how nodes are told apart |
//! | `lossless` | values that JSON has no form for |
//! | `journal` | the events, numbered, timed and bounded |
//! | `recorder` | the way into the journal, and on to the window |
//! | `recording` | a journal as a file |
//! | `model` | the fold of a journal: what is shown |
//! | `options` | what a lab is started with |
//! | `thread` | the lab's thread: its start, its channels, its end |
//! | `lab` | the state that the lab's tasks share |
//! | `member` | what the lab knows of its nodes |
//! | `refusal` | why a wish is not fulfilled |
//! | `execute` | carries out the commands |
//! | `plan` | a cluster as a whole: planned, started, extended, ended |
//! | `lifecycle` | a single node: start, stop, kill, freeze |
//! | `topology` | who follows whom |
//! | `faults` | faults of links and disks |
//! | `wipe_guard` | whether an emptied master may wipe its replicas |
//! | `runner` | how a node is started, and what can be done to it |
//! | `node_events` | events of nodes on their way to the lab |
//! | `folder` | the folder of a node |
//! | `ports` | which ports are free |
//! | `client` | a small RESP client |
//! | `observer` | watches a node by RESP |
//! | `info` | INFO as figures |
//! | `browser` | looks at the keys of a node |
//! | `console` | lines of the console |
//! | `words` | a line and its arguments |
//! | `workload` | writes and reads at a pace |
//! | `headless` | the same cluster without a window |

mod browser;
mod client;
mod command;
mod console;
mod event;
mod execute;
mod faults;
mod folder;
pub mod headless;
mod info;
pub mod journal;
mod key_edit;
mod key_type;
#[allow(clippy::module_inception)]
mod lab;
mod lifecycle;
mod lossless;
mod member;
pub mod model;
mod node_events;
mod node_id;
mod observer;
mod options;
mod plan;
pub mod ports;
mod recorder;
pub mod recording;
mod refusal;
mod runner;
mod thread;
mod topology;
mod wipe_guard;
mod words;
mod workload;

#[cfg(test)]
mod tests;

pub use browser::look as browse;
pub use command::{ConsoleTarget, LabCommand, Preset, WorkloadSettings};
pub use event::{
    ConsoleMode, Entry, Event, FaultEnd, FilesSample, NodePlan, NodeSample, NoticeLevel, PromotionStep,
    ReplicaSample, ReplyValue, WorkloadSample,
};
pub use faults::{DELAY_MAX, DISK_DELAY_MAX, LASTS_MAX, RESET_EVERY_MIN};
pub use key_edit::{EditKind, KeyEdit};
pub use key_type::KeyType;
pub use node_id::NodeId;
pub use options::LabOptions;
pub use thread::{LabClientParts, LabHandle, start};
pub use words::{escape, line_of, unescape};
