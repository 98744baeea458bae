//! The key browser's connection to one node: questions in, pages out.
//!
//! Owns the connection and the bounds of a page. It reads only: what changes data goes through the console. It
//! must not know the cluster.

mod digest;
pub mod look;
mod value;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{ClientError, RespClient, text};
use super::recorder::Recorder;
use super::{Event, KeyType, NodeId};
use crate::node::pulse;
use crate::protocol::frame::{Frame, FrameLimits};
use look::{Browse, Browsed, KeyInfo, KeyPage};

/// Questions that wait for one node.
pub(super) const ASKS_MAX: usize = 64;

/// How long one exchange may take: a node that stands still is told of and holds nothing up.
const WITHIN: Duration = Duration::from_secs(5);

/// Most keys of one page that may be asked for.
const COUNT_MAX: u32 = 1_000;

/// Most SCAN calls of one page: a pattern that fits nothing comes back with an empty page and goes on later.
const SCANS_MAX: usize = 20;

/// Largest reply that is taken.
const LIMITS: FrameLimits =
    FrameLimits { line: 64 << 10, bulk: 64 << 20, elements: 1 << 20, depth: 32, total: 64 << 20 };

/// A command as its words.
type Words = Vec<Vec<u8>>;

/// A question to one node.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) id: u64,
    pub(super) db: u16,
    pub(super) what: Browse,
}

/// Why there is no page.
enum Failure {
    /// No connection, or it broke.
    Link(ClientError),
    /// The node refused.
    Node(String),
    /// The key is not there.
    Gone,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Link(error)
    }
}

/// Answers questions about one node until `asks` ends.
pub(super) async fn serve(
    node: NodeId,
    addr: SocketAddr,
    recorder: Rc<Recorder>,
    mut asks: mpsc::Receiver<Ask>,
) {
    let mut browser = Browser { addr, client: None, db: 0 };
    while let Some(ask) = asks.recv().await {
        let asked = Instant::now();
        let answer = browser.answer(&ask).await;
        recorder.record(Event::Browsed { id: ask.id, node, answer, took: asked.elapsed() });
    }
}

struct Browser {
    addr: SocketAddr,
    client: Option<RespClient>,
    db: u16,
}

impl Browser {
    async fn answer(&mut self, ask: &Ask) -> Browsed {
        let page = match &ask.what {
            Browse::Keys { from, pattern, kind, count, digests } => {
                let scan = Scan { from: *from, pattern, kind: kind.as_ref(), count: *count };
                self.keys(ask.db, &scan, *digests).await.map(Browsed::Keys)
            }
            Browse::Value { key, from } => {
                self.value(ask.db, key, from).await.map(|page| Browsed::Value(Box::new(page)))
            }
        };
        match (page, &ask.what) {
            (Ok(page), _) => page,
            (Err(Failure::Gone), Browse::Value { key, .. }) => Browsed::Gone(key.clone()),
            (Err(Failure::Gone), _) => Browsed::Failed("the key is gone".to_owned()),
            (Err(Failure::Node(error)), _) => Browsed::Failed(error),
            (Err(Failure::Link(error)), _) => {
                self.client = None;
                Browsed::Failed(error.to_string())
            }
        }
    }

    /// Connects if need be and selects the database.
    async fn select(&mut self, db: u16) -> Result<(), Failure> {
        if self.client.as_mut().is_none_or(|client| !client.is_open()) {
            self.client = Some(RespClient::connect(self.addr, LIMITS, WITHIN).await?);
            self.db = 0;
        }
        if self.db != db {
            refused(self.call(words(&[b"SELECT", db.to_string().as_bytes()])).await?)?;
            self.db = db;
        }
        Ok(())
    }

    async fn call(&mut self, command: Words) -> Result<Frame, Failure> {
        let mut frames = self.pipeline(&[command]).await?;
        frames.pop().ok_or(Failure::Link(ClientError::Closed))
    }

    /// Sends all and takes one reply for each, in their order; an error reply is a reply.
    async fn pipeline(&mut self, commands: &[Words]) -> Result<Vec<Frame>, Failure> {
        let client = self.client.as_mut().ok_or(Failure::Link(ClientError::Closed))?;
        for command in commands {
            client.push(command);
        }
        let exchange = async {
            client.flush().await?;
            let mut frames = Vec::with_capacity(commands.len());
            while frames.len() < commands.len() {
                frames.push(client.receive().await?);
            }
            Ok::<_, ClientError>(frames)
        };
        Ok(pulse::within(WITHIN, exchange).await.ok_or(ClientError::TimedOut(WITHIN))??)
    }

    async fn keys(&mut self, db: u16, scan: &Scan<'_>, digests: bool) -> Result<KeyPage, Failure> {
        self.select(db).await?;
        let before = [words(&[b"INFO", b"replication"]), words(&[b"DBSIZE"])];
        let mut before = self.pipeline(&before).await?.into_iter();
        let offset = before.next().and_then(|info| repl_offset(&info));
        let dbsize = before.next().map(refused).transpose()?.and_then(|frame| integer(&frame)).unwrap_or(0);

        let wanted = scan.count.clamp(1, COUNT_MAX);
        let (mut cursor, mut found) = (scan.from, Vec::new());
        for _ in 0..SCANS_MAX {
            let (next, names) = scanned(refused(self.call(scan.words(cursor, wanted)).await?)?)?;
            cursor = next;
            found.extend(names);
            if cursor == 0 || found.len() >= wanted as usize {
                break;
            }
        }
        let mut keys = self.describe(found).await?;
        if digests {
            self.add_digests(&mut keys).await?;
        }
        Ok(KeyPage { from: scan.from, next: cursor, keys, dbsize, offset })
    }

