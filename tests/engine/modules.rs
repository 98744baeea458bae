//! MODULE and FUNCTION STATS, which clients ask for when they connect; and what a parameter must allow first.

use super::support::Server;

fn not_allowed(name: &str, parameter: &str) -> String {
    format!(
        "-ERR {name} command not allowed. If the {parameter} option is set to \"local\", you can run it from a local \
         connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )
}

#[test]
fn there_are_no_modules_and_nothing_runs() {
    let node = Server::node(&[]);
    let refused = not_allowed("MODULE", "enable-module-command");
    for (request, reply) in [
        ("MODULE LIST", ""),
        ("MODULE", "-ERR wrong number of arguments for 'module' command"),
        ("MODULE LIST x", "-ERR wrong number of arguments for 'module|list' command"),
        ("MODULE NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try MODULE HELP."),
        ("MODULE LOAD", "-ERR wrong number of arguments for 'module|load' command"),
        ("MODULE LOAD /x", &refused),
        ("MODULE LOADEX /x", &refused),
        ("MODULE UNLOAD x", &refused),
        ("COMMAND GETKEYS MODULE LIST", "-ERR The command has no key arguments"),
        ("FUNCTION STATS", "running_script (nil) engines LUA libraries_count 0 functions_count 0"),
        ("FUNCTION STATS x", "-ERR wrong number of arguments for 'function|stats' command"),
        ("FUNCTION KILL", "-NOTBUSY No scripts in execution right now."),
    ] {
        assert_eq!(node.ask(request), reply, "{request}");
    }
    let mut client = node.client();
    client.send(b"MODULE HELP\r\nMODULE LIST\r\n");
    assert_eq!(client.exactly(5).unwrap(), b"*11\r\n");
    for _ in 0..11 {
        assert!(client.line().unwrap().starts_with('+'));
    }
    assert_eq!(client.line().unwrap(), "*0");
}

#[test]
fn where_modules_may_be_loaded_none_can_be() {
    let node = Server::node(&["enable-module-command local"]);
    let failed = "-ERR Error loading the extension. Please check the server logs.";
    assert_eq!(node.ask("MODULE LOAD /no/such.so"), failed);
    assert_eq!(node.ask("MODULE LOADEX /no/such.so CONFIG a b"), failed);
    assert!(node.journal().contains("Module /no/such.so failed to load"), "{}", node.journal());
    assert_eq!(node.ask("MODULE UNLOAD x"), "-ERR Error unloading module: no such module with that name");
}

/// The refusal is one before anything else: it counts as such, and spoils a transaction.
#[test]
fn what_a_parameter_must_allow_is_refused_before_it_is_queued() {
    let node = Server::node(&["enable-debug-command no", "requirepass secret"]);
    let mut client = node.client();
    let refused = not_allowed("DEBUG", "enable-debug-command");
    for (request, reply) in [
        ("DEBUG DIGEST", refused.as_str()),
        ("AUTH secret", "OK"),
        ("MULTI", "OK"),
        ("DEBUG DIGEST", &refused),
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
    ] {
        let words: Vec<&str> = request.split(' ').collect();
        assert_eq!(client.ask(&words).text(), reply, "{request}");
    }
    let stats = client.ask(&["INFO", "commandstats"]).text();
    let debug = stats.lines().find(|line| line.starts_with("cmdstat_debug:")).unwrap_or_default();
    assert!(debug.starts_with("cmdstat_debug:calls=0,") && debug.contains("rejected_calls=2,"), "{stats}");
}
