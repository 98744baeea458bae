//! CLIENT TRACKING: which client may hold which key in a cache of its own, and what it is told when the key changes.
//!
//! A client is told of a key once, and asks for it again to hear of it again; in BCAST mode it hears of every key with
//! its prefixes, one message for all commands of a turn.

mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::commands::{ArgCursor, CmdError, CmdResult, Command, Flags, WholeDb};
use crate::node::clients::buffers::bytes_for_name;
use crate::node::clients::client::{Client, ClientId, Tracking};
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, Replies, strict_i64};
use checks::check_tracking;
pub(in crate::node) use checks::{client_caching, client_getredir, client_trackinginfo};

/// The channel by which a RESP2 client hears of invalidations.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Keys forgotten after one command while the table is too full, and so many more each time that this was too few.
const FORGOTTEN_AT_ONCE: usize = 100;

/// Who hears of keys with one prefix.
#[derive(Debug, Default)]
struct Prefix {
    clients: BTreeSet<ClientId>,
    /// Keys changed in this turn, each with who did it last.
    changed: BTreeMap<Vec<u8>, Option<ClientId>>,
}

/// What a node knows of caches.
#[derive(Debug, Default)]
pub(in crate::node) struct TrackingTable {
    keys: BTreeMap<Vec<u8>, BTreeSet<ClientId>>,
    items: usize,
    prefixes: BTreeMap<Vec<u8>, Prefix>,
    /// Clients with tracking.
    pub(in crate::node) clients: usize,
    /// What the client whose command runs will be told after its reply; `None` is everything.
    own: Vec<Option<Vec<u8>>>,
    broadcast_due: bool,
    /// How many times in a row the table stayed too full.
    too_full: usize,
}

impl TrackingTable {
    fn forget_all(&mut self) {
        (self.keys, self.items) = (BTreeMap::new(), 0);
    }

    pub(in crate::node) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(in crate::node) fn items(&self) -> usize {
        self.items
    }

    pub(in crate::node) fn prefixes(&self) -> usize {
        self.prefixes.len()
    }
}

impl Node {
    pub(super) fn client_tracking(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let (wanted, prefixes) = self.parse_tracking(args)?;
        if args.is(2, "off") {
            self.stop_tracking(&session.client);
        } else if args.is(2, "on") {
            let before = session.client.tracking.borrow().clone();
            check_tracking(&wanted, before.as_ref(), &prefixes)?;
            if before.is_none() {
                self.clients.tracking.clients += 1;
            }
            let (prefixes_before, prefix_bytes) =
                before.map(|own| (own.prefixes, own.prefix_bytes)).unwrap_or_default();
            let mut own = Tracking { prefixes: prefixes_before, prefix_bytes, ..wanted };
            if own.bcast {
                let none = [Vec::new()];
                for prefix in if prefixes.is_empty() { &none[..] } else { &prefixes } {
                    let entry = self.clients.tracking.prefixes.entry(prefix.clone()).or_default();
                    entry.clients.insert(session.client.id);
                    if own.prefixes.insert(prefix.clone()) {
                        own.prefix_bytes += bytes_for_name(prefix);
                    }
                }
            }
            *session.client.tracking.borrow_mut() = Some(own);
            self.update_watching();
            self.update_observed();
        } else {
            return Err(CmdError::Syntax);
        }
        session.out.ok();
        Ok(Flow::Next)
    }

