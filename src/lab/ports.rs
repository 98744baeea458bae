//! Which ports of 127.0.0.1 are free, and who holds those that are not.
//!
//! Owns the probe and the search for a free block. It must not know nodes or clusters.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use repliscope_platform::{Refusal, listen, why_refused};

/// Most ports that one search for a free block probes.
const PROBES_MAX: u32 = 4096;

/// A port that a node cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// The port.
    pub port: u16,
    /// Who holds it or why the system keeps it, to be read on after "held by"; `None` when that cannot be known.
    pub holder: Option<String>,
}

/// Those of the `count` ports from `first` on that cannot be had, except those that `ours` names.
///
/// Ports beyond 65535 count as taken.
pub fn taken_ports(first: u16, count: u16, ours: &[u16]) -> Vec<TakenPort> {
    let mut taken = Vec::new();
    for port in u32::from(first)..u32::from(first) + u32::from(count) {
        let Ok(port) = u16::try_from(port) else {
            let holder = Some("nobody: ports end at 65535".to_owned());
            taken.push(TakenPort { port: u16::MAX, holder });
            break;
        };
        if !ours.contains(&port) {
            taken.extend(taken_port(port));
        }
    }
    taken
}

/// Whether a node can have the port; cheap, as it does not ask who else has it.
pub fn is_free(port: u16) -> bool {
    probe(port).is_ok()
}

/// Probes one port; `None` when it is free. To find out who holds it may take seconds.
pub fn taken_port(port: u16) -> Option<TakenPort> {
    let error = probe(port).err()?;
    let holder = match why_refused(address(port), &error) {
        Refusal::InUse { holder } => holder,
        Refusal::Kept { keeper } => Some(keeper),
        Refusal::Other => Some(error.to_string()),
    };
    Some(TakenPort { port, holder })
}

/// First port after `after` that begins `count` free ports; `None` when the search found none.
pub fn next_free_block(after: u16, count: u16, ours: &[u16]) -> Option<u16> {
    let (mut first, mut free) = (after.checked_add(1)?, 0);
    for _ in 0..PROBES_MAX {
        let port = first.checked_add(free)?;
        if ours.contains(&port) || is_free(port) {
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
    listen(address(port), 1).map(drop)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
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
        // Wine does not tell; `repliscope_platform` tests what Windows does.
        if !cfg!(windows) {
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
}
