//! COMMAND DOCS: the help of the table, with the arguments as the tree that redis-cli makes hints from.
//!
//! The table writes arguments as people do, `key value [NX | XX] [EX seconds]`; the tree is read from that.

use super::{Command, CommandNames, Flags, Group};
use crate::protocol::{Args, Replies};

/// `COMMAND DOCS [command-name ...]`: what does not exist is left out. O(names).
pub(super) fn docs(names: &CommandNames, out: &mut Replies, args: &Args<'_>) {
    let named: Vec<&Command> = if args.len() == 2 {
        names.all().collect()
    } else {
        args.from(2).filter_map(|name| names.by_full_name(name)).collect()
    };
    write_all(out, &named);
}

fn write_all(out: &mut Replies, commands: &[&Command]) {
    out.map(commands.len());
    for command in commands {
        out.bulk(command.full_name.as_bytes());
        write(out, command);
    }
}

fn write(out: &mut Replies, command: &Command) {
    let nodes = parse(command.arguments);
    let subcommands: Vec<&Command> = command.subcommands().iter().collect();
    let deprecation = if command.deprecated.is_some() { 3 } else { 0 };
    out.map(4 + deprecation + usize::from(!nodes.is_empty()) + usize::from(!subcommands.is_empty()));
    let texts = [
        ("summary", command.summary),
        ("since", command.since),
        ("group", command.group.name()),
        ("complexity", command.complexity),
    ];
    for (name, text) in texts {
        write_pair(out, name, text);
    }
    if let Some((since, instead)) = command.deprecated {
        out.bulk(b"doc_flags");
        out.set(1);
        out.simple("deprecated");
        write_pair(out, "deprecated_since", since);
        write_pair(out, "replaced_by", instead);
    }
    if !nodes.is_empty() {
        out.bulk(b"arguments");
        write_nodes(out, command, &nodes);
    }
    if !subcommands.is_empty() {
        out.bulk(b"subcommands");
        write_all(out, &subcommands);
    }
}

fn write_pair(out: &mut Replies, name: &str, text: &str) {
    out.bulk(name.as_bytes());
    out.bulk(text.as_bytes());
}

/// One argument, or several that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// The word that announces it, as `EX`.
    token: Option<String>,
    optional: bool,
    multiple: bool,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// The token alone.
    Token,
    /// A value of this name.
    Value(String),
    /// All of them, in this order.
    Block(Vec<Node>),
    /// One of them.
    OneOf(Vec<Node>),
}

impl Node {
    fn of(shape: Shape) -> Self {
        Self { token: None, optional: false, multiple: false, shape }
    }
}

fn write_nodes(out: &mut Replies, command: &Command, nodes: &[Node]) {
    out.array(nodes.len());
    for node in nodes {
        let flags: Vec<&str> = [(node.optional, "optional"), (node.multiple, "multiple")]
            .into_iter()
            .filter_map(|(set, name)| set.then_some(name))
            .collect();
        let (name, kind, inner) = match &node.shape {
            Shape::Token => {
                (token_name(command, node.token.as_deref().unwrap_or_default()), "pure-token", None)
            }
            Shape::Value(name) => (name.clone(), value_type(command, name), None),
            Shape::Block(inner) => (joined(inner), "block", Some(inner)),
            Shape::OneOf(inner) => (joined(inner), "oneof", Some(inner)),
        };
        let is_key = kind == "key";
        let optional_fields = [is_key, node.token.is_some(), !flags.is_empty(), inner.is_some()];
        out.map(2 + optional_fields.iter().filter(|there| **there).count());
        write_pair(out, "name", &name);
        write_pair(out, "type", kind);
        if is_key {
            out.bulk(b"key_spec_index");
            out.integer(i64::from(matches!(name.as_str(), "newkey" | "destination")));
        }
        if let Some(token) = &node.token {
            write_pair(out, "token", token);
        }
        if !flags.is_empty() {
            out.bulk(b"flags");
            out.set(flags.len());
            for flag in flags {
                out.simple(flag);
            }
        }
        if let Some(inner) = inner {
            out.bulk(b"arguments");
            write_nodes(out, command, inner);
        }
    }
}

/// The name of a word that stands alone: itself, but for two that Redis spells out.
fn token_name(command: &Command, token: &str) -> String {
    match (command.group, token) {
        (Group::SortedSet | Group::Geo, "CH") => "change".to_owned(),
        (Group::SortedSet, "INCR") => "increment".to_owned(),
        (_, "=") => "equal".to_owned(),
        (_, "~") => "approximately".to_owned(),
        (_, "*") => "auto_id".to_owned(),
        (_, "$") => "new_id".to_owned(),
        _ => token.to_ascii_lowercase(),
    }
}

/// A name for arguments that belong together: those of its parts.
fn joined(nodes: &[Node]) -> String {
    let names: Vec<String> = nodes
        .iter()
        .map(|node| match (&node.shape, &node.token) {
            (Shape::Value(name), _) => name.clone(),
            (_, Some(token)) => token.to_ascii_lowercase(),
            (Shape::Block(inner) | Shape::OneOf(inner), None) => joined(inner),
            (Shape::Token, None) => String::new(),
        })
        .collect();
    names.join("_")
}

