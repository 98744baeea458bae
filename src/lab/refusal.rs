//! Why a wish of the user is not fulfilled.

use super::{NodeId, NoticeLevel};

/// Why a wish is not fulfilled; becomes a notice.
pub(super) struct Refusal {
    pub(super) level: NoticeLevel,
    pub(super) node: Option<NodeId>,
    pub(super) text: String,
}

impl Refusal {
    /// The wish cannot be fulfilled.
    pub(super) fn error(node: impl Into<Option<NodeId>>, text: impl Into<String>) -> Self {
        Self { level: NoticeLevel::Error, node: node.into(), text: text.into() }
    }

    /// It is fulfilled already.
    pub(super) fn already(node: impl Into<Option<NodeId>>, text: impl Into<String>) -> Self {
        Self { level: NoticeLevel::Info, node: node.into(), text: text.into() }
    }
}

/// What becomes of a wish.
pub(super) type Done = Result<(), Refusal>;
