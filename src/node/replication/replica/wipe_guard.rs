//! An emptied master does not wipe its replicas unless the user says so.
//!
//! A master that lost its data begins another history, and its next snapshot would replace what its replicas still have:
//! often the last copy there is. A node that was told to ask keeps its data, holds the snapshot back and waits with its
//! link open. REPLICAOF is a word too: whoever follows another master by it gives up what it had.

use super::driver::{Driver, Input, TICK};
use crate::node::event::{LinkPhase, NodeEvent};
use crate::node::node::Node;
use crate::persistence::Loaded;
use crate::replication::LinkEvent;

/// A snapshot with fewer keys than this part of ours takes most of the data.
const LEAST_PART: u64 = 2;

impl Node {
    /// Redis does not ask; the app does.
    pub(in crate::node) fn ask_before_wipe(&mut self, asks: bool) {
        self.replication.asks_before_wipe = asks;
        if let Some(upstream) = &self.replication.upstream {
            upstream.wake();
        }
    }

    /// The user's word: what this node has may go.
    pub(in crate::node) fn let_wipe(&mut self) {
        if let Some(upstream) = &mut self.replication.upstream {
            upstream.may_wipe = true;
            upstream.wake();
        }
    }
}

impl Driver {
    /// Waits for the user's word if `loaded` would take most of this node's data; `false` if the link ended first.
    pub(super) async fn may_replace(&mut self, loaded: &Loaded) -> bool {
        let Some((keys, offered)) = self.wipe_at_hand(loaded) else { return true };
        {
            let mut node = self.shared.borrow_mut();
            node.warning(format!(
                "The master has {offered} keys and another history. This replica keeps its own {keys} until it is told to \
                 let them go"
            ));
            node.emit(NodeEvent::Link(LinkPhase::AskWipe { keys, offered }));
        }
        while self.wipe_at_hand(loaded).is_some() {
            tokio::select! {
                biased;
                () = self.wake.notified() => { self.on_input(Input::Woken); }
                () = tokio::time::sleep_until(self.next_tick) => {
                    self.next_tick = tokio::time::Instant::now() + TICK;
                    self.tell(LinkEvent::Tick);
                }
            }
            self.perform_now().await;
            if self.is_winding_up() {
                return false;
            }
        }
        let load = LinkPhase::Load { keys: offered, keys_total: offered };
        self.shared.borrow_mut().emit(NodeEvent::Link(load));
        true
    }

    /// How many keys would be gone, and how many come instead, if that is for the user to say.
    fn wipe_at_hand(&self, loaded: &Loaded) -> Option<(u64, u64)> {
        let node = self.shared.borrow();
        let upstream = node.replication.upstream.as_ref().filter(|upstream| !upstream.may_wipe)?;
        let goes_on = match (self.granted, upstream.link.held()) {
            (Some((granted, _)), Some((held, _))) => granted == held,
            _ => false,
        };
        let (keys, offered) = (node.data.store.keys(), loaded.store.keys());
        (node.replication.asks_before_wipe && !goes_on && offered.saturating_mul(LEAST_PART) < keys)
            .then_some((keys, offered))
    }
}
