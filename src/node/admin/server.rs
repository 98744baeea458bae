//! Commands that need the node and not only its data: connection, administration, persistence.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::commands::{ArgCursor, CmdError, CmdResult, NodeCommand as N, database_number};
use crate::node::clients::commands;
use crate::node::clients::session::{ReplyMode, Session};
use crate::node::config::{Caller, Config};
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};

/// Wrong passwords after which each further one is answered late.
const FREE_WRONG_AUTHS: u32 = 5;

pub(super) const HANDLERS: Handlers = &[
    (N::Auth, Node::auth),
    (N::ConfigGet, Node::config_get),
    (N::ConfigResetstat, Node::config_resetstat),
    (N::ConfigRewrite, Node::config_rewrite),
    (N::ConfigSet, Node::config_set),
    (N::Echo, |_, session, args| {
        session.out.bulk(args.get(1));
        Ok(Flow::Next)
    }),
    (N::Hello, Node::hello),
    (N::ModuleLoad, Node::module_load),
    (N::ModuleUnload, |_, _, _| {
        Err(CmdError::text("ERR Error unloading module: no such module with that name"))
    }),
    (N::Ping, Node::ping),
    (N::Quit, |_, session, _| {
        session.out.ok();
        Ok(Flow::Close)
    }),
    (N::Reset, Node::reset),
    (N::Select, Node::select),
    (N::Time, Node::time),
];

impl Node {
    fn ping(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        match args.len() {
            1 | 2 if !session.out.is_resp3() && session.client.is_subscriber() => {
                session.out.array(2);
                session.out.bulk(b"pong");
                session.out.bulk(args.get(1));
            }
            1 => session.out.simple("PONG"),
            2 => session.out.bulk(args.get(1)),
            _ => return Err(CmdError::Arity("ping".into())),
        }
        Ok(Flow::Next)
    }

    fn time(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let unix = self.clock.unix();
        session.out.array(2);
        session.out.bulk(unix.as_secs().to_string().as_bytes());
        session.out.bulk(unix.subsec_micros().to_string().as_bytes());
        Ok(Flow::Next)
    }

    fn module_load(&mut self, _: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let path = args.get(2).escape_ascii();
        self.warning(format!("Module {path} failed to load: this server loads no modules"));
        Err(CmdError::text("ERR Error loading the extension. Please check the server logs."))
    }

    fn select(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        session.db = database_number(args.get(1), self.data.store.databases())?;
        session.client.db.set(session.db);
        session.out.ok();
        Ok(Flow::Next)
    }

    fn auth(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let (user, password) = match args.len() {
            2 => (&b"default"[..], args.get(1)),
            3 => (args.get(1), args.get(2)),
            _ => return Err(CmdError::Syntax),
        };
        if args.len() == 2 && self.config.requirepass.is_none() {
            return Err(CmdError::text(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?",
            ));
        }
        if self.login(session, user, password) {
            session.out.ok();
            return Ok(Flow::Next);
        }
        self.reply_error(session, &wrong_password());
        session.failed_auths += 1;
        // Guessing must not be fast; an honest mistake or two costs nothing.
        let over = session.failed_auths.saturating_sub(FREE_WRONG_AUTHS);
        Ok(if over == 0 { Flow::Next } else { Flow::Wait(Some(Duration::from_millis(200))) })
    }

    fn login(&self, session: &mut Session, user: &[u8], password: &[u8]) -> bool {
        let expected = self.config.requirepass.as_deref().map(str::as_bytes);
        let matches = user == b"default" && expected.is_none_or(|expected| same_password(expected, password));
        session.authenticated |= matches;
        matches
    }