/// The type of an argument: the table's names are Redis' own and tell it.
fn value_type(command: &Command, name: &str) -> &'static str {
    match name {
        "increment" if matches!(command.name, "incrbyfloat" | "hincrbyfloat") => "double",
        "value" if matches!(command.name, "setbit" | "bitfield") => "integer",
        "start" | "stop" if matches!(command.name, "zrange") => "string",
        "start" | "end" if command.group == Group::Stream => "string",
        "min-idle-time" if command.name == "xpending" => "integer",
        "min" | "max" if matches!(command.name, "zcount" | "zremrangebyscore") => "double",
        "min" | "max" if command.name.ends_with("rangebyscore") => "double",
        "score" | "longitude" | "latitude" | "radius" | "width" | "height" => "double",
        "timeout" if command.flags.has(Flags::BLOCKING) && command.group != Group::Stream => "double",
        "key" if command.name == "keyslot" => "string",
        "key" | "key1" | "key2" | "newkey" | "source" | "destination" | "destkey" | "sourcekey" | "src"
        | "dst" => "key",
        "ms" | "entries_read" | "entries_added" | "ttl" | "frequency" | "version" | "seconds"
        | "milliseconds" | "start" | "stop" | "end" | "offset" | "increment" | "decrement" | "len" | "db"
        | "destination-db" | "index" | "index1" | "index2" | "cursor" | "count" | "protover" | "port"
        | "numreplicas" | "timeout" | "client-id" | "numkeys" | "limit" | "weight" | "rank"
        | "num-matches" | "bit" | "bits" | "slot" | "start-slot" | "end-slot" | "config-epoch"
        | "cluster_bus_port" => "integer",
        "unix-time-seconds" | "unix-time-milliseconds" => "unix-time",
        "pattern" => "pattern",
        _ => "string",
    }
}

/// Reads `key [key ...] [NX | XX] [EX seconds]`.
fn parse(arguments: &str) -> Vec<Node> {
    let spaced = arguments.replace('[', " [ ").replace(']', " ] ").replace('<', " < ").replace('>', " > ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let alternatives = parse_alternatives(&words, &mut at);
    debug_assert_eq!(at, words.len(), "unbalanced: {arguments}");
    alternatives.into_iter().flatten().collect()
}

/// Sequences between `|`, up to a closing bracket.
fn parse_alternatives(words: &[&str], at: &mut usize) -> Vec<Vec<Node>> {
    let mut alternatives: Vec<Vec<Node>> = vec![Vec::new()];
    while let Some(word) = words.get(*at) {
        *at += 1;
        let Some(sequence) = alternatives.last_mut() else { break };
        match *word {
            "]" | ">" => {
                *at -= 1;
                break;
            }
            "|" => alternatives.push(Vec::new()),
            "..." => {
                if let Some(last) = sequence.last_mut() {
                    last.multiple = true;
                }
            }
            "[" | "<" => {
                let inner = parse_alternatives(words, at);
                *at += 1;
                add_group(sequence, inner, *word == "[");
            }
            word if is_token(word) => {
                let token = Node { token: Some(word.to_owned()), ..Node::of(Shape::Token) };
                sequence.push(token);
            }
            word => add_value(sequence, Shape::Value(word.to_owned())),
        }
    }
    alternatives
}

fn is_token(word: &str) -> bool {
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    word.bytes().all(is_upper) || ["=", "~", "*", "$"].contains(&word)
}

/// A value belongs to the token before it, if there is one that has none yet.
fn add_value(sequence: &mut Vec<Node>, shape: Shape) {
    match sequence.last_mut() {
        Some(Node { token: Some(_), optional: false, shape: open @ Shape::Token, .. }) => *open = shape,
        _ => sequence.push(Node::of(shape)),
    }
}

fn add_group(sequence: &mut Vec<Node>, mut inner: Vec<Vec<Node>>, optional: bool) {
    if inner.len() > 1 {
        let choices = inner.into_iter().map(one_node).collect();
        if optional {
            sequence.push(Node { optional, ..Node::of(Shape::OneOf(choices)) });
        } else {
            add_value(sequence, Shape::OneOf(choices));
        }
        return;
    }
    debug_assert_eq!(inner.len(), 1, "brackets hold at least one sequence");
    let inner = inner.pop().unwrap_or_default();
    // `key value [key value ...]`: the group repeats what stands before it.
    let repeats = inner.last().is_some_and(|last| last.multiple)
        && sequence.len() >= inner.len()
        && sequence[sequence.len() - inner.len()..]
            .iter()
            .zip(&inner)
            .all(|(a, b)| value_name(a) == value_name(b));
    if repeats {
        let mut again = sequence.split_off(sequence.len() - inner.len());
        if let [only] = again.as_mut_slice() {
            only.multiple = true;
            sequence.append(&mut again);
        } else {
            sequence.push(Node { multiple: true, ..Node::of(Shape::Block(again)) });
        }
        return;
    }
    let mut node = one_node(inner);
    node.optional = optional;
    sequence.push(node);
}

fn value_name(node: &Node) -> Option<&str> {
    match &node.shape {
        Shape::Value(name) => Some(name),
        _ => None,
    }
}

fn one_node(mut nodes: Vec<Node>) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            // `AUTH username password`: the token announces all of them. Of `COUNT count [ANY]` and of
            // `BYRADIUS radius <M | KM>` it announces the first.
            let plain = nodes.iter().all(|node| !node.optional && matches!(node.shape, Shape::Value(_)));
            let token = match nodes.first_mut() {
                Some(Node { token, shape: Shape::Value(_), .. }) if plain => token.take(),
                _ => None,
            };
            Node { token, ..Node::of(Shape::Block(nodes)) }
        }
        None => Node::of(Shape::Block(nodes)),
    }
}
