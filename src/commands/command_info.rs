//! COMMAND: what the table says, in the shape that clients and proxies expect.

use super::glob::{self, Case};
use super::{ArgCursor, CmdError, CmdResult, Command, CommandNames, Flags, KeySpec, Keys, Place};
use crate::protocol::{Args, Replies};

/// Names of the flags, in the order in which COMMAND INFO lists them.
const FLAG_NAMES: &[(Flags, &str)] = &[
    (Flags::WRITE, "write"),
    (Flags::READONLY, "readonly"),
    (Flags::DENYOOM, "denyoom"),
    (Flags::ADMIN, "admin"),
    (Flags::PUBSUB, "pubsub"),
    (Flags::NOSCRIPT, "noscript"),
    (Flags::BLOCKING, "blocking"),
    (Flags::LOADING, "loading"),
    (Flags::STALE, "stale"),
    (Flags::SKIP_MONITOR, "skip_monitor"),
    (Flags::SKIP_SLOWLOG, "skip_slowlog"),
    (Flags::ASKING, "asking"),
    (Flags::FAST, "fast"),
    (Flags::NO_AUTH, "no_auth"),
    (Flags::NO_ASYNC_LOADING, "no_async_loading"),
    (Flags::NO_MULTI, "no_multi"),
    (Flags::MOVABLEKEYS, "movablekeys"),
    (Flags::ALLOW_BUSY, "allow_busy"),
];

/// ACL categories that a flag brings.
const IMPLIED: &[(Flags, &str)] = &[
    (Flags::WRITE, "@write"),
    (Flags::READONLY, "@read"),
    (Flags::ADMIN, "@admin"),
    (Flags::ADMIN, "@dangerous"),
    (Flags::PUBSUB, "@pubsub"),
    (Flags::BLOCKING, "@blocking"),
    (Flags::FAST, "@fast"),
];

/// The order in which COMMAND INFO lists ACL categories.
const CATEGORIES: &[&str] = &[
    "@keyspace",
    "@read",
    "@write",
    "@set",
    "@sortedset",
    "@list",
    "@hash",
    "@string",
    "@bitmap",
    "@hyperloglog",
    "@geo",
    "@stream",
    "@pubsub",
    "@admin",
    "@fast",
    "@slow",
    "@blocking",
    "@dangerous",
    "@connection",
    "@transaction",
    "@scripting",
];

impl Command {
    /// Names of its flags.
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        let flags = self.flags;
        FLAG_NAMES.iter().filter(move |(flag, _)| flags.has(*flag)).map(|(_, name)| *name)
    }

    /// ACL categories, those included that its flags imply.
    pub fn all_categories(&self) -> impl Iterator<Item = &'static str> {
        let (flags, own) = (self.flags, self.categories);
        CATEGORIES.iter().copied().filter(move |category| {
            let implied = IMPLIED.iter().any(|(flag, name)| name == category && flags.has(*flag));
            own.contains(category) || implied || (*category == "@slow" && !flags.has(Flags::FAST))
        })
    }

    /// Whether it belongs to an ACL category, named without its `@` in any case.
    pub(super) fn is_in(&self, category: &[u8]) -> bool {
        self.all_categories().any(|name| name.as_bytes()[1..].eq_ignore_ascii_case(category))
    }
}

/// Names of the ACL categories.
pub(super) fn categories() -> impl Iterator<Item = &'static str> {
    CATEGORIES.iter().map(|name| &name[1..])
}

/// `COMMAND`: everything. O(commands).
pub(super) fn all(names: &CommandNames, out: &mut Replies) {
    out.array(names.all().count());
    for command in names.all() {
        write_info(out, command);
    }
}

/// `COMMAND COUNT`. O(1).
pub(super) fn count(names: &CommandNames, out: &mut Replies) {
    out.integer(names.all().count() as i64);
}

