//! The command table: COMMAND, the dispatch, the checks before a command and the console's help read it.
// Long because what a command is and the list of those that the node runs are read together.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::{CmdResult, Ctx, sort};
use crate::protocol::Args;

mod acl;
mod bitmaps;
mod cluster;
mod connection;
mod functions;
mod geo;
mod hashes;
mod hyperloglog;
mod key_specs;
mod keys;
mod lists;
mod pubsub;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

pub use key_specs::{KeySpec, Keys, Place};

/// Properties of a command, as COMMAND INFO lists them. Combine with [`Flags::or`].
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
    /// Refused while another data set loads beside the one that serves (`repl-diskless-load swapdb`).
    pub const NO_ASYNC_LOADING: Self = Self(1 << 12);
    /// Keys do not stand at fixed places.
    pub const MOVABLEKEYS: Self = Self(1 << 13);
    /// Publishes messages.
    pub const PUBSUB: Self = Self(1 << 14);
    /// Never counts as a write, yet may be refused when writes are paused.
    pub const MAY_REPLICATE: Self = Self(1 << 15);
    /// Not noted in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 16);
    /// Allowed while a script runs for too long.
    pub const ALLOW_BUSY: Self = Self(1 << 17);
    /// Needs a parameter that allows it (`enable-debug-command`, `enable-module-command`). COMMAND INFO hides it.
    pub const PROTECTED: Self = Self(1 << 18);
    /// Follows a redirection of a cluster by itself, as ASKING does for the next command.
    pub const ASKING: Self = Self(1 << 19);
    /// None of them.
    pub const NONE: Self = Self(0);

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
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Hashes.
    Hash,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Bits of strings.
    Bitmap,
    /// HyperLogLog.
    Hyperloglog,
    /// Places on earth, in sorted sets.
    Geo,
    /// Messages.
    Pubsub,
    /// AUTH, SELECT, CLIENT, …
    Connection,
    /// INFO, CONFIG, replication, …
    Server,
    /// MULTI, WATCH, …
    Transactions,
    /// Functions.
    Scripting,
    /// Nodes that share the keys among them.
    Cluster,
}

impl Group {
    /// Its name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::Bitmap => "bitmap",
            Self::Hyperloglog => "hyperloglog",
            Self::Geo => "geo",
            Self::Pubsub => "pubsub",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Transactions => "transactions",
            Self::Scripting => "scripting",
            Self::Cluster => "cluster",
        }
    }
}

/// `key` is read, but its value is of no concern.
const RO: &[&str] = &["RO"];
const RO_ACCESS: &[&str] = &["RO", "access"];
const RW_ACCESS_DELETE: &[&str] = &["RW", "access", "delete"];
const RW_ACCESS_UPDATE: &[&str] = &["RW", "access", "update"];
const RW_UPDATE: &[&str] = &["RW", "update"];
const OW_INSERT: &[&str] = &["OW", "insert"];
const OW_UPDATE: &[&str] = &["OW", "update"];
const RM_DELETE: &[&str] = &["RM", "delete"];

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
    AclGenpass,
    AclGetuser,
    AclList,
    AclSetuser,
    Auth,
    Bgrewriteaof,
    Bgsave,
    ClientCaching,
    ClientGetname,
    ClientGetredir,
    ClientId,
    ClientInfo,
    ClientKill,
    ClientList,
    ClientNoEvict,
    ClientPause,
    ClientReply,
    ClientSetname,
    ClientUnblock,
    ClientTracking,
    ClientTrackinginfo,
    ClientUnpause,
    ConfigGet,
    ConfigResetstat,
    ConfigRewrite,
    ConfigSet,
    Debug,
    Discard,
    Dump,
    FunctionDump,
    FunctionRestore,
    Echo,
    Exec,
    Failover,
    Hello,
    Info,
    Lastsave,
    Lolwut,
    MemoryDoctor,
    MemoryMallocStats,
    MemoryPurge,
    MemoryStats,
    LatencyDoctor,
    LatencyGraph,
    LatencyHistogram,
    LatencyHistory,
    LatencyLatest,
    LatencyReset,
    Migrate,
    ModuleLoad,
    ModuleUnload,
    Monitor,
    Multi,
    Ping,
    Psubscribe,
    Psync,
    Publish,
    PubsubChannels,
    PubsubNumpat,
    PubsubNumsub,
    PubsubShardchannels,
    PubsubShardnumsub,
    Punsubscribe,
    Quit,
    Replconf,
    Replicaof,
    Reset,
    Restore,
    Role,
    Save,
    Select,
    Shutdown,
    SlowlogGet,
    SlowlogLen,
    SlowlogReset,
    Spublish,
    Ssubscribe,
    Subscribe,
    Sunsubscribe,
    Sync,
    Time,
    Unsubscribe,
    Unwatch,
    Wait,
    Watch,
}

