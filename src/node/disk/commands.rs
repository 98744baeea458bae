//! SAVE, BGSAVE, DEBUG RELOAD, and the RDB file at the start.

use crate::commands::{CmdError, CmdResult, NodeCommand as N};
use crate::node::clients::session::Session;
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;
use crate::protocol::Args;

pub(in crate::node) const HANDLERS: Handlers = &[
    (N::Bgrewriteaof, Node::rewrite_command),
    (N::Bgsave, Node::bgsave_command),
    (N::Lastsave, |node, session, _| {
        session.out.integer(node.disk.save.last_save as i64);
        Ok(Flow::Next)
    }),
    (N::Save, Node::save_command),
];

impl Node {
    fn save_command(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        match self.save_now() {
            Ok(_) => {
                session.out.ok();
                Ok(Flow::Next)
            }
            Err(error) if error.starts_with("ERR ") => Err(CmdError::from(error)),
            Err(error) => Err(CmdError::from(format!("ERR saving failed: {error}"))),
        }
    }

    fn bgsave_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let schedule = match args.len() {
            1 => false,
            2 if args.is(1, "schedule") => true,
            _ => return Err(CmdError::Syntax),
        };
        // Inside EXEC the offset does not yet count what the transaction has changed.
        let busy = self.writes_file() || self.disk.aof.rewrite.is_running();
        if self.data.collected.is_some() || (schedule && busy) {
            self.disk.save.scheduled = true;
            session.out.simple("Background saving scheduled");
            return Ok(Flow::Next);
        }
        if self.disk.aof.rewrite.is_running() {
            return Err(CmdError::text(
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
                 schedule a BGSAVE whenever possible.",
            ));
        }
        self.save_in_background()?;
        session.out.simple("Background saving started");
        Ok(Flow::Next)
    }

    pub(in crate::node) fn debug_reload(
        &mut self,
        session: &mut Session,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        if self.data.collected.is_some() {
            return Err(CmdError::text("ERR DEBUG RELOAD is not possible inside a transaction"));
        }
        let (mut save, mut flush, mut merge) = (true, true, false);
        for option in args.from(2) {
            match option.to_ascii_lowercase().as_slice() {
                b"nosave" => save = false,
                b"noflush" => flush = false,
                b"merge" => merge = true,
                _ => {
                    return Err(CmdError::text(
                        "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                    ));
                }
            }
        }
        if save {
            self.save_now().map_err(|error| CmdError::from(format!("ERR {error}")))?;
        }
        match self.load_file() {
            Ok(Some(loaded)) => {
                if flush {
                    self.data.store = loaded.store;
                } else if let Err(duplicated) = self.merge(&loaded.store, merge) {
                    self.warning(duplicated);
                    return Err(CmdError::text("ERR Error trying to load the RDB dump"));
                }
                self.mark_all_watchers();
                self.warning("DB reloaded by DEBUG RELOAD");
                session.out.ok();
                Ok(Flow::Next)
            }
            Ok(None) => Err(CmdError::text("ERR Error trying to load the RDB dump")),
            Err(error) => {
                self.warning(error);
                Err(CmdError::text("ERR Error trying to load the RDB dump"))
            }
        }
    }
}
