//! Clients that wait: for keys, for replicas, for the end of a pause. Meanwhile they may send on, receive, and leave.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::{Connection, Event, Reading};
use crate::node::time::pulse::within;

impl Connection {
    /// WAIT: until enough replicas have acknowledged, or the time is over, or the client is gone.
    pub(super) async fn wait(&mut self, limit: Option<Duration>) -> bool {
        let client = Rc::clone(&self.session.client);
        client.blocked.set(true);
        let alive = self.until_woken(limit).await;
        client.blocked.set(false);
        let was_waiting = self.shared.borrow_mut().replication.waits.remove(client.id);
        if client.answer.borrow().is_some() {
            return self.end_block().await && alive;
        }
        match client.wake_value.take() {
            Some(acked) => self.session.out.integer(acked),
            None if was_waiting => {
                let acked = self.shared.borrow().acked_by(self.session.last_write);
                self.session.out.integer(acked as i64);
            }
            // An AUTH that was answered late.
            None => {}
        }
        alive
    }

    /// BLPOP and its kin: until a key is ready, or the time is over, or the client is gone.
    pub(super) async fn block(&mut self, limit: Option<Duration>) -> bool {
        let client = Rc::clone(&self.session.client);
        if client.answer.borrow().is_none() {
            // A call that is left from an earlier wait is not for this one.
            tokio::select! {
                biased;
                () = client.wake.notified() => {}
                () = std::future::ready(()) => {}
            }
        }
        self.until_woken(limit).await && self.end_block().await
    }

    /// Writes the answer of a wait; `false` if the connection is to be closed.
    async fn end_block(&mut self) -> bool {
        let stays = self.shared.borrow_mut().end_block(&mut self.session);
        if !stays && self.send().await {
            self.finish(Reading::Discarded).await;
        }
        stays
    }

    /// CLIENT PAUSE and its kin: until they end; `false` if the client goes before that.
    pub(super) async fn wait_for_unpause(&mut self, limit: Duration) -> bool {
        // It may have ended while the replies before went out.
        let (unpause, is_paused) = {
            let node = self.shared.borrow();
            (Rc::clone(&node.clients.unpause), node.is_paused())
        };
        if !is_paused {
            return true;
        }
        self.session.client.blocked.set(true);
        let alive = self.meanwhile(unpause.notified(), Some(limit)).await;
        self.session.client.blocked.set(false);
        alive
    }

    fn wait_no_more(&self) {
        let (mut node, client) = (self.shared.borrow_mut(), &self.session.client);
        client.blocked.set(false);
        node.replication.waits.remove(client.id);
        node.forget_blocked(client.id);
    }

    /// Until the client is woken or the time is over; `false` if it goes before that.
    async fn until_woken(&mut self, limit: Option<Duration>) -> bool {
        let client = Rc::clone(&self.session.client);
        self.meanwhile(client.wake.notified(), limit).await
    }

    /// Waits for `call`, at most for `limit`; the client may send and receive meanwhile. `false` if it goes before that.
    async fn meanwhile(&mut self, call: impl Future<Output = ()>, limit: Option<Duration>) -> bool {
        let mut over = pin!(async {
            match limit {
                Some(limit) => {
                    within(limit, call).await;
                }
                None => call.await,
            }
        });
        loop {
            let event = tokio::select! {
                biased;
                () = &mut over => return true,
                event = self.event(Reading::Ahead) => event,
            };
            let alive = match event {
                Event::Read(0) => {
                    // Nothing is served to it while its last replies leave: nobody would get that.
                    self.wait_no_more();
                    self.finish(Reading::Nothing).await;
                    false
                }
                Event::Read(count) => self.note_read(count),
                Event::Disturbed => self.serve_disturbance().await,
                Event::Broken | Event::Sent => false,
            };
            if !alive {
                return false;
            }
        }
    }
}
