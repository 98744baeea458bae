//! Commands about the server and across servers.
//!
//! | file | owns |
//! |---|---|
//! | `server` | the table of the node's own commands; AUTH, HELLO, CONFIG, COMMAND and their kin |
//! | `acl` | ACL, as far as the default user needs it |
//! | `dump` | DUMP, RESTORE and their kin for functions |
//! | `migrate` | keys on their way to another node |
//! | `debug` | DEBUG |

pub(in crate::node) mod acl;
pub(in crate::node) mod debug;
pub(in crate::node) mod dump;
pub(in crate::node) mod migrate;
pub(in crate::node) mod server;

use crate::commands::NodeCommand as N;
use crate::node::exec::flow::Handlers;
use crate::node::node::Node;

pub(in crate::node) const HANDLERS: [Handlers; 4] = [
    acl::HANDLERS,
    dump::HANDLERS,
    server::HANDLERS,
    &[(N::Debug, Node::debug), (N::Migrate, Node::migrate_command)],
];
