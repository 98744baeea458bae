//! COMMAND and the table behind it.

use super::harness::Fixture;
use crate::commands::{OWN_NAMES, Run, check, lookup, table};
use crate::protocol::{OwnedArgs, split_inline};

#[test]
fn the_table_is_complete_and_says_something_about_each_command() {
    for command in OWN_NAMES.everything() {
        let name = command.full_name;
        assert!(!command.summary.is_empty() && command.summary.ends_with('.'), "{name}: summary");
        assert!(!command.complexity.is_empty(), "{name}: complexity");
        assert!(command.summary.len() <= 100, "{name}: one line");
        assert_eq!(command.full_name, command.full_name.to_ascii_lowercase());
    }
    let names: Vec<&str> = table().iter().map(|command| command.name).collect();
    assert!(names.is_sorted(), "COMMAND lists them by name");
    let containers = [
        "acl", "client", "cluster", "command", "config", "function", "latency", "memory", "module", "object",
        "pubsub", "slowlog", "xgroup", "xinfo",
    ];
    for command in table() {
        assert_eq!(
            matches!(command.run, Run::Container(_)),
            containers.contains(&command.name),
            "{}",
            command.name
        );
        assert!(std::ptr::eq(lookup(command.name.to_ascii_uppercase().as_bytes()).unwrap(), command));
    }
}

#[test]
fn a_container_is_resolved_to_its_subcommand() {
    for (line, full_name) in [
        ("get k", "get"),
        ("CONFIG get x", "config|get"),
        ("Object Encoding k", "object|encoding"),
        ("command", "command"),
        ("COMMAND COUNT", "command|count"),
        ("client setname x", "client|setname"),
    ] {
        let words = split_inline(line.as_bytes()).unwrap();
        let request = OwnedArgs::from_parts(words.iter().map(Vec::as_slice));
        let command = check(&request.args()).unwrap();
        assert_eq!(command.full_name, full_name);
        assert!(!matches!(command.run, Run::Container(_)), "{line}");
    }
}

#[test]
fn the_keys_of_a_request_are_found() {
    for (line, keys) in [
        ("COMMAND GETKEYS get a", "[$a]"),
        ("COMMAND GETKEYS mset a 1 b 2", "[$a $b]"),
        ("COMMAND GETKEYS mset a 1 b", "[$a $b]"),
        ("COMMAND GETKEYS rename a b", "[$a $b]"),
        ("COMMAND GETKEYS object encoding a", "[$a]"),
        ("COMMAND GETKEYS sort a by b limit 1 2 store c get d store e", "[$a $e]"),
        ("COMMAND GETKEYS sort_ro a by store get b", "[$a]"),
        ("COMMAND GETKEYS watch a b c", "[$a $b $c]"),
        ("COMMAND GETKEYS sinterstore a b c", "[$a $b $c]"),
        ("COMMAND GETKEYS sintercard 2 a b LIMIT 1", "[$a $b]"),
        ("COMMAND GETKEYS sintercard 0 a", "-ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYS sintercard 3 a b", "-ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYSANDFLAGS sintercard 1 a", "[[$a [+RO +access]]]"),
        ("COMMAND GETKEYSANDFLAGS sort a get b store c", "[[$a [+RO +access]] [$c [+OW +update]]]"),
        ("COMMAND GETKEYSANDFLAGS georadius a 1 1 1 m store b", "[[$a [+RO +access]] [$b [+OW +update]]]"),
        ("COMMAND GETKEYS georadius a 1 1 1 m", "[$a]"),
        (
            "COMMAND GETKEYSANDFLAGS georadiusbymember a b 1 m storedist c",
            "[[$a [+RO +access]] [$c [+OW +update]]]",
        ),
        ("COMMAND GETKEYSANDFLAGS bitfield a overflow sat get u8 0", "[[$a [+RO +access]]]"),
        ("COMMAND GETKEYSANDFLAGS bitfield a get u8 0 set u8 0 1", "[[$a [+RW +access +update]]]"),
        ("COMMAND GETKEYSANDFLAGS migrate host 1 a 0 1", "[[$a [+RW +access +delete]]]"),
        ("COMMAND GETKEYS migrate host 1 \"\" 0 1 AUTH keys KEYS a b", "[$a $b]"),
        ("CLUSTER INFO", "-ERR This instance has cluster support disabled"),
        ("READONLY", "-ERR This instance has cluster support disabled"),
        ("COMMAND GETKEYS config get x", "-ERR The command has no key arguments"),
        ("COMMAND GETKEYS nope x", "-ERR Invalid command specified"),
        ("COMMAND GETKEYS config nope x", "-ERR Invalid command specified"),
        ("COMMAND GETKEYS get a b", "-ERR Invalid number of arguments specified for command"),
        ("COMMAND GETKEYSANDFLAGS set a b", "[[$a [+OW +update]]]"),
        ("COMMAND GETKEYSANDFLAGS set a b get", "[[$a [+RW +access +update]]]"),
        ("COMMAND GETKEYSANDFLAGS rename a b", "[[$a [+RW +access +delete]] [$b [+OW +update]]]"),
        ("COMMAND GETKEYSANDFLAGS del a b c", "[[$a [+RM +delete]] [$b [+RM +delete]] [$c [+RM +delete]]]"),
        ("COMMAND LIST FILTERBY ACLCAT transaction", "[$discard $exec $multi $unwatch $watch]"),
        ("ACL CAT transaction", "[$discard $exec $multi $unwatch $watch]"),
        ("COMMAND LIST FILTERBY PATTERN *|GET", "[$config|get $slowlog|get]"),
        ("COMMAND LIST FILTERBY MODULE any", "[]"),
        ("COMMAND LIST FILTERBY", "-ERR syntax error"),
        ("COMMAND LIST FILTERBY X y", "-ERR syntax error"),
        ("COMMAND DOCS nope", "[]"),
        ("COMMAND INFO nope", "[nil]"),
    ] {
        assert_eq!(Fixture::new().run(line), keys, "{line}");
    }
}

