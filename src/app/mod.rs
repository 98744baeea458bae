//! The window: panels over [`LabModel`](crate::lab::model::LabModel), which ask the lab by
//! [`LabCommand`](crate::lab::LabCommand).
//!
//! It owns everything that is drawn and nothing that is true: it never blocks, knows no socket and no tokio, and
//! changes the cluster only by asking.

mod actions;
mod client;
mod confirm;
mod describe;
mod dialogs;
mod fault_dialog;
mod files;
mod format;
mod help;
mod layout;
mod menus;
mod panels;
mod panes;
mod replay;
mod run;
mod status;
mod theme;
mod toasts;
mod widgets;
mod window;
mod wipe_dialog;

pub use client::LabClient;
pub use run::{AppError, AppOptions, Wake, run};
pub use theme::install as install_style;
pub use window::App;
