//! INFO commandstats and errorstats: what was called, refused and failed.

use super::support::client::command;
use super::support::{Server, until};

#[test]
fn refusals_and_failures_are_told_apart_for_each_command() {
    let node = Server::node(&[]);
    let mut client = node.client();
    let mut run = |line: &str| {
        client.send(&command(line));
        client.reply().unwrap().text()
    };
    run("SET key text");
    for line in ["SET key", "INCR key", "NOSUCH", "MULTI", "GET", "EXEC"] {
        run(line);
    }
    let figures = |name: &str| {
        let line = node.info(&format!("cmdstat_{name}"));
        let figure = |name: &str| {
            let word = line.split(',').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            word.unwrap_or("none").to_owned()
        };
        ["calls", "rejected_calls", "failed_calls"].map(figure)
    };
    assert_eq!(figures("set"), ["1", "1", "0"]);
    assert_eq!(figures("incr"), ["1", "0", "1"]);
    assert_eq!(figures("get"), ["0", "1", "0"]);
    assert_eq!(figures("exec"), ["1", "0", "1"]);
    assert_eq!(node.info("errorstat_ERR"), "count=4");
    assert_eq!(node.info("errorstat_EXECABORT"), "count=1");

    let mut waiting = node.client();
    let id = waiting.ask(&["CLIENT", "ID"]).text();
    waiting.send(b"BLPOP list 0\r\n");
    until("it waits", &[&node], || node.info("blocked_clients") == "1");
    assert_eq!(node.ask(&format!("CLIENT UNBLOCK {id} ERROR")), "1");
    assert!(waiting.reply().unwrap().text().starts_with("-UNBLOCKED"));
    assert_eq!(
        (figures("blpop"), node.info("errorstat_UNBLOCKED")),
        (["1", "0", "1"].map(str::to_owned), "count=1".into())
    );
}
