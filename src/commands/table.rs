//! The command table: COMMAND, the dispatch, the checks before a command and the console's help read it.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::{CmdResult, Ctx};
use crate::protocol::Args;

/// Properties of a command, as COMMAND INFO lists them. Combine with `|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Changes the data set: refused on a read-only replica.
    pub const WRITE: Self = Self(1);
    /// Reads the data set.
    pub const READONLY: Self = Self(1 << 1);
    /// May use more memory: refused when over `maxmemory`.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For administrators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Allowed while the data set loads.
    pub const LOADING: Self = Self(1 << 4);
    /// Allowed on a replica whose link is down, with `replica-serve-stale-data no`.
    pub const STALE: Self = Self(1 << 5);
    /// O(1) or O(log n).
    pub const FAST: Self = Self(1 << 6);
    /// Allowed before AUTH.
    pub const NO_AUTH: Self = Self(1 << 7);
    /// Refused inside MULTI.
    pub const NO_MULTI: Self = Self(1 << 8);
    /// May be refused in scripts.
    pub const NOSCRIPT: Self = Self(1 << 9);
    /// May wait.
    pub const BLOCKING: Self = Self(1 << 10);
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 11);
    /// Allowed while data loads asynchronously.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 12);
    /// Keys do not stand at fixed places.
    pub const MOVABLEKEYS: Self = Self(1 << 13);
    /// Publishes messages.
    pub const PUBSUB: Self = Self(1 << 14);
    /// Never counts as a write, yet may be refused when writes are paused.
    pub const MAY_REPLICATE: Self = Self(1 << 15);

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is set.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Group of a command in the reference and in the console's help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Any key.
    Generic,
    /// Strings.
    String,
    /// AUTH, SELECT, CLIENT, …
    Connection,
    /// INFO, CONFIG, replication, …
    Server,
    /// MULTI, WATCH, …
    Transactions,
}

/// Where the keys of a command stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Index of the first key, 0 for none.
    pub first: i8,
    /// Index of the last key; negative counts from the end.
    pub last: i8,
    /// Distance between two keys.
    pub step: i8,
}

impl Keys {
    /// No key.
    pub const NONE: Self = Self { first: 0, last: 0, step: 0 };
    /// One key after the name.
    pub const ONE: Self = Self { first: 1, last: 1, step: 1 };
}

/// What executes a command.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// A function of this layer.
    Data(fn(&mut Ctx<'_>, &Args<'_>) -> CmdResult),
    /// The node, which knows connections and replication.
    Node(NodeCommand),
    /// One of the subcommands.
    Container(&'static [Command]),
}

/// Commands that the node executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are Redis' own
pub enum NodeCommand {
    Auth,
    Bgsave,
    ClientGetname,
    ClientHelp,
    ClientId,
    ClientInfo,
    ClientKill,
    ClientList,
    ClientPause,
    ClientReply,
    ClientSetname,
    ClientUnpause,
    ConfigGet,
    ConfigHelp,
    ConfigResetstat,
    ConfigRewrite,
    ConfigSet,
    Debug,
    Discard,
    Echo,
    Exec,
    Failover,
    Hello,
    Info,
    Lastsave,
    Multi,
    Ping,
    Psync,
    Quit,
    Replconf,
    Replicaof,
    Reset,
    Role,
    Save,
    Select,
    Shutdown,
    Sync,
    Time,
    Unwatch,
    Wait,
    Watch,
}

/// One command.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Lower-case name; a subcommand's own name, without its container.
    pub name: &'static str,
    /// Name with its container, as `config|get`.
    pub full_name: &'static str,
    /// Number of arguments with the name; negative is a minimum.
    pub arity: i16,
    /// Properties.
    pub flags: Flags,
    /// Where its keys stand.
    pub keys: Keys,
    /// ACL categories beside those that the flags imply, as `@string`.
    pub categories: &'static [&'static str],
    /// Group in the reference.
    pub group: Group,
    /// Version of Redis that brought it.
    pub since: &'static str,
    /// Complexity, as `O(1)`.
    pub complexity: &'static str,
    /// One line of help, ours.
    pub summary: &'static str,
    /// Its arguments, as `key value [NX | XX]`.
    pub arguments: &'static str,
    /// What executes it.
    pub run: Run,
}

impl Command {
    /// Whether `count` arguments (with the name) are possible.
    #[inline]
    pub fn accepts(&self, count: usize) -> bool {
        if self.arity >= 0 {
            count == self.arity as usize
        } else {
            count >= usize::from(self.arity.unsigned_abs())
        }
    }
}

static COMMANDS: &[Command] = &[];

/// All commands, by name; subcommands are in their containers.
pub fn table() -> &'static [Command] {
    COMMANDS
}

static BY_NAME: LazyLock<HashMap<&'static [u8], &'static Command, foldhash::fast::FixedState>> =
    LazyLock::new(|| table().iter().map(|command| (command.name.as_bytes(), command)).collect());

/// Longest name that [`lookup`] considers.
const NAME_MAX: usize = 32;

/// The command of this name, whatever its case. O(1).
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let mut lower = [0; NAME_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    BY_NAME.get(&*lower).copied()
}
