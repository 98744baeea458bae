//! SHUTDOWN and SIGTERM: a master waits for its replicas, then the node saves and ends.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::commands::{CmdError, CmdResult};
use crate::node::clients::client::{Answer, Client, ClientKind};
use crate::node::clients::session::Session;
use crate::node::event::StopReason;
use crate::node::exec::flow::Flow;
use crate::node::message::Signal;
use crate::node::node::Node;
use crate::protocol::{Args, Replies};

const FAILED: CmdError = CmdError::text("ERR Errors trying to SHUTDOWN. Check logs.");

/// How the node is to end.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::node) struct Ending {
    pub(in crate::node) wants_file: bool,
    /// Also if not all can be saved.
    pub(in crate::node) force: bool,
}

/// An end that waits until the replicas have everything. Nothing may be written meanwhile.
#[derive(Debug)]
pub(in crate::node) struct Shutdown {
    ending: Ending,
    deadline: Duration,
    /// Who has asked for it and hears if it comes to nothing.
    waiting: Vec<Rc<Client>>,
    /// A signal has asked for it: not any more, if it comes to nothing.
    asked_by_signal: Option<Arc<AtomicBool>>,
}

impl Shutdown {
    /// INFO's `shutdown_in_milliseconds`.
    pub(in crate::node) fn left(&self, now: Duration) -> Duration {
        self.deadline.saturating_sub(now)
    }
}

