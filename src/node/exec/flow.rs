//! How a connection goes on after a command.

use std::time::Duration;

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
