#![allow(clippy::unwrap_used)]

use crossbeam_channel::Receiver;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::lab::Entry;
use crate::lab::tests::process::{PlainServer, redis_is_installed};

struct Typist {
    console: ConsoleHandle,
    entries: Receiver<Entry>,
    next: u64,
    messages: Vec<ReplyValue>,
    modes: Vec<ConsoleMode>,
}

impl Typist {
    fn new(addr: SocketAddr) -> Self {
        let (out, entries) = crossbeam_channel::bounded(1000);
        let recorder = Rc::new(Recorder::new(out, std::sync::Arc::default()));
        let console = start(NodeId(1), addr, recorder);
        Self { console, entries, next: 0, messages: Vec::new(), modes: Vec::new() }
    }

    async fn send(&mut self, line: &str) {
        self.next += 1;
        self.console.lines.send(Line { id: self.next, text: line.to_owned(), db: None }).await.unwrap();
    }

    /// Reply, database and MULTI after the line sent last.
    async fn reply(&mut self) -> (ReplyValue, u16, bool) {
        let wait = async {
            loop {
                match self.entries.try_recv().map(|entry| entry.event) {
                    Ok(Event::ConsoleMessages { messages, .. }) => self.messages.extend(messages),
                    Ok(Event::ConsoleMode { mode, .. }) => self.modes.push(mode),
                    Ok(event) => return event,
                    Err(_) => sleep(Duration::from_millis(2)).await,
                }
            }
        };
        let event = timeout(Duration::from_secs(5), wait).await.unwrap();
        let Event::ConsoleReply { id, reply, db, in_multi, .. } = event else { panic!("{event:?}") };
        assert_eq!(id, self.next);
        (reply, db, in_multi)
    }

    async fn run(&mut self, line: &str) -> (ReplyValue, u16, bool) {
        self.send(line).await;
        self.reply().await
    }
}

