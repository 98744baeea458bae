//! Faults in the nodes themselves, each of which the simulator must notice: it is worth what it finds.
//!
//! They live in the simulator's own glue around the cores, never in the product.

/// One way in which a node is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A master leaves out one byte of the stream.
    SkipStreamByte,
    /// A replica acknowledges what it has read and not applied.
    AckEarly,
    /// A replica takes a snapshot whose checksum is wrong.
    ForgetCrc,
    /// A replica gives up its data when a snapshot begins to arrive, and not when it is whole.
    ApplyHalfRdb,
    /// A promoted replica goes on under the name of its master's history.
    ReuseReplid,
    /// A replica that resumes executes its last command once more.
    DoubleApply,
    /// A promoted replica believes that its replicas have its database selected.
    NoSelectAfterPromotion,
    /// A replica deletes what it finds expired.
    ExpireOnReplica,
    /// A reply leaves before the append-only file is on the disk.
    ReplyBeforeSync,
    /// The manifest of the append-only file names an increment that is made only afterwards.
    ManifestFirst,
    /// A transaction that was cut is passed on in half.
    HalfTransaction,
}

impl Mutant {
    pub const ALL: [Self; 11] = [
        Self::SkipStreamByte,
        Self::AckEarly,
        Self::ForgetCrc,
        Self::ApplyHalfRdb,
        Self::ReuseReplid,
        Self::DoubleApply,
        Self::NoSelectAfterPromotion,
        Self::ExpireOnReplica,
        Self::ReplyBeforeSync,
        Self::ManifestFirst,
        Self::HalfTransaction,
    ];
}
