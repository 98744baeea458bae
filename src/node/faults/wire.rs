//! The replica's end of a link's connection, with whatever is wrong with it.
//!
//! As long as nothing is, reading and writing are those of the socket: one test for each call, none for each byte.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, sleep_until};

use super::lane::{Lane, Rules};

/// Bytes read from the master at once.
pub(in crate::node) const READ: usize = 256 * 1024;
/// Bytes that are read ahead while a line is slow or late; more of them wait in the socket, and then at the master.
const HELD_MAX: usize = 4 * 1024 * 1024;
/// Bytes that may wait to be sent: a replica sends little, and much of it waits only while nothing gets out.
const UNSENT_MAX: usize = 1024 * 1024;
/// Bytes of each direction that a slow line has taken up.
const SLOW_HELD_MAX: usize = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub(in crate::node) struct Wire {
    stream: TcpStream,
    /// `None` as long as nothing is wrong.
    faulty: Option<Box<Faulty>>,
}

/// The two directions of a connection with something wrong.
#[derive(Debug)]
struct Faulty {
    began: Instant,
    inbound: Lane,
    outbound: Lane,
    /// Due, and not taken by the socket yet.
    unsent: Vec<u8>,
    scratch: Vec<u8>,
    /// How the connection ended, to be told when all that came before has arrived.
    end: Option<io::Result<()>>,
}

impl Wire {
    pub(in crate::node) fn new(stream: TcpStream) -> Self {
        Self { stream, faulty: None }
    }

    pub(in crate::node) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// From now on this is wrong with what comes in and with what goes out.
    pub(in crate::node) fn set_rules(&mut self, inbound: Rules, outbound: Rules) {
        let healthy = inbound == Rules::default() && outbound == Rules::default();
        match &mut self.faulty {
            None if healthy => {}
            None => self.faulty = Some(Box::new(Faulty::new(inbound, outbound))),
            Some(faulty) => {
                let now = faulty.now();
                faulty.inbound.set_rules(now, inbound);
                faulty.outbound.set_rules(now, outbound);
            }
        }
    }

    /// Reads what has arrived to the end of `into`. Nothing is lost if this is given up.
    ///
    /// # Errors
    /// As the socket says. `Ok(0)` is the end of the connection.
    pub(in crate::node) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let Some(faulty) = &mut self.faulty else { return self.stream.read_buf(into).await };
        if faulty.is_healed() {
            self.faulty = None;
            return self.stream.read_buf(into).await;
        }
        faulty.read(&self.stream, into).await
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// As the socket says, or too much waits to be sent.
    pub(in crate::node) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(faulty) = &mut self.faulty else { return self.stream.write_all(bytes).await };
        if faulty.outbound.held() + faulty.unsent.len() + bytes.len() > UNSENT_MAX {
            return Err(io::Error::other("too much waits to be sent"));
        }
        let now = faulty.now();
        faulty.outbound.push(now, bytes.to_vec());
        faulty.send_due(&self.stream);
        Ok(())
    }

    /// Lets the end of this connection be a RST: what its peer sees when something in between breaks it.
    pub(in crate::node) fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

impl Faulty {
    fn new(inbound: Rules, outbound: Rules) -> Self {
        Self {
            began: Instant::now(),
            inbound: Lane::new(inbound),
            outbound: Lane::new(outbound),
            unsent: Vec::new(),
            scratch: Vec::new(),
            end: None,
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Nothing is wrong any more, and nothing waits.
    fn is_healed(&self) -> bool {
        let clear = |lane: &Lane| *lane.rules() == Rules::default() && lane.held() == 0;
        clear(&self.inbound) && clear(&self.outbound) && self.unsent.is_empty() && self.end.is_none()
    }

    async fn read(&mut self, stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            // Bytes that come one by one are always ready: others on this thread come in between.
            tokio::task::yield_now().await;
            self.send_due(stream);
            let now = self.now();
            let count = self.inbound.take(now, into);
            if count > 0 {
                return Ok(count);
            }
            if self.inbound.held() == 0
                && !self.inbound.rules().holds
                && let Some(end) = self.end.take()
            {
                return end.map(|()| 0);
            }
            let due = [self.inbound.next(), self.outbound.next().filter(|_| self.unsent.is_empty())];
            let due = due.into_iter().flatten().min().map(|due| self.began + due);
            let held_max =
                if self.inbound.rules().bytes_per_second.is_some() { SLOW_HELD_MAX } else { HELD_MAX };
            // While everything is held, the end of the connection is not seen either.
            let may_read =
                self.end.is_none() && !self.inbound.rules().holds && self.inbound.held() < held_max;
            let blocked = !self.unsent.is_empty() && self.end.is_none();
            tokio::select! {
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                _ = stream.writable(), if blocked => {}
                _ = stream.readable(), if may_read => self.read_ahead(stream, READ.min(held_max)),
                else => std::future::pending().await,
            }
        }
    }

    /// Takes what has come from the socket onto its way.
    fn read_ahead(&mut self, stream: &TcpStream, room: usize) {
        self.scratch.clear();
        self.scratch.reserve(room);
        match stream.try_read_buf(&mut self.scratch) {
            Ok(0) => self.end = Some(Ok(())),
            Ok(_) => self.inbound.push(self.began.elapsed(), self.scratch.clone()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.end = Some(Err(error)),
        }
    }

    /// Sends what is due, as far as the socket takes it.
    fn send_due(&mut self, stream: &TcpStream) {
        while self.end.is_none() {
            if self.unsent.is_empty() {
                let now = self.began.elapsed();
                if self.outbound.take(now, &mut self.unsent) == 0 {
                    return;
                }
            }
            match stream.try_write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.end = Some(Err(error)),
            }
        }
    }
}

/// Connects from the address `source`. If that is not to be had here, then from any: as in Redis, a link from another
/// address is better than none.
pub(in crate::node) async fn connect_from(
    source: Option<&str>,
    host: &str,
    port: u16,
) -> io::Result<TcpStream> {
    let mut failure = None;
    if let Some(source) = source
        && let Ok(sources) = lookup_host((source, 0)).await
    {
        let sources: Vec<SocketAddr> = sources.collect();
        for address in lookup_host((host, port)).await? {
            let fits = |source: &&SocketAddr| source.is_ipv4() == address.is_ipv4();
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if !sources.iter().filter(fits).any(|source| socket.bind(*source).is_ok()) {
                continue;
            }
            match socket.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Some(error),
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => TcpStream::connect((host, port)).await,
    }
}
