//! What can be wrong with a link or a disk: the words in which a fault is asked for, told and kept in the journal.
//!
//! Owns no time: how long a fault lasts is the business of whoever begins and ends it. What one does to a link is in
//! `wire`, what one does to a disk in `persistence`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::persistence::DiskTroubles;

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
    /// Each call to the disk takes longer, also those that the node's thread makes: clients wait then.
    SlowDisk {
        /// By this much.
        delay: Duration,
    },
    /// Nothing can be written: "No space left on device".
    FullDisk,
    /// Calls to the disk fail: "Input/output error".
    DiskErrors {
        /// The first that fails, counted from the begin of the fault from 1, and each that many calls later.
        nth: u64,
    },
}

/// Which fault it is, whatever its figures: there is at most one of each kind at a time.
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
    SlowDisk,
    FullDisk,
    DiskErrors,
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
            Self::SlowDisk { .. } => FaultKind::SlowDisk,
            Self::FullDisk => FaultKind::FullDisk,
            Self::DiskErrors { .. } => FaultKind::DiskErrors,
        }
    }
}

impl Fault {
    /// Adds what this means for a disk.
    pub(in crate::node) fn trouble(&self, troubles: &mut DiskTroubles) {
        match *self {
            Self::SlowDisk { delay } => troubles.delay = delay,
            Self::FullDisk => troubles.is_full = true,
            Self::DiskErrors { nth } => troubles.error_at = Some(nth),
            _ => {}
        }
    }
}

impl FaultKind {
    /// Takes that away.
    pub(in crate::node) fn relieve(self, troubles: &mut DiskTroubles) {
        match self {
            Self::SlowDisk => troubles.delay = Duration::ZERO,
            Self::FullDisk => troubles.is_full = false,
            Self::DiskErrors => troubles.error_at = None,
            _ => {}
        }
    }

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
            Self::SlowDisk | Self::FullDisk | Self::DiskErrors => false,
        }
    }

    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 10] = [
        Self::Cut,
        Self::OneWayCut,
        Self::BlackHole,
        Self::Latency,
        Self::Bandwidth,
        Self::Reset,
        Self::Chunks,
        Self::SlowDisk,
        Self::FullDisk,
        Self::DiskErrors,
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
            Self::SlowDisk => "slow disk",
            Self::FullDisk => "full disk",
            Self::DiskErrors => "disk errors",
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

/// A time with its unit, as people write it.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis < 1000 { write!(f, "{millis} ms") } else { write!(f, "{} s", self.0.as_secs_f64()) }
    }
}

/// The name with its figures: `latency of 200 ms + up to 50 ms to the replica`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, time) = (self.kind(), |value: &Duration| Time(*value));
        match self {
            Self::Cut | Self::BlackHole | Self::FullDisk => write!(f, "{name}"),
            Self::OneWayCut { way } | Self::Chunks { way } => write!(f, "{name}{way}"),
            Self::Latency { way, delay, jitter, .. } if jitter.is_zero() => {
                write!(f, "{name} of {}{way}", time(delay))
            }
            Self::Latency { way, delay, jitter, .. } => {
                write!(f, "{name} of {} + up to {}{way}", time(delay), time(jitter))
            }
            Self::Bandwidth { way, bytes_per_second } if bytes_per_second.is_multiple_of(1024) => {
                write!(f, "{name} of {} KiB/s{way}", bytes_per_second / 1024)
            }
            Self::Bandwidth { way, bytes_per_second } => {
                write!(f, "{name} of {bytes_per_second} bytes/s{way}")
            }
            Self::SlowDisk { delay } => write!(f, "{name}, {} a call", time(delay)),
            Self::DiskErrors { nth: 0 | 1 } => write!(f, "{name} at each call"),
            Self::DiskErrors { nth } => write!(f, "{name} at each {nth}th call"),
            Self::Reset { every } => write!(f, "{name} every {}", time(every)),
        }
    }
}
