//! How the node runs a command of its own, and how the connection goes on after it.

use std::time::Duration;

use crate::commands::{CmdResult, NodeCommand};
use crate::node::clients::session::Session;
use crate::node::node::Node;
use crate::protocol::Args;

/// Executes one command that needs the node. A refusal is answered with its error.
pub(super) type Handler = fn(&mut Node, &mut Session, &Args<'_>) -> CmdResult<Flow>;

/// The commands of one folder. `exec/handlers.rs` looks whether each command has one.
pub(in crate::node) type Handlers = &'static [(NodeCommand, Handler)];

/// How a connection goes on after a batch, or after one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Flow {
    /// Go on with the next command; for a batch: all was executed, read more.
    Next,
    /// The turn is over, but requests are left.
    More,
    /// Close once the replies are out.
    Close,
    /// Close at once, without a reply.
    Drop,
    /// Wait until the client is woken with a number (WAIT), at most this long.
    Wait(Option<Duration>),
    /// Wait until one of some keys is ready, at most this long.
    Block(Option<Duration>),
    /// Clients are paused: try again when that ends.
    Paused(Duration),
    /// The connection is a replica's from now on.
    Feed,
}
