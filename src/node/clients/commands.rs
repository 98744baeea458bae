//! CLIENT: the node's connections, listed, named, killed, paused.

use super::client::{Client, ClientKind};
use super::session::{ReplyMode, Session};
use crate::commands::{ArgCursor, CmdError, CmdResult, NodeCommand as N};
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::faults::fault::Way;
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};

pub(in crate::node) const HANDLERS: Handlers = &[
    (N::ClientGetname, |_, session, _| {
        let name = session.client.name.borrow();
        session.out.bulk_or_null((!name.is_empty()).then_some(name.as_bytes()));
        Ok(Flow::Next)
    }),
    (N::ClientId, |_, session, _| {
        session.out.integer(session.client.id as i64);
        Ok(Flow::Next)
    }),
    (N::ClientInfo, |node, session, args| {
        hold_arguments(session, args);
        let line = session.client.describe(node.clock.since_start()) + "\n";
        session.client.argument_bytes.set(0);
        session.out.verbatim("txt", line.as_bytes());
        Ok(Flow::Next)
    }),
    (N::ClientKill, Node::client_kill),
    (N::ClientList, Node::client_list),
    (N::ClientNoEvict, |_, session, args| {
        let off = args.is(2, "off");
        if !off && !args.is(2, "on") {
            return Err(CmdError::Syntax);
        }
        session.client.no_evict.set(!off);
        session.out.ok();
        Ok(Flow::Next)
    }),
    (N::ClientPause, Node::client_pause),
    (N::ClientReply, |_, session, args| reply(session, args)),
    (N::ClientSetname, |_, session, args| set_name(session, args.get(2))),
    (N::ClientUnblock, Node::client_unblock),
    (N::ClientUnpause, |node, session, _| {
        node.end_pause();
        session.out.ok();
        Ok(Flow::Next)
    }),
];

/// The request of a client that looks at itself is a part of what is shown.
fn hold_arguments(session: &Session, args: &Args<'_>) {
    session.client.argument_bytes.set(args.from(0).map(<[u8]>::len).sum());
}

impl Node {
    fn client_list(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let mut kind = None;
        let mut ids = None;
        match args.len() {
            2 => {}
            4 if args.is(2, "type") => {
                kind = Some(parse_kind(args.get(3))?);
            }
            n if n > 3 && args.is(2, "id") => {
                let parse = |id| strict_i64(id).filter(|id| *id > 0).map(|id| id as u64);
                let parsed: Option<Vec<u64>> = args.from(3).map(parse).collect();
                ids = Some(parsed.ok_or(CmdError::text("ERR Invalid client ID"))?);
            }
            _ => return Err(CmdError::Syntax),
        }
        let now = self.clock.since_start();
        hold_arguments(session, args);
        let mut text = String::new();
        for client in self.clients.by_id.values() {
            let wanted = kind.is_none_or(|kind| kind == Kind::of(client))
                && ids.as_ref().is_none_or(|ids| ids.contains(&client.id));
            if wanted {
                text.push_str(&client.describe(now));
                text.push('\n');
            }
        }
        session.client.argument_bytes.set(0);
        session.out.verbatim("txt", text.as_bytes());
        Ok(Flow::Next)
    }

    fn client_kill(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let mut filter = KillFilter { skip_me: true, ..KillFilter::default() };
        if args.len() == 3 {
            filter.addr = Some(String::from_utf8_lossy(args.get(2)).into_owned());
            filter.skip_me = false;
        } else {
            filter.parse(args)?;
        }
        let mut killed = 0;
        let mut me = false;
        let mut victims = Vec::new();
        for client in self.clients.by_id.values().filter(|client| filter.matches(client)) {
            if client.id == session.client.id {
                if filter.skip_me {
                    continue;
                }
                me = true;
            } else {
                victims.push(std::rc::Rc::clone(client));
            }
            killed += 1;
        }
        for victim in victims {
            match (victim.kind.get(), &mut self.replication.upstream) {
                // The link's task lives on, to connect again.
                (ClientKind::Master, Some(upstream)) => {
                    let is_heard = !self.replication.link_faults.rules(Way::ToMaster).holds;
                    upstream.drop_connection("killed by CLIENT KILL", is_heard);
                }
                (ClientKind::Replica, _) => self.close_feed(victim.id, "killed by CLIENT KILL"),
                _ => {
                    self.forget_blocked(victim.id);
                    victim.kill();
                }
            }
        }
        if args.len() == 3 {
            if killed == 0 {
                return Err(CmdError::text("ERR No such client"));
            }
            session.out.ok();
        } else {
            session.out.integer(killed);
        }
        Ok(if me { Flow::Close } else { Flow::Next })
    }
}

