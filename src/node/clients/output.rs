//! What may wait for a client: `client-output-buffer-limit`, and the end of clients that let too much wait.

use std::rc::Rc;

use super::client::{Client, ClientKind};
use super::session::Session;
use crate::node::config::OutputLimit;
use crate::node::node::Node;

impl Node {
    /// Puts a frame into a client's outbox, and notes a client that lets too much wait.
    pub(in crate::node) fn post(&self, client: &Rc<Client>, frame: &[u8], too_slow: &mut Vec<Rc<Client>>) {
        client.outbox.push_frame(frame, client.resp.get() == 3);
        if self.is_too_slow(client) {
            too_slow.push(Rc::clone(client));
        }
    }

    /// Lets commands know from how many bytes of replies on their client is cut off.
    pub(in crate::node) fn bound_replies(&self, session: &mut Session) {
        let hard = self.output_limit(&session.client).hard as usize;
        let room = if hard == 0 { 0 } else { hard.saturating_sub(session.client.unsent()).max(1) };
        session.out.set_limit(room);
    }

    /// The limit of unsent bytes for the class that a client belongs to.
    fn output_limit(&self, client: &Client) -> OutputLimit {
        let limits = &self.config.client_output_buffer_limit;
        if client.is_subscriber() { limits.pubsub } else { limits.normal }
    }

    /// Whether a client lets more wait than it may. Replicas have limits of their own.
    pub(in crate::node) fn is_too_slow(&self, client: &Client) -> bool {
        let now = self.clock.since_start();
        client.kind.get() == ClientKind::Normal && client.is_over(&self.output_limit(client), now)
    }

    /// Ends the connections of clients that let too much wait.
    pub(in crate::node) fn cut_slow_readers(&mut self, too_slow: &[Rc<Client>]) {
        for client in too_slow {
            let line = client.describe(self.clock.since_start());
            self.warning(format!(
                "Client {line} scheduled to be closed ASAP for overcoming of output buffer limits."
            ));
            self.clients.pubsub.leave_all(client);
            client.kill();
        }
    }

    /// Ten times a second: the time above a soft limit passes without anything being sent, too.
    pub(in crate::node) fn cut_idle_slow_readers(&mut self) {
        let slow = |client: &&Rc<Client>| client.unsent() > 0 && self.is_too_slow(client);
        let too_slow: Vec<_> = self.clients.by_id.values().filter(slow).cloned().collect();
        for client in too_slow {
            self.warn_of_output(&client);
            client.kill();
        }
    }

    /// The connection of this client is closed because of its unread replies.
    pub(super) fn warn_of_output(&mut self, client: &Client) {
        let line = client.describe(self.clock.since_start());
        self.warning(format!("Client {line} closed for overcoming of output buffer limits."));
    }
}
