//! Watches one node by RESP: does it answer, and what does INFO say.
//!
//! Owns one connection to the node. An observer lives from [`NodeEvent::Ready`](crate::node::NodeEvent::Ready) to
//! the node's end, so it never meets another server that holds the port before. It must not know the cluster.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::client::{ClientError, RespClient, text};
use super::info;
use super::recorder::Recorder;
use super::{Event, NodeId, NodeSample};
use crate::node::pulse;
use crate::protocol::frame::{Frame, FrameLimits};

/// Time from one poll to the next while something changes: at most ten samples a second.
const POLL_FAST: Duration = Duration::from_millis(100);

/// The same once nothing has changed for [`POLLS_TO_REST`] polls.
const POLL_AT_REST: Duration = Duration::from_millis(500);

/// Fast polls without a change after which a node counts as at rest.
const POLLS_TO_REST: u32 = 20;

/// A node that has not answered for this long is silent.
const SILENT_AFTER: Duration = Duration::from_secs(1);

/// Pause before a connection is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// An INFO answer is a few KiB; what exceeds this is none.
const LIMITS: FrameLimits =
    FrameLimits { line: 64 << 10, bulk: 4 << 20, elements: 1024, depth: 8, total: 8 << 20 };

/// Observes the node at `addr` until cancelled. `poke` makes it look at once: something just happened there.
pub(super) async fn observe(node: NodeId, addr: SocketAddr, recorder: Rc<Recorder>, poke: Rc<Notify>) {
    let mut observer = Observer {
        node,
        recorder,
        poke,
        heard: pulse::awake(),
        answering: false,
        told_silent: false,
        last: None,
        still: 0,
    };
    loop {
        let error = match observer.connect(addr).await {
            Ok(client) => observer.watch(client).await,
            Err(error) => error,
        };
        observer.tell_if_silent(&error.to_string());
        sleep(RETRY).await;
    }
}

struct Observer {
    node: NodeId,
    recorder: Rc<Recorder>,
    poke: Rc<Notify>,
    /// Last answer, or the begin, in time awake: nobody answers while the computer sleeps.
    heard: Duration,
    /// `Answering` was told, and no `Silent` since.
    answering: bool,
    told_silent: bool,
    last: Option<(Instant, NodeSample)>,
    still: u32,
}

impl Observer {
    async fn connect(&mut self, addr: SocketAddr) -> Result<RespClient, ClientError> {
        RespClient::connect(addr, LIMITS, SILENT_AFTER).await
    }

    /// Polls over one connection until it fails.
    async fn watch(&mut self, mut client: RespClient) -> ClientError {
        loop {
            let step =
                if self.answering { self.poll(&mut client).await } else { self.ping(&mut client).await };
            if let Err(error) = step {
                return error;
            }
        }
    }

    /// One PING; only `+PONG` makes a node count as answering, and the refusal of one that serves with a disk that fails.
    async fn ping(&mut self, client: &mut RespClient) -> Result<(), ClientError> {
        match self.ask(client, &["PING"]).await? {
            Frame::Simple(reply) | Frame::Error(reply) if is_answer(&reply) => {
                self.heard = pulse::awake();
                self.answering = true;
                self.told_silent = false;
                self.still = 0;
                self.recorder.record(Event::Answering { node: self.node });
                self.last = None; // the first figures after a silence are news whatever they are
            }
            Frame::Error(reply) => {
                self.tell_if_silent(&format!("it answers PING with an error: {}", text(&reply)));
                sleep(POLL_FAST).await;
            }
            _ => {
                self.tell_if_silent("it answers PING with something other than PONG");
                sleep(POLL_FAST).await;
            }
        }
        Ok(())
    }

    /// One INFO, and the pause after it.
    async fn poll(&mut self, client: &mut RespClient) -> Result<(), ClientError> {
        let asked = Instant::now();
        let reply = self.ask(client, &info::SECTIONS).await?;
        if !self.answering {
            return Ok(()); // a late answer after silence: PING decides
        }
        self.heard = pulse::awake();
        if let Frame::Bulk(info) | Frame::Verbatim(_, info) = reply {
            self.consider(info::parse(&String::from_utf8_lossy(&info), asked.elapsed()));
        }
        let pause = if self.still < POLLS_TO_REST { POLL_FAST } else { POLL_AT_REST };
        if timeout(pause, self.poke.notified()).await.is_ok() {
            self.still = 0;
            // Events come in bursts; ten samples a second stay the most.
            sleep(POLL_FAST.saturating_sub(asked.elapsed())).await;
        }
        Ok(())
    }

    fn consider(&mut self, sample: NodeSample) {
        let now = Instant::now();
        let news = match &self.last {
            Some((at, last)) => info::matters(last, &sample, now - *at),
            None => true,
        };
        if news {
            self.still = 0;
            self.last = Some((now, sample.clone()));
            self.recorder.record(Event::Sample { node: self.node, sample: Box::new(sample) });
        } else {
            self.still = self.still.saturating_add(1);
            if let Some((at, last)) = &mut self.last {
                // Commands drift by our own polls: compare with the poll before, not with the last event.
                *at = now;
                last.commands = sample.commands;
            }
        }
    }

    /// Sends a command and waits for its answer for as long as it takes; tells when it takes too long.
    async fn ask(&mut self, client: &mut RespClient, args: &[&str]) -> Result<Frame, ClientError> {
        client.push(args);
        client.flush().await?;
        if self.told_silent {
            return client.receive().await;
        }
        let patience = (self.heard + SILENT_AFTER).saturating_sub(pulse::awake()).max(POLL_FAST);
        if let Some(answer) = pulse::within(patience, client.receive()).await {
            return answer;
        }
        self.tell_if_silent(&format!("no answer to {} for {} s", args[0], SILENT_AFTER.as_secs()));
        client.receive().await
    }

    fn tell_if_silent(&mut self, reason: &str) {
        if !self.told_silent && pulse::awake().saturating_sub(self.heard) >= SILENT_AFTER {
            self.told_silent = true;
            self.answering = false;
            self.recorder.record(Event::Silent { node: self.node, reason: reason.to_owned() });
        }
    }
}

fn is_answer(reply: &[u8]) -> bool {
    reply == b"PONG" || reply.starts_with(b"MISCONF ")
}

#[cfg(test)]
mod tests;
