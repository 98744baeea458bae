//! INFO commandstats and errorstats: what was called, refused and failed.

use super::support::client::command;
use super::support::server::Kind;
use super::support::{Server, until, until_equal};

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

#[test]
fn the_watchdog_tells_of_steps_and_loads_that_kept_clients_waiting() {
    let master = Server::node(&["repl-diskless-sync-delay 0", "rdb-key-save-delay 5000"]);
    let expired = |server: &Server| server.journal().matches("--- WATCHDOG TIMER EXPIRED ---").count();
    master.ask("DEBUG SLEEP 0.25");
    assert_eq!(master.ask("CONFIG SET watchdog-period 200"), "OK");
    // The step from before it was switched on is forgotten by the next look, and none is told of twice.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let before = expired(&master);
    master.ask("DEBUG SLEEP 0.25");
    until("the step is told of", &[&master], || expired(&master) == before + 1);

    master.ask("DEBUG POPULATE 100 key 1000");
    let replica =
        Server::replica_of(Kind::Node, &master, &["repl-diskless-load on-empty-db", "watchdog-period 200"]);
    until("the load is told of", &[&master, &replica], || expired(&replica) > 0);
    assert_eq!(replica.ask("GET key:1"), "-LOADING Redis is loading the dataset in memory");
    let shown = ["loading", "async_loading", "loading_total_bytes", "loading_eta_seconds"];
    assert_eq!(shown.map(|field| replica.info(field)), ["1", "0", "0", "1"].map(str::to_owned));
    assert!(replica.number("loading_start_time") > 0);
    until_equal(&master, &replica);
    assert_eq!(
        replica.journal().matches("ms and is not served meanwhile").count(),
        1,
        "{}",
        replica.journal()
    );
    assert_eq!(replica.info("loading_start_time"), "");
    assert_eq!(master.number("sync_full"), 1);
}

#[test]
fn a_client_that_looks_at_itself_is_not_idle_and_has_a_request() {
    let node = Server::node(&[]);
    let (mut client, mut other) = (node.client(), node.client());
    let id = client.ask(&["CLIENT", "ID"]).text();
    let field = |line: &str, name: &str| {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        word.unwrap().to_owned()
    };
    until("it is idle", &[&node], || field(&other.ask(&["CLIENT", "LIST", "ID", &id]).text(), "idle") != "0");
    let line = client.ask(&["CLIENT", "INFO"]).text();
    assert_eq!((field(&line, "idle"), field(&line, "argv-mem")), ("0".to_owned(), "10".to_owned()), "{line}");
    let line = other.ask(&["CLIENT", "LIST", "ID", &id]).text();
    assert_eq!(field(&line, "argv-mem"), "0", "{line}");
}

#[test]
fn shares_of_memory_have_all_their_digits() {
    let node = Server::node(&[]);
    let text = node.ask("MEMORY STATS");
    let mut words = text.split(' ').skip_while(|word| *word != "fragmentation");
    let ratio = words.nth(1).unwrap();
    assert!(ratio.len() > 8 && ratio.parse::<f64>().unwrap() > 0.0, "{ratio} in {text}");
}