#[test]
fn help_lists_every_subcommand() {
    let help = Fixture::new().run("OBJECT HELP");
    assert!(
        help.starts_with("[+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are: +ENCODING key ")
    );
    let alone = Fixture::new().run("COMMAND HELP");
    assert!(alone.contains("+(no subcommand) ") && alone.contains("+COUNT ") && alone.contains("+HELP "));
}

#[test]
fn the_count_is_that_of_the_list() {
    let mut node = Fixture::new();
    let count = node.run("COMMAND COUNT");
    assert_eq!(count, format!(":{}", table().len()));
    let all = node.run("COMMAND");
    assert_eq!(all, node.run("COMMAND INFO"));
    node.out.set_resp3(true);
    assert_eq!(all, node.run("COMMAND"), "the same, with sets and maps");
}

#[test]
fn documents_have_a_tree_of_arguments() {
    let docs = Fixture::new().run("COMMAND DOCS copy mset");
    let copy = "$copy [$summary $Copies a key with its expiry. $since $6.2.0 $group $generic $complexity \
        $O(N) for a value of N bytes $arguments [[$name $source $type $key $key_spec_index :0] \
        [$name $destination $type $key $key_spec_index :1] \
        [$name $destination-db $type $integer $token $DB $flags [+optional]] \
        [$name $replace $type $pure-token $token $REPLACE $flags [+optional]]]]";
    assert!(docs.contains(copy), "{docs}");
    let mset = "$arguments [[$name $key_value $type $block $flags [+multiple] $arguments \
        [[$name $key $type $key $key_spec_index :0] [$name $value $type $string]]]]";
    assert!(docs.contains(mset), "{docs}");
}

#[cfg(unix)]
mod beside_a_real_server {
    use super::super::harness::shown;
    use super::super::real::{Real, elements};
    use super::*;

    /// Notes on keys are sentences, and ours are our own.
    /// Of a key behind SORT's STORE, only the handler knows.
    const OWN_NOTES: &[&str] = &["set", "getex", "bitfield", "pfcount", "sort", "sort_ro", "xadd"];
    /// Redis nests `ID client-id` and `GET encoding offset` once more, and says nothing of what GETKEYS takes. The words
    /// STREAMS, GROUP, FULL, CONFIG and ARGS belong to a group of arguments there, and ALPHA is called sorting. An empty string is a
    /// word of MIGRATE.
    const OWN_ARGUMENTS: &[&str] = &[
        "client|list",
        "command|getkeys",
        "command|getkeysandflags",
        "migrate",
        "module|loadex",
        "bitfield_ro",
        "failover",
        "sort",
        "sort_ro",
        "xinfo|stream",
        "xread",
        "xreadgroup",
    ];
    const KEY_SPECS: usize = 8;
    const SUBCOMMANDS: usize = 9;

