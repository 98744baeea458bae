//! The command table and the data commands: what each one does to the data set and what it propagates.
//!
//! Must not know sockets, connections or the state of replication. Commands that need those are listed in
//! the table too (so that COMMAND and the console's help know them), but the node executes them.

mod context;
mod error;
mod table;

pub use context::{Access, Ctx, Effects, ExpiryMode, Stats};
pub(crate) use context::{lfu_counter, lru_clock, minutes};
pub use error::{CmdError, CmdResult};
pub use table::{Command, Flags, Group, Keys, NodeCommand, Run, lookup, table};
