//! A scripted master: it says what it is told to, to the byte.

use std::net::TcpListener;
use std::time::Duration;

use super::{Client, SOON};

/// A listener that plays the master.
#[derive(Debug)]
pub struct FakeMaster {
    listener: TcpListener,
    pub port: u16,
}

/// The history that a fake master claims, unless a test says otherwise.
pub const REPLID: &str = "0123456789abcdef0123456789abcdef01234567";

/// An RDB file of version 10 with no key and no checksum.
pub const EMPTY_RDB: &[u8] = b"REDIS0010\xFF\0\0\0\0\0\0\0\0";

impl FakeMaster {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// The next connection.
    #[track_caller]
    pub fn accept(&self) -> Client {
        self.listener.set_nonblocking(true).unwrap();
        for _ in 0..SOON.as_millis() / 5 {
            if let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(false).unwrap();
                return Client::from_stream(stream);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the replica does not connect");
    }

    /// The next connection, up to its PSYNC: the words of that.
    #[track_caller]
    pub fn handshake(&self) -> (Client, Vec<String>) {
        let mut link = self.accept();
        loop {
            let words = link.command();
            match words[0].to_ascii_lowercase().as_str() {
                "ping" => link.send(b"+PONG\r\n"),
                "replconf" => link.send(b"+OK\r\n"),
                "psync" => return (link, words),
                other => panic!("a replica does not send {other}"),
            }
        }
    }

    /// The next connection, brought up to where the stream flows after offset `offset`.
    #[track_caller]
    pub fn full_sync(&self, offset: u64) -> Client {
        let (mut link, _) = self.handshake();
        link.send(format!("+FULLRESYNC {REPLID} {offset}\r\n${}\r\n", EMPTY_RDB.len()).as_bytes());
        link.send(EMPTY_RDB);
        link
    }
}
