//! How many files and sockets this process may have open at once: all nodes in it share that number.

use std::io;

/// What came of a wish for more open files.
#[derive(Debug)]
pub struct OpenFiles {
    /// The limit now.
    pub limit: u64,
    /// The limit before.
    pub before: u64,
    /// Why it is less than what was wished for.
    pub error: Option<io::Error>,
}

/// Raises the limit on open files to `wanted`, or as far as the system lets it; `None` where there is no such limit.
pub fn allow_open_files(wanted: u64) -> Option<OpenFiles> {
    #[cfg(unix)]
    return unix::allow(wanted);
    #[cfg(not(unix))]
    {
        let _ = wanted;
        None
    }
}

/// Whether fewer than `kept` descriptors are left behind that of `socket`. A new descriptor is always the lowest one
/// that is free, so its number tells how many there are.
#[cfg(unix)]
pub fn is_beyond(socket: &impl std::os::fd::AsRawFd, kept: u64) -> bool {
    let number = u64::try_from(socket.as_raw_fd()).unwrap_or(u64::MAX);
    unix::limit().is_some_and(|limit| number.saturating_add(kept) >= limit)
}

/// Sockets are bounded by memory alone here.
#[cfg(not(unix))]
pub fn is_beyond<S>(_: &S, _: u64) -> bool {
    false
}

#[cfg(unix)]
mod unix {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::OpenFiles;

    /// `None` for no limit.
    pub(super) fn limit() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    pub(super) fn allow(wanted: u64) -> Option<OpenFiles> {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let before = current?;
        // No call tells the greatest limit that is granted: it is found by halving what lies between.
        let (mut granted, mut refused, mut error) = (before, wanted.saturating_add(1), None);
        let mut tried = wanted;
        while granted < tried {
            // Only an administrator may raise the maximum too.
            let raised = Rlimit { current: Some(tried), maximum: maximum.map(|most| most.max(tried)) };
            match setrlimit(Resource::Nofile, raised) {
                Ok(()) => granted = tried,
                Err(refusal) => (refused, error) = (tried, Some(refusal.into())),
            }
            tried = granted + (refused - granted) / 2;
        }
        Some(OpenFiles { limit: granted, before, error: if granted < wanted { error } else { None } })
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_wish_is_granted_or_answered_with_the_limit_and_a_reason() {
        let now = allow_open_files(1).unwrap();
        assert_eq!((now.limit, now.error.is_none()), (now.before, true), "less is never set");
        let more = allow_open_files(now.limit + 1).unwrap();
        assert!(more.limit == now.limit + 1 || more.error.is_some());
        // More than any system grants, and an answer in no time.
        let most = allow_open_files(u64::MAX / 4).unwrap();
        assert!(most.limit >= more.limit && most.limit < u64::MAX / 4 && most.error.is_some(), "{most:?}");
        assert_eq!(allow_open_files(most.limit).unwrap().limit, most.limit);
    }

    #[test]
    fn the_number_of_a_socket_tells_how_many_descriptors_are_left() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let limit = allow_open_files(1).unwrap().limit;
        assert!(!is_beyond(&socket, 0) && is_beyond(&socket, limit));
    }
}
