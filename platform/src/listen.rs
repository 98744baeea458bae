//! Listening sockets that nobody else can share, and who or what is in the way of one.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use listeners::{Protocol, SocketState};
use socket2::{Domain, Socket, Type};

/// How long the search for a port's holder may take. It reads what all processes hold, which some systems do slowly.
const SEARCH_WITHIN: Duration = Duration::from_secs(1);

/// Binds `addr` and listens there; the listener does not block. Nobody else may take connections that are meant for
/// it, which on Windows takes an option of its own: there any program may else share the port.
///
/// Everything that listens, and everything that probes whether one could, calls this: so they cannot disagree.
///
/// # Errors
/// What the system answers; [`why_refused`] says more.
pub fn listen(addr: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(socket2::Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(windows)]
    crate::windows::set_exclusive(&socket)?;
    // On Unix this only skips the wait for old connections, as a restarted node must; on Windows it would share the
    // port with whoever holds it.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    // Linux lets two sockets bind one port as long as none listens.
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Why [`listen`] failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A program listens there.
    InUse {
        /// The program, as far as the system tells an ordinary user.
        holder: Option<String>,
    },
    /// Nobody listens, but the system keeps the port.
    Kept {
        /// Who keeps it, why, and where that can be seen; reads on after "held by".
        keeper: String,
    },
    /// Nothing about the port: what the error says.
    Other,
}

/// Finds out what is in the way, within three seconds: it may look at all processes and, on Windows, run a program of
/// the system.
pub fn why_refused(addr: SocketAddr, error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::AddrInUse => Refusal::InUse { holder: holder(addr) },
        // Windows answers "access denied" (10013) for two reasons that need different answers: for a port that
        // another program shares or holds exclusively, and for one in a range that was set aside.
        io::ErrorKind::PermissionDenied if cfg!(windows) => match holder(addr) {
            Some(holder) => Refusal::InUse { holder: Some(holder) },
            None => Refusal::Kept { keeper: crate::excluded_ports::keeper(addr.port()) },
        },
        io::ErrorKind::PermissionDenied => {
            Refusal::Kept { keeper: "the system, for administrators only".to_owned() }
        }
        _ => Refusal::Other,
    }
}

/// Who listens at `addr` or at every address of its port; `None` if the system does not tell, or not soon enough.
fn holder(addr: SocketAddr) -> Option<String> {
    let (send, found) = mpsc::channel();
    let search = move || {
        // Nobody waits any more if it took too long.
        let _ = send.send(find_holder(addr));
    };
    thread::Builder::new().name("port-holder".to_owned()).spawn(search).ok()?;
    found.recv_timeout(SEARCH_WITHIN).ok()?
}

fn find_holder(addr: SocketAddr) -> Option<String> {
    let in_the_way = |ip: IpAddr| ip == addr.ip() || ip.is_unspecified() || addr.ip().is_unspecified();
    // Not `get_process_by_port`: that also takes connections, of which the port may have some left.
    let listeners = listeners::get_all().ok()?.into_iter();
    let process = listeners
        .filter(|held| held.protocol == Protocol::TCP && held.state == SocketState::Listen)
        .filter(|held| held.socket.port() == addr.port() && in_the_way(held.socket.ip()))
        .map(|held| held.process)
        // The answer must not depend on the order of a hash set.
        .min_by_key(|process| process.pid)?;
    Some(if process.pid == std::process::id() {
        "this Repliscope".to_owned()
    } else {
        format!("{} (pid {})", process.name, process.pid)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ANY_PORT: &str = "127.0.0.1:0";

    fn refusal(addr: SocketAddr) -> Refusal {
        why_refused(addr, &listen(addr, 1).unwrap_err())
    }

    #[track_caller]
    fn assert_held_by_us(refusal: &Refusal) {
        // Wine does not tell who listens.
        #[cfg(windows)]
        if crate::windows::is_wine() {
            return assert_ne!(*refusal, Refusal::Other);
        }
        assert_eq!(*refusal, Refusal::InUse { holder: Some("this Repliscope".to_owned()) });
    }

    #[test]
    fn a_second_socket_cannot_take_the_port_even_if_it_offers_to_share() {
        let listener = listen(ANY_PORT.parse().unwrap(), 1).unwrap();
        let addr = listener.local_addr().unwrap();
        #[cfg(windows)]
        assert!(crate::windows::is_exclusive(&socket2::SockRef::from(&listener)).unwrap());
        for taken in [addr, SocketAddr::from(([0, 0, 0, 0], addr.port()))] {
            let thief = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            thief.set_reuse_address(true).unwrap();
            let stolen = thief.bind(&taken.into()).and_then(|()| thief.listen(1));
            assert!(stolen.is_err(), "{taken} was shared");
        }
    }

    #[test]
    fn our_own_listener_is_named_as_ours() {
        let held = listen(ANY_PORT.parse().unwrap(), 1).unwrap();
        assert_held_by_us(&refusal(held.local_addr().unwrap()));
    }

    #[test]
    fn a_listener_on_every_address_is_in_the_way_of_each() {
        let held = listen("0.0.0.0:0".parse().unwrap(), 1).unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], held.local_addr().unwrap().port()));
        assert_held_by_us(&refusal(addr));
    }

    #[test]
    fn a_port_is_free_again_once_its_listener_is_gone() {
        let held = listen(ANY_PORT.parse().unwrap(), 1).unwrap();
        let addr = held.local_addr().unwrap();
        drop(held);
        assert!(listen(addr, 1).is_ok());
    }

    #[test]
    fn an_error_that_is_not_about_the_port_stays_what_it_is() {
        // 192.0.2.0/24 is set aside for documentation: no machine has such an address.
        assert_eq!(refusal("192.0.2.1:0".parse().unwrap()), Refusal::Other);
    }

    #[test]
    fn access_denied_without_a_listener_means_that_the_system_keeps_the_port() {
        let free = listen(ANY_PORT.parse().unwrap(), 1).unwrap().local_addr().unwrap();
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(matches!(why_refused(free, &denied), Refusal::Kept { .. }));
        let held = listen(free, 1).unwrap();
        // Unix denies access for no such reason.
        if cfg!(windows) {
            assert_held_by_us(&why_refused(held.local_addr().unwrap(), &denied));
        }
    }
}