/// `COMMAND INFO [command-name ...]`: null for what does not exist. O(names).
pub(super) fn info(names: &CommandNames, out: &mut Replies, args: &Args<'_>) {
    if args.len() == 2 {
        return all(names, out);
    }
    out.array(args.len() - 2);
    for name in args.from(2) {
        match names.by_full_name(name) {
            Some(command) => write_info(out, command),
            None => out.null(),
        }
    }
}

fn write_info(out: &mut Replies, command: &Command) {
    out.array(10);
    out.bulk(command.full_name.as_bytes());
    out.integer(command.arity.into());
    write_words(out, command.flag_names());
    let Keys { first, last, step } = command.keys;
    for number in [first, last, step] {
        out.integer(number.into());
    }
    write_words(out, command.all_categories());
    out.set(command.tips.len());
    for tip in command.tips {
        out.bulk(tip.as_bytes());
    }
    out.set(command.key_specs.len());
    for spec in command.key_specs {
        write_key_spec(out, spec);
    }
    let subcommands = command.subcommands();
    // An array that Redis calls a set only if nothing is in it.
    if subcommands.is_empty() {
        out.set(0);
    } else {
        out.array(subcommands.len());
    }
    for sub in subcommands {
        write_info(out, sub);
    }
}

fn write_words(out: &mut Replies, words: impl Iterator<Item = &'static str>) {
    let words: Vec<_> = words.collect();
    out.set(words.len());
    for word in words {
        out.simple(word);
    }
}

fn write_key_spec(out: &mut Replies, spec: &KeySpec) {
    out.map(3 + usize::from(!spec.note.is_empty()));
    if !spec.note.is_empty() {
        out.bulk(b"notes");
        out.bulk(spec.note.as_bytes());
    }
    out.bulk(b"flags");
    write_words(out, spec.flags.iter().copied());
    let Keys { first, last, step } = spec.keys;
    match spec.place {
        Place::Fixed => {}
        Place::Counted => {
            write_step(out, "begin_search", "index", &[("index", first)]);
            write_step(out, "find_keys", "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", step)]);
            return;
        }
        Place::Behind(word) => {
            write_keyword(out, word, first);
            write_step(out, "find_keys", "range", &[("lastkey", last), ("keystep", step), ("limit", 2)]);
            return;
        }
        Place::Next(word) => {
            write_keyword(out, word, first);
            write_step(out, "find_keys", "range", &[("lastkey", 0), ("keystep", step), ("limit", 0)]);
            return;
        }
        Place::Rest(word) => {
            write_keyword(out, word, first);
            write_step(out, "find_keys", "range", &[("lastkey", -1), ("keystep", step), ("limit", 0)]);
            return;
        }
    }
    if first == 0 {
        write_step(out, "begin_search", "unknown", &[]);
        write_step(out, "find_keys", "unknown", &[]);
        return;
    }
    // A range of keys is given by its length, but for one that runs to the end.
    let last = if last < 0 { last } else { last - first };
    write_step(out, "begin_search", "index", &[("index", first)]);
    write_step(out, "find_keys", "range", &[("lastkey", last), ("keystep", step), ("limit", 0)]);
}

/// The step that looks for a word, from one place on.
fn write_keyword(out: &mut Replies, word: &str, from: i8) {
    out.bulk(b"begin_search");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"keyword");
    out.bulk(b"spec");
    out.map(2);
    out.bulk(b"keyword");
    out.bulk(word.as_bytes());
    out.bulk(b"startfrom");
    out.integer(from.into());
}

