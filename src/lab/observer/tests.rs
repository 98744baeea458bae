#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

use super::*;
use crate::lab::Entry;

/// A server of which each answer is decided by the test.
struct Server {
    stream: TcpStream,
}

impl Server {
    /// Waits for one request and tells its command.
    async fn asked(&mut self) -> &'static str {
        let mut request = [0; 4096];
        let length = timeout(Duration::from_secs(3), self.stream.read(&mut request)).await.unwrap().unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        if request.contains("PING") {
            "PING"
        } else if request.contains("INFO") {
            "INFO"
        } else {
            "nothing"
        }
    }

    async fn answer(&mut self, reply: &str) {
        self.stream.write_all(reply.as_bytes()).await.unwrap();
    }

    async fn info(&mut self, text: &str) {
        self.answer(&format!("${}\r\n{text}\r\n", text.len())).await;
    }
}

async fn observed(test: impl AsyncFnOnce(TcpListener, Receiver<Entry>)) {
    LocalSet::new()
        .run_until(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (out, entries) = crossbeam_channel::bounded(1000);
            let recorder = Rc::new(Recorder::new(out, Arc::default()));
            spawn_local(observe(NodeId(1), addr, recorder, Rc::default()));
            test(listener, entries).await;
        })
        .await;
}

async fn accept(listener: &TcpListener) -> Server {
    Server { stream: listener.accept().await.unwrap().0 }
}

async fn next(entries: &Receiver<Entry>) -> Event {
    let wait = async {
        loop {
            match entries.try_recv() {
                Ok(entry) => return entry.event,
                Err(_) => sleep(Duration::from_millis(2)).await,
            }
        }
    };
    timeout(Duration::from_secs(3), wait).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn only_a_real_pong_makes_a_node_answer() {
    observed(async |listener, entries| {
        let mut server = accept(&listener).await;
        assert_eq!(server.asked().await, "PING");
        server.answer("-LOADING Redis is loading the dataset in memory\r\n").await;
        assert_eq!(server.asked().await, "PING");
        server.answer("+PENG\r\n").await;
        assert_eq!(server.asked().await, "PING");
        assert!(entries.is_empty());
        server.answer("+PONG\r\n").await;
        assert_eq!(next(&entries).await, Event::Answering { node: NodeId(1) });
        assert_eq!(server.asked().await, "INFO");
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_is_silent_after_a_second_and_answers_again_by_pong() {
    observed(async |listener, entries| {
        let mut server = accept(&listener).await;
        server.asked().await;
        server.answer("+PONG\r\n").await;
        assert!(matches!(next(&entries).await, Event::Answering { .. }));
        server.asked().await;
        let asked = Instant::now();
        assert!(matches!(next(&entries).await, Event::Silent { .. }));
        assert!((900..1500).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());

        server.info("role:master\r\n").await;
        assert_eq!(server.asked().await, "PING", "a late answer alone does not count");
        assert!(entries.is_empty());
        server.answer("+PONG\r\n").await;
        assert!(matches!(next(&entries).await, Event::Answering { .. }));
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_closed_connection_is_opened_again_without_a_word() {
    observed(async |listener, entries| {
        let mut server = accept(&listener).await;
        server.asked().await;
        server.answer("+PONG\r\n").await;
        assert!(matches!(next(&entries).await, Event::Answering { .. }));
        drop(server);
        let mut server = accept(&listener).await;
        assert_eq!(server.asked().await, "INFO");
        server.info("role:master\r\nmaster_repl_offset:7\r\n").await;
        let Event::Sample { sample, .. } = next(&entries).await else { panic!("no sample") };
        assert_eq!(sample.offset, 7);
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn figures_are_told_when_they_change_and_asked_for_less_often_at_rest() {
    observed(async |listener, entries| {
        let mut server = accept(&listener).await;
        server.asked().await;
        server.answer("+PONG\r\n").await;
        next(&entries).await;
        let mut commands = 0;
        let mut polled = Vec::new();
        for _ in 0..POLLS_TO_REST + 4 {
            assert_eq!(server.asked().await, "INFO");
            polled.push(Instant::now());
            commands += 1;
            server.info(&format!("role:master\r\ntotal_commands_processed:{commands}\r\n")).await;
        }
        assert!(matches!(next(&entries).await, Event::Sample { .. }));
        assert!(entries.is_empty(), "our own polls are no news");
        let pause = |at: usize| polled[at + 1] - polled[at];
        assert!(pause(3) < Duration::from_millis(300), "{:?}", pause(3));
        assert!(pause(polled.len() - 2) > Duration::from_millis(400), "{:?}", pause(polled.len() - 2));

        server.asked().await;
        server
            .info(&format!("role:master\r\nmaster_repl_offset:1\r\ntotal_commands_processed:{commands}\r\n"))
            .await;
        assert!(matches!(next(&entries).await, Event::Sample { .. }));
        let changed = Instant::now();
        server.asked().await;
        assert!(changed.elapsed() < Duration::from_millis(300), "fast again: {:?}", changed.elapsed());
    })
    .await;
}