/// `CLIENT KILL` with filters.
#[derive(Debug, Default)]
struct KillFilter {
    id: Option<u64>,
    addr: Option<String>,
    laddr: Option<String>,
    kind: Option<Kind>,
    user: Option<Vec<u8>>,
    skip_me: bool,
}

/// A client kind as CLIENT LIST and KILL name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Is(ClientKind),
    /// `pubsub`: it listens to something.
    Subscriber,
}

impl Kind {
    fn of(client: &Client) -> Self {
        if client.kind.get() == ClientKind::Normal && client.is_subscriber() {
            Self::Subscriber
        } else {
            Self::Is(client.kind.get())
        }
    }
}

fn parse_kind(word: &[u8]) -> CmdResult<Kind> {
    if word.eq_ignore_ascii_case(b"pubsub") {
        return Ok(Kind::Subscriber);
    }
    ClientKind::parse(word)
        .map(Kind::Is)
        .ok_or_else(|| CmdError::quoting("ERR Unknown client type '", word, "'"))
}

impl KillFilter {
    fn parse(&mut self, args: &Args<'_>) -> CmdResult {
        let text = |word| String::from_utf8_lossy(word).into_owned();
        let mut words = ArgCursor::new(args, 2);
        while words.has_more() {
            if let Some([id]) = words.option("ID") {
                let id = strict_i64(id).filter(|id| *id > 0);
                self.id = Some(id.ok_or(CmdError::text("ERR client-id should be greater than 0"))? as u64);
            } else if let Some([addr]) = words.option("ADDR") {
                self.addr = Some(text(addr));
            } else if let Some([addr]) = words.option("LADDR") {
                self.laddr = Some(text(addr));
            } else if let Some([kind]) = words.option("TYPE") {
                self.kind = Some(parse_kind(kind)?);
            } else if let Some([user]) = words.option("USER") {
                if user != b"default" {
                    return Err(CmdError::from(format!("ERR No such user '{}'", text(user))));
                }
                self.user = Some(user.to_vec());
            } else if let Some([word]) = words.option("SKIPME") {
                self.skip_me = match word.to_ascii_lowercase().as_slice() {
                    b"yes" => true,
                    b"no" => false,
                    _ => return Err(CmdError::Syntax),
                };
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(())
    }

    fn matches(&self, client: &Client) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.addr.as_ref().is_none_or(|addr| *addr == client.shown_addr())
            && self.laddr.as_ref().is_none_or(|addr| *addr == client.shown_local())
            && self.kind.is_none_or(|kind| kind == Kind::of(client))
    }
}

/// A name that CLIENT LIST can show.
pub(in crate::node) fn checked_name(name: &[u8]) -> CmdResult<String> {
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err(CmdError::text(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// CLIENT SETNAME
fn set_name(session: &mut Session, name: &[u8]) -> CmdResult<Flow> {
    *session.client.name.borrow_mut() = checked_name(name)?;
    session.out.ok();
    Ok(Flow::Next)
}

/// CLIENT REPLY
fn reply(session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
    session.reply = match args.get(2).to_ascii_lowercase().as_slice() {
        b"on" => ReplyMode::On,
        b"off" => ReplyMode::Off,
        // A client that is muted already stays muted.
        b"skip" if session.reply == ReplyMode::Off => ReplyMode::Off,
        b"skip" => ReplyMode::SkipNext,
        _ => return Err(CmdError::Syntax),
    };
    if session.reply == ReplyMode::On {
        session.out.ok();
    }
    Ok(Flow::Next)
}