/// One of the two steps by which a proxy finds keys.
fn write_step(out: &mut Replies, name: &str, kind: &str, numbers: &[(&str, i8)]) {
    out.bulk(name.as_bytes());
    out.map(2);
    out.bulk(b"type");
    out.bulk(kind.as_bytes());
    out.bulk(b"spec");
    out.map(numbers.len());
    for (name, number) in numbers {
        out.bulk(name.as_bytes());
        out.integer((*number).into());
    }
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`, subcommands included.
/// O(commands).
pub(super) fn list(names: &CommandNames, out: &mut Replies, args: &Args<'_>) -> CmdResult {
    let keep: &dyn Fn(&Command) -> bool = match args.len() {
        2 => &|_| true,
        5 if args.is(2, "FILTERBY") && args.is(3, "MODULE") => &|_| false,
        5 if args.is(2, "FILTERBY") && args.is(3, "ACLCAT") => &|command| command.is_in(args.get(4)),
        5 if args.is(2, "FILTERBY") && args.is(3, "PATTERN") => {
            &|command| glob::matches(args.get(4), command.full_name.as_bytes(), Case::Ignored)
        }
        _ => return Err(CmdError::Syntax),
    };
    let kept = names.everything().filter(|command| keep(command));
    let kept: Vec<&[u8]> = kept.map(|command| command.full_name.as_bytes()).collect();
    out.bulks(kept.into_iter());
    Ok(())
}

/// The request behind COMMAND GETKEYS, with its command.
fn inner<'a>(names: &CommandNames, args: &Args<'a>) -> CmdResult<(&'static Command, Args<'a>)> {
    let request = args.tail(2).ok_or(CmdError::Syntax)?;
    let container = names.lookup(request.name());
    let command = container.and_then(|container| {
        let subcommands = container.subcommands();
        if subcommands.is_empty() || request.len() == 1 {
            return Some(container);
        }
        let wanted = request.get(1);
        subcommands.iter().find(|sub| wanted.eq_ignore_ascii_case(sub.name.as_bytes()))
    });
    let command = command.ok_or(CmdError::text("ERR Invalid command specified"))?;
    if command.key_specs.is_empty() {
        return Err(CmdError::text("ERR The command has no key arguments"));
    }
    if !command.accepts(request.len()) {
        return Err(CmdError::text("ERR Invalid number of arguments specified for command"));
    }
    if command.lacks_keys(&request) {
        return Err(CmdError::text("ERR Invalid arguments specified for command"));
    }
    Ok((command, request))
}

/// `COMMAND GETKEYS command [arg ...]`. O(arguments).
pub(super) fn getkeys(names: &CommandNames, out: &mut Replies, args: &Args<'_>) -> CmdResult {
    let (command, request) = inner(names, args)?;
    let keys: Vec<&[u8]> = command.keys_of(&request).collect();
    out.bulks(keys.into_iter());
    Ok(())
}

/// `COMMAND GETKEYSANDFLAGS command [arg ...]`. O(arguments).
pub(super) fn getkeysandflags(names: &CommandNames, out: &mut Replies, args: &Args<'_>) -> CmdResult {
    let (command, request) = inner(names, args)?;
    let keys: Vec<_> = command.keys_and_specs(&request).collect();
    out.array(keys.len());
    for (key, spec) in keys {
        let flags = match command.name {
            "set" => flags_of_set(&request),
            "bitfield" => flags_of_bitfield(&request),
            _ => spec.flags,
        };
        out.array(2);
        out.bulk(key);
        // How the key was found says nothing of what becomes of it.
        let fates: Vec<&'static str> = flags.iter().copied().filter(|flag| *flag != "incomplete").collect();
        write_words(out, fates.into_iter());
    }
    Ok(())
}

/// SET reads its key only if it is asked to.
fn flags_of_set(request: &Args<'_>) -> &'static [&'static str] {
    let reads = request.from(3).any(|word| word.eq_ignore_ascii_case(b"GET"));
    if reads { &["RW", "access", "update"] } else { &["OW", "update"] }
}

/// BITFIELD changes nothing if all it is asked to do is GET.
fn flags_of_bitfield(request: &Args<'_>) -> &'static [&'static str] {
    let mut words = ArgCursor::new(request, 2);
    while words.has_more() {
        if words.option::<2>("GET").is_none() && words.option::<1>("OVERFLOW").is_none() {
            return &["RW", "access", "update"];
        }
    }
    &["RO", "access"]
}
