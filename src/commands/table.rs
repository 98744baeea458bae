//! The command table: COMMAND, the dispatch, the checks before a command and the console's help read it.
// Long because what a command is and the list of those that the node runs are read together.

use std::ops::Range;
use std::sync::LazyLock;

use hashbrown::HashMap;

use super::{CmdResult, Ctx, sort};
use crate::protocol::{Args, strict_i64};

mod bitmaps;
mod connection;
mod functions;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod pubsub;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

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
    /// Not noted in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 16);
    /// Allowed while a script runs for too long.
    pub const ALLOW_BUSY: Self = Self(1 << 17);
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
        }
    }
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

    /// The range that all of `specs` cover together; they stand one after the other. Counted keys are in no range.
    const fn covering(specs: &[KeySpec]) -> Self {
        match specs {
            [] => Self::NONE,
            [before @ .., KeySpec { place: Place::Counted | Place::Behind(_), .. }] => Self::covering(before),
            // A key at no fixed place counts for the legacy form as if it were not there.
            [first, .., last] if last.keys.first == 0 => first.keys,
            [first, .., last] => {
                Self { first: first.keys.first, last: last.keys.last, step: first.keys.step }
            }
            [only] => only.keys,
        }
    }
}

/// What a command does with some of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Where they stand.
    pub keys: Keys,
    /// `RO`, `RW`, `OW` or `RM`, then `access`, `update`, `insert`, `delete`.
    pub flags: &'static [&'static str],
    /// What the flags alone do not say, or nothing.
    pub note: &'static str,
    /// How `keys` is to be read.
    pub place: Place,
}

/// How the keys of a [`KeySpec`] are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where `keys` says.
    Fixed,
    /// Where `keys` says, there is their number, and they stand behind it.
    Counted,
    /// Behind this word, looked for from `keys.first` on: the first half of what follows, as XREAD has it.
    Behind(&'static str),
}

impl KeySpec {
    const fn new(first: i8, last: i8, step: i8, flags: &'static [&'static str]) -> Self {
        Self { keys: Keys { first, last, step }, flags, note: "", place: Place::Fixed }
    }

    /// As many keys as the argument at `index` says.
    const fn counted(index: i8, flags: &'static [&'static str]) -> Self {
        Self { place: Place::Counted, ..Self::new(index, index, 1, flags) }
    }

    /// The first half of the arguments behind `word`, which stands at `from` or later.
    const fn behind(word: &'static str, from: i8, flags: &'static [&'static str]) -> Self {
        Self { place: Place::Behind(word), ..Self::new(from, -1, 1, flags) }
    }

    const fn first(flags: &'static [&'static str]) -> Self {
        Self::new(1, 1, 1, flags)
    }

    /// Keys that stand at no fixed place, or whose names come out of other keys.
    const fn unknown(flags: &'static [&'static str]) -> Self {
        Self::new(0, 0, 0, flags)
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
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
        let (args, Keys { first, last, step }) = (*args, self.keys);
        let last = if last < 0 { args.len() as i64 + i64::from(last) } else { i64::from(last) };
        let range = if first > 0 { i64::from(first)..last + 1 } else { 0..0 };
        let fixed = range.step_by(step.max(1) as usize).map(|index| index as usize);
        let found = fixed.chain(self.found_keys(&args).unwrap_or(0..0)).map(move |index| args.get(index));
        found.chain(if self.name == "sort" { sort::destination(&args) } else { None })
    }

    /// Where the keys of a request stand that are found by a number or a word in it; `None` if there are none, or
    /// fewer than that number says.
    pub fn found_keys(&self, args: &Args<'_>) -> Option<Range<usize>> {
        let spec = self.key_specs.iter().find(|spec| spec.place != Place::Fixed)?;
        let at = spec.keys.first as usize;
        match spec.place {
            Place::Fixed => None,
            Place::Counted => {
                let count = strict_i64(args.get(at)).and_then(|count| usize::try_from(count).ok())?;
                (count > 0 && count < args.len() - at).then(|| at + 1..at + 1 + count)
            }
            Place::Behind(word) => {
                let first = (at..args.len()).find(|index| args.is(*index, word))? + 1;
                let count = (args.len() - first) / 2;
                (count > 0).then(|| first..first + count)
            }
        }
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
        functions::COMMANDS,
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
