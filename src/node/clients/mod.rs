//! Clients, from the listening socket to the last byte that is sent.
//!
//! | file | owns |
//! |---|---|
//! | `registry` | all clients of a node, and what they share |
//! | `listener` | listening TCP sockets and new connections |
//! | `unix_socket` | the same for `unixsocket` |
//! | `descriptors` | how many clients the open files of the process allow |
//! | `connection` | one connection: reads, executes, writes, waits |
//! | `session` | what a connection keeps to itself: its parser, its replies, its transaction |
//! | `client` | what others see of a client |
//! | `subscriptions` | what a client listens to |
//! | `buffers` | how much room a client's buffers keep |
//! | `unsent` | replies that a socket has not taken yet |
//! | `outbox` | messages that others have for a client |
//! | `output` | how much may wait for a client, and what happens beyond that |
//! | `eviction` | whose connection is closed when all of them take too much |
//! | `blocking` | clients that wait for keys |
//! | `pause` | CLIENT PAUSE, and whatever else holds writes back |
//! | `commands` | CLIENT |

pub(in crate::node) mod blocking;
pub(in crate::node) mod buffers;
pub(in crate::node) mod client;
pub(in crate::node) mod commands;
pub(in crate::node) mod connection;
pub(in crate::node) mod descriptors;
pub(in crate::node) mod eviction;
pub(in crate::node) mod listener;
pub(in crate::node) mod outbox;
pub(in crate::node) mod output;
pub(in crate::node) mod pause;
pub(in crate::node) mod registry;
pub(in crate::node) mod session;
pub(in crate::node) mod subscriptions;
#[cfg(unix)]
pub(in crate::node) mod unix_socket;
pub(in crate::node) mod unsent;
