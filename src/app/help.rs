//! What the console knows of commands: their shape in one line.

/// One command, as the console's help shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandHelp {
    /// Its name, with the subcommand if it has one: `CONFIG GET`.
    pub name: &'static str,
    /// Its arguments, in the notation of the Redis documentation.
    pub arguments: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// First version of Redis that has it.
    pub since: &'static str,
    /// Its cost.
    pub complexity: &'static str,
}

/// Where the console's help comes from.
pub type HelpTable = fn() -> &'static [CommandHelp];

/// The most used commands, for as long as nothing better is plugged in.
pub(crate) fn built_in() -> &'static [CommandHelp] {
    BUILT_IN
}

const fn help(
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    since: &'static str,
    complexity: &'static str,
) -> CommandHelp {
    CommandHelp { name, arguments, summary, since, complexity }
}

#[rustfmt::skip]
const BUILT_IN: &[CommandHelp] = &[
    help("APPEND", "key value", "Adds text to the end of a string", "2.0.0", "O(1)"),
    help("CLIENT LIST", "", "Lists the connections", "2.4.0", "O(N) connections"),
    help("CONFIG GET", "parameter [parameter …]", "Reads settings", "2.0.0", "O(N) settings"),
    help("CONFIG SET", "parameter value [parameter value …]", "Changes settings of the running node", "2.0.0", "O(N) settings"),
    help("DBSIZE", "", "Counts the keys of the selected database", "1.0.0", "O(1)"),
    help("DEBUG DIGEST", "", "Computes a digest of the whole data set", "1.0.0", "O(N) keys"),
    help("DECR", "key", "Takes one from a number", "1.0.0", "O(1)"),
    help("DEL", "key [key …]", "Deletes keys", "1.0.0", "O(N) keys"),
    help("DISCARD", "", "Forgets the commands queued since MULTI", "2.0.0", "O(N) commands"),
    help("ECHO", "message", "Returns the message", "1.0.0", "O(1)"),
    help("EXEC", "", "Runs the commands queued since MULTI", "1.2.0", "that of the commands"),
    help("EXISTS", "key [key …]", "Counts which of the keys exist", "1.0.0", "O(N) keys"),
    help("EXPIRE", "key seconds [NX | XX | GT | LT]", "Lets a key expire", "1.0.0", "O(1)"),
    help("FLUSHALL", "[ASYNC | SYNC]", "Deletes every key of every database", "1.0.0", "O(N) keys"),
    help("GET", "key", "Reads a string", "1.0.0", "O(1)"),
    help("HELLO", "[protover [AUTH username password] [SETNAME clientname]]", "Chooses RESP2 or RESP3", "6.0.0", "O(1)"),
    help("INCR", "key", "Adds one to a number", "1.0.0", "O(1)"),
    help("INCRBY", "key increment", "Adds to a number", "1.0.0", "O(1)"),
    help("INFO", "[section [section …]]", "Shows figures and state of the node", "1.0.0", "O(1)"),
    help("KEYS", "pattern", "Lists the keys that match", "1.0.0", "O(N) keys"),
    help("MGET", "key [key …]", "Reads several strings", "1.0.0", "O(N) keys"),
    help("MSET", "key value [key value …]", "Writes several strings", "1.0.1", "O(N) keys"),
    help("MULTI", "", "Begins a transaction", "1.2.0", "O(1)"),
    help("PING", "[message]", "Returns PONG, or the message", "1.0.0", "O(1)"),
    help("REPLICAOF", "host port | NO ONE", "Follows a master, or becomes one", "5.0.0", "O(1)"),
    help("ROLE", "", "Shows the role and its replication state", "2.8.12", "O(1)"),
    help("SCAN", "cursor [MATCH pattern] [COUNT count] [TYPE type]", "Walks over the keys in steps", "2.8.0", "O(1) a step"),
    help("SELECT", "index", "Selects a database", "1.0.0", "O(1)"),
    help("SET", "key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]", "Writes a string", "1.0.0", "O(1)"),
    help("STRLEN", "key", "Length of a string", "2.2.0", "O(1)"),
    help("TTL", "key", "Seconds until a key expires", "1.0.0", "O(1)"),
    help("TYPE", "key", "Type of a key", "1.0.0", "O(1)"),
    help("WAIT", "numreplicas timeout", "Waits until replicas have acknowledged the writes before", "3.0.0", "O(1)"),
    help("WATCH", "key [key …]", "Lets EXEC fail if a key changes", "2.2.0", "O(1) a key"),
];

/// The command that a line begins with: the longest name that fits.
pub(crate) fn of_line(table: &'static [CommandHelp], line: &str) -> Option<&'static CommandHelp> {
    let words: Vec<String> = line.split_whitespace().take(3).map(str::to_uppercase).collect();
    table
        .iter()
        .filter(|help| {
            let name: Vec<&str> = help.name.split(' ').collect();
            name.len() <= words.len() && name.iter().zip(&words).all(|(a, b)| *a == b)
        })
        .max_by_key(|help| help.name.len())
}

/// Commands whose name goes on from what is typed; none once a name is complete and arguments follow.
pub(crate) fn completions(
    table: &'static [CommandHelp],
    line: &str,
    max: usize,
) -> Vec<&'static CommandHelp> {
    let typed = line.trim_start().to_uppercase();
    if typed.is_empty() {
        return Vec::new();
    }
    table.iter().filter(|help| help.name.starts_with(&typed) && help.name != typed).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_is_helped_with() {
        let name = |line| of_line(BUILT_IN, line).map(|help| help.name);
        assert_eq!(name("config get maxmemory"), Some("CONFIG GET"));
        assert_eq!(name("set a b"), Some("SET"));
        assert_eq!(name("se"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn names_are_completed_and_arguments_are_not() {
        let names =
            |line| -> Vec<_> { completions(BUILT_IN, line, 9).iter().map(|help| help.name).collect() };
        assert_eq!(names("se"), ["SELECT", "SET"]);
        assert_eq!(names("config"), ["CONFIG GET", "CONFIG SET"]);
        assert_eq!(names("config g"), ["CONFIG GET"]);
        assert!(names("set k").is_empty());
        assert!(names(" ").is_empty());
    }

    #[test]
    fn the_table_is_in_order_and_names_nothing_twice() {
        assert!(BUILT_IN.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
