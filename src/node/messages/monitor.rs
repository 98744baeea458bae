//! MONITOR: every command as it was executed, in text, for those who watch; and what such texts must not show.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::commands::{ArgCursor, CmdError, CmdResult, Command, Flags, NodeCommand, Run};
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, repr};

/// What stands in place of a secret.
const REDACTED: &[u8] = b"(redacted)";
/// Settings whose values are secrets.
const SECRETS: [&str; 5] =
    ["masteruser", "masterauth", "requirepass", "tls-key-file-pass", "tls-client-key-file-pass"];

/// The arguments of a request as logs may show them: without passwords.
pub(in crate::node) fn shown_args<'a>(command: &Command, args: &Args<'a>) -> Vec<Cow<'a, [u8]>> {
    let mut shown: Vec<Cow<'a, [u8]>> = args.from(0).map(Cow::Borrowed).collect();
    let mut hide = |at: usize| {
        if let Some(arg) = shown.get_mut(at) {
            *arg = Cow::Borrowed(REDACTED);
        }
    };
    match command.run {
        Run::Node(NodeCommand::AclSetuser) => (2..args.len()).for_each(hide),
        Run::Node(NodeCommand::Auth) => [1, 2].into_iter().for_each(hide),
        Run::Node(NodeCommand::Hello) => {
            let mut words = ArgCursor::new(args, 2);
            while words.has_more() {
                if words.option::<2>("AUTH").is_some() {
                    hide(words.at() - 2);
                    hide(words.at() - 1);
                } else if words.option::<1>("SETNAME").is_none() {
                    words.next();
                }
            }
        }
        Run::Node(NodeCommand::Migrate) => {
            let mut words = ArgCursor::new(args, 6);
            while words.has_more() && !words.flag("KEYS") {
                let secrets = if words.flag("AUTH2") { 2 } else { usize::from(words.flag("AUTH")) };
                (words.at()..words.at() + secrets).for_each(&mut hide);
                words.by_ref().take(secrets.max(1)).for_each(drop);
            }
        }
        Run::Node(NodeCommand::ConfigSet) => {
            for at in (2..args.len()).step_by(2) {
                if SECRETS.iter().any(|secret| args.is(at, secret)) {
                    hide(at + 1);
                }
            }
        }
        _ => {}
    }
    shown
}

impl Node {
    pub(super) fn monitor(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        if self.data.collected.is_some() {
            return Err(CmdError::text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        }
        // A second MONITOR is not answered.
        if !session.client.monitoring.replace(true) {
            self.clients.monitors.push(std::rc::Rc::clone(&session.client));
            self.update_observed();
            session.out.ok();
        }
        Ok(Flow::Next)
    }

    /// A client does not watch any more.
    pub(in crate::node) fn stop_monitoring(&mut self, session: &Session) {
        if session.client.monitoring.replace(false) {
            self.clients.monitors.retain(|monitor| monitor.id != session.client.id);
            self.update_observed();
        }
    }

    /// Shows an executed command to those who watch. What administrators do is theirs alone.
    pub(in crate::node) fn feed_monitors(&mut self, session: &Session, command: &Command, args: &Args<'_>) {
        if self.clients.monitors.is_empty()
            || command.flags.has(Flags::ADMIN)
            || command.flags.has(Flags::SKIP_MONITOR)
        {
            return;
        }
        let now = self.clock.unix();
        let mut line = String::new();
        let (seconds, micros) = (now.as_secs(), now.subsec_micros());
        let client = &session.client;
        let shown =
            client.unix_path.as_ref().map_or_else(|| client.addr.to_string(), |path| format!("unix:{path}"));
        let _ = write!(line, "+{seconds}.{micros:06} [{} {}]", session.db, shown);
        for arg in shown_args(command, args) {
            line.push(' ');
            line.push_str(&repr(arg));
        }
        line.push_str("\r\n");
        let mut too_slow = Vec::new();
        for monitor in &self.clients.monitors {
            monitor.outbox.push(line.as_bytes());
            if self.is_too_slow(monitor) {
                too_slow.push(std::rc::Rc::clone(monitor));
            }
        }
        self.cut_slow_readers(&too_slow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check;
    use crate::protocol::OwnedArgs;

    fn shown(words: &[&str]) -> String {
        let args = OwnedArgs::from_parts(words.iter().map(|word| word.as_bytes()));
        let command = check(&args.args()).expect("a command");
        let shown = shown_args(command, &args.args());
        let shown: Vec<_> = shown.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        shown.join(" ")
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown(&["AUTH", "secret"]), "AUTH (redacted)");
        assert_eq!(shown(&["ACL", "setuser", "x", ">secret"]), "ACL setuser (redacted) (redacted)");
        assert_eq!(shown(&["auth", "user", "secret"]), "auth (redacted) (redacted)");
        assert_eq!(
            shown(&["HELLO", "3", "SETNAME", "auth", "AUTH", "user", "secret"]),
            "HELLO 3 SETNAME auth AUTH (redacted) (redacted)"
        );
        assert_eq!(
            shown(&["CONFIG", "SET", "maxmemory", "1", "masterAUTH", "secret"]),
            "CONFIG SET maxmemory 1 masterAUTH (redacted)"
        );
        let migrate =
            ["MIGRATE", "host", "1", "", "0", "1", "COPY", "AUTH2", "user", "secret", "KEYS", "auth", "k"];
        assert_eq!(shown(&migrate), "MIGRATE host 1  0 1 COPY AUTH2 (redacted) (redacted) KEYS auth k");
        assert_eq!(shown(&["SET", "auth", "value"]), "SET auth value");
    }
}
