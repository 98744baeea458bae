//! Values with a shape of their own: output buffer limits.

use std::time::Duration;

/// Bounds of the unsent replies of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimit {
    /// Bytes at which the client is closed at once, 0 for no limit.
    pub hard: u64,
    /// Bytes at which it is closed after `soft_for`, 0 for no limit.
    pub soft: u64,
    /// How long it may stay over `soft`.
    pub soft_for: Duration,
}

/// `client-output-buffer-limit`: one limit per class of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimits {
    /// Ordinary clients, MONITOR included.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients with subscriptions.
    pub pubsub: OutputLimit,
}