impl NodeCommand {
    /// How many there are.
    pub const COUNT: usize = Self::Watch as usize + 1;
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
    /// The same key by key, with what becomes of them.
    pub key_specs: &'static [KeySpec],
    /// ACL categories beside those that the flags imply, as `@string`.
    pub categories: &'static [&'static str],
    /// Group in the reference.
    pub group: Group,
    /// Version of Redis that brought it.
    pub since: &'static str,
    /// Since which version another one is to be preferred, and which.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Complexity, as `O(1)`.
    pub complexity: &'static str,
    /// Hints for clients and proxies, in Redis' words.
    pub tips: &'static [&'static str],
    /// One line of help, ours.
    pub summary: &'static str,
    /// Its arguments, as `key value [NX | XX]`.
    pub arguments: &'static str,
    /// What executes it.
    pub run: Run,
    /// What the name alone executes, of a container that may stand alone (COMMAND).
    pub alone: Option<&'static Command>,
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

    /// Its subcommands; none unless it is a container.
    pub fn subcommands(&self) -> &'static [Command] {
        match self.run {
            Run::Container(subcommands) => subcommands,
            Run::Data(_) | Run::Node(_) => &[],
        }
    }

    /// All keys of a request that [`check`](super::check) has passed.
    pub fn keys_of<'a>(&self, args: &Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.keys_and_specs(args).map(|(key, _)| key)
    }

    /// [`Command::keys_of`], each with what says that it is one.
    pub fn keys_and_specs<'a>(
        &self,
        args: &Args<'a>,
    ) -> impl Iterator<Item = (&'a [u8], &'static KeySpec)> + use<'a> {
        let (args, specs) = (*args, self.key_specs);
        let placed = specs.iter().flat_map(move |spec| {
            let (range, step) = spec.range_in(&args).unwrap_or((0..0, 1));
            range.step_by(step).map(move |index| (args.get(index), spec))
        });
        // MIGRATE with KEYS names no key where it names one otherwise.
        let migrates = self.name == "migrate";
        let placed = placed.filter(move |(key, _)| !migrates || !key.is_empty());
        let destination = if self.name == "sort" { sort::destination(&args) } else { None };
        placed.chain(destination.zip(specs.last()))
    }

    /// Whether a request names no keys although its command must have some.
    pub fn lacks_keys(&self, args: &Args<'_>) -> bool {
        let must = |spec: &&KeySpec| matches!(spec.place, Place::Counted | Place::Behind(_));
        self.key_specs.iter().filter(must).any(|spec| spec.range_in(args).is_none())
    }

    /// A command of which only this is known; the setters below say the rest.
    const fn new(full_name: &'static str, arity: i16, run: Run) -> Self {
        Self {
            name: after_bar(full_name),
            full_name,
            arity,
            flags: Flags::NONE,
            keys: Keys::NONE,
            key_specs: &[],
            categories: &[],
            group: Group::Server,
            since: "1.0.0",
            deprecated: None,
            complexity: "O(1)",
            tips: &[],
            summary: "",
            arguments: "",
            run,
            alone: None,
        }
    }

    const fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    const fn keys(mut self, specs: &'static [KeySpec]) -> Self {
        self.key_specs = specs;
        self.keys = Keys::covering(specs);
        self
    }

    const fn group(mut self, group: Group, categories: &'static [&'static str]) -> Self {
        self.group = group;
        self.categories = categories;
        self
    }

    const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    const fn deprecated(mut self, since: &'static str, instead: &'static str) -> Self {
        self.deprecated = Some((since, instead));
        self
    }

    const fn cost(mut self, complexity: &'static str) -> Self {
        self.complexity = complexity;
        self
    }

    const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    const fn takes(mut self, arguments: &'static str) -> Self {
        self.arguments = arguments;
        self
    }

    const fn does(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    const fn alone(mut self, command: &'static Command) -> Self {
        self.alone = Some(command);
        self
    }
}

/// `get` of `config|get`.
const fn after_bar(full_name: &'static str) -> &'static str {
    let bytes = full_name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'|' {
            return full_name.split_at(at + 1).1;
        }
        at += 1;
    }
    full_name
}

static COMMANDS: LazyLock<Vec<Command>> = LazyLock::new(|| {
    let families = [
        strings::COMMANDS,
        bitmaps::COMMANDS,
        hyperloglog::COMMANDS,
        lists::COMMANDS,
        sets::COMMANDS,
        hashes::COMMANDS,
        sorted_sets::COMMANDS,
        geo::COMMANDS,
        streams::COMMANDS,
        keys::COMMANDS,
        pubsub::COMMANDS,
        connection::COMMANDS,
        acl::COMMANDS,
        functions::COMMANDS,
        cluster::COMMANDS,
        server::COMMANDS,
    ];
    let mut all: Vec<Command> = families.into_iter().flatten().copied().collect();
    all.sort_by_key(|command| command.name);
    all
});

/// All commands, by name; subcommands are in their containers.
pub fn table() -> &'static [Command] {
    &COMMANDS
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
