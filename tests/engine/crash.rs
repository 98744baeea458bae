//! A node that crashes or begins anew: its report, what becomes of the process, what is left of the data.

use std::path::Path;

use repliscope::node::{NodeEvent, StopReason};

use super::support::client::command;
use super::support::{Server, until};

fn crashes(server: &Server) -> Vec<String> {
    let events = server.events();
    let crashed = events.iter().filter_map(|event| match event {
        NodeEvent::Stopped(StopReason::Crashed(why)) => Some(why.clone()),
        _ => None,
    });
    crashed.collect()
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

#[test]
fn a_node_in_another_program_crashes_alone_and_leaves_a_report() {
    for (word, why, line) in [
        ("SEGFAULT", "Redis 7.0.15 crashed by signal: 11", "# Redis 7.0.15 crashed by signal: 11"),
        ("PANIC", "DEBUG PANIC called at Unix time ", "# Guru Meditation: DEBUG PANIC called at Unix time "),
        ("ASSERT", "'1 == 2' is not true", "# ==> src/node/admin/debug.rs:"),
        ("OOM", "Redis aborting for OUT OF MEMORY.", "# Out Of Memory allocating 9223372036854775807 bytes!"),
    ] {
        let mut node = Server::node(&["logfile log", "appendonly yes"]);
        let mut client = node.client();
        client.ask(&["SET", "before", "1"]);
        client.send(&[command(&format!("DEBUG {word}")), command("SET after 1")].concat());
        assert_eq!(client.until_closed(), b"", "{word}");
        until("it has crashed", &[&node], || !crashes(&node).is_empty());
        assert!(crashes(&node)[0].contains(why), "{word}: {:?}", crashes(&node));
        node.join();
        let log = log_of(node.dir());
        for part in [
            line,
            "=== REDIS BUG REPORT START",
            "\n------ STACK TRACE ------\n",
            "\n------ INFO OUTPUT ------\n# Server\nredis_version:7.0.15\n",
            "\n------ CLIENT LIST OUTPUT ------\n",
            "\n------ CURRENT CLIENT INFO ------\nid=",
            "=== REDIS BUG REPORT END.",
        ] {
            assert!(log.contains(part), "{word}: no {part:?} in {log}");
        }
        node.restart(&[]);
        assert_eq!(node.ask("MGET before after"), "1 (nil)", "{word}");
    }
}

#[test]
fn nothing_of_a_transaction_that_crashes_is_kept() {
    let mut node = Server::node(&["appendonly yes"]);
    node.ask("SET before 1");
    let mut client = node.client();
    client.ask(&["MULTI"]);
    assert_eq!(client.ask(&["SET", "k", "1"]).text(), "QUEUED");
    assert_eq!(client.ask(&["DEBUG", "PANIC"]).text(), "QUEUED");
    client.send_command(&[b"EXEC"]);
    assert_eq!(client.until_closed(), b"");
    node.join();
    node.restart(&[]);
    assert_eq!(node.ask("EXISTS before k"), "1");
}

#[test]
fn a_node_in_another_program_does_not_begin_anew() {
    let node = Server::node(&[]);
    for word in ["RESTART", "CRASH-AND-RECOVER", "RESTART 5"] {
        let reply = node.ask(&format!("DEBUG {word}"));
        assert_eq!(reply, "-ERR failed to restart the server. Check server logs.", "{word}");
    }
    assert_eq!(node.ask("DEBUG RESTART x"), "-ERR value is not an integer or out of range");
    assert!(node.journal().contains("Can't restart: this node is a part of another program"));
}

#[cfg(unix)]
mod process {
    use std::os::unix::process::ExitStatusExt as _;
    use std::time::{Duration, Instant};

    use super::super::process::{at, ending, is_there, server, signal, started};
    use super::super::support::server::free_port;
    use super::super::support::{Client, Program, until};
    use super::log_of;

    /// A server that writes its log into this folder.
    fn program(folder: &std::path::Path, port: u16, more: &[&str]) -> Program {
        let mut command = server();
        command.args(at(port)).args(["--save", "900 1", "--logfile", "log", "--enable-debug-command", "yes"]);
        started(command.args(more).current_dir(folder), port)
    }

    #[test]
    fn it_dies_of_the_signal_that_redis_dies_of() {
        const ABORTED: (Option<i32>, Option<i32>) = (Some(6), None);
        for (word, more, (signal, code), reports) in [
            ("SEGFAULT", &[][..], (Some(11), None), true),
            ("PANIC", &[], ABORTED, true),
            ("ASSERT", &[], ABORTED, true),
            ("OOM", &[], ABORTED, true),
            ("PANIC", &["--use-exit-on-panic", "yes"], (None, Some(1)), true),
            ("SEGFAULT", &["--use-exit-on-panic", "yes"], (Some(11), None), true),
            ("SEGFAULT", &["--crash-log-enabled", "no"], (Some(11), None), false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let program = program(folder.path(), port, more);
            Client::connect(port).send_command(&[b"DEBUG", word.as_bytes()]);
            let status = ending(program);
            assert_eq!((status.signal(), status.code()), (signal, code), "{word} {more:?}");
            assert_eq!(log_of(folder.path()).contains("STACK TRACE"), reports, "{word} {more:?}");
        }
    }

    #[test]
    fn who_aborts_it_finds_a_report_also_of_one_that_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let idle = program(folder.path(), port, &[]);
        signal("-ABRT", idle.0.id());
        assert_eq!(ending(idle).signal(), Some(6));
        let log = log_of(folder.path());
        assert!(
            log.contains("# Redis 7.0.15 crashed by signal: 6\n") && log.contains("STACK TRACE"),
            "{log}"
        );

        let busy = program(folder.path(), port, &[]);
        Client::connect(port).send_command(&[b"DEBUG", b"SLEEP", b"3600"]);
        let begun = Instant::now();
        signal("-ABRT", busy.0.id());
        assert_eq!(ending(busy).signal(), Some(6));
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    }

    #[test]
    fn it_begins_anew_with_or_without_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let program = program(folder.path(), port, &[]);
        let run_id = || {
            let info = Client::connect(port).ask(&["INFO", "server"]).text();
            info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap().to_owned()
        };
        let serves_again = |before: &str| {
            until("it serves again", &[], || is_there(port) && run_id() != before);
        };
        let mut before = run_id();
        for (word, keys) in [("RESTART", "1"), ("CRASH-AND-RECOVER", "1"), ("RESTART", "2")] {
            let mut client = Client::connect(port);
            client.ask(&["INCR", word]);
            let begun = Instant::now();
            client.send_command(&[b"DEBUG", word.as_bytes(), b"300"]);
            assert_eq!(client.until_closed(), b"", "{word}");
            serves_again(&before);
            assert!(begun.elapsed() >= Duration::from_millis(300), "{word}");
            before = run_id();
            assert_eq!(Client::connect(port).ask(&["GET", "RESTART"]).text(), keys, "{word}");
            assert_eq!(Client::connect(port).ask(&["DBSIZE"]).text(), "1", "{word}");
        }
        let pid = program.0.id();
        assert!(
            Client::connect(port).ask(&["INFO", "server"]).text().contains(&format!("process_id:{pid}\r\n"))
        );
        signal("-TERM", pid);
        assert_eq!(ending(program).code(), Some(0));
    }
}
