//! The window: panels over [`LabModel`](crate::lab::model::LabModel), which ask the lab by
//! [`LabCommand`](crate::lab::LabCommand).
//!
//! It owns everything that is drawn and nothing that is true: it never blocks, knows no socket and no tokio, and
//! changes the cluster only by asking. The files:
//!
//! | file | owns |
//! |---|---|
//! | `run` | the native window, with whichever renderer there is |
//! | `window` | the window's state, and one frame of it |
//! | `client` | the window's end of the lab |
//! | `replay` | a recording on screen |
//! | `actions` | all that a menu, a button or a shortcut can do |
//! | `menus` | the menu bar |
//! | `status` | the lower edge, and the banner of a recording |
//! | `toasts` | short messages |
//! | `layout` | where the panes stand |
//! | `panes` | the panels with their view state |
//! | `panels` | what each pane shows |
//! | `widgets` | small things that several panels draw |
//! | `dialogs` | windows in front of the window |
//! | `confirm` | what is asked before something is lost |
//! | `fault_dialog` | where faults are begun and healed |
//! | `wipe_dialog` | the question whether a master may wipe its replica |
//! | `files` | choosing and reading files |
//! | `help` | the console's help |
//! | `describe` | entries of the journal as sentences |
//! | `format` | numbers, sizes and times as text |
//! | `theme` | colours, spacing and sizes of text |

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
