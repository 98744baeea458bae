//! A small RESP client: connect, send, receive, each with a deadline.
//!
//! Owns one connection of the lab to a node. It must not know what the commands mean.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::pulse;
use crate::protocol::frame::{Frame, FrameDecoder, FrameError, FrameLimits};
use crate::protocol::write_request;

/// Bytes read at once.
const READ_SIZE: usize = 16 << 10;

/// Why a node gave no answer.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    /// No connection could be made.
    #[error("no connection to {addr}: {source}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The node closed the connection.
    #[error("the node closed the connection")]
    Closed,
    /// No answer within the time given.
    #[error("no answer for {:.1} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The answer is no RESP.
    #[error("the answer is no RESP: {0}")]
    Protocol(#[from] FrameError),
}

/// One connection. A call that failed leaves it unusable: a late answer would be taken for the next one's.
#[derive(Debug)]
pub(super) struct RespClient {
    stream: TcpStream,
    decoder: FrameDecoder,
    unsent: Vec<u8>,
    incoming: Vec<u8>,
}

impl RespClient {
    /// Connects, waiting at most `within`.
    ///
    /// # Errors
    /// [`ClientError::Connect`] or [`ClientError::TimedOut`].
    pub(super) async fn connect(
        addr: SocketAddr,
        limits: FrameLimits,
        within: Duration,
    ) -> Result<Self, ClientError> {
        let stream = pulse::within(within, TcpStream::connect(addr))
            .await
            .ok_or(ClientError::TimedOut(within))?
            .map_err(|source| ClientError::Connect { addr, source })?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            decoder: FrameDecoder::new(limits),
            unsent: Vec::new(),
            incoming: vec![0; READ_SIZE],
        })
    }

    /// Queues one command.
    pub(super) fn push(&mut self, args: &[impl AsRef<[u8]>]) {
        encode(args, &mut self.unsent);
    }

    /// Sends what is queued. Not to be cancelled: half a command may be out.
    ///
    /// # Errors
    /// [`ClientError::Broken`].
    pub(super) async fn flush(&mut self) -> Result<(), ClientError> {
        self.stream.write_all(&self.unsent).await?;
        self.unsent.clear();
        Ok(())
    }

    /// Waits for the next reply. May be cancelled and called again: nothing is lost.
    ///
    /// # Errors
    /// [`ClientError::Closed`], [`ClientError::Broken`] or [`ClientError::Protocol`].
    pub(super) async fn receive(&mut self) -> Result<Frame, ClientError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(frame);
            }
            match self.stream.read(&mut self.incoming).await? {
                0 => return Err(ClientError::Closed),
                read => self.decoder.feed(&self.incoming[..read]),
            }
        }
    }

    /// Whether the node has not closed the connection as far as is known; takes in what already came.
    pub(super) fn is_open(&mut self) -> bool {
        match self.stream.try_read(&mut self.incoming) {
            Ok(0) => false,
            Ok(read) => {
                self.decoder.feed(&self.incoming[..read]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Sends one command and waits for its reply, both within `within`.
    ///
    /// # Errors
    /// As [`RespClient::receive`], and [`ClientError::TimedOut`].
    pub(super) async fn call(
        &mut self,
        args: &[impl AsRef<[u8]>],
        within: Duration,
    ) -> Result<Frame, ClientError> {
        self.push(args);
        let exchange = async {
            self.flush().await?;
            self.receive().await
        };
        pulse::within(within, exchange).await.ok_or(ClientError::TimedOut(within))?
    }
}

/// Appends one command in RESP.
pub(super) fn encode(args: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
    let parts: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
    write_request(&parts, &mut |piece| out.extend_from_slice(piece));
}

/// The text of a line of a reply, for people: what is not UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[test]
    fn a_command_is_encoded_as_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        encode(&[&b"SET"[..], b"k", b""], &mut out);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_way_to_get_no_answer_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let limits = FrameLimits::default();

        let mut client = RespClient::connect(addr, limits, SOON).await.unwrap();
        assert!(matches!(client.call(&["PING"], SOON).await, Err(ClientError::TimedOut(_))));

        let mut client = RespClient::connect(addr, limits, SOON).await.unwrap();
        drop(listener.accept().await.unwrap());
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"HTTP/1.1 400\r\n").await.unwrap();
        assert!(matches!(client.receive().await, Err(ClientError::Protocol(_))));

        let mut client = RespClient::connect(addr, limits, SOON).await.unwrap();
        drop(listener.accept().await.unwrap());
        assert!(matches!(client.receive().await, Err(ClientError::Closed | ClientError::Broken(_))));

        // A port of our own on which nobody listens: one given back could be somebody else's by now.
        let mute = tokio::net::TcpSocket::new_v4().unwrap();
        mute.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = mute.local_addr().unwrap();
        assert!(matches!(RespClient::connect(addr, limits, SOON).await, Err(ClientError::Connect { .. })));
    }
}