impl Node {
    /// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`
    pub(super) fn shutdown_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        if session.client.kind.get() != ClientKind::Normal {
            return Err(CmdError::Syntax);
        }
        let (mut save, mut nosave, mut force, mut abort, mut now) = (false, false, false, false, false);
        for option in args.from(1) {
            match option.to_ascii_lowercase().as_slice() {
                b"nosave" => nosave = true,
                b"save" => save = true,
                b"now" => now = true,
                b"force" => force = true,
                b"abort" => abort = true,
                _ => return Err(CmdError::Syntax),
            }
        }
        if (save && nosave) || (abort && (save || nosave || force || now)) {
            return Err(CmdError::Syntax);
        }
        if abort {
            if self.replication.shutdown.is_none() {
                return Err(CmdError::text("ERR No shutdown in progress."));
            }
            self.cancel_shutdown();
            self.notice("Shutdown manually aborted.");
            session.out.ok();
            return Ok(Flow::Next);
        }
        let wants_file = save || (!nosave && !self.config.save.is_empty());
        self.warning("User requested shutdown...");
        match self.begin_shutdown(Ending { wants_file, force }, now) {
            Ok(true) => Ok(Flow::Drop),
            Ok(false) => {
                if let Some(shutdown) = &mut self.replication.shutdown {
                    shutdown.waiting.push(Rc::clone(&session.client));
                }
                session.client.blocked.set(true);
                Ok(Flow::Block(None))
            }
            Err(_) => Err(FAILED),
        }
    }

    /// A signal asks for the end; `asked` is taken back if it comes to nothing.
    pub(in crate::node) fn end_by_signal(&mut self, signal: Signal, asked: &Arc<AtomicBool>) {
        let (name, words) = match signal {
            Signal::Interrupt => ("SIGINT", self.config.text("shutdown-on-sigint")),
            Signal::Terminate => ("SIGTERM", self.config.text("shutdown-on-sigterm")),
        };
        let says = |wanted: &str| words.split(' ').any(|word| word == wanted);
        let wants_file = says("save") || (!says("nosave") && !self.config.save.is_empty());
        let (ending, now) = (Ending { wants_file, force: says("force") }, says("now"));
        self.warning(if self.disk.loading.is_some() {
            "Received shutdown signal during loading, scheduling shutdown.".to_owned()
        } else {
            format!("Received {name} scheduling shutdown...")
        });
        if let Some(shutdown) = &mut self.replication.shutdown {
            // Whoever calls off the end under way calls off this wish, too.
            shutdown.asked_by_signal = Some(Arc::clone(asked));
            return;
        }
        self.warning("User requested shutdown...");
        match self.begin_shutdown(ending, now) {
            Ok(_) => {
                if let Some(shutdown) = &mut self.replication.shutdown {
                    shutdown.asked_by_signal = Some(Arc::clone(asked));
                }
            }
            // It is in the log, and the node goes on.
            Err(_) => asked.store(false, Relaxed),
        }
    }

    /// Ends the node, at once or when its replicas have everything; `false` if it waits for them.
    ///
    /// # Errors
    /// Not all could be saved: the node goes on.
    pub(in crate::node) fn begin_shutdown(&mut self, ending: Ending, now: bool) -> Result<bool, String> {
        if !now && self.replication.shutdown.is_some() {
            return Ok(false);
        }
        self.tell_supervisor("STOPPING=1\n");
        // Half of the data must not replace the file that it comes from.
        let ending = Ending { wants_file: ending.wants_file && self.disk.loading.is_none(), ..ending };
        let patience = self.config.shutdown_timeout;
        if !now && !patience.is_zero() && self.lagging() > 0 {
            self.notice("Waiting for replicas before shutting down.");
            let deadline = self.clock.since_start() + patience;
            self.replication.shutdown =
                Some(Shutdown { ending, deadline, waiting: Vec::new(), asked_by_signal: None });
            return Ok(false);
        }
        self.finish_shutdown(ending).map(|()| true)
    }

    /// Replicas that have not acknowledged everything. Who has acknowledged nothing yet misses nothing if nothing was written.
    fn lagging(&self) -> usize {
        let offset = self.replication.history.offset();
        match self.replication.upstream {
            None => self.replication.feeds.values().filter(|feed| feed.core.acked() < offset).count(),
            Some(_) => 0,
        }
    }

    /// Ten times a second.
    pub(in crate::node) fn tick_shutdown(&mut self) {
        let now = self.clock.since_start();
        let Some(shutdown) = &self.replication.shutdown else { return };
        let (ending, late) = (shutdown.ending, shutdown.left(now).is_zero());
        if late || self.lagging() == 0 {
            // A failure is in the log.
            let _ = self.finish_shutdown(ending);
        }
    }

    fn finish_shutdown(&mut self, ending: Ending) -> Result<(), String> {
        self.tell_lag();
        let ended = self.save_and_end(ending);
        if ended.is_err() {
            self.warning("Errors trying to shut down the server. Check the logs for more information.");
            self.cancel_shutdown();
        }
        ended
    }

    fn tell_lag(&mut self) {
        let (offset, now, all) =
            (self.replication.history.offset(), self.clock.since_start(), self.replication.feeds.len());
        if self.replication.upstream.is_some() || all == 0 {
            return;
        }
        let lagging = self.replication.feeds.values().filter(|feed| feed.core.acked() < offset).map(|feed| {
            format!(
                "Lagging replica {} reported offset {} behind master, lag={}, state={}.",
                feed.name(),
                offset.saturating_sub(feed.core.acked()),
                feed.core.lag_seconds(now),
                feed.core.state().word()
            )
        });
        let lines: Vec<String> = lagging.collect();
        let in_sync = all - lines.len();
        for line in lines {
            self.warning(line);
        }
        self.notice(format!("{in_sync} of {all} replicas are in sync when shutting down."));
    }

    /// Goes on: writes are taken again, and who has asked for the end hears that it comes to nothing.
    fn cancel_shutdown(&mut self) {
        let Some(shutdown) = self.replication.shutdown.take() else { return };
        if let Some(asked) = shutdown.asked_by_signal {
            asked.store(false, Relaxed);
        }
        self.clients.unpause.notify_waiters();
        for client in shutdown.waiting {
            let mut reply = Replies::new();
            FAILED.write_to(&mut reply);
            client.answer.replace(Some(Answer::to(&client, reply.take(), false)));
            client.wake.notify_one();
        }
    }

    /// Saves what is to be saved and ends the node.
    fn save_and_end(&mut self, Ending { wants_file, force }: Ending) -> Result<(), String> {
        if self.disk.aof.log.is_some() {
            if self.disk.aof.rewrite.is_first && !force {
                self.warning("Writing initial AOF, can't exit");
                return Err("the append-only file is not complete yet".to_owned());
            }
            self.notice("Calling fsync() on the AOF file.");
            if let Err(error) = self.finish_aof()
                && !force
            {
                self.warning(format!("Error writing the AOF file, can't exit: {error}"));
                return Err(error);
            }
        }
        if wants_file {
            // What runs in the background would be older than the file that is written now.
            if let Some(saving) = self.disk.save.running.take() {
                saving.abandoned.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            self.replication.snapshot.give_up_file();
            self.notice("Saving the final RDB snapshot before exiting.");
            self.tell_supervisor("STATUS=Saving the final RDB snapshot\n");
            if let Err(error) = self.save_now()
                && !force
            {
                self.warning(format!("Error trying to save the DB, can't exit: {error}"));
                self.tell_supervisor("STATUS=Error trying to save the DB, can't exit.\n");
                return Err(error);
            }
        }
        self.remove_pid_file();
        self.warning("Redis is now ready to exit, bye bye...");
        self.exit.stop(StopReason::Shutdown);
        Ok(())
    }
}
