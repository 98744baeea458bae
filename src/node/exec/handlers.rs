//! Which function executes which command of the node.

use super::flow::{Handler, Handlers};
use super::transaction;
use crate::commands::NodeCommand;
use crate::node::{admin, clients, disk, messages, observe, replication};

const FOLDERS: [Handlers; 10] = [
    admin::HANDLERS[0],
    admin::HANDLERS[1],
    admin::HANDLERS[2],
    admin::HANDLERS[3],
    clients::commands::HANDLERS,
    disk::commands::HANDLERS,
    messages::HANDLERS,
    observe::HANDLERS,
    replication::commands::HANDLERS,
    transaction::HANDLERS,
];

/// By the number of the command. It is made when the program is compiled, which fails if a command has no handler or two.
static HANDLERS: [Handler; NodeCommand::COUNT] = {
    let mut handlers: [Handler; NodeCommand::COUNT] = [FOLDERS[0][0].1; NodeCommand::COUNT];
    let mut has_one = [false; NodeCommand::COUNT];
    let (mut folder, mut found) = (0, 0);
    while folder < FOLDERS.len() {
        let mut row = 0;
        while row < FOLDERS[folder].len() {
            let (command, handler) = FOLDERS[folder][row];
            assert!(!has_one[command as usize], "a command has two handlers");
            handlers[command as usize] = handler;
            has_one[command as usize] = true;
            (row, found) = (row + 1, found + 1);
        }
        folder += 1;
    }
    assert!(found == NodeCommand::COUNT, "a command has no handler");
    handlers
};

/// What executes `command`.
#[inline]
pub(super) fn handler(command: NodeCommand) -> Handler {
    HANDLERS[command as usize]
}
