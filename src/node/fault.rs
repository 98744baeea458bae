//! What can be wrong with a link: the words in which a fault is asked for, told and kept in the journal.
//!
//! Owns no time: how long a fault lasts is the business of whoever begins and ends it. What a fault does is in `wire`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which bytes of a link a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// Both ways.
    Both,
    /// What the master sends: snapshots and the stream.
    ToReplica,
    /// What the replica sends: the handshake and its ACKs.
    ToMaster,
}

impl Way {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Both, Self::ToReplica, Self::ToMaster];

    pub(super) fn includes(self, one: Self) -> bool {
        self == Self::Both || self == one
    }
}

/// Something that is wrong. Faults of a link sit in the driver at the replica's end of it, so that ports, and with
/// them INFO and ROLE, stay true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The connection is dropped, and new ones are refused.
    Cut,
    /// Bytes of one direction are held. They are not lost and keep their order: at the end all of them arrive, unless
    /// an end has given the connection up. New connections get no answer.
    OneWayCut {
        /// Which bytes are held.
        way: Way,
    },
    /// The same for both directions: each end sees only silence.
    BlackHole,
    /// Bytes arrive later.
    Latency {
        /// Which bytes.
        way: Way,
        /// By at least this much, …
        delay: Duration,
        /// … and up to this much more, by chance. Bytes never overtake each other.
        jitter: Duration,
        /// Where chance begins: the same seed gives the same delays.
        seed: u64,
    },
    /// Bytes arrive no faster than this.
    Bandwidth {
        /// Which bytes.
        way: Way,
        /// How many of them a second, at least 1.
        bytes_per_second: u64,
    },
    /// The connection is dropped with a RST; while the fault lasts, each new one is too.
    Reset {
        /// How old a connection becomes while the fault lasts.
        every: Duration,
    },
    /// Bytes arrive one by one: whoever reads gets the smallest pieces there are.
    Chunks {
        /// Which bytes.
        way: Way,
    },
}

/// Which fault it is, whatever its figures: a link has at most one of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the fault of the same name")]
pub enum FaultKind {
    Cut,
    OneWayCut,
    BlackHole,
    Latency,
    Bandwidth,
    Reset,
    Chunks,
}

impl Fault {
    /// Which fault it is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Cut => FaultKind::Cut,
            Self::OneWayCut { .. } => FaultKind::OneWayCut,
            Self::BlackHole => FaultKind::BlackHole,
            Self::Latency { .. } => FaultKind::Latency,
            Self::Bandwidth { .. } => FaultKind::Bandwidth,
            Self::Reset { .. } => FaultKind::Reset,
            Self::Chunks { .. } => FaultKind::Chunks,
        }
    }
}

impl FaultKind {
    /// It is about a link, and not about a node.
    pub fn is_of_link(self) -> bool {
        match self {
            Self::Cut
            | Self::OneWayCut
            | Self::BlackHole
            | Self::Latency
            | Self::Bandwidth
            | Self::Reset
            | Self::Chunks => true,
        }
    }

    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 7] = [
        Self::Cut,
        Self::OneWayCut,
        Self::BlackHole,
        Self::Latency,
        Self::Bandwidth,
        Self::Reset,
        Self::Chunks,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::OneWayCut => "one-way cut",
            Self::BlackHole => "black hole",
            Self::Latency => "latency",
            Self::Bandwidth => "bandwidth limit",
            Self::Reset => "reset",
            Self::Chunks => "1-byte chunks",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the way adds to the name of a fault; both ways are nothing special.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "",
            Self::ToReplica => " to the replica",
            Self::ToMaster => " to the master",
        })
    }
}

/// The name with its figures: `latency of 200ms + up to 50ms to the replica`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind();
        match self {
            Self::Cut | Self::BlackHole => write!(f, "{name}"),
            Self::OneWayCut { way } | Self::Chunks { way } => write!(f, "{name}{way}"),
            Self::Latency { way, delay, jitter, .. } if jitter.is_zero() => {
                write!(f, "{name} of {delay:?}{way}")
            }
            Self::Latency { way, delay, jitter, .. } => {
                write!(f, "{name} of {delay:?} + up to {jitter:?}{way}")
            }
            Self::Bandwidth { way, bytes_per_second } => {
                write!(f, "{name} of {bytes_per_second} bytes/s{way}")
            }
            Self::Reset { every } => write!(f, "{name} every {every:?}"),
        }
    }
}