    fn hello(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let mut resp3 = session.out.is_resp3();
        if args.len() > 1 {
            let version = strict_i64(args.get(1))
                .ok_or(CmdError::text("ERR Protocol version is not an integer or out of range"))?;
            if !(2..=3).contains(&version) {
                return Err(CmdError::text("NOPROTO unsupported protocol version"));
            }
            resp3 = version == 3;
        }
        let (mut name, mut words) = (None, ArgCursor::new(args, 2));
        while words.has_more() {
            if let Some([user, password]) = words.option("AUTH") {
                if !self.login(session, user, password) {
                    return Err(wrong_password());
                }
            } else if let Some([text]) = words.option("SETNAME") {
                name = Some(commands::checked_name(text)?);
            } else {
                return Err(CmdError::quoting("ERR Syntax error in HELLO option '", words.peek(), "'"));
            }
        }
        if !session.authenticated {
            return Err(CmdError::text(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
                 <user> <pass> option can be used to authenticate the client and select the RESP protocol version \
                 at the same time",
            ));
        }
        if let Some(name) = name {
            *session.client.name.borrow_mut() = name;
        }
        session.out.set_resp3(resp3);
        session.client.resp.set(if resp3 { 3 } else { 2 });
        let out = &mut session.out;
        out.map(7);
        out.bulk(b"server");
        out.bulk(b"redis");
        out.bulk(b"version");
        out.bulk(crate::node::config::REDIS_VERSION.as_bytes());
        out.bulk(b"proto");
        out.integer(if resp3 { 3 } else { 2 });
        out.bulk(b"id");
        out.integer(session.client.id as i64);
        out.bulk(b"mode");
        out.bulk(b"standalone");
        out.bulk(b"role");
        out.bulk(if self.replication.upstream.is_some() { b"replica" } else { b"master" });
        out.bulk(b"modules");
        out.array(0);
        Ok(Flow::Next)
    }

    fn reset(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        self.discard(session);
        self.clients.pubsub.leave_all(&session.client);
        self.stop_monitoring(session);
        self.stop_tracking(&session.client);
        session.db = 0;
        session.client.db.set(0);
        session.authenticated = self.config.requirepass.is_none();
        // Redis forgets OFF, but RESET itself may be the command to be skipped.
        if session.reply == ReplyMode::Off {
            session.reply = ReplyMode::On;
        }
        session.out.set_resp3(false);
        session.client.resp.set(2);
        session.client.name.borrow_mut().clear();
        session.out.simple("RESET");
        Ok(Flow::Next)
    }

    fn config_get(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let patterns: Vec<&[u8]> = args.from(2).collect();
        let pairs = self.config.get(&patterns);
        session.out.map(pairs.len());
        for (name, value) in pairs {
            session.out.bulk(name.as_bytes());
            session.out.bulk(value.as_bytes());
        }
        Ok(Flow::Next)
    }

    fn config_set(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let words: Vec<&[u8]> = args.from(2).collect();
        if words.is_empty() || words.len() % 2 == 1 {
            return Err(CmdError::Arity("config|set".into()));
        }
        let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let caller = Caller {
            is_local: session.client.is_local(),
            while_loading: self.is_loading() || self.is_swapping(),
        };
        let before = self.config.clone();
        let changed = self.config.set_for(caller, &pairs).map_err(CmdError::from)?;
        if changed.contains(&"maxclients") {
            self.apply_maxclients(&before)?;
        }
        self.move_listener(&changed, before)?;
        if changed.contains(&"appendonly") {
            self.apply_appendonly()?;
        }
        self.apply_config(&changed);
        for (level, sentence) in self.config.without_effect(Some(&changed)) {
            self.log(level, sentence);
        }
        session.out.ok();
        Ok(Flow::Next)
    }

    /// Turns the append-only file on or off.
    fn apply_appendonly(&mut self) -> CmdResult {
        if !self.config.appendonly {
            self.stop_aof();
        } else if let Err(error) = self.start_aof() {
            self.warning(format!("Unable to turn on AOF: {error}"));
            self.stop_aof();
            self.config.appendonly = false;
            return Err(CmdError::text(
                "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check \
                 server logs.",
            ));
        }
        Ok(())
    }

