//! Properties of a command.

/// Properties of a command, as COMMAND INFO lists them. Combine with [`Flags::or`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Changes the data set: refused on a read-only replica.
    pub const WRITE: Self = Self(1);
    /// Reads the data set.
    pub const READONLY: Self = Self(1 << 1);
    /// May use more memory: refused when over `maxmemory`.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For administrators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Allowed while the data set loads.
    pub const LOADING: Self = Self(1 << 4);
    /// Allowed on a replica whose link is down, with `replica-serve-stale-data no`.
    pub const STALE: Self = Self(1 << 5);
    /// O(1) or O(log n).
    pub const FAST: Self = Self(1 << 6);
    /// Allowed before AUTH.
    pub const NO_AUTH: Self = Self(1 << 7);
    /// Refused inside MULTI.
    pub const NO_MULTI: Self = Self(1 << 8);
    /// May be refused in scripts.
    pub const NOSCRIPT: Self = Self(1 << 9);
    /// May wait.
    pub const BLOCKING: Self = Self(1 << 10);
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 11);
    /// Refused while another data set loads beside the one that serves (`repl-diskless-load swapdb`).
    pub const NO_ASYNC_LOADING: Self = Self(1 << 12);
    /// Keys do not stand at fixed places.
    pub const MOVABLEKEYS: Self = Self(1 << 13);
    /// Publishes messages.
    pub const PUBSUB: Self = Self(1 << 14);
    /// Never counts as a write, yet may be refused when writes are paused.
    pub const MAY_REPLICATE: Self = Self(1 << 15);
    /// Not noted in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 16);
    /// Allowed while a script runs for too long.
    pub const ALLOW_BUSY: Self = Self(1 << 17);
    /// Needs a parameter that allows it (`enable-debug-command`, `enable-module-command`). COMMAND INFO hides it.
    pub const PROTECTED: Self = Self(1 << 18);
    /// Follows a redirection of a cluster by itself, as ASKING does for the next command.
    pub const ASKING: Self = Self(1 << 19);
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is set.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