impl Typist {
    /// Waits until so many messages came.
    async fn until_messages(&mut self, count: usize) {
        let wait = async {
            while self.messages.len() < count {
                self.note();
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(5), wait).await.unwrap();
    }

    /// Takes in what came.
    fn note(&mut self) {
        for entry in self.entries.try_iter() {
            match entry.event {
                Event::ConsoleMessages { messages, .. } => self.messages.extend(messages),
                Event::ConsoleMode { mode, .. } => self.modes.push(mode),
                event => panic!("{event:?}"),
            }
        }
    }
}

fn bulk(text: &str) -> ReplyValue {
    ReplyValue::Bulk(text.as_bytes().to_vec())
}

fn redis(port: u16, args: &[&str]) {
    let done = std::process::Command::new("redis-cli").args(["-p", &port.to_string()]).args(args).output();
    assert!(done.is_ok_and(|done| done.status.success()));
}

async fn with_server(test: impl AsyncFnOnce(PlainServer, Typist)) {
    LocalSet::new()
        .run_until(async {
            let server = PlainServer::start();
            let typist = Typist::new(server.addr());
            test(server, typist).await;
        })
        .await;
}

fn ok() -> ReplyValue {
    ReplyValue::Simple("OK".into())
}

#[tokio::test(flavor = "current_thread")]
async fn replies_come_by_type_and_select_and_multi_hold_from_line_to_line() {
    if !redis_is_installed("console") {
        return;
    }
    with_server(async |_server, mut typist| {
        assert_eq!(typist.run(r#"set "a b" 'x\x'"#).await, (ok(), 0, false));
        assert_eq!(typist.run(r#"GET "\x61 b""#).await.0, ReplyValue::Bulk(br"x\x".to_vec()));
        assert_eq!(typist.run("incr n").await.0, ReplyValue::Integer(1));
        assert_eq!(typist.run("get nothing").await.0, ReplyValue::Null);
        assert!(
            matches!(typist.run("nonsense").await.0, ReplyValue::Error(text) if text.contains("nonsense"))
        );
        assert_eq!(typist.run("select 3").await, (ok(), 3, false));
        assert_eq!(typist.run("get n").await, (ReplyValue::Null, 3, false));
        assert!(matches!(typist.run("select 99").await, (ReplyValue::Error(_), 3, false)));

        assert_eq!(typist.run("multi").await, (ok(), 3, true));
        typist.run("select 5").await;
        assert_eq!(typist.run("ping").await, (ReplyValue::Simple("QUEUED".into()), 3, true));
        let (reply, db, in_multi) = typist.run("exec").await;
        assert_eq!(reply, ReplyValue::Array(vec![ok(), ReplyValue::Simple("PONG".into())]));
        assert_eq!((db, in_multi), (5, false));

        typist.run("multi").await;
        assert_eq!(typist.run("discard").await, (ok(), 5, false));
        typist.run("multi").await;
        typist.run("nonsense").await;
        assert!(matches!(typist.run("exec").await, (ReplyValue::Error(_), 5, false)));
        assert!(matches!(typist.run("hello 3").await.0, ReplyValue::Map(_)));
        assert_eq!(typist.run("reset").await, (ReplyValue::Simple("RESET".into()), 0, false));
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn lines_that_cannot_be_sent_are_answered_and_the_next_one_runs() {
    if !redis_is_installed("console refusals") {
        return;
    }
    with_server(async |server, mut typist| {
        for line in ["", "   ", "set a \"b", "PSYNC ? -1", "sync", "client reply off"] {
            assert!(matches!(typist.run(line).await.0, ReplyValue::Error(_)), "{line:?}");
        }
        assert!(matches!(typist.run(&"x".repeat(LINE_MAX + 1)).await.0, ReplyValue::Error(_)));
        assert_eq!(typist.run("quit").await.0, ok());
        assert_eq!(typist.run("select 1").await, (ok(), 1, false));

        // Closed by the node behind our back: the next line has a fresh connection, and says so by its database.
        let killed = std::process::Command::new("redis-cli")
            .args(["-p", &server.port.to_string(), "client", "kill", "type", "normal"])
            .output();
        assert!(killed.is_ok());
        sleep(Duration::from_millis(50)).await;
        assert_eq!(typist.run("ping").await, (ReplyValue::Simple("PONG".into()), 0, false));
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_blocking_line_is_answered_when_its_node_is_killed() {
    if !redis_is_installed("console kill") {
        return;
    }
    with_server(async |mut server, mut typist| {
        typist.run("select 2").await;
        typist.send("blpop nothing 0").await;
        sleep(Duration::from_millis(100)).await;
        assert!(typist.entries.is_empty(), "it blocks");
        server.kill();
        assert!(matches!(typist.reply().await, (ReplyValue::ConnectionFailed(_), 0, false)));
        assert!(matches!(typist.run("ping").await.0, ReplyValue::ConnectionFailed(_)));
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_subscription_streams_until_it_is_stopped_and_keeps_its_database() {
    if !redis_is_installed("console subscribe") {
        return;
    }
    for hello in ["hello 2", "hello 3"] {
        with_server(async |server, mut typist| {
            typist.run(hello).await;
            typist.run("select 4").await;
            let (reply, ..) = typist.run("subscribe news sport").await;
            let parts = vec![bulk("subscribe"), bulk("news"), ReplyValue::Integer(1)];
            let (confirmed, message): (_, fn(_) -> _) = if hello == "hello 3" {
                (ReplyValue::Push(parts), ReplyValue::Push)
            } else {
                (ReplyValue::Array(parts), ReplyValue::Array)
            };
            assert_eq!(reply, confirmed);
            typist.until_messages(1).await;
            redis(server.port, &["publish", "sport", "goal"]);
            typist.until_messages(2).await;
            assert_eq!(typist.messages[1], message(vec![bulk("message"), bulk("sport"), bulk("goal")]));
            if hello == "hello 3" {
                assert_eq!(typist.run("get x").await.0, ReplyValue::Null, "RESP3 goes on with lines");
            } else {
                assert!(matches!(typist.run("get x").await.0, ReplyValue::Error(_)));
            }
            typist.console.stop.notify_waiters();
            sleep(Duration::from_millis(20)).await;
            typist.note();
            assert_eq!(typist.modes.last(), Some(&ConsoleMode::Lines), "{:?}", typist.modes);
            assert_eq!(typist.run("ping").await, (ReplyValue::Simple("PONG".into()), 4, false));
            assert!(matches!(
                (hello, typist.run("config get port").await.0),
                ("hello 3", ReplyValue::Map(_)) | ("hello 2", ReplyValue::Array(_))
            ));
        })
        .await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn monitor_streams_and_takes_no_line_until_it_is_stopped() {
    if !redis_is_installed("console monitor") {
        return;
    }
    with_server(async |server, mut typist| {
        assert_eq!(typist.run("monitor").await.0, ok());
        redis(server.port, &["set", "a", "1"]);
        typist.until_messages(1).await;
        let seen = |typist: &Typist| {
            typist
                .messages
                .iter()
                .any(|line| matches!(line, ReplyValue::Simple(line) if line.contains("\"set\"")))
        };
        for _ in 0..100 {
            if seen(&typist) {
                break;
            }
            sleep(Duration::from_millis(5)).await;
            typist.note();
        }
        assert!(seen(&typist), "{:?}", typist.messages);
        assert!(matches!(typist.run("get a").await.0, ReplyValue::Error(text) if text.contains("MONITOR")));
        typist.console.stop.notify_waiters();
        sleep(Duration::from_millis(20)).await;
        assert_eq!(typist.run("get a").await.0, bulk("1"));
        assert_eq!(typist.modes, [ConsoleMode::Monitor, ConsoleMode::Lines]);
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_line_that_blocks_is_stopped_and_the_next_one_runs() {
    if !redis_is_installed("console stop") {
        return;
    }
    with_server(async |_server, mut typist| {
        typist.run("select 2").await;
        typist.send("blpop nothing 0").await;
        sleep(Duration::from_millis(50)).await;
        typist.console.stop.notify_waiters();
        assert!(
            matches!(typist.reply().await.0, ReplyValue::ConnectionFailed(text) if text.contains("stopped"))
        );
        assert_eq!(typist.run("ping").await, (ReplyValue::Simple("PONG".into()), 2, false));
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_invalidation_is_told_although_nobody_asked() {
    if !redis_is_installed("console tracking") {
        return;
    }
    with_server(async |server, mut typist| {
        typist.run("hello 3").await;
        typist.run("client tracking on").await;
        typist.run("get a").await;
        redis(server.port, &["set", "a", "1"]);
        typist.until_messages(1).await;
        let keys = ReplyValue::Array(vec![bulk("a")]);
        assert_eq!(typist.messages, [ReplyValue::Push(vec![bulk("invalidate"), keys])]);
        assert!(typist.modes.is_empty(), "lines go on");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_change_of_the_key_browser_runs_in_its_database_and_leaves_that_of_the_console() {
    if !redis_is_installed("console edit") {
        return;
    }
    with_server(async |_server, mut typist| {
        typist.run("select 1").await;
        typist.next += 1;
        let line = Line { id: typist.next, text: "set k v".to_owned(), db: Some(3) };
        typist.console.lines.send(line).await.unwrap();
        assert_eq!(typist.reply().await, (ok(), 1, false));
        assert_eq!(typist.run("exists k").await, (ReplyValue::Integer(0), 1, false));
        typist.run("select 3").await;
        assert_eq!(typist.run("get k").await.0, bulk("v"));
        typist.run("multi").await;
        typist.next += 1;
        let line = Line { id: typist.next, text: "set k w".to_owned(), db: Some(3) };
        typist.console.lines.send(line).await.unwrap();
        assert!(matches!(typist.reply().await, (ReplyValue::Error(text), 3, true) if text.contains("MULTI")));
    })
    .await;
}
