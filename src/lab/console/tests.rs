#![allow(clippy::unwrap_used)]

use crossbeam_channel::Receiver;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::lab::Entry;
use crate::lab::process::{PlainServer, redis_is_installed};

struct Typist {
    lines: mpsc::Sender<Line>,
    entries: Receiver<Entry>,
    next: u64,
}

impl Typist {
    fn new(addr: SocketAddr) -> Self {
        let (out, entries) = crossbeam_channel::bounded(1000);
        let recorder = Rc::new(Recorder::new(out, std::sync::Arc::default()));
        let (lines, typed) = mpsc::channel(LINES_MAX);
        tokio::task::spawn_local(serve(NodeId(1), addr, recorder, typed));
        Self { lines, entries, next: 0 }
    }

    async fn send(&mut self, line: &str) {
        self.next += 1;
        self.lines.send(Line { id: self.next, text: line.to_owned(), db: None }).await.unwrap();
    }

    /// Reply, database and MULTI after the line sent last.
    async fn reply(&mut self) -> (ReplyValue, u16, bool) {
        let wait = async {
            loop {
                match self.entries.try_recv() {
                    Ok(entry) => return entry.event,
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
        for line in ["", "   ", "set a \"b", "MONITOR", "subscribe x", "client reply off"] {
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
