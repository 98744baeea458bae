//! Whether an emptied master may wipe its replicas: the switch, and the user's word.

use super::folder::NodeFolder;
use super::lab::Lab;
use super::member::Run;
use super::refusal::{Done, Refusal};
use super::{Event, NodeId, NoticeLevel};

impl Lab {
    /// The switch, for every node that runs and for those that are started later.
    pub(super) fn ask_before_wipe(&self, asks: bool) {
        if self.asks_before_wipe.replace(asks) != asks {
            for member in self.state.borrow().members.values() {
                if let Some(handle) = &member.handle {
                    handle.ask_before_wipe(asks);
                }
            }
            self.recorder.record(Event::AsksBeforeWipe(asks));
        }
    }

    /// The user's word to one replica.
    pub(super) fn let_wipe(&self, node: NodeId) -> Done {
        self.with_member(node, |member| match &member.handle {
            Some(handle) if member.can_listen() => {
                handle.let_wipe();
                Ok(())
            }
            _ => Err(Refusal::error(node, format!("{node} cannot be told: it does not run or is frozen"))),
        })
    }

    /// A replica holds the snapshot of its master back.
    pub(super) fn on_ask_wipe(&self, node: NodeId, keys: u64, offered: u64) {
        let master = self.state.borrow().members.get(&node).and_then(|member| member.master);
        let master = master.map_or_else(|| "its master".to_owned(), |master| master.to_string());
        let text = format!(
            "{node} keeps its {keys} keys: {master} came back with {offered} under another history. Promote {node} to go on \
             with its data, or let {master} have its way"
        );
        self.recorder.notice(NoticeLevel::Warning, Some(node), text);
    }

    /// Tells of a master that is about to start without data while its replicas run, if these would not ask.
    pub(super) fn warn_of_wipe(&self, node: NodeId, port: u16) {
        let has_replicas = {
            let state = self.state.borrow();
            state.members.values().any(|member| member.master == Some(node) && member.run == Run::Up)
        };
        if has_replicas
            && !self.asks_before_wipe.get()
            && !NodeFolder::new(&self.options.data_dir, port).has_data()
        {
            let text = format!(
                "{node} starts without data, and its replicas will copy that. To keep their data, promote one of \
                 them before {node} starts"
            );
            self.recorder.notice(NoticeLevel::Warning, Some(node), text);
        }
    }
}