    fn parse_tracking(&self, args: &Args<'_>) -> CmdResult<(Tracking, Vec<Vec<u8>>)> {
        let (mut wanted, mut prefixes) = (Tracking::default(), Vec::new());
        let mut words = ArgCursor::new(args, 3);
        while words.has_more() {
            if let Some([id]) = words.option("REDIRECT") {
                if wanted.redirect != 0 {
                    return Err(CmdError::text("ERR A client can only redirect to a single other client"));
                }
                let id = strict_i64(id).ok_or(CmdError::NotAnInteger)?;
                wanted.redirect = u64::try_from(id).unwrap_or(0);
                if !self.clients.by_id.contains_key(&wanted.redirect) {
                    return Err(CmdError::text("ERR The client ID you want redirect to does not exist"));
                }
            } else if let Some([prefix]) = words.option("PREFIX") {
                prefixes.push(prefix.to_vec());
            } else if words.flag("BCAST") {
                wanted.bcast = true;
            } else if words.flag("OPTIN") {
                wanted.optin = true;
            } else if words.flag("OPTOUT") {
                wanted.optout = true;
            } else if words.flag("NOLOOP") {
                wanted.noloop = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok((wanted, prefixes))
    }

    /// A client goes, or wants to hear no more. Its keys are forgotten when they change.
    pub(in crate::node) fn stop_tracking(&mut self, client: &Client) {
        let Some(own) = client.tracking.borrow_mut().take() else { return };
        self.clients.tracking.clients -= 1;
        if self.clients.tracking.clients == 0 {
            // Nobody looks at changes any more, so these keys would stay for ever.
            self.clients.tracking.forget_all();
        }
        for prefix in &own.prefixes {
            if let Some(entry) = self.clients.tracking.prefixes.get_mut(prefix) {
                entry.clients.remove(&client.id);
                if entry.clients.is_empty() {
                    self.clients.tracking.prefixes.remove(prefix);
                }
            }
        }
        self.update_watching();
        self.update_observed();
    }

    /// Notes which keys a client has read, if it caches them.
    pub(in crate::node) fn remember_keys(&mut self, session: &Session, command: &Command, args: &Args<'_>) {
        let tracking = session.client.tracking.borrow();
        let Some(own) = &*tracking else { return };
        let chosen = if own.optin { own.caching } else { !(own.optout && own.caching) };
        let wanted = chosen && !own.bcast;
        if !wanted || !command.flags.has(Flags::READONLY) || command.flags.has(Flags::PUBSUB) {
            return;
        }
        for key in command.keys_of(args) {
            let known = match self.clients.tracking.keys.get_mut(key) {
                Some(known) => known,
                None => self.clients.tracking.keys.entry(key.to_vec()).or_default(),
            };
            self.clients.tracking.items += usize::from(known.insert(session.client.id));
        }
    }

    /// After a command: CLIENT CACHING has had its effect, and the client hears of what it has changed itself.
    pub(in crate::node) fn settle_tracking(&mut self, session: &Session, command: &Command) {
        if self.data.collected.is_some() {
            return;
        }
        if session.transaction.is_none()
            && !command.full_name.starts_with("client|")
            && let Some(own) = &mut *session.client.tracking.borrow_mut()
        {
            own.caching = false;
        }
        for key in std::mem::take(&mut self.clients.tracking.own) {
            let value = keys_or_all(key.as_deref(), &session.client);
            self.tell(&session.client, &value);
        }
        self.limit_tracked_keys();
    }

    /// The last command changed these keys: tells all who may hold one of them.
    pub(in crate::node) fn invalidate_changed(&mut self) {
        if self.clients.tracking.clients == 0 {
            return;
        }
        if self.data.effects.whole_dbs.iter().any(|whole| matches!(whole, WholeDb::Flushed { .. })) {
            self.invalidate_all();
            return;
        }
        let keys: Vec<Vec<u8>> = self.data.effects.changed_keys().map(|(_, key)| key.to_vec()).collect();
        let by = self.clients.current.as_ref().map(|client| client.id);
        for key in keys {
            for (prefix, entry) in &mut self.clients.tracking.prefixes {
                if key.starts_with(prefix) {
                    entry.changed.insert(key.clone(), by);
                    self.clients.tracking.broadcast_due = true;
                }
            }
            self.invalidate(&key);
        }
    }

    fn invalidate(&mut self, key: &[u8]) {
        let Some(ids) = self.clients.tracking.keys.remove(key) else { return };
        self.clients.tracking.items -= ids.len();
        let current = self.clients.current.as_ref().map(|client| client.id);
        for id in ids {
            let Some(client) = self.clients.by_id.get(&id).cloned() else { continue };
            let (is_told, noloop) = match &*client.tracking.borrow() {
                Some(own) => (!own.bcast, own.noloop),
                None => (false, false),
            };
            let is_current = current == Some(id);
            if !is_told || (noloop && is_current) {
                continue;
            }
            if is_current {
                self.clients.tracking.own.push(Some(key.to_vec()));
            } else {
                self.tell(&client, &keys_or_all(Some(key), &client));
            }
        }
    }

    /// Databases were emptied: every cache is void.
    pub(super) fn invalidate_all(&mut self) {
        let current = self.clients.current.as_ref().map(|client| client.id);
        let with_tracking = |client: &&Rc<Client>| client.tracking.borrow().is_some();
        let clients: Vec<Rc<Client>> = self.clients.by_id.values().filter(with_tracking).cloned().collect();
        for client in clients {
            if current == Some(client.id) {
                self.clients.tracking.own.push(None);
            } else {
                self.tell(&client, &keys_or_all(None, &client));
            }
        }
        self.clients.tracking.forget_all();
    }

    /// Sends an invalidation to a client, or to the one that it has named for that.
    fn tell(&mut self, client: &Rc<Client>, value: &[u8]) {
        let redirect = client.tracking.borrow().as_ref().map_or(0, |own| own.redirect);
        let receiver = if redirect == 0 { Some(client) } else { self.clients.by_id.get(&redirect) };
        let mut message = Replies::new();
        let Some(receiver) = receiver.cloned() else {
            if let Some(own) = &mut *client.tracking.borrow_mut() {
                own.broken_redirect = true;
            }
            if client.resp.get() == 3 {
                message.array(2);
                message.bulk(b"tracking-redir-broken");
                message.integer(redirect as i64);
                self.post_all(client, message.bytes());
            }
            return;
        };
        if receiver.resp.get() == 3 {
            message.array(2);
            message.bulk(b"invalidate");
        } else if redirect != 0 && receiver.is_subscriber() {
            message.array(3);
            message.bulk(b"message");
            message.bulk(CHANNEL);
        } else {
            return;
        }
        message.raw(value);
        self.post_all(&receiver, message.bytes());
    }

    fn post_all(&mut self, client: &Rc<Client>, frame: &[u8]) {
        let mut too_slow = Vec::new();
        self.post(client, frame, &mut too_slow);
        self.cut_slow_readers(&too_slow);
    }

    /// Tells the clients in BCAST mode what this turn has changed.
    pub(in crate::node) fn broadcast_invalidations(&mut self) {
        if !std::mem::take(&mut self.clients.tracking.broadcast_due) {
            return;
        }
        let mut due = Vec::new();
        for entry in self.clients.tracking.prefixes.values_mut() {
            let changed = std::mem::take(&mut entry.changed);
            if !changed.is_empty() {
                due.push((entry.clients.clone(), changed));
            }
        }
        for (ids, changed) in due {
            for id in ids {
                let Some(client) = self.clients.by_id.get(&id).cloned() else { continue };
                let noloop = client.tracking.borrow().as_ref().is_some_and(|own| own.noloop);
                let others = changed.iter().filter(|(_, by)| !noloop || **by != Some(id));
                let keys: Vec<&[u8]> = others.map(|(key, _)| key.as_slice()).collect();
                if !keys.is_empty() {
                    let mut value = Replies::new();
                    value.bulks(keys.into_iter());
                    self.tell(&client, value.bytes());
                }
            }
        }
    }

    /// `tracking-table-max-keys`: forgets some keys, as if they had changed. After every command that somebody may
    /// hear of, and ten times a second.
    pub(in crate::node) fn limit_tracked_keys(&mut self) {
        let most = self.config.integer("tracking-table-max-keys");
        for _ in 0..FORGOTTEN_AT_ONCE * (self.clients.tracking.too_full + 1) {
            if most == 0 || self.clients.tracking.keys.len() as i128 <= most {
                self.clients.tracking.too_full = 0;
                return;
            }
            let start = self.random().to_be_bytes()[..2].to_vec();
            let after =
                self.clients.tracking.keys.range(start..).next().or(self.clients.tracking.keys.iter().next());
            let Some(key) = after.map(|(key, _)| key.clone()) else { return };
            // Nobody has changed it, so NOLOOP spares nobody.
            let current = self.clients.current.take();
            self.invalidate(&key);
            self.clients.current = current;
        }
        self.clients.tracking.too_full += 1;
    }
}

/// One key in an array, or null for all of them.
fn keys_or_all(key: Option<&[u8]>, client: &Client) -> Vec<u8> {
    let mut value = Replies::new();
    value.set_resp3(client.resp.get() == 3);
    match key {
        Some(key) => value.bulks([key].into_iter()),
        None => value.null(),
    }
    value.take()
}
