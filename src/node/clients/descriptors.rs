//! `maxclients` beside the number of files that the process may have open.
//!
//! A server that has no descriptor left can neither save nor append to its file, and then refuses writes. So clients get
//! all but a few of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::node::node::Node;

/// Descriptors that a server needs beside its clients', as in Redis.
const RESERVED: u64 = 32;
/// Whatever `maxclients` says, no client gets one of the last descriptors of the process: …
const KEPT: u64 = 12;
/// … and each further node in it keeps some of its own.
const KEPT_PER_NODE: u64 = 4;

/// Nodes in this process.
static NODES: AtomicU64 = AtomicU64::new(0);

/// Counts a node as long as it is there.
#[derive(Debug)]
pub(super) struct Counted(());

impl Default for Counted {
    fn default() -> Self {
        NODES.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        NODES.fetch_sub(1, Relaxed);
    }
}

/// Descriptors that no client may take.
pub(super) fn kept() -> u64 {
    KEPT + KEPT_PER_NODE * NODES.load(Relaxed).saturating_sub(1)
}

impl Node {
    /// Raises the limit on open files to what `maxclients` needs, or lowers `maxclients` to what the limit allows.
    ///
    /// # Errors
    /// The limit does not even leave a descriptor for one client.
    pub(in crate::node) fn fit_maxclients(&mut self) -> Result<(), String> {
        let wanted = u64::from(self.config.maxclients) + RESERVED;
        let Some(files) = repliscope_platform::allow_open_files(wanted) else { return Ok(()) };
        if files.limit >= wanted {
            if files.before < wanted {
                let before = files.before;
                self.notice(format!(
                    "Increased maximum number of open files to {wanted} (it was originally set to {before})."
                ));
            }
            return Ok(());
        }
        if files.limit <= RESERVED {
            let error = format!(
                "Your current 'ulimit -n' of {} is not enough for the server to start. Please increase your open \
                 file limit to at least {wanted}. Exiting.",
                files.before
            );
            self.warning(&error);
            return Err(error);
        }
        let asked = std::mem::replace(&mut self.config.maxclients, (files.limit - RESERVED) as u32);
        let reason = files.error.as_ref().map_or_else(String::new, crate::node::config::system_text);
        self.warning(format!(
            "You requested maxclients of {asked} requiring at least {wanted} max file descriptors."
        ));
        self.warning(format!(
            "Server can't set maximum open files to {wanted} because of OS error: {reason}."
        ));
        self.warning(format!(
            "Current maximum open files is {}. maxclients has been reduced to {} to compensate for low ulimit. If you \
             need higher maxclients increase 'ulimit -n'.",
            files.limit, self.config.maxclients
        ));
        Ok(())
    }
}