    /// The figures of these keys; those that are gone meanwhile are left out.
    async fn describe(&mut self, names: Vec<Vec<u8>>) -> Result<Vec<KeyInfo>, Failure> {
        const FIGURES: [&[&[u8]]; 4] =
            [&[b"TYPE"], &[b"PTTL"], &[b"OBJECT", b"ENCODING"], &[b"MEMORY", b"USAGE"]];
        let commands: Vec<Words> = names
            .iter()
            .flat_map(|name| FIGURES.map(|command| words(&[command, &[name]].concat())))
            .collect();
        let frames = self.pipeline(&commands).await?;
        let mut keys: Vec<KeyInfo> = names
            .into_iter()
            .zip(frames.chunks_exact(FIGURES.len()))
            .filter_map(|(key, figures)| info(key, figures))
            .collect();

        let lengths: Vec<Words> = keys.iter().filter_map(|key| length(&key.kind, &key.key)).collect();
        let mut frames = self.pipeline(&lengths).await?.into_iter();
        for key in keys.iter_mut().filter(|key| length_command(&key.kind).is_some()) {
            key.len = frames.next().and_then(|frame| integer(&frame));
        }
        Ok(keys)
    }
}

struct Scan<'a> {
    from: u64,
    pattern: &'a [u8],
    kind: Option<&'a KeyType>,
    count: u32,
}

impl Scan<'_> {
    fn words(&self, cursor: u64, count: u32) -> Words {
        let (cursor, count) = (cursor.to_string(), count.to_string());
        let mut all: Vec<&[u8]> = vec![b"SCAN", cursor.as_bytes(), b"COUNT", count.as_bytes()];
        if !self.pattern.is_empty() {
            all.extend([&b"MATCH"[..], self.pattern]);
        }
        if let Some(kind) = self.kind {
            all.extend([&b"TYPE"[..], kind.word().as_bytes()]);
        }
        words(&all)
    }
}

fn words(parts: &[&[u8]]) -> Words {
    parts.iter().map(|part| part.to_vec()).collect()
}

/// The reply, unless it is an error.
fn refused(frame: Frame) -> Result<Frame, Failure> {
    match frame {
        Frame::Error(line) => Err(Failure::Node(text(&line))),
        frame => Ok(frame),
    }
}

fn strange() -> Failure {
    Failure::Node("the answer has a form that was not expected".to_owned())
}

fn integer(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Integer(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

/// The bytes of a string of any form.
fn bytes(frame: Frame) -> Option<Vec<u8>> {
    match frame {
        Frame::Bulk(bytes) | Frame::Simple(bytes) | Frame::Verbatim(_, bytes) => Some(bytes),
        Frame::Double(value) => Some(value.to_string().into_bytes()),
        Frame::Integer(value) => Some(value.to_string().into_bytes()),
        _ => None,
    }
}

fn items(frame: Frame) -> Option<Vec<Frame>> {
    match frame {
        Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => Some(items),
        Frame::Map(pairs) => Some(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        _ => None,
    }
}

/// Cursor and elements of a SCAN.
fn scanned(frame: Frame) -> Result<(u64, Vec<Vec<u8>>), Failure> {
    let mut parts = items(frame).ok_or_else(strange)?.into_iter();
    let cursor = parts.next().and_then(bytes).ok_or_else(strange)?;
    let cursor = text(&cursor).parse().map_err(|_| strange())?;
    let found = parts.next().and_then(items).ok_or_else(strange)?;
    Ok((cursor, found.into_iter().filter_map(bytes).collect()))
}

fn repl_offset(info: &Frame) -> Option<u64> {
    let (Frame::Bulk(info) | Frame::Verbatim(_, info)) = info else { return None };
    text(info).lines().find_map(|line| line.strip_prefix("master_repl_offset:")?.trim().parse().ok())
}

/// A key from its TYPE, PTTL, OBJECT ENCODING and MEMORY USAGE; `None` if it is gone.
fn info(key: Vec<u8>, figures: &[Frame]) -> Option<KeyInfo> {
    let [kind, ttl, encoding, memory] = figures else { return None };
    let Frame::Simple(kind) = kind else { return None };
    if kind == b"none" || matches!(ttl, Frame::Integer(-2)) {
        return None;
    }
    let encoding = match encoding {
        Frame::Bulk(word) | Frame::Simple(word) => text(word),
        _ => String::new(),
    };
    Some(KeyInfo {
        key,
        kind: text(kind).into(),
        ttl_ms: integer(ttl),
        memory: integer(memory),
        len: None,
        encoding,
        digest: None,
    })
}

fn length_command(kind: &KeyType) -> Option<&'static [u8]> {
    Some(match kind {
        KeyType::String => b"STRLEN",
        KeyType::List => b"LLEN",
        KeyType::Set => b"SCARD",
        KeyType::Hash => b"HLEN",
        KeyType::SortedSet => b"ZCARD",
        KeyType::Stream => b"XLEN",
        KeyType::Other(_) => return None,
    })
}

fn length(kind: &KeyType, key: &[u8]) -> Option<Words> {
    Some(words(&[length_command(kind)?, key]))
}

#[cfg(test)]
mod tests;