    /// Makes room for as many clients as CONFIG SET says; if that fails, nothing is changed.
    fn apply_maxclients(&mut self, before: &Config) -> CmdResult {
        let asked = self.config.maxclients;
        let fits = self.fit_maxclients().is_ok();
        if fits && self.config.maxclients == asked {
            return Ok(());
        }
        let possible = if fits { self.config.maxclients } else { 0 };
        self.config = before.clone();
        Err(CmdError::from(format!(
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to \
             handle the specified number of clients, try with {possible}"
        )))
    }

    /// Listens where CONFIG SET says; if that fails, nothing is changed.
    fn move_listener(&mut self, changed: &[&'static str], before: Config) -> CmdResult {
        let (name, fault) = match () {
            () if changed.contains(&"port") => ("port", "Unable to listen on this port. Check server logs."),
            () if changed.contains(&"bind") => ("bind", "Failed to bind to specified addresses."),
            () => return Ok(()),
        };
        let Err(error) = self.listen_anew(&before) else { return Ok(()) };
        self.config = before;
        self.warning(error.log_line());
        Err(CmdError::from(format!(
            "ERR CONFIG SET failed (possibly related to argument '{name}') - {fault}"
        )))
    }

    /// Brings the running node in line with parameters that CONFIG SET changed.
    fn apply_config(&mut self, changed: &[&'static str]) {
        for name in changed {
            match *name {
                "replica-read-only" => self.update_watching(),
                "aof-timestamp-enabled" => self.set_aof_time(),
                "aof-disable-auto-gc" => self.remove_history(),
                "key-load-delay" => self.disk.key_load_delay.set(self.config.key_load_delay_us),
                "repl-backlog-size" => {
                    if let Some(backlog) = &mut self.replication.backlog {
                        backlog.set_size(self.config.repl_backlog_size);
                    }
                }
                "masterauth"
                | "masteruser"
                | "repl-timeout"
                | "replica-announce-ip"
                | "replica-announce-port" => {
                    self.configure_link();
                }
                "maxmemory" | "maxmemory-policy" => {
                    self.data.eviction.look_again();
                    self.set_client_limit();
                }
                "maxmemory-clients" => self.set_client_limit(),
                "notify-keyspace-events" => self.update_notifying(),
                "slowlog-log-slower-than" => self.update_timing(),
                "loglevel" => self.figures.log.set_level(self.config.loglevel),
                _ => {}
            }
        }
    }

    fn config_rewrite(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let Some(path) = self.config_file.clone() else {
            return Err(CmdError::text("ERR The server is running without a config file"));
        };
        match self.config.rewrite(&path) {
            Ok(()) => {
                self.notice("CONFIG REWRITE executed with success.");
                session.out.ok();
                Ok(Flow::Next)
            }
            Err(error) => {
                self.warning(format!("CONFIG REWRITE failed: {error}"));
                Err(CmdError::from(format!("ERR Rewriting config file: {error}")))
            }
        }
    }

    fn config_resetstat(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let before = std::mem::take(&mut self.figures.stats);
        // What was loaded and the most that was ever in use are no counters.
        self.figures.stats = crate::node::observe::stats::NodeStats {
            peak_memory: before.peak_memory,
            load_keys_loaded: before.load_keys_loaded,
            load_keys_expired: before.load_keys_expired,
            lazyfree: before.lazyfree.reset(),
            ..Default::default()
        };
        self.data.data_stats = crate::commands::Stats::default();
        self.data.eviction.evicted = 0;
        self.disk.save.saves = 0;
        self.disk.aof.delayed = 0;
        self.disk.aof.rewrite.reset_counters();
        self.figures.lag.reset();
        session.out.ok();
        Ok(Flow::Next)
    }
}

fn wrong_password() -> CmdError {
    CmdError::text("WRONGPASS invalid username-password pair or user is disabled.")
}

/// Compares in a time that tells neither how many bytes match nor how many there are: the hashes have one length.
fn same_password(expected: &[u8], given: &[u8]) -> bool {
    Sha256::digest(expected)[..].ct_eq(&Sha256::digest(given)[..]).into()
}
