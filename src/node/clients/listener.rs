//! The node's listening sockets, and how it welcomes those who connect.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use repliscope_platform::{Refusal, why_refused};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::client::{Client, is_here};
use super::descriptors::{Counted, kept};
use super::session::Session;
use crate::node::config::Config;
use crate::node::node::{Node, Shared};

/// Pause after a connection that could not be accepted.
pub(super) const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why a node cannot listen.
#[derive(Debug, thiserror::Error)]
pub(in crate::node) enum BindError {
    #[error("port {0} is in use by another program")]
    InUse(u16),
    #[error("port {0} is held by {1}")]
    Reserved(u16, String),
    #[error("'{0}' is no address to listen on")]
    BadAddress(String),
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

impl BindError {
    /// The line that Redis' own test harness waits for.
    pub(in crate::node) fn log_line(&self) -> String {
        let port = match self {
            Self::InUse(port) | Self::Reserved(port, _) => *port,
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

/// Binds what the configuration names at the start: nothing with port 0, unless `any_free_port` is asked for.
pub(in crate::node) fn bind_at_start(
    config: &mut Config,
    any_free_port: bool,
) -> Result<Vec<TcpListener>, BindError> {
    if any_free_port {
        config.port = 0;
    } else if config.port == 0 {
        return Ok(Vec::new());
    }
    bind(config)
}

/// Binds every address of `bind`; one that starts with `-` may be missing on this machine. With port 0 the
/// system chooses the port, the same for every address; `config.port` is the true one afterwards.
fn bind(config: &mut Config) -> Result<Vec<TcpListener>, BindError> {
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
        let listener = repliscope_platform::listen(addr, config.tcp_backlog).and_then(TcpListener::from_std);
        match listener {
            Ok(listener) => {
                if config.port == 0 {
                    config.port = listener.local_addr().map_or(0, |addr| addr.port());
                }
                listeners.push(listener);
            }
            Err(error) if optional && error.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(error) => {
                if error.kind() == io::ErrorKind::AddrInUse {
                    return Err(BindError::InUse(config.port));
                }
                return Err(match why_refused(addr, &error) {
                    Refusal::InUse { .. } => BindError::InUse(config.port),
                    Refusal::Kept { keeper } => BindError::Reserved(config.port, keeper),
                    Refusal::Other => BindError::Other(addr, error),
                });
            }
        }
    }
    Ok(listeners)
}

/// A socket that listens, until somebody takes it away.
type Slot = Rc<RefCell<Option<TcpListener>>>;

/// The sockets on which a node accepts clients.
#[derive(Debug, Default)]
pub(in crate::node) struct Listening(Vec<(Slot, AbortHandle)>, Counted);

impl Listening {
    /// Nobody can connect over TCP.
    pub(in crate::node) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Closes all of them at once: the ports are free when this returns.
    fn close(&mut self) {
        for (slot, task) in self.0.drain(..) {
            slot.borrow_mut().take();
            task.abort();
        }
    }
}

impl Node {
    /// Accepts clients on these sockets, and no more on those from before.
    pub(in crate::node) fn accept_on(&mut self, listeners: Vec<TcpListener>) {
        self.clients.listening.close();
        let Some(shared) = self.me.upgrade() else { return };
        for listener in listeners {
            let slot = Rc::new(RefCell::new(Some(listener)));
            let task = accept(Rc::clone(&shared), Rc::clone(&slot));
            let task = self.spawn(task);
            self.clients.listening.0.push((slot, task));
        }
    }

    /// CONFIG SET of `port` or `bind`: listens as the configuration says now; port 0 is none at all.
    ///
    /// # Errors
    /// Not all of it can be had. The node then still listens as it did before.
    pub(in crate::node) fn listen_anew(&mut self, before: &Config) -> Result<(), BindError> {
        if self.config.port == 0 {
            self.clients.listening.close();
            return Ok(());
        }
        let mut listeners = bind(&mut self.config);
        if listeners.is_err() && self.config.port == before.port {
            // Another address of a port that is in use by this node itself.
            self.clients.listening.close();
            listeners = bind(&mut self.config);
        }
        let outcome = match listeners {
            Ok(listeners) => {
                self.accept_on(listeners);
                return Ok(());
            }
            Err(error) => Err(error),
        };
        if self.clients.listening.is_empty() && before.port != 0 {
            match bind(&mut before.clone()) {
                Ok(listeners) => self.accept_on(listeners),
                Err(error) => self.warning(error.log_line()),
            }
        }
        outcome
    }
}

/// Accepts clients until the socket is taken away.
async fn accept(shared: Shared, slot: Slot) {
    let mut is_told = false;
    loop {
        let accepted = poll_fn(|cx| match &*slot.borrow() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        });
        match accepted.await {
            Some(Ok((stream, peer))) => {
                is_told = false;
                welcome(&shared, stream, peer, None);
            }
            Some(Err(error)) => {
                // Mostly no more file handles: give connections time to end.
                if !std::mem::replace(&mut is_told, true) {
                    shared.borrow_mut().warning(format!("Accepting client connection: {error}"));
                }
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
            None => return,
        }
    }
}

/// What a stranger is told while `protected-mode` keeps him out.
const DENIED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is \
    set for the default user. In this mode connections are only accepted from the loopback interface. If you want to \
    connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected \
    mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from \
    the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do \
    so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by \
    editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the \
    server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. \
    4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in \
    order for the server to start accepting connections from the outside.\r\n";

impl Node {
    /// Why a connection from there is not served, as the line that it gets.
    fn refusal(&self, stream: &TcpStream, peer: SocketAddr, path: Option<&str>) -> Option<&'static str> {
        let are_enough = self.clients.by_id.len() >= self.config.maxclients as usize;
        if are_enough || repliscope_platform::is_beyond(stream, kept()) {
            return Some("-ERR max number of clients reached\r\n");
        }
        let is_open = !self.config.protected_mode || self.config.requirepass.is_some();
        (!is_open && path.is_none() && !is_here(peer)).then_some(DENIED)
    }
}

/// Makes a client of a connection; `path` is where it came in, if that is a socket in the file system.
pub(super) fn welcome(shared: &Shared, stream: TcpStream, peer: SocketAddr, path: Option<&str>) {
    let mut guard = shared.borrow_mut();
    let node = &mut *guard;
    if let Some(refusal) = node.refusal(&stream, peer, path) {
        node.figures.stats.rejected_connections += 1;
        // Past the runtime, which does not know yet that the socket can be written to. Best effort: its buffer is
        // empty, so this is sent unless the client is gone.
        let _ = SockRef::from(&stream).send(refusal.as_bytes());
        return;
    }
    node.figures.stats.connections += 1;
    let _ = stream.set_nodelay(true);
    if !node.config.tcp_keepalive.is_zero() {
        let keepalive = TcpKeepalive::new().with_time(node.config.tcp_keepalive);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    }
    let local = stream.local_addr().unwrap_or(peer);
    let id = node.clients.next_client;
    node.clients.next_client += 1;
    let mut client = Client::new(id, peer, local, node.clock.since_start());
    client.unix_path = path.map(ToOwned::to_owned);
    let client = Rc::new(client);
    node.clients.by_id.insert(id, Rc::clone(&client));
    let session = Session::new(Rc::clone(&client), node.config.requirepass.is_none());
    let exit = Rc::clone(&node.exit);
    let connection = super::connection::Connection::new(Rc::clone(shared), stream, session, exit);
    *client.task.borrow_mut() = Some(node.spawn(connection.run()));
}
