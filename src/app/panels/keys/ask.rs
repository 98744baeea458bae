//! What a view of a value asks the lab for.

use crate::app::actions::Action;
use crate::app::panels::Cx;
use crate::lab::browse::Browse;
use crate::lab::{LabCommand, NodeId};

/// Asks for a page of a value: the first one, or the one after what is there.
pub(super) fn ask_value(cx: &mut Cx<'_>, node: NodeId, db: u16, key: &[u8], after: Option<(u64, String)>) {
    let (id, from) = after.unwrap_or_else(|| (cx.new_id(), String::new()));
    let what = Browse::Value { key: key.to_vec(), from };
    cx.push(Action::Lab(LabCommand::Browse { id, node, db, what }));
}
