//! Which ports of 127.0.0.1 are free, and who holds those that are not.
//!
//! Owns the probe and the search for a free block. It must not know nodes or clusters.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

/// Most ports that one search for a free block probes.
const PROBES_MAX: u32 = 4096;

/// A port that a node cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// The port.
    pub port: u16,
    /// Who holds it, or why the system keeps it; `None` when that cannot be known.
    pub holder: Option<String>,
}

/// Those of the `count` ports from `first` on that cannot be had, except those that `ours` names.
///
/// Ports beyond 65535 count as taken.
pub fn taken_ports(first: u16, count: u16, ours: &[u16]) -> Vec<TakenPort> {
    let mut taken = Vec::new();
    for port in u32::from(first)..u32::from(first) + u32::from(count) {
        let Ok(port) = u16::try_from(port) else {
            let holder = Some("ports end at 65535".to_owned());
            taken.push(TakenPort { port: u16::MAX, holder });
            break;
        };
        if !ours.contains(&port) {
            taken.extend(taken_port(port));
        }
    }
    taken
}

/// Probes one port; `None` when it is free.
pub fn taken_port(port: u16) -> Option<TakenPort> {
    let holder = match probe(port) {
        Ok(()) => return None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => holder(port),
        // Windows answers WSAEACCES (10013) for a port in a range that Hyper-V or an administrator set aside:
        // nobody holds it, and waiting will not free it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && cfg!(windows) => {
            Some("reserved by Windows (an excluded port range)".to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Some("only an administrator may use it".to_owned())
        }
        Err(error) => Some(error.to_string()),
    };
    Some(TakenPort { port, holder })
}

/// First port after `after` that begins `count` free ports; `None` when the search found none.
pub fn next_free_block(after: u16, count: u16, ours: &[u16]) -> Option<u16> {
    let (mut first, mut free) = (after.checked_add(1)?, 0);
    for _ in 0..PROBES_MAX {
        let port = first.checked_add(free)?;
        if ours.contains(&port) || probe(port).is_ok() {
            free += 1;
            if free >= count.max(1) {
                return Some(first);
            }
        } else {
            first = port.checked_add(1)?;
            free = 0;
        }
    }
    None
}

/// Binds the port as a node would, and lets it go at once.
fn probe(port: u16) -> io::Result<()> {
    if port == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "0 is no port"));
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    // On Unix the option only ignores old connections in TIME_WAIT, as a restarted node must. On Windows it
    // would share the port with whoever holds it; without it a bind there is exclusive enough for a probe.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).into())?;
    // Linux lets two sockets with the option bind one port as long as none listens.
    socket.listen(1)
}

/// Who listens on `port`, as far as this system tells an ordinary user.
#[cfg(target_os = "linux")]
fn holder(port: u16) -> Option<String> {
    let (inode, uid) = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = std::fs::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|row| listener_row(row, port))
    })?;
    let socket = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // Other users' processes cannot be read; theirs is told by uid below.
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket.as_str())
        };
        if files.flatten().any(holds) {
            if pid == std::process::id() {
                return Some("this Repliscope".to_owned());
            }
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {pid})", name.trim_end()));
        }
    }
    Some(format!("a process of user {uid}"))
}

#[cfg(not(target_os = "linux"))]
fn holder(_port: u16) -> Option<String> {
    None
}

/// Inode and uid of a row of `/proc/net/tcp` that listens on `port`.
#[cfg(target_os = "linux")]
fn listener_row(row: &str, port: u16) -> Option<(u64, u32)> {
    const LISTEN: &str = "0A";
    let mut columns = row.split_whitespace();
    let local = columns.nth(1)?;
    let (_, local_port) = local.rsplit_once(':')?;
    let state = columns.nth(1)?;
    if state != LISTEN || u16::from_str_radix(local_port, 16) != Ok(port) {
        return None;
    }
    let uid = columns.nth(3)?.parse().ok()?;
    let inode = columns.nth(1)?.parse().ok()?;
    Some((inode, uid))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;

    /// A block of free ports that no other test of this process gets.
    pub(in crate::lab) fn free_block(count: u16) -> u16 {
        // Tests run at the same time, also in several processes: each begins elsewhere.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let step = NEXT.fetch_add(count + 1, Ordering::Relaxed);
        let start = 21_000 + (std::process::id() % 400) as u16 * 25;
        next_free_block(start + step, count, &[]).unwrap()
    }

    #[test]
    fn a_free_port_is_free_and_a_taken_one_names_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = taken_port(port).unwrap();
        assert_eq!(taken.port, port);
        if cfg!(target_os = "linux") {
            assert_eq!(taken.holder.as_deref(), Some("this Repliscope"));
        }
        drop(listener);
        assert_eq!(taken_port(port), None);
    }

    #[test]
    fn a_listener_on_every_address_counts_too() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        assert!(taken_port(listener.local_addr().unwrap().port()).is_some());
    }

    #[test]
    fn the_next_free_block_lies_behind_a_taken_port() {
        let first = free_block(6);
        let _held = TcpListener::bind(("127.0.0.1", first + 1)).unwrap();
        assert_eq!(next_free_block(first - 1, 2, &[]), Some(first + 2));
        assert_eq!(next_free_block(first - 1, 1, &[]), Some(first));
        assert_eq!(next_free_block(first - 1, 3, &[first + 1]), Some(first), "ours count as free");
        let taken: Vec<_> = taken_ports(first, 3, &[]).into_iter().map(|taken| taken.port).collect();
        assert_eq!(taken, [first + 1]);
        assert_eq!(taken_ports(first, 3, &[first + 1]), []);
    }

    #[test]
    fn ports_end_at_65535() {
        assert_eq!(next_free_block(65_535, 1, &[]), None);
        assert_eq!(taken_ports(65_535, 3, &[65_535]).len(), 1);
        assert!(taken_port(0).is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_listening_rows_of_the_port_count() {
        let row = "   0: 0100007F:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 x";
        assert_eq!(listener_row(row, 7001), Some((4711, 1000)));
        assert_eq!(listener_row(row, 7002), None);
        assert_eq!(listener_row(&row.replace(" 0A ", " 01 "), 7001), None);
        assert_eq!(listener_row("garbage", 7001), None);
    }
}
