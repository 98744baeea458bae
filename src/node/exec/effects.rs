//! What follows from a change: watchers, messages, the stream for replicas and the append-only file.

use std::time::Instant;

use crate::node::clients::session::Session;
use crate::node::node::Node;
use crate::protocol::Args;
use crate::replication::Unit;

/// Borrows no more of the node than what is written to.
macro_rules! streams {
    ($node:expr) => {
        crate::replication::Streams {
            // The stream of a replica is its master's.
            backlog: if $node.replication.upstream.is_none() {
                $node.replication.backlog.as_mut()
            } else {
                None
            },
            history: &mut $node.replication.history,
            writer: &mut $node.replication.writer,
            log: $node.disk.aof.log.as_mut().map(|log| &mut log.writer),
        }
    };
}
pub(in crate::node) use streams;

impl Node {
    /// A command changed something: watchers, save points and replicas hear of it.
    pub(in crate::node) fn after_write(&mut self, session: &mut Session, args: &Args<'_>) {
        self.disk.save.dirty += self.data.effects.dirty;
        if !self.data.effects.whole_dbs.is_empty() && self.config.command_names.means(args.name(), "flushall")
        {
            self.save_emptiness();
        }
        if self.data.effects.watching {
            self.mark_watchers();
            if self.is_writable_replica() {
                self.note_own_expires();
            }
        }
        self.publish_events();
        if self.data.effects.streaming {
            self.propagate(session.db, args);
            session.last_write = self.replication.history.offset();
        }
    }

    /// Sends the effects of a command into the stream: as one transaction if there is more than one.
    fn propagate(&mut self, db: usize, args: &Args<'_>) {
        if let Some(collected) = &mut self.data.collected {
            collected.extend(self.data.effects.sent().map(|(db, command)| (db, command.to_vec())));
            if self.data.effects.sends_itself() {
                collected.push((db, encode(args)));
            }
            return;
        }
        // Keys that SCAN and RANDOMKEY find expired have nothing to do with each other.
        let names = &self.config.command_names;
        let apart = names.means(args.name(), "scan") || names.means(args.name(), "randomkey");
        let unit = if apart { Unit::Apart } else { Unit::Together };
        let mut streams = streams!(self);
        with_parts(args, |parts| streams.effects(&self.data.effects, db, parts, unit));
    }

    /// Sends commands that were collected during EXEC, or made by the node itself.
    pub(in crate::node) fn propagate_collected(&mut self, commands: &[(usize, Vec<u8>)]) {
        streams!(self).collected(commands);
    }

    /// What the node itself has deleted goes to watchers and replicas.
    pub(in crate::node) fn send_own_effects(&mut self) {
        if self.data.effects.watching {
            self.mark_watchers();
        }
        self.publish_events();
        if self.data.effects.streaming {
            let mut streams = streams!(self);
            for (db, command) in self.data.effects.sent() {
                streams.encoded(db, command);
            }
        }
        self.data.effects.clear();
        self.broadcast_invalidations();
        self.flush_aof();
        self.wake_feeds();
    }

    /// Ends a turn that began at `begun`, in which commands of a client or of a master were executed.
    ///
    /// The order matters. Caches are told first what they must forget, because the replies come after it. The
    /// append-only file is written before the turn returns, so no reply leaves before what it acknowledges is in the
    /// file. Replicas are woken last: they must not have a write that the file has not.
    pub(in crate::node) fn end_turn(&mut self, begun: Instant) {
        self.broadcast_invalidations();
        if !self.data.garbage.is_empty() {
            self.free_garbage();
        }
        self.flush_aof();
        self.save_if_emptied();
        self.wake_feeds();
        self.figures.lag.record(begun);
    }

    /// What commands change is written down by a master that has a backlog, and by a node with an append-only file.
    pub(in crate::node) fn update_streaming(&mut self) {
        self.data.effects.streaming = self.disk.aof.log.is_some()
            || (self.replication.upstream.is_none() && self.replication.backlog.is_some());
    }

    /// Notes whether anybody wants to know which keys change.
    pub(in crate::node) fn update_watching(&mut self) {
        self.data.effects.watching = !self.clients.watched.is_empty()
            || self.clients.tracking.clients > 0
            || self.is_writable_replica();
    }

    /// Notes whether anybody looks at commands after they have run.
    pub(in crate::node) fn update_observed(&mut self) {
        self.clients.observed = !self.clients.monitors.is_empty() || self.clients.tracking.clients > 0;
    }
}

/// Hands the arguments over as a slice; on the stack for all but the longest commands.
pub(in crate::node) fn with_parts<R>(args: &Args<'_>, use_them: impl FnOnce(&[&[u8]]) -> R) -> R {
    let mut on_stack: [&[u8]; 8] = [&[]; 8];
    if let Some(parts) = on_stack.get_mut(..args.len()) {
        parts.iter_mut().zip(args.from(0)).for_each(|(part, arg)| *part = arg);
        return use_them(parts);
    }
    let parts: Vec<&[u8]> = args.from(0).collect();
    use_them(&parts)
}

fn encode(args: &Args<'_>) -> Vec<u8> {
    with_parts(args, crate::replication::encode_command)
}
