//! A raw client: bytes in, bytes out, and what became of the connection.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::SOON;

/// A reply of either protocol version, as far as tests look into it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Reply>),
}

impl Reply {
    /// The reply in one string: what most tests compare.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) => text.clone(),
            Self::Error(text) => format!("-{text}"),
            Self::Integer(number) => number.to_string(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Null => "(nil)".to_owned(),
            Self::Array(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }
}

/// What a connection is after the server had time to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).unwrap()
    }

    pub fn try_connect(port: u16) -> std::io::Result<Self> {
        Ok(Self::from_stream(TcpStream::connect(("127.0.0.1", port))?))
    }

    pub fn from_stream(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends raw bytes; a server that has closed already is no error here, its reply is still to be read.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn send_command(&mut self, parts: &[&[u8]]) {
        self.send(&encode(parts));
    }

    /// Sends one command and reads its reply.
    #[track_caller]
    pub fn ask(&mut self, parts: &[&str]) -> Reply {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.ask_bytes(&parts)
    }

    #[track_caller]
    pub fn ask_bytes(&mut self, parts: &[&[u8]]) -> Reply {
        self.try_ask(parts).unwrap()
    }

    /// Sends one command and reads its reply, if the connection lasts.
    pub fn try_ask(&mut self, parts: &[&[u8]]) -> std::io::Result<Reply> {
        self.stream.write_all(&encode(parts))?;
        self.reply()
    }

    /// Reads one reply.
    pub fn reply(&mut self) -> std::io::Result<Reply> {
        loop {
            if let Some((reply, len)) = parse(&self.buffer) {
                self.buffer.drain(..len);
                return Ok(reply);
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> std::io::Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    /// Reads one command, as a fake server does.
    #[track_caller]
    pub fn command(&mut self) -> Vec<String> {
        match self.reply() {
            Ok(Reply::Array(words)) => words.iter().map(Reply::text).collect(),
            other => panic!("no command: {other:?}"),
        }
    }

    /// Reads exactly `len` bytes.
    pub fn exactly(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        while self.buffer.len() < len {
            self.more()?;
        }
        Ok(self.buffer.drain(..len).collect())
    }

    /// Reads up to and including the next line feed.
    pub fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.more()?;
        }
    }

    /// Reads until the server closes (`true`), or until nothing has come for `quiet` (`false`).
    pub fn drain(&mut self, quiet: Duration) -> (Vec<u8>, State) {
        self.stream.set_read_timeout(Some(quiet)).unwrap();
        let mut chunk = vec![0; 64 * 1024];
        let state = loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break State::Closed,
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break State::Open;
                }
                Err(_) => break State::Closed,
            }
        };
        self.stream.set_read_timeout(Some(SOON)).unwrap();
        (std::mem::take(&mut self.buffer), state)
    }

    /// Reads until `len` bytes are there or the server closes; then looks whether it stays open.
    pub fn answer(&mut self, len: usize) -> (Vec<u8>, State) {
        self.stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        while self.buffer.len() < len {
            if let Err(error) = self.more() {
                let quiet = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                let state = if quiet { State::Open } else { State::Closed };
                return (std::mem::take(&mut self.buffer), state);
            }
        }
        self.drain(Duration::from_millis(30))
    }

    /// Waits until the server closes; what came before.
    #[track_caller]
    pub fn until_closed(&mut self) -> Vec<u8> {
        let begun = Instant::now();
        while self.more().is_ok() {
            assert!(begun.elapsed() < SOON, "the connection stays open");
        }
        assert!(begun.elapsed() < SOON, "the connection stays open");
        std::mem::take(&mut self.buffer)
    }
}

/// A command as RESP array.
pub fn encode(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A command from words, as RESP array.
pub fn command(words: &str) -> Vec<u8> {
    encode(&words.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8_lossy(bytes.get(1..end)?).into_owned();
    let at = end + 2;
    let many = |count: usize| {
        let (mut items, mut at) = (Vec::new(), at);
        for _ in 0..count {
            let (item, len) = parse(&bytes[at..])?;
            items.push(item);
            at += len;
        }
        Some((Reply::Array(items), at))
    };
    Some(match bytes[0] {
        b'+' => (Reply::Simple(line), at),
        b'-' => (Reply::Error(line), at),
        b':' => (Reply::Integer(line.parse().ok()?), at),
        b'$' | b'=' if line != "-1" => {
            let len: usize = line.parse().ok()?;
            let body = bytes.get(at..at + len)?.to_vec();
            bytes.get(at + len..at + len + 2)?;
            (Reply::Bulk(body), at + len + 2)
        }
        b'*' | b'~' | b'>' if line != "-1" => many(line.parse().ok()?)?,
        b'%' => many(line.parse::<usize>().ok()? * 2)?,
        b'_' | b'$' | b'*' => (Reply::Null, at),
        other => panic!("no reply starts with {:?}", char::from(other)),
    })
}
