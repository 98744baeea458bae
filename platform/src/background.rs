//! A process among others: a session of its own, stopping itself, a word to who supervises it.

use std::ffi::OsStr;
use std::io;

/// Makes this process the first of a new session, which no terminal controls.
///
/// # Errors
/// It leads a group of processes already, or the system has no sessions.
pub fn begin_session() -> io::Result<()> {
    #[cfg(unix)]
    return rustix::process::setsid().map(drop).map_err(io::Error::from);
    #[cfg(not(unix))]
    return Err(io::ErrorKind::Unsupported.into());
}

/// Stops this process as SIGSTOP does, until somebody lets it go on. Nothing where there are no signals.
pub fn stop_this_process() {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        // A process may always signal itself.
        let _ = kill_process(getpid(), Signal::STOP);
    }
}

/// Sends one datagram to a unix socket, whose name begins with `@` if it is no file.
///
/// # Errors
/// Nobody listens there, or the system has no such sockets.
pub fn send_datagram(socket: &OsStr, bytes: &[u8]) -> io::Result<()> {
    #[cfg(unix)]
    {
        let sender = std::os::unix::net::UnixDatagram::unbound()?;
        #[cfg(target_os = "linux")]
        if let Some(name) = std::os::unix::ffi::OsStrExt::as_bytes(socket).strip_prefix(b"@") {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            return sender.send_to_addr(bytes, &address).map(drop);
        }
        sender.send_to(bytes, socket).map(drop)
    }
    #[cfg(not(unix))]
    {
        let _ = (socket, bytes);
        Err(io::ErrorKind::Unsupported.into())
    }
}
