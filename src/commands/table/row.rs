//! What the table says of one command.

use super::flags::Flags;
use super::group::Group;
use super::key_specs::{KeySpec, Keys, Place};
use super::node_command::NodeCommand;
use crate::commands::{CmdResult, Ctx, sort};
use crate::protocol::Args;

/// What executes a command.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// A function of this layer.
    Data(fn(&mut Ctx<'_>, &Args<'_>) -> CmdResult),
    /// The command tells of the commands themselves.
    Describe(Describe),
    /// The node, which knows connections and replication.
    Node(NodeCommand),
    /// One of the subcommands.
    Container(&'static [Command]),
}

/// Commands that tell of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are Redis' own
pub enum Describe {
    AclCat,
    AclDryrun,
    Command,
    CommandCount,
    CommandDocs,
    CommandGetkeys,
    CommandGetkeysandflags,
    CommandInfo,
    CommandList,
    /// HELP of any container.
    Help,
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
            Run::Data(_) | Run::Describe(_) | Run::Node(_) => &[],
        }
    }

    /// All keys of a request that [`check`](crate::commands::check) has passed.
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
    pub(super) const fn new(full_name: &'static str, arity: i16, run: Run) -> Self {
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

    pub(super) const fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    pub(super) const fn keys(mut self, specs: &'static [KeySpec]) -> Self {
        self.key_specs = specs;
        self.keys = Keys::covering(specs);
        self
    }

    pub(super) const fn group(mut self, group: Group, categories: &'static [&'static str]) -> Self {
        self.group = group;
        self.categories = categories;
        self
    }

    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    pub(super) const fn deprecated(mut self, since: &'static str, instead: &'static str) -> Self {
        self.deprecated = Some((since, instead));
        self
    }

    pub(super) const fn cost(mut self, complexity: &'static str) -> Self {
        self.complexity = complexity;
        self
    }

    pub(super) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    pub(super) const fn takes(mut self, arguments: &'static str) -> Self {
        self.arguments = arguments;
        self
    }

    pub(super) const fn does(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    pub(super) const fn alone(mut self, command: &'static Command) -> Self {
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
