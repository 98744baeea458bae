//! A cluster: topology, observers, workload, console, and the journal of everything that happens.
//!
//! The user's wishes come in as [`LabCommand`], everything that happens goes out as [`Entry`] of the journal,
//! and what is shown is a fold of that journal. Must not know egui.

pub mod browse;
mod browser;
mod client;
mod cluster;
mod command;
mod console;
mod event;
mod faults;
mod folder;
pub mod headless;
mod info;
pub mod journal;
mod lifecycle;
mod member;
pub mod model;
mod observer;
mod planning;
pub mod ports;
mod recorder;
pub mod recording;
mod runner;
mod thread;
mod topology;
mod wipe_guard;
mod words;
mod workload;

#[cfg(test)]
mod process;
#[cfg(test)]
mod tests;

pub use command::{ConsoleTarget, LabCommand, Preset, WorkloadSettings};
pub use event::{
    ConsoleMode, Entry, Event, FaultEnd, FilesSample, NodeId, NodePlan, NodeSample, NoticeLevel,
    PromotionStep, ReplicaSample, ReplyValue, WorkloadSample,
};
pub use faults::{DELAY_MAX, DISK_DELAY_MAX, LASTS_MAX, RESET_EVERY_MIN};
pub use thread::{LabClientParts, LabHandle, LabOptions, start};
pub use words::{escape, line_of, unescape};
