//! `unixsocket`: a socket in the file system, for clients on the same machine. There is none on Windows.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;

use crate::node::node::{Node, Shared};

/// The socket; its file goes with it.
#[derive(Debug)]
pub(in crate::node) struct UnixSocket {
    path: PathBuf,
    task: AbortHandle,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        self.task.abort();
        // Somebody may have taken it away already.
        let _ = fs::remove_file(&self.path);
    }
}

impl Node {
    /// Listens where `unixsocket` says, if it says anything.
    ///
    /// # Errors
    /// Why that is impossible, in words for the log.
    pub(in crate::node) fn listen_on_unix_socket(&mut self) -> Result<(), String> {
        let name = self.config.text("unixsocket").to_owned();
        if name.is_empty() {
            return Ok(());
        }
        let path = self.config.dir.join(&name);
        let mode = self.config.integer("unixsocketperm") as u32;
        let listener =
            bind(&path, mode).map_err(|error| format!("Failed opening Unix socket: {name}: {error}"))?;
        let Some(shared) = self.me.upgrade() else { return Ok(()) };
        let task = accept(shared, listener, name);
        let task = self.spawn(task);
        self.clients.unix_socket = Some(UnixSocket { path, task });
        Ok(())
    }
}

fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
    // As Redis does: whatever has the name makes room, be it a socket that a killed server left or a file. A directory
    // stays, for some systems let the super-user unlink one with all that is in it.
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_dir()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    if mode != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(listener)
}

async fn accept(shared: Shared, listener: UnixListener, name: String) {
    // For checks of who is local; what is shown is the path.
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    loop {
        let accepted = listener.accept().await.and_then(|(stream, _)| as_stream(stream));
        match accepted {
            Ok(stream) => super::listener::welcome(&shared, stream, nowhere, Some(&name)),
            Err(error) => {
                shared.borrow_mut().warning(format!("Accepting client connection: {error}"));
                tokio::time::sleep(super::listener::ACCEPT_AGAIN).await;
            }
        }
    }
}

/// The same socket under the type that connections are made for: reading and writing are the same calls, and options of
/// TCP are refused by the system.
fn as_stream(stream: UnixStream) -> io::Result<TcpStream> {
    TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(stream.into_std()?)))
}
