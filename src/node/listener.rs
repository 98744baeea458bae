//! Listening sockets, exclusive ones: nobody else may take connections that are meant for this node.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use super::client::Client;
use super::config::Config;
use super::session::Session;
use super::state::Shared;

/// Why a node cannot listen.
#[derive(Debug, thiserror::Error)]
pub(super) enum BindError {
    #[error("port {0} is in use by another program")]
    InUse(u16),
    #[error("the system reserves port {0} (excluded port range, or a privileged port)")]
    Reserved(u16),
    #[error("'{0}' is no address to listen on")]
    BadAddress(String),
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

impl BindError {
    /// The line that Redis' own test harness waits for.
    pub(super) fn log_line(&self) -> String {
        let port = match self {
            Self::InUse(port) | Self::Reserved(port) => *port,
            Self::Other(addr, _) => addr.port(),
            Self::BadAddress(_) => 0,
        };
        let tell = match self {
            Self::InUse(_) => "bind: Address already in use".to_owned(),
            other => other.to_string(),
        };
        format!("Failed listening on port {port} (TCP), aborting. {tell}")
    }
}

/// Binds every address of `bind`; one that starts with `-` may be missing on this machine. With port 0 the
/// system chooses the port, the same for every address; `config.port` is the true one afterwards.
pub(super) fn bind(config: &mut Config) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for address in &config.bind {
        let (optional, text) = match address.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, address.as_str()),
        };
        let ip = match text {
            "*" => IpAddr::from([0, 0, 0, 0]),
            "::*" => IpAddr::from([0u16; 8]),
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            text => text.parse().map_err(|_| BindError::BadAddress(text.to_owned()))?,
        };
        let addr = SocketAddr::new(ip, config.port);
        match listen(addr, config.tcp_backlog) {
            Ok(listener) => {
                if config.port == 0 {
                    config.port = listener.local_addr().map_or(0, |addr| addr.port());
                }
                listeners.push(listener);
            }
            Err(error) if optional && error.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(error) => {
                return Err(match error.kind() {
                    io::ErrorKind::AddrInUse => BindError::InUse(config.port),
                    io::ErrorKind::PermissionDenied => BindError::Reserved(config.port),
                    _ => BindError::Other(addr, error),
                });
            }
        }
    }
    Ok(listeners)
}

fn listen(addr: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // On Unix this only skips the wait for old connections; on Windows it would let others steal the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(511))?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Accepts clients until the node ends.
pub(super) async fn accept(shared: Shared, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => welcome(&shared, stream, peer),
            Err(error) => {
                // Mostly no more file handles: give connections time to end.
                shared.borrow_mut().warning(format!("Accepting client connection: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn welcome(shared: &Shared, stream: TcpStream, peer: SocketAddr) {
    let mut guard = shared.borrow_mut();
    let node = &mut *guard;
    node.stats.connections += 1;
    if node.clients.len() >= node.config.maxclients as usize {
        node.stats.rejected_connections += 1;
        // Best effort: the socket's buffer is empty, so this is sent unless the client is gone.
        let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
        return;
    }
    let _ = stream.set_nodelay(true);
    if !node.config.tcp_keepalive.is_zero() {
        let keepalive = TcpKeepalive::new().with_time(node.config.tcp_keepalive);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    }
    let local = stream.local_addr().unwrap_or(peer);
    let id = node.next_client;
    node.next_client += 1;
    let client = Rc::new(Client::new(id, peer, local, node.clock.since_start()));
    node.clients.insert(id, Rc::clone(&client));
    let session = Session::new(Rc::clone(&client), node.config.requirepass.is_none());
    let exit = Rc::clone(&node.exit);
    drop(guard);
    let connection = super::connection::Connection::new(Rc::clone(shared), stream, session, Rc::clone(&exit));
    let task = tokio::task::spawn_local(super::runtime::guarded(exit, connection.run()));
    *client.task.borrow_mut() = Some(task.abort_handle());
}