    #[test]
    fn what_command_info_says_is_what_redis_says() {
        let Some(mut real) = Real::start() else { return };
        let mut node = Fixture::new();
        let mut wrong = Vec::new();
        for resp3 in [false, true] {
            real.ask(if resp3 { "HELLO 3" } else { "HELLO 2" });
            node.out.set_resp3(resp3);
            for command in OWN_NAMES.everything() {
                let line = format!("COMMAND INFO {}", command.full_name);
                node.run(&line);
                let ours = node.run_words([&b"COMMAND"[..], b"INFO", command.full_name.as_bytes()]);
                let (ours, theirs) = (elements(&ours), elements(&real.ask(&line).reply));
                let (ours, theirs) = (elements(&ours[0]), elements(&theirs[0]));
                assert_eq!(ours.len(), 10);
                for at in 0..SUBCOMMANDS {
                    let own = at == KEY_SPECS && OWN_NOTES.contains(&command.name);
                    if !own && ours[at] != theirs[at] {
                        let (ours, theirs) = (shown(&ours[at]), shown(&theirs[at]));
                        wrong.push(format!("{} [{at}]: ours {ours}, theirs {theirs}", command.full_name));
                    }
                }
                assert_eq!(ours[SUBCOMMANDS][0], theirs[SUBCOMMANDS][0], "{line}: the kind of list");
                let our_subcommands = elements(&ours[SUBCOMMANDS]).len();
                let their_subcommands = elements(&theirs[SUBCOMMANDS]).len();
                assert!(
                    our_subcommands <= their_subcommands,
                    "{line}: {our_subcommands} {their_subcommands}"
                );
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Names and flags of arguments, with what Redis writes otherwise left out: how it calls a group, and
    /// how it nests one argument in a block.
    fn leaves(tree: &[u8], into: &mut Vec<String>) {
        for node in elements(tree) {
            let fields = elements(&node);
            let field = |name: &str| {
                let at = fields.chunks(2).find(|pair| shown(&pair[0]) == format!("${name}"))?;
                Some(at[1].clone())
            };
            if let Some(inner) = field("arguments") {
                leaves(&inner, into);
            } else {
                let text = |name| field(name).map(|value| shown(&value)).unwrap_or_default();
                into.push(format!("{} {} {}", text("name"), text("type"), text("token")));
            }
        }
    }

    #[test]
    fn what_command_docs_says_of_arguments_is_what_redis_says() {
        let Some(mut real) = Real::start() else { return };
        let mut node = Fixture::new();
        let mut wrong = Vec::new();
        for command in OWN_NAMES.everything() {
            let line = format!("COMMAND DOCS {}", command.full_name);
            let ours = node.run_words([&b"COMMAND"[..], b"DOCS", command.full_name.as_bytes()]);
            let theirs = real.ask(&line).reply;
            let field = |docs: &[u8], name: &str| {
                let fields = elements(&elements(docs)[1]);
                let pair = fields.chunks(2).find(|pair| shown(&pair[0]) == format!("${name}"));
                pair.map_or(b"*0\r\n".to_vec(), |pair| pair[1].clone())
            };
            for name in ["since", "group", "deprecated_since"] {
                assert_eq!(shown(&field(&ours, name)), shown(&field(&theirs, name)), "{line} {name}");
            }
            let (mut our_leaves, mut their_leaves) = (Vec::new(), Vec::new());
            leaves(&field(&ours, "arguments"), &mut our_leaves);
            leaves(&field(&theirs, "arguments"), &mut their_leaves);
            if our_leaves != their_leaves && !OWN_ARGUMENTS.contains(&command.full_name) {
                wrong.push(format!("{line}\n  ours   {our_leaves:?}\n  theirs {their_leaves:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
