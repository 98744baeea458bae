//! What the faults of the link mean for its driver.

use std::io;

use super::driver::Driver;
use crate::node::faults::fault::Way;

impl Driver {
    /// Waits with a connect as long as the faults of the link make it wait.
    ///
    /// # Errors
    /// It is refused.
    pub(super) async fn wait_as_faults_say(&mut self) -> io::Result<()> {
        loop {
            let (is_cut, is_silent, round_trip) = {
                let faults = &self.shared.borrow().replication.link_faults;
                (faults.is_cut(), faults.is_silent(), faults.round_trip())
            };
            self.drop_unheard();
            if is_cut {
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the link is cut"));
            }
            if !is_silent {
                if !round_trip.is_zero() {
                    tokio::time::sleep(round_trip).await;
                }
                return Ok(());
            }
            self.wake.notified().await;
        }
    }

    /// Looks whether the faults have changed; returns why the connection is gone because of that.
    pub(super) fn see_faults(&mut self) -> Option<String> {
        let mut node = self.shared.borrow_mut();
        let faults = &mut node.replication.link_faults;
        if faults.version == self.faults_seen {
            return None;
        }
        self.faults_seen = faults.version;
        let (inbound, outbound) = (faults.rules(Way::ToReplica), faults.rules(Way::ToMaster));
        let (reset, is_cut) = (faults.take_reset(), faults.is_cut());
        if faults.reset_every().is_none() {
            self.reset_at = None;
        }
        drop(node);
        self.drop_unheard();
        let wire = self.stream.as_mut()?;
        wire.set_rules(inbound, outbound);
        if is_cut {
            return Some("the link was cut".to_owned());
        }
        reset.then(|| self.reset())
    }

    /// Drops the connection with a RST; returns what that is called.
    pub(super) fn reset(&mut self) -> String {
        self.reset_at = None;
        self.forget_socket();
        for wire in [self.stream.take(), self.unheard.take()].into_iter().flatten() {
            wire.reset();
        }
        "the connection was reset".to_owned()
    }

    /// Gives the connection up. While nothing gets out of this end, the master must not hear of it.
    pub(super) fn hang_up(&mut self) {
        self.reset_at = None;
        self.forget_socket();
        let wire = self.stream.take();
        let faults = &self.shared.borrow().replication.link_faults;
        if !faults.is_cut() && faults.rules(Way::ToMaster).holds {
            self.unheard = wire.or(self.unheard.take());
        }
    }

    /// A second handle would keep the connection open.
    fn forget_socket(&self) {
        if let Some(upstream) = &mut self.shared.borrow_mut().replication.upstream
            && upstream.generation == self.generation
        {
            upstream.socket = None;
        }
    }

    fn drop_unheard(&mut self) {
        if !self.shared.borrow().replication.link_faults.rules(Way::ToMaster).holds {
            self.unheard = None;
        }
    }
}
